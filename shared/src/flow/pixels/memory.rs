//! How much memory it takes to have an image as pixels. What a decoder works with was measured of those that we have, with
//! images of 50 megapixels; that of a progressive JPEG is three times what it fills.

use image::{ColorType, ImageFormat};

/// Bytes.
pub(super) const MIB: u64 = 1024 * 1024;

/// What becomes of the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scaled {
    /// They may be turned, become somewhat fewer, or stay.
    ToAnySize,
    /// They become a small part at once.
    ToASmallPart,
}

/// The most that there is in memory at any time between the file and what is made of it, in bytes: the file, the pixels
/// (`decoded_bytes`), and beside them what the decoder works with, or afterwards what it takes to turn or scale them.
pub(super) fn needed(
    file: &[u8],
    format: Option<ImageFormat>,
    decoded_bytes: u64,
    (width, height): (u32, u32),
    colours: ColorType,
    scaled: Scaled,
) -> u64 {
    let pixels = u64::from(width) * u64::from(height);
    let while_decoding = match format {
        // Its coefficients, two bytes each, are all kept until the last pass.
        Some(ImageFormat::Jpeg) => progressive_components(file).map_or(0, |components| 2 * components * pixels),
        // The frame as the decoder has it: four bytes a pixel.
        Some(ImageFormat::WebP) => 4 * pixels,
        // Its strips, and there may be only one.
        Some(ImageFormat::Tiff) => decoded_bytes,
        _ => 0,
    };
    let bytes = pixels * if colours.has_alpha() { 4 } else { 3 };
    // Scaled are eight bits a colour, and colours that were multiplied by how opaque they are.
    let converted = if matches!(colours, ColorType::Rgb8 | ColorType::Rgba8) { 0 } else { bytes };
    let opaque = if colours.has_alpha() { bytes } else { 0 };
    let (turned, smaller) = match scaled {
        // A copy whose sides are nine tenths, and that copy half made, when it is only less wide.
        Scaled::ToAnySize => (decoded_bytes, bytes * 171 / 100),
        Scaled::ToASmallPart => (0, 0),
    };
    file.len() as u64 + decoded_bytes + while_decoding.max(converted + opaque + smaller).max(turned)
}

/// How many colour components a progressive JPEG has; `None` of any other.
fn progressive_components(jpeg: &[u8]) -> Option<u64> {
    const PROGRESSIVE_FRAME: u8 = 0xC2;
    let mut rest = jpeg.get(2..)?;
    loop {
        // A marker may have as many FF before it as it likes.
        let start = rest.iter().position(|byte| *byte != 0xFF)?;
        let (marker, segment) = (*rest.get(start)?, rest.get(start + 1..)?);
        let length = usize::from(u16::from_be_bytes([*segment.first()?, *segment.get(1)?]));
        match marker {
            // Length, precision, height, width; then how many.
            PROGRESSIVE_FRAME => return segment.get(7).copied().map(u64::from),
            // Any other frame, but for tables (C4, C8, CC) that are numbered among them; or the picture itself begins.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xDA => return None,
            _ => rest = segment.get(length.max(2)..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG's head: an application's segment, then a frame of that kind with so many components.
    fn jpeg(frame: u8, components: u8) -> Vec<u8> {
        let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0xFF, 0xC2];
        // Filled up with FF before the marker, as is allowed.
        jpeg.extend([0xFF, 0xFF, 0xFF, frame, 0, 17, 8, 0x10, 0, 0x10, 0, components]);
        jpeg.extend([0; 9]);
        jpeg
    }

    #[test]
    fn a_progressive_jpeg_is_told_from_others_by_its_frame() {
        assert_eq!(progressive_components(&jpeg(0xC2, 3)), Some(3));
        assert_eq!(progressive_components(&jpeg(0xC2, 4)), Some(4));
        assert_eq!(progressive_components(&jpeg(0xC0, 3)), None);
        for cut in 0..jpeg(0xC2, 3).len() - 10 {
            assert_eq!(progressive_components(&jpeg(0xC2, 3)[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_progressive_jpeg_and_what_is_see_through_need_more() {
        let (side, decoded) = (1_000, 3_000_000);
        let needed = |file: &[u8], format, decoded, colours| {
            let of = |scaled| needed(file, Some(format), decoded, (side, side), colours, scaled) - file.len() as u64;
            (of(Scaled::ToAnySize), of(Scaled::ToASmallPart))
        };
        let (baseline, progressive, black_ink) = (jpeg(0xC0, 3), jpeg(0xC2, 3), jpeg(0xC2, 4));
        let of = |file: &[u8]| needed(file, ImageFormat::Jpeg, decoded, ColorType::Rgb8);
        assert_eq!(of(&baseline), (8_130_000, 3_000_000));
        assert_eq!(of(&progressive), (9_000_000, 9_000_000));
        assert_eq!(of(&black_ink), (11_000_000, 11_000_000));
        let see_through = needed(&[], ImageFormat::Png, 4_000_000, ColorType::Rgba8);
        assert_eq!(see_through, (14_840_000, 8_000_000));
        // Grey and half see-through becomes four bytes a pixel before it is scaled.
        let grey = needed(&[], ImageFormat::Png, 2_000_000, ColorType::La8);
        assert_eq!(grey, (16_840_000, 10_000_000));
    }
}
