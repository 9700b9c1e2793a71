//! What the examples have in common: an error that ends them with plain words.

use std::fmt;

use darkroom_shared::provider::ProviderError;

/// What ends an example. `main` shows an error by its `Debug`, so that is the plain text.
pub(crate) struct Problem(pub(crate) String);

impl Problem {
    /// A provider's error with all that lies beneath it, and what to do now.
    pub(crate) fn of_provider(error: &ProviderError, now: &str) -> Self {
        let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        let causes: String = causes.map(|cause| format!(": {cause}")).collect();
        Self(format!("{error}{causes}. {now}"))
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
