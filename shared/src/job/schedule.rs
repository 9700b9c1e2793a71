//! When to look again: leases, polls, retries, callbacks that stay away. Pure arithmetic on times that come in.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Limits, Tries, Trouble};

/// How often a provider may be asked, at the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Requests per second.
    pub rate_per_s: f64,
    /// Submits a day (UTC); `None`: no limit of ours.
    pub most_per_day: Option<u64>,
}

impl Pace {
    /// The time between two requests, in whole milliseconds, at least one. It is 4 % longer than the rate asks for: the
    /// provider counts arrivals, and two requests that leave on time may arrive a little closer.
    #[must_use]
    pub fn interval_ms(self) -> i64 {
        self.stretched_ms(1.04)
    }

    /// The least time between two requests of one process, of which the first was late. Shorter than the interval, so
    /// that what was lost is made good.
    #[must_use]
    pub fn least_distance_ms(self) -> i64 {
        self.stretched_ms(1.03)
    }

    /// So much before its slot a job becomes `Submitting`: longer than a write takes, and short, because whoever dies in
    /// it leaves an outcome that has to be looked into. Where requests may follow each other closely, there is nothing to
    /// be exact about.
    #[must_use]
    pub fn claim_lead(self) -> SignedDuration {
        SignedDuration::from_millis(self.interval_ms().min(50))
    }

    /// The first request after a pause finds no connection open and arrives late by that; who comes next keeps away from
    /// it, as far as the interval makes that matter.
    #[must_use]
    pub fn warm_up_ms(self) -> i64 {
        (self.interval_ms() * 3 / 10).min(150)
    }

    fn stretched_ms(self, by: f64) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "clamped to a range that fits")]
        let milliseconds = (1000.0 * by / self.rate_per_s).ceil().clamp(1.0, 86_400_000.0) as i64;
        milliseconds
    }
}

/// The times between looks at a job. One value for all jobs, so that a test can make an hour a second.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How long a function may work on a job before it counts as dead. Longer than any function's time-out.
    pub lease: Duration,
    /// The first poll after this.
    pub first_poll: Duration,
    /// Polls are never further apart than this.
    pub longest_poll: Duration,
    /// A wake-up that brought nothing is repeated after this.
    pub wake_again: Duration,
    /// The first retry after this; doubled each time.
    pub first_retry: Duration,
    /// Retries are never further apart than this.
    pub longest_retry: Duration,
    /// How often, and over how long, what may pass is tried again.
    pub limits: Limits,
    /// Fetches of one result that brought something that is none: this many, then the job fails.
    pub most_fetches: u32,
    /// The last fetch but those that follow each other closely is so long before the end of a result's life.
    pub last_fetch: Duration,
    /// How long to wait for a callback, by how many repeats there have been. When these are used up, the image is
    /// sent with the request to answer at once.
    pub callback_waits: [Duration; 2],
    /// The first try of a job while its provider is on hold; doubled each time.
    pub first_probe: Duration,
    /// Tries are never further apart than this.
    pub longest_probe: Duration,
    /// Over how long the jobs that waited for a provider's next day are spread.
    pub next_day_spread: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(180),
            first_poll: Duration::from_secs(2),
            longest_poll: Duration::from_secs(60),
            wake_again: Duration::from_secs(30),
            first_retry: Duration::from_secs(2),
            longest_retry: Duration::from_secs(300),
            limits: Limits::default(),
            most_fetches: 5,
            last_fetch: Duration::from_secs(30),
            callback_waits: [Duration::from_secs(600), Duration::from_secs(1800)],
            first_probe: Duration::from_secs(300),
            longest_probe: Duration::from_secs(3600),
            next_day_spread: Duration::from_secs(600),
        }
    }
}

impl Schedule {
    /// The next poll of a task that has been polled `polls` times: soon at first, then ever less often. By a quarter each
    /// time, so that a result is never noticed later than a quarter of the time that it took.
    #[must_use]
    pub fn poll_at(&self, now: Timestamp, polls: u32) -> Timestamp {
        after(now, grown(self.first_poll, 1.25, polls, self.longest_poll))
    }

    /// The next try after `failures` failures. `jitter` in 0..=1 spreads the retries of many jobs (full jitter); the
    /// wait is never under `at_least`, which is what the provider asked for.
    #[must_use]
    pub fn retry_at(&self, now: Timestamp, failures: u32, at_least: Duration, jitter: f64) -> Timestamp {
        let ceiling = grown(self.first_retry, 2.0, failures, self.longest_retry);
        after(now, at_least + ceiling.mul_f64(jitter.clamp(0.0, 1.0)))
    }

    /// The next try of what ended in `trouble`, as before in `before`; `None`: that was the last. `jitter` and `at_least`
    /// are as in [`Schedule::retry_at`].
    #[must_use]
    pub fn try_again_at(
        &self,
        now: Timestamp,
        trouble: Trouble,
        before: Option<&Tries>,
        at_least: Duration,
        jitter: f64,
    ) -> Option<Timestamp> {
        let limit = self.limits.of(trouble);
        if limit.ends_after(before) {
            return None;
        }
        let times = before.map_or(0, |tries| tries.times);
        let ceiling = grown(limit.first_wait, limit.growth, times, limit.longest_wait);
        let share = limit.least_share + (1.0 - limit.least_share) * jitter.clamp(0.0, 1.0);
        Some(after(now, at_least + ceiling.mul_f64(share)))
    }

    /// The next fetch of a result that is gone after `expires_at`, after `failures` fetches in vain. The nearer the end,
    /// the closer the tries: never further than half of what is left, and never past the end without a last one before.
    #[must_use]
    pub fn fetch_again_at(&self, now: Timestamp, failures: u32, expires_at: Timestamp, jitter: f64) -> Timestamp {
        let at_least = Duration::from_secs(1);
        let retry_at = self.retry_at(now, failures, at_least, jitter);
        let left = Duration::try_from(expires_at.duration_since(now)).unwrap_or_default();
        let last = expires_at.saturating_sub(SignedDuration::try_from(self.last_fetch).unwrap_or_default());
        match last {
            Ok(last) if now < last => retry_at.min(after(now, left / 2)).max(after(now, at_least)).min(last),
            // From here on a few more, for as long as it may be there.
            _ => retry_at.min(after(now, (self.last_fetch / 4).max(at_least))),
        }
    }

    /// When a callback counts as missing, after `replays` repeats. `None`: stop relying on callbacks.
    #[must_use]
    pub fn callback_missing_at(&self, now: Timestamp, replays: u32) -> Option<Timestamp> {
        let wait = self.callback_waits.get(usize::try_from(replays).ok()?)?;
        Some(after(now, *wait))
    }

    /// The next try of a job whose provider is on hold, after `probes` tries.
    #[must_use]
    pub fn probe_at(&self, now: Timestamp, probes: u32) -> Timestamp {
        after(now, grown(self.first_probe, 2.0, probes, self.longest_probe))
    }

    /// The start of a provider's next day, whose days begin at midnight `zone_hours` east of UTC, or of the next day in
    /// UTC, whichever is sooner: which of the two the provider means is not documented. A little later for each job,
    /// by `jitter` in 0..=1, so that not all come at once.
    #[must_use]
    pub fn next_day_at(&self, now: Timestamp, zone_hours: i8, jitter: f64) -> Timestamp {
        const DAY_S: i64 = 24 * 3600;
        let until_midnight = |zone_s: i64| DAY_S - (now.as_second() + zone_s).rem_euclid(DAY_S);
        let wait_s = until_midnight(i64::from(zone_hours) * 3600).min(until_midnight(0));
        let spread = self.next_day_spread.mul_f64(jitter.clamp(0.0, 1.0));
        after(after(now, Duration::from_secs(u64::try_from(wait_s).unwrap_or_default())), spread)
    }

    /// The end of a lease that starts now.
    #[must_use]
    pub fn lease_until(&self, now: Timestamp) -> Timestamp {
        after(now, self.lease)
    }

    /// When to repeat a wake-up that is sent now.
    #[must_use]
    pub fn wake_again_at(&self, now: Timestamp) -> Timestamp {
        after(now, self.wake_again)
    }
}

/// `now` plus `wait`; stops at the end of time instead of failing.
fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn grown(first: Duration, factor: f64, times: u32, longest: Duration) -> Duration {
    let exponent = i32::try_from(times.min(64)).unwrap_or(64);
    let seconds = first.as_secs_f64() * factor.powi(exponent);
    Duration::try_from_secs_f64(seconds).unwrap_or(longest).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn seconds(at: Timestamp) -> i64 {
        at.as_second()
    }

    #[test]
    fn what_is_kept_exactly_at_two_a_second_is_waited_for_by_nobody_where_requests_may_follow_each_other_at_once() {
        let pace = |rate_per_s| Pace { rate_per_s, most_per_day: None };
        let lead_and_warm_up = |pace: Pace| (pace.claim_lead().as_millis(), pace.warm_up_ms());
        assert_eq!(lead_and_warm_up(pace(2.0)), (50, 150));
        assert_eq!(lead_and_warm_up(pace(4.0)), (50, 78));
        assert_eq!(lead_and_warm_up(pace(1_000_000.0)), (1, 0));
    }

    #[test]
    fn polls_start_soon_and_grow_to_a_minute() {
        let schedule = Schedule::default();
        let waits: Vec<i64> = [0, 1, 2, 4, 8, 12, 15, 16, 999].map(|n| seconds(schedule.poll_at(NOW, n))).to_vec();
        assert_eq!(waits, [2, 2, 3, 4, 11, 29, 56, 60, 60]);
    }

    #[test]
    fn a_retry_waits_at_least_as_long_as_it_was_asked_to() {
        let schedule = Schedule::default();
        assert_eq!(seconds(schedule.retry_at(NOW, 0, Duration::from_secs(7), 0.0)), 7);
        assert_eq!(seconds(schedule.retry_at(NOW, 3, Duration::ZERO, 1.0)), 16);
        assert_eq!(seconds(schedule.retry_at(NOW, 1000, Duration::ZERO, 1.0)), 300);
    }

    #[test]
    fn fetches_come_closer_together_as_the_end_of_a_result_nears_and_never_skip_it() {
        let schedule = Schedule::default();
        let expires_at = Timestamp::from_second(3600).unwrap();
        for jitter in [0.0, 0.3, 1.0] {
            let (mut now, mut failures, mut waits) = (NOW, 12, Vec::new());
            while now < expires_at {
                let next = schedule.fetch_again_at(now, failures, expires_at, jitter);
                assert!(next > now, "it goes on");
                waits.push(next.duration_since(now));
                (now, failures) = (next, failures + 1);
            }
            let tries_before = waits.len() - 1;
            let last = expires_at.duration_since(now - waits[tries_before]);
            assert!(last <= SignedDuration::from_secs(30), "the last try is {last:#} before the end");
            assert!(tries_before > 12 && waits[tries_before] <= SignedDuration::from_secs(9), "{waits:?}");
        }
        let at_end =
            |left_s| seconds(schedule.fetch_again_at(expires_at - Duration::from_secs(left_s), 12, expires_at, 1.0));
        assert_eq!([3000, 400, 100].map(at_end), [901, 3400, 3550], "up to five minutes, then half of what is left");
        assert_eq!(at_end(40), 3570, "and a last one half a minute before");
    }

    #[test]
    fn a_callback_is_waited_for_ten_minutes_then_thirty_then_no_more() {
        let schedule = Schedule::default();
        let waits: Vec<_> = (0..3).map(|n| schedule.callback_missing_at(NOW, n).map(seconds)).collect();
        assert_eq!(waits, [Some(600), Some(1800), None]);
    }

    #[test]
    fn a_provider_on_hold_is_tried_ever_less_often_up_to_an_hour() {
        let schedule = Schedule::default();
        let waits: Vec<i64> = (0..6).map(|probes| seconds(schedule.probe_at(NOW, probes)) / 60).collect();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn a_daily_limit_is_waited_out_until_the_next_midnight_there_or_in_utc() {
        let schedule = Schedule::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let next = |now: &str, jitter| schedule.next_day_at(at(now), 3, jitter);
        assert_eq!(next("2026-11-21T12:00:00Z", 0.0), at("2026-11-21T21:00:00Z"), "midnight in Moscow");
        assert_eq!(
            next("2026-11-21T21:05:00Z", 0.0),
            at("2026-11-22T00:00:00Z"),
            "if it was not that, midnight in UTC"
        );
        assert_eq!(next("2026-11-22T00:00:01Z", 1.0), at("2026-11-22T21:10:00Z"));
    }

    #[test]
    fn two_requests_a_second_are_a_little_over_half_a_second_apart() {
        let pace = |rate_per_s| Pace { rate_per_s, most_per_day: None };
        assert_eq!((pace(2.0).interval_ms(), pace(1e9).interval_ms()), (520, 1));
        assert_eq!(pace(2.0).least_distance_ms(), 515);
    }
}
