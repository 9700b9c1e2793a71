//! The work of vkcloud: better and larger pictures. Knows nothing of HTTP, tokens or prices.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageError, RgbImage};

use crate::pixels::{self, colour, retouch, scale};
use crate::vkcloud::request::{self, Resolution, Wishes};
use crate::vkcloud::wire::Pictures;

/// The longest side of a result. The real service has none; memory has.
const LONGEST_SIDE: u32 = 8192;

/// What became of an image.
pub(crate) enum Worked {
    /// It was worked on.
    Done(Made),
    /// It is not one that is worked on, for this reason.
    Unsuitable(&'static str),
}

/// What was made of an image, as far as it was wished.
pub(crate) struct Made {
    pub(crate) improved: Option<Pictures>,
    pub(crate) resolved: Option<String>,
}

/// Works on one image.
pub(crate) fn carry_out(content: &[u8], wishes: Wishes, always_good: bool) -> Result<Worked, ImageError> {
    if let Some(reason) = request::unsuitable(content) {
        return Ok(Worked::Unsuitable(reason));
    }
    // The size is looked at first, so that nothing larger is ever unpacked.
    if let Some(reason) = pixels::dimensions(content).and_then(request::unsuitable_size) {
        return Ok(Worked::Unsuitable(reason));
    }
    let Ok(image) = pixels::decode(content) else {
        return Ok(Worked::Unsuitable("could not decode image"));
    };
    let improved = if wishes.improve { Some(improved(&image, always_good)?) } else { None };
    let resolved = match wishes.resolution {
        Some(resolution) => Some(in_base64(&enlarged(&image, resolution))?),
        None => None,
    };
    Ok(Worked::Done(Made { improved, resolved }))
}

fn improved(image: &RgbImage, always_good: bool) -> Result<Pictures, ImageError> {
    const SHARPENING: f32 = 0.6;
    let bw = colour::is_grey(image);
    let colorized = if bw { Some(in_base64(&colour::colourised(image))?) } else { None };
    if always_good || retouch::is_good(image) {
        return Ok(Pictures { improved: None, colorized_improved: None, colorized, bw });
    }
    let better = retouch::sharpened(&retouch::stretched(&retouch::despeckled(image)), SHARPENING);
    let colorized_improved = if bw { Some(in_base64(&colour::colourised(&better))?) } else { None };
    Ok(Pictures { improved: Some(in_base64(&better)?), colorized_improved, colorized, bw })
}

fn enlarged(image: &RgbImage, Resolution { factor, is_art }: Resolution) -> RgbImage {
    let size = scale::enlarged_size(image.dimensions(), factor, LONGEST_SIDE);
    if !is_art {
        return scale::scaled(image, size);
    }
    let mut crisp = image.clone();
    while crisp.width() * 2 <= size.0 {
        crisp = scale::doubled_crisply(&crisp);
    }
    scale::scaled(&crisp, size)
}

fn in_base64(image: &RgbImage) -> Result<String, ImageError> {
    Ok(STANDARD.encode(pixels::encode_jpeg(image, None)?))
}
