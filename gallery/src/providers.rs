//! What there is to know of each provider without asking it.

use std::collections::BTreeMap;

use darkroom_shared::{
    job::{Hold, Job, ProviderName},
    store::LANES,
};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Gallery, problem::Problem};

/// A provider as people see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ProviderStatus {
    /// Its name.
    pub(crate) name: ProviderName,
    /// Whether it is a fake on this machine and not the real service.
    pub(crate) is_sandbox: bool,
    /// Why its jobs wait, while it is on hold.
    pub(crate) hold: Option<Hold>,
    /// How many requests for work were made today (UTC).
    pub(crate) requests_today: u64,
    /// How many are made a day at the most, where a limit is set.
    pub(crate) most_requests_per_day: Option<u64>,
    /// How many are made a second at the most.
    pub(crate) requests_per_s: f64,
    /// When the next one is free, where others have taken turns before.
    pub(crate) next_turn_at: Option<Timestamp>,
    /// How many jobs are with it or wait for it.
    pub(crate) unfinished_jobs: usize,
    /// Whether there are more than were counted.
    pub(crate) has_more_unfinished: bool,
    /// What its last reply told to be left on the account, in its own unit. `null`: none of the newest jobs was told.
    pub(crate) balance: Option<BalanceStatus>,
}

/// What is left on an account.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct BalanceStatus {
    /// So much.
    pub(crate) left: i64,
    /// When it was told.
    pub(crate) at: Timestamp,
    /// With so much or less the provider is put on hold.
    pub(crate) min_balance: Option<i64>,
    /// Whether that is near.
    pub(crate) is_low: bool,
}

/// So many unfinished jobs of each lane are counted.
const MOST_COUNTED_PER_LANE: u16 = 100;

/// All providers.
pub(crate) async fn all(gallery: &Gallery) -> Result<Vec<ProviderStatus>, Problem> {
    let app = gallery.app();
    let balances = app.jobs.balances().await?;
    let lanes = (0..LANES).map(|lane| app.jobs.due(lane, Timestamp::MAX, MOST_COUNTED_PER_LANE));
    let lanes = try_join_all(lanes).await?;
    let has_more = lanes.iter().any(|rows| rows.jobs.len() >= usize::from(MOST_COUNTED_PER_LANE));
    let unfinished: Vec<ProviderName> = lanes.iter().flat_map(|rows| rows.jobs.iter().map(Job::provider)).collect();
    let now = gallery.now();
    let states = ProviderName::ALL.map(|name| app.jobs.provider_state(name, now));
    let states = try_join_all(states).await?;
    let status = ProviderName::ALL.into_iter().zip(states).map(|(name, state)| {
        let pace = app.paces.get(&name);
        ProviderStatus {
            name,
            is_sandbox: gallery.settings().sandboxed.contains(&name),
            hold: state.hold,
            requests_today: state.slots_today,
            most_requests_per_day: pace.and_then(|pace| pace.most_per_day),
            requests_per_s: pace
                .map_or_else(|| darkroom_shared::provider::facts(name).rate_per_s, |pace| pace.rate_per_s),
            next_turn_at: state.next_slot_at,
            unfinished_jobs: unfinished.iter().filter(|provider| **provider == name).count(),
            has_more_unfinished: has_more,
            balance: balances.get(&name).map(|balance| BalanceStatus {
                left: balance.left,
                at: balance.at,
                min_balance: app.presets.min_balance(name),
                is_low: balance.is_low(),
            }),
        }
    });
    Ok(status.collect())
}

/// The holds that there are, for those who wait for them.
pub(crate) async fn holds(gallery: &Gallery) -> Result<BTreeMap<ProviderName, Hold>, Problem> {
    let app = gallery.app();
    let holds = ProviderName::ALL.map(|name| async move { Ok::<_, Problem>((name, app.jobs.hold(name).await?)) });
    let holds = try_join_all(holds).await?;
    Ok(holds.into_iter().filter_map(|(name, hold)| Some((name, hold?))).collect())
}
