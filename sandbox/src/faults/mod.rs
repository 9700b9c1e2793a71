//! The switches that make the services misbehave. They hold wishes only; each service asks and acts for itself.

mod board;
mod providers;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use crate::faults::board::{BadSwitch, Board};
pub use crate::faults::board::{Misbehaviour, Switches};
pub use crate::faults::providers::{
    FangtangFaults, FangtangSwitches, ImagebanFaults, ImagebanSwitches, ImgfactoryFaults, ImgfactorySwitches,
    VkcloudFaults, VkcloudSwitches, WatermarkFaults, WatermarkSwitches,
};
use crate::settings::Latency;

/// All switches. Everything is off at first, and every switch works from the next request on.
#[derive(Debug, Default)]
pub struct Faults {
    /// The switches of imgfactory.
    pub imgfactory: ImgfactoryFaults,
    /// The switches of watermark.
    pub watermark: WatermarkFaults,
    /// The switches of fangtang.
    pub fangtang: FangtangFaults,
    /// The switches of vkcloud.
    pub vkcloud: VkcloudFaults,
    /// The switches of imageban.
    pub imageban: ImagebanFaults,
    latency: Mutex<Option<Latency>>,
}

impl Faults {
    /// Overrides how long work takes; `None` goes back to the settings. A service's own `latency_ms` goes before it.
    pub fn latency(&self, latency: Option<Latency>) {
        *lock(&self.latency) = latency;
    }

    /// Switches everything off.
    pub fn clear(&self) {
        self.latency(None);
        for provider in crate::Sandbox::PROVIDERS {
            if let Some(board) = self.of(provider) {
                board.clear();
            }
        }
    }

    /// The switches of one service, by its name.
    pub(crate) fn of(&self, provider: &str) -> Option<&dyn Board> {
        match provider {
            "imgfactory" => Some(&self.imgfactory),
            "watermark" => Some(&self.watermark),
            "fangtang" => Some(&self.fangtang),
            "vkcloud" => Some(&self.vkcloud),
            "imageban" => Some(&self.imageban),
            _ => None,
        }
    }

    /// How long work takes now, where the settings say `otherwise`.
    pub(crate) fn current_latency(&self, otherwise: Latency) -> Latency {
        let mut latency = lock(&self.latency).unwrap_or(otherwise);
        for (wished, place) in [
            (self.imgfactory.wished_latency_ms(), &mut latency.imgfactory_ms_per_copy),
            (self.watermark.wished_latency_ms(), &mut latency.watermark_ms),
            (self.fangtang.wished_latency_ms(), &mut latency.fangtang_ms),
            (self.vkcloud.wished_latency_ms(), &mut latency.vkcloud_ms),
            (self.imageban.wished_latency_ms(), &mut latency.imageban_ms),
        ] {
            *place = wished.unwrap_or(*place);
        }
        latency
    }
}

/// How long a dropped response keeps its connection silent. axum cannot close a connection before the headers.
pub(crate) const SILENCE: std::time::Duration = std::time::Duration::from_mins(10);

fn lock<T>(switches: &Mutex<T>) -> MutexGuard<'_, T> {
    switches.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_switches_everything_off() {
        let faults = Faults::default();
        faults.imgfactory.hold_tasks(true);
        faults.watermark.exhausted(true);
        faults.imageban.quota(Some(1));
        faults.latency(Some(Latency { imgfactory_ms_per_copy: 0, ..Latency::default() }));
        faults.clear();
        assert!(!faults.imgfactory.now().hold_tasks);
        assert!(!faults.watermark.now().exhausted);
        assert_eq!(faults.imageban.quota_left(), None);
        assert_eq!(faults.current_latency(Latency::default()), Latency::default());
    }

    #[test]
    fn nearest_wish_decides_the_latency() {
        let faults = Faults::default();
        faults.latency(Some(Latency { vkcloud_ms: 1, imageban_ms: 2, ..Latency::default() }));
        faults.vkcloud.latency_ms(Some(3));
        let latency = faults.current_latency(Latency::default());
        assert_eq!((latency.vkcloud_ms, latency.imageban_ms), (3, 2));
    }
}
