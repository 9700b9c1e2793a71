//! Holds: while a provider's account is the trouble (credentials, money, the day's quota), its jobs wait instead of
//! failing one by one, and now and then one of them tries.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a provider is not asked for a while, and when the next job tries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    /// What is the trouble.
    pub kind: HoldKind,
    /// What happened and what a person can do, in words.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// When one job tries.
    pub probe_at: Timestamp,
    /// How many have tried.
    pub probes: u32,
}

/// What keeps a provider from being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    /// It does not take our credentials.
    Credentials,
    /// It wants money, or nothing is left.
    Payment,
    /// The day's quota is used up.
    Quota,
    /// As little is left as `min_balance` wants to keep.
    LowBalance,
}

impl HoldKind {
    /// The kind as `darkroom check` and the documents call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Payment => "payment",
            Self::Quota => "quota",
            Self::LowBalance => "low_balance",
        }
    }
}

impl Hold {
    /// The same after a job has begun to try; the next one tries at `probe_at`.
    #[must_use]
    pub fn probed(&self, probe_at: Timestamp) -> Self {
        Self { probe_at, probes: self.probes.saturating_add(1), ..self.clone() }
    }
}
