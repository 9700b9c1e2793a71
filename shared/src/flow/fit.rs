//! Makes an image fit a provider's limits: upright, in a format that is taken, within its pixels and bytes.

use std::borrow::Cow;

use bytes::Bytes;
use image::DynamicImage;

use super::{
    Inspected,
    pixels::{Picture, decode, encode, on_white, scaled, turn},
};
use crate::{job::ImageFormat, provider::Facts};

/// An image made to fit.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) bytes: Bytes,
    pub(super) format: ImageFormat,
    /// What was done, for `job.json`.
    pub(super) note: String,
}

/// An image with more pixels has to be made smaller by whoever has the memory.
const MOST_PIXELS: u64 = 100_000_000;
/// So much memory it may take, the file itself with it: a submit function has 1 024 MB in all. One of 100 megapixels with
/// three bytes each does; one that is see-through, has 16 bits a colour, or is a progressive JPEG has to have fewer.
const MOST_BYTES: u64 = 900 * 1024 * 1024;
/// From one that is hardly to be told from the original to the worst that is still good.
const JPEG_QUALITIES: [u8; 3] = [92, 85, 75];
/// When no quality helps, the sides become shorter, so many times.
const MOST_SHRINKS: u32 = 8;

/// Makes `bytes` fit what `facts` say.
///
/// # Errors
/// With words for a person.
pub(super) fn fit(bytes: &[u8], inspected: &Inspected, facts: &Facts) -> Result<Fitted, String> {
    let pixels = u64::from(inspected.width) * u64::from(inspected.height);
    if pixels > MOST_PIXELS {
        return Err(format!("it has {pixels} pixels, and only images of up to {MOST_PIXELS} are decoded"));
    }
    let _turn = turn();
    let decoded = decode(bytes, MOST_BYTES)?;
    let picture = Picture { image: within_pixels(&decoded.image, facts)?, profile: decoded.profile };
    let (width, height, format, bytes) = within_bytes(&picture, inspected.format, facts)?;
    let note = format!(
        "{} {}×{} ({} bytes) became {} {width}×{height} ({} bytes)",
        inspected.format.content_type(),
        inspected.width,
        inspected.height,
        inspected.bytes,
        format.content_type(),
        bytes.len()
    );
    Ok(Fitted { bytes: bytes.into(), format, note })
}

fn within_pixels<'a>(image: &'a DynamicImage, facts: &Facts) -> Result<Cow<'a, DynamicImage>, String> {
    let (most_width, most_height) = facts.most_pixels.unwrap_or((u32::MAX, u32::MAX));
    let (least_width, least_height) = facts.least_pixels.unwrap_or((1, 1));
    let part = |limit: u32, side: u32| f64::from(limit) / f64::from(side.max(1));
    let smaller = part(most_width, image.width()).min(part(most_height, image.height())).min(1.0);
    let larger = part(least_width, image.width()).max(part(least_height, image.height())).max(1.0);
    let image = scaled(image, if smaller < 1.0 { smaller } else { larger })?;
    let sides = (image.width(), image.height());
    if sides.0 > most_width || sides.1 > most_height || sides.0 < least_width || sides.1 < least_height {
        return Err(format!(
            "its sides are too unlike; at {}×{} it would still be beyond the limits",
            sides.0, sides.1
        ));
    }
    Ok(image)
}

type Encoded = (u32, u32, ImageFormat, Vec<u8>);

/// Encodes the image: without loss if it came so and its size permits, else as JPEG, at last ever smaller.
fn within_bytes(picture: &Picture<'_>, from: ImageFormat, facts: &Facts) -> Result<Encoded, String> {
    let most = facts.most_image_bytes.unwrap_or(u64::MAX);
    let takes = |format| facts.formats.is_empty() || facts.formats.contains(&format);
    let (least_width, least_height) = facts.least_pixels.unwrap_or((1, 1));
    let whole = picture.image.as_ref();
    let lossless = !matches!(from, ImageFormat::Jpeg | ImageFormat::Webp);
    let sizes = |image: &DynamicImage, format, bytes| (image.width(), image.height(), format, bytes);
    if takes(ImageFormat::Png) && (lossless || whole.color().has_alpha() || !takes(ImageFormat::Jpeg)) {
        let encoded = encode(whole, picture, None).filter(|bytes| bytes.len() as u64 <= most);
        if let Some(bytes) = encoded {
            return Ok(sizes(whole, ImageFormat::Png, bytes));
        }
    }
    let (format, qualities) = match takes(ImageFormat::Jpeg) {
        true => (ImageFormat::Jpeg, JPEG_QUALITIES.map(Some).to_vec()),
        false => (ImageFormat::Png, vec![None]),
    };
    let whole = match format {
        ImageFormat::Jpeg => on_white(whole),
        _ => Cow::Borrowed(whole),
    };
    let mut factor = 1.0;
    for _ in 0..MOST_SHRINKS {
        // Each time from the whole image: what is scaled again and again becomes soft.
        let image = scaled(&whole, factor)?;
        if image.width() < least_width || image.height() < least_height {
            break;
        }
        let mut smallest = None;
        for quality in &qualities {
            let Some(bytes) = encode(&image, picture, *quality) else { continue };
            if bytes.len() as u64 <= most {
                return Ok(sizes(&image, format, bytes));
            }
            smallest = Some(bytes.len());
        }
        factor *= shrink(smallest, most);
    }
    Err(format!("no size that is worth having is below {most} bytes"))
}

/// How much shorter the sides have to become, when what came out had so many bytes: bytes go with the area.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn shrink(bytes: Option<usize>, most: u64) -> f64 {
    bytes.map_or(0.7, |bytes| (0.97 * (most as f64 / bytes as f64).sqrt()).clamp(0.3, 0.9))
}
