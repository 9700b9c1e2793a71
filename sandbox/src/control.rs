//! The switches over HTTP, for whoever runs the fakes as a process of their own. No part of any service: clients never
//! see it, and it is mounted apart from them.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::Sandbox;
use crate::faults::BadSwitch;

/// How far the clock is put forward.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: u64,
}

/// Why nothing was done, in words for a person.
struct Refusal(StatusCode, String);

impl From<BadSwitch> for Refusal {
    fn from(BadSwitch(words): BadSwitch) -> Self {
        Self(StatusCode::BAD_REQUEST, words)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

/// The routes, with paths relative to where they are mounted.
pub(crate) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/faults", delete(clear).get(faults))
        .route("/faults/{provider}", patch(switch))
        .route("/ledger", get(ledger))
        .route("/clock", post(clock))
        .with_state(sandbox)
}

async fn overview(State(sandbox): State<Sandbox>) -> Json<Value> {
    let ledger = sandbox.ledger();
    let provider = |name: &str| {
        let environment: Map<String, Value> = sandbox
            .environment(name)
            .into_iter()
            .map(|(variable, value)| (variable.to_owned(), Value::String(value)))
            .collect();
        let charges = ledger.charges.iter().filter(|charge| charge.provider == name).count();
        json!({"environment": environment, "charges": charges, "faults": faults_of(&sandbox, name)})
    };
    let providers: Map<String, Value> =
        Sandbox::PROVIDERS.iter().map(|name| ((*name).to_owned(), provider(name))).collect();
    Json(json!({"providers": providers, "now_ms": sandbox.shared.clock.now_ms()}))
}

async fn faults(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(all_faults(&sandbox))
}

async fn switch(
    State(sandbox): State<Sandbox>,
    Path(provider): Path<String>,
    content: Bytes,
) -> Result<Json<Value>, Refusal> {
    let board = sandbox.faults().of(&provider).ok_or_else(|| {
        let words = format!("there is no service `{provider}`; there are: {}", Sandbox::PROVIDERS.join(", "));
        Refusal(StatusCode::NOT_FOUND, words)
    })?;
    let wishes: Map<String, Value> = read(&content, r#"an object of switches, e.g. {"error": 402}"#)?;
    board.patch(&wishes)?;
    Ok(Json(board.overview()))
}

async fn clear(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.faults().clear();
    Json(all_faults(&sandbox))
}

async fn ledger(State(sandbox): State<Sandbox>) -> impl IntoResponse {
    Json(sandbox.ledger())
}

async fn clock(State(sandbox): State<Sandbox>, content: Bytes) -> Result<Json<Value>, Refusal> {
    let Advance { advance_s } = read(&content, r#"{"advance_s": 3600}"#)?;
    sandbox.advance_clock(Duration::from_secs(advance_s));
    Ok(Json(json!({"now_ms": sandbox.shared.clock.now_ms()})))
}

fn read<T: DeserializeOwned>(content: &[u8], expected: &str) -> Result<T, Refusal> {
    serde_json::from_slice(content)
        .map_err(|error| Refusal(StatusCode::BAD_REQUEST, format!("the body must be {expected}: {error}")))
}

fn all_faults(sandbox: &Sandbox) -> Value {
    let faults = Sandbox::PROVIDERS.iter().map(|name| ((*name).to_owned(), faults_of(sandbox, name)));
    Value::Object(faults.collect())
}

fn faults_of(sandbox: &Sandbox, provider: &str) -> Value {
    sandbox.faults().of(provider).map(|board| board.overview()).unwrap_or_default()
}
