//! `darkroom serve` as a process of its own, with our provider in the place of the real ones.

use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::{
    bench::Bench,
    process::{Process, command},
};

use super::Provider;

/// What callbacks are signed with.
pub(crate) const SECRET: &str = "the secret of the benches";
/// A host that is not ready by then never will be.
const LONGEST_START: Duration = Duration::from_secs(60);

/// A running `darkroom serve` over a folder of its own; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Host {
    /// Where its S3 listens.
    pub(crate) s3_url: String,
    /// Where its webhook listens.
    pub(crate) http_url: String,
    /// Where its DynamoDB listens.
    pub(crate) dynamodb_url: String,
    process: Process,
    folder: TempDir,
}

impl Host {
    /// Starts one over an empty folder and waits until it is ready. Its pace is lifted as the documents say, with
    /// `<PROVIDER>_RATE`; everything else is as people have it.
    pub(crate) async fn start(bench: &Bench, provider: &Provider) -> anyhow::Result<Self> {
        Self::started(bench, environment(provider.url())).await
    }

    /// The same, but it makes no thumbnails: for comparing it with somebody who makes none.
    pub(crate) async fn without_thumbnails(bench: &Bench, provider: &Provider) -> anyhow::Result<Self> {
        let thumbnails = ("DARKROOM_THUMBNAILS".to_owned(), "off".to_owned());
        Self::started(bench, environment(provider.url()).into_iter().chain([thumbnails])).await
    }

    async fn started(bench: &Bench, environment: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let mut serve = command(&bench.binary("darkroom")?, environment);
        serve.args(["serve", "--s3", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dynamodb", "127.0.0.1:0", "--data"]);
        serve.arg(folder.path().join("data")).current_dir(folder.path());
        serve.stdout(Stdio::piped()).stderr(std::fs::File::create(folder.path().join("log"))?);
        let process = Process::start(&mut serve)?;
        let mut host =
            Self { s3_url: String::new(), http_url: String::new(), dynamodb_url: String::new(), process, folder };
        let ready = tokio::time::timeout(LONGEST_START, host.ready()).await;
        ready.unwrap_or_else(|_| bail!("the host is not ready")).with_context(|| host.log())?;
        Ok(host)
    }

    /// Reads what it prints until it is ready.
    async fn ready(&mut self) -> anyhow::Result<()> {
        while let Some(line) = self.process.line().await? {
            if line == "ready" {
                return Ok(());
            }
            let urls =
                [("S3 ", &mut self.s3_url), ("HTTP ", &mut self.http_url), ("DynamoDB ", &mut self.dynamodb_url)];
            for (name, url) in urls {
                if let Some(rest) = line.strip_prefix(name) {
                    *url = rest.split_whitespace().next().unwrap_or_default().to_owned();
                }
            }
        }
        bail!("the host did not start")
    }

    /// The file in which an object of its bucket lies, once it is there as a whole.
    pub(crate) fn object(&self, key: &str) -> PathBuf {
        self.folder.path().join("data/s3/darkroom").join(key)
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// How much processor time it has had.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        self.process.processor_time()
    }

    /// Waits until it has next to nothing to do: less than a tenth of one core over half a second.
    pub(crate) async fn idle(&self, patience: Duration) -> anyhow::Result<()> {
        const PAUSE: Duration = Duration::from_millis(500);
        let (start, mut before) = (Instant::now(), self.processor_time()?);
        while start.elapsed() < patience {
            tokio::time::sleep(PAUSE).await;
            let now = self.processor_time()?;
            if now - before < PAUSE / 10 {
                return Ok(());
            }
            before = now;
        }
        bail!("the host is still at work after {patience:?}; the log ends:\n{}", self.log())
    }
}

fn environment(provider_url: &str) -> Vec<(String, String)> {
    let fixed = [
        ("DARKROOM_CALLBACK_SECRET", SECRET),
        ("VKCLOUD_TOKEN", "token"),
        ("WATERMARK_APP_ID", "0123456789abcdef"),
        ("WATERMARK_APP_SECRET", "secret"),
        ("IMGFACTORY_TOKEN", "token"),
    ];
    let of_each = ["VKCLOUD", "WATERMARK", "IMGFACTORY"].into_iter().flat_map(|name| {
        let url = format!("{provider_url}/{}", name.to_ascii_lowercase());
        [(format!("{name}_URL"), url), (format!("{name}_RATE"), "1000000".to_owned())]
    });
    fixed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).chain(of_each).collect()
}
