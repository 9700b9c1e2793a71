//! The `webhook` function, one instance of it, over the table of a host.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::{Json, Router};
use serde_json::json;

use crate::{
    bench::Bench,
    load::{Host, SECRET},
    runtime::{self, callback_event, environment},
    stores::listen,
};

use super::Callback;

/// As `infra` has it.
const MEMORY_MB: u32 = 256;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The running function.
pub(super) struct Function(runtime::Function);

impl Function {
    /// Starts it. Its queue takes every message and wakes nobody.
    pub(super) async fn start(bench: &Bench, host: &Host) -> anyhow::Result<Self> {
        let taken = || async { Json(json!({"MessageId": "00000000-0000-4000-8000-000000000000"})) };
        let queue = listen(Router::new().fallback(taken)).await?;
        let mut environment = environment("webhook", MEMORY_MB, &queue, &host.http_url);
        for (name, value) in
            [("AWS_ENDPOINT_URL_DYNAMODB", host.dynamodb_url.as_str()), ("DARKROOM_CALLBACK_SECRET", SECRET)]
        {
            environment.push((name.to_owned(), value.to_owned()));
        }
        let program = bench.binary("webhook")?;
        Ok(Self(runtime::Function::start(&program, &[], &environment, &bench.binaries, None).await?))
    }

    /// Gives it a callback; returns how long it took to answer as it should.
    pub(super) async fn invoke(&self, callback: &Callback, body: &[u8]) -> anyhow::Result<Duration> {
        let path = callback.url.find("/callbacks/").and_then(|place| callback.url.get(place..));
        let path = path.context("no callback's address")?;
        let invocation = self.0.invoke(&callback_event(path, std::str::from_utf8(body)?), TIMEOUT).await?;
        let (expected, name, answer) = (callback.kind.status(), callback.kind.name(), &invocation.answer);
        ensure!(answer["statusCode"] == expected, "a callback that is {name} was answered {answer}");
        Ok(invocation.duration)
    }
}
