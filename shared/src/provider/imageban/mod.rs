//! imageban.ru: hosts images and gives links to them, in the reply.
//!
//! Source: seed `002` (the service's own API page) and the notes in `README.md` beside this file.

mod albums;
mod config;
mod error;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::multipart::Form;
use secrecy::ExposeSecret as _;
use url::Url;

pub use self::config::{AlbumType, Auth, Options, SendAs, Settings};
use super::{
    Account, Advice, Definition, Delivery, Equipment, ErrorKind, Facts, Http, Notes, OptionsReader, Provider,
    ProviderError, Repeat, Reply, Request, Settled, Submitted, Unsettled,
    http::{image_part, secret_header},
};
use crate::{
    environment::ConfigError,
    job::{ImageFormat, Link, Outcome, ProviderName, Report, ResultSource},
};

/// The client.
#[derive(Debug)]
pub struct Imageban {
    http: Http,
    settings: Settings,
    notes: Arc<dyn Notes>,
}

/// What is known of imageban without asking it.
pub const DEFINITION: Definition = Definition {
    name: ProviderName::Imageban,
    facts: Facts {
        formats: &[ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif],
        most_image_bytes: Some(10 * 1024 * 1024),
        least_pixels: None,
        most_pixels: None,
        // It hosts the file as it is.
        keeps_animation: true,
        // Hosted for good, and never fetched: so long the bucket is tried, should it fail to take the original.
        result_life: Duration::from_secs(24 * 3600),
        deadline: Duration::from_secs(3600),
        // Not stated; what is, is a limit a day.
        rate_per_s: 4.0,
    },
    default_url: "https://api.imageban.ru/v1",
    // Nothing is fetched.
    result_hosts: &[],
    credentials: &["IMAGEBAN_CLIENT_ID", "IMAGEBAN_SECRET_KEY"],
    options: OptionsReader::of::<Options>(),
    read_callback: None,
};

/// Makes the client.
///
/// # Errors
/// When its settings are missing.
pub fn make(equipment: &Equipment<'_>) -> Result<Arc<dyn Provider>, ConfigError> {
    let settings = Settings::from_environment(equipment.environment)?;
    let notes = (equipment.notes)(ProviderName::Imageban);
    Ok(Arc::new(Imageban::new(equipment.http.clone(), settings, notes)))
}

impl Imageban {
    /// A client with these settings. In `notes` it shares the ids of albums with others.
    #[must_use]
    pub fn new(http: Http, settings: Settings, notes: Arc<dyn Notes>) -> Self {
        Self { http, settings, notes }
    }

    /// `POST /v1`: hosts an image, in the album of this id if there is one.
    ///
    /// # Errors
    /// As [`Provider::submit`].
    pub async fn upload(
        &self,
        request: &Request<'_>,
        options: &Options,
        auth: Auth,
        album: Option<String>,
    ) -> Result<Link, ProviderError> {
        let mut form = match (options.send, request.image_url) {
            (SendAs::Image, _) => Form::new().part("image", image_part(request.image, request.file_name)?),
            (SendAs::Url, Some(url)) => Form::new().text("url", url.to_owned()),
            (SendAs::Url, None) => {
                let message = "send = \"url\" needs an address where imageban can fetch the image, and there is none; \
                               use send = \"image\"";
                return Err(ProviderError::new(ErrorKind::InvalidRequest, Advice::Reject, message));
            }
        };
        for (field, value) in [("name", options.name.clone()), ("album", album)] {
            if let Some(value) = value {
                form = form.text(field, value);
            }
        }
        let post = self.http.post(self.endpoint(&[])).multipart(form);
        let post = post.header(http::header::AUTHORIZATION, self.authorization(auth)?);
        let reply = self.http.send(post, Repeat::Paid).await?;
        let link = read(&reply).and_then(|message| message.entries().find_map(wire::Hosted::link));
        link.ok_or_else(|| without_url(error::parse_upload_error(reply.status, &reply.body), request.image_url))
    }

    /// An address below the base, which itself has no slash at its end.
    fn endpoint(&self, path: &[&str]) -> Url {
        let mut url = self.settings.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// `Bearer` and the secret key, or for a guest `TOKEN` and the client's id.
    fn authorization(&self, auth: Auth) -> Result<http::HeaderValue, ProviderError> {
        let (scheme, key, variable) = match auth {
            Auth::Account => ("Bearer", &self.settings.secret_key, "IMAGEBAN_SECRET_KEY"),
            Auth::Guest => ("TOKEN", &self.settings.client_id, "IMAGEBAN_CLIENT_ID"),
        };
        let Some(key) = key else { return Err(without_key(format!("{variable} is not set"))) };
        secret_header(&format!("{scheme} {}", key.expose_secret()), variable)
    }
}

#[async_trait]
impl Provider for Imageban {
    fn name(&self) -> ProviderName {
        ProviderName::Imageban
    }

    fn delivery(&self, options: &serde_json::Value) -> Result<Delivery, ProviderError> {
        parse(options)?;
        Ok(Delivery::Reply)
    }

    fn check(&self, options: &serde_json::Value) -> Result<(), String> {
        let options = parse(options).map_err(|e| e.message)?;
        self.settings.auth(&options).map(|_| ())
    }

    fn fetches_itself(&self, options: &serde_json::Value) -> bool {
        parse(options).is_ok_and(|options| options.send == SendAs::Url)
    }

    async fn submit(&self, request: Request<'_>) -> Result<Submitted, ProviderError> {
        let options = parse(request.options)?;
        let auth = self.settings.auth(&options).map_err(without_key)?;
        let album = self.album(&options).await?;
        let link = self.upload(&request, &options, auth, album).await?;
        let report = Report { links: vec![link], charges: 1, ..Report::default() };
        Ok(Submitted::Finished(Outcome { source: ResultSource::Original, report }))
    }

    /// The service lists no images by which to tell.
    async fn settle(&self, _: Unsettled<'_>) -> Result<Settled, ProviderError> {
        Ok(Settled::RepeatIsCheap("a second copy may be hosted"))
    }

    async fn account(&self) -> Result<Account, ProviderError> {
        Ok(Account::CannotAsk(
            "its documents have no question that would be free; a guest may upload 1000 images a day, an account 1500",
        ))
    }
}

/// A reply that says that all is well.
fn read(reply: &Reply) -> Option<wire::Message> {
    let message = serde_json::from_slice::<wire::Message>(&reply.body).ok()?;
    ((200..300).contains(&reply.status) && message.refusal().is_none()).then_some(message)
}

/// The address opens the bucket for a while: should the service repeat it, whole, cut or with escaped slashes, nothing
/// from its host on goes any further.
fn without_url(mut error: ProviderError, image_url: Option<&str>) -> ProviderError {
    let host = image_url.and_then(|url| Url::parse(url).ok()?.host_str().map(str::to_owned));
    if let Some((before, _)) = host.and_then(|host| error.message.split_once(host.as_str())) {
        error.message = format!("{before}…");
    }
    error
}

fn without_key(problem: String) -> ProviderError {
    ProviderError::new(ErrorKind::Credentials, Advice::Hold, problem)
}

fn parse(options: &serde_json::Value) -> Result<Options, ProviderError> {
    serde_path_to_error::deserialize(options).map_err(|e| {
        let message = format!("the imageban options are unusable: {e}");
        ProviderError::new(ErrorKind::InvalidRequest, Advice::Reject, message)
    })
}

#[cfg(test)]
mod tests;
