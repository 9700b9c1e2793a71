//! Waiting for the results of uploads, all at once, and fetching them. What is put, and what is printed of it, is not its
//! matter.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use darkroom_shared::{
    job::{Document, Job, JobId, RESULTS_PREFIX, StateName, UploadKey},
    store::{Objects, StoreError},
};
use futures_util::StreamExt as _;

use crate::{
    connection::{Connection, pause_after},
    hint::Hint as _,
    hold_notices::HoldNotices,
    human,
    progress::{Progress, stage},
};

/// How often the bucket is asked for the `job.json` of each upload.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Where many are awaited, a look takes so long for each, so that no more are asked for in a second than fifty.
const LOOK_AT_EACH: Duration = Duration::from_millis(20);
/// But no look comes later than this.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(5);
/// So many are asked for at the same time.
const AT_ONCE: usize = 16;
/// How often the table is asked where the jobs are; that is for people alone.
const STAGES_EVERY: Duration = Duration::from_secs(1);

/// An upload whose result is awaited.
#[derive(Debug)]
pub(super) struct Awaited {
    /// Its key.
    pub(super) key: UploadKey,
    /// Its entity tag.
    pub(super) etag: String,
    /// The job of an earlier upload under the same key.
    pub(super) earlier: Option<JobId>,
}

/// Waits until all have ended. Each is fetched into `out` if there is one, and told to `told` as soon as it has ended.
/// Returned are all in the order in which they were given.
pub(super) async fn wait_for(
    connection: &Connection,
    awaited: &[Awaited],
    out: Option<&Path>,
    progress: &mut Progress,
    mut told: impl FnMut(&Document),
) -> anyhow::Result<Vec<Document>> {
    let mut ended: Vec<Option<Document>> = awaited.iter().map(|_| None).collect();
    let mut notices = HoldNotices::new();
    let mut stages_at = Instant::now();
    loop {
        let open: Vec<usize> = (0..ended.len()).filter(|&number| ended[number].is_none()).collect();
        let look = |number: usize| async move { (number, result(connection, &awaited[number], out).await) };
        let mut looks = futures_util::stream::iter(open.iter().map(|&number| look(number))).buffer_unordered(AT_ONCE);
        while let Some((number, document)) = looks.next().await {
            let Some(document) = document? else { continue };
            let is_done = document.state == StateName::Done;
            progress.ended(awaited[number].key.as_str(), is_done, &outcome(&document, out));
            told(&document);
            ended[number] = Some(document);
        }
        drop(looks);
        if ended.iter().all(Option::is_some) {
            return Ok(ended.into_iter().flatten().collect());
        }
        let ours = |job: &Job| is_awaited(awaited, job);
        for notice in notices.look(&connection.jobs, ours).await {
            progress.note(notice);
        }
        if progress.is_watched() && Instant::now() >= stages_at {
            let began = Instant::now();
            show_stages(connection, awaited, progress).await;
            stages_at = Instant::now() + pause_after(began, STAGES_EVERY);
        }
        let each = LOOK_AT_EACH.saturating_mul(u32::try_from(open.len())?);
        tokio::time::sleep(each.clamp(LOOK_EVERY, LOOK_AT_LEAST_EVERY)).await;
    }
}

fn is_awaited(awaited: &[Awaited], job: &Job) -> bool {
    awaited.iter().any(|put| put.key.as_str() == job.upload.key && put.etag == job.upload.etag)
}

/// Says where the jobs are. Whoever may not read the table only sees less.
async fn show_stages(connection: &Connection, awaited: &[Awaited], progress: &Progress) {
    match connection.jobs.unfinished().await {
        Ok(jobs) => {
            for job in jobs.iter().filter(|job| job.branch.is_none() && is_awaited(awaited, job)) {
                progress.stage(&job.upload.key, stage(job));
            }
        }
        Err(error) => tracing::debug!(%error, "where the jobs are cannot be read"),
    }
}

/// The record of an upload's job, once it has ended and, if asked, its results are fetched.
async fn result(connection: &Connection, upload: &Awaited, out: Option<&Path>) -> anyhow::Result<Option<Document>> {
    let document = document(&connection.objects, &upload.key).await?;
    let ours =
        |document: &Document| Some(&document.id) != upload.earlier.as_ref() && document.upload.etag == upload.etag;
    let Some(document) = document.filter(ours) else { return Ok(None) };
    if let Some(out) = out {
        fetch(&connection.objects, &document, out).await?;
    }
    Ok(Some(document))
}

/// The `job.json` of the last job of this key.
pub(super) async fn document(objects: &Objects, key: &UploadKey) -> anyhow::Result<Option<Document>> {
    match objects.get(&key.job_document()).await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(StoreError::NoSuchObject(_)) => Ok(None),
        Err(error) => Err(error).hint(|| {
            "what was put is worked on all the same: `darkroom jobs` shows it when the bucket answers again".to_owned()
        }),
    }
}

/// Writes a job's outputs and its `job.json` below `out`, in the same folders as in the bucket.
pub(super) async fn fetch(objects: &Objects, document: &Document, out: &Path) -> anyhow::Result<PathBuf> {
    let elsewhere = || "name another folder with --out; the results are still in the bucket".to_owned();
    let job_document = UploadKey::parse(&document.upload.key)?.job_document();
    let keys = document.outputs.iter().map(|output| output.key.as_str()).chain([job_document.as_str()]);
    let mut folder = out.to_owned();
    for key in keys {
        let path = out.join(key.strip_prefix(RESULTS_PREFIX).unwrap_or(key));
        if let Some(parent) = path.parent() {
            let made = std::fs::create_dir_all(parent);
            made.with_context(|| format!("{} cannot be made", parent.display())).hint(elsewhere)?;
            parent.clone_into(&mut folder);
        }
        let bytes = objects.get(key).await?;
        let written = std::fs::write(&path, &bytes);
        written.with_context(|| format!("{} cannot be written", path.display())).hint(elsewhere)?;
    }
    Ok(folder)
}

/// What came of an upload: where its results lie, or why it failed.
pub(super) fn outcome(document: &Document, out: Option<&Path>) -> String {
    if let Some(reason) = &document.reason {
        return reason.message.clone();
    }
    let folder = document.upload.key.replacen("uploads/", RESULTS_PREFIX, 1);
    let place = match out {
        Some(out) => out.join(folder.strip_prefix(RESULTS_PREFIX).unwrap_or(&folder)).display().to_string(),
        None => folder,
    };
    format!("{} in {place}", made(document))
}

/// What a job that is done has made.
pub(super) fn made(document: &Document) -> String {
    let bytes = document.outputs.iter().map(|output| output.bytes).sum();
    let files = format!("{} ({})", human::count(document.outputs.len(), "file"), human::size(bytes));
    match document.steps.iter().map(|step| step.work.links.len()).sum() {
        0 => files,
        links => format!("{files}, {}", human::count(links, "link")),
    }
}
