//! processimage.cn: removes text watermarks and tells where they were; by callback or in the reply.
//!
//! Source: seed `001`, the service's published code, and the notes in `README.md` beside this file.

mod config;
mod error;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use md5::{Digest as _, Md5};
use secrecy::ExposeSecret as _;

pub use self::config::{Area, Credentials, Keyword, Mode, Offset, Options, Rule, Settings};
use self::error::Said;
use super::{
    Advice, Called, Delivery, ErrorKind, Facts, Http, Provider, ProviderError, Repeat, Request, Settled, Submitted,
    Unsettled,
};
use crate::job::{ImageFormat, ProviderName};

/// The hosts that results are known to come from.
pub const RESULT_HOSTS: &[&str] = &["www.processimage.cn", "processimage.cn"];
/// The URL of the real service; there is one endpoint.
pub const DEFAULT_URL: &str = "https://www.processimage.cn/watermark/access";
/// The name of the form's file part that the server reads, whatever its documents say.
pub const DEFAULT_FILE_FIELD: &str = "uploadFile";

/// The client.
#[derive(Debug)]
pub struct Watermark {
    http: Http,
    settings: Settings,
}

/// What the documents say of limits and times.
pub const FACTS: Facts = Facts {
    formats: &[ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Jpeg],
    most_image_bytes: Some(4_194_304),
    result_life: Duration::from_secs(5 * 3600),
    deadline: Duration::from_secs(5 * 3600),
    rate_per_s: 2.0,
};

impl Watermark {
    /// A client with these settings.
    #[must_use]
    pub fn new(http: Http, settings: Settings) -> Self {
        Self { http, settings }
    }

    /// The one endpoint: `callback_url` absent asks for the result in the reply.
    async fn access(&self, request: &Request<'_>, options: &Options) -> Result<Said, ProviderError> {
        let part =
            reqwest::multipart::Part::stream_with_length(request.image.bytes.clone(), request.image.bytes.len() as u64)
                .file_name(request.file_name.to_owned())
                .mime_str(request.image.format.content_type())
                .map_err(|e| invalid_options(&e))?;
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
                post = post.header("x-access-api-sign", sensitive(&sign)?);
            }
            Credentials::Token(token) => {
                post = post.header("x-access-api-token", sensitive(token.expose_secret())?);
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
            Said::Accepted => Ok(Submitted::Accepted { task_id: None }),
            Said::Finished(outcome) => Ok(Submitted::Finished(outcome)),
        }
    }

    /// For five hours the service answers an identical request from its cache, free of charge.
    async fn settle(&self, _: Unsettled<'_>) -> Result<Settled, ProviderError> {
        Ok(Settled::RepeatIsFree)
    }
}

/// Reads a callback: the same object as a reply.
///
/// # Errors
/// When the body is none of the service's results.
pub fn read_callback(body: &[u8]) -> Result<Called, ProviderError> {
    match error::read(200, body) {
        Ok(Said::Finished(outcome)) => Ok(Called::Finished(outcome)),
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
    let image_md5 = hex(&Md5::digest(image));
    let mut hash = Md5::new();
    for part in [app_id, &image_md5, &salt.to_string(), app_secret] {
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Eight digits of which the first is not 0, as the service wants it.
fn salt() -> u32 {
    const LEAST: u32 = 10_000_000;
    const MANY: u32 = 90_000_000;
    let [a, b, c, d, ..] = *uuid::Uuid::new_v4().as_bytes();
    LEAST + u32::from_le_bytes([a, b, c, d]) % MANY
}

fn sensitive(text: &str) -> Result<http::HeaderValue, ProviderError> {
    let mut value = http::HeaderValue::from_str(text).map_err(|_| {
        ProviderError::new(
            ErrorKind::Credentials,
            Advice::Hold,
            "WATERMARK_TOKEN holds characters that no HTTP header can carry",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
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
