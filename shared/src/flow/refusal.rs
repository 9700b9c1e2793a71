//! What follows when a provider did not do it, by reply or by callback: try again, slow down, find out, or give up with
//! words that a person can act on.

use std::time::Duration;

use jiff::Timestamp;

use super::{App, FlowError, hold::hold};
use crate::{
    job::{Because, Event, FailureKind, Job},
    provider::{Advice, ProviderError},
};

/// After a lost answer, so long until we ask: the provider may still be taking in the image.
pub(super) const SETTLE_AFTER: Duration = Duration::from_secs(15);

/// Does what the error advises. Also for a callback that tells of a failure.
pub(super) async fn refused(app: &App, mut job: Job, error: &ProviderError) -> Result<(), FlowError> {
    let failures = job.step().map_or(0, |step| step.failures);
    let provider = job.provider();
    tracing::warn!(
        job_id = %job.id, %provider, kind = ?error.kind, advice = ?error.advice, %error, cause = ?error.source,
        "the provider did not do it"
    );
    if let Some(step) = job.steps.last_mut() {
        step.problem = Some(error.to_string());
    }
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
        // It is about the account: all of the provider's jobs wait, not only this one.
        Advice::Hold | Advice::NextDay { .. } => hold(app, job, error).await,
        Advice::Unknown if failures + 1 < app.schedule.most_attempts => {
            let settle_at = app.now().saturating_add(SETTLE_AFTER).unwrap_or(Timestamp::MAX);
            app.advance(job, &Event::OutcomeUnknown { settle_at }).await?;
            Ok(())
        }
        Advice::Reject | Advice::Retry { .. } | Advice::Unknown => {
            let message = advice_for_people(&job, error, failures);
            app.fail(job, error.failure_kind(), message).await
        }
    }
}

fn advice_for_people(job: &Job, error: &ProviderError, failures: u32) -> String {
    let (provider, key, id) = (job.provider(), &job.upload.key, job.known_as());
    let now = match error.failure_kind() {
        FailureKind::Exhausted => {
            format!("It was tried {} times. Once {provider} is well again, run `darkroom retry {id}`", failures + 1)
        }
        FailureKind::OutcomeUnknown => format!(
            "It was tried {} times without an answer. Look into the account at {provider} before you run \
             `darkroom retry {id}`: it may have been charged",
            failures + 1
        ),
        FailureKind::UnsuitableImage => "Change the image and upload it again".to_owned(),
        _ => format!("Change the image or the preset's options, then upload it again or run `darkroom retry {id}`"),
    };
    format!("'{key}': {error}. {now}")
}
