//! `darkroom demo`: everything on this machine, with sandbox providers, in a folder that is gone afterwards.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use darkroom_shared::{
    config::Presets,
    environment::Environment,
    flow,
    job::{Document, Job, Route, State, StateName, UploadKey},
    store::Filter,
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::put::fetch;
use crate::{
    Ended,
    arguments::Demo,
    local::{Host, Settings},
    terminal,
};

/// Photos that are free to use; see `cli/samples/LICENSES.md`.
const SAMPLES: [(&str, &[u8]); 4] = [
    ("cat.jpg", include_bytes!("../../samples/cat.jpg")),
    ("coffee-watermarked.jpg", include_bytes!("../../samples/coffee-watermarked.jpg")),
    ("old-portrait.jpg", include_bytes!("../../samples/old-portrait.jpg")),
    ("rocket.jpg", include_bytes!("../../samples/rocket.jpg")),
];

/// What is done with each photo.
const PRESETS: &str = include_str!("../../samples/demo.toml");
const ROUTES: [&str; 6] = [
    "imgfactory/copies",
    "watermark/clean",
    "fangtang/revive",
    "vkcloud/improve",
    "imageban/public",
    "watermark/publish",
];

/// How often the progress is drawn.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// When the demo gives up.
const LONGEST: Duration = Duration::from_secs(600);

/// An image on its way: its job's bar.
type Bars = BTreeMap<String, ProgressBar>;

/// Sends every image through every provider and through a chain of three, and shows what came of it.
pub(crate) async fn run(demo: Demo) -> anyhow::Result<Ended> {
    let images = images(&demo.files)?;
    let folder = tempfile::TempDir::new().context("a temporary folder cannot be made")?;
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let host = Host::start(Settings {
        data: folder.path().to_owned(),
        presets: Presets::parse("demo.toml", PRESETS)?,
        s3: free_port,
        http: free_port,
        dynamodb: free_port,
        public_url: None,
        // Not the process's own: a demo never spends money, whatever credentials are about.
        environment: Environment::default(),
    })
    .await?;
    terminal::line(format!(
        "darkroom runs on this machine: S3 {}, webhook {}, DynamoDB {}; the providers are sandboxes",
        host.s3_url, host.http_url, host.dynamodb_url
    ));
    let shown = async {
        let bars = upload(&host, &images).await?;
        if let Ok(watched) = tokio::time::timeout(LONGEST, watch(&host, &bars)).await {
            watched?;
        }
        show(&host, &demo.out).await
    };
    let ended = tokio::select! {
        ended = shown => ended,
        _ = tokio::signal::ctrl_c() => Ok(Ended::SomeJobFailed),
    };
    host.stop().await;
    ended
}

/// The images under the names that they get in the bucket.
fn images(files: &[PathBuf]) -> anyhow::Result<BTreeMap<String, Bytes>> {
    if files.is_empty() {
        return Ok(SAMPLES.into_iter().map(|(name, bytes)| (name.to_owned(), Bytes::from_static(bytes))).collect());
    }
    let mut images = BTreeMap::new();
    for file in files {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .with_context(|| format!("{} has no usable name", file.display()))?;
        let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        if images.insert(name.to_owned(), Bytes::from(bytes)).is_some() {
            bail!("two files are called {name}; rename one");
        }
    }
    Ok(images)
}

async fn upload(host: &Host, images: &BTreeMap<String, Bytes>) -> anyhow::Result<Bars> {
    let progress = MultiProgress::new();
    let style = ProgressStyle::with_template("{msg:<44} {bar:24} {prefix}")?;
    let mut bars = Bars::new();
    for route in ROUTES {
        let route: Route = route.parse()?;
        for (name, bytes) in images {
            let key = UploadKey::for_file(&route, name);
            let bar = progress.add(ProgressBar::new(100).with_style(style.clone()));
            bar.set_message(format!("{name} → {route}"));
            bars.insert(key.as_str().to_owned(), bar);
            host.app.objects.put(key.as_str(), "application/octet-stream", bytes.clone()).await?;
        }
    }
    Ok(bars)
}

async fn watch(host: &Host, bars: &Bars) -> anyhow::Result<()> {
    loop {
        let jobs = host.app.jobs.list(Filter::default(), usize::MAX).await?;
        for job in &jobs {
            if let Some(bar) = bars.get(&job.upload.key) {
                draw(bar, job);
            }
        }
        let ended = jobs.iter().filter(|job| job.state.is_finished()).count();
        if ended >= bars.len() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How far a job is, as a bar: the states have no true percentages.
fn draw(bar: &ProgressBar, job: &Job) {
    let part = match &job.state {
        State::Queued { .. } => 10,
        State::Submitting { .. } => 25,
        State::Waiting { polls, .. } => 40 + u64::from(*polls).min(8) * 5,
        State::Branching { .. } => 80,
        State::Ready { .. } => 85,
        State::Done { .. } | State::Failed { .. } => 100,
    };
    bar.set_position(part.max(bar.position()));
    bar.set_prefix(job.state.name().as_str());
    if job.state.is_finished() && !bar.is_finished() {
        bar.finish();
    }
}

async fn show(host: &Host, out: &Path) -> anyhow::Result<Ended> {
    let mut jobs = host.app.jobs.list(Filter::default(), usize::MAX).await?;
    jobs.sort_by(|a, b| a.upload.key.cmp(&b.upload.key));
    let mut rows = Vec::new();
    for job in &jobs {
        let document = Document::from(&flow::tree(&host.app.jobs, job.clone()).await?);
        let folder = fetch(&host.app.objects, &document, out).await?;
        rows.push(row(&document, &folder));
    }
    terminal::table(&["image", "steps", "outputs", "time", "where"], rows);
    terminal::line(format!(
        "The results lie in {}. Every folder has a job.json that tells how they came to be.",
        out.display()
    ));
    terminal::line("Next: darkroom serve, then: darkroom put watermark/default photo.jpg --wait --out results");
    let all_done = jobs.iter().all(|job| job.state.name() == StateName::Done);
    Ok(if all_done { Ended::Done } else { Ended::SomeJobFailed })
}

fn row(document: &Document, folder: &Path) -> Vec<String> {
    let image = document.upload.key.rsplit('/').next().unwrap_or_default().to_owned();
    let outputs = match &document.reason {
        Some(reason) => format!("failed: {}", reason.message),
        None => {
            let bytes = document.outputs.iter().map(|output| output.bytes).sum();
            format!("{} ({})", document.outputs.len(), terminal::size(bytes))
        }
    };
    let links = document.steps.iter().map(|step| step.work.links.len()).sum::<usize>();
    let outputs =
        if links > 0 { format!("{outputs}, {links} link{}", if links == 1 { "" } else { "s" }) } else { outputs };
    let steps: Vec<String> = document.steps.iter().map(|step| format!("{}/{}", step.provider, step.preset)).collect();
    let finished_at = document.finished_at.unwrap_or(document.created_at);
    let took = terminal::seconds(finished_at.duration_since(document.created_at));
    vec![image, steps.join(" → "), outputs, took, folder.display().to_string()]
}
