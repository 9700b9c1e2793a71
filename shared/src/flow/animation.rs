//! Whether an image has several frames. Nothing is decoded for it.

use std::io::Cursor;

use image::codecs::{png::PngDecoder, webp::WebPDecoder};

use crate::job::ImageFormat;

/// Whether `bytes`, an image of `format`, has several frames. What cannot be read counts as still.
#[must_use]
pub fn is_animated(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Gif => has_second_frame(bytes),
        ImageFormat::Png => PngDecoder::new(Cursor::new(bytes)).is_ok_and(|png| png.is_apng().unwrap_or_default()),
        ImageFormat::Webp => WebPDecoder::new(Cursor::new(bytes)).is_ok_and(|webp| webp.has_animation()),
        ImageFormat::Jpeg | ImageFormat::Bmp | ImageFormat::Tiff => false,
    }
}

fn has_second_frame(bytes: &[u8]) -> bool {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    let Ok(mut gif) = options.read_info(Cursor::new(bytes)) else { return false };
    let mut next = || matches!(gif.next_frame_info(), Ok(Some(_)));
    next() && next()
}
