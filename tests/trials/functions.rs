//! Functions as processes on a Lambda runtime endpoint, several instances of each, beside a running serve and over its
//! stores; and the carrier between them, which brings every wake-up and every callback twice.
//!
//! A function's process is this very test binary, which then does what `functions/*/src/main.rs` does: Cargo builds no
//! other package's binaries for a test, and one that was built some other day would prove nothing. That those binaries
//! are these lines is what `tests/functions/` holds.

use std::{
    collections::HashMap,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    routing::{get, post},
};
use darkroom_shared::{job::ProviderName, lambda, provider::watermark};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    load::client,
    world::{Outside, Serve},
};

/// Which function a process is to be.
const WHICH: &str = "DARKROOM_TRIALS_FUNCTION";
/// Instances of each function.
const INSTANCES: usize = 2;

/// No trial: the body of a function's process, and nothing where no trial has asked for it.
#[test]
fn the_process_of_a_function() {
    #[expect(clippy::disallowed_methods, reason = "it is this test's own variable")]
    let which = std::env::var(WHICH).unwrap_or_default();
    let ended = match which.as_str() {
        "submit-watermark" => lambda::submit(ProviderName::Watermark, watermark::make),
        "collector" => lambda::collect(),
        "webhook" => lambda::webhook(),
        _ => return,
    };
    ended.unwrap();
}

/// A function in several instances, all on one endpoint: whichever is free takes the next event.
#[derive(Debug)]
pub(crate) struct Instances {
    events: mpsc::UnboundedSender<Event>,
    given: AtomicUsize,
    answered: Arc<AtomicUsize>,
    processes: Mutex<Vec<Child>>,
}

/// An event, and who is told the answer.
#[derive(Debug)]
struct Event {
    body: String,
    answer: mpsc::UnboundedSender<Value>,
}

#[derive(Clone)]
struct Endpoint {
    events: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>>,
    asked: Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Value>>>>,
    answered: Arc<AtomicUsize>,
}

impl Instances {
    async fn start(name: &str, environment: &[(String, String)]) -> Self {
        let (events, received) = mpsc::unbounded_channel();
        let answered = Arc::new(AtomicUsize::new(0));
        let endpoint = Endpoint {
            events: Arc::new(tokio::sync::Mutex::new(received)),
            asked: Arc::default(),
            answered: Arc::clone(&answered),
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(answer))
            .with_state(endpoint);
        let runtime_api = listen(router).await;
        let start = || {
            let mut process = Command::new(std::env::current_exe().unwrap());
            process.args(["--exact", "functions::the_process_of_a_function", "--nocapture"]);
            process.env_clear().env(WHICH, name).env("RUST_LOG", "warn").envs(environment.iter().cloned());
            process.env("AWS_LAMBDA_RUNTIME_API", &runtime_api).env("AWS_LAMBDA_FUNCTION_NAME", name);
            // A test's thread has less of it than the main thread of a function.
            process.env("RUST_MIN_STACK", (8 * 1024 * 1024).to_string());
            process.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
        };
        let processes = Mutex::new((0..INSTANCES).map(|_| start()).collect());
        Self { events, given: AtomicUsize::new(0), answered, processes }
    }

    /// Gives an event to whichever instance is free first. The answer comes out of what is returned.
    pub(crate) fn give(&self, event: &Value) -> mpsc::UnboundedReceiver<Value> {
        let (answer, answers) = mpsc::unbounded_channel();
        self.given.fetch_add(1, SeqCst);
        self.events.send(Event { body: event.to_string(), answer }).unwrap();
        answers
    }

    /// Gives a batch of messages, as SQS does.
    pub(crate) fn give_batch(&self, bodies: &[String]) {
        let record = |body: &String| {
            json!({
                "messageId": uuid::Uuid::new_v4().to_string(), "receiptHandle": "receipt", "body": body,
                "attributes": {}, "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:queue", "awsRegion": "eu-central-1",
            })
        };
        let mut answers = self.give(&json!({"Records": bodies.iter().map(record).collect::<Vec<_>>()}));
        tokio::spawn(async move {
            let answer = answers.recv().await.unwrap();
            assert_eq!(answer["batchItemFailures"], json!([]), "a message failed: {answer}");
        });
    }

    /// Waits until every event has been answered.
    pub(crate) async fn idle(&self, patience: Duration) {
        let start = Instant::now();
        while self.answered.load(SeqCst) < self.given.load(SeqCst) {
            assert!(start.elapsed() < patience, "{self:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn stop(&self) {
        for mut process in self.processes.lock().unwrap().drain(..) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// How many events there were.
    pub(crate) fn given(&self) -> usize {
        self.given.load(SeqCst)
    }
}

impl Drop for Instances {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn next(State(endpoint): State<Endpoint>) -> (HeaderMap, String) {
    let Some(event) = endpoint.events.lock().await.recv().await else { return std::future::pending().await };
    let id = uuid::Uuid::new_v4().to_string();
    let deadline_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() + 60_000;
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", id.parse().unwrap());
    headers.insert("lambda-runtime-deadline-ms", deadline_ms.to_string().parse().unwrap());
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:darkroom";
    headers.insert("lambda-runtime-invoked-function-arn", arn.parse().unwrap());
    endpoint.asked.lock().unwrap().insert(id, event.answer);
    (headers, event.body)
}

async fn answer(
    State(endpoint): State<Endpoint>,
    Path((id, kind)): Path<(String, String)>,
    body: Bytes,
) -> (StatusCode, &'static str) {
    assert_eq!(kind, "response", "{}", String::from_utf8_lossy(&body));
    let asked = endpoint.asked.lock().unwrap().remove(&id).unwrap();
    // Not everybody waits for the answer.
    let _ = asked.send(serde_json::from_slice(&body).unwrap());
    endpoint.answered.fetch_add(1, SeqCst);
    (StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

async fn listen(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The functions that a watermark job needs, and what carries their messages: each one twice.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) submit: Instances,
    pub(crate) collector: Instances,
    pub(crate) webhook: Instances,
}

impl Functions {
    /// Ends all processes; before that, nobody may be waiting for an answer.
    pub(crate) fn stop(&self) {
        [&self.submit, &self.collector, &self.webhook].into_iter().for_each(Instances::stop);
    }
}

/// Where callbacks and messages are sent, before there is anybody to bring them to.
#[derive(Debug, Default)]
pub(crate) struct Carrier {
    functions: std::sync::OnceLock<Functions>,
    serve_url: std::sync::OnceLock<String>,
    /// Callbacks that the provider sent.
    pub(crate) callbacks: AtomicUsize,
    /// Wake-ups that functions sent.
    pub(crate) wake_ups: AtomicUsize,
}

impl Carrier {
    /// Opens both doors; returns the carrier and the address of them.
    pub(crate) async fn open() -> (Arc<Self>, String) {
        let carrier = Arc::<Self>::default();
        let router = Router::new()
            .route("/queue", post(message_sent))
            .route("/queue/", post(message_sent))
            .fallback(called_back)
            .with_state(Arc::clone(&carrier));
        let address = listen(router).await;
        (carrier, format!("http://{address}"))
    }

    /// Starts the functions over the stores of `serve`. `url` is the carrier's own.
    pub(crate) async fn start(&self, url: &str, secret: &str, serve: &Serve, outside: &Outside) -> &Functions {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut environment = vec![
            set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            set("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            set("AWS_LAMBDA_LOG_STREAM_NAME", "log"),
            set("AWS_LAMBDA_LOG_GROUP_NAME", "log"),
            set("AWS_REGION", "us-east-1"),
            set("AWS_ACCESS_KEY_ID", "darkroom"),
            set("AWS_SECRET_ACCESS_KEY", "darkroom-secret"),
            set("AWS_ENDPOINT_URL_DYNAMODB", &serve.dynamodb_url),
            set("AWS_ENDPOINT_URL_S3", &serve.s3_url),
            set("AWS_ENDPOINT_URL_SQS", &format!("{url}/queue")),
            set("DARKROOM_BUCKET", "darkroom"),
            set("DARKROOM_TABLE", "darkroom"),
            set("DARKROOM_QUEUE_URL_PREFIX", &format!("{url}/queue/darkroom-")),
            set("DARKROOM_PUBLIC_URL", url),
            set("DARKROOM_CALLBACK_SECRET", secret),
        ];
        let provider = outside.sandbox.environment("watermark").into_iter();
        environment.extend(provider.map(|(name, value)| (name.to_owned(), value)));
        let functions = Functions {
            submit: Instances::start("submit-watermark", &environment).await,
            collector: Instances::start("collector", &environment).await,
            webhook: Instances::start("webhook", &environment).await,
        };
        self.serve_url.set(serve.http_url.clone()).unwrap();
        self.functions.set(functions).unwrap();
        self.functions.get().unwrap()
    }
}

/// SQS, as far as functions use it: what is sent is delivered twice.
async fn message_sent(State(carrier): State<Arc<Carrier>>, body: Bytes) -> Json<Value> {
    let message: Value = serde_json::from_slice(&body).unwrap();
    let (queue, body) = (message["QueueUrl"].as_str().unwrap(), message["MessageBody"].as_str().unwrap().to_owned());
    let functions = carrier.functions.get().unwrap();
    let function = if queue.ends_with("-collect") { &functions.collector } else { &functions.submit };
    carrier.wake_ups.fetch_add(1, SeqCst);
    function.give_batch(std::slice::from_ref(&body));
    function.give_batch(&[body]);
    Json(json!({"MessageId": uuid::Uuid::new_v4().to_string()}))
}

/// A callback: to serve's webhook and to the function's, twice each, all at the same time.
async fn called_back(State(carrier): State<Arc<Carrier>>, uri: Uri, body: Bytes) -> StatusCode {
    carrier.callbacks.fetch_add(1, SeqCst);
    let url = format!("{}{}", carrier.serve_url.get().unwrap(), uri.path());
    let to_serve = || async { client().post(&url).body(body.clone()).send().await.unwrap().status().as_u16() };
    let mut event: Value = serde_json::from_str(include_str!("../../events/callback-forged.json")).unwrap();
    event["rawPath"] = uri.path().into();
    event["requestContext"]["http"]["path"] = uri.path().into();
    event["body"] = String::from_utf8(body.to_vec()).unwrap().into();
    let webhook = &carrier.functions.get().unwrap().webhook;
    let to_function = || async { webhook.give(&event).recv().await.unwrap()["statusCode"].as_u64().unwrap() };
    let (served, answered) = tokio::join!(join_all([to_serve(), to_serve()]), join_all([to_function(), to_function()]));
    assert_eq!((served, answered), (vec![200; 2], vec![200; 2]));
    StatusCode::OK
}
