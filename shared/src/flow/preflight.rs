//! Checks an image against a provider's limits before anything is paid, and makes it fit where the preset says so. `image`
//! is what the image is called in messages.

use bytes::Bytes;

use super::{
    Inspected,
    fit::{Fitted, fit},
    inspect_bytes, is_animated,
};
use crate::{
    job::{ProviderName, Step},
    provider::{Facts, Image, facts},
};

/// No image is larger than this, whatever a provider says: it is held in memory while it is sent.
const MOST_IMAGE_BYTES: u64 = 256 * 1024 * 1024;

/// An image that may be sent.
#[derive(Debug)]
pub(super) struct Ready {
    /// What is to be sent.
    pub(super) image: Image,
    /// What the image was before it was made to fit.
    pub(super) inspected: Inspected,
    /// What was done to make it fit; `None` when nothing had to be done.
    pub(super) fitted: Option<String>,
}

/// Checks the size before the image is even read.
///
/// # Errors
/// With words for the person who uploaded it.
pub(super) fn check_size(step: &Step, image: &str) -> Result<(), String> {
    let most = facts(step.provider).most_image_bytes.filter(|_| !step.fit).unwrap_or(MOST_IMAGE_BYTES);
    match step.input_bytes {
        0 => Err(format!("{image} is empty (0 bytes); upload the image again")),
        bytes if bytes > most => Err(format!(
            "{image} has {bytes} bytes, and {} takes at most {most}; {}",
            step.provider,
            instead(step, "make it smaller")
        )),
        _ => Ok(()),
    }
}

/// Checks what the image is, and makes it fit where the preset says so. It may take its time: run it where blocking is
/// allowed.
///
/// # Errors
/// With words for the person who uploaded it.
pub(super) fn check_content(step: &Step, image: &str, bytes: Bytes) -> Result<Ready, String> {
    let inspected = inspect_bytes(&bytes).map_err(|problem| {
        format!("{image} is no image that darkroom knows: {problem}. Its content counts, not its name")
    })?;
    let facts = facts(step.provider);
    let animated = !facts.keeps_animation && is_animated(inspected.format, &bytes);
    let Some((problem, mend)) = misfit(step.provider, facts, &inspected, animated) else {
        return Ok(Ready { image: Image { bytes, format: inspected.format }, inspected, fitted: None });
    };
    if facts.keeps_animation && is_animated(inspected.format, &bytes) {
        return Err(format!(
            "{image} {problem}, and to make it fit would be to lose its frames; {mend} and upload it again"
        ));
    }
    if !step.fit {
        return Err(format!("{image} {problem}; {}", instead(step, mend)));
    }
    let Fitted { bytes, format, note } = fit(&bytes, &inspected, facts)
        .map_err(|why| format!("{image} {problem}, and cannot be made to fit: {why}; {mend} and upload it again"))?;
    let fitted = Some(format!("the image {problem}; it was made to fit: {note}"));
    Ok(Ready { image: Image { bytes, format }, inspected, fitted })
}

/// What a person can do. What the preset says is written into a job when it is made, so a new upload is needed either way.
fn instead(step: &Step, mend: &str) -> String {
    format!(
        "{mend} and upload it again, or set fit = true in [{}.{}] of darkroom.toml and upload it again as it is",
        step.provider, step.preset
    )
}

/// What about the image is beyond the provider's limits, and what a person can do.
fn misfit(provider: ProviderName, facts: &Facts, image: &Inspected, animated: bool) -> Option<(String, &'static str)> {
    if animated {
        let kind = image.format.content_type();
        return Some((
            format!("is an animated {kind}, and {provider} works on still images only"),
            "take one frame of it",
        ));
    }
    if !facts.formats.is_empty() && !facts.formats.contains(&image.format) {
        let taken: Vec<&str> = facts.formats.iter().map(|format| format.extension()).collect();
        let kind = image.format.content_type();
        return Some((
            format!("is {kind} by its content, and {provider} takes only {}", taken.join(", ")),
            "convert it",
        ));
    }
    if let Some(most) = facts.most_image_bytes.filter(|most| image.bytes > *most) {
        return Some((format!("has {} bytes, and {provider} takes at most {most}", image.bytes), "make it smaller"));
    }
    let (width, height) = (image.width, image.height);
    if let Some((most_width, most_height)) = facts.most_pixels.filter(|most| width > most.0 || height > most.1) {
        let problem = format!("is {width}×{height} pixels, and {provider} takes at most {most_width}×{most_height}");
        return Some((problem, "make it smaller"));
    }
    if let Some((least_width, least_height)) = facts.least_pixels.filter(|least| width < least.0 || height < least.1) {
        let problem = format!("is {width}×{height} pixels, and {provider} takes at least {least_width}×{least_height}");
        return Some((problem, "take a larger one"));
    }
    None
}

#[cfg(test)]
mod tests;
