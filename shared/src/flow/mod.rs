//! The use cases, one a file: submit, callback, poll, collect, what follows a step (`branch`), holds, retry, recover. The
//! only place that joins jobs, providers and stores. Flows never call a function; what passes between functions is a row
//! and a wake-up.

mod animation;
mod attempt;
mod backfill;
mod branch;
mod callback;
mod collect;
mod expiry;
mod fit;
mod hold;
mod inspect;
mod measure;
mod notes;
mod panics;
mod pixels;
mod poll;
mod preflight;
mod recover;
mod refusal;
mod retry;
mod settle;
mod spacing;
mod span;
mod submit;
mod thumbnails;
mod unpack;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

pub(crate) use self::panics::caught;
pub use self::{
    animation::is_animated,
    backfill::backfill,
    branch::tree,
    callback::{CallbackSecrets, CallbackUrls, Received, receive_callback},
    collect::collect,
    hold::release,
    inspect::{InspectError, Inspected, inspect_bytes, inspect_file},
    notes::NotesInTable,
    panics::Panicked,
    poll::{PollReport, poll},
    recover::recover,
    retry::retry,
    spacing::Spacing,
    submit::{submit_upload, submit_woken},
    unpack::{UnpackError, Unpacked, UnpackedImage, unpack},
};
use crate::{
    clock::Clock,
    config::Presets,
    failpoint::passed,
    job::{
        Document, Event, Failure, FailureKind, Job, JobId, Outcome, Output, Pace, ProviderName, Schedule,
        UploadKeyError,
    },
    provider::{Http, Providers, ResultHosts},
    store::{Jobs, Objects, Queue, QueueName, Replaced, StoreError, WakeUp},
    telemetry::{metrics::Metrics, trace},
};

/// Everything a flow may use. A function is started with the parts that it needs.
#[derive(Debug, Clone)]
pub struct App {
    /// The table of jobs.
    pub jobs: Jobs,
    /// The bucket.
    pub objects: Objects,
    /// Where wake-ups go.
    pub queue: Arc<dyn Queue>,
    /// The providers that this function may ask.
    pub providers: Providers,
    /// The presets.
    pub presets: Arc<Presets>,
    /// Where results may come from.
    pub result_hosts: Arc<BTreeMap<ProviderName, ResultHosts>>,
    /// How often providers may be asked.
    pub paces: Arc<BTreeMap<ProviderName, Pace>>,
    /// When this process last asked them.
    pub spacing: Spacing,
    /// How callbacks are addressed; needed to submit to a provider that calls back.
    pub callback_urls: Option<CallbackUrls>,
    /// Whether ended jobs get thumbnails.
    pub thumbnails: bool,
    /// Fetches results.
    pub http: Http,
    /// Where numbers go that an operator watches.
    pub metrics: Metrics,
    /// When to look again.
    pub schedule: Schedule,
    /// What time it is.
    pub clock: Clock,
}

/// A flow that could not go on. The message that started it is to be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our own disk failed.
    #[error("a temporary file could not be used")]
    Disk(#[from] std::io::Error),
    /// The key can be no upload's. That never changes.
    #[error("the key cannot be an upload's: {0}")]
    Key(#[from] UploadKeyError),
    /// The upload is in another bucket than ours. That never changes.
    #[error("the upload is in the bucket '{bucket}', and DARKROOM_BUCKET is '{ours}'")]
    AnotherBucket {
        /// Where the upload is.
        bucket: String,
        /// Where uploads are taken from.
        ours: String,
    },
    /// A mistake of ours.
    #[error(transparent)]
    Panicked(#[from] Panicked),
    /// The function was started without what the job needs.
    #[error("job {job_id}: {problem}")]
    Unequipped {
        /// Which job.
        job_id: JobId,
        /// What is missing.
        problem: String,
    },
    /// Some of the job's branches are no longer in the table.
    #[error(
        "the records of some of the images of job {0} are gone (they are kept for 180 days), so what is left to do is not \
         known; upload the image again"
    )]
    Forgotten(JobId),
    /// Others kept changing the row.
    #[error("job {0} kept changing while it was written")]
    Contended(JobId),
}

const MOST_REREADS: u32 = 8;

impl App {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Applies `event` to `job` and writes the row. When somebody wrote in between, it reads again, and applies the event
    /// to what it finds only if that is still the attempt which the event speaks of ([`Job::still_concerns`]): a claim
    /// or a verdict must never fall on a newer attempt. `None`: somebody was quicker, nothing is to be done.
    ///
    /// Boxed, as are the other long ways: every flow holds one, and unboxed their futures outgrow a thread's stack.
    fn advance<'a>(&'a self, job: Job, event: &'a Event) -> BoxFuture<'a, Result<Option<Job>, FlowError>> {
        Box::pin(self.try_to_advance(job, event))
    }

    async fn try_to_advance(&self, mut job: Job, event: &Event) -> Result<Option<Job>, FlowError> {
        for _ in 0..MOST_REREADS {
            let after = match job.after(event) {
                Ok(after) => after,
                Err(refused) => {
                    tracing::debug!(job_id = %job.id, %refused, "somebody was quicker");
                    return Ok(None);
                }
            };
            if self.jobs.replace(&after).await? == Replaced::Written {
                span::got_further(&after);
                tracing::info!(
                    job_id = %after.id, from = %job.state.name(), to = %after.state.name(),
                    event = event.name(), provider = %after.provider(), "job moved"
                );
                measure::moved(self, &after, event);
                self.mind_balance(&after, event).await?;
                return Ok(Some(after));
            }
            let Some(found) = self.jobs.get(&job.id).await? else { return Ok(None) };
            let id = job.id.clone();
            let Some(carried_over) = job.carried_over(found, event) else {
                tracing::debug!(job_id = %id, "somebody was quicker");
                return Ok(None);
            };
            job = carried_over;
        }
        Err(FlowError::Contended(job.id))
    }

    /// Puts a provider on hold whose reply said that as little is left as is to be kept.
    async fn mind_balance(&self, job: &Job, event: &Event) -> Result<(), FlowError> {
        let Event::Finished { outcome, .. } = event else { return Ok(()) };
        let least = job.step().and_then(|step| step.min_balance);
        if let (Some(left), Some(least)) = (outcome.report.balance, least)
            && left <= least
        {
            hold::hold_low_balance(self, job.provider(), left, least).await?;
        }
        Ok(())
    }

    /// Ends a job: first `job.json`, then the row. If we die in between, the job is still due and ends again. A branch
    /// has no `job.json`: its trunk tells of it.
    fn end<'a>(&'a self, job: Job, event: &'a Event) -> BoxFuture<'a, Result<Option<Job>, FlowError>> {
        Box::pin(self.try_to_end(job, event))
    }

    async fn try_to_end(&self, job: Job, event: &Event) -> Result<Option<Job>, FlowError> {
        let Ok(after) = job.after(event) else { return Ok(None) };
        if job.branch.is_some() {
            let ended = self.advance(job, event).await?;
            if let Some(ended) = &ended {
                branch::tell_trunk(self, ended).await?;
            }
            return Ok(ended);
        }
        self.write_document(&after).await?;
        let id = job.id.clone();
        let ended = self.advance(job, event).await?;
        if ended.as_ref() != Some(&after)
            && let Some(kept) = self.jobs.get(&id).await?
            && kept.state.is_finished()
        {
            // The row had changed in between, or somebody else has ended it: what is told has to be what is kept.
            self.write_document(&kept).await?;
        }
        if let Some(ended) = ended.as_ref().filter(|_| self.thumbnails) {
            self.wake(QueueName::Thumbnails, &ended.id).await;
        }
        Ok(ended)
    }

    /// Ends a job whose upload was replaced. Its result folder belongs to the newer upload's job, so no `job.json`.
    async fn supersede(&self, job: Job, message: String) -> Result<(), FlowError> {
        tracing::info!(job_id = %job.id, key = job.upload.key, "upload was replaced");
        let reason = Failure { kind: FailureKind::Superseded, message };
        let ended = self.advance(job, &Event::Failed { at: self.now(), reason, outputs: Vec::new() }).await?;
        match ended {
            Some(ended) => branch::tell_trunk(self, &ended).await,
            None => Ok(()),
        }
    }

    async fn write_document(&self, job: &Job) -> Result<(), FlowError> {
        let key = job.upload_key()?.job_document();
        let tree = branch::tree(&self.jobs, job.clone()).await?;
        let body = serde_json::to_vec_pretty(&Document::from(&tree)).map_err(std::io::Error::other)?;
        Ok(self.objects.put(&key, "application/json", Bytes::from(body)).await?)
    }

    /// Ends a job as failed, for a person who can act on it. What earlier steps have made is kept and named.
    async fn fail(&self, job: Job, kind: FailureKind, message: String) -> Result<(), FlowError> {
        let made_before = job.made_before().to_vec();
        let message = match made_before.as_slice() {
            [] => message,
            [only] => format!("{message}. What the step before made is kept: '{}'", only.key),
            many => format!("{message}. The {} images that the step before made are kept", many.len()),
        };
        self.fail_keeping(job, kind, message, made_before).await
    }

    /// The same with `outputs` that lie in the bucket all the same.
    async fn fail_keeping(
        &self,
        job: Job,
        kind: FailureKind,
        message: String,
        outputs: Vec<Output>,
    ) -> Result<(), FlowError> {
        tracing::warn!(job_id = %job.id, key = job.upload.key, kind = kind.as_str(), reason = message, "job failed");
        let event = Event::Failed { at: self.now(), reason: Failure { kind, message }, outputs };
        self.end(job, &event).await?;
        Ok(())
    }

    /// Sends a wake-up. That it is lost does no harm beyond a delay, so a failure is told and not passed on.
    async fn wake(&self, queue: QueueName, job_id: &JobId) {
        let trace_header = trace::current();
        let trace_header = trace_header.as_ref().map(trace::TraceHeader::as_str);
        match self.queue.send(queue, &WakeUp { job_id: job_id.clone() }, trace_header).await {
            Ok(()) => {
                tracing::debug!(%job_id, %queue, "wake-up sent");
                passed("wake-up.sent");
            }
            Err(error) => tracing::warn!(%job_id, %queue, %error, "wake-up not sent; the poller will come by"),
        }
    }

    /// That the provider is done. Whoever says so fetches the result or wakes the collector.
    fn finished(&self, outcome: Outcome) -> Event {
        let at = self.now();
        Event::Finished { at, outcome, due_at: self.schedule.lease_until(at) }
    }

    /// When to try again after a failure that may pass, spread by chance.
    fn retry_at(&self, failures: u32, at_least: Duration) -> Timestamp {
        self.schedule.retry_at(self.now(), failures, at_least, chance())
    }
}

/// A number from 0 up to 1, by chance.
fn chance() -> f64 {
    let [a, b, c, d, ..] = *uuid::Uuid::new_v4().as_bytes();
    f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}
