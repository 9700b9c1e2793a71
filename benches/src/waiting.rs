//! Jobs that wait, in a table that can be as far away as AWS's, and the two services that are asked for them.
//!
//! The rows are written by `darkroom-shared` itself (`Jobs::create`), so they are what a submit function leaves. The table
//! is `dynoxide`; in front of it stands a door that notes when each request came and went, and can hold it back. The
//! services know the tasks as being at work, which is what a poller finds most often, and count what they are asked.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, Response, StatusCode, header},
    routing::{get, post},
};
use darkroom_shared::{
    aws,
    clock::Clock,
    job::{Job, JobId, ProviderName},
    store::{Created, Jobs, LANES, create_table},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::net::TcpListener;

use crate::stores::{NAME, listen};

/// Rows that are written at the same time while the table is filled.
const WRITERS: usize = 16;

/// A request of the poller.
#[derive(Debug, Clone)]
struct Asked {
    operation: String,
    came: Instant,
    went: Instant,
}

/// A round of the poller, as the table saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// From its first question to its last write.
    pub(crate) took: Duration,
    /// Rows that it wrote.
    pub(crate) written: usize,
}

/// The table and SQS.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// What the poller is told to be AWS.
    pub(crate) door: String,
    jobs: Jobs,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
struct Door {
    dynamodb: String,
    client: reqwest::Client,
    asked: Arc<Mutex<Vec<Asked>>>,
    delay: Duration,
}

impl Table {
    /// An empty table that takes `delay` longer to answer than it does here.
    pub(crate) async fn open(delay: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let dynamodb = format!("http://{}", listener.local_addr()?);
        tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory()?));
        let client = aws::dynamodb(&aws::local("test", "test")?, Some(&dynamodb));
        create_table(&client, NAME).await?;
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let sender = reqwest::Client::builder().no_proxy().build()?;
        let door = Door { dynamodb, client: sender, asked: Arc::clone(&asked), delay };
        let door = listen(Router::new().fallback(pass_on).with_state(door)).await?;
        Ok(Self { door, jobs: Jobs::new(client, NAME), asked })
    }

    /// Writes jobs that wait for these tasks of `provider`; all are due now.
    pub(crate) async fn fill(&self, provider: ProviderName, tasks: &[String]) -> anyhow::Result<()> {
        let writes = stream::iter(tasks).map(|task_id| async move {
            let job = waiting_job(provider, task_id)?;
            let created = self.jobs.create(&job).await?;
            anyhow::ensure!(matches!(created, Created::New), "the job of task {task_id} was there already");
            Ok(())
        });
        writes.buffer_unordered(WRITERS).try_collect().await
    }

    /// The rounds that wrote anything, from what the table was asked since the last time. A round asks each lane once, all
    /// at the same time, and then writes.
    pub(crate) fn take_rounds(&self) -> Vec<Round> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rounds: Vec<(Instant, Instant, usize)> = Vec::new();
        let mut queries = 0;
        for Asked { operation, came, went } in asked {
            if operation == "Query" {
                if queries % usize::from(LANES) == 0 {
                    rounds.push((came, went, 0));
                }
                queries += 1;
            }
            if let Some((_, last, written)) = rounds.last_mut() {
                *last = (*last).max(went);
                *written += usize::from(operation == "PutItem");
            }
        }
        let wrote = rounds.into_iter().filter(|(.., written)| *written > 0);
        wrote.map(|(first, last, written)| Round { took: last.duration_since(first), written }).collect()
    }
}

/// A job as a submit function leaves it when the provider has taken the image, ten minutes and twenty polls later.
fn waiting_job(provider: ProviderName, task_id: &str) -> anyhow::Result<Job> {
    let now = Clock::system().now();
    let since = now.saturating_sub(jiff::SignedDuration::from_mins(10))?;
    let key = format!("uploads/{provider}/default/autumn/2026-11-21/IMG_{task_id}.jpg");
    let options = match provider {
        ProviderName::Imgfactory => json!({"copies": 10, "exif": "random"}),
        _ => json!({"repair_type": "sr"}),
    };
    let job = json!({
        "id": JobId::of_upload(NAME, &key, "1").as_str(), "revision": 24, "route": format!("{provider}/default"),
        "created_at": since.to_string(),
        "upload": {"bucket": NAME, "key": key, "etag": "d41d8cd98f00b204e9800998ecf8427e", "bytes": 1_000_000,
            "sha256": "0".repeat(64)},
        "state": {"name": "waiting", "since": since.to_string(), "due_at": now.to_string(), "polls": 20},
        "steps": [{"provider": provider.as_str(), "preset": "default", "options": options, "input": key,
            "input_bytes": 1_000_000, "attempts": 1, "submitted_at": since.to_string(),
            "may_be_done_since": since.to_string(), "task_id": task_id}],
    });
    serde_json::from_value(job).context("a job that darkroom cannot read")
}

/// DynamoDB's requests are passed on, SQS's are taken.
async fn pass_on(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let came = Instant::now();
    let (status, reply) = if target.starts_with("DynamoDB") {
        tokio::time::sleep(door.delay).await;
        let headers = headers.iter().filter(|(name, _)| *name != header::HOST && *name != header::CONTENT_LENGTH);
        let headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        let sent = door.client.post(&door.dynamodb).headers(headers).body(body).send().await;
        match sent {
            Ok(reply) => (reply.status(), reply.bytes().await.unwrap_or_default()),
            Err(_) => (StatusCode::BAD_GATEWAY, Bytes::new()),
        }
    } else {
        (StatusCode::OK, Bytes::from_static(br#"{"MessageId": "1", "MD5OfMessageBody": ""}"#))
    };
    let operation = target.rsplit('.').next().unwrap_or(target).to_owned();
    door.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { operation, came, went: Instant::now() });
    let mut response = Response::new(Body::from(reply));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}

/// imgfactory and fangtang, as far as a poller sees them.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    url: String,
    counts: Arc<Counts>,
}

/// What they were asked.
#[derive(Debug, Default)]
struct Counts {
    lists: AtomicUsize,
    tasks: AtomicUsize,
}

#[derive(Clone)]
struct Answers {
    counts: Arc<Counts>,
    list: Bytes,
    answer: Duration,
}

impl Services {
    /// Opens them: imgfactory with these tasks in its list, and both with answers that take `answer`.
    pub(crate) async fn open(listed: &[String], answer: Duration) -> anyhow::Result<Self> {
        let entry = |id: &String| {
            json!({"id": id, "status": "STARTED", "files": "1", "copies": "10", "percent": "20", "result": null,
                "created_at": "2026-11-21 11:43:26", "updated_at": "2026-11-21 11:43:30"})
        };
        let list = json!({"type": "success", "detail": listed.iter().map(entry).collect::<Vec<_>>()});
        let counts = Arc::<Counts>::default();
        let answers = Answers { counts: Arc::clone(&counts), list: serde_json::to_vec(&list)?.into(), answer };
        let router = Router::new()
            .route("/imgfactory/tasks", get(tasks))
            .route("/fangtang/api/third/photo/{method}", post(task))
            .with_state(answers);
        Ok(Self { url: listen(router).await?, counts })
    }

    /// The variables with which the poller finds them.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let url = &self.url;
        let pairs = [
            ("IMGFACTORY_URL", format!("{url}/imgfactory")),
            ("IMGFACTORY_TOKEN", "token".to_owned()),
            ("FANGTANG_URL", format!("{url}/fangtang")),
            ("FANGTANG_THIRD_CODE", "code".to_owned()),
            ("FANGTANG_SECRET_KEY", "secret".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Requests for the whole list, and requests for one task.
    pub(crate) fn asked(&self) -> (usize, usize) {
        (self.counts.lists.load(Relaxed), self.counts.tasks.load(Relaxed))
    }
}

async fn tasks(State(answers): State<Answers>, RawQuery(query): RawQuery) -> Bytes {
    tokio::time::sleep(answers.answer).await;
    if query.is_some() {
        answers.counts.tasks.fetch_add(1, Relaxed);
        return Bytes::from_static(br#"{"type": "search error", "detail": "Task not found"}"#);
    }
    answers.counts.lists.fetch_add(1, Relaxed);
    answers.list
}

async fn task(State(answers): State<Answers>, Path(_): Path<String>, _: Bytes) -> &'static str {
    tokio::time::sleep(answers.answer).await;
    answers.counts.tasks.fetch_add(1, Relaxed);
    r#"{"code": 200, "data": {"status": 100, "msg": "at work"}}"#
}
