//! One attempt to have a provider do a step: check, wait for a slot, ask. The only place that makes paid calls.
//!
//! Everything that can fail for free is done while the job is still `Queued`. `Submitting` is written right before the
//! call and means just that: if we die then, the outcome is unknown.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::{App, FlowError, collect::store_single, inspect_bytes, refusal::refused};
use crate::{
    job::{Because, Event, FailureKind, Job, JobId, Outcome, ProviderName, Report, ResultSource, TaskId},
    provider::{Image, Provider, Request, Submitted, facts},
    store::{QueueName, StoreError},
};

/// A rate slot nearer than this is waited for; a farther one becomes the job's `due_at`.
const LONGEST_SLOT_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// So much before its slot a job is woken, so that it can be exact.
const SLOT_LEAD: SignedDuration = SignedDuration::from_secs(2);

/// Makes one attempt at a job that is `Queued`. `slot_at` is a rate slot that it has already.
pub(super) async fn attempt(app: &App, mut job: Job, slot_at: Option<Timestamp>) -> Result<(), FlowError> {
    let Some(step) = job.step().cloned() else { return Ok(()) };
    if let Err(message) = fits_in_size(step.provider, &step.input, job.upload.bytes) {
        return app.fail(job, FailureKind::UnsuitableImage, message).await;
    }
    let bytes = match app.objects.get_unchanged(&step.input, &job.upload.etag).await {
        Ok(bytes) => bytes,
        Err(StoreError::Changed(key)) => {
            let message =
                format!("another upload took the place of '{key}' before it was sent; it has a job of its own");
            return app.supersede(job, message).await;
        }
        Err(StoreError::NoSuchObject(key)) => {
            let message = format!("'{key}' was gone when it was to be sent to {}; upload it again", step.provider);
            return app.fail(job, FailureKind::UploadMissing, message).await;
        }
        Err(error) => {
            tracing::warn!(job_id = %job.id, %error, "the image cannot be read now");
            let until = app.retry_at(0, Duration::from_secs(1));
            app.advance(job, &Event::Postponed { until, slot_at: None, because: Because::NotAsked }).await?;
            return Ok(());
        }
    };
    let image = match fit_for(step.provider, &step.input, bytes) {
        Ok((image, sha256)) => {
            job.upload.sha256 = Some(sha256);
            image
        }
        Err(message) => return app.fail(job, FailureKind::UnsuitableImage, message).await,
    };
    match wait_for_slot(app, job, step.provider, slot_at).await? {
        Some(job) => ask(app, job, &image).await,
        None => Ok(()),
    }
}

/// The paid call.
async fn ask(app: &App, job: Job, image: &Image) -> Result<(), FlowError> {
    let provider = provider_of(app, &job)?;
    let now = app.now();
    // Of several who got as far as this, one gets further.
    let event = Event::Started { at: now, lease_until: app.schedule.lease_until(now) };
    let Some(job) = app.advance(job, &event).await? else { return Ok(()) };
    let Some(step) = job.step() else { return Ok(()) };
    let callback_url = match app.schedule.callback_missing_at(now, step.replays) {
        Some(_) => step.callback_url.as_deref(),
        None => None,
    };
    let file_name = sent_file_name(&job.id, image);
    let request = Request { image, file_name: &file_name, options: &step.options, callback_url, image_url: None };
    match provider.submit(request).await {
        Ok(Submitted::Accepted { task_id }) => accepted(app, job, task_id, false).await,
        Ok(Submitted::Finished(outcome)) => finished(app, job, outcome).await,
        Ok(Submitted::InHand { bytes, report }) => in_hand(app, job, bytes, report).await,
        Err(error) => refused(app, job, &error).await,
    }
}

/// The name that the provider gets: the job's id proves whose result it is.
fn sent_file_name(id: &JobId, image: &Image) -> String {
    format!("{id}.{}", image.format.extension())
}

/// The provider that the job's step is for.
pub(super) fn provider_of<'a>(app: &'a App, job: &Job) -> Result<&'a dyn Provider, FlowError> {
    app.providers.get(job.provider()).map(AsRef::as_ref).ok_or_else(|| FlowError::Unequipped {
        job_id: job.id.clone(),
        problem: format!("this function was started without the provider {}", job.provider()),
    })
}

/// No image is larger than this, whatever a provider says: it is held in memory while it is sent.
const MOST_IMAGE_BYTES: u64 = 256 * 1024 * 1024;

/// Checks the size before the image is even read. The error is for the person who uploaded it.
fn fits_in_size(provider: ProviderName, key: &str, bytes: u64) -> Result<(), String> {
    let most = facts(provider).most_image_bytes.unwrap_or(MOST_IMAGE_BYTES);
    match bytes {
        0 => Err(format!("'{key}' is empty (0 bytes); upload the image again")),
        bytes if bytes > most => Err(format!(
            "'{key}' has {bytes} bytes, and {provider} takes at most {most}; make it smaller and upload it again"
        )),
        _ => Ok(()),
    }
}

/// Checks the image before anything is paid. The error is for the person who uploaded it.
fn fit_for(provider: ProviderName, key: &str, bytes: Bytes) -> Result<(Image, String), String> {
    let inspected = inspect_bytes(&bytes).map_err(|problem| {
        format!("'{key}' is no image that darkroom knows: {problem}. Its content counts, not its name")
    })?;
    let facts = facts(provider);
    if !facts.formats.is_empty() && !facts.formats.contains(&inspected.format) {
        let taken: Vec<&str> = facts.formats.iter().map(|format| format.extension()).collect();
        return Err(format!(
            "'{key}' is {} by its content, and {provider} takes only {}; convert it and upload it again",
            inspected.format.content_type(),
            taken.join(", ")
        ));
    }
    Ok((Image { bytes, format: inspected.format }, inspected.sha256))
}

/// Waits for the provider's next free slot, or puts the job off until then (`None`).
async fn wait_for_slot(
    app: &App,
    job: Job,
    provider: ProviderName,
    reserved: Option<Timestamp>,
) -> Result<Option<Job>, FlowError> {
    let now = app.now();
    let slot_at = match app.paces.get(&provider) {
        None => now,
        Some(pace) => {
            let interval = SignedDuration::from_millis(pace.interval_ms());
            // A slot that has long passed is worth nothing: all who come late with one would come at once.
            match reserved.filter(|slot_at| now.duration_since(*slot_at) <= interval) {
                Some(slot_at) => slot_at,
                None => app.jobs.reserve_slot(provider, *pace, now).await?,
            }
        }
    };
    let wait = slot_at.duration_since(now);
    if wait > LONGEST_SLOT_WAIT {
        let until = slot_at.saturating_sub(SLOT_LEAD).unwrap_or(slot_at);
        app.advance(job, &Event::Postponed { until, slot_at: Some(slot_at), because: Because::NotAsked }).await?;
        return Ok(None);
    }
    tokio::time::sleep(wait.try_into().unwrap_or(Duration::ZERO)).await;
    Ok(Some(job))
}

/// The provider took it: from now on it is polled, or calls back.
pub(super) async fn accepted(app: &App, job: Job, task_id: Option<TaskId>, adopted: bool) -> Result<(), FlowError> {
    let now = app.now();
    let replays = job.step().map_or(0, |step| step.replays);
    let due_at = if task_id.is_some() {
        app.schedule.poll_at(now, 0)
    } else {
        app.schedule.callback_missing_at(now, replays).unwrap_or_else(|| app.schedule.lease_until(now))
    };
    app.advance(job, &Event::Accepted { at: now, task_id, due_at, adopted }).await?;
    Ok(())
}

async fn finished(app: &App, job: Job, outcome: Outcome) -> Result<(), FlowError> {
    if let Some(job) = app.advance(job, &app.finished(outcome)).await? {
        app.wake(QueueName::Collect, &job.id).await;
    }
    Ok(())
}

/// The result came in the reply: it goes straight into the bucket.
async fn in_hand(app: &App, job: Job, bytes: Bytes, report: Report) -> Result<(), FlowError> {
    let now = app.now();
    let output = match store_single(app, &job, &bytes).await? {
        Ok(output) => output,
        Err(problem) => {
            let message = format!(
                "{} answered '{}' with something that is no image: {problem}. Try again with `darkroom retry {}`",
                job.provider(),
                job.upload.key,
                job.id
            );
            return app.fail(job, FailureKind::BrokenResult, message).await;
        }
    };
    let outputs = vec![output];
    let outcome = Outcome { source: ResultSource::Stored { outputs: outputs.clone() }, report };
    if let Some(job) = app.advance(job, &app.finished(outcome)).await? {
        app.end(job, &Event::Collected { at: now, outputs }).await?;
    }
    Ok(())
}
