//! Recover: after the only host went down, nobody works on any job any more, and callbacks came to a closed door.
//! On AWS nothing calls this: there, leases and times run out by themselves.

use jiff::{SignedDuration, Timestamp};

use super::{App, FlowError, hold::release};
use crate::{
    job::{Because, Event, HoldKind, ProviderName, State},
    provider::{Delivery, Settled, Unsettled},
    store::QueueName,
};

/// What a provider was asked so long ago is done or listed by now, and a callback that has not come may have come to a
/// closed door.
const USUAL_WORK: SignedDuration = SignedDuration::from_secs(20);

/// Makes every job that was in somebody's hands due at once. Returns how many unfinished jobs there are.
///
/// # Errors
/// When a store fails.
pub async fn recover(app: &App) -> Result<usize, FlowError> {
    // Whoever starts anew may have mended the credentials.
    for provider in ProviderName::ALL {
        if app.jobs.hold(provider).await?.is_some_and(|hold| hold.kind == HoldKind::Credentials) {
            release(app, provider).await?;
        }
    }
    let unfinished = app.jobs.unfinished().await?;
    let many = unfinished.len();
    let now = app.now();
    for job in unfinished {
        let event = match (&job.state, job.step()) {
            // Fetching needs no time to come.
            (State::Ready { .. } | State::Branching { .. }, _) => {
                app.wake(QueueName::Collect, &job.id).await;
                continue;
            }
            _ if job.unread_callback().is_some() => {
                app.wake(QueueName::Collect, &job.id).await;
                continue;
            }
            // The lease of a dead process is void. What became of its call shows once the provider has had time for it.
            (State::Submitting { since, .. }, _) => Event::Settling { lease_until: usual_end(*since).max(now) },
            // A wait that a provider asked for goes on: after a failure, and until its next day.
            (State::Queued { due_at, .. }, Some(step))
                if step.failures == 0 && *due_at <= app.schedule.lease_until(now) =>
            {
                // One that an earlier restart has put off is at work over there as before.
                let until = step.submitted_at.map_or(now, |submitted_at| usual_end(submitted_at).max(now));
                Event::Postponed { until, slot_at: None, because: Because::HostRestarted }
            }
            (State::Waiting { .. }, Some(step)) => {
                let Some(provider) = app.providers.get(step.provider) else { continue };
                let submitted_at = step.submitted_at.unwrap_or(job.created_at);
                let unsettled = Unsettled { options: &step.options, submitted_at, now, ruled_out: &[], evidence: None };
                let by_callback = provider.delivery(&step.options).is_ok_and(|delivery| delivery == Delivery::Callback);
                // The callback may have been sent while we were down. To ask again is free, or we wait for it.
                let free = by_callback && matches!(provider.settle(unsettled).await, Ok(Settled::RepeatIsFree));
                if !free {
                    continue;
                }
                // What is still at work over there would be worked on twice, and its callback comes to an open door.
                let until = usual_end(submitted_at).max(now);
                Event::Postponed { until, slot_at: None, because: Because::HostRestarted }
            }
            // What was woken was woken by messages that are gone.
            _ if job.woken_until.is_some() => Event::Woken { until: now },
            _ => continue,
        };
        app.advance(job, &event).await?;
    }
    Ok(many)
}

fn usual_end(submitted_at: Timestamp) -> Timestamp {
    submitted_at.saturating_add(USUAL_WORK).unwrap_or(Timestamp::MAX)
}
