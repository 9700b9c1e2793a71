//! Three providers that cost next to nothing, in this process: vkcloud, which answers in the reply, watermark, which calls
//! back (or, as the service's default is, answers in the reply), and imgfactory, which is polled. They speak the wire that
//! the fixtures of `shared/src/provider` show. Every answer is made before the clock starts; of a request they read the
//! callback's address and the picture's number.

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::Sender},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, State},
    routing::{get, post},
    serve::ListenerExt as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    pictures::{number_of, picture},
    store::client,
};

const WATERMARK_DONE: &str = include_str!("../../../shared/src/provider/watermark/fixtures/sync_done.json");
const WATERMARK_ACCEPTED: &str = include_str!("../../../shared/src/provider/watermark/fixtures/async_accepted.json");
/// The number of the picture that is everybody's result.
const RESULT: u64 = 99_999_999;
/// Fields of a form stand before or behind its file: so near to its ends that this is enough to look through.
const SEARCHED_BYTES: usize = 4096;

/// A picture is done at the provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    /// The picture's number.
    pub(crate) number: u64,
    /// When.
    pub(crate) at: Instant,
    /// When the provider said so: by a callback that it begins to send, or when it was asked.
    pub(crate) said_at: Instant,
}

/// How long after it was taken a picture is done, by its number. `None`: never.
type Takes = Option<fn(u64) -> Duration>;

/// The providers.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: reqwest::Client,
    improved: Bytes,
    accepted: Bytes,
    finished: Bytes,
    picture: Bytes,
    archive: Bytes,
    url: String,
    state: Mutex<Changing>,
}

#[derive(Debug, Default)]
struct Changing {
    takes: Takes,
    told: Option<Sender<Done>>,
    callbacks: Vec<String>,
    tasks: Vec<Task>,
}

/// A task of imgfactory.
#[derive(Debug, Clone)]
struct Task {
    id: String,
    number: u64,
    done_at: Option<Instant>,
    /// Whether somebody has heard that it is done.
    is_told: bool,
}

impl Provider {
    /// Opens them. A picture that is called back for is done 50 ms after it was taken: at once, and yet never before the
    /// one who sent it has read that it was taken.
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let result = picture(RESULT);
        let finished = finished(&url)?;
        let inner = Inner {
            client: client()?,
            improved: improved(&result).into(),
            accepted: WATERMARK_ACCEPTED.into(),
            finished: finished.to_string().into(),
            archive: archive(&result)?.into(),
            picture: result,
            url,
            state: Mutex::new(Changing { takes: Some(|_| Duration::from_millis(50)), ..Changing::default() }),
        };
        let inner = Arc::new(inner);
        let router = router(Arc::clone(&inner));
        let listener = listener.tap_io(|socket| {
            // Head and body go out as they come; otherwise an answer can wait 40 ms for nothing.
            let _ = socket.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { inner })
    }

    /// Their address: vkcloud's is `/vkcloud` below it, and so on.
    pub(crate) fn url(&self) -> &str {
        &self.inner.url
    }

    /// From now on pictures take so long; with `None` callbacks are only collected.
    pub(crate) fn takes(&self, takes: Takes) {
        self.inner.state().takes = takes;
    }

    /// From now on `told` is told of every picture that is done.
    pub(crate) fn tells(&self, told: Sender<Done>) {
        self.inner.state().told = Some(told);
    }

    /// The addresses at which pictures that are never done would have been called back for.
    pub(crate) fn callbacks(&self) -> Vec<String> {
        self.inner.state().callbacks.clone()
    }

    /// What a callback says.
    pub(crate) fn callback_body(&self) -> Bytes {
        self.inner.finished.clone()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, Changing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changing {
    fn tell(&self, done: Done) {
        if let Some(told) = &self.told {
            // Nobody may be listening any more.
            let _ = told.send(done);
        }
    }
}

type Shared = State<Arc<Inner>>;

fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/vkcloud", post(improve))
        .route("/watermark", post(access))
        .route("/result.jpg", get(|State(inner): Shared| async move { inner.picture.clone() }))
        .route("/imgfactory/async/unique", post(unique))
        .route("/imgfactory/tasks", get(tasks))
        .route("/imgfactory/{archive}", get(|State(inner): Shared| async move { inner.archive.clone() }))
        .layer(DefaultBodyLimit::disable())
        .with_state(inner)
}

/// vkcloud: the picture in the reply.
async fn improve(State(inner): Shared, _form: Bytes) -> Bytes {
    inner.improved.clone()
}

/// watermark: with a callback it is taken and done later, without one it is done.
async fn access(State(inner): Shared, form: Bytes) -> Bytes {
    let Some(callback) = field(&form, "callback") else { return inner.finished.clone() };
    let number = number_of(&form).unwrap_or_default();
    let takes = inner.state().takes;
    let Some(takes) = takes else {
        inner.state().callbacks.push(callback);
        return inner.accepted.clone();
    };
    let later = Arc::clone(&inner);
    tokio::spawn(async move {
        tokio::time::sleep(takes(number)).await;
        let at = Instant::now();
        later.state().tell(Done { number, at, said_at: at });
        // One that is not taken shows in the bucket.
        let _ = later.client.post(callback).body(later.finished.clone()).send().await;
    });
    inner.accepted.clone()
}

/// imgfactory: a task begins.
async fn unique(State(inner): Shared, form: Bytes) -> String {
    let number = number_of(&form).unwrap_or_default();
    let mut state = inner.state();
    let id = format!("00000000-0000-4000-8000-{:012}", state.tasks.len());
    let done_at = state.takes.map(|takes| Instant::now() + takes(number));
    state.tasks.push(Task { id: id.clone(), number, done_at, is_told: false });
    json!({"type": "success", "task_id": id}).to_string()
}

/// imgfactory: its list, or one task.
async fn tasks(State(inner): Shared, Query(query): Query<HashMap<String, String>>) -> String {
    let (now, mut state) = (Instant::now(), inner.state());
    let wanted = query.get("task_id");
    let (mut list, mut news) = (Vec::new(), Vec::new());
    for task in state.tasks.iter_mut().filter(|task| wanted.is_none_or(|id| task.id == *id)) {
        let done_at = task.done_at.filter(|at| *at <= now);
        if let Some(at) = done_at.filter(|_| !task.is_told) {
            task.is_told = true;
            news.push(Done { number: task.number, at, said_at: now });
        }
        list.push(listed(&inner, task, done_at.is_some()));
    }
    news.into_iter().for_each(|done| state.tell(done));
    json!({"type": "success", "detail": list}).to_string()
}

fn listed(inner: &Inner, task: &Task, is_done: bool) -> Value {
    let (status, percent) = if is_done { ("DONE", "100") } else { ("STARTED", "20") };
    let result = is_done.then(|| format!("{}/imgfactory/{}.zip", inner.url, task.id));
    json!({
        "id": task.id, "status": status, "files": "1", "copies": "1", "percent": percent, "result": result,
        "created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00",
    })
}

/// A text field of a form.
fn field(form: &[u8], name: &str) -> Option<String> {
    let head = format!("name=\"{name}\"\r\n\r\n");
    let near = SEARCHED_BYTES.min(form.len());
    [form.get(..near)?, form.get(form.len() - near..)?].into_iter().find_map(|part| {
        let start = part.windows(head.len()).position(|window| window == head.as_bytes())? + head.len();
        let text = part.get(start..)?;
        let end = text.windows(2).position(|window| window == b"\r\n")?;
        String::from_utf8(text.get(..end)?.to_vec()).ok()
    })
}

fn improved(result: &[u8]) -> String {
    let picture = json!({"status": 0, "name": "file", "improved": STANDARD.encode(result), "bw": false});
    json!({"status": 200, "body": {"improve": [picture]}, "htmlencoded": false, "last_modified": 0}).to_string()
}

/// What watermark says of a picture that is done, in a reply and in a callback.
fn finished(url: &str) -> anyhow::Result<Value> {
    let mut finished: Value = serde_json::from_str(WATERMARK_DONE)?;
    finished["data"]["url"] = format!("{url}/result.jpg").into();
    Ok(finished)
}

/// A zip of one picture, as it is.
fn archive(result: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("copy.jpg", stored).context("no zip can be made")?;
    archive.write_all(result)?;
    Ok(archive.finish()?.into_inner())
}
