//! darkroom as `infra` deploys it, on this machine: every function as a process on a runtime endpoint, S3, DynamoDB and
//! SQS that count, the services of `darkroom sandbox`, and what carries uploads, messages, callbacks and the schedule.

use std::{
    collections::BTreeMap,
    fs::File,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context as _;
use axum::{Router, body::Bytes, extract::State, http::StatusCode, http::Uri};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    bench::{Bench, FUNCTIONS, root},
    numbers::milliseconds,
    process::{Process, command},
    runtime::{Function, batch, callback_event, environment, schedule_event, upload_event},
    stores::{Counts, Message, NAME, Stores},
};

/// Instances of each function: enough that no event waits long for its turn.
const INSTANCES: usize = 2;
/// What Lambda itself writes into the log of an invocation: START, END and REPORT.
const PLATFORM_LOG_BYTES: usize = 350;
/// What `CloudWatch` adds to each line.
const LINE_LOG_BYTES: usize = 26;

/// What Lambda bills of one function.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Billed {
    pub(super) invocations: usize,
    pub(super) milliseconds: f64,
    pub(super) gb_seconds: f64,
}

/// Everything of one stretch of time.
#[derive(Debug)]
pub(super) struct Books {
    /// What was asked of S3, DynamoDB and SQS.
    pub(super) asked: Counts,
    /// What Lambda bills, by function.
    pub(super) billed: BTreeMap<&'static str, Billed>,
    /// What is written into logs, by function.
    pub(super) log_bytes: BTreeMap<&'static str, usize>,
    /// Messages of S3 and of functions.
    pub(super) messages: usize,
}

/// The running whole.
pub(super) struct Deployment {
    stores: Stores,
    functions: BTreeMap<&'static str, Vec<Function>>,
    logs: TempDir,
    billed: Mutex<BTreeMap<&'static str, Billed>>,
    problems: Mutex<Vec<String>>,
    messages: AtomicUsize,
    under_way: AtomicUsize,
    turn: AtomicUsize,
    _sandbox: Process,
}

/// The memory of each function in infra/sam/template.yaml, in MB.
fn memory_mb(function: &str) -> u32 {
    match function {
        "collector" => 512,
        "poller" | "webhook" => 256,
        _ => 1024,
    }
}

impl Deployment {
    /// Starts everything, with the presets of `config`; `thumbnails` is `on` or `off`.
    pub(super) async fn start(bench: &Bench, config: &str, thumbnails: &str) -> anyhow::Result<Arc<Self>> {
        let (stores, messages) = Stores::open().await?;
        let (sandbox, services) = sandbox(bench).await?;
        let logs = TempDir::new()?;
        let config_file = logs.path().join("darkroom.toml");
        std::fs::write(&config_file, config)?;
        let itself = Arc::<OnceLock<Arc<Self>>>::default();
        let public_url =
            crate::stores::listen(Router::new().fallback(called_back).with_state(Arc::clone(&itself))).await?;
        let mut functions = BTreeMap::new();
        for name in FUNCTIONS {
            let mut variables = environment(name, memory_mb(name), &stores.door(name).await?, &public_url);
            variables.extend(services.iter().cloned());
            variables.push(("DARKROOM_THUMBNAILS".into(), thumbnails.to_owned()));
            variables.push(("DARKROOM_CONFIG".into(), config_file.to_string_lossy().into_owned()));
            let log = File::options().create(true).append(true).open(logs.path().join(format!("{name}.log")))?;
            let mut instances = Vec::new();
            for _ in 0..INSTANCES {
                let mut function = Function::start(&bench.binary(name)?, &[], &variables, root(), Some(&log)).await?;
                function.first_poll().await.with_context(|| format!("the start of {name}"))?;
                instances.push(function);
            }
            functions.insert(name, instances);
        }
        let deployment = Arc::new(Self {
            stores,
            functions,
            logs,
            billed: Mutex::default(),
            problems: Mutex::default(),
            messages: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            _sandbox: sandbox,
        });
        let _ = itself.set(Arc::clone(&deployment));
        tokio::spawn(carry(Arc::clone(&deployment), messages));
        Ok(deployment)
    }

    /// Puts an image below `uploads/` and tells its function, as S3 does through SQS.
    pub(super) fn upload(self: &Arc<Self>, provider: &str, key: &str, image: Bytes) {
        let bytes = image.len();
        let etag = self.stores.objects.put(&format!("/{NAME}/{key}"), image);
        let body = upload_event(key, bytes, &etag).to_string();
        self.deliver(Message { queue: format!("{NAME}-submit-{provider}"), body });
    }

    /// `job.json` of an upload that has ended.
    pub(super) fn document(&self, key: &str) -> anyhow::Result<Option<Value>> {
        let path = format!("/{NAME}/{}/job.json", key.replacen("uploads/", "results/", 1));
        self.stores.objects.get(&path).map(|object| Ok(serde_json::from_slice(&object.body)?)).transpose()
    }

    /// One run of the poller, as EventBridge starts it every minute.
    pub(super) async fn poll(&self) -> anyhow::Result<()> {
        self.invoke("poller", &schedule_event(), Duration::from_secs(65)).await.map(|_| ())
    }

    /// Whether every message has been handled; an error if one was not.
    pub(super) fn is_idle(&self) -> anyhow::Result<bool> {
        let problems = lock(&self.problems);
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("\n"));
        Ok(self.under_way.load(Relaxed) == 0)
    }

    /// What has been used since the last time.
    pub(super) fn take_books(&self) -> anyhow::Result<Books> {
        let billed = std::mem::take(&mut *lock(&self.billed));
        let mut log_bytes = BTreeMap::new();
        for function in FUNCTIONS {
            let path = self.logs.path().join(format!("{function}.log"));
            let log = std::fs::read(&path)?;
            let lines = log.iter().filter(|byte| **byte == b'\n').count();
            let invocations = billed.get(function).map_or(0, |billed| billed.invocations);
            log_bytes.insert(function, log.len() + lines * LINE_LOG_BYTES + invocations * PLATFORM_LOG_BYTES);
            // The functions append to it; what is cut off has been counted.
            File::options().write(true).open(&path)?.set_len(0)?;
        }
        let messages = self.messages.swap(0, Relaxed);
        Ok(Books { asked: self.stores.take_counts(), billed, log_bytes, messages })
    }

    fn deliver(self: &Arc<Self>, message: Message) {
        self.messages.fetch_add(1, Relaxed);
        self.under_way.fetch_add(1, Relaxed);
        let deployment = Arc::clone(self);
        tokio::spawn(async move {
            let queue = message.queue.trim_start_matches(NAME).trim_start_matches('-');
            let function = if queue == "collect" { "collector" } else { queue };
            let handled = deployment.invoke(function, &batch(&message.body), Duration::from_secs(150)).await;
            if let Err(problem) = handled {
                lock(&deployment.problems).push(format!("{function}: {problem:#}"));
            }
            deployment.under_way.fetch_sub(1, Relaxed);
        });
    }

    async fn invoke(&self, function: &str, event: &Value, timeout: Duration) -> anyhow::Result<Value> {
        let (name, instances) = self.functions.get_key_value(function).context("there is no such function")?;
        let turn = self.turn.fetch_add(1, Relaxed) % instances.len().max(1);
        let instance = instances.get(turn).context("a function without instances")?;
        let invocation = instance.invoke(event, timeout).await?;
        let mut all = lock(&self.billed);
        let billed = all.entry(name).or_default();
        let whole_ms = milliseconds(invocation.duration).ceil();
        billed.invocations += 1;
        billed.milliseconds += whole_ms;
        billed.gb_seconds += whole_ms / 1000.0 * f64::from(memory_mb(function)) / 1024.0;
        Ok(invocation.answer)
    }
}

/// The services of `darkroom sandbox`, and the variables with which functions find them.
async fn sandbox(bench: &Bench) -> anyhow::Result<(Process, Vec<(String, String)>)> {
    let mut command = command::<String>(&bench.binary("darkroom")?, []);
    command.args(["sandbox", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut process = Process::start(&mut command)?;
    let mut variables = Vec::new();
    while let Some(line) = process.line().await? {
        if line == "ready" {
            return Ok((process, variables));
        }
        let (name, value) = line.split_once('=').context("the sandbox says something else")?;
        variables.push((name.to_owned(), value.to_owned()));
    }
    anyhow::bail!("the sandbox ended before it was ready")
}

/// Brings the messages that functions send to functions.
async fn carry(deployment: Arc<Deployment>, mut messages: mpsc::UnboundedReceiver<Message>) {
    while let Some(message) = messages.recv().await {
        deployment.deliver(message);
    }
}

/// A service calls back: the Function URL of the webhook.
async fn called_back(State(deployment): State<Arc<OnceLock<Arc<Deployment>>>>, uri: Uri, body: String) -> StatusCode {
    let Some(deployment) = deployment.get() else { return StatusCode::SERVICE_UNAVAILABLE };
    deployment.under_way.fetch_add(1, Relaxed);
    let event = callback_event(uri.path(), &body);
    let answered = deployment.invoke("webhook", &event, Duration::from_secs(10)).await;
    let status = match answered {
        Ok(answer) => {
            answer["statusCode"].as_u64().and_then(|status| StatusCode::from_u16(status.try_into().ok()?).ok())
        }
        Err(problem) => {
            lock(&deployment.problems).push(format!("webhook: {problem:#}"));
            None
        }
    };
    deployment.under_way.fetch_sub(1, Relaxed);
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
