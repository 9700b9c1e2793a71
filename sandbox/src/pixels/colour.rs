//! Colour for grey photos. Nothing is recognised: the colours go by brightness and place.

use image::{Rgb, RgbImage};

use crate::pixels::{as_float, brightness, to_byte};

/// Which colour a brightness gets: cool shadows, brown, skin, and a warm white.
const GRADIENT: [(f32, [f32; 3]); 5] = [
    (0.0, [16.0, 20.0, 34.0]),
    (80.0, [112.0, 70.0, 48.0]),
    (150.0, [206.0, 142.0, 112.0]),
    (205.0, [228.0, 194.0, 164.0]),
    (255.0, [252.0, 250.0, 244.0]),
];
/// What the upper part goes towards where it is bright.
const SKY: [f32; 3] = [120.0, 172.0, 226.0];

/// Whether a photo is black and white, or so near to it that nobody would call it coloured.
pub(crate) fn is_grey(image: &RgbImage) -> bool {
    const COLOURED: u8 = 24;
    const PER_CENT_ALLOWED: u64 = 1;
    let coloured: u64 = image
        .pixels()
        .map(|pixel| {
            let [red, green, blue] = pixel.0;
            let range = red.max(green).max(blue) - red.min(green).min(blue);
            u64::from(range > COLOURED)
        })
        .sum();
    coloured * 100 <= u64::from(image.width()) * u64::from(image.height()) * PER_CENT_ALLOWED
}

/// The photo in colours. Every pixel stays as bright as it was.
pub(crate) fn colourised(image: &RgbImage) -> RgbImage {
    const SKY_SHARE: f32 = 0.35;
    let colours: Vec<[f32; 3]> = (0..=u8::MAX).map(|value| gradient(f32::from(value))).collect();
    let horizon = as_float(image.height()) * SKY_SHARE;
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let value = brightness(*image.get_pixel(x, y));
        let height = (1.0 - as_float(y) / horizon.max(1.0)).clamp(0.0, 1.0);
        let light = ((f32::from(value) - 120.0) / 80.0).clamp(0.0, 1.0);
        let sky = height * light;
        let mut colour = colours[usize::from(value)];
        for (channel, target) in colour.iter_mut().zip(SKY) {
            *channel += (target - *channel) * sky;
        }
        as_bright_as(value, colour)
    })
}

fn gradient(value: f32) -> [f32; 3] {
    let mut colour = GRADIENT[0].1;
    for [(low, from), (high, to)] in GRADIENT.array_windows() {
        if (*low..=*high).contains(&value) {
            let share = (value - low) / (high - low);
            for channel in 0..3 {
                colour[channel] = from[channel] + (to[channel] - from[channel]) * share;
            }
        }
    }
    colour
}

/// The colour made as bright as `value`, as far as bytes allow.
fn as_bright_as(value: u8, colour: [f32; 3]) -> Rgb<u8> {
    let pixel = Rgb(colour.map(to_byte));
    let off = f32::from(value) - f32::from(brightness(pixel));
    Rgb(colour.map(|channel| to_byte(channel + off)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_becomes_coloured_and_stays_as_bright() {
        let grey = RgbImage::from_fn(64, 64, |x, y| Rgb([u8::try_from(x * 2 + y * 2).unwrap(); 3]));
        assert!(is_grey(&grey));
        let coloured = colourised(&grey);
        assert!(!is_grey(&coloured));
        for (before, after) in grey.pixels().zip(coloured.pixels()) {
            assert!(brightness(*before).abs_diff(brightness(*after)) < 12);
        }
    }
}
