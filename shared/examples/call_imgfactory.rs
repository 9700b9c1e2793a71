//! Sends one image to imgfactory and prints where its copies are.
//!
//! **Against the real service this costs money.** For free, run it against the sandbox, which needs no account. In one
//! terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints `IMGFACTORY_URL=…` and `IMGFACTORY_TOKEN=…`. Export both in a second terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_imgfactory -- cli/samples/cat.jpg '{"copies": 3, "exif": "random"}'
//! ```
//!
//! The second argument is a preset's options as JSON, with the keys that `darkroom.toml` has. With
//! `{"mode": "sync"}` one copy comes in the reply and is written beside the image as `<name>.unique.jpg`.
//! Without `IMGFACTORY_URL` the real service is asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use darkroom_shared::{
    environment::Environment,
    flow::inspect_bytes,
    job::{ResultSource, Schedule, TaskId},
    provider::{
        Advice, Http, Image, PresetOptions as _, Provider as _, ProviderError, Request, Submitted, TaskStatus,
        imgfactory::{Imgfactory, Options, Settings},
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
    let bytes = std::fs::read(&path).map_err(|e| Problem(format!("{} cannot be read: {e}", path.display())))?;
    let found = inspect_bytes(&bytes).map_err(|e| Problem(format!("{}: {e}", path.display())))?;
    println!("sending {} ({} bytes, {}) to {}", path.display(), found.bytes, found.format.content_type(), settings.url);

    let client = Imgfactory::new(Http::new()?, settings);
    let image = Image { bytes: bytes.into(), format: found.format };
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let request =
        Request { image: &image, file_name: &file_name, options: &options, callback_url: None, image_url: None };
    match client.submit(request).await.map_err(|e| not_submitted(&e))? {
        Submitted::Accepted { task_id: Some(task_id) } => wait_for(&client, task_id).await,
        Submitted::InHand { bytes, .. } => keep(&path, &bytes),
        other => Err(Problem(format!("imgfactory is not known to answer like this: {other:?}"))),
    }
}

/// The image's path and the options, checked here so that a mistake costs nothing.
fn arguments() -> Result<(PathBuf, serde_json::Value), Problem> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        return Err(Problem("usage: call_imgfactory IMAGE [OPTIONS AS JSON]".into()));
    };
    let text = arguments.next().map_or_else(|| "{}".to_owned(), |text| text.to_string_lossy().into_owned());
    let options: Options =
        serde_json::from_str(&text).map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    options.check().map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    Ok((PathBuf::from(path), serde_json::to_value(&options)?))
}

/// Polls as darkroom does: soon at first, then less often.
async fn wait_for(client: &Imgfactory, task_id: TaskId) -> Result<(), Problem> {
    println!("task {task_id}");
    let schedule = Schedule::default();
    let started = Instant::now();
    let mut pause = schedule.first_poll;
    while started.elapsed() < GIVE_UP_AFTER {
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.25).min(schedule.longest_poll);
        let waited_s = started.elapsed().as_secs();
        match client.poll(std::slice::from_ref(&task_id)).await {
            Ok(statuses) => match statuses.get(&task_id) {
                Some(TaskStatus::Finished(outcome)) => match &outcome.source {
                    ResultSource::Archive { url } => {
                        println!("done after {waited_s} s; a zip, there for 24 hours:\n{url}");
                        return Ok(());
                    }
                    other => return Err(Problem(format!("imgfactory is not known to give such a result: {other:?}"))),
                },
                Some(TaskStatus::Working) => println!("{waited_s} s: at work"),
                // A task that was only just made may be missing from the list.
                None => println!("{waited_s} s: not listed"),
            },
            // Asking failed, not the task.
            Err(error) if matches!(error.advice, Advice::Retry { .. } | Advice::Slow { .. }) => {
                println!("{waited_s} s: not answered ({error}), asking again");
            }
            Err(error) => return Err(Problem(format!("task {task_id} could not be asked for: {error}"))),
        }
    }
    Err(Problem(format!(
        "task {task_id} is not done after {} minutes; look for it in the account, its zip is there for 24 hours",
        GIVE_UP_AFTER.as_secs() / 60
    )))
}

/// A copy that came in the reply exists nowhere else, so it is kept.
fn keep(image: &Path, copy: &[u8]) -> Result<(), Problem> {
    let path = image.with_extension("unique.jpg");
    std::fs::write(&path, copy).map_err(|e| Problem(format!("{} cannot be written: {e}", path.display())))?;
    println!("done at once: {} bytes in {}", copy.len(), path.display());
    Ok(())
}

fn not_submitted(error: &ProviderError) -> Problem {
    let now = match error.advice {
        Advice::Unknown => "The task may have been started all the same: look into the account before you try again",
        Advice::Hold | Advice::NextDay { .. } => "Check IMGFACTORY_TOKEN and the account",
        Advice::Reject => "Change the image or the options",
        Advice::Retry { .. } | Advice::Slow { .. } => "Nothing was started; try again",
    };
    Problem::of_provider(error, now)
}
