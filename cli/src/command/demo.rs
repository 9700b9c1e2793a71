//! `darkroom demo`: everything on this machine, with sandbox providers, in a folder that is gone afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use darkroom_shared::{
    config::Presets,
    environment::Environment,
    flow,
    job::{Document, Route, StateName, UploadKey},
    store::PageFilter,
};

use super::{
    put::no_file,
    wait::{fetch, made},
};
use crate::{
    Ended,
    arguments::Demo,
    hint::{Hint as _, hinted},
    human,
    local::{Host, Settings},
    progress::{Progress, stage},
    table::{Cell, Column, Shrink},
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

/// How often it is looked where the jobs are.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// When the demo gives up.
const LONGEST: Duration = Duration::from_secs(600);

/// An image on one of its ways.
#[derive(Debug)]
struct Upload {
    key: UploadKey,
    label: String,
    bytes: Bytes,
}

/// Sends every image through every provider and through a chain of three, and shows what came of it.
pub(crate) async fn run(demo: Demo) -> anyhow::Result<Ended> {
    let uploads = uploads(&images(&demo.files)?)?;
    let folder = tempfile::TempDir::new()
        .context("a temporary folder cannot be made")
        .hint(|| "name a folder that can be written to with TMPDIR".to_owned())?;
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
    let labels = uploads.iter().map(|upload| (upload.key.as_str().to_owned(), upload.label.clone()));
    let mut progress = Progress::start(labels)?;
    let ended = tokio::select! {
        ended = work(&host, &uploads, &demo.out, &mut progress) => ended,
        _ = tokio::signal::ctrl_c() => {
            progress.leave();
            terminal::note("stopped; nothing of it is kept");
            Ok(Ended::SomeJobFailed)
        }
    };
    host.stop().await;
    ended
}

async fn work(host: &Host, uploads: &[Upload], out: &Path, progress: &mut Progress) -> anyhow::Result<Ended> {
    for Upload { key, bytes, .. } in uploads {
        host.app.objects.put(key.as_str(), "application/octet-stream", bytes.clone()).await?;
    }
    if let Ok(watched) = tokio::time::timeout(LONGEST, watch(host, uploads, progress)).await {
        watched?;
    }
    progress.finish();
    show(host, out).await
}

/// The images under the names that they get in the bucket.
fn images(files: &[PathBuf]) -> anyhow::Result<BTreeMap<String, Bytes>> {
    if files.is_empty() {
        return Ok(SAMPLES.into_iter().map(|(name, bytes)| (name.to_owned(), Bytes::from_static(bytes))).collect());
    }
    let mut images = BTreeMap::new();
    for file in files {
        if !file.is_file() {
            return Err(no_file(file, "darkroom demo"));
        }
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .with_context(|| format!("the name of {} is no Unicode text", file.display()))
            .hint(|| "rename the file".to_owned())?;
        let bytes = std::fs::read(file)
            .with_context(|| format!("{} cannot be read", file.display()))
            .hint(|| "see that you may read it".to_owned())?;
        if images.insert(name.to_owned(), Bytes::from(bytes)).is_some() {
            return Err(hinted(format!("two files are called {name}"), "rename one, or show one after the other"));
        }
    }
    Ok(images)
}

/// Every image through every route.
fn uploads(images: &BTreeMap<String, Bytes>) -> anyhow::Result<Vec<Upload>> {
    let mut uploads = Vec::new();
    for route in ROUTES {
        let route: Route = route.parse()?;
        for (name, bytes) in images {
            let key = UploadKey::for_file(&route, name);
            uploads.push(Upload { key, label: format!("{name} → {route}"), bytes: bytes.clone() });
        }
    }
    Ok(uploads)
}

/// Tells the progress where the jobs are, until all have ended.
async fn watch(host: &Host, uploads: &[Upload], progress: &mut Progress) -> anyhow::Result<()> {
    let mut ended: BTreeSet<String> = BTreeSet::new();
    loop {
        for job in host.app.jobs.newest(&PageFilter::default(), usize::MAX).await? {
            let key = &job.upload.key;
            if !job.state.is_finished() {
                progress.stage(key, stage(&job));
            } else if ended.insert(key.clone()) {
                let is_done = job.state.name() == StateName::Done;
                let key = key.clone();
                let document = Document::from(&flow::tree(&host.app.jobs, job).await?);
                // Where it lies, the table tells.
                let told = document.reason.as_ref().map_or_else(|| made(&document), |reason| reason.message.clone());
                progress.ended(&key, is_done, &told);
            }
        }
        if ended.len() >= uploads.len() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

const COLUMNS: [Column; 5] = [
    Column { title: "image", shrink: Shrink::Ellipsis(12) },
    Column { title: "steps", shrink: Shrink::Ellipsis(16) },
    Column { title: "outputs", shrink: Shrink::Ellipsis(12) },
    Column { title: "time", shrink: Shrink::Never },
    Column { title: "where", shrink: Shrink::Ellipsis(12) },
];

async fn show(host: &Host, out: &Path) -> anyhow::Result<Ended> {
    let mut jobs = host.app.jobs.newest(&PageFilter::default(), usize::MAX).await?;
    jobs.sort_by(|a, b| a.upload.key.cmp(&b.upload.key));
    let mut rows = Vec::new();
    for job in &jobs {
        let document = Document::from(&flow::tree(&host.app.jobs, job.clone()).await?);
        // What is still on its way when the demo gives up has left nothing yet.
        let is_finished = job.state.is_finished();
        let folder = if is_finished { Some(fetch(&host.app.objects, &document, out).await?) } else { None };
        rows.push(row(&document, folder.as_deref()));
    }
    terminal::table(&COLUMNS, &rows);
    terminal::line(format!(
        "The results lie in {}. Every folder has a job.json that tells how they came to be.",
        out.display()
    ));
    terminal::line("Next: darkroom serve, then: darkroom put watermark/default photo.jpg --wait --out results");
    let all_done = jobs.iter().all(|job| job.state.name() == StateName::Done);
    Ok(if all_done { Ended::Done } else { Ended::SomeJobFailed })
}

fn row(document: &Document, folder: Option<&Path>) -> Vec<Cell> {
    let image = document.upload.key.rsplit('/').next().unwrap_or_default();
    let outputs = match (&document.reason, document.state) {
        (Some(reason), _) => format!("failed: {}", reason.message),
        (None, StateName::Done) => made(document),
        (None, state) => state.to_string(),
    };
    let steps: Vec<String> = document.steps.iter().map(|step| format!("{}/{}", step.provider, step.preset)).collect();
    let finished_at = document.finished_at.unwrap_or(document.created_at);
    let took = human::duration(finished_at.duration_since(document.created_at));
    let folder = folder.map(|folder| folder.display().to_string()).unwrap_or_default();
    let outputs = Cell::painted(outputs, terminal::style_of(document.state));
    vec![image.into(), steps.join(" → ").into(), outputs, took.into(), folder.into()]
}
