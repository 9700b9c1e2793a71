//! `darkroom put`: images go into the bucket, and if asked, their results come back.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use darkroom_shared::{
    job::{Document, Job, JobId, RESULTS_PREFIX, StateName, UploadKey},
    store::{Objects, StoreError},
};
use serde::Serialize;

use crate::{Ended, arguments::Put, connection::Connection, hold_notices::HoldNotices, terminal};

/// How often the bucket is asked for a `job.json`.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug, Serialize)]
struct Uploaded {
    file: PathBuf,
    key: String,
    etag: String,
}

/// An upload whose result is awaited.
struct Awaited {
    key: UploadKey,
    etag: String,
    /// The job of an earlier upload under the same key.
    earlier: Option<JobId>,
}

/// Puts every file; waits if asked to.
pub(crate) async fn run(
    arguments: Put,
    environment: &darkroom_shared::environment::Environment,
) -> anyhow::Result<Ended> {
    let files = keys(&arguments)?;
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let wait = arguments.wait || arguments.out.is_some();
    let (mut uploaded, mut awaited) = (Vec::new(), Vec::new());
    for (key, file) in files {
        let earlier = if wait { document(&connection.objects, &key).await?.map(|document| document.id) } else { None };
        let etag = connection.put(key.as_str(), &file).await?;
        if !arguments.json {
            terminal::line(format!("{}  →  {}", file.display(), key.as_str()));
        }
        uploaded.push(Uploaded { file, key: key.as_str().to_owned(), etag: etag.clone() });
        awaited.push(Awaited { key, etag, earlier });
    }
    if !wait {
        if arguments.json {
            terminal::json(&uploaded)?;
        }
        return Ok(Ended::Done);
    }
    let (mut documents, mut notices) = (Vec::new(), HoldNotices::new());
    for upload in &awaited {
        let document = wait_for(&connection, upload, &awaited, &mut notices).await?;
        if let Some(out) = &arguments.out {
            fetch(&connection.objects, &document, out).await?;
        }
        if !arguments.json {
            tell(&document, arguments.out.as_deref());
        }
        documents.push(document);
    }
    if arguments.json {
        terminal::json(&documents)?;
    }
    let all_done = documents.iter().all(|document| document.state == StateName::Done);
    Ok(if all_done { Ended::Done } else { Ended::SomeJobFailed })
}

/// Which file goes under which key. Two files under one key would overwrite each other.
fn keys(arguments: &Put) -> anyhow::Result<Vec<(UploadKey, PathBuf)>> {
    let mut names: BTreeMap<String, &Path> = BTreeMap::new();
    let mut keys = Vec::new();
    for file in &arguments.files {
        if !file.is_file() {
            bail!("{} is no file", file.display());
        }
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("the name of {} is no Unicode text", file.display()))?;
        if let Some(other) = names.insert(name.to_owned(), file) {
            bail!(
                "{} and {} would both become {name} in the bucket; put them one after the other",
                other.display(),
                file.display()
            );
        }
        let key = UploadKey::for_file(&arguments.route, name);
        UploadKey::parse(key.as_str()).with_context(|| format!("{} cannot be put", file.display()))?;
        keys.push((key, file.clone()));
    }
    Ok(keys)
}

/// The `job.json` of the last job of this key.
async fn document(objects: &Objects, key: &UploadKey) -> anyhow::Result<Option<Document>> {
    match objects.get(&key.job_document()).await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(StoreError::NoSuchObject(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn wait_for(
    connection: &Connection,
    upload: &Awaited,
    all: &[Awaited],
    notices: &mut HoldNotices,
) -> anyhow::Result<Document> {
    let ours = |job: &Job| all.iter().any(|put| put.key.as_str() == job.upload.key && put.etag == job.upload.etag);
    loop {
        if let Some(document) = document(&connection.objects, &upload.key).await?
            && Some(&document.id) != upload.earlier.as_ref()
            && document.upload.etag == upload.etag
        {
            return Ok(document);
        }
        notices.look(&connection.jobs, ours).await;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Writes a job's outputs and its `job.json` below `out`, in the same folders as in the bucket.
pub(crate) async fn fetch(objects: &Objects, document: &Document, out: &Path) -> anyhow::Result<PathBuf> {
    let job_document = UploadKey::parse(&document.upload.key)?.job_document();
    let keys = document.outputs.iter().map(|output| output.key.as_str()).chain([job_document.as_str()]);
    let mut folder = out.to_owned();
    for key in keys {
        let path = out.join(key.strip_prefix(RESULTS_PREFIX).unwrap_or(key));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
            parent.clone_into(&mut folder);
        }
        let bytes = objects.get(key).await?;
        std::fs::write(&path, &bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(folder)
}

fn tell(document: &Document, out: Option<&Path>) {
    match &document.reason {
        Some(reason) => terminal::line(format!("failed  {}", reason.message)),
        None => {
            let folder = match out {
                Some(out) => out.display().to_string(),
                None => document.upload.key.replacen("uploads/", RESULTS_PREFIX, 1),
            };
            terminal::line(format!("done    {}  {} files in {folder}", document.upload.key, document.outputs.len()));
        }
    }
}
