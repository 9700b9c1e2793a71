//! What is known of each provider without asking it: limits, addresses, which credentials it takes, how its options
//! are read. It names no client, so that a function that only needs facts does not hold every client.

use std::time::Duration;

use super::{Called, ProviderError, fangtang, imageban, imgfactory, options::OptionsReader, vkcloud, watermark};
use crate::{
    environment::Environment,
    job::{ImageFormat, ProviderName},
};

/// What is known of a provider.
#[derive(Debug)]
pub struct Definition {
    /// Who it is.
    pub name: ProviderName,
    /// What its documents say of limits and times.
    pub facts: Facts,
    /// The base URL of the real service; `<PROVIDER>_URL` outweighs it.
    pub default_url: &'static str,
    /// Hosts that its results are known to come from, beside that of its base URL.
    pub result_hosts: &'static [&'static str],
    /// The variables that hold its credentials. Any of them means that the real service is meant.
    pub credentials: &'static [&'static str],
    /// Reads a preset's options.
    pub options: OptionsReader,
    /// Reads the body of a callback, where the provider calls back. It needs no settings, so the webhook needs no
    /// provider's secrets. The options are the step's, or `null` where only the form is to be checked.
    pub read_callback: Option<ReadCallback>,
}

/// See [`Definition::read_callback`].
pub type ReadCallback = fn(&serde_json::Value, &[u8]) -> Result<Called, ProviderError>;

/// What a provider's documents say of its limits and times.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The formats it takes; empty where nothing is said.
    pub formats: &'static [ImageFormat],
    /// The largest image it takes.
    pub most_image_bytes: Option<u64>,
    /// The smallest image it takes: width and height, pixels.
    pub least_pixels: Option<(u32, u32)>,
    /// The largest image it takes: width and height, pixels.
    pub most_pixels: Option<(u32, u32)>,
    /// Whether an image of several frames comes through as what it is.
    pub keeps_animation: bool,
    /// How long a result can be fetched.
    pub result_life: Duration,
    /// When work that never ends counts as failed.
    pub deadline: Duration,
    /// Requests per second, unless `<PROVIDER>_RATE` says otherwise.
    pub rate_per_s: f64,
}

/// What is known of `provider`.
#[must_use]
pub fn definition(provider: ProviderName) -> &'static Definition {
    match provider {
        ProviderName::Imgfactory => &imgfactory::DEFINITION,
        ProviderName::Watermark => &watermark::DEFINITION,
        ProviderName::Fangtang => &fangtang::DEFINITION,
        ProviderName::Vkcloud => &vkcloud::DEFINITION,
        ProviderName::Imageban => &imageban::DEFINITION,
    }
}

/// What the documents of `provider` say of limits and times.
#[must_use]
pub fn facts(provider: ProviderName) -> &'static Facts {
    &definition(provider).facts
}

impl Definition {
    /// Whether `environment` holds credentials: then the real service is meant.
    #[must_use]
    pub fn has_credentials(&self, environment: &Environment) -> bool {
        self.credentials.iter().any(|name| environment.get(name).is_some())
    }
}
