//! A world whose time is the story's.

use std::{
    cell::Cell,
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use darkroom_shared::{
    aws,
    clock::Clock,
    config::Presets,
    event::Uploaded,
    flow::{App, CallbackSecrets, CallbackUrls, Spacing, collect, poll, submit_upload, submit_woken},
    job::{Failure, Job, JobId, Outcome, ProviderName, Report, ResultSource, Schedule, State, TaskId},
    provider::{
        Account, Advice, Delivery, ErrorKind, Http, Provider, ProviderError, Request, ResultHosts, Settled, Submitted,
        TaskStatus, Unsettled,
    },
    store::{Jobs, Objects, Queue, QueueName, StoreError, WakeUp, create_table},
    telemetry::metrics::Metrics,
};
use jiff::{SignedDuration, Timestamp};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

thread_local! {
    /// Each story runs on one thread, and has its own time.
    static NOW: Cell<Timestamp> = const { Cell::new(Timestamp::UNIX_EPOCH) };
}

pub(crate) fn now() -> Timestamp {
    NOW.get()
}

pub(crate) fn set_now(at: Timestamp) {
    NOW.set(at);
}

/// When all stories begin.
pub(crate) fn beginning() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

pub(crate) fn after(wait: SignedDuration) -> Timestamp {
    beginning() + wait
}

pub(crate) const fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub(crate) const fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

type Says<Q, A> = Arc<dyn Fn(Q) -> A + Send + Sync>;

/// A provider that does as the story says.
#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) name: ProviderName,
    pub(crate) delivery: Delivery,
    /// What a paid call brings; asked with whether a callback is wanted.
    pub(crate) submit: Says<bool, Result<Submitted, ProviderError>>,
    pub(crate) settle: Says<Timestamp, Result<Settled, ProviderError>>,
    pub(crate) poll: Says<(), Result<TaskStatus, ProviderError>>,
    pub(crate) tasks_per_poll: usize,
    /// When paid calls were made.
    pub(crate) calls: Arc<Mutex<Vec<Timestamp>>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    /// One that takes everything and is never done.
    pub(crate) fn of(name: ProviderName, delivery: Delivery) -> Self {
        let task_id = (delivery == Delivery::Poll).then(|| TaskId("task".into()));
        Self {
            name,
            delivery,
            submit: Arc::new(move |_| Ok(Submitted::Accepted { task_id: task_id.clone() })),
            settle: Arc::new(|_| Ok(Settled::RepeatIsFree)),
            poll: Arc::new(|()| Ok(TaskStatus::Working)),
            tasks_per_poll: usize::MAX,
            calls: Arc::default(),
        }
    }

    /// One whose paid calls bring what `submit` says.
    pub(crate) fn answering(
        name: ProviderName,
        submit: impl Fn() -> Result<Submitted, ProviderError> + Send + Sync + 'static,
    ) -> Self {
        Self { submit: Arc::new(move |_| submit()), ..Self::of(name, Delivery::Reply) }
    }

    pub(crate) fn calls(&self) -> Vec<Timestamp> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> ProviderName {
        self.name
    }

    fn delivery(&self, _: &serde_json::Value) -> Result<Delivery, ProviderError> {
        Ok(self.delivery)
    }

    async fn submit(&self, request: Request<'_>) -> Result<Submitted, ProviderError> {
        self.calls.lock().unwrap().push(now());
        (self.submit)(request.callback_url.is_some())
    }

    async fn settle(&self, unsettled: Unsettled<'_>) -> Result<Settled, ProviderError> {
        (self.settle)(unsettled.submitted_at)
    }

    fn tasks_per_poll(&self) -> usize {
        self.tasks_per_poll
    }

    async fn poll(&self, tasks: &[TaskId]) -> Result<BTreeMap<TaskId, TaskStatus>, ProviderError> {
        let status = (self.poll)(())?;
        Ok(tasks.iter().map(|task| (task.clone(), status.clone())).collect())
    }

    async fn account(&self) -> Result<Account, ProviderError> {
        Ok(Account::Valid)
    }
}

pub(crate) fn refusal(kind: ErrorKind, advice: Advice) -> ProviderError {
    ProviderError::new(kind, advice, format!("it says: {kind:?}"))
}

pub(crate) const RETRY: Advice = Advice::Retry { after: Duration::from_secs(2) };

pub(crate) fn done() -> Submitted {
    Submitted::Finished(Outcome { source: ResultSource::Original, report: Report::default() })
}

/// Wake-ups that nobody has read, in the order in which they were sent.
#[derive(Debug, Default)]
pub(crate) struct Messages(pub(crate) Mutex<Vec<(QueueName, JobId)>>);

#[async_trait]
impl Queue for Messages {
    async fn send(&self, queue: QueueName, message: &WakeUp, _: Option<&str>) -> Result<(), StoreError> {
        self.0.lock().unwrap().push((queue, message.job_id.clone()));
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) messages: Arc<Messages>,
    /// The bucket, which has one image under every key and takes what is put into it.
    _bucket: MockServer,
    /// Where results come from.
    pub(crate) files: MockServer,
    metrics: Lines,
}

impl World {
    pub(crate) async fn with(provider: Scripted) -> Self {
        set_now(beginning());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dynamodb = format!("http://{}", listener.local_addr().unwrap());
        let database = dynoxide::Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
        let bucket = MockServer::start().await;
        let image = ResponseTemplate::new(200).set_body_bytes(picture()).insert_header("etag", "\"e\"");
        Mock::given(method("GET")).respond_with(image).mount(&bucket).await;
        Mock::given(method("PUT")).respond_with(ResponseTemplate::new(200)).mount(&bucket).await;
        let files = MockServer::start().await;
        let sdk = aws::local("a", "b").unwrap();
        let jobs = Jobs::new(aws::dynamodb(&sdk, Some(&dynamodb)), "jobs");
        create_table(&aws::dynamodb(&sdk, Some(&dynamodb)), "jobs").await.unwrap();
        let messages = Arc::new(Messages::default());
        let metrics = Lines::default();
        let secrets = CallbackSecrets::new(vec!["secret".into()]);
        let name = provider.name;
        let provider: Arc<dyn Provider> = Arc::new(provider);
        let hosts = ResultHosts::new(&files.uri().parse().unwrap(), &[], &[]);
        let app = App {
            jobs,
            objects: Objects::new(aws::s3(&sdk, Some(&bucket.uri())), "bucket"),
            queue: Arc::clone(&messages) as Arc<dyn Queue>,
            providers: [provider].into_iter().collect(),
            presets: Arc::new(Presets::built_in()),
            result_hosts: Arc::new([(name, hosts)].into()),
            paces: Arc::default(),
            callback_urls: Some(CallbackUrls::new("https://hooks.example".parse().unwrap(), secrets)),
            http: Http::new().unwrap(),
            metrics: Metrics::embedded_in(metrics.clone()),
            spacing: Spacing::default(),
            thumbnails: false,
            schedule: Schedule::default(),
            clock: Clock::of(now),
        };
        Self { app, messages, _bucket: bucket, files, metrics }
    }

    /// An upload for the world's provider; what follows at once has followed.
    pub(crate) async fn put(&self, name: ProviderName) -> JobId {
        let key = format!("uploads/{name}/a.png");
        let id = JobId::of_upload("bucket", &key, "1");
        let bytes = picture().len() as u64;
        let uploaded = Uploaded { bucket: "bucket".into(), key, version: "1".into(), etag: "e".into(), bytes };
        submit_upload(&self.app, uploaded).await.unwrap();
        self.deliver().await;
        id
    }

    pub(crate) async fn job(&self, id: &JobId) -> Job {
        self.app.jobs.get(id).await.unwrap().unwrap()
    }

    /// Lets time pass until `until`, or the job's end: whenever the job is due, the poller comes and messages arrive.
    pub(crate) async fn live(&self, id: &JobId, until: Timestamp) -> Job {
        for _ in 0..20_000 {
            let job = self.job(id).await;
            let Some(due_at) = job.due_at().filter(|due_at| *due_at <= until) else {
                if !job.state.is_finished() {
                    set_now(until);
                }
                return job;
            };
            // The index counts milliseconds.
            set_now(now().max(due_at) + SignedDuration::from_millis(1));
            match job.state {
                // The poller would only send the wake-up; without it, a day of tries takes seconds.
                State::Queued { .. } => submit_woken(&self.app, id).await.unwrap(),
                _ => drop(poll(&self.app, now()).await.unwrap()),
            }
            self.deliver().await;
        }
        panic!("the job is looked at without end");
    }

    async fn deliver(&self) {
        loop {
            let messages = std::mem::take(&mut *self.messages.0.lock().unwrap());
            if messages.is_empty() {
                return;
            }
            for (queue, id) in messages {
                match queue {
                    QueueName::Submit(_) => submit_woken(&self.app, &id).await.unwrap(),
                    QueueName::Collect | QueueName::Thumbnails => collect(&self.app, &id).await.unwrap(),
                }
            }
        }
    }

    /// What was measured: the metric's values, in order.
    pub(crate) fn measured(&self, name: &str) -> Vec<f64> {
        self.records(name).iter().filter_map(|record| record[name].as_f64()).collect()
    }

    /// The same as whole records.
    pub(crate) fn records(&self, name: &str) -> Vec<serde_json::Value> {
        let lines = String::from_utf8(self.metrics.0.lock().unwrap().clone()).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line[name].is_number()).collect()
    }
}

pub(crate) fn failure(job: &Job) -> &Failure {
    let State::Failed { reason, .. } = &job.state else { panic!("it has not failed: {:?}", job.state) };
    reason
}

pub(crate) fn picture() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(640, 640).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
