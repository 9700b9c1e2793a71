//! The work of watermark: where the text is, and the picture without it. Knows nothing of HTTP, prices or caches.

use image::{ImageError, ImageFormat, RgbImage};

use crate::pixels::detect::{Found, find_text};
use crate::pixels::inpaint::fill;
use crate::pixels::{self, Area};
use crate::watermark::request::Wishes;
use crate::watermark::wire::{Location, Process};

/// The word that every box is said to hold: there is no real OCR here.
const WORD: &str = "SAMPLE";

/// What became of an image.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) process: Process,
    pub(crate) locations: Vec<Location>,
    /// The picture without the text, if one was made.
    pub(crate) content: Option<Vec<u8>>,
}

/// Removes text, or finds it only, as wished.
pub(crate) fn carry_out(image: &RgbImage, format: ImageFormat, wishes: &Wishes) -> Result<Outcome, ImageError> {
    let found = find_text(image);
    let is_given = !wishes.rectangles.is_empty();
    let areas = areas(image, &found, wishes);
    if areas.is_empty() {
        let process = Process::NothingFound;
        return Ok(Outcome { process, locations: Vec::new(), content: None });
    }
    let moved: Option<Vec<Area>> = areas.iter().map(|area| wishes.offset.apply(*area, image.dimensions())).collect();
    let is_moved = moved.is_some();
    let areas = moved.unwrap_or(areas);
    let locations = areas_said(&areas, if is_given { "" } else { WORD });
    if wishes.ocr_only {
        return Ok(Outcome { process: Process::OcrOnly, locations, content: None });
    }
    let only_strokes = !is_given && !found.lines.is_empty();
    let mut cleaned = image.clone();
    for area in &areas {
        fill(&mut cleaned, *area, |x, y| !only_strokes || found.is_stroke(x, y));
    }
    if wishes.show {
        for area in areas {
            pixels::draw_frame(&mut cleaned, area);
        }
    }
    let content = match format {
        ImageFormat::Png => pixels::encode_png(&cleaned)?,
        _ => pixels::encode_jpeg(&cleaned, None)?,
    };
    let process = if is_moved { Process::Done } else { Process::WithoutOffset };
    Ok(Outcome { process, locations, content: Some(content) })
}

/// Where to work: as given, where text was found, or where it would usually be.
fn areas(image: &RgbImage, found: &Found, wishes: &Wishes) -> Vec<Area> {
    if !wishes.rectangles.is_empty() {
        wishes.rectangles.clone()
    } else if !removes_word(wishes) || pixels::is_uniform(image) {
        Vec::new()
    } else if found.lines.is_empty() {
        vec![corner(image)]
    } else {
        found.lines.clone()
    }
}

fn removes_word(wishes: &Wishes) -> bool {
    wishes.keywords.as_ref().is_none_or(|keywords| keywords.removes(WORD))
}

/// Where a watermark would usually be: the lower right.
fn corner(image: &RgbImage) -> Area {
    const WIDTH_PERCENT: u32 = 35;
    const HEIGHT_PERCENT: u32 = 12;
    const MARGIN_PERCENT: u32 = 2;
    let (width, height) = image.dimensions();
    let w = (width * WIDTH_PERCENT / 100).max(1);
    let h = (height * HEIGHT_PERCENT / 100).max(1);
    let x = width.saturating_sub(w + width * MARGIN_PERCENT / 100);
    let y = height.saturating_sub(h + height * MARGIN_PERCENT / 100);
    Area { x, y, w, h }
}

fn areas_said(areas: &[Area], word: &str) -> Vec<Location> {
    areas
        .iter()
        .map(|Area { x, y, w, h }| Location { x: *x, y: *y, w: *w, h: *h, line_count: 1, word: word.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::testing::landscape;

    fn outcome(wishes: &Wishes) -> Outcome {
        carry_out(&landscape(200, 100, 0), ImageFormat::Png, wishes).unwrap()
    }

    #[test]
    fn corner_is_taken_where_no_text_is_found_and_framed_if_wished() {
        let outcome = outcome(&Wishes { show: true, ..Wishes::default() });
        assert_eq!(outcome.process, Process::Done);
        let [location] = &outcome.locations[..] else { panic!("{outcome:?}") };
        assert_eq!((location.x, location.y, location.w, location.h), (126, 86, 70, 12));
        assert_eq!(location.word, WORD);
        let shown = pixels::decode(&outcome.content.unwrap()).unwrap();
        assert_eq!(shown.get_pixel(126, 86).0, [0, 255, 0]);
    }

    #[test]
    fn given_rectangles_are_worked_on_and_hold_no_word() {
        let rectangles = vec![Area { x: 1, y: 2, w: 30, h: 9 }, Area { x: 50, y: 2, w: 30, h: 9 }];
        let outcome = outcome(&Wishes { rectangles, ..Wishes::default() });
        let words: Vec<_> = outcome.locations.iter().map(|location| location.word.as_str()).collect();
        assert_eq!((outcome.process, words), (Process::Done, vec!["", ""]));
    }
}
