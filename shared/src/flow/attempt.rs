//! One attempt to have a provider do a step: check, wait for a slot, ask. The only place that makes paid calls.
//!
//! Everything that can fail for free is done while the job is still `Queued`. `Submitting` is written right before the
//! call and means just that: if we die then, the outcome is unknown.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::{
    App, FlowError,
    branch::go_on,
    chance,
    collect::{fetch, store_single},
    hold::{Held, hold_low_balance, release, wait, wait_or_try},
    measure::{self, Call},
    preflight::{check_content, check_size},
    refusal::refused,
    settle::{FREE_NO_MORE, is_free_no_more, unknown},
    spacing::wait_for_turn,
};
use crate::{
    job::{
        Because, Event, FailureKind, Job, JobId, OnUnknown, Outcome, Output, Report, ResultSource, STEPS_PREFIX, Step,
        TaskId,
    },
    provider::{Advice, Image, Provider, Request, Submitted},
    store::{QueueName, Slot, StoreError},
};

/// A rate slot nearer than this is waited for; a farther one becomes the job's `due_at`.
const LONGEST_SLOT_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// So much before its slot a job is woken, so that it can be exact.
const SLOT_LEAD: SignedDuration = SignedDuration::from_secs(2);

/// How long a provider that fetches the image itself may take to come for it.
const IMAGE_URL_LIFE: Duration = Duration::from_secs(3600);

/// Makes one attempt at a job that is `Queued`. `slot_at` is a rate slot that it has already.
pub(super) async fn attempt(app: &App, mut job: Job, slot_at: Option<Timestamp>) -> Result<(), FlowError> {
    // It may have waited for so long that what was to be repeated free of charge would be paid for again.
    if let Some(step) = job.steps.last_mut().filter(|step| is_free_no_more(step, app.now())) {
        if step.on_unknown == OnUnknown::Fail {
            return unknown(app, job, FREE_NO_MORE).await;
        }
        step.may_be_done_since = None;
    }
    let Some(step) = job.step().cloned() else { return Ok(()) };
    let provider = provider_of(app, &job)?;
    let called = called(&job, &step);
    if let Err(message) = check_size(&step, &called) {
        return app.fail(job, FailureKind::UnsuitableImage, message).await;
    }
    if let Err(problem) = provider.check(&step.options) {
        let message = format!("[{}.{}] {problem}", step.provider, step.preset);
        return app.fail(job, FailureKind::Rejected, message).await;
    }
    let Some((mut job, bytes)) = read_image(app, job, &step).await? else { return Ok(()) };
    let checked = {
        let (step, called) = (step.clone(), called.clone());
        tokio::task::spawn_blocking(move || check_content(&step, &called, bytes)).await
    };
    let ready = match checked.unwrap_or_else(|panic| Err(format!("{called} could not be looked at: {panic}"))) {
        Ok(ready) => ready,
        Err(message) => return app.fail(job, FailureKind::UnsuitableImage, message).await,
    };
    if step.input == job.upload.key && step.fitted.is_none() {
        job.upload.sha256 = Some(ready.inspected.sha256.clone());
    }
    if let Some(note) = ready.fitted {
        keep_fitted(app, &mut job, &ready.image, note).await?;
    }
    let evidence = provider.evidence(&ready.image);
    let evidence = match measure::answered(app, provider.name(), Call::Evidence, evidence).await {
        Ok(evidence) => evidence,
        Err(error) => return refused(app, job, &error).await,
    };
    if let (Some(step), Some(evidence)) = (job.steps.last_mut(), evidence) {
        step.evidence = Some(evidence.noted);
        step.balance = evidence.balance;
        if let Some(left) = evidence.balance {
            measure::balance(app, provider.name(), left);
        }
        if let (Some(left), Some(least)) = (evidence.balance, step.min_balance)
            && left <= least
        {
            let hold = hold_low_balance(app, provider.name(), left, least).await?;
            return wait(app, job, &hold).await;
        }
    }
    match wait_for_slot(app, job, provider, slot_at).await? {
        Turn::At(job, slot_at) => Box::pin(ask(app, *job, &ready.image, slot_at, false)).await,
        Turn::Tries(job) => Box::pin(ask(app, *job, &ready.image, app.now(), true)).await,
        Turn::Later => Ok(()),
    }
}

/// What the step's image is called in messages: people know their upload.
fn called(job: &Job, step: &Step) -> String {
    let upload = &job.upload.key;
    if step.input == *upload {
        return format!("'{upload}'");
    }
    format!("'{upload}' as the step before has made it ('{}')", step.input)
}

/// Reads the step's image, or what was made of it to fit. `None`: it cannot be read, and the job knows.
async fn read_image(app: &App, job: Job, step: &Step) -> Result<Option<(Job, Bytes)>, FlowError> {
    let key = step.fitted.as_ref().unwrap_or(&step.input);
    // Only an upload can be replaced by another; what we write ourselves is written once.
    let etag = if *key == job.upload.key { job.upload.etag.as_str() } else { "" };
    match app.objects.get_unchanged(key, etag).await {
        Ok(bytes) => return Ok(Some((job, bytes))),
        Err(StoreError::Changed(key)) => {
            let message =
                format!("another upload took the place of '{key}' before it was sent; it has a job of its own");
            app.supersede(job, message).await?;
        }
        Err(StoreError::NoSuchObject(key)) => {
            let message =
                format!("'{key}' was gone when it was to be sent to {}; upload the image again", step.provider);
            app.fail(job, FailureKind::UploadMissing, message).await?;
        }
        Err(error) => {
            tracing::warn!(job_id = %job.id, %error, "the image cannot be read now");
            let until = app.retry_at(0, Duration::from_secs(1));
            app.advance(job, &Event::Postponed { until, slot_at: None, because: Because::NotAsked }).await?;
        }
    }
    Ok(None)
}

/// Keeps what an image was made into: a request that has to be repeated word for word needs the same bytes.
async fn keep_fitted(app: &App, job: &mut Job, image: &Image, note: String) -> Result<(), FlowError> {
    let key = format!("{STEPS_PREFIX}{}/{}/fitted.{}", job.id, job.steps.len(), image.format.extension());
    app.objects.put(&key, image.format.content_type(), image.bytes.clone()).await?;
    if let Some(step) = job.steps.last_mut() {
        step.fitted = Some(key);
        step.warnings.push(note);
    }
    Ok(())
}

/// The paid call, at `slot_at`. Whatever it needs is at hand before the job is `Submitting`, and that is written before
/// the slot comes: a provider that counts requests by the second is not to feel how long our table takes. `tries`: the
/// provider is on hold, and this job shows whether it is well again.
async fn ask(app: &App, job: Job, image: &Image, slot_at: Timestamp, tries: bool) -> Result<(), FlowError> {
    let provider = provider_of(app, &job)?;
    let image_url = match job.step() {
        Some(step) if provider.fetches_itself(&step.options) => {
            let key = step.fitted.as_ref().unwrap_or(&step.input);
            Some(app.objects.presigned_url(key, IMAGE_URL_LIFE).await?)
        }
        _ => None,
    };
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
    let request = Request {
        image,
        file_name: &file_name,
        options: &step.options,
        callback_url,
        image_url: image_url.as_ref().map(|url| url.expose_secret()),
    };
    wait_for_turn(app, provider.name(), slot_at).await;
    let submitted = measure::answered(app, provider.name(), Call::Submit, provider.submit(request)).await;
    // An image that was refused shows as well that the account is not the trouble.
    if tries && submitted.as_ref().err().is_none_or(|error| error.advice == Advice::Reject) {
        release(app, provider.name()).await?;
    }
    match submitted {
        Ok(Submitted::Accepted { task_id }) => accepted(app, job, task_id, false).await,
        Ok(Submitted::Finished(outcome)) => {
            let as_it_was = job.step().is_some_and(|step| step.fitted.is_none());
            finished(app, job, outcome, as_it_was.then(|| image.bytes.clone())).await
        }
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

/// Whether a job may ask its provider.
enum Turn {
    /// It has its slot, now or in a moment.
    At(Box<Job>, Timestamp),
    /// The provider is on hold, and this job tries.
    Tries(Box<Job>),
    /// It waits, and the row says so.
    Later,
}

/// Waits for the provider's next free slot, or puts the job off: until a far slot, a hold's end, the next day.
async fn wait_for_slot(
    app: &App,
    job: Job,
    provider: &dyn Provider,
    reserved: Option<Timestamp>,
) -> Result<Turn, FlowError> {
    let now = app.now();
    let Some(pace) = app.paces.get(&provider.name()) else { return Ok(Turn::At(Box::new(job), now)) };
    let interval = SignedDuration::from_millis(pace.interval_ms());
    // A slot that has long passed is worth nothing: all who come late with one would come at once.
    let slot = match reserved.filter(|slot_at| now.duration_since(*slot_at) <= interval) {
        Some(slot_at) => Slot::At(slot_at),
        // A slot that is free at once is taken so far ahead that it is kept as exactly as the others.
        None => {
            let soonest = now.saturating_add(pace.claim_lead()).unwrap_or(now);
            app.jobs.reserve_slot(provider.name(), *pace, soonest).await?
        }
    };
    let slot_at = match slot {
        Slot::At(slot_at) => slot_at,
        Slot::Held(hold) => {
            return Ok(match wait_or_try(app, job, provider, &hold).await? {
                Held::Tries(job) => Turn::Tries(job),
                Held::Waits => Turn::Later,
            });
        }
        Slot::SpentToday => {
            let until = app.schedule.next_day_at(now, 0, chance());
            app.advance(job, &Event::Postponed { until, slot_at: None, because: Because::NotAsked }).await?;
            return Ok(Turn::Later);
        }
    };
    let wait = slot_at.duration_since(now);
    if wait > LONGEST_SLOT_WAIT {
        let until = slot_at.saturating_sub(SLOT_LEAD).unwrap_or(slot_at);
        app.advance(job, &Event::Postponed { until, slot_at: Some(slot_at), because: Because::NotAsked }).await?;
        return Ok(Turn::Later);
    }
    sleep_until(app, slot_at.saturating_sub(pace.claim_lead()).unwrap_or(slot_at)).await;
    Ok(Turn::At(Box::new(job), slot_at))
}

pub(super) async fn sleep_until(app: &App, at: Timestamp) {
    tokio::time::sleep(at.duration_since(app.now()).try_into().unwrap_or(Duration::ZERO)).await;
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

/// It is done already. `original` is the step's input, if it is at hand.
async fn finished(app: &App, job: Job, outcome: Outcome, original: Option<Bytes>) -> Result<(), FlowError> {
    // What needs no fetching from outside need not wait for another function.
    let at_once = matches!(outcome.source, ResultSource::Original | ResultSource::Record);
    match app.advance(job, &app.finished(outcome)).await? {
        Some(job) if at_once => Box::pin(fetch(app, job, original)).await,
        Some(job) => {
            app.wake(QueueName::Collect, &job.id).await;
            Ok(())
        }
        None => Ok(()),
    }
}

/// What came in a reply is nowhere else: a bucket that fails is tried again before it is let go.
async fn store_firmly(app: &App, job: &Job, bytes: &Bytes) -> Result<Result<Output, String>, FlowError> {
    const TRIES: u32 = 4;
    for failures in 1..TRIES {
        match store_single(app, job, bytes).await {
            Err(error) => {
                tracing::warn!(job_id = %job.id, %error, failures, "a result in hand could not be stored yet");
                tokio::time::sleep(Duration::from_millis(500) * failures).await;
            }
            stored => return stored,
        }
    }
    store_single(app, job, bytes).await
}

/// The result came in the reply: it goes straight into the bucket.
async fn in_hand(app: &App, job: Job, bytes: Bytes, report: Report) -> Result<(), FlowError> {
    let output = match store_firmly(app, &job, &bytes).await? {
        Ok(output) => output,
        Err(problem) => {
            let message = format!(
                "{} answered '{}' with something that is no image: {problem}. Try again with `darkroom retry {}`",
                job.provider(),
                job.upload.key,
                job.known_as()
            );
            return app.fail(job, FailureKind::BrokenResult, message).await;
        }
    };
    let outputs = vec![output];
    let outcome = Outcome { source: ResultSource::Stored { outputs: outputs.clone() }, report };
    match app.advance(job, &app.finished(outcome)).await? {
        Some(job) => go_on(app, job, outputs).await,
        None => Ok(()),
    }
}
