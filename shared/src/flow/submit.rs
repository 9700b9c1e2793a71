//! Submit: an upload becomes a job, and its image goes to the provider. The only place that makes paid calls.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::{App, FlowError, inspect_bytes};
use crate::{
    event::Uploaded,
    job::{
        Because, Event, FailureKind, Job, JobId, Outcome, ProviderName, ResultSource, Route, State, Step, TaskId,
        Upload, UploadKey, UploadKeyError,
    },
    provider::{Advice, Delivery, Image, Provider, ProviderError, Request, Settled, Submitted, Unsettled, facts},
    store::{Created, QueueName, StoreError},
};

/// A rate slot nearer than this is waited for; a farther one becomes the job's `due_at`.
const LONGEST_SLOT_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// So much before its slot a job is woken, so that it can be exact.
const SLOT_LEAD: SignedDuration = SignedDuration::from_secs(2);
/// After a lost answer, so long until we ask: the provider may still be taking in the image.
const SETTLE_AFTER: Duration = Duration::from_secs(15);

/// Makes the job of an upload and submits its image. An event that comes twice makes no second job.
///
/// # Errors
/// When a store fails; the event is to be delivered again.
pub async fn submit_upload(app: &App, uploaded: Uploaded) -> Result<(), FlowError> {
    let key = match UploadKey::parse(&uploaded.key) {
        Ok(key) => key,
        Err(UploadKeyError::Folder) => return Ok(()),
        Err(problem @ (UploadKeyError::NotAnUpload | UploadKeyError::UnknownProvider(_))) => {
            tracing::warn!(key = uploaded.key, %problem, "upload ignored");
            return Ok(());
        }
    };
    let id = JobId::of_upload(&uploaded.bucket, &uploaded.key, &uploaded.version);
    let now = app.now();
    let options = app.presets.get(key.route()).cloned();
    let known = options.is_some();
    let job = new_job(app, id, &key, uploaded, options.unwrap_or_default(), now)?;
    if !known {
        return refuse_preset(app, job, &key).await;
    }
    let started = job.after(&Event::Started { at: now, lease_until: app.schedule.lease_until(now) });
    let Ok(started) = started else { return Ok(()) };
    match app.jobs.create(&started).await? {
        Created::New => {
            tracing::info!(job_id = %started.id, key = started.upload.key, "job made");
            submit(app, started, None).await
        }
        Created::AlreadyThere(job) => resume(app, *job).await,
    }
}

/// Goes on with a job that was woken.
///
/// # Errors
/// When a store fails; the message is to be delivered again.
pub async fn submit_woken(app: &App, id: &JobId) -> Result<(), FlowError> {
    match app.jobs.get(id).await? {
        Some(job) => resume(app, job).await,
        None => {
            tracing::warn!(job_id = %id, "woken for a job that is not in the table");
            Ok(())
        }
    }
}

fn new_job(
    app: &App,
    id: JobId,
    key: &UploadKey,
    uploaded: Uploaded,
    options: serde_json::Value,
    now: Timestamp,
) -> Result<Job, FlowError> {
    let mut step = Step::new(key.route(), options, uploaded.key.clone());
    if let Some(provider) = app.providers.get(step.provider)
        && provider.delivery(&step.options).is_ok_and(|delivery| delivery == Delivery::Callback)
    {
        let urls = app.callback_urls.as_ref().ok_or_else(|| FlowError::Unequipped {
            job_id: id.clone(),
            problem: "DARKROOM_PUBLIC_URL and DARKROOM_CALLBACK_SECRET are needed for a provider that calls back"
                .into(),
        })?;
        // Written down once: the URL of a job never changes, whatever becomes of the secret or the host.
        step.callback_url = Some(urls.of(step.provider, &id));
    }
    Ok(Job {
        id,
        revision: 0,
        upload: Upload {
            bucket: uploaded.bucket,
            key: uploaded.key,
            etag: uploaded.etag,
            bytes: uploaded.bytes,
            sha256: None,
        },
        route: key.route().clone(),
        state: State::Queued { due_at: now, slot_at: None },
        steps: vec![step],
        created_at: now,
        finished_at: None,
        woken_until: None,
        callback: None,
        malformed_callback: None,
    })
}

async fn refuse_preset(app: &App, job: Job, key: &UploadKey) -> Result<(), FlowError> {
    let Route { provider, preset } = key.route();
    let known: Vec<&str> = app.presets.names(*provider).collect();
    let message = format!(
        "'{}' asks for the preset '{preset}' of {provider}, and there is none; there are: {}. Add [{provider}.{preset}] \
         to darkroom.toml, or upload the image again as uploads/{provider}/{}/…",
        key.as_str(),
        known.join(", "),
        known.first().unwrap_or(&"default"),
    );
    match app.jobs.create(&job).await? {
        Created::New => app.fail(job, FailureKind::UnknownPreset, message).await,
        Created::AlreadyThere(job) if job.state.is_finished() => Ok(()),
        // It was made and not ended: the function died in between.
        Created::AlreadyThere(job) => app.fail(*job, FailureKind::UnknownPreset, message).await,
    }
}

/// Does what the job's state asks for, if it is time for it.
async fn resume(app: &App, job: Job) -> Result<(), FlowError> {
    let now = app.now();
    if !job.is_due(now) {
        return Ok(());
    }
    match job.state {
        // A callback that came late is as good as one in time, and is the collector's to read.
        State::Queued { .. } if job.callback.is_some() => {
            app.wake(QueueName::Collect, &job.id).await;
            Ok(())
        }
        State::Queued { slot_at, .. } => {
            let event = Event::Started { at: now, lease_until: app.schedule.lease_until(now) };
            match app.advance(job, &event).await? {
                Some(started) => submit(app, started, slot_at).await,
                None => Ok(()),
            }
        }
        State::Submitting { .. } => settle(app, job).await,
        State::Waiting { .. } | State::Ready { .. } | State::Done { .. } | State::Failed { .. } => Ok(()),
    }
}

/// One attempt. The row says `Submitting` already, so if we die anywhere below, the outcome counts as unknown.
async fn submit(app: &App, mut job: Job, slot_at: Option<Timestamp>) -> Result<(), FlowError> {
    let provider = provider_of(app, &job)?;
    let Some(step) = job.step().cloned() else { return Ok(()) };
    let bytes = match app.objects.get(&step.input).await {
        Ok(bytes) => bytes,
        Err(StoreError::NoSuchObject(key)) => {
            let message = format!("'{key}' was gone when it was to be sent to {}; upload it again", step.provider);
            return app.fail(job, FailureKind::UploadMissing, message).await;
        }
        Err(error) => return Err(error.into()),
    };
    let image = match fit_for(step.provider, &step.input, bytes) {
        Ok((image, sha256)) => {
            job.upload.sha256 = Some(sha256);
            image
        }
        Err(message) => return app.fail(job, FailureKind::UnsuitableImage, message).await,
    };
    let Some(job) = wait_for_slot(app, job, step.provider, slot_at).await? else { return Ok(()) };
    let callback_url = match app.schedule.callback_missing_at(app.now(), step.replays) {
        Some(_) => step.callback_url.as_deref(),
        None => None,
    };
    let file_name = sent_file_name(&job.id, &image);
    let request = Request { image: &image, file_name: &file_name, options: &step.options, callback_url };
    match provider.submit(request).await {
        Ok(Submitted::Accepted { task_id }) => accepted(app, job, task_id, false).await,
        Ok(Submitted::Finished(outcome)) => finished(app, job, outcome).await,
        Ok(Submitted::InHand { bytes, charges }) => in_hand(app, job, bytes, charges).await,
        Err(error) => refused(app, job, &error).await,
    }
}

/// The name that the provider gets: the job's id proves whose result it is.
fn sent_file_name(id: &JobId, image: &Image) -> String {
    format!("{id}.{}", image.format.extension())
}

fn provider_of<'a>(app: &'a App, job: &Job) -> Result<&'a dyn Provider, FlowError> {
    app.providers.get(job.provider()).map(AsRef::as_ref).ok_or_else(|| FlowError::Unequipped {
        job_id: job.id.clone(),
        problem: format!("this function was started without the provider {}", job.provider()),
    })
}

/// Checks the image before anything is paid. The error is for the person who uploaded it.
fn fit_for(provider: ProviderName, key: &str, bytes: Bytes) -> Result<(Image, String), String> {
    if bytes.is_empty() {
        return Err(format!("'{key}' is empty (0 bytes); upload the image again"));
    }
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
    if let Some(most) = facts.most_image_bytes
        && inspected.bytes > most
    {
        return Err(format!(
            "'{key}' has {} bytes, and {provider} takes at most {most}; make it smaller and upload it again",
            inspected.bytes
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
    let slot_at = match (reserved, app.paces.get(&provider)) {
        (Some(slot_at), _) => slot_at,
        (None, Some(pace)) => app.jobs.reserve_slot(provider, *pace, now).await?,
        (None, None) => now,
    };
    let wait = slot_at.duration_since(now);
    if wait > LONGEST_SLOT_WAIT {
        let until = slot_at.saturating_sub(SLOT_LEAD).unwrap_or(slot_at);
        app.advance(job, &Event::Postponed { until, slot_at: Some(slot_at), because: Because::NoSlot }).await?;
        return Ok(None);
    }
    tokio::time::sleep(wait.try_into().unwrap_or(Duration::ZERO)).await;
    Ok(Some(job))
}

async fn accepted(app: &App, job: Job, task_id: Option<TaskId>, adopted: bool) -> Result<(), FlowError> {
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
async fn in_hand(app: &App, job: Job, bytes: Bytes, charges: u32) -> Result<(), FlowError> {
    let now = app.now();
    let output = match super::collect::store_single(app, &job, &bytes).await? {
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
    let outcome = Outcome { charges, ..Outcome::of(ResultSource::Record) };
    if let Some(job) = app.advance(job, &app.finished(outcome)).await? {
        app.end(job, &Event::Collected { at: now, outputs: vec![output] }).await?;
    }
    Ok(())
}

/// Does what the error advises. Also for a callback that tells of a failure.
pub(super) async fn refused(app: &App, job: Job, error: &ProviderError) -> Result<(), FlowError> {
    let failures = job.step().map_or(0, |step| step.failures);
    let provider = job.provider();
    tracing::warn!(
        job_id = %job.id, %provider, kind = ?error.kind, advice = ?error.advice, %error, cause = ?error.source,
        "the provider did not do it"
    );
    match error.advice {
        Advice::Retry { after } if failures + 1 < app.schedule.most_attempts => {
            let until = app.retry_at(failures, after);
            app.advance(job, &Event::Postponed { until, slot_at: None, because: Because::Failed }).await?;
            Ok(())
        }
        Advice::Slow { after } => {
            let until = app.retry_at(0, after);
            app.advance(job, &Event::Postponed { until, slot_at: None, because: Because::TooQuick }).await?;
            Ok(())
        }
        Advice::Unknown => {
            let settle_at = app.now().saturating_add(SETTLE_AFTER).unwrap_or(Timestamp::MAX);
            app.advance(job, &Event::OutcomeUnknown { settle_at }).await?;
            Ok(())
        }
        Advice::Reject | Advice::Hold | Advice::Retry { .. } => {
            let message = advice_for_people(&job, error, failures);
            app.fail(job, error.failure_kind(), message).await
        }
    }
}

fn advice_for_people(job: &Job, error: &ProviderError, failures: u32) -> String {
    let (provider, key, id) = (job.provider(), &job.upload.key, &job.id);
    let now = match error.failure_kind() {
        FailureKind::Credentials => format!(
            "Check {}_… in the environment, then run `darkroom retry {id}`",
            provider.as_str().to_ascii_uppercase()
        ),
        FailureKind::Payment => format!("Top up the account at {provider}, then run `darkroom retry {id}`"),
        FailureKind::Exhausted => {
            format!("It was tried {} times. Once {provider} is well again, run `darkroom retry {id}`", failures + 1)
        }
        FailureKind::UnsuitableImage => "Change the image and upload it again".to_owned(),
        _ => format!("Change the image or the preset's options, then upload it again or run `darkroom retry {id}`"),
    };
    format!("'{key}': {error}. {now}")
}

/// Finds out what became of a paid call that nobody heard the end of; only then may it be repeated.
async fn settle(app: &App, job: Job) -> Result<(), FlowError> {
    let now = app.now();
    let provider = provider_of(app, &job)?;
    let Some(job) = app.advance(job, &Event::Settling { lease_until: app.schedule.lease_until(now) }).await? else {
        return Ok(());
    };
    let Some(step) = job.step().cloned() else { return Ok(()) };
    let submitted_at = step.submitted_at.unwrap_or(job.created_at);
    let unsettled = Unsettled { options: &step.options, submitted_at, ruled_out: &step.ruled_out };
    let settled = provider.settle(unsettled).await;
    tracing::info!(job_id = %job.id, provider = %step.provider, ?settled, "lost outcome looked into");
    match settled {
        Ok(Settled::RepeatIsFree | Settled::NeverStarted) => {
            let event = Event::Started { at: now, lease_until: app.schedule.lease_until(now) };
            match app.advance(job, &event).await? {
                // On the heap, because an attempt can lead here again.
                Some(started) => Box::pin(submit(app, started, None)).await,
                None => Ok(()),
            }
        }
        Ok(Settled::Adopted(task_id)) => accepted(app, job, Some(task_id), true).await,
        Ok(Settled::CannotTell(why)) => unknown(app, job, &why).await,
        Err(error) => {
            let waited = now.duration_since(submitted_at);
            if waited > SignedDuration::try_from(facts(step.provider).deadline).unwrap_or(SignedDuration::MAX) {
                return unknown(app, job, &format!("the provider could not be asked: {error}")).await;
            }
            let settle_at = app.retry_at(app.schedule.most_attempts, SETTLE_AFTER);
            app.advance(job, &Event::OutcomeUnknown { settle_at }).await?;
            Ok(())
        }
    }
}

async fn unknown(app: &App, job: Job, why: &str) -> Result<(), FlowError> {
    let message = format!(
        "'{}' was sent to {}, and whether it was worked on is not known: {why}. Look into the account there; if \
         nothing was done, run `darkroom retry {}` (it may cost a second time otherwise)",
        job.upload.key,
        job.provider(),
        job.id
    );
    app.fail(job, FailureKind::OutcomeUnknown, message).await
}
