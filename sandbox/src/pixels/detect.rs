//! Finding text watermarks: lines of thin, bright, colourless strokes. No letter is read, and dark or coloured text is
//! not seen.

use image::{Rgb, RgbImage, imageops};

use crate::pixels::Area;

/// How much whiter than its surroundings a stroke is at its core, and at its soft edge.
const CORE: u8 = 42;
const EDGE: u8 = 36;
/// How white the core is in itself, and how far its channels may lie apart.
const WHITE: u8 = 100;
const COLOURLESS: u8 = 85;

/// Larger images are looked at in a reduced size: it is quicker, and strokes stay as thin as the rules expect.
const LOOKED_AT: u32 = 700;

/// What was found in an image.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// A box around each line of text.
    pub(crate) lines: Vec<Area>,
    /// How many pixels of the image go into one that was looked at, along each side.
    reduction: u32,
    width: u32,
    strokes: Vec<bool>,
}

impl Found {
    /// Whether a pixel belongs to a bright stroke, its soft edge included. Means something inside `lines` only.
    pub(crate) fn is_stroke(&self, x: u32, y: u32) -> bool {
        let index = y / self.reduction * self.width + x / self.reduction;
        self.strokes.get(index as usize).copied().unwrap_or(false)
    }
}

/// Looks for lines of text.
pub(crate) fn find_text(image: &RgbImage) -> Found {
    let reduction = (image.width().min(image.height()) / LOOKED_AT).max(1);
    if reduction == 1 {
        return find_in_full(image);
    }
    // Rounded up, so that every pixel of the image has one here that stands for it.
    let (width, height) = (image.width().div_ceil(reduction), image.height().div_ceil(reduction));
    let found = find_in_full(&imageops::thumbnail(image, width, height));
    let enlarged = |line: &Area| {
        let (x, y) = (line.x * reduction, line.y * reduction);
        let w = (line.w * reduction).min(image.width() - x);
        let h = (line.h * reduction).min(image.height() - y);
        Area { x, y, w, h }
    };
    let lines = found.lines.iter().map(enlarged).collect();
    Found { lines, reduction, ..found }
}

fn find_in_full(image: &RgbImage) -> Found {
    let radius = (image.width().min(image.height()) / 80).clamp(3, 12) as usize;
    let relief = relief(image, radius);
    let core: Vec<bool> = image
        .pixels()
        .zip(&relief)
        .map(|(pixel, height)| {
            let low = whiteness(*pixel);
            let high = pixel.0.into_iter().max().unwrap_or(low);
            *height >= CORE && low >= WHITE && high - low <= COLOURLESS
        })
        .collect();
    let lines = lines(&blobs(&core, image.width() as usize), image);
    let strokes = strokes(&core, &relief, image.width() as usize);
    Found { lines, reduction: 1, width: image.width(), strokes }
}

/// How far each pixel stands out above its surroundings when everything thinner than `radius` is levelled.
fn relief(image: &RgbImage, radius: usize) -> Vec<u8> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let white: Vec<u8> = image.pixels().map(|pixel| whiteness(*pixel)).collect();
    let lowest = spread(&white, width, height, radius, u8::min);
    let levelled = spread(&lowest, width, height, radius, u8::max);
    white.iter().zip(&levelled).map(|(white, level)| white.saturating_sub(*level)).collect()
}

/// How much white is in a pixel. White strokes stand out in this even where their ground is bright, but coloured.
fn whiteness(pixel: Rgb<u8>) -> u8 {
    let [red, green, blue] = pixel.0;
    red.min(green).min(blue)
}

/// The lowest or highest value of the square around each pixel.
fn spread(values: &[u8], width: usize, height: usize, radius: usize, choose: fn(u8, u8) -> u8) -> Vec<u8> {
    let mut across = values.to_vec();
    for (from, to) in values.chunks_exact(width).zip(across.chunks_exact_mut(width)) {
        for (x, value) in to.iter_mut().enumerate() {
            let around = &from[x.saturating_sub(radius)..(x + radius + 1).min(width)];
            *value = around.iter().copied().reduce(choose).unwrap_or(*value);
        }
    }
    let mut both = across.clone();
    for (y, row) in both.chunks_exact_mut(width).enumerate() {
        for other in y.saturating_sub(radius)..(y + radius + 1).min(height) {
            let from = &across[other * width..(other + 1) * width];
            for (value, candidate) in row.iter_mut().zip(from) {
                *value = choose(*value, *candidate);
            }
        }
    }
    both
}

/// The boxes around connected groups of core pixels.
fn blobs(core: &[bool], width: usize) -> Vec<Area> {
    let height = core.len() / width.max(1);
    let mut seen = vec![false; core.len()];
    let mut blobs = Vec::new();
    let mut open = Vec::new();
    for start in 0..core.len() {
        if !core[start] || seen[start] {
            continue;
        }
        seen[start] = true;
        open.push(start);
        let (mut left, mut top) = (start % width, start / width);
        let (mut right, mut bottom) = (left, top);
        while let Some(index) = open.pop() {
            let (x, y) = (index % width, index / width);
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
            for near_y in y.saturating_sub(1)..(y + 2).min(height) {
                for near_x in x.saturating_sub(1)..(x + 2).min(width) {
                    let near = near_y * width + near_x;
                    if core[near] && !seen[near] {
                        seen[near] = true;
                        open.push(near);
                    }
                }
            }
        }
        blobs.push(area_between(left, top, right, bottom));
    }
    blobs
}

/// Rows of letters. A letter is a blob of a letter's size; what is smaller joins a row but makes none.
fn lines(blobs: &[Area], image: &RgbImage) -> Vec<Area> {
    const FEWEST_LETTERS: usize = 5;
    let smallest = (image.height() / 60).max(6);
    let largest = (image.height() / 5).max(smallest);
    let is_letter =
        |blob: &&Area| (smallest..=largest).contains(&blob.h) && blob.w <= blob.h * 8 && blob.h <= blob.w * 6;
    let mut letters: Vec<Area> = blobs.iter().filter(is_letter).copied().collect();
    letters.sort_by_key(|letter| letter.x);
    let mut rows: Vec<Vec<Area>> = Vec::new();
    for letter in letters {
        match rows.iter_mut().find(|row| row.last().is_some_and(|last| follows(*last, letter))) {
            Some(row) => row.push(letter),
            None => rows.push(vec![letter]),
        }
    }
    rows.iter()
        .filter(|row| row.len() >= FEWEST_LETTERS && is_even(row))
        .filter_map(|row| row.iter().copied().reduce(union))
        .filter(|line| line.w >= line.h * 3)
        .map(|line| with_small_parts(line, blobs, image))
        .collect()
}

/// Whether two letters can stand side by side in one line.
fn follows(last: Area, next: Area) -> bool {
    let tall = last.h.max(next.h);
    let gap = next.x.saturating_sub(last.right());
    let overlap = last.bottom().min(next.bottom()).saturating_sub(last.y.max(next.y));
    gap * 2 <= tall * 3 && overlap * 2 >= last.h.min(next.h) && tall <= last.h.min(next.h) * 5 / 2
}

/// Whether the letters stand on one base line: text does, sparks and scratches do not.
fn is_even(row: &[Area]) -> bool {
    let mut bottoms: Vec<u32> = row.iter().map(|letter| letter.bottom()).collect();
    bottoms.sort_unstable();
    let base = bottoms[bottoms.len() / 2];
    let tall = row.iter().map(|letter| letter.h).max().unwrap_or(0);
    let near = bottoms.iter().filter(|bottom| bottom.abs_diff(base) * 6 <= tall).count();
    near * 3 >= row.len() * 2
}

/// Takes in dots, dashes and accents beside the letters, and a little room for soft edges.
fn with_small_parts(line: Area, blobs: &[Area], image: &RgbImage) -> Area {
    let reach = line.grown(line.h / 2, image);
    let inside = |blob: &&Area| {
        blob.x >= reach.x && blob.right() <= reach.right() && blob.y >= reach.y && blob.bottom() <= reach.bottom()
    };
    blobs.iter().filter(inside).copied().fold(line, union).grown((line.h / 8).max(3), image)
}

/// Core pixels, the soft edge that is joined to them, and one pixel more all round.
fn strokes(core: &[bool], relief: &[u8], width: usize) -> Vec<bool> {
    const SOFT_EDGE: usize = 2;
    let mut strokes = core.to_vec();
    for _ in 0..SOFT_EDGE {
        let grown = dilated(&strokes, width);
        strokes = grown
            .iter()
            .zip(relief)
            .zip(&strokes)
            .map(|((near, height), is)| *is || (*near && *height >= EDGE))
            .collect();
    }
    dilated(&strokes, width)
}

fn dilated(mask: &[bool], width: usize) -> Vec<bool> {
    let bytes: Vec<u8> = mask.iter().map(|set| u8::from(*set)).collect();
    let height = mask.len() / width.max(1);
    spread(&bytes, width, height, 1, u8::max).iter().map(|value| *value == 1).collect()
}

fn union(left: Area, right: Area) -> Area {
    let (x, y) = (left.x.min(right.x), left.y.min(right.y));
    let (end_x, end_y) = (left.right().max(right.right()), left.bottom().max(right.bottom()));
    Area { x, y, w: end_x - x, h: end_y - y }
}

fn area_between(left: usize, top: usize, right: usize, bottom: usize) -> Area {
    let length = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Area { x: length(left), y: length(top), w: length(right - left + 1), h: length(bottom - top + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::testing::landscape;

    /// Draws something like a line of letters: each a frame with a bar in it.
    fn write_line(image: &mut RgbImage, x: u32, y: u32, letters: u32) {
        for letter in 0..letters {
            for dy in 0..16 {
                for dx in 0..9 {
                    if dx < 2 || dy < 2 || dx > 6 || dy == 8 {
                        image.put_pixel(x + letter * 13 + dx, y + dy, Rgb([250, 250, 250]));
                    }
                }
            }
        }
    }

    #[test]
    fn line_of_letters_is_found_with_a_tight_box() {
        let mut image = landscape(300, 200, 0);
        write_line(&mut image, 150, 160, 9);
        let found = find_text(&image);
        assert_eq!(found.lines.len(), 1, "{found:?}");
        let line = found.lines[0];
        assert!(line.x <= 150 && line.x > 135 && line.y <= 160 && line.y > 145, "{line:?}");
        assert!(line.right() >= 263 && line.bottom() >= 176 && line.bottom() < 190, "{line:?}");
        assert!(found.is_stroke(150, 160));
        assert!(!found.is_stroke(20, 20));
    }

    #[test]
    fn line_is_found_in_a_large_image_at_its_true_place() {
        let mut image = landscape(500, 360, 0);
        write_line(&mut image, 150, 160, 9);
        let large = imageops::resize(&image, 2001, 1441, imageops::FilterType::Triangle);
        let found = find_text(&large);
        assert_eq!(found.lines.len(), 1);
        let line = found.lines[0];
        assert!(line.x <= 600 && line.x > 540 && line.right() >= 1052, "{line:?}");
        assert!(line.y <= 640 && line.bottom() >= 704 && line.bottom() < 760, "{line:?}");
        assert!(found.is_stroke(602, 642));
        assert!(!found.is_stroke(2000, 1440));
    }

    #[test]
    fn picture_without_text_has_none() {
        assert!(find_text(&landscape(300, 200, 0)).lines.is_empty());
        let mut image = landscape(300, 200, 0);
        write_line(&mut image, 20, 20, 2);
        assert!(find_text(&image).lines.is_empty(), "two marks make no line");
    }
}
