//! The limit of requests per second. Counts by real time, whatever the sandbox's clock says.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MOST_REQUESTS: usize = 2;
const WINDOW: Duration = Duration::from_secs(1);

/// Remembers the latest requests.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    taken: Mutex<VecDeque<Instant>>,
}

impl Pace {
    /// Whether one more request may be served now. A refused one does not count.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.front().is_some_and(|first| now.saturating_duration_since(*first) >= WINDOW) {
            taken.pop_front();
        }
        let is_free = taken.len() < MOST_REQUESTS;
        if is_free {
            taken.push_back(now);
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn third_request_within_any_second_is_too_fast() {
        let (pace, start) = (Pace::default(), Instant::now());
        let takes: Vec<bool> = [0, 600, 900, 1001, 1200, 1601]
            .into_iter()
            .map(|at_ms| pace.take(start + Duration::from_millis(at_ms)))
            .collect();
        assert_eq!(takes, [true, true, false, true, false, true]);
    }
}
