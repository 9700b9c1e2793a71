//! Uploads that came while nobody listened: found at the start, and given the job that they should have.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use darkroom_shared::{
    event::Uploaded,
    flow::App,
    job::{Document, JobId, UPLOADS_PREFIX, UploadKey},
    store::StoreError,
};

use super::{queue::MemoryQueue, s3::version};

/// Sends an event for every upload in `bucket_folder` that has no job. Returns how many there were.
pub(super) async fn find_without_job(
    app: &App,
    s3: &aws_sdk_s3::Client,
    queue: &MemoryQueue,
    bucket_folder: &Path,
) -> anyhow::Result<usize> {
    let folder = bucket_folder.to_owned();
    let uploads = tokio::task::spawn_blocking(move || list(&folder)).await?.context("the uploads cannot be listed")?;
    let mut found = 0;
    for (key, version, bytes) in uploads {
        let Ok(upload_key) = UploadKey::parse(&key) else { continue };
        let bucket = app.objects.bucket().to_owned();
        if app.jobs.get(&JobId::of_upload(&bucket, &key, &version)).await?.is_some() {
            continue;
        }
        let head = s3.head_object().bucket(&bucket).key(&key).send().await;
        let etag = head.ok().and_then(|head| head.e_tag).unwrap_or_default().trim_matches('"').to_owned();
        if has_result(app, &upload_key, &etag).await? {
            continue;
        }
        found += 1;
        queue.notify(&Uploaded { bucket, key, version, etag, bytes });
    }
    Ok(found)
}

/// Whether a job for this very content has ended here before. A folder that was copied has new times, and nobody wants
/// to pay for it again.
async fn has_result(app: &App, key: &UploadKey, etag: &str) -> anyhow::Result<bool> {
    match app.objects.get(&key.job_document()).await {
        Ok(bytes) => Ok(serde_json::from_slice::<Document>(&bytes).is_ok_and(|document| document.upload.etag == etag)),
        Err(StoreError::NoSuchObject(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

type Listed = (String, String, u64);

fn list(bucket_folder: &Path) -> std::io::Result<Vec<Listed>> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![bucket_folder.join(UPLOADS_PREFIX)];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            if metadata.is_dir() {
                folders.push(path);
            } else if let Some(key) = path.strip_prefix(bucket_folder).ok().and_then(Path::to_str) {
                files.push((key.to_owned(), version(metadata.modified().ok()), metadata.len()));
            }
        }
    }
    files.sort();
    Ok(files)
}
