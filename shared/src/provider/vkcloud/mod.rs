//! VK Cloud's Vision API: photos improved and coloured, resolution raised. The result is in the reply.
//!
//! Source: seed `004` (the service's own API page) and the notes in `README.md` beside this file.

mod config;
mod error;
mod token;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use url::Url;

pub use self::config::{
    ClientCredentials, Credentials, DEFAULT_AUTH_URL, Mode, Options, Output, Rfactor, Rtype, Settings,
};
use self::{
    error::{is_unauthorized, of_image, parse_error, unreadable, without_secret},
    token::Tokens,
    wire::{Body, Envelope, Picture},
};
use super::{
    Account, Advice, Definition, Delivery, Equipment, ErrorKind, Facts, Http, Notes, OptionsReader, Provider,
    ProviderError, Repeat, Reply, Request, Settled, Submitted, Unsettled,
    http::{REQUEST_TIMEOUT, image_part},
};
use crate::{
    clock::Clock,
    environment::ConfigError,
    job::{ImageFormat, Outcome, ProviderName, Report, ResultSource},
};

/// The client.
#[derive(Debug)]
pub struct Vkcloud {
    http: Http,
    url: Url,
    tokens: Tokens,
    clock: Clock,
}

/// What is known of VK Cloud without asking it.
pub const DEFINITION: Definition = Definition {
    name: ProviderName::Vkcloud,
    facts: Facts {
        formats: &[ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Tiff],
        most_image_bytes: Some(15 * 1024 * 1024),
        least_pixels: Some((5, 5)),
        most_pixels: Some((3840, 2160)),
        keeps_animation: false,
        // The reply is the result, and nothing is ever fetched from there. What is left to do later is to copy the
        // original where there was nothing to do: our own bucket gets a day for that.
        result_life: Duration::from_secs(24 * 3600),
        deadline: Duration::from_secs(3600),
        // Not stated.
        rate_per_s: 5.0,
    },
    // The one endpoint.
    default_url: "https://smarty.mail.ru/api/v1/photo/improve",
    result_hosts: &[],
    credentials: &["VKCLOUD_TOKEN", "VKCLOUD_CLIENT_ID", "VKCLOUD_CLIENT_SECRET"],
    options: OptionsReader::of::<Options>(),
    read_callback: None,
};

/// A call, its repeat and the tokens for both take no longer than this together, so that the lease of an attempt
/// outlives them.
const WHOLE_TIME: Duration = Duration::from_secs(120);
/// A call that would have less time than this is left to the next attempt.
const SHORTEST_CALL: Duration = Duration::from_secs(20);

/// Makes the client.
///
/// # Errors
/// When its settings are missing.
pub fn make(equipment: &Equipment<'_>) -> Result<Arc<dyn Provider>, ConfigError> {
    let settings = Settings::from_environment(equipment.environment)?;
    let notes = (equipment.notes)(ProviderName::Vkcloud);
    Ok(Arc::new(Vkcloud::new(equipment.http.clone(), settings, notes, Clock::system())))
}

impl Vkcloud {
    /// A client with these settings. Access tokens are shared through `notes`; `clock` tells when they end.
    #[must_use]
    pub fn new(http: Http, settings: Settings, notes: Arc<dyn Notes>, clock: Clock) -> Self {
        let tokens = Tokens::new(http.clone(), settings.credentials, notes);
        Self { http, url: settings.url, tokens, clock }
    }

    /// The one endpoint: sends the image and reads what became of it.
    ///
    /// # Errors
    /// As [`Provider::submit`].
    pub async fn improve(&self, request: &Request<'_>, options: &Options) -> Result<Submitted, ProviderError> {
        let started = Instant::now();
        let token = self.tokens.get(self.clock.now()).await?;
        let reply = self.post(request, options, &token, time_left(started)?).await?;
        let first = read(&reply, options).map_err(|error| without_secret(error, token.expose_secret()));
        if first.is_ok() || !is_unauthorized(reply.status, &reply.body) {
            return first;
        }
        // A refused call did no work, so it may be repeated with a fresh token: once.
        let Some(fresh) = self.tokens.in_place_of(&token, self.clock.now()).await? else { return first };
        let reply = self.post(request, options, &fresh, time_left(started)?).await?;
        read(&reply, options).map_err(|error| without_secret(error, fresh.expose_secret()))
    }

    async fn post(
        &self,
        request: &Request<'_>,
        options: &Options,
        token: &SecretString,
        at_most: Duration,
    ) -> Result<Reply, ProviderError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("oauth_token", token.expose_secret()).append_pair("oauth_provider", "mcs");
        let part = image_part(request.image, request.file_name)?;
        let meta = wire::meta(options).map_err(|e| invalid_options(&e))?;
        let form = reqwest::multipart::Form::new().part(wire::IMAGE, part).text(wire::META, meta);
        let post = self.http.post(url).header(http::header::ACCEPT, "application/json").multipart(form);
        self.http.send(post.timeout(at_most.min(REQUEST_TIMEOUT)), Repeat::Paid).await
    }
}

/// What is left of [`WHOLE_TIME`] for a call.
fn time_left(started: Instant) -> Result<Duration, ProviderError> {
    let left = WHOLE_TIME.saturating_sub(started.elapsed());
    if left >= SHORTEST_CALL {
        return Ok(left);
    }
    let message = "when vkcloud had given a token, no time was left in this attempt to send the image";
    Err(ProviderError::new(ErrorKind::Unavailable, Advice::Retry { after: Duration::ZERO }, message))
}

#[async_trait]
impl Provider for Vkcloud {
    fn name(&self) -> ProviderName {
        ProviderName::Vkcloud
    }

    fn delivery(&self, options: &serde_json::Value) -> Result<Delivery, ProviderError> {
        parse(options).map(|_| Delivery::Reply)
    }

    async fn submit(&self, request: Request<'_>) -> Result<Submitted, ProviderError> {
        let options = parse(request.options)?;
        self.improve(&request, &options).await
    }

    /// There is nothing to ask by: the service gives its work no name and keeps no list.
    async fn settle(&self, _: Unsettled<'_>) -> Result<Settled, ProviderError> {
        Ok(Settled::RepeatIsCheap("an image that was worked on already costs 0.06 RUB a second time"))
    }

    async fn account(&self) -> Result<Account, ProviderError> {
        if !self.tokens.are_fetched() {
            return Ok(Account::CannotAsk("a service token can be tried only with work that costs"));
        }
        self.tokens.get(self.clock.now()).await?;
        Ok(Account::Valid)
    }
}

/// What a reply says of our image.
fn read(reply: &Reply, options: &Options) -> Result<Submitted, ProviderError> {
    let not_done = || parse_error(reply.status, &reply.body).of_paid_call();
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(&reply.body) else { return Err(not_done()) };
    let Body::Modes(modes) = &envelope.body else { return Err(not_done()) };
    if envelope.status.unwrap_or(i64::from(reply.status)) != 200 {
        return Err(not_done());
    }
    match modes.of_our_image(options.mode) {
        None => Err(not_done()),
        Some(picture) if picture.status == Some(0) => done(picture, options),
        Some(picture) => Err(of_image(picture.status, picture.error.as_deref())),
    }
}

fn done(picture: &Picture<'_>, options: &Options) -> Result<Submitted, ProviderError> {
    // The price is one for a transaction, and this was one, whatever it brought.
    let report = Report { charges: 1, ..Report::default() };
    let base64 = match options.mode {
        Mode::Improve => picture.improved(options.output.unwrap_or_default()),
        // That there could be nothing to enlarge is documented nowhere.
        Mode::Resolution => Some(picture.resolved().ok_or_else(|| unreadable("it says done and holds no picture"))?),
    };
    let Some(base64) = base64 else {
        let output = options.output.unwrap_or_default().as_str();
        let note = format!("vkcloud found nothing to do and sent no {output} picture; the original is the result");
        let report = Report { warnings: vec![note], ..report };
        return Ok(Submitted::Finished(Outcome { source: ResultSource::Original, report }));
    };
    let bytes = wire::decode(base64).map_err(|e| unreadable(&format!("its picture is no base64: {e}")))?;
    Ok(Submitted::InHand { bytes, report })
}

fn parse(options: &serde_json::Value) -> Result<Options, ProviderError> {
    serde_path_to_error::deserialize(options).map_err(|e| invalid_options(&e))
}

fn invalid_options(error: &dyn std::fmt::Display) -> ProviderError {
    ProviderError::new(ErrorKind::InvalidRequest, Advice::Reject, format!("the vkcloud options are unusable: {error}"))
}

#[cfg(test)]
mod tests;
