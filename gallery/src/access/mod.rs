//! Who may see the gallery: whoever has the token, or, where there is none, whoever sits at this very machine.

mod guard;
mod login;
mod session;

use std::net::IpAddr;

use darkroom_shared::environment::{ConfigError, Environment};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

pub(crate) use self::{
    guard::{Visitor, guard},
    login::{log_in, log_out, login_page},
    session::Keys,
};

/// The variable that holds the token.
pub const TOKEN: &str = "DARKROOM_GALLERY_TOKEN";

/// A token with fewer characters could be guessed.
const LEAST_TOKEN_CHARACTERS: usize = 16;

/// Who may see the gallery.
#[derive(Debug)]
pub enum Access {
    /// Whoever has the token.
    Token(SecretString),
    /// Whoever sits at this machine: the gallery listens on its loopback address only.
    ThisMachine,
    /// Nobody.
    Off,
}

impl Access {
    /// For a function on AWS: `DARKROOM_GALLERY_TOKEN`, or nobody.
    ///
    /// # Errors
    /// When the token is too short.
    pub fn of_function(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(token(environment)?.map_or(Self::Off, Self::Token))
    }

    /// For a host that listens on `address` and is reached at `public_url`: `DARKROOM_GALLERY_TOKEN`; without it this
    /// machine, or nobody where others reach either of the two.
    ///
    /// # Errors
    /// When the token is too short.
    pub fn of_host(environment: &Environment, address: IpAddr, public_url: &Url) -> Result<Self, ConfigError> {
        let is_public = match public_url.host() {
            Some(Host::Domain(name)) => name != "localhost",
            Some(Host::Ipv4(address)) => !address.is_loopback(),
            Some(Host::Ipv6(address)) => !address.is_loopback(),
            None => true,
        };
        let without = if address.is_loopback() && !is_public { Self::ThisMachine } else { Self::Off };
        Ok(token(environment)?.map_or(without, Self::Token))
    }
}

fn token(environment: &Environment) -> Result<Option<SecretString>, ConfigError> {
    let Some(token) = environment.get(TOKEN).map(SecretString::from) else { return Ok(None) };
    if token.expose_secret().trim().chars().count() < LEAST_TOKEN_CHARACTERS {
        return Err(ConfigError::Invalid {
            name: TOKEN.into(),
            problem: format!("it has fewer than {LEAST_TOKEN_CHARACTERS} characters and could be guessed"),
        });
    }
    Ok(Some(token.expose_secret().trim().to_owned().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_only_this_machine_is_let_in() {
        let here: Url = "http://127.0.0.1:9001".parse().unwrap();
        let (none, loopback, all) = (Environment::default(), IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0]));
        assert!(matches!(Access::of_function(&none), Ok(Access::Off)));
        assert!(matches!(Access::of_host(&none, loopback, &here), Ok(Access::ThisMachine)));
        assert!(matches!(Access::of_host(&none, all, &here), Ok(Access::Off)));
        let public = "https://darkroom.example".parse().unwrap();
        assert!(matches!(Access::of_host(&none, loopback, &public), Ok(Access::Off)), "somebody passes requests on");
        let token = none.with(TOKEN, "0123456789abcdef");
        assert!(matches!(Access::of_host(&token, loopback, &public), Ok(Access::Token(_))));
        let short = Environment::default().with(TOKEN, "0123456789");
        assert!(Access::of_function(&short).unwrap_err().to_string().contains("16 characters"));
    }
}
