//! Callbacks: who may call, and what is written down. What a callback means is the collector's business.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use tracing::Instrument as _;
use url::Url;

use super::{App, FlowError, span::of_callback};
use crate::{
    job::{CallbackReceived, JobId, ProviderName},
    provider::{Called, definition},
    store::{CallbackWritten, QueueName},
};

/// The secrets that make and check the tokens in callback URLs: the first one makes, all of them check.
#[derive(Debug, Clone)]
pub struct CallbackSecrets(Vec<SecretString>);

impl CallbackSecrets {
    /// Secrets, the newest first; see `DARKROOM_CALLBACK_SECRET`.
    #[must_use]
    pub fn new(secrets: Vec<SecretString>) -> Self {
        Self(secrets)
    }

    fn mac(secret: &SecretString, provider: ProviderName, job_id: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
        mac.update(format!("{provider}:{job_id}").as_bytes());
        Some(mac)
    }

    fn token(&self, provider: ProviderName, job_id: &JobId) -> String {
        let mac = self.0.first().and_then(|secret| Self::mac(secret, provider, job_id.as_str()));
        mac.map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())).unwrap_or_default()
    }

    /// Whether `token` was made for this job, with any of the secrets. The comparison takes the same time whatever
    /// is wrong.
    #[must_use]
    pub fn verify(&self, provider: ProviderName, job_id: &str, token: &str) -> bool {
        let Ok(token) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let macs = self.0.iter().filter_map(|secret| Self::mac(secret, provider, job_id));
        // No short cut: every secret is tried.
        macs.fold(false, |right, mac| mac.verify_slice(&token).is_ok() | right)
    }
}

/// Makes the URLs that providers call back.
#[derive(Debug, Clone)]
pub struct CallbackUrls {
    public_url: Url,
    secrets: CallbackSecrets,
}

impl CallbackUrls {
    /// `public_url` is `DARKROOM_PUBLIC_URL`.
    #[must_use]
    pub fn new(public_url: Url, secrets: CallbackSecrets) -> Self {
        Self { public_url, secrets }
    }

    /// `{public_url}/callbacks/{provider}/{job_id}/{token}`; the contract, section 4.
    #[must_use]
    pub fn of(&self, provider: ProviderName, job_id: &JobId) -> String {
        let base = self.public_url.as_str().trim_end_matches('/');
        format!("{base}/callbacks/{provider}/{job_id}/{}", self.secrets.token(provider, job_id))
    }
}

/// What became of a callback with a right token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is written down, or was not needed any more: a repeat, a late one.
    Taken,
    /// It could not be read; it is kept to be looked at.
    Malformed,
    /// There is no such job.
    NoSuchJob,
}

/// So much of a callback's body is kept: a row holds 400 KB. No honest result comes near.
const MOST_KEPT_BYTES: usize = 256 * 1024;
/// The same of one that cannot be read; the row may have to hold both.
const MOST_MALFORMED_BYTES: usize = 32 * 1024;

/// Writes a callback down on its job and wakes the collector. The token has been verified.
///
/// # Errors
/// When the table fails: the provider is to call again.
pub async fn receive_callback(
    app: &App,
    provider: ProviderName,
    job_id: &JobId,
    body: &[u8],
) -> Result<Received, FlowError> {
    write_down(app, provider, job_id, body).instrument(of_callback(job_id, provider)).await
}

async fn write_down(app: &App, provider: ProviderName, job_id: &JobId, body: &[u8]) -> Result<Received, FlowError> {
    let now = app.now();
    let text = String::from_utf8_lossy(body);
    let kept = |most_bytes: usize| {
        let body = text.get(..text.floor_char_boundary(most_bytes)).unwrap_or_default().to_owned();
        CallbackReceived { at: now, body }
    };
    if text.len() > MOST_KEPT_BYTES || !is_readable(provider, body) {
        let callback = kept(MOST_MALFORMED_BYTES);
        tracing::warn!(%job_id, %provider, bytes = body.len(), "callback with a right token cannot be read");
        return Ok(match app.jobs.record_malformed_callback(job_id, &callback).await? {
            CallbackWritten::NoSuchJob => Received::NoSuchJob,
            CallbackWritten::Recorded | CallbackWritten::NotNeeded => Received::Malformed,
        });
    }
    let callback = kept(MOST_KEPT_BYTES);
    match app.jobs.record_callback(job_id, &callback, app.schedule.wake_again_at(now)).await? {
        CallbackWritten::NoSuchJob => Ok(Received::NoSuchJob),
        CallbackWritten::NotNeeded => Ok(Received::Taken),
        CallbackWritten::Recorded => {
            tracing::info!(%job_id, %provider, "callback taken");
            app.wake(QueueName::Collect, job_id).await;
            Ok(Received::Taken)
        }
    }
}

fn is_readable(provider: ProviderName, body: &[u8]) -> bool {
    let Some(read) = definition(provider).read_callback else { return false };
    matches!(read(&serde_json::Value::Null, body), Ok(Called::Finished(_) | Called::Failed(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(list: &[&str]) -> CallbackSecrets {
        CallbackSecrets::new(list.iter().map(|&secret| secret.into()).collect())
    }

    fn job_id() -> JobId {
        JobId::of_upload("b", "uploads/watermark/a.jpg", "1")
    }

    fn token(urls: &str) -> String {
        urls.rsplit('/').next().unwrap().to_owned()
    }

    #[test]
    fn the_url_is_as_the_contract_says() {
        let urls = CallbackUrls::new("https://hooks.example/base/".parse().unwrap(), secrets(&["s"]));
        let url = urls.of(ProviderName::Watermark, &job_id());
        assert!(url.starts_with(&format!("https://hooks.example/base/callbacks/watermark/{}/", job_id())), "{url}");
        // base64url of HMAC-SHA256("s", "watermark:" + id), made with Python's hmac.
        assert_eq!(token(&url), "YGHtCdLDdiHhu_1BU58ipRfTfAwnRdZHR6PVODdIg1U");
    }

    #[test]
    fn a_token_is_good_for_its_job_and_provider_only() {
        let secrets = secrets(&["s"]);
        let token = secrets.token(ProviderName::Watermark, &job_id());
        assert!(secrets.verify(ProviderName::Watermark, job_id().as_str(), &token));
        assert!(!secrets.verify(ProviderName::Imgfactory, job_id().as_str(), &token));
        assert!(!secrets.verify(ProviderName::Watermark, "0", &token));
        for forged in ["", "x", &token[1..], &format!("{token}A"), "%%%"] {
            assert!(!secrets.verify(ProviderName::Watermark, job_id().as_str(), forged), "{forged}");
        }
    }

    #[test]
    fn an_old_secret_still_checks_while_the_new_one_signs() {
        let old = secrets(&["old"]).token(ProviderName::Watermark, &job_id());
        let rotating = secrets(&["new", "old"]);
        assert!(rotating.verify(ProviderName::Watermark, job_id().as_str(), &old));
        assert_ne!(rotating.token(ProviderName::Watermark, &job_id()), old);
        assert!(!secrets(&["new"]).verify(ProviderName::Watermark, job_id().as_str(), &old));
    }
}
