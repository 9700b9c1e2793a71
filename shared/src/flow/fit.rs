//! Makes an image fit a provider's limits: upright, in a format that is taken, within its pixels and bytes. The only
//! place in the functions that decodes an image.

use std::{borrow::Cow, io::Cursor};

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder as _, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
    imageops::FilterType,
};

use super::Inspected;
use crate::{job::ImageFormat, provider::Facts};

/// An image made to fit.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) bytes: Bytes,
    pub(super) format: ImageFormat,
    /// What was done, for `job.json`.
    pub(super) note: String,
}

/// A decoded image is no larger than this: one that is has to be made smaller by whoever has the memory.
const MOST_DECODED_BYTES: u64 = 512 * 1024 * 1024;
/// From one that is hardly to be told from the original to the worst that is still good.
const JPEG_QUALITIES: [u8; 3] = [92, 85, 75];
/// When no quality helps, both sides become this much shorter at a time.
const SHRINK: f64 = 0.85;
const MOST_SHRINKS: i32 = 16;

/// Makes `bytes` fit what `facts` say.
///
/// # Errors
/// With words for a person.
pub(super) fn fit(bytes: &[u8], inspected: &Inspected, facts: &Facts) -> Result<Fitted, String> {
    let image = decode(bytes)?;
    let image = within_pixels(&image, facts)?;
    let (image, format, bytes) = within_bytes(&image, inspected.format, facts)?;
    let note = format!(
        "{} {}×{} ({} bytes) became {} {}×{} ({} bytes)",
        inspected.format.content_type(),
        inspected.width,
        inspected.height,
        inspected.bytes,
        format.content_type(),
        image.width(),
        image.height(),
        bytes.len()
    );
    Ok(Fitted { bytes: bytes.into(), format, note })
}

/// Decodes the (first) picture and turns it upright: a new file carries no EXIF data that would say how it lies.
fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let failed = |e: image::ImageError| format!("it cannot be decoded ({e})");
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let orientation = decoder.orientation().map_err(failed)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn within_pixels<'a>(image: &'a DynamicImage, facts: &Facts) -> Result<Cow<'a, DynamicImage>, String> {
    let (most_width, most_height) = facts.most_pixels.unwrap_or((u32::MAX, u32::MAX));
    let (least_width, least_height) = facts.least_pixels.unwrap_or((1, 1));
    let part = |limit: u32, side: u32| f64::from(limit) / f64::from(side.max(1));
    let smaller = part(most_width, image.width()).min(part(most_height, image.height())).min(1.0);
    let larger = part(least_width, image.width()).max(part(least_height, image.height())).max(1.0);
    let image = scaled(image, if smaller < 1.0 { smaller } else { larger });
    let sides = (image.width(), image.height());
    if sides.0 > most_width || sides.1 > most_height || sides.0 < least_width || sides.1 < least_height {
        return Err(format!(
            "its sides are too unlike; at {}×{} it would still be beyond the limits",
            sides.0, sides.1
        ));
    }
    Ok(image)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a side times a factor of a few is a side")]
fn scaled(image: &DynamicImage, factor: f64) -> Cow<'_, DynamicImage> {
    if (factor - 1.0).abs() < f64::EPSILON {
        return Cow::Borrowed(image);
    }
    let side = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    Cow::Owned(image.resize_exact(side(image.width()), side(image.height()), FilterType::Lanczos3))
}

type Encoded<'a> = (Cow<'a, DynamicImage>, ImageFormat, Vec<u8>);

/// Encodes the image: without loss if it came so and its size permits, else as JPEG, at last ever smaller.
fn within_bytes<'a>(whole: &'a DynamicImage, from: ImageFormat, facts: &Facts) -> Result<Encoded<'a>, String> {
    let most = facts.most_image_bytes.unwrap_or(u64::MAX);
    let takes = |format| facts.formats.is_empty() || facts.formats.contains(&format);
    let (least_width, least_height) = facts.least_pixels.unwrap_or((1, 1));
    let fits = |bytes: &Vec<u8>| bytes.len() as u64 <= most;
    let see_through = whole.color().has_alpha();
    let lossless = !matches!(from, ImageFormat::Jpeg | ImageFormat::Webp);
    if takes(ImageFormat::Png) && (lossless || see_through || !takes(ImageFormat::Jpeg)) {
        let bytes = png(whole)?;
        if fits(&bytes) {
            return Ok((Cow::Borrowed(whole), ImageFormat::Png, bytes));
        }
    }
    for times in 0..MOST_SHRINKS {
        // Each time from the whole image: what is scaled again and again becomes soft.
        let image = scaled(whole, SHRINK.powi(times));
        if image.width() < least_width || image.height() < least_height {
            break;
        }
        if takes(ImageFormat::Jpeg) {
            for quality in JPEG_QUALITIES {
                let bytes = jpeg(&image, quality)?;
                if fits(&bytes) {
                    return Ok((image, ImageFormat::Jpeg, bytes));
                }
            }
        } else {
            let bytes = png(&image)?;
            if fits(&bytes) {
                return Ok((image, ImageFormat::Png, bytes));
            }
        }
    }
    Err(format!("no size that is worth having is below {most} bytes"))
}

fn png(image: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    image.write_with_encoder(PngEncoder::new(&mut bytes)).map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn jpeg(image: &DynamicImage, quality: u8) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    on_white(image).write_with_encoder(encoder).map_err(|e| e.to_string())?;
    Ok(bytes)
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
