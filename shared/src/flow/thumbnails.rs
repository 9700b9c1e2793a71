//! Thumbnails: small pictures of an upload and of its outputs, made once by the collector when the job has ended. They are
//! for people who look; nothing of a job's way depends on them, and they are made after it, so that an image which brings
//! a decoder down can take no result with it.

use bytes::Bytes;

use super::{App, FlowError, branch::tree, pixels};
use crate::{
    job::{FailureKind, Job, JobId, State, Thumbnail},
    store::StoreError,
};

/// So much memory it may take to make one, the image's file with it: the collector has 512 MB in all. For JPEG and PNG with
/// eight bits a colour that is enough for as many pixels as there may be, unless the JPEG is progressive and for print.
const MOST_BYTES: u64 = 432 * 1024 * 1024;
const JPEG_QUALITY: u8 = 80;

/// Makes the thumbnails of a job that has ended. Whoever does it twice makes the same ones.
///
/// # Errors
/// When a store fails. What is no image to us, or too large, has none.
pub(super) async fn make_thumbnails(app: &App, job: Job) -> Result<(), FlowError> {
    let superseded = matches!(&job.state, State::Failed { reason, .. } if reason.kind == FailureKind::Superseded);
    // A branch is seen as a part of its upload's job.
    if !app.thumbnails || superseded || job.branch.is_some() {
        return Ok(());
    }
    let tree = tree(&app.jobs, job).await?;
    let id = tree.job.id.clone();
    if tree.job.upload.bytes <= Thumbnail::MOST_IMAGE_BYTES {
        let original = app.objects.get_unchanged(&tree.job.upload.key, &tree.job.upload.etag).await;
        make(app, &id, Thumbnail::Original, original).await?;
    }
    for (number, output) in (1..).zip(tree.outputs()) {
        let thumbnail = Thumbnail::Output(number);
        if thumbnail.is_made_of(&output) {
            make(app, &id, thumbnail, app.objects.get(&output.key).await).await?;
        }
    }
    Ok(())
}

/// Makes one of what was got.
async fn make(app: &App, id: &JobId, thumbnail: Thumbnail, got: Result<Bytes, StoreError>) -> Result<(), FlowError> {
    let image = match got {
        Ok(image) => image,
        // Taken away or replaced meanwhile: there is nothing to be seen.
        Err(StoreError::NoSuchObject(_) | StoreError::Changed(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let made = tokio::task::spawn_blocking(move || thumbnail_of(&image)).await;
    match made.unwrap_or_else(|panicked| Err(panicked.to_string())) {
        Ok(small) => Ok(app.objects.put(&thumbnail.key(id), "image/jpeg", small).await?),
        Err(problem) => {
            tracing::info!(job_id = %id, ?thumbnail, problem, "no thumbnail");
            Ok(())
        }
    }
}

fn thumbnail_of(image: &[u8]) -> Result<Bytes, String> {
    let inspected = super::inspect_bytes(image).map_err(|problem| problem.to_string())?;
    let pixels = u64::from(inspected.width) * u64::from(inspected.height);
    if pixels > Thumbnail::MOST_IMAGE_PIXELS {
        return Err(format!("it has {pixels} pixels"));
    }
    let _turn = pixels::turn();
    let small = pixels::decode_small(image, MOST_BYTES, Thumbnail::MOST_SIDE_PIXELS)?;
    let encoded = pixels::encode(&small.image, &small, Some(JPEG_QUALITY));
    encoded.map(Bytes::from).ok_or_else(|| "it cannot be written as JPEG".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbaImage};

    use super::*;

    #[test]
    fn a_thumbnail_is_a_small_jpeg_of_the_same_shape_and_a_small_image_keeps_its_size() {
        for (width, height, expected) in [(2_000, 1_000, (640, 320)), (10, 1_280, (5, 640)), (40, 30, (40, 30))] {
            let mut png = Vec::new();
            let image = RgbaImage::from_pixel(width, height, image::Rgba([200, 10, 10, 128]));
            image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
            let small = super::super::inspect_bytes(&thumbnail_of(&png).unwrap()).unwrap();
            assert_eq!((small.width, small.height), expected);
            assert_eq!(small.format, crate::job::ImageFormat::Jpeg);
        }
    }

    #[test]
    fn what_is_no_image_or_unpacks_to_too_much_has_none() {
        assert!(thumbnail_of(b"no image").is_err());
        let mut png = Vec::new();
        image::GrayImage::new(10_000, 5_001).write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
        assert!(png.len() < 1_000_000 && thumbnail_of(&png).unwrap_err().contains("pixels"));
    }

    /// A JPEG of four colours (ink) as far as the beginning of the picture itself.
    fn head_of_jpeg(frame: u8, width: u16, height: u16) -> Vec<u8> {
        let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
        let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        jpeg.extend([1; 64]);
        jpeg.extend([0xFF, frame, 0, 20, 8, height[0], height[1], width[0], width[1], 4]);
        jpeg.extend([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0]);
        jpeg.extend([0xFF, 0xDA, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
        jpeg
    }

    #[test]
    fn a_progressive_jpeg_has_none_that_would_take_more_memory_than_there_is() {
        const PROGRESSIVE: u8 = 0xC2;
        let thumbnail = |width, height| thumbnail_of(&head_of_jpeg(PROGRESSIVE, width, height));
        let problem = thumbnail(8_650, 5_780).unwrap_err();
        assert_eq!(problem, "it would take 524 MB of memory to decode and scale it, and there are 432");
        // What is missing of a smaller one is grey.
        assert!(thumbnail(300, 200).is_ok());
    }
}
