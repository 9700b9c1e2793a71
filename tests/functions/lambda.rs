//! A Lambda runtime endpoint and the stores, for one function binary: it gives one event and takes the answer.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::HashMap, process::Stdio, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::TcpListener,
    process::Command,
    sync::{Mutex, mpsc},
};

/// What a function answered: `Ok` is the response, `Err` the error that it reported.
pub(crate) type Answer = Result<Value, Value>;

/// The trace that Lambda puts every invocation into.
pub(crate) const TRACE_HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

#[derive(Clone)]
struct Endpoint {
    event: Arc<Mutex<Option<String>>>,
    answers: mpsc::UnboundedSender<Answer>,
}

async fn next(State(endpoint): State<Endpoint>) -> (HeaderMap, String) {
    let Some(event) = endpoint.event.lock().await.take() else { return std::future::pending().await };
    let deadline_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() + 12_000;
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".parse().unwrap());
    headers.insert("lambda-runtime-deadline-ms", deadline_ms.to_string().parse().unwrap());
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:darkroom";
    headers.insert("lambda-runtime-invoked-function-arn", arn.parse().unwrap());
    headers.insert("lambda-runtime-trace-id", TRACE_HEADER.parse().unwrap());
    (headers, event)
}

async fn answer(
    State(endpoint): State<Endpoint>,
    Path((_, kind)): Path<(String, String)>,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let _ = endpoint.answers.send(if kind == "response" { Ok(body) } else { Err(body) });
    (StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

/// Starts `binary` with `environment` over an empty table, gives it `event` and returns its answer.
pub(crate) async fn invoke(binary: &str, environment: &[(&str, &str)], event: &str) -> Answer {
    invoke_over(&stores().await, binary, environment, event).await
}

/// The same over the DynamoDB at `stores`.
pub(crate) async fn invoke_over(stores: &str, binary: &str, environment: &[(&str, &str)], event: &str) -> Answer {
    invoke_and_listen(stores, binary, environment, event).await.0
}

/// The same with what the function logged.
pub(crate) async fn invoke_and_listen(
    stores: &str,
    binary: &str,
    environment: &[(&str, &str)],
    event: &str,
) -> (Answer, String) {
    let (answer, log, _) = invoke_and_watch(stores, binary, environment, event).await;
    (answer, log)
}

/// The same with what it measured, which is all that it may write on standard output.
pub(crate) async fn invoke_and_watch(
    stores: &str,
    binary: &str,
    environment: &[(&str, &str)],
    event: &str,
) -> (Answer, String, String) {
    let (answers, mut answered) = mpsc::unbounded_channel();
    let endpoint = Endpoint { event: Arc::new(Mutex::new(Some(event.to_owned()))), answers };
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(answer))
        .with_state(endpoint);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let mut all: HashMap<&str, &str> = HashMap::from([
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "darkroom"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "log"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "log"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL_DYNAMODB", stores),
        // Nobody is there: whoever needs S3 or SQS for these events is wrong.
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("DARKROOM_BUCKET", "darkroom"),
        ("DARKROOM_TABLE", "darkroom"),
        ("DARKROOM_QUEUE_URL_PREFIX", "http://127.0.0.1:9/darkroom-"),
        ("DARKROOM_PUBLIC_URL", "https://hooks.example"),
        ("DARKROOM_CALLBACK_SECRET", "secret"),
        ("IMGFACTORY_TOKEN", "token"),
        ("WATERMARK_APP_ID", "0123456789abcdef"),
        ("WATERMARK_APP_SECRET", "secret"),
        ("FANGTANG_THIRD_CODE", "code"),
        ("FANGTANG_SECRET_KEY", "secret"),
        ("VKCLOUD_TOKEN", "token"),
        ("IMAGEBAN_CLIENT_ID", "client"),
    ]);
    all.extend(environment.iter().copied());
    let mut function = Command::new(binary);
    function.env_clear().envs(all).kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut function = function.spawn().unwrap();
    let log = tokio::spawn(whole(function.stderr.take().unwrap()));
    let metrics = tokio::spawn(whole(function.stdout.take().unwrap()));
    let answer = tokio::select! {
        answer = answered.recv() => answer.unwrap(),
        ended = function.wait() => panic!("the function ended without an answer: {ended:?}"),
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("no answer in time"),
    };
    function.kill().await.unwrap();
    (answer, log.await.unwrap(), metrics.await.unwrap())
}

async fn whole(mut output: impl AsyncRead + Unpin) -> String {
    let mut text = String::new();
    output.read_to_string(&mut text).await.unwrap();
    text
}

/// An empty DynamoDB with our table.
pub(crate) async fn stores() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    let sdk = darkroom_shared::aws::local("test", "test").unwrap();
    let client = darkroom_shared::aws::dynamodb(&sdk, Some(&url));
    darkroom_shared::store::create_table(&client, "darkroom").await.unwrap();
    url
}
