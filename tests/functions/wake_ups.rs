//! A job that waits for its callback, and the SQS to which its wake-ups go.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, routing::post};
use darkroom_shared::{
    aws,
    job::{Job, JobId},
    store::{Created, Jobs},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The job of `events/wake-up.json` and of the callbacks in `events/`.
pub(crate) const JOB_ID: &str = "0123456789abcdef0123456789abcdef";

/// What was sent, as SQS was asked to take it.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Vec<Value>>>);

impl Sent {
    /// The only message: the end of its queue's address, its body and its trace.
    pub(crate) fn only(&self) -> (String, Value, Value) {
        let sent = self.0.lock().unwrap();
        let [message] = sent.as_slice() else { panic!("not one message: {sent:?}") };
        let url = message["QueueUrl"].as_str().unwrap();
        let body = serde_json::from_str(message["MessageBody"].as_str().unwrap()).unwrap();
        let queue = url.rsplit("darkroom-").next().unwrap().to_owned();
        (queue, body, message["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].clone())
    }
}

/// An SQS that takes everything: its address and what it took.
pub(crate) async fn sqs() -> (String, Sent) {
    async fn take(State(sent): State<Sent>, body: String) -> Json<Value> {
        sent.0.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        Json(json!({"MessageId": "1", "MD5OfMessageBody": ""}))
    }
    let sent = Sent::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(take)).with_state(sent.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, sent)
}

/// Puts a job of watermark into the table at `stores`, with `changes` made to its row.
pub(crate) async fn job_of_watermark(stores: &str, changes: &Value) -> JobId {
    let since = "2026-11-21T08:00:00Z";
    let mut row = json!({
        "id": JOB_ID, "revision": 1, "route": "watermark/default", "created_at": since,
        "upload": {"bucket": "darkroom", "key": "uploads/watermark/a.jpg", "etag": "e", "bytes": 1000},
        "state": {"name": "waiting", "since": since, "due_at": since, "polls": 0},
        "steps": [{
            "provider": "watermark", "preset": "default", "options": {}, "input": "uploads/watermark/a.jpg",
            "attempts": 1, "submitted_at": since, "callback_url": "https://hooks.example/callbacks/…",
        }],
    });
    for (name, value) in changes.as_object().unwrap() {
        row[name] = value.clone();
    }
    let job: Job = serde_json::from_value(row).unwrap();
    let jobs = Jobs::new(aws::dynamodb(&aws::local("test", "test").unwrap(), Some(stores)), "darkroom");
    assert!(matches!(jobs.create(&job).await.unwrap(), Created::New));
    job.id
}

/// The lines of a log that are JSON.
pub(crate) fn lines(log: &str) -> Vec<Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
