//! Tells whoever waits for images that they wait because a provider is on hold. It prints nothing itself: what it has to
//! say goes to where the one who waits has room for it.

use std::{collections::BTreeSet, time::Duration};

use darkroom_shared::{
    job::{Hold, Job, ProviderName},
    store::{Jobs, StoreError},
};
use jiff::Timestamp;
use tokio::time::Instant;

/// How soon it is looked whether a provider is on hold.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// To find out whose images wait, all unfinished jobs are read: where they are others', that is done ever less often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What was told already, and when to look again.
#[derive(Debug)]
pub(crate) struct HoldNotices {
    told: BTreeSet<(ProviderName, Timestamp)>,
    next_look: Instant,
    pause: Duration,
}

impl HoldNotices {
    /// Nothing was told.
    pub(crate) fn new() -> Self {
        Self { told: BTreeSet::new(), next_look: Instant::now() + FIRST_PAUSE, pause: FIRST_PAUSE }
    }

    /// If it is time: a line for every hold for which jobs that are `awaited` wait, once. Whoever may not read the table
    /// only gets no line.
    pub(crate) async fn look(&mut self, jobs: &Jobs, awaited: impl Fn(&Job) -> bool) -> Vec<String> {
        if Instant::now() < self.next_look {
            return Vec::new();
        }
        let told = self.tell(jobs, awaited).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "whether a provider is on hold cannot be read");
            self.pause = LONGEST_PAUSE;
            Vec::new()
        });
        self.next_look = Instant::now() + self.pause;
        told
    }

    async fn tell(&mut self, jobs: &Jobs, awaited: impl Fn(&Job) -> bool) -> Result<Vec<String>, StoreError> {
        let mut told = Vec::new();
        let mut holds: Vec<(ProviderName, Hold)> = Vec::new();
        for provider in ProviderName::ALL {
            let hold = jobs.hold(provider).await?;
            holds.extend(hold.filter(|hold| !self.told.contains(&(provider, hold.since))).map(|hold| (provider, hold)));
        }
        if holds.is_empty() {
            self.pause = FIRST_PAUSE;
            return Ok(told);
        }
        let unfinished = jobs.unfinished().await?;
        for (provider, hold) in holds {
            let waits = |job: &&Job| job.step().is_some_and(|step| step.provider == provider && step.held);
            let uploads: BTreeSet<&str> =
                unfinished.iter().filter(waits).filter(|job| awaited(job)).map(|job| job.upload.key.as_str()).collect();
            if uploads.is_empty() {
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                continue;
            }
            let many = uploads.len();
            let since = hold.since.strftime("%Y-%m-%d %H:%M:%S UTC");
            told.push(format!("{provider} is on hold since {since}; {many} wait for it: {}", hold.message));
            self.told.insert((provider, hold.since));
        }
        Ok(told)
    }
}
