//! The only sender of requests to providers. It sets time-outs, refuses redirects, caps what is read and tells apart
//! "was never sent" from "may have arrived". It knows no provider. Fetching results, which are a stranger's, has files
//! of its own: [`hosts`] says from where, [`download`] how.

mod download;
mod hosts;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::sync::OnceCell;
use url::Url;

pub use self::{
    download::{DownloadError, DownloadLimits},
    hosts::{AddressError, ResultHosts},
};
use super::{
    Image,
    error::{Advice, ErrorKind, ProviderError},
};
use crate::failpoint::passed;

/// A reply of a provider, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` without its parameters, lower case; empty where there is none.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// Whether a request may be sent again when nobody knows if it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It changes nothing, or repeats are free.
    Harmless,
    /// It may have started work that is paid for.
    Paid,
}

/// The sender. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    /// Fetches results from places that are not our own network. Most functions never need it, so it is made late.
    results: Arc<OnceCell<reqwest::Client>>,
    download_limits: DownloadLimits,
    /// What answers in place of the network.
    #[cfg(feature = "fuzzing")]
    pub(super) replies: Option<super::fuzzing::Replies>,
}

/// A reply that is to be held in memory is never longer than this. The longest honest one is vkcloud's: 3840 × 2160
/// pixels made four times wider and higher are 133 million, as JPEG up to some 80 MB, and base64 adds a third.
const MOST_REPLY_BYTES: usize = 128 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Shorter than the lease of an attempt, so that a live function always learns its outcome within its lease.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(100);

impl Http {
    /// A sender.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is unusable.
    pub fn new() -> Result<Self, reqwest::Error> {
        crate::tls::install();
        let client = client().build()?;
        Ok(Self {
            client,
            results: Arc::default(),
            download_limits: DownloadLimits::default(),
            #[cfg(feature = "fuzzing")]
            replies: None,
        })
    }

    /// The same sender with other limits to the time that a result may take.
    #[must_use]
    pub fn with_download_limits(self, download_limits: DownloadLimits) -> Self {
        Self { download_limits, ..self }
    }

    /// A `GET` to build on.
    pub fn get(&self, url: Url) -> reqwest::RequestBuilder {
        self.client.get(url)
    }

    /// A `POST` to build on.
    pub fn post(&self, url: Url) -> reqwest::RequestBuilder {
        self.client.post(url)
    }

    /// Sends `request` and reads the whole reply.
    ///
    /// # Errors
    /// When no whole reply came. For a [`Repeat::Paid`] request that may have arrived the advice is
    /// [`Advice::Unknown`].
    pub async fn send(&self, request: reqwest::RequestBuilder, repeat: Repeat) -> Result<Reply, ProviderError> {
        #[cfg(feature = "fuzzing")]
        if let Some(replies) = &self.replies {
            request.build().map_err(|e| network_error(e, repeat))?;
            let advice = match repeat {
                Repeat::Paid => Advice::Unknown,
                Repeat::Harmless => Advice::Retry { after: Duration::ZERO },
            };
            return replies.next().ok_or_else(|| ProviderError::new(ErrorKind::Network, advice, "nobody answers"));
        }
        passed("provider.asked");
        let response = request.send().await.map_err(|e| network_error(e, repeat))?;
        let status = response.status().as_u16();
        let content_type = content_type(&response);
        let mut body = BytesMut::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| network_error(e, repeat))?;
            if body.len() + chunk.len() > MOST_REPLY_BYTES {
                return Err(ProviderError::new(
                    ErrorKind::Unreadable,
                    if repeat == Repeat::Paid { Advice::Unknown } else { Advice::Reject },
                    format!("the reply is longer than {MOST_REPLY_BYTES} bytes"),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        passed("provider.answered");
        Ok(Reply { status, content_type, body: body.freeze() })
    }
}

/// What all clients have in common. Nothing is ever unpacked on its way: a few bytes could become very many.
fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("darkroom/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
}

/// A picture as a part of a form.
///
/// # Errors
/// Never for the media types that darkroom knows.
pub(super) fn image_part(image: &Image, file_name: &str) -> Result<reqwest::multipart::Part, ProviderError> {
    reqwest::multipart::Part::stream_with_length(image.bytes.clone(), image.bytes.len() as u64)
        .file_name(file_name.to_owned())
        .mime_str(image.format.content_type())
        .map_err(|e| ProviderError::new(ErrorKind::UnsuitableImage, Advice::Reject, e.to_string()))
}

/// A header's value that no log shows. `variable` is where it comes from.
///
/// # Errors
/// When the secret holds characters that no header can carry.
pub(super) fn secret_header(secret: &str, variable: &str) -> Result<http::HeaderValue, ProviderError> {
    let mut value = http::HeaderValue::from_str(secret).map_err(|_| {
        let message = format!("{variable} holds characters that no HTTP header can carry");
        ProviderError::new(ErrorKind::Credentials, Advice::Hold, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn content_type(response: &reqwest::Response) -> String {
    let value = response.headers().get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn network_error(error: reqwest::Error, repeat: Repeat) -> ProviderError {
    let never_sent = error.is_connect() || error.is_builder();
    let advice = match repeat {
        Repeat::Paid if !never_sent => Advice::Unknown,
        _ => Advice::Retry { after: Duration::ZERO },
    };
    let message = if error.is_timeout() {
        "the provider did not answer in time"
    } else if never_sent {
        "the provider could not be reached"
    } else {
        "the connection to the provider broke"
    };
    // The address can carry a token (vkcloud): it never goes on.
    let error = error.without_url();
    ProviderError { kind: ErrorKind::Network, advice, message: message.to_owned(), source: Some(Box::new(error)) }
}
