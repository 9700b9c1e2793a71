//! The only place that reads the time.

use jiff::Timestamp;

/// A clock, passed to whoever needs the time.
#[derive(Clone, Copy)]
pub struct Clock(fn() -> Timestamp);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the place")]
        Self(Timestamp::now)
    }

    /// A clock that shows what `now` says, for tests.
    #[must_use]
    pub fn of(now: fn() -> Timestamp) -> Self {
        Self(now)
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
