//! The only sender of requests to providers. It sets time-outs, refuses redirects, caps what is read and tells apart
//! "was never sent" from "may have arrived". It knows no provider.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use super::{
    Image,
    error::{Advice, ErrorKind, ProviderError},
    tolerant::excerpt,
};

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
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(840);

impl Http {
    /// A sender.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is unusable.
    pub fn new() -> Result<Self, reqwest::Error> {
        // It fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("darkroom/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            client,
            #[cfg(feature = "fuzzing")]
            replies: None,
        })
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
        Ok(Reply { status, content_type, body: body.freeze() })
    }

    /// Fetches a result into `file`, at most `most_bytes` of it, from one of `hosts` only.
    ///
    /// # Errors
    /// When the address is not allowed, the result is gone or too long, or the connection breaks.
    pub async fn download(
        &self,
        url: &str,
        hosts: &ResultHosts,
        most_bytes: u64,
        file: &mut tokio::fs::File,
    ) -> Result<u64, DownloadError> {
        let url = hosts.allow(url)?;
        // A large result may take long, as long as it comes: the read time-out tells a slow one from a dead one.
        let request = self.client.get(url).timeout(DOWNLOAD_TIMEOUT);
        let response = request.send().await.map_err(|e| DownloadError::Broken(e.without_url()))?;
        match response.status().as_u16() {
            200 => {}
            404 | 410 => return Err(DownloadError::Gone(response.status().as_u16())),
            status => return Err(DownloadError::Refused(status)),
        }
        let mut bytes = 0_u64;
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| DownloadError::Broken(e.without_url()))?;
            bytes += chunk.len() as u64;
            if bytes > most_bytes {
                return Err(DownloadError::TooLong { most_bytes });
            }
            file.write_all(&chunk).await.map_err(DownloadError::Disk)?;
        }
        file.flush().await.map_err(DownloadError::Disk)?;
        Ok(bytes)
    }
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

/// The hosts that a provider's results may come from.
///
/// A result's address is a stranger's text: without this list it could point into our own network.
#[derive(Debug, Clone)]
pub struct ResultHosts {
    allowed: Vec<String>,
    base: Url,
}

impl ResultHosts {
    /// The host of the provider's own `base` address, the ones it is known to use, and those from
    /// `<PROVIDER>_RESULT_HOSTS`.
    #[must_use]
    pub fn new(base: &Url, known: &[&str], configured: &[String]) -> Self {
        let own = base.host_str().map(str::to_owned);
        let allowed =
            own.into_iter().chain(known.iter().map(|&host| host.to_owned())).chain(configured.iter().cloned());
        Self { allowed: allowed.collect(), base: base.clone() }
    }

    pub(super) fn allow(&self, text: &str) -> Result<Url, DownloadError> {
        let not_allowed = || DownloadError::NotAllowed(excerpt(text.as_bytes()));
        let url = Url::parse(text).map_err(|_| not_allowed())?;
        let host = url.host_str().unwrap_or_default();
        let known = self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
        // Our own machine is only ever a provider under the very port it was configured with.
        let same_place = url.host() != self.base.host() || !is_private(&self.base) || url.port() == self.base.port();
        let scheme = matches!(url.scheme(), "http" | "https");
        if known && same_place && scheme { Ok(url) } else { Err(not_allowed()) }
    }
}

fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => true,
    }
}

/// A result that could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address points outside the provider's hosts.
    #[error(
        "the provider names a result at '{0}', which is none of its known hosts; if it is right, add the host to <PROVIDER>_RESULT_HOSTS"
    )]
    NotAllowed(String),
    /// Nothing lies there any more.
    #[error("the result is no longer there (HTTP {0})")]
    Gone(u16),
    /// The provider's file server said something else.
    #[error("the provider's file server answered HTTP {0}")]
    Refused(u16),
    /// The connection did not hold.
    #[error("the connection broke while the result was fetched")]
    Broken(#[source] reqwest::Error),
    /// Longer than any honest result.
    #[error("the result is longer than {most_bytes} bytes")]
    TooLong {
        /// The limit.
        most_bytes: u64,
    },
    /// Our own disk.
    #[error("the result could not be written to disk")]
    Disk(#[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(base: &str) -> ResultHosts {
        ResultHosts::new(&Url::parse(base).unwrap(), &["cdn.example"], &["mirror.example".to_owned()])
    }

    #[test]
    fn results_come_from_known_hosts_only() {
        let hosts = hosts("https://provider.example/api");
        for url in ["https://provider.example/a.zip", "http://cdn.example/a", "https://MIRROR.example/a"] {
            assert!(hosts.allow(url).is_ok(), "{url}");
        }
        for url in [
            "http://169.254.169.254/latest/meta-data",
            "https://provider.example.evil.com/a",
            "file:///etc/passwd",
            "https://user@evil.com/provider.example",
            "no address",
        ] {
            assert!(hosts.allow(url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_address_that_is_refused_is_told_in_a_line_that_a_row_can_hold() {
        let address = format!("https://evil.example/\u{1b}[2J{}", "x".repeat(9_000));
        let refused = hosts("https://provider.example/api").allow(&address).unwrap_err().to_string();
        assert!(refused.contains("https://evil.example/ [2Jx") && refused.len() < 500, "{refused}");
    }

    #[test]
    fn a_provider_on_this_machine_stays_on_its_port() {
        let hosts = hosts("http://127.0.0.1:9001/sandbox");
        assert!(hosts.allow("http://127.0.0.1:9001/sandbox/a.zip").is_ok());
        assert!(hosts.allow("http://127.0.0.1:9002/").is_err());
    }
}
