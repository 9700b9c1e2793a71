//! Submit: an upload becomes a job, and a job that is woken goes on. What is done with it then is `attempt`'s business,
//! or `settle`'s where an earlier attempt had no known end.

use std::collections::BTreeSet;

use tracing::Instrument as _;

use super::{App, FlowError, attempt::attempt, settle::settle, span::of_job};
use crate::{
    event::Uploaded,
    job::{
        DEFAULT_PRESET, FailureKind, Job, JobId, PlannedStep, Route, State, Step, Upload, UploadKey, UploadKeyError,
    },
    provider::Delivery,
    store::{Created, QueueName},
};

/// Makes the job of an upload and submits its image. An event that comes twice makes no second job.
///
/// # Errors
/// When a store fails; the event is to be delivered again. When the upload can have no job: it is in another bucket, or
/// its key can be no upload's.
pub async fn submit_upload(app: &App, uploaded: Uploaded) -> Result<(), FlowError> {
    if uploaded.bucket != app.objects.bucket() {
        return Err(FlowError::AnotherBucket { bucket: uploaded.bucket, ours: app.objects.bucket().to_owned() });
    }
    let key = match UploadKey::parse(&uploaded.key) {
        Ok(key) => key,
        Err(UploadKeyError::Folder) => return Ok(()),
        // A notification without a prefix, perhaps: what we write ourselves must not fill the dead-letter queue.
        Err(problem @ UploadKeyError::NotAnUpload) => {
            tracing::warn!(key = uploaded.key, %problem, "upload ignored");
            return Ok(());
        }
        Err(problem) => return Err(problem.into()),
    };
    let id = JobId::of_upload(&uploaded.bucket, &uploaded.key, &uploaded.version);
    let job = new_job(app, id, &key, uploaded);
    let (job, known) = match equip(app, job)? {
        Equipped::Yes(job) => (job, true),
        Equipped::NoSuchPreset(job) => (job, false),
    };
    match app.jobs.create(&job).await? {
        Created::New => {
            let span = of_job(&job);
            let begin = async {
                tracing::info!(job_id = %job.id, key = job.upload.key, bytes = job.upload.bytes, "job made");
                if known { Box::pin(attempt(app, job, None)).await } else { refuse_preset(app, job, &key).await }
            };
            begin.instrument(span).await
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

/// A job in the hands of the one who makes it: due again only when that one is certainly dead.
pub(super) fn new_job(app: &App, id: JobId, key: &UploadKey, uploaded: Uploaded) -> Job {
    let now = app.now();
    Job {
        id,
        revision: 0,
        steps: vec![Step::new(unplanned(key.route()), uploaded.key.clone(), uploaded.bytes)],
        plan: Vec::new(),
        branch: None,
        ended_branches: BTreeSet::new(),
        upload: Upload {
            bucket: uploaded.bucket,
            key: uploaded.key,
            etag: uploaded.etag,
            bytes: uploaded.bytes,
            sha256: None,
        },
        route: key.route().clone(),
        state: State::Queued { due_at: app.schedule.lease_until(now), slot_at: None },
        created_at: now,
        finished_at: None,
        woken_until: None,
        callback: None,
        malformed_callback: None,
    }
}

enum Equipped {
    Yes(Job),
    NoSuchPreset(Job),
}

/// A step whose preset has not been looked up.
fn unplanned(route: &Route) -> PlannedStep {
    PlannedStep::new(route.clone(), serde_json::Value::Null)
}

/// Gives the job what its preset says, and the step its callback URL, once: neither changes over the step's attempts, whatever
/// becomes of the configuration. A job that was refused for want of a preset gets them when it is tried again.
fn equip(app: &App, mut job: Job) -> Result<Equipped, FlowError> {
    let id = job.id.clone();
    let Some(step) = job.steps.last_mut() else { return Ok(Equipped::Yes(job)) };
    if step.options.is_null() {
        let mut plan = app.presets.plan(&job.route).unwrap_or_default().into_iter();
        let Some(first) = plan.next() else { return Ok(Equipped::NoSuchPreset(job)) };
        step.options = first.options;
        step.fit = first.fit;
        step.min_balance = first.min_balance;
        step.on_unknown = first.on_unknown;
        job.plan = plan.collect();
    }
    let calls_back = app
        .providers
        .get(step.provider)
        .is_some_and(|provider| provider.delivery(&step.options).is_ok_and(|delivery| delivery == Delivery::Callback));
    if calls_back && step.callback_url.is_none() {
        let urls = app.callback_urls.as_ref().ok_or_else(|| FlowError::Unequipped {
            job_id: id.clone(),
            problem: "DARKROOM_PUBLIC_URL and DARKROOM_CALLBACK_SECRET are needed for a provider that calls back"
                .into(),
        })?;
        step.callback_url = Some(urls.of(step.provider, &id));
    }
    Ok(Equipped::Yes(job))
}

async fn refuse_preset(app: &App, job: Job, key: &UploadKey) -> Result<(), FlowError> {
    let Route { provider, preset } = key.route();
    let known: Vec<&str> = app.presets.names(*provider).collect();
    let meant = app.presets.nearest(key.route());
    let message = format!(
        "'{}' asks for the preset '{preset}' of {provider}, and there is none{}; there are: {}. Add \
         [{provider}.{preset}] to darkroom.toml, or upload the image again as uploads/{provider}/{}/…",
        key.as_str(),
        meant.map(|name| format!(" (was '{name}' meant?)")).unwrap_or_default(),
        known.join(", "),
        meant.or(known.first().copied()).unwrap_or(DEFAULT_PRESET),
    );
    app.fail(job, FailureKind::UnknownPreset, message).await
}

/// Does what the job's state asks for, if it is time for it.
async fn resume(app: &App, job: Job) -> Result<(), FlowError> {
    let span = of_job(&job);
    go_on_with(app, job).instrument(span).await
}

async fn go_on_with(app: &App, job: Job) -> Result<(), FlowError> {
    if !job.is_due(app.now()) {
        return Ok(());
    }
    match job.state {
        // A callback that came late is as good as one in time, and is the collector's to read.
        State::Queued { .. } if job.unread_callback().is_some() => {
            app.wake(QueueName::Collect, &job.id).await;
            Ok(())
        }
        State::Queued { slot_at, .. } => {
            let key = job.upload_key()?;
            match equip(app, job)? {
                Equipped::Yes(job) => Box::pin(attempt(app, job, slot_at)).await,
                Equipped::NoSuchPreset(job) => refuse_preset(app, job, &key).await,
            }
        }
        State::Submitting { .. } => Box::pin(settle(app, job)).await,
        State::Waiting { .. }
        | State::Branching { .. }
        | State::Ready { .. }
        | State::Done { .. }
        | State::Failed { .. } => Ok(()),
    }
}
