//! Fetches results onto the disk. A result is a stranger's: every hop is checked against the list of hosts, every name
//! is looked up once and only public addresses of it are used, and neither its length nor its pace is believed.
//!
//! Where `HTTP_PROXY` or `HTTPS_PROXY` is set, the proxy does the looking up, and has to have a public address or be
//! given as a literal one.

use std::{error::Error, net::SocketAddr, time::Duration};

use futures_util::StreamExt as _;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, LOCATION};
use reqwest::{
    Response,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::{
    fs::File,
    io::AsyncWriteExt as _,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Http, client,
    hosts::{AddressError, Place, ResultHosts, is_public},
};

/// Honest file servers redirect once, from `http` to `https`.
const MOST_REDIRECTS: usize = 3;

/// How long a result may take. One value, so that a test can make a minute a moment.
#[derive(Clone, Copy, Debug)]
pub struct DownloadLimits {
    /// From the request to the last byte.
    pub whole: Duration,
    /// From the request to the head of the answer.
    pub answer: Duration,
    /// A pace is measured over this.
    pub window: Duration,
    /// In each window, this many bytes have to come.
    pub least_bytes: u64,
}

impl Default for DownloadLimits {
    fn default() -> Self {
        Self {
            whole: Duration::from_secs(840),
            answer: Duration::from_secs(60),
            window: Duration::from_secs(30),
            least_bytes: 64 * 1024,
        }
    }
}

/// A result that could not be fetched. Hosts are named, addresses are not: they may hold a signature.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address points outside the provider's hosts.
    #[error("the provider names a result at {0}")]
    NotAllowed(#[from] AddressError),
    /// We were sent elsewhere than to the provider's hosts, or too often.
    #[error("the file server '{host}' sends us on to {problem}")]
    Redirected {
        /// Who sent us.
        host: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The name of the host leads into our own network.
    #[error("the name '{host}' leads to a private network and not to the internet, so nothing is fetched from there")]
    PrivateAddress {
        /// Who.
        host: String,
    },
    /// Nothing lies there any more.
    #[error("the result is no longer there ('{host}' answers HTTP {status})")]
    Gone {
        /// Who.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The provider's file server said something else.
    #[error("the provider's file server '{host}' answered HTTP {status}")]
    Refused {
        /// Who.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The file is packed in a way that we did not ask for; what it unpacks to is not ours to find out.
    #[error("the file server '{host}' sends the result in a content encoding that was not asked for")]
    Encoded {
        /// Who.
        host: String,
    },
    /// The connection did not hold.
    #[error("the connection to '{host}' broke while the result was fetched")]
    Broken {
        /// Who.
        host: String,
        /// What lies beneath; without the address.
        #[source]
        source: reqwest::Error,
    },
    /// It came too slowly, or not at all.
    #[error("the file server '{host}' was too slow: {problem}")]
    Slow {
        /// Who.
        host: String,
        /// What was measured.
        problem: String,
    },
    /// Longer than any honest result.
    #[error("the result at '{host}' is longer than {most_bytes} bytes")]
    TooLong {
        /// Who.
        host: String,
        /// The limit.
        most_bytes: u64,
    },
    /// Our own disk.
    #[error("the result could not be written to disk")]
    Disk(#[source] std::io::Error),
}

impl Http {
    /// Fetches a result into `file`, at most `most_bytes` of it, from one of `hosts` only. Redirects are followed as long
    /// as they stay with these hosts. Returns how many bytes came.
    ///
    /// # Errors
    /// When the address is not allowed, the result is gone, too long or too slow, or the connection breaks.
    pub async fn download(
        &self,
        url: &str,
        hosts: &ResultHosts,
        most_bytes: u64,
        file: &mut File,
    ) -> Result<u64, DownloadError> {
        let first = hosts.allow(url)?;
        let (host, whole) = (first.host(), self.download_limits.whole);
        timeout(whole, self.fetch(first, hosts, most_bytes, file)).await.unwrap_or_else(|_| {
            Err(DownloadError::Slow { host, problem: format!("not everything came within {whole:?}") })
        })
    }

    async fn fetch(
        &self,
        first: Place,
        hosts: &ResultHosts,
        most_bytes: u64,
        file: &mut File,
    ) -> Result<u64, DownloadError> {
        let mut place = first;
        for _ in 0..=MOST_REDIRECTS {
            let response = self.ask(&place).await?;
            if !response.status().is_redirection() {
                check(&response, &place, most_bytes)?;
                return self.write(response, &place, most_bytes, file).await;
            }
            place = redirected(&response, &place, hosts)?;
        }
        Err(DownloadError::Redirected { host: place.host(), problem: "one address after the other".into() })
    }

    async fn ask(&self, place: &Place) -> Result<Response, DownloadError> {
        let DownloadLimits { whole, answer, .. } = self.download_limits;
        let broken = |error: reqwest::Error| match leads_inside(&error) {
            true => DownloadError::PrivateAddress { host: place.host() },
            false => DownloadError::Broken { host: place.host(), source: error.without_url() },
        };
        let guarded = || async { client().dns_resolver(PublicAddresses).build() };
        let client =
            if place.at_home { &self.client } else { self.results.get_or_try_init(guarded).await.map_err(broken)? };
        // Our own limits tell more than the client's would, so they come first.
        let request = client.get(place.url.clone()).header(ACCEPT_ENCODING, "identity").timeout(whole + answer);
        timeout(answer, request.send())
            .await
            .map_err(|_| DownloadError::Slow { host: place.host(), problem: format!("no answer within {answer:?}") })?
            .map_err(broken)
    }

    /// Writes the body as it comes, and counts.
    async fn write(
        &self,
        response: Response,
        place: &Place,
        most_bytes: u64,
        file: &mut File,
    ) -> Result<u64, DownloadError> {
        let DownloadLimits { window, least_bytes, .. } = self.download_limits;
        let (mut bytes, mut bytes_before) = (0_u64, 0_u64);
        let mut window_ends = Instant::now() + window;
        let mut stream = response.bytes_stream();
        loop {
            let next = timeout_at(window_ends, stream.next()).await;
            if let Ok(Some(chunk)) = next {
                let chunk = chunk.map_err(|e| DownloadError::Broken { host: place.host(), source: e.without_url() })?;
                bytes += chunk.len() as u64;
                if bytes > most_bytes {
                    return Err(DownloadError::TooLong { host: place.host(), most_bytes });
                }
                file.write_all(&chunk).await.map_err(DownloadError::Disk)?;
            } else if next.is_ok() {
                break;
            }
            if Instant::now() >= window_ends {
                let came = bytes - bytes_before;
                if came < least_bytes {
                    let problem = format!("only {came} bytes came within {window:?}");
                    return Err(DownloadError::Slow { host: place.host(), problem });
                }
                bytes_before = bytes;
                window_ends = Instant::now() + window;
            }
        }
        file.flush().await.map_err(DownloadError::Disk)?;
        Ok(bytes)
    }
}

/// What the head of an answer tells already.
fn check(response: &Response, place: &Place, most_bytes: u64) -> Result<(), DownloadError> {
    let host = place.host();
    match response.status().as_u16() {
        200 => {}
        status @ (404 | 410) => return Err(DownloadError::Gone { host, status }),
        status => return Err(DownloadError::Refused { host, status }),
    }
    let is_plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !response.headers().get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Err(DownloadError::Encoded { host });
    }
    if response.content_length().is_some_and(|length| length > most_bytes) {
        return Err(DownloadError::TooLong { host, most_bytes });
    }
    Ok(())
}

/// Where a redirect leads, if that is as good a place as the first one.
fn redirected(response: &Response, from: &Place, hosts: &ResultHosts) -> Result<Place, DownloadError> {
    let refused = |problem: String| DownloadError::Redirected { host: from.host(), problem };
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let to = location
        .and_then(|location| from.url.join(location).ok())
        .ok_or_else(|| refused("something that is no web address".into()))?;
    let to = hosts.allow(to.as_str()).map_err(|problem| refused(problem.to_string()))?;
    if from.url.scheme() == "https" && to.url.scheme() != "https" {
        return Err(refused(format!("'{}' without encryption", to.host())));
    }
    Ok(to)
}

/// Looks names up, and leaves out the addresses that are not the internet's. What it answers is what is connected to: no
/// second look-up can say something else.
struct PublicAddresses;

/// A name all of whose addresses lie in a private network.
#[derive(Debug, thiserror::Error)]
#[error("it has no public address")]
struct LeadsInside;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(only_public(found)?.into_iter()) as Addrs)
        })
    }
}

fn only_public(mut found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, LeadsInside> {
    let unknown = found.is_empty();
    found.retain(|address| is_public(address.ip()));
    if found.is_empty() && !unknown { Err(LeadsInside) } else { Ok(found) }
}

fn leads_inside(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<LeadsInside>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
