//! What follows when a provider did not do it, by reply or by callback: try again, slow down, find out, or give up with
//! words that a person can act on.

use std::time::Duration;

use jiff::Timestamp;

use super::{App, FlowError, chance, hold::hold};
use crate::{
    job::{Because, Event, FailureKind, Job, State, Tries, Trouble, span},
    provider::{Advice, ProviderError},
};

/// After a lost answer, so long until we ask: the provider may still be taking in the image.
pub(super) const SETTLE_AFTER: Duration = Duration::from_secs(15);

/// Does what the error advises. Also for a callback that tells of a failure.
pub(super) async fn refused(app: &App, mut job: Job, error: &ProviderError) -> Result<(), FlowError> {
    let provider = job.provider();
    tracing::warn!(
        job_id = %job.id, %provider, kind = error.kind.as_str(), advice = ?error.advice, %error, cause = ?error.source,
        "the provider did not do it"
    );
    let called_back = matches!(job.state, State::Waiting { .. });
    if let Some(step) = job.steps.last_mut() {
        step.problem = Some(error.to_string());
        if called_back {
            // It told that nothing came of it: what is sent from now on is a call of its own.
            step.may_be_done_since = None;
        }
    }
    match error.advice {
        Advice::Retry { after } | Advice::Slow { after } => try_again(app, job, error, after).await,
        // It is about the account: all of the provider's jobs wait, not only this one.
        Advice::Hold | Advice::NextDay { .. } => hold(app, job, error).await,
        Advice::Unknown if matches!(job.state, State::Submitting { .. }) => {
            let settle_at = app.now().saturating_add(SETTLE_AFTER).unwrap_or(Timestamp::MAX);
            app.advance(job, &Event::OutcomeUnknown { settle_at, trouble: error.trouble() }).await?;
            Ok(())
        }
        // No paid call is on its way, so none can be lost.
        Advice::Unknown => try_again(app, job, error, Duration::ZERO).await,
        Advice::Reject => {
            let message = format!("'{}': {error}. {}", job.upload.key, rejected(&job, error));
            app.fail(job, error.failure_kind(), message).await
        }
    }
}

async fn try_again(app: &App, job: Job, error: &ProviderError, at_least: Duration) -> Result<(), FlowError> {
    let (now, trouble) = (app.now(), error.trouble());
    let before = job.step().and_then(|step| step.troubles.get(&trouble)).copied();
    match app.schedule.try_again_at(now, trouble, before.as_ref(), at_least, chance()) {
        Some(until) => {
            let because = Because::Failed { trouble, at: now };
            app.advance(job, &Event::Postponed { until, slot_at: None, because }).await?;
            Ok(())
        }
        None => {
            let message = exhausted(&job, trouble, before.as_ref(), now, &error.to_string());
            app.fail(job, FailureKind::Exhausted, message).await
        }
    }
}

/// The words for tries that are used up: how often, over how long, and that it is not for ever.
pub(super) fn exhausted(job: &Job, trouble: Trouble, before: Option<&Tries>, now: Timestamp, problem: &str) -> String {
    let (provider, id) = (job.provider(), job.known_as());
    let tried = match before {
        Some(before) => format!("{} times over {}", before.times.saturating_add(1), span(before.since, now)),
        None => "once".to_owned(),
    };
    let may_work_later = match trouble {
        Trouble::Network => format!("Once {provider} can be reached again"),
        Trouble::Unavailable | Trouble::Other => format!("Once {provider} is well again"),
        Trouble::RateLimited => format!("Once {provider} takes requests again (is its RATE set too high?)"),
        Trouble::Unreadable => {
            format!("Once {provider} answers as it did (if it never does, darkroom has to learn its new answers)")
        }
        Trouble::Unheard | Trouble::Lost => "Once that is found out".to_owned(),
    };
    format!("'{}': {problem}. It was tried {tried}. {may_work_later}, run `darkroom retry {id}`", job.upload.key)
}

fn rejected(job: &Job, error: &ProviderError) -> String {
    match error.failure_kind() {
        FailureKind::UnsuitableImage => "Change the image and upload it again".to_owned(),
        _ => format!(
            "It would be refused again as it is. Change the image or the preset's options, then upload it again or run \
             `darkroom retry {}`",
            job.known_as()
        ),
    }
}
