//! What a function is told from outside: the environment (the contract, section 2) and the presets of
//! `darkroom.toml`. Every name that is read stands here.

mod chain;
mod nearest;
mod presets;

use std::collections::BTreeMap;

use secrecy::SecretString;
use url::Url;

pub use self::presets::{PresetError, Presets};
use crate::{
    environment::{ConfigError, Environment},
    job::{Pace, ProviderName},
    provider::{ResultHosts, definition, facts},
};

/// The variable that [`callback_secrets`] reads.
pub const CALLBACK_SECRET: &str = "DARKROOM_CALLBACK_SECRET";

/// The variable that [`thumbnails`] reads.
const THUMBNAILS: &str = "DARKROOM_THUMBNAILS";

/// Where jobs and files are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// `DARKROOM_BUCKET`
    pub bucket: String,
    /// `DARKROOM_TABLE`
    pub table: String,
}

impl Places {
    /// Reads both names.
    ///
    /// # Errors
    /// When one is missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self { bucket: environment.required("DARKROOM_BUCKET")?, table: environment.required("DARKROOM_TABLE")? })
    }
}

/// `DARKROOM_CALLBACK_SECRET`: one secret, or `new,old` while rotating. The first one signs, all of them verify.
///
/// # Errors
/// When the variable is missing or holds an empty secret.
pub fn callback_secrets(environment: &Environment) -> Result<Vec<SecretString>, ConfigError> {
    let name = CALLBACK_SECRET;
    let secrets: Vec<String> = environment.required(name)?.split(',').map(|secret| secret.trim().to_owned()).collect();
    if secrets.iter().any(String::is_empty) {
        return Err(ConfigError::Invalid { name: name.into(), problem: "an empty secret would let anyone in".into() });
    }
    Ok(secrets.into_iter().map(Into::into).collect())
}

/// `DARKROOM_THUMBNAILS`: whether ended jobs get thumbnails; `on` unless it says `off`. Who never looks at the gallery
/// saves what they cost.
///
/// # Errors
/// When it is something else.
pub fn thumbnails(environment: &Environment) -> Result<bool, ConfigError> {
    match environment.get(THUMBNAILS).as_deref().map(str::trim) {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(ConfigError::Invalid {
            name: THUMBNAILS.into(),
            problem: format!("'{other}' is neither 'on' nor 'off'"),
        }),
    }
}

/// `<PROVIDER>_URL`, as it is set.
#[must_use]
pub fn address(environment: &Environment, provider: ProviderName) -> Option<String> {
    environment.get(&named(provider, "URL"))
}

/// `<PROVIDER>_URL`, or the real service's.
fn base_url(environment: &Environment, provider: ProviderName) -> Result<Url, ConfigError> {
    environment.url(&named(provider, "URL"), Some(definition(provider).default_url))
}

/// The hosts that each provider's results may come from: its own, and `<PROVIDER>_RESULT_HOSTS` (by comma).
///
/// # Errors
/// When a base URL is unreadable, or what is no host stands among the hosts.
pub fn result_hosts(environment: &Environment) -> Result<BTreeMap<ProviderName, ResultHosts>, ConfigError> {
    let hosts = |provider| {
        let known = definition(provider).result_hosts;
        let name = named(provider, "RESULT_HOSTS");
        let configured = environment.get(&name).unwrap_or_default();
        let configured: Vec<String> =
            configured.split(',').map(|host| host.trim().to_owned()).filter(|host| !host.is_empty()).collect();
        if let Some(wrong) = configured.iter().find(|host| !ResultHosts::is_host(host)) {
            let problem =
                format!("'{wrong}' is no host: hosts by comma are expected, as in cdn.example,files.example:8443");
            return Err(ConfigError::Invalid { name, problem });
        }
        Ok((provider, ResultHosts::new(&base_url(environment, provider)?, known, &configured)))
    };
    ProviderName::ALL.into_iter().map(hosts).collect()
}

/// How often each provider may be asked: `<PROVIDER>_RATE` in requests per second, or what its documents say, and
/// `<PROVIDER>_DAILY` submits a day, or as many as it takes.
///
/// # Errors
/// When a rate is no number above 0, or a day's limit no whole number above 0.
pub fn paces(environment: &Environment) -> Result<BTreeMap<ProviderName, Pace>, ConfigError> {
    let pace = |provider| {
        let rate =
            number(environment, &named(provider, "RATE"), "number of requests per second above 0", |rate: &f64| {
                rate.is_finite() && *rate > 0.0
            })?;
        let most_per_day =
            number(environment, &named(provider, "DAILY"), "whole number of submits a day above 0", |most| *most > 0)?;
        Ok((provider, Pace { rate_per_s: rate.unwrap_or(facts(provider).rate_per_s), most_per_day }))
    };
    ProviderName::ALL.into_iter().map(pace).collect()
}

/// The number in a variable, if it is there; `what` says in messages what is expected.
fn number<N: std::str::FromStr>(
    environment: &Environment,
    name: &str,
    what: &str,
    is_right: impl Fn(&N) -> bool,
) -> Result<Option<N>, ConfigError> {
    let Some(text) = environment.get(name) else { return Ok(None) };
    let number = text.trim().parse().ok().filter(is_right);
    let problem = || ConfigError::Invalid { name: name.to_owned(), problem: format!("'{text}' is no {what}") };
    number.map(Some).ok_or_else(problem)
}

fn named(provider: ProviderName, what: &str) -> String {
    format!("{}_{what}", provider.as_str().to_ascii_uppercase())
}
