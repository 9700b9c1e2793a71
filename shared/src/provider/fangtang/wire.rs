//! fangtang's JSON: `code` 200 with `data`, or 9000 with `errno` and `msg`. Read tolerantly.

use serde::{Deserialize, de::DeserializeOwned};

use super::super::{tolerant, tolerant::text};

/// Any reply.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) code: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) errno: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub(super) msg: Option<String>,
    #[serde(default, deserialize_with = "tolerant::list")]
    data: Vec<serde_json::Value>,
}

impl Message {
    /// What a reply that says 200 holds; `None` where it says something else, or holds something else.
    pub(super) fn data<T: DeserializeOwned>(self) -> Option<T> {
        const DONE: i64 = 200;
        let data = self.data.into_iter().next().filter(|_| self.code == Some(DONE))?;
        serde_json::from_value(data).ok()
    }
}

/// The reply to an upload. The address in it is that of the image that was sent; it is not read.
#[derive(Debug, Deserialize)]
pub(super) struct Uploaded {
    #[serde(deserialize_with = "text")]
    pub(super) mdf: Option<String>,
}

/// How a task is.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    #[serde(deserialize_with = "tolerant::number")]
    pub(super) status: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub(super) msg: Option<String>,
}

/// Where a result is.
#[derive(Debug, Deserialize)]
pub(super) struct Download {
    #[serde(deserialize_with = "text")]
    url: Option<String>,
}

impl Download {
    /// Its address; `None` without one, or with one that is longer than any honest one.
    pub(super) fn address(self) -> Option<String> {
        self.url.filter(tolerant::is_kept)
    }
}

/// How many uploads are left.
#[derive(Debug, Deserialize)]
pub(super) struct Nums {
    #[serde(deserialize_with = "tolerant::number")]
    pub(super) nums: Option<i64>,
}
