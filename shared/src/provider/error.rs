//! What goes wrong with a provider: what happened, and, told apart from it, what to do. No provider's words here.

use std::time::Duration;

use crate::job::{FailureKind, Trouble};

/// A call to a provider that did not bring what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What happened.
    pub kind: ErrorKind,
    /// What to do.
    pub advice: Advice,
    /// What happened in words, with the provider's own words and codes; never a secret.
    pub message: String,
    /// What lies beneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Our credentials were not taken.
    Credentials,
    /// Nothing is left on the account, or it is not paid for.
    Payment,
    /// The options or the request's form were refused.
    InvalidRequest,
    /// The image was refused: type, size, content.
    UnsuitableImage,
    /// Too many requests.
    RateLimited,
    /// The provider knows no such task.
    UnknownTask,
    /// Something is wrong at the provider.
    Unavailable,
    /// The provider was not reached, or the connection broke.
    Network,
    /// The answer could not be read.
    Unreadable,
}

impl ErrorKind {
    /// The kind's name, for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Payment => "payment",
            Self::InvalidRequest => "invalid_request",
            Self::UnsuitableImage => "unsuitable_image",
            Self::RateLimited => "rate_limited",
            Self::UnknownTask => "unknown_task",
            Self::Unavailable => "unavailable",
            Self::Network => "network",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// This image will never work this way.
    Reject,
    /// Try again, not before this.
    Retry {
        /// The least wait.
        after: Duration,
    },
    /// We were too quick. Try again after this; it does not count as a try.
    Slow {
        /// The least wait.
        after: Duration,
    },
    /// It is about the account, not about the image.
    Hold,
    /// The day's quota is used up. Try again on the provider's next day; it does not count as a try.
    NextDay {
        /// Where the provider's day begins: hours east of UTC.
        zone_hours: i8,
    },
    /// The call may have been carried out. It must not be repeated before that is settled.
    Unknown,
}

/// A message is no longer than this: it is kept in the job's row, and a provider's words have no end of their own.
const LONGEST_MESSAGE_BYTES: usize = 2_000;

impl ProviderError {
    /// An error without anything beneath it. Of a very long message the beginning is kept, and control characters become
    /// spaces: the words may be a stranger's, and end in somebody's terminal.
    #[must_use]
    pub fn new(kind: ErrorKind, advice: Advice, message: impl Into<String>) -> Self {
        let message = message.into().replace(char::is_control, " ");
        let message = match message.get(..message.floor_char_boundary(LONGEST_MESSAGE_BYTES)) {
            Some(beginning) if beginning.len() < message.len() => format!("{beginning}…"),
            _ => message,
        };
        Self { kind, advice, message, source: None }
    }

    /// The same for a call that costs money: where the provider broke down in the middle, the work may have been
    /// done, and a plain retry might pay twice.
    #[must_use]
    pub fn of_paid_call(mut self) -> Self {
        let may_have_been_done = matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Unreadable);
        if may_have_been_done && !matches!(self.advice, Advice::Slow { .. }) {
            self.advice = Advice::Unknown;
        }
        self
    }

    /// What this counts as where it may pass.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match (self.advice, self.kind) {
            (Advice::Slow { .. }, _) | (_, ErrorKind::RateLimited) => Trouble::RateLimited,
            (_, ErrorKind::Network) => Trouble::Network,
            (_, ErrorKind::Unavailable) => Trouble::Unavailable,
            (_, ErrorKind::Unreadable) => Trouble::Unreadable,
            (
                _,
                ErrorKind::Credentials
                | ErrorKind::Payment
                | ErrorKind::InvalidRequest
                | ErrorKind::UnsuitableImage
                | ErrorKind::UnknownTask,
            ) => Trouble::Other,
        }
    }

    /// The kind of a job's failure that a refusal for good leads to. That tries are used up is none: what may pass has
    /// not become what never works.
    #[must_use]
    pub fn failure_kind(&self) -> FailureKind {
        match self.kind {
            ErrorKind::UnsuitableImage => FailureKind::UnsuitableImage,
            _ => FailureKind::Rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_words_are_one_line_that_a_row_can_hold() {
        let error =
            ProviderError::new(ErrorKind::Unreadable, Advice::Hold, format!("a\n\u{1b}[2J{}", "я".repeat(9_000)));
        assert!(error.message.starts_with("a  [2Jя") && error.message.ends_with("я…"), "{error}");
        assert!(error.message.len() < 2_010, "{} bytes", error.message.len());
    }
}
