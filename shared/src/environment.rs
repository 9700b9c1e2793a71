//! The environment as a value: read once, replaceable in tests and by the one-machine host.

use std::collections::HashMap;

use url::Url;

/// Names and values. Its `Debug` shows names only: values may be secrets.
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, String>);

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable is needed.
    #[error("the environment variable {0} is not set")]
    Missing(String),
    /// A variable's value cannot be used. The value itself is not repeated where it may be a secret.
    #[error("the environment variable {name} cannot be used: {problem}")]
    Invalid {
        /// Which.
        name: String,
        /// Why not.
        problem: String,
    },
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        // Variables that are no Unicode cannot be ours.
        Self(std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect())
    }

    /// The value of a variable; an empty one counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.trim().is_empty()).cloned()
    }

    /// The value of a variable that has to be there.
    ///
    /// # Errors
    /// When it is missing or empty.
    pub fn required(&self, name: &str) -> Result<String, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::Missing(name.to_owned()))
    }

    /// The value of a variable as an address, or `default`.
    ///
    /// # Errors
    /// When it is missing without a default, or no http(s) address.
    pub fn url(&self, name: &str, default: Option<&str>) -> Result<Url, ConfigError> {
        let text = match (self.get(name), default) {
            (Some(text), _) => text,
            (None, Some(default)) => default.to_owned(),
            (None, None) => return Err(ConfigError::Missing(name.to_owned())),
        };
        let invalid = |problem: String| ConfigError::Invalid { name: name.to_owned(), problem };
        let url = Url::parse(text.trim()).map_err(|e| invalid(format!("'{text}' is no address: {e}")))?;
        if matches!(url.scheme(), "http" | "https") && url.host().is_some() {
            Ok(url)
        } else {
            Err(invalid(format!("'{text}' is no http or https address")))
        }
    }

    /// The same environment with one variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
