//! What the stories are told with: a serve that can be killed, providers that keep books, a plain S3 client.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_sdk_s3::{Client, primitives::ByteStream};
use darkroom_sandbox::{Latency, Sandbox, Settings};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const CAT: &[u8] = include_bytes!("../../cli/samples/cat.jpg");
pub(crate) const COFFEE: &[u8] = include_bytes!("../../cli/samples/coffee-watermarked.jpg");
pub(crate) const PORTRAIT: &[u8] = include_bytes!("../../cli/samples/old-portrait.jpg");
pub(crate) const ROCKET: &[u8] = include_bytes!("../../cli/samples/rocket.jpg");

/// No story takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder and what a serve over it is started with.
pub(crate) struct World {
    pub(crate) folder: Arc<TempDir>,
    environment: Vec<(String, String)>,
    config: Option<PathBuf>,
    http: String,
}

/// A running `darkroom serve`.
pub(crate) struct Serve {
    pub(crate) process: Child,
    pub(crate) s3_url: String,
    pub(crate) http_url: String,
    pub(crate) dynamodb_url: String,
    log: Arc<Mutex<String>>,
    /// Kept as long as somebody works in it.
    _folder: Arc<TempDir>,
}

impl World {
    /// A new folder; every provider in serve's own sandbox.
    pub(crate) fn new() -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        Self { folder, environment: Vec::new(), config: None, http: "127.0.0.1:0".into() }
    }

    pub(crate) fn with_environment(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub(crate) fn with_config(mut self, toml: &str) -> Self {
        let file = self.folder.path().join("darkroom.toml");
        std::fs::write(&file, toml).unwrap();
        self.config = Some(file);
        self
    }

    /// Where the HTTP side listens.
    pub(crate) fn with_http(mut self, address: &str) -> Self {
        self.http = address.to_owned();
        self
    }

    /// The HTTP side keeps its port over restarts, as a real one does.
    pub(crate) fn with_fixed_http_port(mut self) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        self.http = free.local_addr().unwrap().to_string();
        self
    }

    /// The providers of `outside` instead of serve's own.
    pub(crate) fn with_providers(self, outside: &Outside) -> Self {
        let environment = Sandbox::PROVIDERS.iter().flat_map(|provider| outside.sandbox.environment(provider));
        environment.fold(self, |world, (name, value)| world.with_environment(name, value))
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts serve and waits for `ready`.
    pub(crate) fn serve(&self) -> Serve {
        self.start_where_ports_are_free(&[]).unwrap_or_else(|log| panic!("serve did not start: {log}"))
    }

    /// The same with more in its environment. `None`: it died before it was ready.
    pub(crate) fn try_serve(&self, environment: &[(&str, &str)]) -> Option<Serve> {
        self.start_where_ports_are_free(environment).ok()
    }

    /// A port that has to stay the same may have been lent to somebody else's connection in between.
    fn start_where_ports_are_free(&self, environment: &[(&str, &str)]) -> Result<Serve, String> {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.start(environment) {
                Err(log) if log.contains("Address already in use") && Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(500));
                }
                started => return started,
            }
        }
    }

    /// Or the log of the one that did not get ready.
    pub(crate) fn start(&self, environment: &[(&str, &str)]) -> Result<Serve, String> {
        let mut command = darkroom();
        command.args(["serve", "--s3", "127.0.0.1:0", "--dynamodb", "127.0.0.1:0", "--http", &self.http]);
        command.arg("--data").arg(self.data());
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.envs(self.environment.iter().cloned()).envs(environment.iter().copied());
        command.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = process.stderr.take().unwrap();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut buffer) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        let mut urls = [String::new(), String::new(), String::new()];
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        loop {
            let Some(Ok(line)) = lines.next() else {
                let _ = process.wait();
                return Err(log.lock().unwrap().clone());
            };
            if line == "ready" {
                break;
            }
            for (place, name) in ["S3", "HTTP", "DynamoDB"].into_iter().enumerate() {
                if line.starts_with(&format!("{name} ")) {
                    urls[place] = line.split_whitespace().nth(1).unwrap().to_owned();
                }
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        let [s3_url, http_url, dynamodb_url] = urls;
        Ok(Serve { process, s3_url, http_url, dynamodb_url, log, _folder: Arc::clone(&self.folder) })
    }
}

/// The command under test, without the environment of the one who runs the test.
pub(crate) fn darkroom() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_darkroom"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

impl Serve {
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Whether the process has ended by itself.
    pub(crate) fn has_died(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// SIGKILL: no farewell of any kind.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM; returns whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.process.wait().unwrap().success()
    }

    /// A plain S3 client: path style, nothing of ours.
    pub(crate) fn s3(&self) -> Client {
        let credentials = aws_sdk_s3::config::Credentials::new("darkroom", "darkroom-secret", None, None, "test");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_s3::config::Region::new("eu-central-1"))
            .endpoint_url(&self.s3_url)
            .force_path_style(true)
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Client::from_conf(config)
    }

    pub(crate) async fn put(&self, key: &str, body: &[u8]) {
        let body = ByteStream::from(body.to_vec());
        self.s3().put_object().bucket("darkroom").key(key).body(body).send().await.unwrap();
    }

    /// The same where nobody may live to answer.
    pub(crate) async fn try_to_put(&self, key: &str, body: &[u8]) {
        let body = ByteStream::from(body.to_vec());
        let _ = self.s3().put_object().bucket("darkroom").key(key).body(body).send().await;
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let output = self.s3().get_object().bucket("darkroom").key(key).send().await.ok()?;
        Some(output.body.collect().await.unwrap().to_vec())
    }

    /// Waits for the job of an upload to end and returns its `job.json`.
    pub(crate) async fn ended(&self, upload: &str) -> Value {
        let key = format!("{}/job.json", upload.replacen("uploads/", "results/", 1));
        let patience = Instant::now() + PATIENCE;
        loop {
            if let Some(body) = self.get(&key).await {
                return serde_json::from_slice(&body).unwrap();
            }
            assert!(Instant::now() < patience, "no {key}; the log:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The same for a job that has to be done; returns its outputs' keys and contents.
    pub(crate) async fn done(&self, upload: &str) -> (Value, Vec<(String, Vec<u8>)>) {
        let document = self.ended(upload).await;
        assert_eq!(document["state"], "done", "{document:#}\n{}", self.log());
        let mut outputs = Vec::new();
        for output in document["outputs"].as_array().unwrap() {
            let key = output["key"].as_str().unwrap().to_owned();
            let body = self.get(&key).await.unwrap();
            assert_eq!(output["bytes"], body.len());
            outputs.push((key, body));
        }
        (document, outputs)
    }

    /// Runs the command against this serve.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_in(darkroom(), arguments)
    }

    /// The same with the environment of `world`.
    pub(crate) fn run_with(&self, world: &World, arguments: &[&str]) -> Output {
        let mut command = darkroom();
        command.envs(world.environment.iter().cloned()).current_dir(world.folder.path());
        self.run_in(command, arguments)
    }

    fn run_in(&self, mut command: Command, arguments: &[&str]) -> Output {
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        command.args(arguments);
        command.args(["--s3", &address(&self.s3_url), "--dynamodb", &address(&self.dynamodb_url)]);
        command.output().unwrap()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Providers that run in the test, outlive every serve and keep books.
pub(crate) struct Outside {
    pub(crate) sandbox: Sandbox,
    _folder: TempDir,
}

impl Outside {
    pub(crate) async fn open(latency: Latency) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let data_dir = folder.path().to_owned();
        let sandbox = Sandbox::open(Settings { public_url, data_dir, latency }).unwrap();
        let router = sandbox.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { sandbox, _folder: folder }
    }

    /// How often images were charged, by provider.
    pub(crate) fn charges(&self, provider: &str) -> usize {
        self.sandbox.ledger().charges.iter().filter(|charge| charge.provider == provider).count()
    }

    pub(crate) fn requests(&self, what: &str) -> u64 {
        self.sandbox.ledger().requests.get(what).copied().unwrap_or_default()
    }
}

/// A picture like no other, so that providers cannot answer from their caches.
pub(crate) fn picture(number: u8) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(96, 64, |x, y| {
        let wave = |by: u32| u8::try_from((x * by + y * 3 + u32::from(number) * 11) % 256).unwrap();
        image::Rgb([wave(2), wave(3), number])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

pub(crate) fn dimensions(bytes: &[u8]) -> (u32, u32) {
    let picture = image::load_from_memory(bytes).unwrap();
    (picture.width(), picture.height())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn file(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}
