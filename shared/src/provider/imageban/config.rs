//! imageban's settings (from the environment) and options (from a preset).
//!
//! Source: seed `002` (the service's own API page, in Russian) and its page on albums.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::PresetOptions;
use crate::environment::{ConfigError, Environment};

/// Where imageban is and who we are there: at least one of the two keys is there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `IMAGEBAN_URL`
    pub url: Url,
    /// `IMAGEBAN_CLIENT_ID`: uploads as a guest.
    pub client_id: Option<SecretString>,
    /// `IMAGEBAN_SECRET_KEY`: uploads into an account.
    pub secret_key: Option<SecretString>,
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    /// When neither key is there, or the address is unreadable.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let key = |name: &str| environment.get(name).map(SecretString::from);
        let settings = Self {
            url: environment.url("IMAGEBAN_URL", Some(super::DEFINITION.default_url))?,
            client_id: key("IMAGEBAN_CLIENT_ID"),
            secret_key: key("IMAGEBAN_SECRET_KEY"),
        };
        if settings.client_id.is_none() && settings.secret_key.is_none() {
            return Err(ConfigError::Missing("IMAGEBAN_CLIENT_ID or IMAGEBAN_SECRET_KEY".into()));
        }
        Ok(settings)
    }

    /// As whom an upload with `options` is made.
    ///
    /// # Errors
    /// With a sentence, when the key for it is not there.
    pub fn auth(&self, options: &Options) -> Result<Auth, String> {
        let usual = if self.secret_key.is_some() { Auth::Account } else { Auth::Guest };
        match options.auth.unwrap_or(usual) {
            Auth::Account if self.secret_key.is_none() => {
                Err("auth = \"account\" needs IMAGEBAN_SECRET_KEY, which is \
                 not set; set it, or upload with auth = \"guest\""
                    .into())
            }
            Auth::Guest if options.wants_album() => Err("albums need an account: set IMAGEBAN_SECRET_KEY (and leave \
                 auth = \"guest\" out), or do without album and album_name"
                .into()),
            Auth::Guest if self.client_id.is_none() => Err("auth = \"guest\" needs IMAGEBAN_CLIENT_ID, which is not \
                 set; set it, or upload with auth = \"account\""
                .into()),
            auth => Ok(auth),
        }
    }
}

/// The options of one preset. `name` and `album` are imageban's own words; those of `album_…` are of its album page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The image itself, or an address for the service to fetch it from.
    #[serde(skip_serializing_if = "SendAs::is_default")]
    pub send: SendAs,
    /// As whom; absent: the account where there is a key for one, else a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// The file name to give the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of an album of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// The name of an album of the account; it is made where there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album_name: Option<String>,
    /// A text about the album, if it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album_desc: Option<String>,
    /// Who sees the album, if it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album_type: Option<AlbumType>,
    /// The album's password, if it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album_pass: Option<String>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendAs {
    /// The file.
    #[default]
    Image,
    /// An address from which the service fetches the file.
    Url,
}

impl SendAs {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Image
    }
}

/// As whom an image is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Into the account of `IMAGEBAN_SECRET_KEY`.
    Account,
    /// As a guest, with `IMAGEBAN_CLIENT_ID`.
    Guest,
}

/// Who sees an album.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlbumType {
    /// Everybody.
    Public,
    /// Whoever has its address.
    Hidden,
    /// Whoever the service lets in.
    Secret,
}

impl AlbumType {
    /// The service's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Hidden => "hidden",
            Self::Secret => "secret",
        }
    }
}

impl Options {
    /// Whether the image is to lie in an album.
    #[must_use]
    pub fn wants_album(&self) -> bool {
        self.album.is_some() || self.album_name.is_some()
    }
}

impl PresetOptions for Options {
    fn check(&self) -> Result<(), String> {
        let texts = [("name", &self.name), ("album", &self.album), ("album_name", &self.album_name)];
        if let Some((key, _)) = texts.iter().find(|(_, text)| text.as_ref().is_some_and(|text| text.trim().is_empty()))
        {
            return Err(format!("{key} is empty; leave it out, or say what it is to be"));
        }
        if self.album.is_some() && self.album_name.is_some() {
            return Err("album (an id) and album_name exclude each other; keep one".into());
        }
        let of_new_album = self.album_desc.is_some() || self.album_type.is_some() || self.album_pass.is_some();
        if of_new_album && self.album_name.is_none() {
            return Err(
                "album_desc, album_type and album_pass are of an album that is made; they need album_name".into()
            );
        }
        if self.auth == Some(Auth::Guest) && self.wants_album() {
            return Err("albums need an account: leave auth = \"guest\" out, or do without album and album_name".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(json: serde_json::Value) -> Options {
        serde_json::from_value(json).unwrap()
    }

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::from_environment(&variables.iter().copied().collect())
    }

    const GUEST: (&str, &str) = ("IMAGEBAN_CLIENT_ID", "cl13nt");
    const ACCOUNT: (&str, &str) = ("IMAGEBAN_SECRET_KEY", "s3cr3t");

    #[test]
    fn what_cannot_be_is_refused_with_what_would_be_right() {
        for (wrong, word) in [
            (json!({"album": "srXiv43", "album_name": "cats"}), "exclude each other"),
            (json!({"album_type": "hidden"}), "need album_name"),
            (json!({"album": "srXiv43", "album_pass": "x"}), "need album_name"),
            (json!({"album_desc": "of cats"}), "need album_name"),
            (json!({"auth": "guest", "album": "srXiv43"}), "albums need an account"),
            (json!({"auth": "guest", "album_name": "cats"}), "albums need an account"),
            (json!({"name": ""}), "name is empty"),
            (json!({"album_name": " "}), "album_name is empty"),
        ] {
            let error = options(wrong.clone()).check().unwrap_err();
            assert!(error.contains(word), "{wrong}: {error}");
        }
        for unreadable in [json!({"send": "file"}), json!({"auth": "user"}), json!({"album_type": "private"})] {
            assert!(serde_json::from_value::<Options>(unreadable.clone()).is_err(), "{unreadable}");
        }
        let right = json!({"album_name": "cats", "album_desc": "of cats", "album_type": "hidden", "album_pass": "x"});
        assert_eq!(options(right.clone()).check(), Ok(()));
        assert_eq!(serde_json::to_value(options(right.clone())).unwrap(), right);
        assert_eq!(serde_json::to_value(Options::default()).unwrap(), json!({}));
    }

    #[test]
    fn one_of_the_keys_is_needed_and_none_is_shown() {
        let error = settings(&[]).unwrap_err().to_string();
        assert!(error.contains("IMAGEBAN_CLIENT_ID or IMAGEBAN_SECRET_KEY"), "{error}");
        let both = settings(&[GUEST, ACCOUNT]).unwrap();
        assert_eq!(both.url.as_str(), "https://api.imageban.ru/v1");
        let shown = format!("{both:?}");
        assert!(!shown.contains("cl13nt") && !shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn the_account_comes_first_and_a_missing_key_is_told() {
        let auth = |variables: &[_], json| settings(variables).unwrap().auth(&options(json));
        assert_eq!(auth(&[GUEST, ACCOUNT], json!({})), Ok(Auth::Account));
        assert_eq!(auth(&[GUEST], json!({})), Ok(Auth::Guest));
        assert_eq!(auth(&[GUEST, ACCOUNT], json!({"auth": "guest"})), Ok(Auth::Guest));
        assert_eq!(auth(&[ACCOUNT], json!({"album_name": "cats"})), Ok(Auth::Account));
        for (variables, wrong, word) in [
            ([GUEST], json!({"album": "srXiv43"}), "albums need an account: set IMAGEBAN_SECRET_KEY"),
            ([GUEST], json!({"album_name": "cats"}), "albums need an account: set IMAGEBAN_SECRET_KEY"),
            ([GUEST], json!({"auth": "account"}), "needs IMAGEBAN_SECRET_KEY"),
            ([ACCOUNT], json!({"auth": "guest"}), "needs IMAGEBAN_CLIENT_ID"),
        ] {
            let error = auth(&variables, wrong.clone()).unwrap_err();
            assert!(error.contains(word), "{wrong}: {error}");
        }
    }
}
