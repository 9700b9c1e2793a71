//! The presets that `DARKROOM_CONFIG` names, for functions and for the command when it works on AWS.

use crate::{config::Presets, environment::Environment, store::Objects};

/// The presets from `DARKROOM_CONFIG`: a path, or `s3://bucket/key`.
///
/// # Errors
/// When it cannot be read or is wrong.
pub async fn presets(
    environment: &Environment,
    s3: &aws_sdk_s3::Client,
) -> Result<Presets, Box<dyn std::error::Error + Send + Sync>> {
    let Some(place) = environment.get("DARKROOM_CONFIG") else { return Ok(Presets::built_in()) };
    let text = match place.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        Some((bucket, key)) => {
            let bytes = Objects::new(s3.clone(), bucket).get(key).await?;
            String::from_utf8(bytes.to_vec())?
        }
        None => std::fs::read_to_string(&place).map_err(|e| format!("{place} cannot be read: {e}"))?,
    };
    Ok(Presets::parse(&place, &text)?)
}
