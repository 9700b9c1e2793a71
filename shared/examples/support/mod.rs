//! What the examples have in common: one image, one provider, and what comes of it in plain words.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use darkroom_shared::{
    config::Presets,
    environment::Environment,
    flow::inspect_bytes,
    job::{DEFAULT_PRESET, ImageFormat, Outcome, ProviderName, Report, ResultSource, Route, Schedule, TaskId},
    provider::{
        self, Advice, Equipment, Http, Image, Notes, NotesInMemory, Provider, ProviderError, Request, Submitted,
        TaskStatus,
    },
};

/// An example that takes longer has nobody watching any more; the task goes on without us.
const GIVE_UP_AFTER: Duration = Duration::from_secs(15 * 60);

/// What ends an example. `main` shows an error by its `Debug`, so that is the plain text.
pub(crate) struct Problem(String);

/// Sends the image that the arguments name to `name`, and prints what comes of it. `example` is the example's name.
pub(crate) async fn call(name: ProviderName, example: &str) -> Result<(), Problem> {
    let (path, options) = arguments(name, example)?;
    let environment = Environment::of_process();
    let (http, notes) = (Http::new()?, Arc::new(NotesInMemory::default()));
    let notes = move |_| Arc::clone(&notes) as Arc<dyn Notes>;
    let client = provider::make(name, &Equipment { environment: &environment, http: &http, notes: &notes })
        .map_err(|e| Problem(format!("{e}; `cargo run -- sandbox` prints what to export for a free try")))?;
    client.check(&options).map_err(Problem)?;
    let bytes = std::fs::read(&path).map_err(|e| Problem(format!("{} cannot be read: {e}", path.display())))?;
    let found = inspect_bytes(&bytes).map_err(|e| Problem(format!("{}: {e}", path.display())))?;
    let image = Image { bytes: bytes.into(), format: found.format };
    println!("sending {} ({} bytes, {}) to {name}", path.display(), found.bytes, found.format.content_type());

    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let request =
        Request { image: &image, file_name: &file_name, options: &options, callback_url: None, image_url: None };
    match client.submit(request).await.map_err(|e| not_submitted(name, &e))? {
        Submitted::Accepted { task_id: Some(task_id) } => finished(&wait_for(client.as_ref(), task_id).await?),
        Submitted::Accepted { task_id: None } => println!("it will call back; nobody is here to listen"),
        Submitted::Finished(outcome) => finished(&outcome),
        Submitted::InHand { bytes, report } => keep(&path, name, &bytes, &report)?,
    }
    Ok(())
}

/// The image's path and the options, checked here so that a mistake costs nothing.
fn arguments(name: ProviderName, example: &str) -> Result<(PathBuf, serde_json::Value), Problem> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        return Err(Problem(format!("usage: {example} IMAGE ['option = value' …]")));
    };
    let lines: Vec<String> = arguments.map(|line| line.to_string_lossy().into_owned()).collect();
    let text = format!("[{name}.{DEFAULT_PRESET}]\n{}\n", lines.join("\n"));
    let route = Route::new(name, DEFAULT_PRESET)?;
    let plan = Presets::parse("the arguments", &text)?.plan(&route).unwrap_or_default();
    let first = plan.into_iter().next().ok_or_else(|| Problem("the arguments make no preset".into()))?;
    Ok((PathBuf::from(path), first.options))
}

/// Polls as darkroom does: soon at first, then less often.
async fn wait_for(client: &dyn Provider, task_id: TaskId) -> Result<Outcome, Problem> {
    println!("task {task_id}");
    let schedule = Schedule::default();
    let started = Instant::now();
    let mut pause = schedule.first_poll;
    while started.elapsed() < GIVE_UP_AFTER {
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.25).min(schedule.longest_poll);
        let waited_s = started.elapsed().as_secs();
        match client.poll(std::slice::from_ref(&task_id)).await {
            Ok(mut statuses) => match statuses.remove(&task_id) {
                Some(TaskStatus::Finished(outcome)) => return Ok(outcome),
                Some(TaskStatus::Working) => println!("still at work after {waited_s} s"),
                None => println!("not listed (yet) after {waited_s} s"),
            },
            Err(error) => println!("could not be asked after {waited_s} s: {error}"),
        }
    }
    Err(Problem(format!("the task {task_id} is not done after {GIVE_UP_AFTER:?}; it goes on at the service")))
}

fn finished(outcome: &Outcome) {
    match &outcome.source {
        ResultSource::Image { url } => println!("done: {url}"),
        ResultSource::Archive { url } => println!("done: a zip at {url}"),
        ResultSource::Original => println!("done: the image is its own result"),
        ResultSource::Record | ResultSource::Stored { .. } => println!("done: there is no file"),
    }
    show(&outcome.report);
}

fn keep(path: &Path, name: ProviderName, bytes: &[u8], report: &Report) -> Result<(), Problem> {
    let format = inspect_bytes(bytes).map_or(ImageFormat::Jpeg, |found| found.format);
    let result = path.with_extension(format!("{name}.{}", format.extension()));
    std::fs::write(&result, bytes).map_err(|e| Problem(format!("{} cannot be written: {e}", result.display())))?;
    println!("done: {} bytes in {}", bytes.len(), result.display());
    show(report);
    Ok(())
}

fn show(report: &Report) {
    println!("charged: {}", report.charges);
    for warning in &report.warnings {
        println!("note: {warning}");
    }
    for found in &report.rectangles {
        let word = found.word.as_deref().unwrap_or("nothing read");
        println!("at {}, {}, {} by {}: {word}", found.x, found.y, found.w, found.h);
    }
    for link in &report.links {
        let deletes = link.delete_hash.as_ref().map(|hash| format!("  deleted by {hash}")).unwrap_or_default();
        println!("{}  {}{deletes}", link.link, link.short_link.as_deref().unwrap_or_default());
    }
}

/// A provider's error with all that lies beneath it, and what to do now.
fn not_submitted(name: ProviderName, error: &ProviderError) -> Problem {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let causes: String = causes.map(|cause| format!(": {cause}")).collect();
    let now = match error.advice {
        Advice::Unknown => "It may have been worked on: look into the account before you try again",
        Advice::Hold | Advice::NextDay { .. } => "Check the credentials and the account",
        Advice::Reject => "Change the image or the options",
        Advice::Retry { .. } | Advice::Slow { .. } => "Nothing was done; try again",
    };
    Problem(format!("{name}: {error}{causes}. {now}"))
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
