//! The functions that decode images, with the largest images that they take. What they may have is what the templates give
//! them; beyond it, Lambda ends them in the middle of their work.
//!
//! * A submit function whose preset says `fit` gets a JPEG of 100 megapixels that no quality makes small enough, so that it
//!   is decoded, laid on white, and scaled several times.
//! * The collector makes the thumbnail of a see-through PNG of 50 megapixels: four bytes a pixel, and as many again while it
//!   is scaled.

use anyhow::Context as _;
use axum::body::Bytes;
use darkroom_shared::{
    aws,
    clock::Clock,
    job::{Job, JobId},
    store::Jobs,
};
use image::{DynamicImage, ExtendedColorType, ImageEncoder as _, codecs::jpeg::JpegEncoder, codecs::png::PngEncoder};
use serde_json::json;

use super::{NAME, Peaks, Sample, as_over_a_network, run, submitted};
use crate::{
    bench::Bench,
    providers::Providers,
    report::Line,
    runtime::{batch, environment, upload_event},
    stores::Stores,
};

/// Sides of 100 megapixels.
const FITTED: (u32, u32) = (11_500, 8_690);
/// Sides of 50 megapixels.
const SHOWN: (u32, u32) = (8_650, 5_780);
const SUBMIT_MB: u32 = 1024;
const COLLECTOR_MB: u32 = 512;

pub(super) async fn measure(bench: &Bench, runs: usize) -> anyhow::Result<[Line; 2]> {
    Ok([fitted(bench, runs).await.context("fit")?, shown(bench, runs).await.context("thumbnails")?])
}

async fn fitted(bench: &Bench, runs: usize) -> anyhow::Result<Line> {
    let image = Bytes::from(tokio::task::spawn_blocking(photo).await??);
    let services = Providers::open(image.slice(..1)).await?;
    let folder = tempfile::TempDir::new()?;
    let config = folder.path().join("darkroom.toml");
    std::fs::write(&config, "[watermark.fitted]\nfit = true\n")?;
    let mut peaks = Peaks::default();
    for _ in 0..runs {
        let (stores, _messages) = Stores::open().await?;
        let door = as_over_a_network(&stores, "submit-watermark").await?;
        let key = "uploads/watermark/fitted/large.jpg";
        let etag = stores.objects.put(&format!("/{NAME}/{key}"), image.clone());
        let mut variables = environment("submit-watermark", SUBMIT_MB, &door, "https://hooks.example");
        variables.extend(services.environment());
        variables.push(("DARKROOM_CONFIG".into(), config.to_string_lossy().into_owned()));
        let event = batch(&upload_event(key, image.len(), &etag).to_string());
        run(bench, "submit-watermark", &variables, &event, &mut peaks).await?;
        submitted(&stores).await?;
    }
    Ok(line("submit-watermark: a JPEG of 100 megapixels is made to fit", SUBMIT_MB, &peaks))
}

async fn shown(bench: &Bench, runs: usize) -> anyhow::Result<Line> {
    let image = Bytes::from(tokio::task::spawn_blocking(glass).await??);
    let mut peaks = Peaks::default();
    for _ in 0..runs {
        let (stores, _messages) = Stores::open().await?;
        let door = as_over_a_network(&stores, "collector").await?;
        let key = "uploads/watermark/default/large.png";
        let etag = stores.objects.put(&format!("/{NAME}/{key}"), image.clone());
        let job = done_job(key, image.len(), &etag)?;
        Jobs::new(aws::dynamodb(&aws::local("test", "test")?, Some(&door)), NAME).create(&job).await?;
        let variables = environment("collector", COLLECTOR_MB, &door, "https://hooks.example");
        let event = batch(&json!({"job_id": job.id.as_str()}).to_string());
        run(bench, "collector", &variables, &event, &mut peaks).await?;
        let thumbnail = format!("/{NAME}/results/.thumbnails/{}/original.jpg", job.id);
        anyhow::ensure!(stores.objects.get(&thumbnail).is_some(), "{thumbnail} is not in the bucket");
    }
    Ok(line("collector: a thumbnail of a see-through PNG of 50 megapixels", COLLECTOR_MB, &peaks))
}

fn line(what: &str, most_mb: u32, peaks: &Peaks) -> Line {
    let most = Sample::new(peaks.most_mib.clone());
    let took = Sample::new(peaks.event_s.clone());
    Line {
        measure: "memory",
        what: what.to_owned(),
        goal: format!("< {most_mb} MB, what the function has"),
        result: format!("{}; it takes {}", most.told("MB"), took.told("s")),
        peer: None,
        limit: "the file, its pixels, and a copy of them while they are scaled".to_owned(),
        met: most.greatest() < f64::from(most_mb),
        numbers: super::json(peaks),
    }
}

/// Noise in blocks of 6 × 6 pixels: about as many bytes as a photo full of detail has.
fn photo() -> anyhow::Result<Vec<u8>> {
    const BLOCK: u32 = 6;
    let image = image::RgbImage::from_fn(FITTED.0, FITTED.1, |x, y| {
        let noise = (x / BLOCK).wrapping_mul(2_654_435_761).rotate_left(13) ^ (y / BLOCK).wrapping_mul(2_246_822_519);
        let [red, green, blue, _] = (noise ^ noise >> 15).wrapping_mul(3_266_489_917).to_le_bytes();
        image::Rgb([red, green, blue])
    });
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 90);
    encoder.write_image(&image, FITTED.0, FITTED.1, ExtendedColorType::Rgb8)?;
    Ok(file)
}

fn glass() -> anyhow::Result<Vec<u8>> {
    let image = image::RgbaImage::from_pixel(SHOWN.0, SHOWN.1, image::Rgba([20, 120, 200, 100]));
    let mut file = Vec::new();
    DynamicImage::ImageRgba8(image).write_with_encoder(PngEncoder::new(&mut file))?;
    Ok(file)
}

/// A job that has ended, with nothing to show but its upload.
fn done_job(key: &str, bytes: usize, etag: &str) -> anyhow::Result<Job> {
    let now = Clock::system().now().to_string();
    let job = json!({
        "id": JobId::of_upload(NAME, key, "1").as_str(), "revision": 5, "route": "watermark/default",
        "created_at": now, "finished_at": now,
        "upload": {"bucket": NAME, "key": key, "etag": etag, "bytes": bytes},
        "state": {"name": "done", "outputs": []},
        "steps": [{"provider": "watermark", "preset": "default", "options": {}, "input": key, "attempts": 1}],
    });
    serde_json::from_value(job).context("a job that darkroom cannot read")
}
