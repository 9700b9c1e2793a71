//! Sends one image to VK Cloud and keeps the result beside it.
//!
//! **Against the real service this costs money** (0.06 RUB an image). For free, run it against the sandbox, which needs
//! no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints the variables to export, `VKCLOUD_URL=…` among them. Export them in a second terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_vkcloud -- cli/samples/cat.jpg '{"output": "colorized_improved"}'
//! ```
//!
//! The second argument is a preset's options as JSON, with the keys that `darkroom.toml` has. The result is written as
//! `<name>.vkcloud.jpg`. Without `VKCLOUD_URL` the real service is asked. With client credentials the access token is
//! kept only as long as this runs, and an account has at most 25 refresh tokens: for many calls use `VKCLOUD_TOKEN`.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use darkroom_shared::{
    clock::Clock,
    environment::Environment,
    flow::inspect_bytes,
    job::Report,
    provider::{
        Advice, Http, Image, NotesInMemory, PresetOptions as _, Provider as _, ProviderError, Request, Submitted,
        vkcloud::{DEFINITION, Options, Settings, Vkcloud},
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

    let client = Vkcloud::new(Http::new()?, settings, Arc::new(NotesInMemory::default()), Clock::system());
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let request =
        Request { image: &image, file_name: &file_name, options: &options, callback_url: None, image_url: None };
    match client.submit(request).await.map_err(|e| not_submitted(&e))? {
        Submitted::InHand { bytes, report } => {
            let result = path.with_extension("vkcloud.jpg");
            std::fs::write(&result, &bytes)
                .map_err(|e| Problem(format!("{} cannot be written: {e}", result.display())))?;
            println!("done: {} bytes in {}", bytes.len(), result.display());
            show(&report);
            Ok(())
        }
        Submitted::Finished(outcome) => {
            println!("done: the image is its own result");
            show(&outcome.report);
            Ok(())
        }
        other @ Submitted::Accepted { .. } => {
            Err(Problem(format!("VK Cloud is not known to answer like this: {other:?}")))
        }
    }
}

/// The image's path and the options, checked here so that a mistake costs nothing.
fn arguments() -> Result<(PathBuf, serde_json::Value), Problem> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        return Err(Problem("usage: call_vkcloud IMAGE [OPTIONS AS JSON]".into()));
    };
    let text = arguments.next().map_or_else(|| "{}".to_owned(), |text| text.to_string_lossy().into_owned());
    let options: Options =
        serde_json::from_str(&text).map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    options.check().map_err(|e| Problem(format!("the options {text} are unusable: {e}")))?;
    Ok((PathBuf::from(path), serde_json::to_value(options)?))
}

/// Reads the image and holds it against the service's limits, as darkroom does before it asks.
fn image(path: &Path) -> Result<Image, Problem> {
    let bytes = std::fs::read(path).map_err(|e| Problem(format!("{} cannot be read: {e}", path.display())))?;
    let found = inspect_bytes(&bytes).map_err(|e| Problem(format!("{}: {e}", path.display())))?;
    let facts = &DEFINITION.facts;
    if !facts.formats.contains(&found.format) {
        let is = found.format.content_type();
        return Err(Problem(format!("{} is {is}; the service takes jpeg, png and tiff only", path.display())));
    }
    if let Some(most) = facts.most_image_bytes.filter(|&most| found.bytes > most) {
        let has = found.bytes;
        return Err(Problem(format!("{} has {has} bytes; the service takes at most {most}", path.display())));
    }
    let (width, height) = (found.width, found.height);
    let too_small = facts.least_pixels.is_some_and(|(least_w, least_h)| width < least_w || height < least_h);
    let too_large = facts.most_pixels.is_some_and(|(most_w, most_h)| width > most_w || height > most_h);
    if too_small || too_large {
        let is = format!("{} is {width} × {height} pixels", path.display());
        return Err(Problem(format!("{is}; the service takes 5 × 5 to 3840 × 2160")));
    }
    Ok(Image { bytes: bytes.into(), format: found.format })
}

fn show(report: &Report) {
    println!("charged: {}", report.charges);
    for warning in &report.warnings {
        println!("warning: {warning}");
    }
}

fn not_submitted(error: &ProviderError) -> Problem {
    let now = match error.advice {
        Advice::Unknown => "It may have been worked on; to try again costs 0.06 RUB at the most",
        Advice::Hold | Advice::NextDay { .. } => {
            "Check VKCLOUD_TOKEN, or VKCLOUD_CLIENT_ID and VKCLOUD_CLIENT_SECRET, and the account"
        }
        Advice::Reject => "Change the image or the options",
        Advice::Retry { .. } | Advice::Slow { .. } => "Nothing was done; try again",
    };
    Problem::of_provider(error, now)
}
