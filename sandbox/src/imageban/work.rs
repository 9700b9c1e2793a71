//! The work of imageban: looking at images, and fetching them from elsewhere. Keeps nothing.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use image::ImageFormat;
use reqwest::Client;
use reqwest::redirect::Policy;
use url::Url;

use crate::error::SandboxError;
use crate::imageban::request::LARGEST_IMAGE_BYTES;
use crate::imageban::wire::Refusal;
use crate::pixels;

/// How long the service tries to fetch an image.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_REDIRECTS: usize = 3;

/// What an image shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    pub(crate) ending: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Looks at an image.
pub(crate) fn look_at(content: &[u8]) -> Result<Looks, Refusal> {
    if content.len() > LARGEST_IMAGE_BYTES {
        return Err(Refusal::TooLarge);
    }
    let ending = match image::guess_format(content) {
        Ok(ImageFormat::Jpeg) => "jpeg",
        Ok(ImageFormat::Png) => "png",
        Ok(ImageFormat::Gif) => "gif",
        _ => return Err(Refusal::WrongType),
    };
    let (width, height) = pixels::dimensions(content).ok_or(Refusal::WrongType)?;
    Ok(Looks { ending, width, height })
}

/// Fetches images from elsewhere.
pub(crate) struct Fetcher {
    client: Client,
}

impl Fetcher {
    /// Makes a fetcher.
    pub(crate) fn new() -> Result<Self, SandboxError> {
        // It fails if somebody has chosen a provider already, and then that one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(Policy::limited(MOST_REDIRECTS))
            .no_proxy()
            .build()
            .map_err(SandboxError::Client)?;
        Ok(Self { client })
    }

    /// Fetches what lies at a URL, unless it is larger than is taken.
    pub(crate) async fn fetch(&self, url: Url) -> Result<Bytes, Refusal> {
        let failed = |_| Refusal::FetchFailed;
        let mut answer = self.client.get(url).send().await.map_err(failed)?.error_for_status().map_err(failed)?;
        let mut content = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            content.extend_from_slice(&chunk);
            if content.len() > LARGEST_IMAGE_BYTES {
                return Err(Refusal::TooLarge);
            }
        }
        Ok(content.freeze())
    }
}
