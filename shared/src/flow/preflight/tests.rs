//! Images made for the purpose, against the limits of the documents.

use image::{DynamicImage, Frame, ImageFormat as Format, Rgba, RgbaImage, codecs::gif::GifEncoder};

use super::*;
use crate::job::{ImageFormat, PlannedStep, Route};

fn step(route: &str, fit: bool, bytes: &Bytes) -> Step {
    let route: Route = route.parse().unwrap();
    Step::new(
        PlannedStep { fit, ..PlannedStep::new(route, serde_json::json!({})) },
        "uploads/a".into(),
        bytes.len() as u64,
    )
}

fn picture(width: u32, height: u32) -> DynamicImage {
    // Noise: it cannot be packed.
    let mut state = 1_u32;
    let noise = image::RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, a, b, c] = state.to_le_bytes();
        image::Rgb([a, b, c])
    });
    DynamicImage::ImageRgb8(noise)
}

fn encoded(image: &DynamicImage, format: Format) -> Bytes {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner().into()
}

fn animated_gif() -> Bytes {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for shade in [0, 200] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(8, 8, Rgba([shade, 0, 0, 255])))).unwrap();
    }
    drop(encoder);
    bytes.into()
}

fn refused(route: &str, bytes: &Bytes) -> String {
    let step = step(route, false, bytes);
    let checked = check_size(&step, &step.input).and_then(|()| check_content(&step, &step.input, bytes.clone()));
    checked.expect_err("it should be refused")
}

fn fitted(route: &str, bytes: &Bytes) -> Ready {
    let step = step(route, true, bytes);
    check_size(&step, &step.input).unwrap();
    let ready = check_content(&step, &step.input, bytes.clone()).unwrap();
    let again = Step { fit: false, input_bytes: ready.image.bytes.len() as u64, ..step };
    check_size(&again, "fitted").unwrap();
    assert!(check_content(&again, "fitted", ready.image.bytes.clone()).unwrap().fitted.is_none(), "it fits now");
    ready
}

#[test]
fn what_fits_is_sent_as_it_is() {
    let bytes = encoded(&picture(8, 8), Format::Png);
    for route in ["watermark", "imgfactory"] {
        let step = step(route, true, &bytes);
        let ready = check_content(&step, "a", bytes.clone()).unwrap();
        assert_eq!((ready.image.bytes, ready.fitted), (bytes.clone(), None));
    }
}

#[test]
fn an_image_of_another_kind_is_refused_or_converted() {
    let tiff = encoded(&picture(8, 8), Format::Tiff);
    let message = refused("watermark/clean", &tiff);
    assert!(message.contains("image/tiff") && message.contains("jpg, png, bmp"), "{message}");
    assert!(message.contains("fit = true in [watermark.clean]"), "{message}");
    let ready = fitted("watermark/clean", &tiff);
    assert_eq!(ready.image.format, ImageFormat::Png, "what came without loss stays so");
    let note = ready.fitted.unwrap();
    assert!(note.contains("image/tiff 8×8") && note.contains("became image/png 8×8"), "{note}");
}

#[test]
fn an_image_of_too_many_bytes_is_refused_or_made_smaller() {
    let large = encoded(&picture(1300, 1100), Format::Bmp);
    assert!(large.len() > 4_194_304);
    assert!(refused("watermark", &large).contains("4194304"));
    let ready = fitted("watermark", &large);
    assert_eq!(ready.image.format, ImageFormat::Jpeg);
    assert!(ready.image.bytes.len() <= 4_194_304);
}

#[test]
fn an_animation_is_refused_or_its_first_frame_taken() {
    let gif = animated_gif();
    let message = refused("imgfactory", &gif);
    assert!(message.contains("animated image/gif") && message.contains("still"), "{message}");
    let ready = fitted("imgfactory", &gif);
    assert_eq!(ready.image.format, ImageFormat::Png);
    let still = encoded(&picture(8, 8), Format::Gif);
    assert!(check_content(&step("imgfactory", false, &still), "a", still).unwrap().fitted.is_none());
}

#[test]
fn what_lies_on_its_side_is_turned_upright_when_it_is_encoded_anew() {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
    // An EXIF head that says: turn by 90 degrees.
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    image::ImageEncoder::set_exif_metadata(&mut encoder, exif.to_vec()).unwrap();
    picture(90, 60).write_with_encoder(encoder).unwrap();
    let facts = Facts { most_pixels: Some((60, 60)), ..*facts(ProviderName::Watermark) };
    let fitted = fit(&bytes, &inspect_bytes(&bytes).unwrap(), &facts).unwrap();
    let upright = inspect_bytes(&fitted.bytes).unwrap();
    assert_eq!((upright.width, upright.height), (40, 60), "{}", fitted.note);
}

#[test]
fn sides_and_bytes_are_brought_within_their_bounds_together() {
    let bounds = Facts {
        most_image_bytes: Some(3000),
        least_pixels: Some((5, 5)),
        most_pixels: Some((100, 50)),
        ..*facts(ProviderName::Watermark)
    };
    let made = |width, height| {
        let bytes = encoded(&picture(width, height), Format::Png);
        let fitted = fit(&bytes, &inspect_bytes(&bytes).unwrap(), &bounds)?;
        assert!(fitted.bytes.len() <= 3000);
        let inspected = inspect_bytes(&fitted.bytes).unwrap();
        Ok::<_, String>((inspected.width, inspected.height, fitted.format))
    };
    assert_eq!(made(40, 20), Ok((40, 20, ImageFormat::Png)));
    assert_eq!(made(2, 8), Ok((5, 20, ImageFormat::Png)), "too small is made larger");
    let (width, height, format) = made(200, 100).unwrap();
    assert!(width < 100 && width.abs_diff(height * 2) <= 1 && format == ImageFormat::Jpeg, "{width}×{height}");
    assert!(made(400, 2).unwrap_err().contains("too unlike"));
}

#[test]
fn what_is_no_image_or_empty_says_so() {
    assert!(refused("watermark", &Bytes::from_static(b"I am a photo.")).contains("no image"));
    assert!(refused("watermark", &Bytes::new()).contains("empty"));
    let torn = encoded(&picture(64, 64), Format::Tiff).slice(..600);
    let step = step("watermark", true, &torn);
    assert!(check_content(&step, "a", torn).is_err());
}

#[test]
fn a_small_file_that_would_unpack_to_gigabytes_is_refused_without_being_unpacked() {
    // A GIF of 65 535 by 65 535 pixels, in a few bytes.
    let mut bytes = animated_gif().to_vec();
    bytes[6..10].copy_from_slice(&[0xFF; 4]);
    let bytes = Bytes::from(bytes);
    let step = step("imgfactory", true, &bytes);
    let message = check_content(&step, "'a'", bytes).expect_err("it should be refused");
    assert!(message.contains("4294836225 pixels"), "{message}");
}

#[test]
fn an_animation_that_the_service_would_keep_is_not_made_still() {
    let bytes = [animated_gif().as_ref(), &vec![0; 11_000_000]].concat().into();
    let message =
        check_content(&step("imageban", true, &bytes), "'a'", bytes.clone()).expect_err("it should be refused");
    assert!(message.contains("lose its frames"), "{message}");
}

#[test]
fn colours_stay_what_they_are() {
    let mut profile = vec![0; 128];
    profile[16..20].copy_from_slice(b"RGB ");
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::set_icc_profile(&mut encoder, profile.clone()).unwrap();
    picture(40, 40).write_with_encoder(encoder).unwrap();
    for most_image_bytes in [None, Some(2000)] {
        let facts = Facts { most_image_bytes, most_pixels: Some((30, 30)), ..*facts(ProviderName::Watermark) };
        let fitted = fit(&bytes, &inspect_bytes(&bytes).unwrap(), &facts).unwrap();
        let reader = image::ImageReader::new(std::io::Cursor::new(&fitted.bytes)).with_guessed_format().unwrap();
        let kept = image::ImageDecoder::icc_profile(&mut reader.into_decoder().unwrap()).unwrap();
        assert_eq!(kept, Some(profile.clone()), "{:?}", fitted.format);
    }
}
