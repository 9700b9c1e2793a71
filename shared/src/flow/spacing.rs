//! Spacing: one process never asks a provider twice in too quick a succession. Slots say when to ask; a machine that is
//! busy may come late to one, and then the next one, in time, would come too soon after it. Nothing is lost with this
//! memory: whoever forgets it keeps to the slots alone.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{App, attempt::sleep_until};
use crate::job::ProviderName;

/// When this process last asked each provider.
#[derive(Debug, Clone)]
pub struct Spacing(Arc<BTreeMap<ProviderName, Mutex<Timestamp>>>);

impl Default for Spacing {
    fn default() -> Self {
        Self(Arc::new(ProviderName::ALL.map(|provider| (provider, Mutex::new(Timestamp::MIN))).into()))
    }
}

/// Waits until `slot_at`, and then until the last request to `provider` is far enough behind.
pub(super) async fn wait_for_turn(app: &App, provider: ProviderName, slot_at: Timestamp) {
    sleep_until(app, slot_at).await;
    let (Some(pace), Some(last)) = (app.paces.get(&provider), app.spacing.0.get(&provider)) else { return };
    // Held while waiting: who comes next is spaced from when this one really goes.
    let mut last = last.lock().await;
    let distance = SignedDuration::from_millis(pace.least_distance_ms());
    sleep_until(app, last.saturating_add(distance).unwrap_or(slot_at)).await;
    *last = app.now();
}
