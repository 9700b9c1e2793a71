//! `darkroom put`: images go into the bucket, and if asked, their results come back.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use darkroom_shared::{
    environment::Environment,
    job::{Document, Route, StateName, UploadKey},
};
use serde::Serialize;

use super::{
    serve,
    wait::{Awaited, document, outcome, wait_for},
};
use crate::{
    Ended,
    arguments::Put,
    connection::Connection,
    hint::{Hint as _, hinted, nearest},
    progress::Progress,
    terminal,
};

#[derive(Debug, Serialize)]
struct Uploaded {
    file: PathBuf,
    key: String,
    etag: String,
}

/// Puts every file; waits if asked to.
pub(crate) async fn run(arguments: Put, environment: &Environment) -> anyhow::Result<Ended> {
    let files = keys(&arguments)?;
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    if let Some(out) = &arguments.out {
        // Before anything is put: what cannot be fetched in the end need not be waited for.
        let made = std::fs::create_dir_all(out);
        made.with_context(|| format!("the folder {} cannot be made", out.display()))
            .hint(|| "name another folder with --out; nothing was put".to_owned())?;
    }
    if let Some(note) = note_on_preset(&arguments.route, environment) {
        terminal::note(note);
    }
    if !(arguments.wait || arguments.out.is_some()) {
        let mut uploaded = Vec::new();
        for (key, file) in files {
            let etag = connection.put(key.as_str(), &file).await?;
            if !arguments.json {
                terminal::line(uploaded_line(&key, &file));
            }
            uploaded.push(Uploaded { file, key: key.as_str().to_owned(), etag });
        }
        if arguments.json {
            terminal::json(&uploaded)?;
        }
        return Ok(Ended::Done);
    }
    let label = |(key, file): &(UploadKey, PathBuf)| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        (key.as_str().to_owned(), format!("{name} → {}", key.route()))
    };
    let mut progress = Progress::start(files.iter().map(label))?;
    let documents = tokio::select! {
        documents = put_and_wait(&connection, &arguments, files, &mut progress) => documents?,
        _ = tokio::signal::ctrl_c() => {
            progress.leave();
            terminal::note("no longer waiting; what was put is worked on all the same: see `darkroom jobs`");
            return Ok(Ended::SomeJobFailed);
        }
    };
    progress.finish();
    if arguments.json {
        terminal::json(&documents)?;
    }
    let all_done = documents.iter().all(|document| document.state == StateName::Done);
    Ok(if all_done { Ended::Done } else { Ended::SomeJobFailed })
}

async fn put_and_wait(
    connection: &Connection,
    arguments: &Put,
    files: Vec<(UploadKey, PathBuf)>,
    progress: &mut Progress,
) -> anyhow::Result<Vec<Document>> {
    // Who sees the lines of the progress needs no others; who reads standard output from elsewhere does.
    let is_seen = progress.is_watched() && terminal::width().is_some();
    let is_told = !arguments.json && !is_seen;
    let mut awaited = Vec::new();
    for (key, file) in files {
        progress.stage(key.as_str(), "on its way into the bucket");
        let earlier = document(&connection.objects, &key).await?.map(|document| document.id);
        let etag = connection.put(key.as_str(), &file).await?;
        progress.stage(key.as_str(), "in the bucket");
        if is_told {
            terminal::line(uploaded_line(&key, &file));
        }
        awaited.push(Awaited { key, etag, earlier });
    }
    let out = arguments.out.as_deref();
    let told = |document: &Document| {
        if is_told {
            let state = terminal::style_of(document.state).apply_to(format!("{:<7}", document.state.as_str()));
            terminal::line(format!("{state} {}  {}", document.upload.key, outcome(document, out)));
        }
    };
    wait_for(connection, &awaited, out, progress, told).await
}

fn uploaded_line(key: &UploadKey, file: &Path) -> String {
    format!("{}  →  {}", file.display(), key.as_str())
}

/// Which file goes under which key. Two files under one key would overwrite each other.
fn keys(arguments: &Put) -> anyhow::Result<Vec<(UploadKey, PathBuf)>> {
    let mut names: BTreeMap<String, &Path> = BTreeMap::new();
    let mut keys = Vec::new();
    for file in &arguments.files {
        if !file.is_file() {
            return Err(no_file(file, &format!("darkroom put {}", arguments.route)));
        }
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name
            .with_context(|| format!("the name of {} is no Unicode text", file.display()))
            .hint(|| "rename the file: its name becomes a part of its key in the bucket".to_owned())?;
        if let Some(other) = names.insert(name.to_owned(), file) {
            let (other, file) = (other.display(), file.display());
            return Err(hinted(
                format!("{other} and {file} would both become {name} in the bucket"),
                "put them one after the other, with --wait, or rename one",
            ));
        }
        let key = UploadKey::for_file(&arguments.route, name);
        UploadKey::parse(key.as_str())
            .with_context(|| format!("{} cannot be put", file.display()))
            .hint(|| "rename the file".to_owned())?;
        keys.push((key, file.clone()));
    }
    Ok(keys)
}

/// What is not there, and what may have been meant. `command` is what its files are named to.
pub(super) fn no_file(file: &Path, command: &str) -> anyhow::Error {
    if file.is_dir() {
        let images = file.join("*.jpg");
        let hint = format!("name its files: {command} {}", images.display());
        return hinted(format!("{} is a folder and no file", file.display()), hint);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return hinted(
            format!("{} is no file", file.display()),
            format!("there is no folder {} either", folder.display()),
        );
    };
    let names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let wrong = file.file_name().unwrap_or_default().to_string_lossy();
    let hint = match nearest(&wrong, names.iter().map(String::as_str)) {
        Some(meant) => format!("was {} meant?", file.with_file_name(meant).display()),
        None => "see that its path is right, seen from the folder that you are in".to_owned(),
    };
    hinted(format!("{} is no file", file.display()), hint)
}

/// Whether the presets that `serve` would take from here lack the route. It may run with others, so this is only a note.
fn note_on_preset(route: &Route, environment: &Environment) -> Option<String> {
    if environment.get("DARKROOM_BUCKET").is_some() {
        return None;
    }
    let file = serve::presets_file(None, environment)?;
    let presets = serve::presets(Some(&file)).ok()?;
    if presets.plan(route).is_some() {
        return None;
    }
    let what_now = match presets.nearest(route) {
        Some(name) => format!("was {}/{name} meant?", route.provider),
        None => format!("there are: {}", presets.names(route.provider).collect::<Vec<_>>().join(", ")),
    };
    Some(format!("note: {} has no preset '{}' of {}; {what_now}", file.display(), route.preset, route.provider))
}
