//! The sandbox's clock: the only place that reads the time of day. Nothing else may.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The time of day, which tests can put forward.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead_ms: AtomicU64,
}

impl Clock {
    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else takes the time from")]
        let now = SystemTime::now();
        since_epoch_ms(now).saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Puts the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

/// Milliseconds since 1970; a time before it counts as 1970.
pub(crate) fn since_epoch_ms(time: SystemTime) -> u64 {
    let elapsed = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_goes_forward_when_told() {
        let clock = Clock::default();
        let before_ms = clock.now_ms();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now_ms() >= before_ms + 3_600_000);
    }
}
