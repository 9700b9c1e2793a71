//! VK Cloud's settings (from the environment) and options (from a preset).
//!
//! Source: seed `004` (the service's own API page) and the notes in `README.md` beside this file.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::PresetOptions;
use crate::environment::{ConfigError, Environment};

/// Where tokens are to be had, unless `VKCLOUD_AUTH_URL` says otherwise.
pub const DEFAULT_AUTH_URL: &str = "https://mcs.mail.ru/auth/oauth/v1/token";

/// Where the service is and who we are there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `VKCLOUD_URL`: the whole endpoint.
    pub url: Url,
    /// How requests prove that they are ours.
    pub credentials: Credentials,
}

/// How requests prove that they are ours.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// `VKCLOUD_TOKEN`: a service token, made in the console. It never expires.
    ServiceToken(SecretString),
    /// An account to fetch access tokens with; they live an hour.
    Client(ClientCredentials),
}

/// An account to fetch access tokens with.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// `VKCLOUD_AUTH_URL`
    pub auth_url: Url,
    /// `VKCLOUD_CLIENT_ID`
    pub client_id: String,
    /// `VKCLOUD_CLIENT_SECRET`
    pub client_secret: SecretString,
}

impl Settings {
    /// Reads the variables: `VKCLOUD_TOKEN` where it is set, else `VKCLOUD_CLIENT_ID` and `VKCLOUD_CLIENT_SECRET`.
    ///
    /// # Errors
    /// When one is missing or unreadable.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let names = ["VKCLOUD_TOKEN", "VKCLOUD_CLIENT_ID", "VKCLOUD_CLIENT_SECRET"];
        let credentials = match names.map(|name| environment.get(name)) {
            [Some(token), ..] => Credentials::ServiceToken(token.into()),
            [None, None, None] => {
                let either = "VKCLOUD_TOKEN (or VKCLOUD_CLIENT_ID with VKCLOUD_CLIENT_SECRET)";
                return Err(ConfigError::Missing(either.to_owned()));
            }
            [None, ..] => Credentials::Client(ClientCredentials {
                auth_url: environment.url("VKCLOUD_AUTH_URL", Some(DEFAULT_AUTH_URL))?,
                client_id: environment.required("VKCLOUD_CLIENT_ID")?,
                client_secret: environment.required("VKCLOUD_CLIENT_SECRET")?.into(),
            }),
        };
        Ok(Self { url: environment.url("VKCLOUD_URL", Some(super::DEFINITION.default_url))?, credentials })
    }
}

/// The options of one preset, named as the service names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What is done with the image.
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    /// How many times wider and higher the result is; for `resolution`, and needed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rfactor: Option<Rfactor>,
    /// What kind of image it is; for `resolution`, and needed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtype: Option<Rtype>,
    /// Which of the pictures that `improve` makes is the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

/// What is done with the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Defects are repaired, colours restored.
    #[default]
    Improve,
    /// More pixels.
    Resolution,
}

impl Mode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Improve
    }
}

/// How many times wider and higher the result is. The service takes nothing but 2 and 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum Rfactor {
    /// Twice as wide and as high.
    Two,
    /// Four times as wide and as high.
    Four,
}

impl TryFrom<i64> for Rfactor {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        match number {
            2 => Ok(Self::Two),
            4 => Ok(Self::Four),
            other => Err(format!("rfactor has to be 2 or 4, not {other}")),
        }
    }
}

impl From<Rfactor> for i64 {
    fn from(rfactor: Rfactor) -> Self {
        match rfactor {
            Rfactor::Two => 2,
            Rfactor::Four => 4,
        }
    }
}

/// What kind of image is enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rtype {
    /// A drawing or a painting.
    Art,
    /// A photograph.
    Photo,
}

/// The pictures that `improve` makes. They come all in one reply; one is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Defects repaired.
    #[default]
    Improved,
    /// Defects repaired and colours restored.
    ColorizedImproved,
    /// Colours restored.
    Colorized,
}

impl Output {
    /// The service's own word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::ColorizedImproved => "colorized_improved",
            Self::Colorized => "colorized",
        }
    }
}

impl PresetOptions for Options {
    fn check(&self) -> Result<(), String> {
        match (self.mode, self.rfactor, self.rtype, self.output) {
            (Mode::Resolution, None, _, _) => Err("mode = \"resolution\" needs rfactor, which has to be 2 or 4".into()),
            (Mode::Resolution, _, None, _) => {
                Err("mode = \"resolution\" needs rtype, which has to be \"art\" or \"photo\"".into())
            }
            (Mode::Resolution, _, _, Some(_)) => {
                Err("output chooses among the pictures of mode = \"improve\"; take it out, or change the mode".into())
            }
            (Mode::Improve, Some(_), _, _) => Err("rfactor has no effect without mode = \"resolution\"".into()),
            (Mode::Improve, _, Some(_), _) => Err("rtype has no effect without mode = \"resolution\"".into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: serde_json::Value) -> Result<Options, serde_json::Error> {
        serde_json::from_value(json)
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_would_be_right() {
        for (wrong, words) in [
            (serde_json::json!({"mode": "resolution", "rtype": "photo"}), ["rfactor", "2 or 4"]),
            (serde_json::json!({"mode": "resolution", "rfactor": 2}), ["rtype", "\"art\" or \"photo\""]),
            (serde_json::json!({"rfactor": 2}), ["rfactor", "resolution"]),
            (serde_json::json!({"mode": "improve", "rtype": "art"}), ["rtype", "resolution"]),
            (
                serde_json::json!({"mode": "resolution", "rfactor": 4, "rtype": "art", "output": "improved"}),
                ["output", "improve"],
            ),
        ] {
            let error = options(wrong.clone()).unwrap().check().unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{wrong}: {error}");
        }
        for wrong in [
            serde_json::json!({"mode": "enlarge"}),
            serde_json::json!({"rtype": "painting"}),
            serde_json::json!({"output": "bw"}),
            serde_json::json!({"ftype": "photo"}),
        ] {
            assert!(options(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_factor_that_the_service_does_not_know_is_refused_while_it_is_read() {
        for wrong in [3, 0, 1, 8, 1010, -2] {
            let error = options(serde_json::json!({"mode": "resolution", "rfactor": wrong, "rtype": "art"}));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(&format!("rfactor has to be 2 or 4, not {wrong}")), "{error}");
        }
    }

    #[test]
    fn every_combination_that_can_be_is_taken_and_kept_as_it_was_written() {
        for right in [
            serde_json::json!({}),
            serde_json::json!({"output": "improved"}),
            serde_json::json!({"output": "colorized_improved"}),
            serde_json::json!({"output": "colorized"}),
            serde_json::json!({"mode": "resolution", "rfactor": 2, "rtype": "photo"}),
            serde_json::json!({"mode": "resolution", "rfactor": 4, "rtype": "art"}),
        ] {
            let options = options(right.clone()).unwrap();
            assert_eq!(options.check(), Ok(()), "{right}");
            assert_eq!(serde_json::to_value(options).unwrap(), right);
        }
    }

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::from_environment(&variables.iter().copied().collect())
    }

    #[test]
    fn a_service_token_outweighs_an_account_and_addresses_have_defaults() {
        let all =
            [("VKCLOUD_TOKEN", "service"), ("VKCLOUD_CLIENT_ID", "id"), ("VKCLOUD_CLIENT_SECRET", "client-secret")];
        let both = settings(&all).unwrap();
        assert_eq!(both.url.as_str(), "https://smarty.mail.ru/api/v1/photo/improve");
        assert!(matches!(both.credentials, Credentials::ServiceToken(_)));
        let Credentials::Client(client) = settings(&all[1..]).unwrap().credentials else { panic!("no account") };
        assert_eq!((client.auth_url.as_str(), client.client_id.as_str()), (DEFAULT_AUTH_URL, "id"));
        assert!(!format!("{client:?}").contains("client-secret"));
    }

    #[test]
    fn missing_credentials_are_named() {
        let missing = |variables| settings(variables).unwrap_err().to_string();
        let nothing = missing(&[]);
        assert!(nothing.contains("VKCLOUD_TOKEN") && nothing.contains("VKCLOUD_CLIENT_SECRET"), "{nothing}");
        assert!(missing(&[("VKCLOUD_CLIENT_ID", "id")]).contains("VKCLOUD_CLIENT_SECRET"));
        assert!(missing(&[("VKCLOUD_CLIENT_SECRET", "secret")]).contains("VKCLOUD_CLIENT_ID"));
    }
}
