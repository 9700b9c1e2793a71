//! Images as pixels: decoded, scaled, encoded. The only place in the functions that decodes an image, so the only one that
//! has to mind what a small file unpacks to. What is to become of an image is decided elsewhere.

use std::{
    borrow::Cow,
    io::Cursor,
    sync::{Mutex, MutexGuard, PoisonError},
};

use image::{
    DynamicImage, ImageDecoder as _, ImageEncoder, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
    imageops::FilterType,
    metadata::Orientation,
};

/// Images are decoded one at a time: several at once could use up a function's memory.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Waits until nobody else has an image decoded.
pub(super) fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pixels, and what their numbers mean.
pub(super) struct Picture<'a> {
    pub(super) image: Cow<'a, DynamicImage>,
    /// The ICC profile.
    pub(super) profile: Option<Vec<u8>>,
}

/// Decodes the (first) picture and turns it upright: a new file carries no EXIF data that would say how it lies. The
/// pixels take no more than `most_decoded_bytes`, and neither does the decoder.
///
/// # Errors
/// With words for a person.
pub(super) fn decode(bytes: &[u8], most_decoded_bytes: u64) -> Result<Picture<'static>, String> {
    let (mut image, orientation, profile) = decode_lying(bytes, most_decoded_bytes)?;
    image.apply_orientation(orientation);
    Ok(Picture { image: Cow::Owned(image), profile })
}

/// The same with a longest side of at most `most_side_pixels`. It is made small first and turned then: turned as it is, a
/// large picture would be in memory twice.
///
/// # Errors
/// With words for a person.
pub(super) fn decode_small(
    bytes: &[u8],
    most_decoded_bytes: u64,
    most_side_pixels: u32,
) -> Result<Picture<'static>, String> {
    let (image, orientation, profile) = decode_lying(bytes, most_decoded_bytes)?;
    let longest = image.width().max(image.height()).max(1);
    let factor = (f64::from(most_side_pixels) / f64::from(longest)).min(1.0);
    let mut small = scaled(&image, factor).into_owned();
    drop(image);
    small.apply_orientation(orientation);
    Ok(Picture { image: Cow::Owned(small), profile })
}

type Lying = (DynamicImage, Orientation, Option<Vec<u8>>);

/// The picture as its file has it, how it would be turned upright, and its profile.
fn decode_lying(bytes: &[u8], most_decoded_bytes: u64) -> Result<Lying, String> {
    let failed = |e: image::ImageError| format!("it cannot be decoded ({e})");
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(most_decoded_bytes);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(failed)?;
    // The decoders mind the limits for themselves, and not for what they fill.
    limits.reserve(decoder.total_bytes()).map_err(failed)?;
    let orientation = decoder.orientation().map_err(failed)?;
    // One of another colour space (CMYK) no longer fits the pixels that the decoder gives.
    let profile = decoder.icc_profile().map_err(failed)?.filter(|profile| profile.get(16..20) == Some(b"RGB "));
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let profile = profile.filter(|_| image.color().has_color());
    Ok((image, orientation, profile))
}

/// The image with its sides times `factor`, above 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a side times a factor of a few is a side")]
pub(super) fn scaled(image: &DynamicImage, factor: f64) -> Cow<'_, DynamicImage> {
    if (factor - 1.0).abs() < f64::EPSILON {
        return Cow::Borrowed(image);
    }
    let side = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    let (width, height) = (side(image.width()), side(image.height()));
    // A fine filter over a huge image needs several times its memory: first roughly to twice the size.
    let rough = (factor < 0.5).then(|| image.thumbnail_exact(width * 2, height * 2));
    Cow::Owned(rough.as_ref().unwrap_or(image).resize_exact(width, height, FilterType::Lanczos3))
}

/// A JPEG of that quality, or without one a PNG. `None`: the format cannot hold such an image.
pub(super) fn encode(image: &DynamicImage, picture: &Picture<'_>, jpeg_quality: Option<u8>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match jpeg_quality {
        Some(quality) => {
            let encoder = with_profile(JpegEncoder::new_with_quality(&mut bytes, quality), picture);
            on_white(image).write_with_encoder(encoder)
        }
        None => image.write_with_encoder(with_profile(PngEncoder::new(&mut bytes), picture)),
    }
    .ok()?;
    Some(bytes)
}

fn with_profile<E: ImageEncoder>(mut encoder: E, picture: &Picture<'_>) -> E {
    if let Some(profile) = &picture.profile {
        // An encoder that knows no profiles does without.
        let _ = encoder.set_icc_profile(profile.clone());
    }
    encoder
}

/// JPEG knows no transparency: what was see-through becomes white, as on paper.
fn on_white(image: &DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return DynamicImage::ImageRgb8(image.to_rgb8());
    }
    let mut paper = image::RgbaImage::from_pixel(image.width(), image.height(), image::Rgba([255; 4]));
    image::imageops::overlay(&mut paper, &image.to_rgba8(), 0, 0);
    DynamicImage::ImageRgb8(DynamicImage::ImageRgba8(paper).to_rgb8())
}
