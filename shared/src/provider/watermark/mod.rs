//! processimage.cn: removes text watermarks and tells where they were; by callback or in the reply.
//!
//! Source: seed `001`, the service's published code, and the notes in `README.md` beside this file.

mod config;
mod error;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::SignedDuration;
use md5::{Digest as _, Md5};
use secrecy::ExposeSecret as _;

pub use self::config::{Area, Credentials, Keyword, Mode, Offset, Options, Rule, Settings};
use self::error::Said;
use super::{
    Account, Advice, Called, Definition, Delivery, Equipment, ErrorKind, Facts, Http, OptionsReader, Provider,
    ProviderError, Repeat, Request, Settled, Submitted, Unsettled,
    http::{image_part, secret_header},
};
use crate::{
    environment::ConfigError,
    job::{ImageFormat, Outcome, ProviderName, ResultSource},
};

/// The name of the form's file part that the server reads, whatever its documents say.
pub const DEFAULT_FILE_FIELD: &str = "uploadFile";

/// The client.
#[derive(Debug)]
pub struct Watermark {
    http: Http,
    settings: Settings,
}

/// What is known of the watermark service without asking it.
pub const DEFINITION: Definition = Definition {
    name: ProviderName::Watermark,
    facts: Facts {
        formats: &[ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp],
        most_image_bytes: Some(4_194_304),
        least_pixels: None,
        most_pixels: None,
        keeps_animation: false,
        result_life: Duration::from_secs(5 * 3600),
        deadline: Duration::from_secs(5 * 3600),
        rate_per_s: 2.0,
    },
    // The one endpoint.
    default_url: "https://www.processimage.cn/watermark/access",
    result_hosts: &["www.processimage.cn", "processimage.cn"],
    credentials: &["WATERMARK_APP_ID", "WATERMARK_APP_SECRET", "WATERMARK_TOKEN"],
    options: OptionsReader::of::<Options>(),
    read_callback: Some(read_callback),
};

/// Makes the client.
///
/// # Errors
/// When its settings are missing.
pub fn make(equipment: &Equipment<'_>) -> Result<Arc<dyn Provider>, ConfigError> {
    let settings = Settings::from_environment(equipment.environment)?;
    Ok(Arc::new(Watermark::new(equipment.http.clone(), settings)))
}

impl Watermark {
    /// A client with these settings.
    #[must_use]
    pub fn new(http: Http, settings: Settings) -> Self {
        Self { http, settings }
    }

    /// The one endpoint: `callback_url` absent asks for the result in the reply.
    async fn access(&self, request: &Request<'_>, options: &Options) -> Result<Said, ProviderError> {
        let part = image_part(request.image, request.file_name)?;
        let mut form = reqwest::multipart::Form::new().part(self.settings.file_field.clone(), part);
        for (name, value) in wire::fields(options, request.callback_url).map_err(|e| invalid_options(&e))? {
            form = form.text(name, value);
        }
        let mut post = self.http.post(self.settings.url.clone());
        match &self.settings.credentials {
            Credentials::Sign { app_id, app_secret } => {
                let salt = salt();
                let sign = sign(app_id, &request.image.bytes, salt, app_secret.expose_secret());
                form = form.text("appId", app_id.clone()).text("salt", salt.to_string());
                post = post.header("x-access-api-sign", secret_header(&sign, "WATERMARK_APP_ID")?);
            }
            Credentials::Token(token) => {
                post = post.header("x-access-api-token", secret_header(token.expose_secret(), "WATERMARK_TOKEN")?);
            }
        }
        let reply = self.http.send(post.multipart(form), Repeat::Paid).await?;
        // A breakdown of the service needs no settling: within its cache's life an identical request is free.
        error::read(reply.status, &reply.body)
    }
}

#[async_trait]
impl Provider for Watermark {
    fn name(&self) -> ProviderName {
        ProviderName::Watermark
    }

    fn delivery(&self, options: &serde_json::Value) -> Result<Delivery, ProviderError> {
        Ok(match parse(options)?.mode {
            Mode::Async => Delivery::Callback,
            Mode::Sync => Delivery::Reply,
        })
    }

    async fn submit(&self, request: Request<'_>) -> Result<Submitted, ProviderError> {
        let options = parse(request.options)?;
        match self.access(&request, &options).await? {
            // The service gives its work no name; the callback's address is the job's own.
            Said::Accepted if options.mode == Mode::Async && request.callback_url.is_some() => {
                Ok(Submitted::Accepted { task_id: None })
            }
            Said::Accepted => Err(ProviderError::new(
                ErrorKind::Unreadable,
                Advice::Retry { after: Duration::from_secs(1) },
                "the watermark service was asked to answer at once and says that it will call back",
            )),
            Said::Finished(outcome) => Ok(Submitted::Finished(with_picture(&options, outcome)?)),
        }
    }

    /// For five hours the service answers an identical request from its cache, free of charge.
    async fn settle(&self, unsettled: Unsettled<'_>) -> Result<Settled, ProviderError> {
        let age = unsettled.now.duration_since(unsettled.submitted_at);
        if age < SignedDuration::try_from(DEFINITION.facts.result_life).unwrap_or(SignedDuration::MAX) {
            return Ok(Settled::RepeatIsFree);
        }
        Ok(Settled::CannotTell("the service forgets its results after five hours, and the call is older".into()))
    }

    async fn account(&self) -> Result<Account, ProviderError> {
        Ok(Account::CannotAsk("it tells what is left only in the replies to paid requests"))
    }
}

/// A result without a picture is one only where none was asked for.
fn with_picture(options: &Options, outcome: Outcome) -> Result<Outcome, ProviderError> {
    if outcome.source == ResultSource::Record && options.ocr_only != Some(true) {
        return Err(ProviderError::new(
            ErrorKind::Unreadable,
            Advice::Retry { after: Duration::from_secs(1) },
            "the watermark service says that it is done and names no picture",
        ));
    }
    Ok(outcome)
}

/// Reads a callback: the same object as a reply. `options` are the step's, or `null` where only the form counts.
///
/// # Errors
/// When the body is none of the service's results.
pub fn read_callback(options: &serde_json::Value, body: &[u8]) -> Result<Called, ProviderError> {
    match error::read(200, body) {
        Ok(Said::Finished(outcome)) if options.is_null() => Ok(Called::Finished(outcome)),
        Ok(Said::Finished(outcome)) => match with_picture(&parse(options)?, outcome) {
            Ok(outcome) => Ok(Called::Finished(outcome)),
            Err(error) => Ok(Called::Failed(error)),
        },
        Err(error) if error.kind != ErrorKind::Unreadable => Ok(Called::Failed(error)),
        Ok(Said::Accepted) | Err(_) => Err(ProviderError::new(
            ErrorKind::Unreadable,
            Advice::Reject,
            "the body is no result of the watermark service",
        )),
    }
}

/// The signature: lower-case hex of md5(appId + md5hex(image) + salt + appSecret). Source: seed `001`.
fn sign(app_id: &str, image: &[u8], salt: u32, app_secret: &str) -> String {
    let image_md5 = hex::encode(Md5::digest(image));
    let mut hash = Md5::new();
    for part in [app_id, &image_md5, &salt.to_string(), app_secret] {
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// Eight digits of which the first is not 0, as the service wants it.
fn salt() -> u32 {
    const LEAST: u32 = 10_000_000;
    const MANY: u32 = 90_000_000;
    let [a, b, c, d, ..] = *uuid::Uuid::new_v4().as_bytes();
    LEAST + u32::from_le_bytes([a, b, c, d]) % MANY
}

fn parse(options: &serde_json::Value) -> Result<Options, ProviderError> {
    serde_path_to_error::deserialize(options).map_err(|e| invalid_options(&e))
}

fn invalid_options(error: &dyn std::fmt::Display) -> ProviderError {
    ProviderError::new(
        ErrorKind::InvalidRequest,
        Advice::Reject,
        format!("the watermark options are unusable: {error}"),
    )
}

#[cfg(test)]
mod tests;
