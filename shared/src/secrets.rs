//! Secrets from the SSM parameter store: fetched once, when a function starts, in one call, and only its own. Parameters
//! below `DARKROOM_SECRETS_PATH` are named as the variables that they stand for (the contract, section 2).

use aws_config::SdkConfig;
use aws_sdk_ssm::error::DisplayErrorContext;

use crate::{aws, environment::Environment};

/// Why secrets could not be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "the secrets below {path} could not be read: {reason}. The function's role needs ssm:GetParameters on {}",
    names.join(", ")
)]
pub struct SecretsError {
    path: String,
    names: Vec<String>,
    reason: String,
}

/// `GetParameters` takes no more names than this; no function needs as many.
const MOST_NAMES: usize = 10;

/// The environment with the variables `names` from below `DARKROOM_SECRETS_PATH`. What is set in the environment itself
/// stays; what is not there either is left out, and whoever needs it says so.
///
/// # Errors
/// When the parameter store refuses.
pub async fn with_secrets(
    environment: Environment,
    names: &[&str],
    sdk: &SdkConfig,
) -> Result<Environment, SecretsError> {
    let Some(path) = environment.get("DARKROOM_SECRETS_PATH") else { return Ok(environment) };
    let path = path.trim_end_matches('/');
    let wanted = names.iter().filter(|name| environment.get(name).is_none());
    let wanted: Vec<String> = wanted.map(|name| format!("{path}/{name}")).take(MOST_NAMES).collect();
    if wanted.is_empty() {
        return Ok(environment);
    }
    let mut config = aws_sdk_ssm::config::Builder::from(sdk);
    config.set_endpoint_url(aws::endpoint(&environment, "SSM"));
    let client = aws_sdk_ssm::Client::from_conf(config.build());
    let call = client.get_parameters().set_names(Some(wanted.clone())).with_decryption(true);
    let output = call.send().await.map_err(|error| SecretsError {
        path: path.to_owned(),
        names: wanted,
        reason: DisplayErrorContext(&error).to_string(),
    })?;
    let found = output.parameters.unwrap_or_default();
    let found = found.into_iter().filter_map(|parameter| {
        let name = parameter.name?.strip_prefix(path)?.trim_start_matches('/').to_owned();
        Some((name, parameter.value?))
    });
    Ok(found.fold(environment, |environment, (name, value)| environment.with(&name, value)))
}
