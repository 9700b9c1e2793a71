//! Other sizes of a picture: smooth for photos, with hard edges for drawings.
//!
//! Rows are kept as bytes between the two passes, so that a large picture does not take many times its memory.

use std::f32::consts::PI;

use image::{Rgb, RgbImage};

use crate::pixels::{as_float, to_byte, to_index};

/// How many pixels of the source a pixel of the result is made of, to each side.
const LOBES: f32 = 3.0;

/// Where in the source a pixel of the result comes from.
struct Taps {
    start: usize,
    weights: Vec<f32>,
}

/// `factor` times the size, but with no side longer than `longest`.
pub(crate) fn enlarged_size((width, height): (u32, u32), factor: u32, longest: u32) -> (u32, u32) {
    let wished = u64::from(width.max(height).max(1)) * u64::from(factor);
    let allowed = wished.min(u64::from(longest));
    let side = |side: u32| {
        let side = u64::from(side) * u64::from(factor) * allowed / wished;
        u32::try_from(side).unwrap_or(longest).max(1)
    };
    (side(width), side(height))
}

/// The picture in another size (Lanczos).
pub(crate) fn scaled(image: &RgbImage, (width, height): (u32, u32)) -> RgbImage {
    if image.dimensions() == (width, height) {
        return image.clone();
    }
    vertically(&horizontally(image, width), height)
}

/// The picture in twice the size, with edges as hard as they were (EPX).
pub(crate) fn doubled_crisply(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let mut doubled = RgbImage::new(width * 2, height * 2);
    for (x, y, pixel) in image.enumerate_pixels() {
        let above = image.get_pixel(x, y.saturating_sub(1));
        let below = image.get_pixel(x, (y + 1).min(height - 1));
        let left = image.get_pixel(x.saturating_sub(1), y);
        let right = image.get_pixel((x + 1).min(width - 1), y);
        let mut quarters = [*pixel; 4];
        if above != below && left != right {
            let corners = [(left, above), (above, right), (left, below), (below, right)];
            for (quarter, (one, other)) in quarters.iter_mut().zip(corners) {
                if one == other {
                    *quarter = *one;
                }
            }
        }
        for (quarter, (dx, dy)) in quarters.into_iter().zip([(0, 0), (1, 0), (0, 1), (1, 1)]) {
            doubled.put_pixel(x * 2 + dx, y * 2 + dy, quarter);
        }
    }
    doubled
}

fn horizontally(image: &RgbImage, width: u32) -> RgbImage {
    let taps = taps(image.width(), width);
    let mut result = RgbImage::new(width, image.height());
    let row_length = image.width() as usize * 3;
    let rows = image.as_raw().chunks_exact(row_length.max(1));
    for (y, row) in (0..image.height()).zip(rows) {
        for (x, taps) in (0..width).zip(&taps) {
            let mut sums = [0.0_f32; 3];
            for (pixel, weight) in row[taps.start * 3..].chunks_exact(3).zip(&taps.weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += f32::from(*value) * weight;
                }
            }
            result.put_pixel(x, y, Rgb(sums.map(to_byte)));
        }
    }
    result
}

fn vertically(image: &RgbImage, height: u32) -> RgbImage {
    let mut result = RgbImage::new(image.width(), height);
    let row_length = image.width() as usize * 3;
    let mut sums = vec![0.0_f32; row_length];
    for (y, taps) in (0..height).zip(taps(image.height(), height)) {
        sums.fill(0.0);
        let rows = image.as_raw().chunks_exact(row_length.max(1)).skip(taps.start);
        for (row, weight) in rows.zip(&taps.weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += f32::from(*value) * weight;
            }
        }
        for (x, sums) in (0..image.width()).zip(sums.chunks_exact(3)) {
            result.put_pixel(x, y, Rgb([to_byte(sums[0]), to_byte(sums[1]), to_byte(sums[2])]));
        }
    }
    result
}

fn taps(from: u32, to: u32) -> Vec<Taps> {
    let scale = as_float(from) / as_float(to.max(1));
    let spread = scale.max(1.0);
    let of_position = |position: u32| {
        let centre = (as_float(position) + 0.5) * scale;
        let start = to_index(centre - LOBES * spread).min(from.saturating_sub(1));
        let end = (to_index(centre + LOBES * spread) + 1).clamp(start + 1, from.max(start + 1));
        let mut weights: Vec<f32> =
            (start..end).map(|place| lanczos((as_float(place) + 0.5 - centre) / spread)).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Taps { start: start as usize, weights }
    };
    (0..to).map(of_position).collect()
}

fn lanczos(distance: f32) -> f32 {
    const SMALL: f32 = 1e-4;
    if distance.abs() < SMALL {
        return 1.0;
    }
    if distance.abs() >= LOBES {
        return 0.0;
    }
    let angle = PI * distance;
    LOBES * angle.sin() * (angle / LOBES).sin() / (angle * angle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::testing::landscape;

    #[test]
    fn sizes_keep_their_proportion_below_the_limit() {
        assert_eq!(enlarged_size((100, 50), 2, 6000), (200, 100));
        assert_eq!(enlarged_size((4000, 1000), 2, 6000), (6000, 1500));
        assert_eq!(enlarged_size((8000, 4), 2, 6000), (6000, 3));
        assert_eq!(enlarged_size((1, 1), 1, 6000), (1, 1));
    }

    #[test]
    fn scaling_up_and_down_gives_back_the_picture() {
        let image = landscape(60, 40, 0);
        let large = scaled(&image, (180, 120));
        assert_eq!(large.dimensions(), (180, 120));
        let back = scaled(&large, (60, 40));
        let furthest = back.iter().zip(image.iter()).map(|(left, right)| left.abs_diff(*right)).max().unwrap();
        assert!(furthest <= 8, "{furthest}");
        assert_eq!(scaled(&RgbImage::from_pixel(1, 1, Rgb([7, 8, 9])), (3, 2)).get_pixel(2, 1).0, [7, 8, 9]);
    }

    #[test]
    fn crisp_doubling_makes_no_new_colour() {
        let [black, white] = [Rgb([0; 3]), Rgb([255; 3])];
        let diagonal = RgbImage::from_fn(8, 8, |x, y| if x > y { white } else { black });
        let doubled = doubled_crisply(&diagonal);
        assert_eq!(doubled.dimensions(), (16, 16));
        assert!(doubled.pixels().all(|pixel| *pixel == black || *pixel == white));
    }
}
