//! `darkroom serve` as a process of its own, with our provider in the place of the real ones.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::bench::Bench;

use super::Provider;

/// What callbacks are signed with.
pub(crate) const SECRET: &str = "the secret of the benches";
/// A host that is not ready by then never will be.
const LONGEST_START: Duration = Duration::from_secs(60);
/// `/proc` counts processor time in hundredths of a second, on every Linux that there is.
const TICKS_PER_S: f64 = 100.0;

/// A running `darkroom serve` over a folder of its own; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Host {
    /// Where its S3 listens.
    pub(crate) s3_url: String,
    /// Where its webhook listens.
    pub(crate) http_url: String,
    /// Where its DynamoDB listens.
    pub(crate) dynamodb_url: String,
    process_id: u32,
    folder: TempDir,
    _process: Child,
}

impl Host {
    /// Starts one over an empty folder and waits until it is ready. Its pace is lifted as the documents say, with
    /// `<PROVIDER>_RATE`; everything else is as people have it.
    pub(crate) async fn start(bench: &Bench, provider: &Provider) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut command = Command::new(bench.binaries.join("darkroom"));
        command.args(["serve", "--s3", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dynamodb", "127.0.0.1:0", "--data"]);
        command.arg(folder.path().join("data")).current_dir(folder.path());
        command.env_clear().envs(environment(provider.url()));
        let mut process = command.stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn()?;
        let process_id = process.id().context("the host ended at once")?;
        let output = process.stdout.take().context("the host has no output")?;
        let urls = tokio::time::timeout(LONGEST_START, ready(output)).await.context("the host is not ready")?;
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let [s3_url, http_url, dynamodb_url] = urls.with_context(log)?;
        Ok(Self { s3_url, http_url, dynamodb_url, process_id, folder, _process: process })
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

    /// How much processor time it has had, in seconds.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<f64> {
        cpu_s(&self.process_id.to_string())
    }
}

/// How much processor time this process has had, in seconds: load, provider and watching.
pub(crate) fn own_cpu_s() -> anyhow::Result<f64> {
    cpu_s("self")
}

/// User and system time of a process, in seconds.
fn cpu_s(process: &str) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold spaces; what follows it begins with the third field.
    let (_, fields) = stat.rsplit_once(')').context("/proc/…/stat has another form")?;
    let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_S)
}

/// Reads what the host prints until it is ready; returns where its S3, HTTP and DynamoDB are.
async fn ready(output: tokio::process::ChildStdout) -> anyhow::Result<[String; 3]> {
    let mut urls = [String::new(), String::new(), String::new()];
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if line == "ready" {
            // It prints no more, but nothing it might print is to block it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(urls);
        }
        for (url, name) in urls.iter_mut().zip(["S3 ", "HTTP ", "DynamoDB "]) {
            if let Some(rest) = line.strip_prefix(name) {
                *url = rest.split_whitespace().next().unwrap_or_default().to_owned();
            }
        }
    }
    bail!("the host did not start")
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
