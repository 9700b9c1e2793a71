//! Images as pixels: decoded, scaled, encoded. The only place in the functions that decodes an image, so the only one that
//! has to mind what a small file unpacks to. What is to become of an image is decided elsewhere.

mod memory;

use std::{
    borrow::Cow,
    io::Cursor,
    sync::{Mutex, MutexGuard, PoisonError},
};

use self::memory::{MIB, Scaled, needed};
use fast_image_resize::{
    FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{U8x3, U8x4},
};
use image::{
    DynamicImage, GenericImageView as _, ImageDecoder as _, ImageEncoder, ImageReader, Limits, Pixel as _, RgbImage,
    Rgba, RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
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

/// Decodes the (first) picture and turns it upright: a new file carries no EXIF data that would say how it lies. The file,
/// its pixels, and what it takes to decode, turn and scale them and to write them as JPEG, have `most_bytes` of memory.
///
/// # Errors
/// With words for a person.
pub(super) fn decode(bytes: &[u8], most_bytes: u64) -> Result<Picture<'static>, String> {
    let Lying { mut image, orientation, profile } = decode_lying(bytes, most_bytes, Scaled::ToAnySize)?;
    image.apply_orientation(orientation);
    Ok(Picture { image: Cow::Owned(image), profile })
}

/// The same with a longest side of at most `most_side_pixels`. It is made small first and turned then: turned as it is, a
/// large picture would be in memory twice.
///
/// # Errors
/// With words for a person.
pub(super) fn decode_small(bytes: &[u8], most_bytes: u64, most_side_pixels: u32) -> Result<Picture<'static>, String> {
    let Lying { image, orientation, profile } = decode_lying(bytes, most_bytes, Scaled::ToASmallPart)?;
    let longest = image.width().max(image.height()).max(1);
    let factor = (f64::from(most_side_pixels) / f64::from(longest)).min(1.0);
    let mut small = scaled(&image, factor)?.into_owned();
    drop(image);
    small.apply_orientation(orientation);
    Ok(Picture { image: Cow::Owned(small), profile })
}

/// The picture as its file has it, how it would be turned upright, and its profile.
struct Lying {
    image: DynamicImage,
    orientation: Orientation,
    profile: Option<Vec<u8>>,
}

fn decode_lying(bytes: &[u8], most_bytes: u64, scaled: Scaled) -> Result<Lying, String> {
    let failed = |e: image::ImageError| format!("it cannot be decoded ({e})");
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(most_bytes);
    reader.limits(limits);
    let format = reader.format();
    let mut decoder = reader.into_decoder().map_err(failed)?;
    // The decoders mind the limits for themselves, and neither for what they fill nor, all of them, for what they work with.
    let (pixels, colours) = (decoder.dimensions(), decoder.color_type());
    let needed = needed(bytes, format, decoder.total_bytes(), pixels, colours, scaled);
    if needed > most_bytes {
        let [needed_mib, most_mib] = [needed, most_bytes].map(|bytes| bytes / MIB);
        return Err(format!(
            "it would take {needed_mib} MB of memory to decode and scale it, and there are {most_mib}"
        ));
    }
    let orientation = decoder.orientation().map_err(failed)?;
    // One of another colour space (CMYK) no longer fits the pixels that the decoder gives.
    let profile = decoder.icc_profile().map_err(failed)?.filter(|profile| profile.get(16..20) == Some(b"RGB "));
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let profile = profile.filter(|_| image.color().has_color());
    Ok(Lying { image, orientation, profile })
}

/// The image with its sides times `factor`, above 0, and eight bits a colour: what is scaled is for a service that works on
/// photos, or for a screen.
///
/// # Errors
/// With words for a person, where there is no such image.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a side times a factor of a few is a side")]
pub(super) fn scaled(image: &DynamicImage, factor: f64) -> Result<Cow<'_, DynamicImage>, String> {
    if (factor - 1.0).abs() < f64::EPSILON {
        return Ok(Cow::Borrowed(image));
    }
    let side = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    let (from, to) = (image.dimensions(), (side(image.width()), side(image.height())));
    // For two kinds of pixels alone: what scales a kind makes every function some fifty kilobytes larger.
    let scaled = if image.color().has_alpha() {
        let whole = image.as_rgba8().map_or_else(|| Cow::Owned(image.to_rgba8()), Cow::Borrowed);
        let mut scaled = RgbaImage::new(to.0, to.1);
        scale::<U8x4>(whole.as_raw(), from, &mut scaled, to)?;
        DynamicImage::ImageRgba8(scaled)
    } else {
        let whole = image.as_rgb8().map_or_else(|| Cow::Owned(image.to_rgb8()), Cow::Borrowed);
        let mut scaled = RgbImage::new(to.0, to.1);
        scale::<U8x3>(whole.as_raw(), from, &mut scaled, to)?;
        DynamicImage::ImageRgb8(scaled)
    };
    Ok(Cow::Owned(scaled))
}

fn scale<P: PixelTrait>(
    from: &[u8],
    (width, height): (u32, u32),
    to: &mut [u8],
    (to_width, to_height): (u32, u32),
) -> Result<(), String> {
    let failed = |problem: String| format!("it cannot be scaled ({problem})");
    let from = TypedImageRef::<P>::from_buffer(width, height, from).map_err(|e| failed(e.to_string()))?;
    let mut to = TypedImage::<P>::from_buffer(to_width, to_height, to).map_err(|e| failed(e.to_string()))?;
    let fine = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize_typed(&from, &mut to, &fine).map_err(|e| failed(e.to_string()))
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

/// JPEG knows no transparency, and eight bits a colour: what was see-through becomes white, as on paper.
pub(super) fn on_white(image: &DynamicImage) -> Cow<'_, DynamicImage> {
    if let DynamicImage::ImageRgb8(_) = image {
        return Cow::Borrowed(image);
    }
    if !image.color().has_alpha() {
        return Cow::Owned(DynamicImage::ImageRgb8(image.to_rgb8()));
    }
    // Pixel by pixel: no second copy of a large image.
    let opaque = RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let mut paper = Rgba([u8::MAX; 4]);
        paper.blend(&image.get_pixel(x, y));
        paper.to_rgb()
    });
    Cow::Owned(DynamicImage::ImageRgb8(opaque))
}
