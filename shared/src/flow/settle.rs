//! Settle: finds out what became of a paid call that nobody heard the end of.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    App, FlowError,
    attempt::{accepted, attempt, provider_of},
    chance,
    measure::{self, Call},
    refusal::{SETTLE_AFTER, exhausted},
};
use crate::{
    job::{Because, Event, FailureKind, Job, OnUnknown, Step, Trouble},
    provider::{Settled, Unsettled, facts},
};

/// How far apart we ask what became of a call, at the most, as the exponent of [`crate::job::Schedule::retry_at`]: about
/// two minutes.
const LONGEST_SETTLE_EXPONENT: u32 = 6;

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
    let settled = measure::answered(app, provider.name(), Call::Settle, provider.settle(unsettled)).await;
    tracing::info!(job_id = %job.id, provider = %step.provider, ?settled, "lost outcome looked into");
    match settled {
        Ok(Settled::RepeatIsCheap(cost)) => {
            tracing::warn!(job_id = %job.id, provider = %step.provider, cost, "a lost call is made again");
            again(app, job, &step, Repeat::AtARisk).await
        }
        Ok(Settled::RepeatIsFree) if is_free_no_more(&step, now) => unknown(app, job, FREE_NO_MORE).await,
        Ok(Settled::RepeatIsFree) => again(app, job, &step, Repeat::Free).await,
        Ok(Settled::NeverStarted) => again(app, job, &step, Repeat::NeverStarted).await,
        Ok(Settled::Adopted(task_id)) => accepted(app, job, Some(task_id), true).await,
        Ok(Settled::CannotTell(why)) if step.on_unknown == OnUnknown::Resubmit => {
            tracing::warn!(job_id = %job.id, provider = %step.provider, why, "sent again, as the preset says");
            again(app, job, &step, Repeat::AtARisk).await
        }
        Ok(Settled::CannotTell(why)) => unknown(app, job, &why).await,
        Err(error) => {
            let waited = now.duration_since(submitted_at);
            if waited > SignedDuration::try_from(facts(step.provider).deadline).unwrap_or(SignedDuration::MAX) {
                return unknown(app, job, &format!("the provider could not be asked: {error}")).await;
            }
            let lease_until = app.retry_at(settle_exponent(waited), SETTLE_AFTER);
            app.advance(job, &Event::Settling { lease_until }).await?;
            Ok(())
        }
    }
}

/// Soon at first, then ever less often.
fn settle_exponent(waited: SignedDuration) -> u32 {
    let waits = waited.unsigned_abs().as_secs() / SETTLE_AFTER.as_secs();
    waits.checked_ilog2().unwrap_or_default().min(LONGEST_SETTLE_EXPONENT)
}

/// What making a lost call again may cost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// Nothing: the provider knows the request.
    Free,
    /// Nothing, as far as our search for it can be trusted.
    NeverStarted,
    /// As much again.
    AtARisk,
}

pub(super) const FREE_NO_MORE: &str = "a repeat was free for as long as the provider kept the result, which is over";

/// Whether a repeat that the provider makes free could find its result forgotten.
pub(super) fn is_free_no_more(step: &Step, now: Timestamp) -> bool {
    let life = SignedDuration::try_from(facts(step.provider).result_life).unwrap_or(SignedDuration::MAX);
    step.may_be_done_since.is_some_and(|since| now.duration_since(since) >= life)
}

/// Makes a lost call again, or ends the job where that has been done as often as is sensible.
async fn again(app: &App, mut job: Job, step: &Step, repeat: Repeat) -> Result<(), FlowError> {
    let now = app.now();
    let trouble = match (step.lost_by, repeat) {
        (None, _) => Trouble::Unheard,
        (Some(trouble), Repeat::Free) => trouble,
        (Some(_), Repeat::NeverStarted | Repeat::AtARisk) => Trouble::Lost,
    };
    let before = step.troubles.get(&trouble).copied();
    let lost = [Trouble::Lost, Trouble::Unheard].iter().filter_map(|trouble| step.troubles.get(trouble));
    let lost = lost.map(|tries| tries.times).sum::<u32>().saturating_add(1);
    let too_risky = repeat != Repeat::Free && lost >= app.schedule.limits.lost.most_tries;
    let until = app.schedule.try_again_at(now, trouble, before.as_ref(), Duration::ZERO, chance());
    let Some(until) = until.filter(|_| !too_risky) else {
        return match repeat {
            Repeat::NeverStarted => {
                let problem = format!("{lost} calls to {} were lost on their way, and none began there", step.provider);
                let message = exhausted(&job, trouble, before.as_ref(), now, &problem);
                app.fail(job, FailureKind::Exhausted, message).await
            }
            Repeat::Free | Repeat::AtARisk => {
                unknown(app, job, &format!("{} calls had no answer that could be used", step.attempts)).await
            }
        };
    };
    if repeat != Repeat::Free
        && let Some(step) = job.steps.last_mut()
    {
        // That call is settled; the next one is a call of its own.
        step.may_be_done_since = None;
    }
    // The first time nobody need wait: the provider has had its time before we asked.
    let at_once = before.is_none() && repeat != Repeat::AtARisk;
    let until = if at_once { now } else { until };
    let event = Event::Postponed { until, slot_at: None, because: Because::Failed { trouble, at: now } };
    match app.advance(job, &event).await? {
        Some(queued) if at_once => attempt(app, queued, None).await,
        _ => Ok(()),
    }
}

pub(super) async fn unknown(app: &App, job: Job, why: &str) -> Result<(), FlowError> {
    let message = format!(
        "'{}' was sent to {}, and whether it was worked on is not known: {why}. Look into the account there; if \
         nothing was done, run `darkroom retry {}` (it may cost a second time otherwise)",
        job.upload.key,
        job.provider(),
        job.known_as()
    );
    app.fail(job, FailureKind::OutcomeUnknown, message).await
}
