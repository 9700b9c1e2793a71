//! Sends one image to the watermark service and prints where the result and the found text are.
//!
//! **Against the real service this costs money** (one use of the account; the same image with the same options is free
//! for five hours). For free, run it against the sandbox, which needs no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints `WATERMARK_URL=…`, `WATERMARK_APP_ID=…` and `WATERMARK_APP_SECRET=…`. Export all three in a second
//! terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_watermark -- cli/samples/coffee-watermarked.jpg '{"show": true}'
//! ```
//!
//! The second argument is a preset's options as JSON, with the keys that `darkroom.toml` has. `mode` is always `sync`
//! here, since an example cannot be called back. Without `WATERMARK_URL` the real service is asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use std::path::PathBuf;

use darkroom_shared::{
    environment::Environment,
    flow::inspect_bytes,
    job::{Outcome, ResultSource},
    provider::{
        Advice, Http, Image, PresetOptions as _, Provider as _, ProviderError, Request, Submitted,
        watermark::{DEFINITION, Mode, Options, Settings, Watermark},
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

    let client = Watermark::new(Http::new()?, settings);
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let request =
        Request { image: &image, file_name: &file_name, options: &options, callback_url: None, image_url: None };
    match client.submit(request).await.map_err(|e| not_submitted(&e))? {
        Submitted::Finished(outcome) => {
            show(&outcome);
            Ok(())
        }
        other => Err(Problem(format!("the watermark service is not known to answer like this: {other:?}"))),
    }
}

/// The image's path and the options, checked here so that a mistake costs nothing.
fn arguments() -> Result<(PathBuf, serde_json::Value), Problem> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        return Err(Problem("usage: call_watermark IMAGE [OPTIONS AS JSON]".into()));
    };
    let text = arguments.next().map_or_else(|| "{}".to_owned(), |text| text.to_string_lossy().into_owned());
    let options: Options =
        serde_json::from_str(&text).map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    options.check().map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    Ok((PathBuf::from(path), serde_json::to_value(Options { mode: Mode::Sync, ..options })?))
}

/// Reads the image and holds it against the service's limits, as darkroom does before it asks.
fn image(path: &std::path::Path) -> Result<Image, Problem> {
    let bytes = std::fs::read(path).map_err(|e| Problem(format!("{} cannot be read: {e}", path.display())))?;
    let found = inspect_bytes(&bytes).map_err(|e| Problem(format!("{}: {e}", path.display())))?;
    if !DEFINITION.facts.formats.contains(&found.format) {
        let is = found.format.content_type();
        return Err(Problem(format!("{} is {is}; the service takes png, bmp and jpeg only", path.display())));
    }
    match DEFINITION.facts.most_image_bytes {
        Some(most) if found.bytes > most => {
            let has = found.bytes;
            Err(Problem(format!("{} has {has} bytes; the service takes at most {most}", path.display())))
        }
        _ => Ok(Image { bytes: bytes.into(), format: found.format }),
    }
}

fn show(outcome: &Outcome) {
    match &outcome.source {
        ResultSource::Image { url } | ResultSource::Archive { url } => {
            println!("done; the result is there for 5 hours:\n{url}");
        }
        ResultSource::Original => println!("done; there was nothing to remove, the image is its own result"),
        ResultSource::Record | ResultSource::Stored { .. } => {
            println!("done; only the text was looked for, there is no image");
        }
    }
    println!("charged: {}", outcome.report.charges);
    for warning in &outcome.report.warnings {
        println!("warning: {warning}");
    }
    for found in &outcome.report.rectangles {
        let word = found.word.as_deref().filter(|word| !word.is_empty()).unwrap_or("(no text)");
        println!("rectangle: x {} y {} w {} h {}  {word}", found.x, found.y, found.w, found.h);
    }
}

fn not_submitted(error: &ProviderError) -> Problem {
    let now = match error.advice {
        Advice::Unknown => "It may have been worked on: the very same call is free for five hours, so make it again",
        Advice::Hold | Advice::NextDay { .. } => {
            "Check WATERMARK_APP_ID, WATERMARK_APP_SECRET or WATERMARK_TOKEN, and the uses that are left"
        }
        Advice::Reject => "Change the image or the options",
        Advice::Retry { .. } | Advice::Slow { .. } => "Try again",
    };
    Problem::of_provider(error, now)
}
