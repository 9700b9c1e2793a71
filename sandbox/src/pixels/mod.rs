//! The image work behind the services. Pixels in, pixels out: no files, no network, no clock, no wire formats.

pub(crate) mod background;
pub(crate) mod colour;
pub(crate) mod detect;
pub(crate) mod exif;
pub(crate) mod inpaint;
pub(crate) mod random;
pub(crate) mod retouch;
pub(crate) mod scale;
pub(crate) mod unique;

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, Rgb, RgbImage};

/// The green that watermark frames its boxes with.
const FRAME: Rgb<u8> = Rgb([0, 255, 0]);

/// A rectangle in pixels, counted from the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
}

impl Area {
    /// The first column right of the area.
    pub(crate) fn right(self) -> u32 {
        self.x + self.w
    }

    /// The first row below the area.
    pub(crate) fn bottom(self) -> u32 {
        self.y + self.h
    }

    /// Whether the area is not empty and lies inside an image of this size.
    pub(crate) fn fits(self, (width, height): (u32, u32)) -> bool {
        let ends_inside =
            |start: u32, length: u32, end: u32| length > 0 && start.checked_add(length).is_some_and(|stop| stop <= end);
        ends_inside(self.x, self.w, width) && ends_inside(self.y, self.h, height)
    }

    /// The area grown by `margin` on every side, as far as the image goes.
    pub(crate) fn grown(self, margin: u32, image: &RgbImage) -> Self {
        let x = self.x.saturating_sub(margin);
        let y = self.y.saturating_sub(margin);
        let right = (self.right() + margin).min(image.width());
        let bottom = (self.bottom() + margin).min(image.height());
        Self { x, y, w: right - x, h: bottom - y }
    }
}

/// The format that the content itself shows, if it is one of PNG, BMP and JPEG.
pub(crate) fn sniff(content: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(content).ok()?;
    matches!(format, ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Jpeg).then_some(format)
}

/// Decodes an image and turns it as its EXIF data says, because the outputs do not carry that data on.
pub(crate) fn decode(content: &[u8]) -> Result<RgbImage, ImageError> {
    let mut decoder = ImageReader::new(Cursor::new(content)).with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

/// The width and height of an encoded image, without unpacking it; `None` when it does not say.
pub(crate) fn dimensions(content: &[u8]) -> Option<(u32, u32)> {
    ImageReader::new(Cursor::new(content)).with_guessed_format().ok()?.into_dimensions().ok()
}

/// Encodes as JPEG, with EXIF data if there is any.
pub(crate) fn encode_jpeg(image: &RgbImage, exif: Option<Vec<u8>>) -> Result<Vec<u8>, ImageError> {
    const QUALITY: u8 = 90;
    let mut content = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut content, QUALITY);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).map_err(ImageError::Unsupported)?;
    }
    encoder.encode_image(image)?;
    Ok(content)
}

/// The brightness of a colour as the eye takes it, from 0 to 255.
fn brightness(pixel: Rgb<u8>) -> u8 {
    let [red, green, blue] = pixel.0.map(u32::from);
    // The weights add up to 1000, so the result is a byte.
    u8::try_from((299 * red + 587 * green + 114 * blue + 500) / 1000).unwrap_or(u8::MAX)
}

/// Encodes as PNG.
pub(crate) fn encode_png(image: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut content = Cursor::new(Vec::new());
    image.write_to(&mut content, ImageFormat::Png)?;
    Ok(content.into_inner())
}

/// Whether all pixels are alike, so that there is nothing to see in the image.
pub(crate) fn is_uniform(image: &RgbImage) -> bool {
    // JPEG leaves small ripples even in one flat colour.
    const RIPPLE: u8 = 6;
    let mut low = [u8::MAX; 3];
    let mut high = [u8::MIN; 3];
    for pixel in image.pixels() {
        for channel in 0..3 {
            low[channel] = low[channel].min(pixel[channel]);
            high[channel] = high[channel].max(pixel[channel]);
        }
    }
    low.iter().zip(high).all(|(low, high)| high.saturating_sub(*low) <= RIPPLE)
}

/// Draws a green frame on the edge of an area.
pub(crate) fn draw_frame(image: &mut RgbImage, area: Area) {
    const THICKNESS: u32 = 2;
    for y in area.y..area.bottom() {
        for x in area.x..area.right() {
            let from_edge = (x - area.x).min(area.right() - 1 - x).min(y - area.y).min(area.bottom() - 1 - y);
            if from_edge < THICKNESS {
                image.put_pixel(x, y, FRAME);
            }
        }
    }
}

/// The nearest byte.
fn to_byte(value: f32) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clamped to what a byte holds"
    )]
    let byte = value.round().clamp(0.0, 255.0) as u8;
    byte
}

/// The pixel index just below a coordinate; coordinates below zero count as zero.
fn to_index(value: f32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "image sizes fit, and the value is not negative"
    )]
    let index = value.max(0.0) as u32;
    index
}

/// Sizes and positions in an image are far below where a f32 stops being exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn as_float(length: u32) -> f32 {
    length as f32
}

#[cfg(test)]
pub(crate) mod testing {
    //! Images for tests.

    use image::{Rgb, RgbImage};

    /// A smooth picture with some texture, different for every seed.
    pub(crate) fn landscape(width: u32, height: u32, seed: u8) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let grain = u8::try_from((x * 31 + y * 17 + x * y % 7) % 9).unwrap();
            let red = u8::try_from(40 + x * 120 / width).unwrap();
            let green = u8::try_from(60 + y * 90 / height).unwrap();
            Rgb([red + grain, green + grain, 50_u8.wrapping_add(seed) + grain])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::landscape;
    use super::*;

    #[test]
    fn uniform_is_told_from_a_picture_even_after_jpeg() {
        let flat = RgbImage::from_pixel(64, 48, Rgb([90, 120, 200]));
        assert!(is_uniform(&decode(&encode_jpeg(&flat, None).unwrap()).unwrap()));
        assert!(!is_uniform(&landscape(64, 48, 0)));
    }

    #[test]
    fn frame_stays_inside_its_area() {
        let mut image = RgbImage::new(20, 20);
        draw_frame(&mut image, Area { x: 4, y: 5, w: 10, h: 8 });
        assert_eq!(*image.get_pixel(4, 5), FRAME);
        assert_eq!(*image.get_pixel(13, 12), FRAME);
        assert_eq!(*image.get_pixel(9, 9), Rgb([0, 0, 0]));
        assert_eq!(*image.get_pixel(14, 12), Rgb([0, 0, 0]));
    }

    #[test]
    fn sniff_goes_by_content() {
        let image = landscape(8, 8, 1);
        assert_eq!(sniff(&encode_png(&image).unwrap()), Some(ImageFormat::Png));
        assert_eq!(sniff(&encode_jpeg(&image, None).unwrap()), Some(ImageFormat::Jpeg));
        assert_eq!(sniff(b"GIF89a and more"), None);
        assert_eq!(sniff(b"no image"), None);
    }
}
