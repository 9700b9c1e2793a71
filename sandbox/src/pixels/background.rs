//! Another background for portraits: what is like the upper border, and connected to it, gets the new colour.

use image::{Rgb, RgbImage};

/// How far a background may be from the border's colour, and from the next pixel, in each channel.
const TOLERANCE: u8 = 56;
const STEP: u8 = 14;

/// The portrait before a background of one colour.
pub(crate) fn replaced(image: &RgbImage, colour: Rgb<u8>) -> RgbImage {
    let is_background = flooded(image);
    let (width, height) = image.dimensions();
    let at = |x: u32, y: u32| is_background[(y * width + x) as usize];
    let touches = |x: u32, y: u32| {
        (x > 0 && at(x - 1, y))
            || (x + 1 < width && at(x + 1, y))
            || (y > 0 && at(x, y - 1))
            || (y + 1 < height && at(x, y + 1))
    };
    RgbImage::from_fn(width, height, |x, y| {
        let pixel = image.get_pixel(x, y);
        if at(x, y) {
            colour
        } else if touches(x, y) {
            // Half of each, so that the edge is not a staircase.
            Rgb([0, 1, 2].map(|channel| pixel[channel].midpoint(colour[channel])))
        } else {
            *pixel
        }
    })
}

/// Which pixels are background.
fn flooded(image: &RgbImage) -> Vec<bool> {
    let (width, height) = image.dimensions();
    let reference = reference(image);
    let mut is_background = vec![false; (width * height) as usize];
    let mut waiting = Vec::new();
    let mut visit = |x: u32, y: u32, from: Rgb<u8>, step: u8, waiting: &mut Vec<(u32, u32)>| {
        let (index, pixel) = ((y * width + x) as usize, *image.get_pixel(x, y));
        if !is_background[index] && distance(pixel, reference) <= TOLERANCE && distance(pixel, from) <= step {
            is_background[index] = true;
            waiting.push((x, y));
        }
    };
    for (x, y) in border(width, height) {
        visit(x, y, reference, TOLERANCE, &mut waiting);
    }
    while let Some((x, y)) = waiting.pop() {
        let from = *image.get_pixel(x, y);
        if x > 0 {
            visit(x - 1, y, from, STEP, &mut waiting);
        }
        if x + 1 < width {
            visit(x + 1, y, from, STEP, &mut waiting);
        }
        if y > 0 {
            visit(x, y - 1, from, STEP, &mut waiting);
        }
        if y + 1 < height {
            visit(x, y + 1, from, STEP, &mut waiting);
        }
    }
    is_background
}

/// The usual colour of the border. A portrait reaches the lower border, so that is left out.
fn reference(image: &RgbImage) -> Rgb<u8> {
    let (width, height) = image.dimensions();
    let mut channels: [Vec<u8>; 3] = Default::default();
    for (x, y) in border(width, height).filter(|(_, y)| *y <= height / 2) {
        for (channel, value) in channels.iter_mut().zip(image.get_pixel(x, y).0) {
            channel.push(value);
        }
    }
    Rgb(channels.map(|mut channel| {
        channel.sort_unstable();
        channel.get(channel.len() / 2).copied().unwrap_or(0)
    }))
}

/// The upper row and both sides.
fn border(width: u32, height: u32) -> impl Iterator<Item = (u32, u32)> {
    let sides = (1..height).flat_map(move |y| [(0, y), (width.saturating_sub(1), y)]);
    (0..width).map(|x| (x, 0)).chain(sides)
}

fn distance(left: Rgb<u8>, right: Rgb<u8>) -> u8 {
    (0..3).map(|channel| left[channel].abs_diff(right[channel])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn background_changes_and_the_portrait_stays() {
        let portrait = RgbImage::from_fn(60, 80, |x, y| {
            let is_person = (20..40).contains(&x) && y > 20;
            // The background gets slowly darker downwards, as it does in a studio.
            let shade = 200 - u8::try_from(y / 4).unwrap();
            if is_person { Rgb([120, 40, 40]) } else { Rgb([shade, shade, shade + 10]) }
        });
        let replaced = replaced(&portrait, Rgb([0, 0, 255]));
        for (x, y) in [(0, 0), (59, 0), (5, 79), (30, 10), (55, 40)] {
            assert_eq!(replaced.get_pixel(x, y).0, [0, 0, 255], "{x},{y}");
        }
        for (x, y) in [(30, 40), (30, 79), (25, 60)] {
            assert_eq!(replaced.get_pixel(x, y).0, [120, 40, 40], "{x},{y}");
        }
        assert_eq!(RgbImage::from_pixel(1, 1, Rgb([9; 3])).dimensions(), (1, 1));
    }
}
