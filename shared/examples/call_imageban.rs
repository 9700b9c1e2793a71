//! Hosts one image at imageban and prints its links.
//!
//! **Against the real service this publishes the image**, and counts towards the day's limit. To stay on this machine, run
//! it against the sandbox, which needs no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints `IMAGEBAN_URL=…`, `IMAGEBAN_CLIENT_ID=…` and `IMAGEBAN_SECRET_KEY=…`. Export them in a second terminal,
//! then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_imageban -- cli/samples/cat.jpg '{"album_name": "cats"}'
//! ```
//!
//! The second argument is a preset's options as JSON, with the keys that `darkroom.toml` has. `send` is always `image`
//! here, since an example has no bucket that the service could fetch from. Without `IMAGEBAN_URL` the real service is
//! asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use darkroom_shared::{
    environment::Environment,
    flow::inspect_bytes,
    job::Link,
    provider::{
        Advice, Http, Image, NotesInMemory, PresetOptions as _, Provider as _, ProviderError, Request, Submitted,
        imageban::{DEFINITION, Imageban, Options, SendAs, Settings},
    },
};
use support::Problem;

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

    // What is remembered here ends with the example: an album that is there already is looked for in the account.
    let client = Imageban::new(Http::new()?, settings, Arc::new(NotesInMemory::default()));
    client.check(&options).map_err(Problem)?;
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let request =
        Request { image: &image, file_name: &file_name, options: &options, callback_url: None, image_url: None };
    match client.submit(request).await.map_err(|e| not_submitted(&e))? {
        Submitted::Finished(outcome) => {
            outcome.report.links.iter().for_each(show);
            Ok(())
        }
        other => Err(Problem(format!("imageban is not known to answer like this: {other:?}"))),
    }
}

/// The image's path and the options, checked here so that a mistake costs nothing.
fn arguments() -> Result<(PathBuf, serde_json::Value), Problem> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        return Err(Problem("usage: call_imageban IMAGE [OPTIONS AS JSON]".into()));
    };
    let text = arguments.next().map_or_else(|| "{}".to_owned(), |text| text.to_string_lossy().into_owned());
    let options: Options =
        serde_json::from_str(&text).map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    options.check().map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    Ok((PathBuf::from(path), serde_json::to_value(Options { send: SendAs::Image, ..options })?))
}

/// Reads the image and holds it against the service's limits, as darkroom does before it asks.
fn image(path: &Path) -> Result<Image, Problem> {
    let bytes = std::fs::read(path).map_err(|e| Problem(format!("{} cannot be read: {e}", path.display())))?;
    let found = inspect_bytes(&bytes).map_err(|e| Problem(format!("{}: {e}", path.display())))?;
    if !DEFINITION.facts.formats.contains(&found.format) {
        let is = found.format.content_type();
        return Err(Problem(format!("{} is {is}; the service takes jpg, png and gif only", path.display())));
    }
    match DEFINITION.facts.most_image_bytes {
        Some(most) if found.bytes > most => {
            let has = found.bytes;
            Err(Problem(format!("{} has {has} bytes; the service takes at most {most}", path.display())))
        }
        _ => Ok(Image { bytes: bytes.into(), format: found.format }),
    }
}

fn show(link: &Link) {
    println!("hosted as {}:\n{}", link.id, link.link);
    if let Some(page) = &link.short_link {
        println!("page: {page}");
    }
    if let Some(hash) = &link.delete_hash {
        println!("what deletes it (keep it, for a guest it is the only way): {hash}");
    }
}

fn not_submitted(error: &ProviderError) -> Problem {
    let now = match error.advice {
        Advice::Unknown => "The image may be hosted all the same; to try again costs nothing but a second copy",
        Advice::Hold => "Check IMAGEBAN_CLIENT_ID and IMAGEBAN_SECRET_KEY",
        Advice::NextDay { .. } => "The day's limit is used up; try again tomorrow",
        Advice::Reject => "Change the image or the options",
        Advice::Retry { .. } | Advice::Slow { .. } => "Nothing was hosted; try again",
    };
    Problem::of_provider(error, now)
}
