//! Filling holes in a picture from what is around them.
//!
//! Smooth shades alone would come out as a smear. So the hole is filled tile by tile: each tile borrows the grain of
//! the place nearby that resembles its known pixels most, and the shades are adapted to the tile's own rim.

use image::RgbImage;

use crate::pixels::{Area, to_byte};

/// How many pixels around a tile are compared and adapted to.
const RIM: u32 = 3;
/// The sides of tiles, in pixels.
const SMALLEST_TILE: u32 = 8;
const LARGEST_TILE: u32 = 16;

/// Which pixels of an image are not known yet.
struct Holes {
    width: u32,
    unknown: Vec<bool>,
}

impl Holes {
    fn at(&self, x: u32, y: u32) -> bool {
        self.unknown[(y * self.width + x) as usize]
    }

    fn any_in(&self, area: Area) -> bool {
        positions(area).any(|(x, y)| self.at(x, y))
    }
}

/// A brightness per pixel of a small window, row by row.
struct Plane {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

/// Fills those pixels of `area` for which `is_hole` says so.
pub(crate) fn fill(image: &mut RgbImage, area: Area, is_hole: impl Fn(u32, u32) -> bool) {
    let mut unknown = vec![false; (image.width() * image.height()) as usize];
    for (x, y) in positions(area) {
        unknown[(y * image.width() + x) as usize] = is_hole(x, y);
    }
    let mut holes = Holes { width: image.width(), unknown };
    let side = area.w.min(area.h).clamp(SMALLEST_TILE, LARGEST_TILE);
    let (columns, rows) = (area.w.div_ceil(side), area.h.div_ceil(side));
    for row in 0..rows {
        for column in 0..columns {
            let (x, y) = (area.x + column * side, area.y + row * side);
            let tile = Area { x, y, w: side.min(area.right() - x), h: side.min(area.bottom() - y) };
            if holes.any_in(tile) {
                fill_tile(image, &mut holes, tile, side);
            }
        }
    }
}

fn fill_tile(image: &mut RgbImage, holes: &mut Holes, tile: Area, side: u32) {
    let window = tile.grown(RIM, image);
    let source = best_source(image, holes, window, side);
    let unknown: Vec<bool> = positions(window).map(|(x, y)| holes.at(x, y)).collect();
    for channel in 0..3 {
        let borrowed: Vec<f32> = match source {
            Some(source) => positions(source).map(|(x, y)| f32::from(image.get_pixel(x, y)[channel])).collect(),
            None => vec![0.0; unknown.len()],
        };
        // What is solved for is a smooth correction that is exact on the rim of every hole: no seam shows.
        let values = positions(window)
            .zip(&borrowed)
            .map(|((x, y), borrowed)| f32::from(image.get_pixel(x, y)[channel]) - borrowed)
            .collect();
        let mut plane = Plane { width: window.w as usize, height: window.h as usize, values };
        solve(&mut plane, &unknown);
        for (index, (x, y)) in positions(window).enumerate() {
            if unknown[index] && contains(tile, x, y) {
                image.get_pixel_mut(x, y)[channel] = to_byte(borrowed[index] + plane.values[index]);
            }
        }
    }
    for (x, y) in positions(tile) {
        holes.unknown[(y * holes.width + x) as usize] = false;
    }
}

/// The place nearby, fully known, whose pixels differ most evenly from those that are known here.
///
/// An even difference is mere brightness, and that is adapted anyway.
fn best_source(image: &RgbImage, holes: &Holes, window: Area, side: u32) -> Option<Area> {
    const REACH_TILES: u32 = 3;
    const PLACES_PER_TILE: u32 = 4;
    let step = (side / PLACES_PER_TILE).max(2);
    let reach = side * REACH_TILES;
    let first = |start: u32| start - (start.min(reach) / step) * step;
    let last = |start: u32, length: u32, end: u32| (start + reach).min(end - length);
    let columns = || (first(window.x)..=last(window.x, window.w, image.width())).step_by(step as usize);
    let rows = (first(window.y)..=last(window.y, window.h, image.height())).step_by(step as usize);
    rows.flat_map(|y| columns().map(move |x| Area { x, y, ..window }))
        .filter(|place| !holes.any_in(*place))
        .map(|place| (unevenness(image, holes, window, place), place))
        .min_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, place)| place)
}

/// The variance of the difference between the known pixels here and those at another place.
fn unevenness(image: &RgbImage, holes: &Holes, window: Area, place: Area) -> f32 {
    let (mut count, mut sums, mut squares) = (0.0_f32, [0.0_f32; 3], 0.0_f32);
    for ((x, y), (their_x, their_y)) in positions(window).zip(positions(place)) {
        if holes.at(x, y) {
            continue;
        }
        let (ours, theirs) = (image.get_pixel(x, y), image.get_pixel(their_x, their_y));
        count += 1.0;
        for channel in 0..3 {
            let difference = f32::from(ours[channel]) - f32::from(theirs[channel]);
            sums[channel] += difference;
            squares += difference * difference;
        }
    }
    let count = count.max(1.0);
    squares / count - sums.iter().map(|sum| (sum / count).powi(2)).sum::<f32>()
}

/// Makes the holes as smooth as the known pixels allow: coarse shades first, then finer ones.
fn solve(plane: &mut Plane, holes: &[bool]) {
    const SWEEPS: usize = 40;
    const SMALL: usize = 4;
    if !holes.contains(&true) {
        return;
    }
    if !holes.contains(&false) {
        let mean = plane.values.iter().sum::<f32>() / (0..holes.len()).map(|_| 1.0_f32).sum::<f32>();
        plane.values.fill(mean);
        return;
    }
    if plane.width.max(plane.height) > SMALL {
        let (mut coarse, coarse_holes) = halved(plane, holes);
        solve(&mut coarse, &coarse_holes);
        for (index, value) in plane.values.iter_mut().enumerate() {
            if holes[index] {
                let (x, y) = (index % plane.width, index / plane.width);
                *value = coarse.values[y / 2 * coarse.width + x / 2];
            }
        }
    }
    for _ in 0..SWEEPS {
        sweep(plane, holes);
    }
}

/// Half the size: a coarse pixel is the mean of the known ones below it, and a hole if there is none.
fn halved(plane: &Plane, holes: &[bool]) -> (Plane, Vec<bool>) {
    let (width, height) = (plane.width.div_ceil(2), plane.height.div_ceil(2));
    let mut sums = vec![0.0_f32; width * height];
    let mut counts = vec![0.0_f32; width * height];
    for (index, value) in plane.values.iter().enumerate() {
        if !holes[index] {
            let (x, y) = (index % plane.width, index / plane.width);
            sums[y / 2 * width + x / 2] += value;
            counts[y / 2 * width + x / 2] += 1.0;
        }
    }
    let coarse_holes = counts.iter().map(|count| *count == 0.0).collect();
    let values = sums.iter().zip(&counts).map(|(sum, count)| sum / count.max(1.0)).collect();
    (Plane { width, height, values }, coarse_holes)
}

/// Moves every hole to the mean of its neighbours, and a little beyond, which settles sooner.
fn sweep(plane: &mut Plane, holes: &[bool]) {
    const BEYOND: f32 = 1.6;
    let (width, height) = (plane.width, plane.height);
    for y in 0..height {
        for x in 0..width {
            let index = y * width + x;
            if !holes[index] {
                continue;
            }
            let (mut sum, mut count) = (0.0_f32, 0.0_f32);
            let mut take = |neighbour: usize| {
                sum += plane.values[neighbour];
                count += 1.0;
            };
            if x > 0 {
                take(index - 1);
            }
            if x + 1 < width {
                take(index + 1);
            }
            if y > 0 {
                take(index - width);
            }
            if y + 1 < height {
                take(index + width);
            }
            if count > 0.0 {
                plane.values[index] += BEYOND * (sum / count - plane.values[index]);
            }
        }
    }
}

fn positions(area: Area) -> impl Iterator<Item = (u32, u32)> {
    (area.y..area.bottom()).flat_map(move |y| (area.x..area.right()).map(move |x| (x, y)))
}

fn contains(area: Area, x: u32, y: u32) -> bool {
    (area.x..area.right()).contains(&x) && (area.y..area.bottom()).contains(&y)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::pixels::testing::landscape;

    fn furthest_off(image: &RgbImage, truth: &RgbImage) -> u8 {
        image
            .pixels()
            .zip(truth.pixels())
            .flat_map(|(left, right)| (0..3).map(move |channel| left[channel].abs_diff(right[channel])))
            .max()
            .unwrap()
    }

    fn spoil(image: &mut RgbImage, area: Area) {
        for (x, y) in positions(area) {
            image.put_pixel(x, y, Rgb([255, 255, 255]));
        }
    }

    #[test]
    fn box_takes_on_its_surroundings() {
        let truth = landscape(160, 120, 0);
        for area in [
            Area { x: 60, y: 50, w: 40, h: 20 },
            Area { x: 104, y: 106, w: 56, h: 14 },
            Area { x: 0, y: 0, w: 30, h: 10 },
        ] {
            let mut image = truth.clone();
            spoil(&mut image, area);
            fill(&mut image, area, |_, _| true);
            assert!(furthest_off(&image, &truth) < 25, "{area:?}: {}", furthest_off(&image, &truth));
        }
    }

    #[test]
    fn thin_holes_take_on_their_surroundings() {
        let truth = landscape(160, 120, 0);
        let mut image = truth.clone();
        let area = Area { x: 40, y: 40, w: 60, h: 3 };
        spoil(&mut image, area);
        fill(&mut image, area, |_, _| true);
        assert!(furthest_off(&image, &truth) < 15);
    }

    #[test]
    fn image_that_is_one_hole_does_not_fail() {
        let mut image = landscape(40, 30, 0);
        fill(&mut image, Area { x: 0, y: 0, w: 40, h: 30 }, |_, _| true);
        assert_eq!(image.dimensions(), (40, 30));
    }
}
