//! The switches that make the services misbehave. They hold wishes only; each service asks and acts for itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::settings::Latency;

/// All switches. Everything is off at first, and every switch works from the next request on.
#[derive(Debug, Default)]
pub struct Faults {
    /// The switches of imgfactory.
    pub imgfactory: ImgfactoryFaults,
    /// The switches of watermark.
    pub watermark: WatermarkFaults,
    latency: Mutex<Option<Latency>>,
}

impl Faults {
    /// Overrides how long work takes; `None` goes back to the settings.
    pub fn latency(&self, latency: Option<Latency>) {
        *lock(&self.latency) = latency;
    }

    /// Switches everything off.
    pub fn clear(&self) {
        self.latency(None);
        *lock(&self.imgfactory.switches) = ImgfactorySwitches::default();
        *lock(&self.watermark.switches) = WatermarkSwitches::default();
    }

    pub(crate) fn current_latency(&self) -> Option<Latency> {
        *lock(&self.latency)
    }
}

/// The switches of imgfactory.
#[derive(Debug, Default)]
pub struct ImgfactoryFaults {
    switches: Mutex<ImgfactorySwitches>,
}

/// How the switches of imgfactory stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ImgfactorySwitches {
    pub(crate) break_zip_entry: Option<usize>,
    pub(crate) refuse_payment: bool,
    pub(crate) hold_tasks: bool,
    drop_next_response: u32,
}

impl ImgfactoryFaults {
    /// The entry with this number, counted from 0, has corrupted data in each zip made from now on: its checksum fails.
    pub fn break_zip_entry(&self, entry: Option<usize>) {
        lock(&self.switches).break_zip_entry = entry;
    }

    /// Every request is answered 402.
    pub fn refuse_payment(&self, on: bool) {
        lock(&self.switches).refuse_payment = on;
    }

    /// Tasks that have not begun stay PENDING.
    pub fn hold_tasks(&self, on: bool) {
        lock(&self.switches).hold_tasks = on;
    }

    /// The next `count` API requests are worked on in full and then never answered: the client cannot know the outcome.
    ///
    /// The connection stays open and silent for ten minutes, so the client needs a time limit of its own. Downloads are
    /// not touched.
    pub fn drop_next_response(&self, count: u32) {
        lock(&self.switches).drop_next_response = count;
    }

    pub(crate) fn now(&self) -> ImgfactorySwitches {
        *lock(&self.switches)
    }

    pub(crate) fn take_dropped_response(&self) -> bool {
        take_one(&mut lock(&self.switches).drop_next_response)
    }
}

/// The switches of watermark.
#[derive(Debug, Default)]
pub struct WatermarkFaults {
    switches: Mutex<WatermarkSwitches>,
}

/// How the switches of watermark stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WatermarkSwitches {
    pub(crate) lose_callbacks: bool,
    pub(crate) double_callbacks: bool,
    pub(crate) server_error: bool,
    pub(crate) exhausted: bool,
    drop_next_response: u32,
}

impl WatermarkFaults {
    /// Work is done and charged, but no callback is sent.
    pub fn lose_callbacks(&self, on: bool) {
        lock(&self.switches).lose_callbacks = on;
    }

    /// Every callback that is delivered is delivered a second time.
    pub fn double_callbacks(&self, on: bool) {
        lock(&self.switches).double_callbacks = on;
    }

    /// Every request is answered HTTP 500 with `httpCode` 500.
    pub fn server_error(&self, on: bool) {
        lock(&self.switches).server_error = on;
    }

    /// Every request that is signed well is answered `httpCode` 403, as when no usage is left.
    pub fn exhausted(&self, on: bool) {
        lock(&self.switches).exhausted = on;
    }

    /// The next `count` API requests are worked on in full and then never answered: the client cannot know the outcome.
    ///
    /// The connection stays open and silent for ten minutes, so the client needs a time limit of its own. Callbacks
    /// and downloads are not touched.
    pub fn drop_next_response(&self, count: u32) {
        lock(&self.switches).drop_next_response = count;
    }

    pub(crate) fn now(&self) -> WatermarkSwitches {
        *lock(&self.switches)
    }

    pub(crate) fn take_dropped_response(&self) -> bool {
        take_one(&mut lock(&self.switches).drop_next_response)
    }
}

/// How long a dropped response keeps its connection silent. axum cannot close a connection before the headers.
pub(crate) const SILENCE: std::time::Duration = std::time::Duration::from_mins(10);

fn take_one(left: &mut u32) -> bool {
    let take = *left > 0;
    *left = left.saturating_sub(1);
    take
}

fn lock<T>(switches: &Mutex<T>) -> MutexGuard<'_, T> {
    switches.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_responses_are_used_up() {
        let faults = Faults::default();
        faults.watermark.drop_next_response(2);
        let taken: Vec<_> = (0..3).map(|_| faults.watermark.take_dropped_response()).collect();
        assert_eq!(taken, [true, true, false]);
    }

    #[test]
    fn clear_switches_everything_off() {
        let faults = Faults::default();
        faults.imgfactory.hold_tasks(true);
        faults.watermark.exhausted(true);
        faults.latency(Some(Latency { imgfactory_ms_per_copy: 0, watermark_ms: 0 }));
        faults.clear();
        assert!(!faults.imgfactory.now().hold_tasks);
        assert!(!faults.watermark.now().exhausted);
        assert_eq!(faults.current_latency(), None);
    }
}
