//! Making a photo better, and telling whether it needs to be: noise, contrast, sharpness.

use image::{Rgb, RgbImage};

use crate::pixels::{as_float, brightness, to_byte};

/// How far a pixel must lie from the median around it to be a speck and not detail.
const SPECK: u8 = 24;

/// A photo that is good already: its brightness spans as much as this, per 255 …
const GOOD_SPAN: u8 = 180;
/// … its edges are as steep as this, in the mean over all pixels …
const GOOD_SHARPNESS: f32 = 4.0;
/// … and half of its pixels differ from those around them by no more than this.
const GOOD_NOISE: u8 = 2;

/// Takes out specks and thin scratches, and calms the noise.
pub(crate) fn despeckled(image: &RgbImage) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let pixel = image.get_pixel(x, y);
        let median = median_around(image, x, y);
        let mut result = *pixel;
        for channel in 0..3 {
            result[channel] = if pixel[channel].abs_diff(median[channel]) > SPECK {
                median[channel]
            } else {
                pixel[channel].midpoint(median[channel])
            };
        }
        result
    })
}

/// Stretches the brightness over the whole range.
pub(crate) fn stretched(image: &RgbImage) -> RgbImage {
    let (low, high) = span(image);
    if high <= low {
        return image.clone();
    }
    let gain = 255.0 / f32::from(high - low);
    let values: Vec<u8> = (0..=u8::MAX).map(|value| to_byte((f32::from(value) - f32::from(low)) * gain)).collect();
    let mut result = image.clone();
    result.iter_mut().for_each(|value| *value = values[usize::from(*value)]);
    result
}

/// Makes edges steeper by `amount`.
pub(crate) fn sharpened(image: &RgbImage, amount: f32) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let mut sums = [0_u16; 3];
        let mut count = 0.0_f32;
        for pixel in around(image, x, y) {
            count += 1.0;
            for (sum, value) in sums.iter_mut().zip(pixel.0) {
                *sum += u16::from(value);
            }
        }
        let mut result = *image.get_pixel(x, y);
        for channel in 0..3 {
            let value = f32::from(result[channel]);
            result[channel] = to_byte(value + amount * (value - f32::from(sums[channel]) / count));
        }
        result
    })
}

/// Whether there is no point in improving a photo: it is rich in contrast, sharp, and free of noise.
pub(crate) fn is_good(image: &RgbImage) -> bool {
    let (low, high) = span(image);
    let (sharpness, noise) = grain(image);
    high - low >= GOOD_SPAN && sharpness >= GOOD_SHARPNESS && noise <= GOOD_NOISE
}

/// The brightness below and above which there is hardly a pixel.
fn span(image: &RgbImage) -> (u8, u8) {
    const PER_MILLE_LEFT_OUT: u64 = 5;
    let mut histogram = [0_u64; 256];
    for pixel in image.pixels() {
        histogram[usize::from(brightness(*pixel))] += 1;
    }
    let left_out = u64::from(image.width()) * u64::from(image.height()) * PER_MILLE_LEFT_OUT / 1000;
    let mut below = 0;
    let low = (0..=u8::MAX).find(|value| {
        below += histogram[usize::from(*value)];
        below > left_out
    });
    let mut above = 0;
    let high = (0..=u8::MAX).rev().find(|value| {
        above += histogram[usize::from(*value)];
        above > left_out
    });
    (low.unwrap_or(0), high.unwrap_or(u8::MAX).max(low.unwrap_or(0)))
}

/// How steep the edges are in the mean, and how far half of the pixels lie from the median around them at most.
fn grain(image: &RgbImage) -> (f32, u8) {
    // Of a large image some pixels tell enough.
    const SIDE_IN_FULL: u32 = 1000;
    let step = (image.width().max(image.height()) / SIDE_IN_FULL).max(1) as usize;
    let (mut steepness, mut count) = (0_u64, 0_u64);
    let mut histogram = [0_u64; 256];
    for y in (0..image.height().saturating_sub(1)).step_by(step) {
        for x in (0..image.width().saturating_sub(1)).step_by(step) {
            let at = |x: u32, y: u32| brightness(*image.get_pixel(x, y));
            let here = at(x, y);
            steepness += u64::from(here.abs_diff(at(x + 1, y)).max(here.abs_diff(at(x, y + 1))));
            histogram[usize::from(here.abs_diff(brightness(median_around(image, x, y))))] += 1;
            count += 1;
        }
    }
    // Held to a hundredth, which is finer than anything that is asked of it.
    let hundredths = u32::try_from(steepness.saturating_mul(100) / count.max(1)).unwrap_or(u32::MAX);
    let mut below = 0;
    let noise = (0..=u8::MAX).find(|value| {
        below += histogram[usize::from(*value)];
        below * 2 >= count
    });
    (as_float(hundredths) / 100.0, noise.unwrap_or(u8::MAX))
}

fn median_around(image: &RgbImage, x: u32, y: u32) -> Rgb<u8> {
    let mut channels = [[0_u8; 9]; 3];
    let mut count = 0;
    for pixel in around(image, x, y) {
        for (channel, value) in channels.iter_mut().zip(pixel.0) {
            channel[count] = value;
        }
        count += 1;
    }
    Rgb(channels.map(|mut channel| {
        let values = &mut channel[..count];
        values.sort_unstable();
        values[count / 2]
    }))
}

/// A pixel and its neighbours, as far as there are any.
fn around(image: &RgbImage, x: u32, y: u32) -> impl Iterator<Item = &Rgb<u8>> {
    let columns = x.saturating_sub(1)..(x + 2).min(image.width());
    let rows = y.saturating_sub(1)..(y + 2).min(image.height());
    rows.flat_map(move |y| columns.clone().map(move |x| image.get_pixel(x, y)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::testing::landscape;

    #[test]
    fn specks_and_scratches_go() {
        let mut image = landscape(60, 40, 0);
        let before = *image.get_pixel(30, 20);
        (5..35).for_each(|y| image.put_pixel(30, y, Rgb([255; 3])));
        let cleaned = despeckled(&image);
        assert!(cleaned.get_pixel(30, 20)[0].abs_diff(before[0]) < 15);
    }

    #[test]
    fn brightness_is_stretched_over_the_whole_range() {
        let (before, after) = (span(&landscape(60, 40, 0)), span(&stretched(&landscape(60, 40, 0))));
        assert!(after.0 < before.0 && after.1 > before.1, "{after:?}");
        let flat = RgbImage::from_pixel(9, 9, Rgb([80; 3]));
        assert_eq!(stretched(&flat), flat);
    }

    #[test]
    fn edges_get_steeper() {
        let image = RgbImage::from_fn(20, 20, |x, _| if x < 10 { Rgb([100; 3]) } else { Rgb([150; 3]) });
        let sharp = sharpened(&image, 1.0);
        assert!(sharp.get_pixel(9, 10)[0] < 100 && sharp.get_pixel(10, 10)[0] > 150);
        assert_eq!(sharp.get_pixel(2, 2), image.get_pixel(2, 2));
    }

    #[test]
    fn photo_is_good_unless_it_is_dull_or_noisy() {
        let good = RgbImage::from_fn(120, 80, |x, y| {
            let stripe = if x / 6 % 2 == 0 { 0 } else { 120 };
            Rgb([u8::try_from(stripe + y).unwrap(), u8::try_from(stripe + x).unwrap(), 90])
        });
        assert!(is_good(&good));
        let mut noisy = good.clone();
        for (x, y, pixel) in noisy.enumerate_pixels_mut() {
            let noise = [0, 12, 24][((x * 7 + y * 13 + x * y) % 3) as usize];
            pixel.0 = pixel.0.map(|value| value.saturating_add(noise));
        }
        assert!(!is_good(&noisy));
        let mut dull = good;
        dull.iter_mut().for_each(|value| *value = 100 + *value / 8);
        assert!(!is_good(&dull));
        assert!(is_good(&sharpened(&stretched(&dull), 0.5)));
    }
}
