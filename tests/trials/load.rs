//! What every trial needs: many uploads at once, waiting until all have ended, and the process as the system sees it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::world::{Outside, Serve};

/// Requests that the trial itself has open at the same time.
pub(crate) const AT_ONCE: usize = 32;

/// An upload as it lies in the bucket.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) key: String,
    pub(crate) etag: String,
    pub(crate) bytes: usize,
}

/// Puts pictures of which no two are alike, as `uploads/watermark/<number>.png`.
pub(crate) async fn put_many(serve: &Serve, many: u32) -> Vec<Put> {
    let s3 = serve.s3();
    let put = |number: u32| {
        let s3 = s3.clone();
        async move {
            let (key, picture) = (format!("uploads/watermark/{number:04}.png"), numbered_picture(number));
            let bytes = picture.len();
            let put = s3.put_object().bucket("darkroom").key(&key).body(picture.into()).send().await.unwrap();
            Put { key, etag: put.e_tag.unwrap().trim_matches('"').to_owned(), bytes }
        }
    };
    stream::iter(0..many).map(put).buffered(AT_ONCE).collect().await
}

fn numbered_picture(number: u32) -> Vec<u8> {
    let [low, high, ..] = number.to_le_bytes();
    let picture = image::RgbImage::from_fn(48, 32, |x, y| {
        let wave = u8::try_from((x * 3 + y * 5) % 256).unwrap();
        image::Rgb([wave, wave ^ low, wave ^ high])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Waits until watermark has charged for `many` images.
pub(crate) async fn charged(outside: &Outside, many: usize, patience: Duration) {
    let start = Instant::now();
    while outside.charges("watermark") < many {
        assert!(start.elapsed() < patience, "{:?}", outside.sandbox.ledger().requests);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits for all to be done and returns their `job.json`s.
pub(crate) async fn all_done(serve: &Serve, uploads: &[Put]) -> Vec<Value> {
    let mut documents = Vec::with_capacity(uploads.len());
    for upload in uploads {
        let document = serve.ended(&upload.key).await;
        assert_eq!(document["state"], "done", "{document:#}");
        documents.push(document);
    }
    documents
}

/// How many jobs there are in the table.
pub(crate) fn jobs(serve: &Serve) -> usize {
    let jobs = serve.run(&["jobs", "--json", "--limit", "100000"]);
    serde_json::from_slice::<Vec<Value>>(&jobs.stdout).unwrap().len()
}

/// Memory of a process in MB: `VmRSS` is what it has, `VmHWM` the most that it had. 0 where the system does not tell.
pub(crate) fn memory_mb(serve: &Serve, field: &str) -> u64 {
    let status = Path::new("/proc").join(serve.process.id().to_string()).join("status");
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// An HTTP client that asks no proxy.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
