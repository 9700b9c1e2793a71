//! What a visitor is told when something is not to be had. One list for pages and API; `headers` turns it into a page or
//! into JSON, whichever was asked for.

use axum::response::{IntoResponse, Response};
use darkroom_shared::{flow::FlowError, store::StoreError};
use http::StatusCode;

use crate::texts::Texts;

/// Why something is not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No token is configured, and others than this machine could reach us.
    Off,
    /// The request names another host than this machine.
    AnotherHost,
    /// The token is missing or wrong.
    NotLoggedIn,
    /// Too many wrong tokens at once.
    TooManyTries,
    /// The form came from elsewhere, or from a page that is too old.
    ForeignForm,
    /// There is no such page.
    NoSuchPage,
    /// There is no such job.
    NoSuchJob,
    /// There is no such preset; the text names it.
    NoSuchPreset(String),
    /// What was asked cannot be understood; the text says why.
    WrongRequest(String),
    /// A store failed. Why stands in the log.
    Internal,
}

impl Problem {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Off => StatusCode::SERVICE_UNAVAILABLE,
            Self::AnotherHost | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::NotLoggedIn => StatusCode::UNAUTHORIZED,
            Self::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
            Self::NoSuchPage | Self::NoSuchJob => StatusCode::NOT_FOUND,
            Self::NoSuchPreset(_) | Self::WrongRequest(_) => StatusCode::BAD_REQUEST,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The kind, for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::AnotherHost => "another_host",
            Self::NotLoggedIn => "not_logged_in",
            Self::TooManyTries => "too_many_tries",
            Self::ForeignForm => "foreign_form",
            Self::NoSuchPage => "no_such_page",
            Self::NoSuchJob => "no_such_job",
            Self::NoSuchPreset(_) => "no_such_preset",
            Self::WrongRequest(_) => "wrong_request",
            Self::Internal => "internal",
        }
    }

    /// What happened and what to do now.
    pub(crate) fn message(&self, texts: &Texts) -> String {
        match self {
            Self::Off => texts.problem_off.to_owned(),
            Self::AnotherHost => texts.problem_another_host.to_owned(),
            Self::NotLoggedIn => texts.problem_not_logged_in.to_owned(),
            Self::TooManyTries => texts.problem_too_many_tries.to_owned(),
            Self::ForeignForm => texts.problem_foreign_form.to_owned(),
            Self::NoSuchPage => texts.problem_no_such_page.to_owned(),
            Self::NoSuchJob => texts.problem_no_such_job.to_owned(),
            Self::NoSuchPreset(route) => texts.problem_no_such_preset.replace("{route}", route),
            Self::WrongRequest(why) => texts.problem_wrong_request.replace("{why}", why),
            Self::Internal => texts.problem_internal.to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the gallery could not read or write");
        Self::Internal
    }
}

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        if let FlowError::Forgotten(_) = error {
            return Self::WrongRequest(error.to_string());
        }
        tracing::error!(%error, "the gallery could not do what was asked");
        Self::Internal
    }
}
