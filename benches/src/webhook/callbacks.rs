//! Jobs that wait for a callback, and callbacks about them: first ones, repeats and forged ones.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use axum::body::Bytes;
use serde_json::json;

use crate::load::{BUCKET, Host, Provider, Store, picture, put_all};

/// What a callback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first about its job: it is written down and has the result fetched.
    First,
    /// Another one about a job that has had one.
    Repeat,
    /// One without the right token.
    Forged,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::First, Self::Repeat, Self::Forged];

    /// How the table calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Repeat => "repeat",
            Self::Forged => "forged",
        }
    }

    /// What it is answered.
    pub(super) fn status(self) -> u16 {
        if self == Self::Forged { 404 } else { 200 }
    }
}

/// One callback.
#[derive(Debug, Clone)]
pub(super) struct Callback {
    pub(super) kind: Kind,
    pub(super) url: String,
}

/// Jobs, as the addresses at which they are called back.
#[derive(Debug)]
pub(super) struct Jobs {
    urls: Vec<String>,
    body: Bytes,
}

impl Jobs {
    /// Has `host` make `many`, and waits until all of them wait.
    pub(super) async fn make(host: &Host, provider: &Provider, many: usize) -> anyhow::Result<Self> {
        provider.takes(None);
        let store = Store::of(host)?;
        let mut uploads = Vec::with_capacity(many);
        for number in 0..many {
            let address = store.address_to_put(&format!("uploads/watermark/default/waits-{number}.jpg")).await?;
            uploads.push((address, picture(u64::try_from(number)?)));
        }
        put_all(&store, uploads).await?;
        let (start, patience) =
            (Instant::now(), Duration::from_secs(60) + Duration::from_millis(200) * u32::try_from(many)?);
        while waiting(&store).await? < many {
            ensure!(start.elapsed() < patience, "not all jobs wait; the log ends:\n{}", host.log());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let urls = provider.callbacks();
        ensure!(urls.len() == many, "{} addresses for {many} jobs", urls.len());
        Ok(Self { urls, body: provider.callback_body() })
    }

    /// Keeps the first `count` and returns the others.
    pub(super) fn split_off(&mut self, count: usize) -> Self {
        Self { urls: self.urls.split_off(count), body: self.body.clone() }
    }

    pub(super) fn count(&self) -> usize {
        self.urls.len()
    }

    /// What all of them say.
    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The first callback about a job.
    pub(super) fn first(&self, number: usize) -> Callback {
        Callback { kind: Kind::First, url: self.url(number).to_owned() }
    }

    /// A repeat about one of the jobs that have had theirs when so many have: not the newest ones while there are others.
    pub(super) fn repeat(&self, firsts: usize, place: usize) -> Callback {
        let old = firsts.saturating_sub(50).max(1).min(self.count());
        Callback { kind: Kind::Repeat, url: self.url((firsts * 7 + place * 13) % old).to_owned() }
    }

    /// A forged one; `way` says how.
    pub(super) fn forged(&self, number: usize, way: usize) -> Callback {
        let url = self.url(number);
        let (address, token) = url.rsplit_once('/').unwrap_or((url, ""));
        let (before_id, _) = address.rsplit_once('/').unwrap_or((address, ""));
        let url = match way % 4 {
            0 => format!("{address}/{}", "A".repeat(token.len())),
            1 => format!("{address}/{}", self.url(number + 1).rsplit('/').next().unwrap_or_default()),
            2 => format!("{address}/{}", token.get(..token.len() / 2).unwrap_or_default()),
            _ => format!("{before_id}/{number:032x}/{token}"),
        };
        Callback { kind: Kind::Forged, url }
    }

    fn url(&self, number: usize) -> &str {
        self.urls.get(number % self.urls.len().max(1)).map_or("", String::as_str)
    }
}

/// How many jobs wait, by the table.
async fn waiting(store: &Store) -> anyhow::Result<usize> {
    let (mut found, mut from) = (0, None);
    loop {
        let mut scan = json!({
            "TableName": BUCKET, "FilterExpression": "#state.#name = :waiting", "Select": "COUNT",
            "ExpressionAttributeNames": {"#state": "state", "#name": "name"},
            "ExpressionAttributeValues": {":waiting": {"S": "waiting"}},
        });
        if let Some(from) = from.take() {
            scan["ExclusiveStartKey"] = from;
        }
        let answer = store.dynamodb("Scan", &scan).await?;
        found += usize::try_from(answer["Count"].as_u64().context("a scan without a count")?)?;
        match answer.get("LastEvaluatedKey") {
            Some(key) if key.is_object() => from = Some(key.clone()),
            _ => return Ok(found),
        }
    }
}
