//! The JSON of vkcloud, field for field as the service sends it. Decides nothing.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::error::SandboxError;

/// Every reply about images: its own `status` tells, HTTP says 200.
#[derive(Debug, Serialize)]
struct Reply<T> {
    status: u16,
    body: T,
    htmlencoded: bool,
    last_modified: u64,
}

/// What became of the images, mode by mode.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) improve: Option<Vec<Improved>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolution: Option<Vec<Resolved>>,
}

/// What became of one image.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    status: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    name: String,
}

/// An image in the mode `improve`.
#[derive(Debug, Serialize)]
pub(crate) struct Improved {
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    #[serde(flatten)]
    pub(crate) pictures: Option<Pictures>,
}

/// The pictures that were made, as JPEG in base64.
#[derive(Debug, Serialize)]
pub(crate) struct Pictures {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) improved: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) colorized_improved: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) colorized: Option<String>,
    pub(crate) bw: bool,
}

/// An image in the mode `resolution`.
#[derive(Debug, Serialize)]
pub(crate) struct Resolved {
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved: Option<String>,
}

impl Outcome {
    /// The image was worked on.
    pub(crate) fn done(name: &str) -> Self {
        Self { status: 0, error: None, name: name.to_owned() }
    }

    /// The image will never be worked on.
    pub(crate) fn refused(name: &str, error: &str) -> Self {
        Self { status: 1, error: Some(error.to_owned()), name: name.to_owned() }
    }

    /// The image may be worked on another time.
    pub(crate) fn failed(name: &str, error: &str) -> Self {
        Self { status: 2, error: Some(error.to_owned()), name: name.to_owned() }
    }
}

/// A request about images that is not served.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request is not in order, for this reason.
    BadRequest(String),
    /// Nobody is known by this token.
    Unauthorized { provider: String, token: String },
    /// Nothing is left of the account. What the real service says then is not known.
    NothingLeft,
    /// The service pretends to have failed.
    Crash,
    /// The sandbox itself failed.
    Broken(SandboxError),
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        Self::Broken(error)
    }
}

impl Refusal {
    /// The `status` of the reply.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::Unauthorized { .. } => 401,
            Self::NothingLeft => 403,
            Self::Crash | Self::Broken(_) => 500,
        }
    }

    fn body(&self) -> String {
        const TOKEN_SHOWN: usize = 24;
        match self {
            Self::BadRequest(reason) => reason.clone(),
            Self::Unauthorized { provider, token } => {
                let shown: String = token.chars().take(TOKEN_SHOWN).collect();
                format!(
                    "authorization failed, provider: {provider}, token: {shown}(...), reason: CONDITION/UNAUTHORIZED, \
                     Access Token invalid"
                )
            }
            Self::NothingLeft => "quota exceeded".to_owned(),
            Self::Crash | Self::Broken(_) => "internal error".to_owned(),
        }
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Json(Reply { status: 200, body: self, htmlencoded: false, last_modified: 0 }).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::Broken(error) = &self {
            tracing::error!(error = error as &dyn std::error::Error, "vkcloud sandbox failed");
        }
        let (status, body) = (self.status(), self.body());
        Json(Reply { status, body, htmlencoded: false, last_modified: 0 }).into_response()
    }
}

/// A fresh pair of tokens.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TokenPair {
    pub(crate) refresh_token: String,
    pub(crate) access_token: String,
    pub(crate) expired_in: &'static str,
    pub(crate) scope: Scope,
}

/// What a token opens.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Scope {
    objects: u8,
    video: u8,
    persons: u8,
}

impl Scope {
    /// What every token opens.
    pub(crate) const ALL: Self = Self { objects: 1, video: 1, persons: 1 };
}

/// A request for tokens that is not served. Its words are made up, as the documents have none.
#[derive(Debug)]
pub(crate) enum TokenRefusal {
    BadRequest,
    BadClient,
    BadRefreshToken,
    TooManyTokens,
    /// The sandbox itself failed.
    Broken(SandboxError),
}

impl From<SandboxError> for TokenRefusal {
    fn from(error: SandboxError) -> Self {
        Self::Broken(error)
    }
}

impl TokenRefusal {
    /// The HTTP status and the words.
    pub(crate) fn words(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "invalid_request", "grant_type or a credential is missing"),
            Self::BadClient => (StatusCode::UNAUTHORIZED, "invalid_client", "unknown client or wrong secret"),
            Self::BadRefreshToken => (StatusCode::UNAUTHORIZED, "invalid_grant", "refresh token is unknown or used"),
            Self::TooManyTokens => (StatusCode::FORBIDDEN, "token_limit_exceeded", "25 access tokens are active"),
            Self::Broken(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal error"),
        }
    }
}

impl IntoResponse for TokenRefusal {
    fn into_response(self) -> Response {
        if let Self::Broken(error) = &self {
            tracing::error!(error = error as &dyn std::error::Error, "vkcloud sandbox failed");
        }
        let (status, error, description) = self.words();
        (status, Json(json!({"error": error, "error_description": description}))).into_response()
    }
}
