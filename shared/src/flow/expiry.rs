//! How long what a provider has made for a job can still be fetched: what is gone sooner is looked at first.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::App;
use crate::{
    job::{Job, ResultSource, State},
    provider::facts,
    telemetry::metrics::{Dimensions, RESULT_LIFE_LEFT_PERCENT},
};

/// With less than this share of its life left, a result is in danger.
const LITTLE_LEFT_PERCENT: f64 = 25.0;

/// When what the provider has for the job is gone, as far as can be known; `None`: nothing of it lies there. Of work that
/// still goes on it is the earliest time possible.
pub(super) fn expires_at(job: &Job) -> Option<Timestamp> {
    let since = match &job.state {
        State::Ready { since, source: ResultSource::Image { .. } | ResultSource::Archive { .. }, .. }
        | State::Waiting { since, .. } => *since,
        _ => return None,
    };
    since.saturating_add(facts(job.provider()).result_life).ok()
}

/// A key to sort by: what expires soonest first, what cannot expire last, in the order in which it was due.
pub(super) fn urgency(job: &Job) -> (Timestamp, Option<Timestamp>) {
    (expires_at(job).unwrap_or(Timestamp::MAX), job.due_at())
}

/// Whether a result has been brought to safety.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    Done,
    Failed,
}

/// Measures how much of a result's life is left, and warns where it is little. A fetch that failed while there is time is
/// measured by the one that will not.
pub(super) fn note_life_left(app: &App, job: &Job, fetch: Fetch) {
    let Some(expires_at) = expires_at(job) else { return };
    let now = app.now();
    let percent = percent_left(now, expires_at, facts(job.provider()).result_life);
    let little = percent < LITTLE_LEFT_PERCENT;
    if little || fetch == Fetch::Done {
        let dimensions = Dimensions::of_provider(job.provider().as_str());
        app.metrics.record(now, dimensions, &[(RESULT_LIFE_LEFT_PERCENT, percent)]);
    }
    if little {
        let fetched = fetch == Fetch::Done;
        tracing::warn!(
            job_id = %job.id, provider = %job.provider(), life_left_percent = percent.round(), %expires_at, fetched,
            "little was left of the result's life"
        );
    }
}

fn percent_left(now: Timestamp, expires_at: Timestamp, life: Duration) -> f64 {
    let left = expires_at.duration_since(now).max(SignedDuration::ZERO);
    (left.as_secs_f64() / life.as_secs_f64().max(f64::MIN_POSITIVE) * 100.0).clamp(0.0, 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn life_left_is_a_share_of_the_whole_and_never_below_nothing() {
        let hour = Duration::from_secs(3600);
        let left = |minute: i64| {
            percent_left(Timestamp::from_second(minute * 60).unwrap(), Timestamp::from_second(3600).unwrap(), hour)
        };
        assert_eq!([0, 15, 45, 60, 90].map(left), [100.0, 75.0, 25.0, 0.0, 0.0]);
    }
}
