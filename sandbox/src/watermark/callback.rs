//! Sending results to the caller's callback, as the service does: no signature, and one retry at once.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use url::Url;

use crate::error::SandboxError;
use crate::watermark::wire::Reply;

/// How long the service waits for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
const ATTEMPTS: usize = 2;

/// Posts callbacks.
pub(crate) struct Sender {
    client: Client,
}

impl Sender {
    /// Makes a sender.
    pub(crate) fn new() -> Result<Self, SandboxError> {
        // It fails if somebody has chosen a provider already, and then that one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(SandboxError::Client)?;
        Ok(Self { client })
    }

    /// Delivers a result. Calls `attempted` for each attempt; says whether one was answered 200.
    pub(crate) async fn deliver(&self, url: &Url, reply: &Reply, attempted: impl Fn()) -> bool {
        for _ in 0..ATTEMPTS {
            attempted();
            let answer = self.client.post(url.clone()).json(reply).send().await;
            // Only 200 counts: not even 204 does.
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return true;
            }
        }
        false
    }
}
