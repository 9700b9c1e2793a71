//! How often, and over how long, what may pass is tried again: a limit for each kind of trouble. One number for all
//! would fail thousands of images because a service was down for an hour, or send a paid call a hundred times.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What went wrong in a way that may pass. Each kind has its own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The provider was not reached: nothing began, and nothing was charged.
    Network,
    /// Something is wrong at the provider, and it said so.
    Unavailable,
    /// Too many requests.
    RateLimited,
    /// The answer could not be read.
    Unreadable,
    /// No answer was heard, as our function died; to ask again is free.
    Unheard,
    /// A paid call may have been carried out, or its failure rests on our own search: each repeat is a risk.
    Lost,
    /// Anything else that the provider says may pass.
    Other,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Network, Self::Unavailable, Self::RateLimited, Self::Unreadable, Self::Unheard, Self::Lost, Self::Other];
}

/// How often a step met each kind of trouble.
pub type Troubles = BTreeMap<Trouble, Tries>;

/// How often a step met one kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// How many tries ended so.
    pub times: u32,
    /// The first of them.
    pub since: Timestamp,
    /// The waits that they caused, together. Time in which nobody tried (a hold, a host that was down, other trouble) is
    /// not in it, so nothing is given up that was not tried.
    pub waited_ms: u64,
}

impl Tries {
    /// The same after one more try, which ended at `at` and is followed by the next at `until`.
    #[must_use]
    pub fn and_one_more(before: Option<&Self>, at: Timestamp, until: Timestamp) -> Self {
        let before = before.copied().unwrap_or(Self { times: 0, since: at, waited_ms: 0 });
        let wait_ms = u64::try_from(until.duration_since(at).as_millis()).unwrap_or_default();
        Self {
            times: before.times.saturating_add(1),
            since: before.since,
            waited_ms: before.waited_ms.saturating_add(wait_ms),
        }
    }
}

/// When trying ends, and how long the waits between tries are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// This many tries, then no more.
    pub most_tries: u32,
    /// Once the waits are this long together, no more.
    pub longest_altogether: Duration,
    /// The first wait is up to this.
    pub first_wait: Duration,
    /// Each wait may be longer than the one before by this factor.
    pub growth: f64,
    /// No wait is longer, unless the provider asks for it.
    pub longest_wait: Duration,
    /// The share of a wait that is no chance: 0 is full jitter.
    pub least_share: f64,
}

impl Limit {
    /// Whether one more failed try after `before` is the last.
    #[must_use]
    pub fn ends_after(&self, before: Option<&Tries>) -> bool {
        let (times, waited_ms) = before.map_or((0, 0), |tries| (tries.times, tries.waited_ms));
        times.saturating_add(1) >= self.most_tries || Duration::from_millis(waited_ms) >= self.longest_altogether
    }
}

/// The limit of each kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// [`Trouble::Network`]
    pub network: Limit,
    /// [`Trouble::Unavailable`]
    pub unavailable: Limit,
    /// [`Trouble::RateLimited`]
    pub rate_limited: Limit,
    /// [`Trouble::Unreadable`]
    pub unreadable: Limit,
    /// [`Trouble::Unheard`]
    pub unheard: Limit,
    /// [`Trouble::Lost`]
    pub lost: Limit,
    /// [`Trouble::Other`]
    pub other: Limit,
}

impl Limits {
    /// The limit for `trouble`.
    #[must_use]
    pub fn of(&self, trouble: Trouble) -> &Limit {
        match trouble {
            Trouble::Network => &self.network,
            Trouble::Unavailable => &self.unavailable,
            Trouble::RateLimited => &self.rate_limited,
            Trouble::Unreadable => &self.unreadable,
            Trouble::Unheard => &self.unheard,
            Trouble::Lost => &self.lost,
            Trouble::Other => &self.other,
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Limits {
    fn default() -> Self {
        let few = Limit {
            most_tries: 6,
            longest_altogether: DAY,
            first_wait: Duration::from_secs(2),
            growth: 2.0,
            longest_wait: Duration::from_secs(300),
            least_share: 0.0,
        };
        // A service that is down comes back, and what costs nothing can wait for it.
        let long = Limit { most_tries: u32::MAX, longest_wait: Duration::from_secs(900), ..few };
        Self {
            network: long,
            // Shorter: "something is wrong here" may be said because of this very image.
            unavailable: Limit { longest_altogether: HOUR * 12, ..long },
            rate_limited: long,
            // What cannot be read six times does not become readable.
            unreadable: few,
            // An image that kills our function ten times would do it an eleventh time.
            unheard: Limit { most_tries: 10, ..few },
            // Few, since each may cost; but over hours, so that a service that is down for two does not use them up.
            lost: Limit { growth: 10.0, longest_wait: HOUR * 4, least_share: 0.5, ..few },
            other: few,
        }
    }
}

/// A span of time for people: "40 s", "12 min", "5 h", "2 days".
#[must_use]
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).max(SignedDuration::ZERO).as_secs();
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Schedule;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// Tries until the limit, each wait as long as chance says: how many tries, over how long.
    fn exhausted(trouble: Trouble, jitter: f64) -> (u32, SignedDuration) {
        let schedule = Schedule::default();
        let (mut now, mut tries) = (NOW, None);
        loop {
            match schedule.try_again_at(now, trouble, tries.as_ref(), Duration::ZERO, jitter) {
                Some(until) => {
                    tries = Some(Tries::and_one_more(tries.as_ref(), now, until.max(now + Duration::from_millis(1))));
                    now = until;
                }
                None => return (tries.map_or(1, |tries| tries.times + 1), now.duration_since(NOW)),
            }
        }
    }

    #[test]
    fn a_service_that_is_down_for_two_hours_fails_no_image() {
        let two_hours = SignedDuration::from_hours(2);
        for trouble in [Trouble::Network, Trouble::Unavailable, Trouble::RateLimited] {
            for jitter in [0.01, 0.5, 1.0] {
                let (times, over) = exhausted(trouble, jitter);
                assert!(over > two_hours, "{trouble:?}: {times} tries over {over:#}");
                assert!(over < SignedDuration::from_hours(25), "and yet it ends: {trouble:?} {over:#}");
            }
        }
        for jitter in [0.0, 1.0] {
            let (times, over) = exhausted(Trouble::Lost, jitter);
            assert!(times == 6 && over > two_hours, "few tries, far apart: {times} over {over:#}");
        }
    }

    #[test]
    fn what_does_not_become_better_is_tried_a_few_times() {
        let times = |trouble| exhausted(trouble, 1.0).0;
        assert_eq!([Trouble::Unreadable, Trouble::Other, Trouble::Unheard].map(times), [6, 6, 10]);
    }

    #[test]
    fn time_in_which_nobody_tried_uses_up_no_limit() {
        let limit = Limits::default().network;
        let long_ago = Tries { times: 3, since: NOW, waited_ms: 5_000 };
        assert!(!limit.ends_after(Some(&long_ago)), "a hold of a week lies in between, for all that is known");
        assert!(limit.ends_after(Some(&Tries { waited_ms: 24 * 3_600_000, ..long_ago })));
    }

    #[test]
    fn spans_are_told_as_people_tell_them() {
        let told = |seconds| span(NOW, Timestamp::from_second(seconds).unwrap());
        assert_eq!([5, 600, 3 * 3600, 86_400 * 3].map(told), ["5 s", "10 min", "3 h", "3 days"]);
        assert_eq!(span(Timestamp::from_second(9).unwrap(), NOW), "0 s");
    }
}
