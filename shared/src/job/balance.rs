//! Balances: how much work is left on the accounts, as far as replies have told.

use jiff::Timestamp;

use super::{Job, ProviderName};

/// What a provider said to be left on the account, in its own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// So much.
    pub left: i64,
    /// When it was told.
    pub at: Timestamp,
    /// So much is to be left, as the preset said then: with less, the provider is put on hold.
    pub least: Option<i64>,
}

impl Balance {
    /// Whether little more is left than `least`, so that the provider will soon be put on hold: a tenth more, or ten.
    #[must_use]
    pub fn is_close_to(left: i64, least: i64) -> bool {
        left <= least.saturating_add((least / 10).max(10))
    }

    /// Whether the provider will soon be put on hold.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.least.is_some_and(|least| Self::is_close_to(self.left, least))
    }
}

impl Job {
    /// What the replies to this job's steps told.
    pub fn balances(&self) -> impl Iterator<Item = (ProviderName, Balance)> {
        self.steps.iter().filter_map(|step| {
            let at = step.finished_at.or(step.submitted_at).unwrap_or(self.created_at);
            Some((step.provider, Balance { left: step.balance?, at, least: step.min_balance }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_low_a_little_before_the_provider_is_put_on_hold() {
        for (left, least, low) in
            [(1_000, 100, false), (110, 100, true), (111, 100, false), (5, 0, true), (-3, 0, true), (20, 0, false)]
        {
            assert_eq!(Balance::is_close_to(left, least), low, "{left} of {least}");
        }
        let balance = |least| Balance { left: 3, at: Timestamp::UNIX_EPOCH, least };
        assert!(balance(Some(i64::MAX)).is_low() && !balance(None).is_low());
    }
}
