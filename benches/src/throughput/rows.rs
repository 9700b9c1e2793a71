//! Rows to fill a table with: copies of two that darkroom has written itself, one of a job that is done and one of a job
//! that waits for a callback.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::{
    bench::Bench,
    load::{BUCKET, Flow, Host, Provider, Store, picture, run},
};

/// DynamoDB takes so many rows at once.
const BATCH: usize = 25;
/// So many batches are on their way.
const BATCHES_AT_ONCE: usize = 4;
/// The index of unfinished jobs has so many partitions (`shared/src/store/row.rs`).
const LANES: u8 = 8;
/// A waiting copy is due then, and so never while it is measured.
const DUE_AT: &str = "2099-01-01T00:00:00Z";
const DUE_AT_MS: &str = "4070908800000";
/// What the true rows' pictures are called; the copies have their number in its place.
const NAME: &str = "sample";

/// The two rows, as DynamoDB shows them.
#[derive(Debug)]
pub(super) struct Rows {
    finished: Value,
    waiting: Value,
}

impl Rows {
    /// Has a host of its own make them.
    pub(super) async fn make(bench: &Bench, provider: &Provider) -> anyhow::Result<Self> {
        let host = Host::start(bench, provider).await?;
        let store = Store::of(&host)?;
        run(&host, &[Flow::of("vkcloud")], NAME, 1).await?;
        provider.takes(None);
        let address = store.address_to_put(&format!("uploads/watermark/default/{NAME}-000000.jpg")).await?;
        store.put(&address, picture(0)).await?;
        let rows = Self::when_there(&store).await;
        provider.takes(Some(|_| Duration::from_millis(50)));
        rows
    }

    async fn when_there(store: &Store) -> anyhow::Result<Self> {
        for _ in 0..200 {
            let scanned = store.dynamodb("Scan", &json!({"TableName": BUCKET})).await?;
            let rows = scanned["Items"].as_array().context("a scan without rows")?;
            let in_state = |state: &str| rows.iter().find(|row| row["state"]["M"]["name"]["S"] == state).cloned();
            if let (Some(finished), Some(waiting)) = (in_state("done"), in_state("waiting")) {
                return Ok(Self { finished, waiting });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("no row of a job that is done and of one that waits")
    }

    /// Fills a table with `many` copies: every second one waits.
    pub(super) async fn fill(&self, host: &Host, many: usize) -> anyhow::Result<()> {
        let store = Store::of(host)?;
        let numbers: Vec<usize> = (0..many).collect();
        let batches = numbers.chunks(BATCH).map(|batch| self.put(&store, batch));
        stream::iter(batches).buffer_unordered(BATCHES_AT_ONCE).try_collect().await
    }

    async fn put(&self, store: &Store, numbers: &[usize]) -> anyhow::Result<()> {
        let puts = numbers.iter().map(|number| Ok(json!({"PutRequest": {"Item": self.copy(*number)?}})));
        let puts: Vec<Value> = puts.collect::<anyhow::Result<_>>()?;
        let answer = store.dynamodb("BatchWriteItem", &json!({"RequestItems": {BUCKET: puts}})).await?;
        let left = answer["UnprocessedItems"].as_object().is_none_or(serde_json::Map::is_empty);
        ensure!(left, "DynamoDB did not take all rows");
        Ok(())
    }

    /// The copy with this number: another id and another key, the rest as it was.
    fn copy(&self, number: usize) -> anyhow::Result<Value> {
        let row = if number.is_multiple_of(2) { &self.finished } else { &self.waiting };
        let id = row["id"]["S"].as_str().context("a row without an id")?;
        // Spread as the hashes are that true ids are.
        let spread = u128::try_from(number)?.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let new_id = format!("{spread:032x}");
        ensure!(new_id.len() == id.len(), "ids have another length now: '{id}'");
        let text = row.to_string().replace(id, &new_id).replace(&format!("{NAME}-"), &format!("filled-{number}-"));
        let mut copy: Value = serde_json::from_str(&text)?;
        if row.get("lane").is_some() {
            let lane = new_id.bytes().last().unwrap_or_default() % LANES;
            copy["lane"] = json!({"S": lane.to_string()});
            copy["due_at"] = json!({"N": DUE_AT_MS});
            copy["state"]["M"]["due_at"] = json!({"S": DUE_AT});
        }
        Ok(copy)
    }
}
