//! Lambda, as far as one function sees it: a process on a runtime endpoint, which gives it events and takes its answers.

use std::{
    collections::HashMap,
    fs::File,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::{Path as InPath, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::{
    process::{Process, command},
    stores::{NAME, listen},
};

/// Nothing that is measured may take longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A function's process, which takes one event after the other.
#[derive(Debug)]
pub(crate) struct Function {
    /// The process.
    pub(crate) process: Process,
    started: Instant,
    events: mpsc::UnboundedSender<Event>,
    first_poll: Option<oneshot::Receiver<Instant>>,
}

/// What became of an event.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The function's answer.
    pub(crate) answer: Value,
    /// From the moment at which it got the event to its answer: what Lambda bills, before it rounds up.
    pub(crate) duration: Duration,
}

#[derive(Debug)]
struct Event {
    body: String,
    timeout: Duration,
    answer: oneshot::Sender<Answered>,
}

#[derive(Debug)]
struct Given {
    at: Instant,
    answer: oneshot::Sender<Answered>,
}

#[derive(Debug)]
struct Answered {
    kind: String,
    body: Bytes,
    duration: Duration,
}

#[derive(Clone)]
struct Endpoint {
    events: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>>,
    first_poll: Arc<Mutex<Option<oneshot::Sender<Instant>>>>,
    given: Arc<Mutex<HashMap<String, Given>>>,
}

impl Function {
    /// Starts `program` as Lambda would. What it prints goes into `log`, if there is one.
    pub(crate) async fn start(
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
        folder: &Path,
        log: Option<&File>,
    ) -> anyhow::Result<Self> {
        let (events, received) = mpsc::unbounded_channel();
        let (polled, first_poll) = oneshot::channel();
        let endpoint = Endpoint {
            events: Arc::new(tokio::sync::Mutex::new(received)),
            first_poll: Arc::new(Mutex::new(Some(polled))),
            given: Arc::default(),
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(answer))
            .with_state(endpoint);
        let address = listen(router).await?;
        let mut command = command(program, environment.iter().cloned());
        command.args(arguments).current_dir(folder);
        command.env("AWS_LAMBDA_RUNTIME_API", address.trim_start_matches("http://"));
        if let Some(log) = log {
            command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        }
        let started = Instant::now();
        let process = Process::start(&mut command)?;
        Ok(Self { process, started, events, first_poll: Some(first_poll) })
    }

    /// The time from the start of the process to the moment at which it first asked for an event. It has none until
    /// [`Self::invoke`].
    pub(crate) async fn first_poll(&mut self) -> anyhow::Result<Duration> {
        let polled = self.first_poll.take().context("its first poll was waited for already")?;
        let at = tokio::select! {
            at = polled => at?,
            ended = self.process.ended() => anyhow::bail!("the function ended before it polled: {}", ended?),
            () = tokio::time::sleep(PATIENCE) => anyhow::bail!("the function did not poll"),
        };
        Ok(at.duration_since(self.started))
    }

    /// Gives the function an event, as soon as it asks for one, and waits for its answer.
    pub(crate) async fn invoke(&self, event: &Value, timeout: Duration) -> anyhow::Result<Invocation> {
        let (answer, answered) = oneshot::channel();
        let given = self.events.send(Event { body: event.to_string(), timeout, answer });
        given.ok().context("the endpoint is gone")?;
        let answered = tokio::time::timeout(PATIENCE, answered).await.context("no answer in time")??;
        let body = String::from_utf8_lossy(&answered.body);
        anyhow::ensure!(answered.kind == "response", "the function answered with an error: {body}");
        let answer: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
        let failures = answer["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty());
        anyhow::ensure!(!failures, "the function could not handle a message: {body}");
        Ok(Invocation { answer, duration: answered.duration })
    }
}

async fn next(State(endpoint): State<Endpoint>) -> Result<(HeaderMap, String), StatusCode> {
    let polled = endpoint.first_poll.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(polled) = polled {
        let _ = polled.send(Instant::now());
    }
    let Some(event) = endpoint.events.lock().await.recv().await else { return std::future::pending().await };
    let id = uuid::Uuid::new_v4().to_string();
    let since_1970 = std::time::UNIX_EPOCH.elapsed().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let deadline_ms = (since_1970 + event.timeout).as_millis();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id.clone()),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", format!("arn:aws:lambda:us-east-1:123456789012:function:{NAME}")),
    ] {
        headers.insert(name, value.parse().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?);
    }
    let given = Given { at: Instant::now(), answer: event.answer };
    endpoint.given.lock().unwrap_or_else(PoisonError::into_inner).insert(id, given);
    Ok((headers, event.body))
}

async fn answer(
    State(endpoint): State<Endpoint>,
    InPath((id, kind)): InPath<(String, String)>,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let given = endpoint.given.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    if let Some(Given { at, answer }) = given {
        let _ = answer.send(Answered { kind, body, duration: at.elapsed() });
    }
    (StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

/// The environment of a function as `infra` gives it, with AWS behind `door`.
pub(crate) fn environment(function: &str, memory_mb: u32, door: &str, public_url: &str) -> Vec<(String, String)> {
    let memory_mb = memory_mb.to_string();
    let prefix = format!("{door}/{NAME}-");
    let pairs = [
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory_mb),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "log"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "log"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", door),
        ("DARKROOM_BUCKET", NAME),
        ("DARKROOM_TABLE", NAME),
        ("DARKROOM_QUEUE_URL_PREFIX", &prefix),
        ("DARKROOM_PUBLIC_URL", public_url),
        ("DARKROOM_CALLBACK_SECRET", "a-secret-of-the-benches"),
    ];
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A batch of one message, as SQS gives it to a function.
pub(crate) fn batch(body: &str) -> Value {
    json!({"Records": [{
        "messageId": uuid::Uuid::new_v4().to_string(), "receiptHandle": "receipt", "body": body,
        "attributes": {}, "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue", "awsRegion": "us-east-1",
    }]})
}

/// What S3 tells of an upload whose key needs no encoding.
pub(crate) fn upload_event(key: &str, bytes: usize, etag: &str) -> Value {
    let sequencer = uuid::Uuid::new_v4().simple().to_string();
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "EXAMPLE"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "EXAMPLE", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": {"name": NAME, "ownerIdentity": {"principalId": "EXAMPLE"}, "arn": format!("arn:aws:s3:::{NAME}")},
            "object": {"key": key, "size": bytes, "eTag": etag, "sequencer": sequencer},
        },
    }]})
}

/// A call of the Function URL of the webhook.
pub(crate) fn callback_event(path: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "hooks.example", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "anonymous", "apiId": "id", "domainName": "hooks.example", "domainPrefix": "id",
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1", "userAgent": "Java/1.8"},
            "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_i64,
        },
        "body": body, "isBase64Encoded": false,
    })
}

/// What EventBridge sends every minute.
pub(crate) fn schedule_event() -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "123456789012", "time": "2026-01-01T00:00:00Z", "region": "us-east-1",
        "resources": [], "detail": {},
    })
}
