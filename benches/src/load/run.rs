//! One timed run: pictures are put, and the clock stops when the last record lies in the bucket.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::ensure;
use axum::body::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::process::own_processor_time;

use super::{AT_ONCE, Host, Store, picture};

/// How often it is looked whether more has ended: a small part of any run.
const PAUSE: Duration = Duration::from_millis(10);

/// Where pictures are put, and where their records then lie.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// What the upload's key begins with.
    pub(crate) uploads: String,
    /// What the key of the result's folder begins with.
    pub(crate) results: String,
}

impl Flow {
    /// The way through darkroom, by a provider's default preset.
    pub(crate) fn of(provider: &str) -> Self {
        Self { uploads: format!("uploads/{provider}/default/"), results: format!("results/{provider}/default/") }
    }
}

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// From the first put to the last record.
    pub(crate) wall: Duration,
    /// Of that, until everything was put.
    pub(crate) put: Duration,
    /// Processor time of the host meanwhile.
    pub(crate) host: Duration,
    /// Processor time of this process meanwhile: load, provider and watching.
    pub(crate) own: Duration,
}

/// Puts `many` pictures, turn by turn into each of `flows`, under names that begin with `name`, and waits for their
/// `job.json`s.
pub(crate) async fn run(host: &Host, flows: &[Flow], name: &str, many: usize) -> anyhow::Result<Took> {
    let store = Store::of(host)?;
    let (mut uploads, mut records) = (Vec::with_capacity(many), VecDeque::with_capacity(many));
    for (number, flow) in (0..).zip(flows.iter().cycle().take(many)) {
        let address = store.address_to_put(&format!("{}{name}-{number:06}.jpg", flow.uploads)).await?;
        uploads.push((address, picture(number)));
        records.push_back(host.object(&format!("{}{name}-{number:06}.jpg/job.json", flow.results)));
    }
    let (host_before, own_before, start) = (host.processor_time()?, own_processor_time()?, Instant::now());
    put_all(&store, uploads).await?;
    let put = start.elapsed();
    let patience = Duration::from_secs(60) + Duration::from_millis(200) * u32::try_from(many)?;
    ended(host, records.clone(), patience).await?;
    let wall = start.elapsed();
    let (host, own) = (host.processor_time()? - host_before, own_processor_time()? - own_before);
    // Behind the clock: a failure is a record too, and soon made.
    records.iter().try_for_each(|record| is_done(record))?;
    Ok(Took { wall, put, host, own })
}

fn is_done(record: &Path) -> anyhow::Result<()> {
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(record)?)?;
    ensure!(document["state"] == "done", "a job is not done: {document:#}");
    Ok(())
}

/// Puts everything, [`AT_ONCE`] at a time.
pub(crate) async fn put_all(store: &Store, uploads: Vec<(String, Bytes)>) -> anyhow::Result<()> {
    let puts = uploads.into_iter().map(|(address, body)| async move { store.put(&address, body).await });
    stream::iter(puts).buffer_unordered(AT_ONCE).try_collect().await
}

/// Waits for all of `records`, looking only for the first that is missing: they come about in turn.
async fn ended(host: &Host, mut records: VecDeque<PathBuf>, patience: Duration) -> anyhow::Result<()> {
    let start = Instant::now();
    while let Some(next) = records.front() {
        if next.exists() {
            records.pop_front();
            continue;
        }
        ensure!(start.elapsed() < patience, "{} records are missing; the log ends:\n{}", records.len(), host.log());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
