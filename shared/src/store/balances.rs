//! What is left on the providers' accounts, as far as their replies told it. A balance has no row of its own and costs no
//! write: it stands in the steps of the jobs whose replies told it, so it is looked for there.

use std::collections::BTreeMap;

use super::{Jobs, PageFilter, StoreError};
use crate::job::{Balance, Job, JobId, ProviderName};

/// Balances are looked for in so many of the newest jobs, and in as many of their branches.
const MOST_JOBS: usize = 100;
/// Where these told nothing of a provider, in so many of the newest that asked for it.
const MOST_JOBS_OF_A_PROVIDER: usize = 20;
/// The providers whose replies tell what is left (`shared/src/provider/{watermark,fangtang}/README.md`).
const TELLING: [ProviderName; 2] = [ProviderName::Watermark, ProviderName::Fangtang];

impl Jobs {
    /// The newest balance of each provider that told one lately.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn balances(&self) -> Result<BTreeMap<ProviderName, Balance>, StoreError> {
        let mut jobs = self.page(&PageFilter::default(), None, MOST_JOBS).await?.jobs;
        let branches: Vec<JobId> = jobs.iter().flat_map(Job::branch_ids).take(MOST_JOBS).collect();
        jobs.extend(self.get_many(&branches).await?);
        let mut balances = newest_of(&jobs);
        for provider in TELLING {
            if !balances.contains_key(&provider) {
                let filter = PageFilter { provider: Some(provider), ..PageFilter::default() };
                let asked_for_it = self.page(&filter, None, MOST_JOBS_OF_A_PROVIDER).await?.jobs;
                balances.extend(newest_of(&asked_for_it).remove_entry(&provider));
            }
        }
        Ok(balances)
    }
}

fn newest_of(jobs: &[Job]) -> BTreeMap<ProviderName, Balance> {
    let mut balances: BTreeMap<ProviderName, Balance> = BTreeMap::new();
    for (provider, balance) in jobs.iter().flat_map(Job::balances) {
        let known = balances.entry(provider).or_insert(balance);
        if known.at < balance.at {
            *known = balance;
        }
    }
    balances
}
