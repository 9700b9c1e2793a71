//! Settle: finds out what became of a paid call that nobody heard the end of.

use std::time::Duration;

use jiff::SignedDuration;

use super::{
    App, FlowError,
    attempt::{accepted, attempt, provider_of},
    refusal::SETTLE_AFTER,
};
use crate::{
    job::{Because, Event, FailureKind, Job, OnUnknown, Step},
    provider::{Settled, Unsettled, facts},
};

/// Finds out what became of a paid call that nobody heard the end of; only then may it be repeated.
pub(super) async fn settle(app: &App, job: Job) -> Result<(), FlowError> {
    let now = app.now();
    let provider = provider_of(app, &job)?;
    let Some(job) = app.advance(job, &Event::Settling { lease_until: app.schedule.lease_until(now) }).await? else {
        return Ok(());
    };
    let Some(step) = job.step().cloned() else { return Ok(()) };
    let submitted_at = step.submitted_at.unwrap_or(job.created_at);
    let unsettled = Unsettled {
        options: &step.options,
        submitted_at,
        now,
        ruled_out: &step.ruled_out,
        evidence: step.evidence.as_ref(),
    };
    let settled = provider.settle(unsettled).await;
    tracing::info!(job_id = %job.id, provider = %step.provider, ?settled, "lost outcome looked into");
    match settled {
        Ok(Settled::RepeatIsCheap(cost)) => {
            tracing::warn!(job_id = %job.id, provider = %step.provider, cost, "a lost call is made again");
            again(app, job, &step).await
        }
        Ok(Settled::RepeatIsFree | Settled::NeverStarted) => {
            let event = Event::Postponed { until: now, slot_at: None, because: Because::NotAsked };
            match app.advance(job, &event).await? {
                Some(queued) => attempt(app, queued, None).await,
                None => Ok(()),
            }
        }
        Ok(Settled::Adopted(task_id)) => accepted(app, job, Some(task_id), true).await,
        Ok(Settled::CannotTell(why)) if step.on_unknown == OnUnknown::Resubmit => {
            tracing::warn!(job_id = %job.id, provider = %step.provider, why, "sent again, as the preset says");
            again(app, job, &step).await
        }
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

/// Makes a call again of which nobody can tell whether it was carried out. It counts as a failure, so it ends.
async fn again(app: &App, job: Job, step: &Step) -> Result<(), FlowError> {
    if step.failures + 1 >= app.schedule.most_attempts {
        let why = format!("{} calls were lost on their way", step.attempts);
        return unknown(app, job, &why).await;
    }
    let until = app.retry_at(step.failures, Duration::ZERO);
    app.advance(job, &Event::Postponed { until, slot_at: None, because: Because::Failed }).await?;
    Ok(())
}

async fn unknown(app: &App, job: Job, why: &str) -> Result<(), FlowError> {
    let message = format!(
        "'{}' was sent to {}, and whether it was worked on is not known: {why}. Look into the account there; if \
         nothing was done, run `darkroom retry {}` (it may cost a second time otherwise)",
        job.upload.key,
        job.provider(),
        job.known_as()
    );
    app.fail(job, FailureKind::OutcomeUnknown, message).await
}
