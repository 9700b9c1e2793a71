//! The `webhook` function on a Lambda runtime endpoint of ours: one instance, one event at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    routing::{get, post},
    serve::ListenerExt as _,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use crate::{
    bench::Bench,
    load::{BUCKET, Host, SECRET},
    process::{Process, command},
};

use super::Callback;

/// What a Function URL sends.
const EVENT: &str = include_str!("../../../events/callback-forged.json");
/// A function that does not answer for so long never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// The running function.
pub(super) struct Function {
    ends: Mutex<Ends>,
    _process: Process,
}

/// Our ends of the endpoint.
struct Ends {
    /// Told when the function asks for an event.
    asked: mpsc::UnboundedReceiver<()>,
    events: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<(Instant, Bytes)>,
}

/// The endpoint's ends.
struct Endpoint {
    asked: mpsc::UnboundedSender<()>,
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    answers: mpsc::UnboundedSender<(Instant, Bytes)>,
}

impl Function {
    /// Starts it over the table of `host`.
    pub(super) async fn start(bench: &Bench, host: &Host) -> anyhow::Result<Self> {
        let (tell_asked, asked) = mpsc::unbounded_channel();
        let (events, events_there) = mpsc::unbounded_channel();
        let (answers_there, answers) = mpsc::unbounded_channel();
        let endpoint = Endpoint { asked: tell_asked, events: Mutex::new(events_there), answers: answers_there };
        let address = listen(Arc::new(endpoint)).await?;
        let mut webhook = command(&bench.binary("webhook")?, environment(&address, host));
        let process = Process::start(&mut webhook)?;
        Ok(Self { ends: Mutex::new(Ends { asked, events, answers }), _process: process })
    }

    /// Gives it a callback; returns how long it took to answer as it should.
    pub(super) async fn invoke(&self, callback: &Callback, body: &[u8]) -> anyhow::Result<Duration> {
        let event = event(callback, body)?;
        let mut ends = self.ends.lock().await;
        let asked = tokio::time::timeout(PATIENCE, ends.asked.recv()).await;
        asked.context("the function asks for nothing")?.context("the endpoint ended")?;
        let start = Instant::now();
        ends.events.send(event)?;
        let answer = tokio::time::timeout(PATIENCE, ends.answers.recv()).await;
        let (end, answer) = answer.context("the function does not answer")?.context("the endpoint ended")?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let (expected, name) = (callback.kind.status(), callback.kind.name());
        ensure!(answer["statusCode"] == expected, "a callback that is {name} was answered {answer}");
        Ok(end - start)
    }
}

async fn listen(endpoint: Arc<Endpoint>) -> anyhow::Result<String> {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
        .route("/queue", post(message_sent))
        .route("/queue/", post(message_sent))
        .with_state(endpoint);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let listener = listener.tap_io(|socket| {
        // Head and body go out as they come; otherwise an answer can wait 40 ms for nothing.
        let _ = socket.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn next(State(endpoint): State<Arc<Endpoint>>) -> (HeaderMap, String) {
    // Nobody listens only when the measure has ended.
    let _ = endpoint.asked.send(());
    let Some(event) = endpoint.events.lock().await.recv().await else { return std::future::pending().await };
    let headers = [
        ("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000"),
        // In the year 2099: nobody is to run out of time.
        ("lambda-runtime-deadline-ms", "4070908800000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:webhook"),
        ("content-type", "application/json"),
    ];
    let headers = headers
        .into_iter()
        .map(|(name, value)| (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value)));
    (headers.collect(), event)
}

async fn answered(State(endpoint): State<Arc<Endpoint>>, body: Bytes) -> (StatusCode, &'static str) {
    let _ = endpoint.answers.send((Instant::now(), body));
    (StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

/// SQS: every message is taken, and nobody is woken.
async fn message_sent() -> Json<Value> {
    Json(json!({"MessageId": "00000000-0000-4000-8000-000000000000"}))
}

/// The event in which a callback reaches the function.
fn event(callback: &Callback, body: &[u8]) -> anyhow::Result<String> {
    let path = callback.url.find("/callbacks/").and_then(|place| callback.url.get(place..));
    let path = path.context("no callback's address")?;
    let mut event: Value = serde_json::from_str(EVENT)?;
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["body"] = std::str::from_utf8(body)?.into();
    Ok(event.to_string())
}

fn environment(address: &str, host: &Host) -> Vec<(String, String)> {
    let queue = format!("http://{address}/queue");
    let variables = [
        ("AWS_LAMBDA_RUNTIME_API", address),
        ("AWS_LAMBDA_FUNCTION_NAME", "webhook"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "log"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "log"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "darkroom"),
        ("AWS_SECRET_ACCESS_KEY", "darkroom-secret"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &host.dynamodb_url),
        ("AWS_ENDPOINT_URL_SQS", &queue),
        ("DARKROOM_BUCKET", BUCKET),
        ("DARKROOM_TABLE", BUCKET),
        ("DARKROOM_QUEUE_URL_PREFIX", &format!("{queue}/darkroom-")),
        ("DARKROOM_PUBLIC_URL", &host.http_url),
        ("DARKROOM_CALLBACK_SECRET", SECRET),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
