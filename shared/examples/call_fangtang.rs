//! Sends one photo to fangtang and prints where the result is.
//!
//! **Against the real service this costs money** (one upload of the account). For free, run it against the sandbox, which
//! needs no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints `FANGTANG_URL=…`, `FANGTANG_THIRD_CODE=…` and `FANGTANG_SECRET_KEY=…`. Export all three in a second
//! terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_fangtang -- cli/samples/old-portrait.jpg '{"repair_type": "sr,repair"}'
//! ```
//!
//! The second argument is a preset's options as JSON, with the keys that `darkroom.toml` has. Without `FANGTANG_URL` the
//! real service is asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use darkroom_shared::{
    clock::Clock,
    environment::Environment,
    flow::inspect_bytes,
    job::{ResultSource, Schedule, TaskId},
    provider::{
        Advice, Http, Image, PresetOptions as _, Provider as _, ProviderError, Request, Submitted, TaskStatus,
        fangtang::{DEFINITION, Fangtang, Options, Settings},
    },
};
use support::Problem;

/// An example that takes longer has nobody watching any more; the task goes on without us.
const GIVE_UP_AFTER: Duration = Duration::from_secs(15 * 60);

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let (path, options) = arguments()?;
    let settings = Settings::from_environment(&Environment::of_process())
        .map_err(|e| Problem(format!("{e}; `cargo run -- sandbox` prints what to export for a free try")))?;
    let image = image(&path)?;
    println!(
        "sending {} ({} bytes, {}) to {}",
        path.display(),
        image.bytes.len(),
        image.format.content_type(),
        settings.url
    );

    let client = Fangtang::new(Http::new()?, settings, Clock::system());
    let before = client.evidence(&image).await.map_err(|e| not_submitted(&e))?.unwrap_or_default();
    println!("before the upload: {before}");
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let request =
        Request { image: &image, file_name: &file_name, options: &options, callback_url: None, image_url: None };
    match client.submit(request).await.map_err(|e| not_submitted(&e))? {
        Submitted::Accepted { task_id: Some(task_id) } => wait_for(&client, task_id).await,
        other => Err(Problem(format!("fangtang is not known to answer like this: {other:?}"))),
    }
}

/// The photo's path and the options, checked here so that a mistake costs nothing.
fn arguments() -> Result<(PathBuf, serde_json::Value), Problem> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        return Err(Problem("usage: call_fangtang IMAGE [OPTIONS AS JSON]".into()));
    };
    let text = arguments.next().map_or_else(|| "{}".to_owned(), |text| text.to_string_lossy().into_owned());
    let options: Options =
        serde_json::from_str(&text).map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    options.check().map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    Ok((PathBuf::from(path), serde_json::to_value(&options)?))
}

/// Reads the photo and holds it against what the service is known to take, as darkroom does before it asks.
fn image(path: &Path) -> Result<Image, Problem> {
    let bytes = std::fs::read(path).map_err(|e| Problem(format!("{} cannot be read: {e}", path.display())))?;
    let found = inspect_bytes(&bytes).map_err(|e| Problem(format!("{}: {e}", path.display())))?;
    if !DEFINITION.facts.formats.contains(&found.format) {
        let is = found.format.content_type();
        return Err(Problem(format!("{} is {is}; the service takes jpg, png, gif and webp only", path.display())));
    }
    Ok(Image { bytes: bytes.into(), format: found.format })
}

/// Polls as darkroom does: soon at first, then less often.
async fn wait_for(client: &Fangtang, task_id: TaskId) -> Result<(), Problem> {
    println!("task {task_id}");
    let schedule = Schedule::default();
    let started = Instant::now();
    let mut pause = schedule.first_poll;
    while started.elapsed() < GIVE_UP_AFTER {
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.25).min(schedule.longest_poll);
        let waited_s = started.elapsed().as_secs();
        let statuses = client
            .poll(std::slice::from_ref(&task_id))
            .await
            .map_err(|error| Problem(format!("task {task_id} could not be asked for: {error}")))?;
        match statuses.get(&task_id) {
            Some(TaskStatus::Finished(outcome)) => match &outcome.source {
                ResultSource::Image { url } => {
                    println!("done after {waited_s} s; the result is there for 1 hour:\n{url}");
                    println!("charged: {}", outcome.report.charges);
                    return Ok(());
                }
                other => return Err(Problem(format!("fangtang is not known to give such a result: {other:?}"))),
            },
            Some(TaskStatus::Working) => println!("{waited_s} s: at work"),
            None => println!("{waited_s} s: not known"),
        }
    }
    Err(Problem(format!(
        "task {task_id} is not done after {} minutes; everything is deleted after an hour",
        GIVE_UP_AFTER.as_secs() / 60
    )))
}

fn not_submitted(error: &ProviderError) -> Problem {
    let now = match error.advice {
        Advice::Unknown => "It may have been charged all the same: look into the account before you try again",
        Advice::Hold | Advice::NextDay { .. } => {
            "Check FANGTANG_THIRD_CODE, FANGTANG_SECRET_KEY, the machine's clock and the uploads that are left"
        }
        Advice::Reject => "Change the image or the options",
        Advice::Retry { .. } | Advice::Slow { .. } => "Nothing was started; try again",
    };
    Problem::of_provider(error, now)
}
