//! The tokens of vkcloud: who has been given which, and for how long. A restart finds them again.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::credentials::{VKCLOUD_CLIENT_ID, VKCLOUD_CLIENT_SECRET, VKCLOUD_TOKEN};
use crate::error::SandboxError;
use crate::files;
use crate::vkcloud::wire::{Scope, TokenPair, TokenRefusal};

/// How long an access token opens anything.
const ACCESS_LIFE_MS: u64 = 3600 * 1000;
const ACCESS_LIFE_SECONDS: &str = "3600";
const MOST_ACCESS_TOKENS: usize = 25;

/// A request for tokens.
#[derive(Debug, Deserialize)]
pub(crate) struct TokenRequest {
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    grant_type: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Given {
    access: Vec<Access>,
    refresh: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Access {
    token: String,
    expires_at_ms: u64,
}

/// All tokens that were given, in memory and on disk.
pub(crate) struct Tokens {
    path: PathBuf,
    given: Mutex<Given>,
}

impl Tokens {
    /// Finds the tokens in the service's folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, SandboxError> {
        let path = folder.join("tokens.json");
        let given = files::read_record(&path)?.unwrap_or_default();
        Ok(Self { path, given: Mutex::new(given) })
    }

    /// Whether a token opens the service now.
    pub(crate) fn open_now(&self, token: &str, now_ms: u64) -> bool {
        let is_live = |access: &Access| access.token == token && now_ms < access.expires_at_ms;
        token == VKCLOUD_TOKEN || self.lock().access.iter().any(is_live)
    }

    /// Gives a new pair. A refresh token is used up by it.
    pub(crate) fn give(&self, request: &TokenRequest, now_ms: u64) -> Result<TokenPair, TokenRefusal> {
        if request.client_id.as_deref() != Some(VKCLOUD_CLIENT_ID) {
            return Err(TokenRefusal::BadClient);
        }
        let mut given = self.lock();
        let mut changed = given.clone();
        match (request.grant_type.as_deref(), &request.client_secret, &request.refresh_token) {
            (Some("client_credentials"), Some(secret), _) if secret == VKCLOUD_CLIENT_SECRET => {}
            (Some("client_credentials"), _, _) => return Err(TokenRefusal::BadClient),
            (Some("refresh_token"), _, Some(token)) => {
                let index = changed.refresh.iter().position(|known| known == token);
                changed.refresh.swap_remove(index.ok_or(TokenRefusal::BadRefreshToken)?);
            }
            _ => return Err(TokenRefusal::BadRequest),
        }
        changed.access.retain(|access| now_ms < access.expires_at_ms);
        if changed.access.len() >= MOST_ACCESS_TOKENS {
            return Err(TokenRefusal::TooManyTokens);
        }
        let pair = TokenPair {
            refresh_token: fresh_token(),
            access_token: fresh_token(),
            expired_in: ACCESS_LIFE_SECONDS,
            scope: Scope::ALL,
        };
        let expires_at_ms = now_ms.saturating_add(ACCESS_LIFE_MS);
        changed.access.push(Access { token: pair.access_token.clone(), expires_at_ms });
        changed.refresh.push(pair.refresh_token.clone());
        files::write_record(&self.path, &changed)?;
        *given = changed;
        Ok(pair)
    }

    /// Lets every access token run out. Refresh tokens stay good.
    pub(crate) fn expire(&self) -> Result<(), SandboxError> {
        let mut given = self.lock();
        given.access.clear();
        files::write_record(&self.path, &*given)
    }

    fn lock(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh_token() -> String {
    [Uuid::new_v4(), Uuid::new_v4()].map(|part| part.simple().to_string()).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_25_access_tokens_live_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let request = TokenRequest {
            client_id: Some(VKCLOUD_CLIENT_ID.to_owned()),
            client_secret: Some(VKCLOUD_CLIENT_SECRET.to_owned()),
            refresh_token: None,
            grant_type: Some("client_credentials".to_owned()),
        };
        for _ in 0..25 {
            tokens.give(&request, 0).unwrap();
        }
        assert!(matches!(tokens.give(&request, ACCESS_LIFE_MS - 1), Err(TokenRefusal::TooManyTokens)));
        let pair = tokens.give(&request, ACCESS_LIFE_MS).unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        assert!(tokens.open_now(&pair.access_token, ACCESS_LIFE_MS), "a restart keeps it");
    }
}
