//! `darkroom backfill PREFIX`: jobs for uploads that have none.

use std::{collections::BTreeSet, time::Duration};

use darkroom_shared::{
    environment::Environment,
    event::Uploaded,
    flow,
    job::{Document, UPLOADS_PREFIX, UploadKey, UploadKeyError},
    store::{Created, Objects, StoreError},
};
use jiff::Timestamp;

use crate::{
    Ended,
    arguments::Backfill,
    connection::Connection,
    hint::{Hint as _, hinted},
    terminal,
};

/// Looks at every upload below the prefix and makes a job for each that has none.
pub(crate) async fn run(arguments: Backfill, environment: &Environment) -> anyhow::Result<Ended> {
    if !arguments.prefix.starts_with(UPLOADS_PREFIX) {
        return Err(hinted(
            format!("{} is no prefix of uploads: it has to begin with {UPLOADS_PREFIX}", arguments.prefix),
            format!("for all uploads: darkroom backfill {UPLOADS_PREFIX}"),
        ));
    }
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let app = connection.app()?;
    let known: BTreeSet<(String, String)> = connection
        .jobs
        .of_all_uploads()
        .await
        .hint(|| connection.about_the_table())?
        .into_iter()
        .map(|job| (job.upload.key, job.upload.etag))
        .collect();
    let youngest = connection.now().saturating_sub(Duration::from_secs(arguments.min_age_s))?;
    let (mut made, mut there, mut young) = (0, 0, 0);
    for upload in connection.uploads(&arguments.prefix).await? {
        let key = match UploadKey::parse(&upload.uploaded.key) {
            Ok(key) => key,
            Err(UploadKeyError::Folder) => continue,
            Err(problem) => {
                terminal::note(format!("{}: {problem}", upload.uploaded.key));
                continue;
            }
        };
        let same = (upload.uploaded.key.clone(), upload.uploaded.etag.clone());
        if known.contains(&same) || has_result(&connection.objects, &key, &upload.uploaded.etag).await? {
            there += 1;
        } else if upload.modified_at > youngest {
            young += 1;
        } else if let Created::New = flow::backfill(&app, upload.uploaded).await? {
            made += 1;
            terminal::line(format!("{}  gets its job", key.as_str()));
        }
    }
    terminal::line(format!("{made} jobs made; {there} uploads have theirs"));
    if young > 0 {
        terminal::line(format!(
            "{young} uploads are younger than {} s and were left alone: their notification may be on its way",
            arguments.min_age_s
        ));
    }
    Ok(Ended::Done)
}

/// An upload as a listing tells it.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The upload; its version is made of its content and time.
    pub(crate) uploaded: Uploaded,
    /// When it was put there.
    pub(crate) modified_at: Timestamp,
}

/// Whether a job for this very content has ended before; its row may have expired, its record has not.
async fn has_result(objects: &Objects, key: &UploadKey, etag: &str) -> anyhow::Result<bool> {
    match objects.get(&key.job_document()).await {
        Ok(bytes) => Ok(serde_json::from_slice::<Document>(&bytes).is_ok_and(|document| document.upload.etag == etag)),
        Err(StoreError::NoSuchObject(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
