//! S3, DynamoDB and SQS for functions that are measured. Each function comes in by a door of its own, which counts what it
//! asks for; S3 and SQS answer behind it from memory, DynamoDB is `dynoxide`, whose consumed capacity follows that of the
//! real one (it says so, and that it was compared with it).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
};
use darkroom_shared::{aws, store::create_table};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use crate::objects::Objects;

/// The bucket and the table.
pub(crate) const NAME: &str = "darkroom";

/// A message that a function sent.
#[derive(Debug)]
pub(crate) struct Message {
    /// The last part of the queue's address.
    pub(crate) queue: String,
    /// What it says.
    pub(crate) body: String,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Asked {
    /// By which function.
    pub(crate) function: String,
    /// `S3`, `DynamoDB` or `SQS`.
    pub(crate) service: &'static str,
    /// As AWS names it.
    pub(crate) operation: String,
}

/// How often, and what DynamoDB would charge.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Tally {
    /// Requests.
    pub(crate) requests: usize,
    /// Capacity units, of the table and the index together.
    pub(crate) units: f64,
}

/// All counts.
pub(crate) type Counts = BTreeMap<Asked, Tally>;

/// The stores.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    /// What lies in S3.
    pub(crate) objects: Objects,
    counts: Arc<Mutex<Counts>>,
    messages: mpsc::UnboundedSender<Message>,
    dynamodb: String,
    client: reqwest::Client,
}

#[derive(Clone)]
struct Door {
    function: String,
    stores: Stores,
}

impl Stores {
    /// Empty stores, and what functions send.
    pub(crate) async fn open() -> anyhow::Result<(Self, mpsc::UnboundedReceiver<Message>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let dynamodb = format!("http://{}", listener.local_addr()?);
        let database = dynoxide::Database::memory()?;
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        let (messages, received) = mpsc::unbounded_channel();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let stores = Self { objects: Objects::default(), counts: Arc::default(), messages, dynamodb, client };
        // As `infra` makes it.
        create_table(&aws::dynamodb(&aws::local("test", "test")?, Some(&stores.dynamodb)), NAME).await?;
        Ok((stores, received))
    }

    /// The address at which `function` finds all three.
    pub(crate) async fn door(&self, function: &str) -> anyhow::Result<String> {
        let door = Door { function: function.to_owned(), stores: self.clone() };
        listen(Router::new().fallback(answer).with_state(door)).await
    }

    /// What has been asked for since the last time.
    pub(crate) fn take_counts(&self) -> Counts {
        std::mem::take(&mut self.counts())
    }

    /// Asks DynamoDB without being counted.
    pub(crate) async fn ask_table(&self, operation: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(&self.dynamodb).header(header::CONTENT_TYPE, "application/x-amz-json-1.0");
        let request = request.header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
        // Nobody checks it, but it has to look like a signature.
        let authorization = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
                             SignedHeaders=host;x-amz-date, Signature=0";
        let request = request.header(header::AUTHORIZATION, authorization).header("x-amz-date", "20260101T000000Z");
        let reply = request.body(body.to_string()).send().await?;
        let status = reply.status();
        let text = reply.text().await?;
        anyhow::ensure!(status.is_success(), "DynamoDB answered {operation} with {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, function: &str, service: &'static str, operation: &str, units: f64) {
        let asked = Asked { function: function.to_owned(), service, operation: operation.to_owned() };
        let mut counts = self.counts();
        let tally = counts.entry(asked).or_default();
        tally.requests += 1;
        tally.units += units;
    }

    /// Passes a request on to DynamoDB, which is asked to tell what it would charge.
    async fn pass_on(&self, function: &str, target: &str, headers: &HeaderMap, body: &Bytes) -> anyhow::Result<Reply> {
        let operation = target.rsplit('.').next().unwrap_or(target);
        let mut asked: Value = serde_json::from_slice(body).context("a request that is no JSON")?;
        asked["ReturnConsumedCapacity"] = "INDEXES".into();
        let mut request = self.client.post(&self.dynamodb).body(asked.to_string());
        for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        let reply = request.send().await?;
        let (status, body) = (reply.status(), reply.bytes().await?);
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        // A refused condition is charged as a write; DynamoDB does not tell how much.
        let units = said["ConsumedCapacity"]["CapacityUnits"].as_f64();
        self.count(function, "DynamoDB", operation, units.unwrap_or(if status.is_success() { 0.0 } else { 1.0 }));
        Ok(Reply { status, body })
    }
}

struct Reply {
    status: StatusCode,
    body: Bytes,
}

/// Serves `router` for as long as this program runs, and returns its address.
pub(crate) async fn listen(router: Router) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let router = router.layer(DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn answer(
    State(Door { function, stores }): State<Door>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    match target {
        Some(target) if target.starts_with("DynamoDB") => {
            let passed = stores.pass_on(&function, target, &headers, &body).await;
            json_response(passed.unwrap_or_else(|problem| failed(&problem.to_string())))
        }
        Some(target) => {
            stores.count(&function, "SQS", target.rsplit('.').next().unwrap_or(target), 0.0);
            json_response(take_message(&stores, &body))
        }
        None => {
            stores.count(&function, "S3", operation(&method), 0.0);
            stores.objects.answer(&method, uri.path(), &headers, body)
        }
    }
}

fn operation(method: &Method) -> &'static str {
    match *method {
        Method::PUT => "PutObject",
        Method::GET => "GetObject",
        Method::HEAD => "HeadObject",
        _ => "another",
    }
}

fn take_message(stores: &Stores, body: &[u8]) -> Reply {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(queue), Some(text)) = (message["QueueUrl"].as_str(), message["MessageBody"].as_str()) else {
        return failed("no message");
    };
    let queue = queue.rsplit('/').next().unwrap_or(queue).to_owned();
    let reply = json!({"MessageId": "00000000-0000-0000-0000-000000000000", "MD5OfMessageBody": md5_hex(text)});
    match stores.messages.send(Message { queue, body: text.to_owned() }) {
        Ok(()) => Reply { status: StatusCode::OK, body: reply.to_string().into() },
        Err(_) => failed("nobody takes messages any more"),
    }
}

fn md5_hex(text: &str) -> String {
    use md5::Digest as _;
    hex::encode(md5::Md5::digest(text))
}

fn failed(problem: &str) -> Reply {
    let body = json!({"__type": "InternalServerError", "message": problem});
    Reply { status: StatusCode::INTERNAL_SERVER_ERROR, body: body.to_string().into() }
}

fn json_response(Reply { status, body }: Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}
