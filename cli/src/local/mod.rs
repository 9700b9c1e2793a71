//! All of darkroom on one machine: an S3, a DynamoDB, the queues, the schedule and the webhook in one process, around
//! the same handlers that run as functions on AWS, reached through the same clients.

mod dead_letters;
mod dynamodb;
mod http;
mod queue;
mod s3;
mod s3_server;
mod schedule;
mod uploads;

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use darkroom_gallery::Access;
use darkroom_sandbox::{Latency, Sandbox, Settings as SandboxSettings};
use darkroom_shared::{
    aws,
    clock::Clock,
    config::{self, Presets},
    environment::Environment,
    flow::{self, App, CallbackSecrets, CallbackUrls, NotesInTable},
    job::{ProviderName, Schedule},
    provider::{self, Equipment, Http, Notes, Providers, definition},
    store::{Jobs, Objects, add_newest_index, create_table, lacks_newest_index},
    telemetry::metrics::Metrics,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use url::Url;

use self::{dead_letters::DeadLetters, queue::MemoryQueue};

/// The bucket and the table of a host on one machine.
pub(crate) const NAME: &str = "darkroom";

/// A browser that runs no scripts sends so much at once through the gallery.
const MOST_FORM_BYTES: usize = 256 * 1024 * 1024;

/// What a host is started with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where everything is kept.
    pub(crate) data: PathBuf,
    /// The presets.
    pub(crate) presets: Presets,
    /// Where S3 listens; port 0 takes a free one.
    pub(crate) s3: SocketAddr,
    /// Where HTTP listens.
    pub(crate) http: SocketAddr,
    /// Where DynamoDB listens.
    pub(crate) dynamodb: SocketAddr,
    /// Where callbacks reach us, if not at `http`.
    pub(crate) public_url: Option<Url>,
    /// Credentials of real providers, `<PROVIDER>_…`.
    pub(crate) environment: Environment,
}

/// Whether anybody may see the gallery of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gallery {
    /// Those with the token, or those at this machine.
    On,
    /// Nobody: others reach the address, and there is no token.
    Off,
}

/// A running host.
#[derive(Debug)]
pub(crate) struct Host {
    /// What its flows use.
    pub(crate) app: App,
    /// Its S3.
    pub(crate) s3_url: String,
    /// Its HTTP side.
    pub(crate) http_url: String,
    /// Its DynamoDB.
    pub(crate) dynamodb_url: String,
    /// Which providers run in the sandbox.
    pub(crate) sandboxed: Vec<ProviderName>,
    /// Whether anybody may see its gallery.
    pub(crate) gallery: Gallery,
    stop: Stop,
    workers: JoinSet<()>,
    servers: JoinSet<()>,
    /// Held as long as the host runs: two hosts over one folder would both work on its jobs.
    _lock: File,
}

/// Two signals: those who work stop first, and while they end, the stores that they write to are still there.
#[derive(Debug)]
struct Stop {
    working: watch::Sender<bool>,
    serving: watch::Sender<bool>,
}

/// The access key and the secret key of the local S3 and DynamoDB.
pub(crate) fn access_keys(environment: &Environment) -> (String, String) {
    let access_key = environment.get("DARKROOM_ACCESS_KEY").unwrap_or_else(|| "darkroom".into());
    let secret_key = environment.get("DARKROOM_SECRET_KEY").unwrap_or_else(|| "darkroom-secret".into());
    (access_key, secret_key)
}

impl Host {
    /// Starts everything. When it returns, uploads are taken.
    pub(crate) async fn start(settings: Settings) -> anyhow::Result<Self> {
        let lock = lock(&settings.data)?;
        let ((working, working_stops), (serving, serving_stops)) = (watch::channel(false), watch::channel(false));
        let (mut workers, mut servers) = (JoinSet::new(), JoinSet::new());
        let bucket_root = settings.data.join("s3");
        std::fs::create_dir_all(bucket_root.join(NAME))?;
        std::fs::create_dir_all(settings.data.join("sandbox"))?;

        let (dynamodb, dynamodb_url) = listen("DynamoDB", settings.dynamodb).await?;
        let (s3, s3_url) = listen("S3", settings.s3).await?;
        let (http, http_url) = listen("HTTP", settings.http).await?;
        servers.spawn(dynamodb::serve(&settings.data.join("jobs.sqlite"), dynamodb, serving_stops.clone())?);
        let (created, uploads) = mpsc::unbounded_channel();
        let keys = access_keys(&settings.environment);
        let sandboxed: Vec<ProviderName> = ProviderName::ALL
            .into_iter()
            .filter(|&provider| !definition(provider).has_credentials(&settings.environment))
            .collect();
        let sandbox = if sandboxed.is_empty() { None } else { Some(sandbox(&settings.data, &http_url)?) };
        let environment = environment(&settings, &http_url, &sandboxed, sandbox.as_ref())?;

        let public_url = environment.url("DARKROOM_PUBLIC_URL", None)?;
        let pages_at = (http_url.parse()?, public_url.clone());
        let local_s3 = s3::LocalS3::new(bucket_root.clone(), created)?;
        servers.spawn(s3_server::serve(s3, local_s3, keys.clone(), pages_at, serving_stops.clone()));

        let sdk = aws::local(&keys.0, &keys.1)?;
        let s3_client = aws::s3(&sdk, Some(&s3_url));
        let dynamodb_client = aws::dynamodb(&sdk, Some(&dynamodb_url));
        create_table(&dynamodb_client, NAME).await?;
        let (queue, messages) = MemoryQueue::new();
        let jobs = Jobs::new(dynamodb_client.clone(), NAME);
        if lacks_newest_index(&dynamodb_client, NAME).await? {
            // In this order: should we die in between, the next start does both again.
            let jobs = jobs.put_on_list().await?;
            add_newest_index(&dynamodb_client, NAME).await?;
            tracing::info!(jobs, "the jobs of an older darkroom are on the list of newest jobs now");
        }
        let objects = Objects::new(s3_client.clone(), NAME);
        let app = app(&environment, settings.presets, jobs, objects, queue.clone())?;
        let secrets = CallbackSecrets::new(config::callback_secrets(&environment)?);
        let unusable: Vec<String> =
            app.providers.iter().flat_map(|provider| app.presets.unusable(provider.as_ref())).collect();
        if !unusable.is_empty() {
            bail!("some presets cannot work with the credentials that are set: {}", unusable.join("; "));
        }

        let access = Access::of_host(&environment, http.local_addr()?.ip(), &public_url)?;
        let gallery = if let Access::Off = access { Gallery::Off } else { Gallery::On };
        let pages = darkroom_gallery::router(
            app.clone(),
            darkroom_gallery::Settings {
                access,
                is_https: false,
                sandboxed: sandboxed.clone(),
                most_form_bytes: MOST_FORM_BYTES,
            },
        );
        servers.spawn(http::serve(app.clone(), secrets, sandbox, pages, http, serving_stops.clone()));
        let unfinished = flow::recover(&app).await?;
        servers.spawn(pass_on(uploads, queue.clone()));
        let dead_letters = DeadLetters::below(&settings.data);
        workers.spawn(queue::work(app.clone(), queue.clone(), messages, dead_letters, working_stops.clone()));
        workers.spawn(schedule::run(app.clone(), working_stops));
        let bucket_folder = bucket_root.join(NAME);
        let without_job = uploads::find_without_job(&app, &s3_client, &queue, &bucket_folder).await?;
        if unfinished + without_job > 0 {
            tracing::info!(unfinished, without_job, "going on where the last run stopped");
        }
        Ok(Self {
            app,
            s3_url,
            http_url,
            dynamodb_url,
            sandboxed,
            gallery,
            stop: Stop { working, serving },
            workers,
            servers,
            _lock: lock,
        })
    }

    /// Stops taking work, lets what is at work end (for at most ten seconds) while the stores are still there, and stops.
    /// What was not done goes on at the next start.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.working.send(true);
        if !end_in(Duration::from_secs(10), &mut self.workers).await {
            tracing::warn!("some work was still going on; it goes on at the next start");
        }
        let _ = self.stop.serving.send(true);
        // Connections that were opened and never used are not worth waiting for.
        end_in(Duration::from_millis(300), &mut self.servers).await;
    }
}

/// Waits for `tasks` to end. False: they did not in time, and are cut off.
async fn end_in(time: Duration, tasks: &mut JoinSet<()>) -> bool {
    let ended = async { while tasks.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(time, ended).await.is_ok();
    tasks.abort_all();
    in_time
}

fn lock(data: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(data).with_context(|| format!("the folder {} cannot be made", data.display()))?;
    let file = File::create(data.join("lock"))?;
    if file.try_lock().is_err() {
        bail!("another darkroom is running over {}; stop it, or choose another folder with --data", data.display());
    }
    Ok(file)
}

/// Listens, and tells the address under which this machine reaches it.
async fn listen(what: &str, address: SocketAddr) -> anyhow::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        let option = what.to_ascii_lowercase();
        format!("{what} cannot listen on {address}; is another program there? Choose another with --{option}")
    })?;
    let mut reached = listener.local_addr()?;
    if reached.ip().is_unspecified() {
        reached.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    Ok((listener, format!("http://{reached}")))
}

fn sandbox(data: &Path, http_url: &str) -> anyhow::Result<Sandbox> {
    let public_url = format!("{http_url}{}", http::SANDBOX_PATH).parse()?;
    let settings = SandboxSettings { public_url, data_dir: data.join("sandbox"), latency: Latency::default() };
    Ok(Sandbox::open(settings)?)
}

/// The environment of a function, with what a host on one machine adds: where callbacks come in, a secret of its own,
/// and the sandbox for every provider without credentials.
fn environment(
    settings: &Settings,
    http_url: &str,
    sandboxed: &[ProviderName],
    sandbox: Option<&Sandbox>,
) -> anyhow::Result<Environment> {
    let mut environment = settings.environment.clone();
    if let Some(public_url) = &settings.public_url {
        environment = environment.with("DARKROOM_PUBLIC_URL", public_url.as_str());
    } else if environment.get("DARKROOM_PUBLIC_URL").is_none() {
        environment = environment.with("DARKROOM_PUBLIC_URL", http_url);
    }
    if environment.get("DARKROOM_CALLBACK_SECRET").is_none() {
        environment = environment.with("DARKROOM_CALLBACK_SECRET", kept_secret(&settings.data)?);
    }
    let Some(sandbox) = sandbox else { return Ok(environment) };
    for (name, value) in sandboxed.iter().flat_map(|provider| sandbox.environment(provider.as_str())) {
        environment = environment.with(name, value);
    }
    Ok(environment)
}

/// The host's own callback secret. It is kept: a callback may come after the next start.
fn kept_secret(data: &Path) -> anyhow::Result<String> {
    let file = data.join("callback-secret");
    if let Ok(secret) = std::fs::read_to_string(&file)
        && !secret.trim().is_empty()
    {
        return Ok(secret.trim().to_owned());
    }
    let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    write_private(&file, &secret).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(secret)
}

/// Writes a file that only its owner can read.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}

fn app(
    environment: &Environment,
    presets: Presets,
    jobs: Jobs,
    objects: Objects,
    queue: MemoryQueue,
) -> anyhow::Result<App> {
    let http = Http::new()?;
    let notes = |provider| Arc::new(NotesInTable::new(jobs.clone(), provider)) as Arc<dyn Notes>;
    let equipment = Equipment { environment, http: &http, notes: &notes };
    let providers: Vec<_> =
        ProviderName::ALL.into_iter().map(|name| provider::make(name, &equipment)).collect::<Result<_, _>>()?;
    let providers: Providers = providers.into_iter().collect();
    let public_url = environment.url("DARKROOM_PUBLIC_URL", None)?;
    let secrets = CallbackSecrets::new(config::callback_secrets(environment)?);
    Ok(App {
        jobs,
        objects,
        queue: Arc::new(queue),
        providers,
        presets: Arc::new(presets),
        result_hosts: Arc::new(config::result_hosts(environment)?),
        paces: Arc::new(config::paces(environment)?),
        spacing: flow::Spacing::default(),
        callback_urls: Some(CallbackUrls::new(public_url, secrets)),
        http,
        thumbnails: config::thumbnails(environment)?,
        metrics: Metrics::logged(),
        schedule: Schedule::default(),
        clock: Clock::system(),
    })
}

/// Sends every new object to its queue. It ends when the S3 has ended.
async fn pass_on(mut uploads: mpsc::UnboundedReceiver<darkroom_shared::event::Uploaded>, queue: MemoryQueue) {
    while let Some(uploaded) = uploads.recv().await {
        if uploaded.bucket == NAME {
            queue.notify(&uploaded);
        } else {
            tracing::warn!(bucket = uploaded.bucket, key = uploaded.key, "upload ignored: our bucket is '{NAME}'");
        }
    }
}
