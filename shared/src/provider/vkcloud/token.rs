//! VK Cloud's access tokens: fetched, refreshed, and kept where every function finds them. Whoever needs one takes it
//! from here and never asks where it came from.
//!
//! An account has at most 25 refresh tokens, and each is good for one use: so all functions share one note, and one
//! process asks once. Source: the service's page on authorization, see `README.md` beside this file.
//!
//! ```text
//! own memory ─ usable ─► taken
//!     └► note ─ usable ─► taken
//!          └► refresh ─ refused ─► note again (somebody was quicker?) ─► id and secret
//!                └─ new token ─► written down, unless somebody was quicker: then theirs is taken
//! ```

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::super::{
    error::{Advice, ErrorKind, ProviderError},
    http::{Http, Repeat},
    notes::{Notes, NotesError},
};
use super::{
    config::{ClientCredentials, Credentials},
    error::{parse_token_error, without_secret},
    wire::{Grant, Granted},
};

/// The note's name.
const NOTE: &str = "token";
/// A token that ends sooner than this could end on its way.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// What a token lives where the reply does not say: the documented hour.
const USUAL_LIFE: SignedDuration = SignedDuration::from_secs(3600);
/// Two of these and a paid call have to fit into the lease of an attempt.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The tokens of one account, for all calls of this process.
pub(super) struct Tokens {
    http: Http,
    credentials: Credentials,
    notes: Arc<dyn Notes>,
    cache: Mutex<Option<Token>>,
}

/// It shows no note: notes hold tokens.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Token {
    access: SecretString,
    refresh: Option<SecretString>,
    expires_at: Timestamp,
}

/// The note as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    /// A hash of the credentials: with others, the token counts for nothing and is sent nowhere.
    credentials: String,
    access_token: String,
    refresh_token: Option<String>,
    expires_at: Timestamp,
}

/// The note as it was found.
struct Noted {
    text: Option<String>,
    token: Option<Token>,
}

impl Tokens {
    /// The tokens of `credentials`, shared through `notes`.
    pub(super) fn new(http: Http, credentials: Credentials, notes: Arc<dyn Notes>) -> Self {
        Self { http, credentials, notes, cache: Mutex::new(None) }
    }

    /// A token to call with.
    ///
    /// # Errors
    /// When none can be had. Nothing has been paid for by then.
    pub(super) async fn get(&self, now: Timestamp) -> Result<SecretString, ProviderError> {
        match &self.credentials {
            Credentials::ServiceToken(token) => Ok(token.clone()),
            Credentials::Client(client) => self.usable(client, None, now).await,
        }
    }

    /// A token in place of `refused`, which the service did not take. `None`: there is no other.
    ///
    /// # Errors
    /// When none can be had.
    pub(super) async fn in_place_of(
        &self,
        refused: &SecretString,
        now: Timestamp,
    ) -> Result<Option<SecretString>, ProviderError> {
        match &self.credentials {
            Credentials::ServiceToken(_) => Ok(None),
            Credentials::Client(client) => self.usable(client, Some(refused), now).await.map(Some),
        }
    }

    /// Whether tokens can be fetched, so that the credentials can be tried for free.
    pub(super) fn are_fetched(&self) -> bool {
        matches!(self.credentials, Credentials::Client(_))
    }

    /// The lock is held while a token is fetched: the others wait for it instead of fetching their own.
    async fn usable(
        &self,
        client: &ClientCredentials,
        refused: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<SecretString, ProviderError> {
        let mut cache = self.cache.lock().await;
        if let Some(token) = cache.take().filter(|token| token.is_usable(refused, now)) {
            return Ok(cache.insert(token).access.clone());
        }
        let noted = self.noted(client).await?;
        let token = match noted.usable(refused, now) {
            Some(token) => token,
            None => self.renew(client, noted, refused, now).await?,
        };
        Ok(cache.insert(token).access.clone())
    }

    async fn renew(
        &self,
        client: &ClientCredentials,
        mut noted: Noted,
        refused: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<Token, ProviderError> {
        if let Some(refresh) = noted.token.as_ref().and_then(|token| token.refresh.clone()) {
            match self.refresh(client, &refresh, now).await {
                Ok(token) => return self.write_down(client, noted, token, refused, now).await,
                Err(error) if error.kind == ErrorKind::Credentials => {
                    tracing::info!(%error, "the refresh token is not taken; another was quicker, or it is used up");
                }
                Err(error) => return Err(error),
            }
            noted = self.noted(client).await?;
            if let Some(token) = noted.usable(refused, now) {
                return Ok(token);
            }
        }
        let (client_id, client_secret) = (client.client_id.as_str(), client.client_secret.expose_secret());
        let grant = Grant::First { client_id, client_secret, grant_type: "client_credentials" };
        let granted = self.ask(client, &grant).await.map_err(|error| without_secret(error, client_secret))?;
        self.write_down(client, noted, Token::new(granted, None, now), refused, now).await
    }

    async fn refresh(
        &self,
        client: &ClientCredentials,
        refresh: &SecretString,
        now: Timestamp,
    ) -> Result<Token, ProviderError> {
        let (client_id, refresh_token) = (client.client_id.as_str(), refresh.expose_secret());
        let grant = Grant::Refresh { client_id, refresh_token, grant_type: "refresh_token" };
        let granted = self.ask(client, &grant).await.map_err(|error| without_secret(error, refresh_token))?;
        Ok(Token::new(granted, Some(refresh), now))
    }

    async fn ask(&self, client: &ClientCredentials, grant: &Grant<'_>) -> Result<Granted, ProviderError> {
        let post = self.http.post(client.auth_url.clone()).timeout(TIMEOUT).json(grant);
        let reply = self.http.send(post, Repeat::Harmless).await.map_err(|error| ProviderError {
            message: format!("no access token was to be had from vkcloud's token service: {error}"),
            ..error
        })?;
        match serde_json::from_slice::<Granted>(&reply.body) {
            Ok(granted) if reply.status == 200 && !granted.access_token.is_empty() => Ok(granted),
            _ => Err(parse_token_error(reply.status, &reply.body)),
        }
    }

    async fn noted(&self, client: &ClientCredentials) -> Result<Noted, ProviderError> {
        let text = self.notes.get(NOTE).await.map_err(unreachable)?;
        let written = text.as_deref().and_then(|text| serde_json::from_str::<Written>(text).ok());
        let token = written.filter(|written| written.credentials == hash(client)).map(|written| Token {
            access: written.access_token.into(),
            refresh: written.refresh_token.map(Into::into),
            expires_at: written.expires_at,
        });
        Ok(Noted { text, token })
    }

    /// Shares `token`. Where somebody was quicker since `noted`, their token is taken, so that all have the same.
    async fn write_down(
        &self,
        client: &ClientCredentials,
        noted: Noted,
        token: Token,
        refused: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<Token, ProviderError> {
        let written = Written {
            credentials: hash(client),
            access_token: token.access.expose_secret().to_owned(),
            refresh_token: token.refresh.as_ref().map(|refresh| refresh.expose_secret().to_owned()),
            expires_at: token.expires_at,
        };
        let Ok(text) = serde_json::to_string(&written) else { return Ok(token) };
        match self.notes.replace(NOTE, noted.text.as_deref(), &text).await {
            Ok(true) => Ok(token),
            Ok(false) => Ok(self.noted(client).await?.usable(refused, now).unwrap_or(token)),
            Err(_) => {
                // The error's own words are a stranger's, who was just given the token.
                tracing::warn!("a new token of vkcloud cannot be shared; this process uses it alone");
                Ok(token)
            }
        }
    }
}

impl Token {
    /// `used` is the refresh token that it was got with. It stays where the reply names no new one.
    fn new(granted: Granted, used: Option<&SecretString>, now: Timestamp) -> Self {
        let life = granted.expired_in.map_or(USUAL_LIFE, SignedDuration::from_secs);
        Self {
            access: granted.access_token.into(),
            refresh: granted.refresh_token.map(Into::into).or_else(|| used.cloned()),
            expires_at: now.saturating_add(life).unwrap_or(now),
        }
    }

    fn is_usable(&self, refused: Option<&SecretString>, now: Timestamp) -> bool {
        let is_refused = refused.is_some_and(|refused| refused.expose_secret() == self.access.expose_secret());
        !is_refused && self.expires_at.duration_since(now) > MARGIN
    }
}

impl Noted {
    fn usable(&self, refused: Option<&SecretString>, now: Timestamp) -> Option<Token> {
        self.token.clone().filter(|token| token.is_usable(refused, now))
    }
}

/// Whose tokens a note holds: a hash of everything that one account differs in from another.
fn hash(client: &ClientCredentials) -> String {
    let mut hash = Sha256::new();
    for part in [client.auth_url.as_str(), &client.client_id, client.client_secret.expose_secret()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

fn unreachable(error: NotesError) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Unavailable,
        advice: Advice::Retry { after: Duration::from_secs(1) },
        message: "the access token of vkcloud cannot be looked up".to_owned(),
        source: Some(Box::new(error)),
    }
}
