//! Sessions as signed cookies, and what proves that a form came from our own page. Nothing is kept: what a cookie says is
//! believed because of its signature.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use super::Access;

/// Who has logged in stays so for this long.
pub(super) const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(12);

/// What signs cookies and forms, and knows the token. A new token makes all of it new, so that old sessions end.
#[derive(Debug)]
pub(crate) struct Keys(SecretString);

/// Somebody who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Chance, so that no two sessions are alike.
    nonce: String,
}

impl Session {
    /// The one session where nobody need log in.
    pub(super) fn of_this_machine() -> Self {
        Self { nonce: "this machine".into() }
    }
}

impl Keys {
    /// Keys that follow from the token; without one, keys for as long as the process lives.
    pub(crate) fn of(access: &Access) -> Self {
        match access {
            Access::Token(token) => Self(token.clone()),
            Access::ThisMachine | Access::Off => {
                let chance = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|part| part.simple().to_string());
                Self(chance.concat().into())
            }
        }
    }

    /// `None` never comes: a key for HMAC may have any length.
    fn mac(&self, parts: &[&str]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).ok()?;
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(mac)
    }

    fn signed(&self, parts: &[&str]) -> String {
        let mac = self.mac(parts).map(|mac| mac.finalize().into_bytes());
        mac.map(|mac| URL_SAFE_NO_PAD.encode(mac)).unwrap_or_default()
    }

    /// Whether `signature` is that of `parts`; it takes the same time whatever is wrong.
    fn verify(&self, parts: &[&str], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        self.mac(parts).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
    }

    /// Whether `given` is the token. Signatures of both are compared, not the texts, so that the time tells nothing.
    pub(super) fn is_token(&self, given: &str) -> bool {
        let given = Self(given.trim().to_owned().into());
        self.verify(&["token"], &given.signed(&["token"]))
    }

    /// A new session that begins at `now`: the text of its cookie.
    pub(super) fn new_session(&self, now: Timestamp) -> String {
        let until_s = now.saturating_add(SESSION_LIFE).unwrap_or(Timestamp::MAX).as_second().to_string();
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let signature = self.signed(&["session", &until_s, &nonce]);
        format!("{until_s}.{nonce}.{signature}")
    }

    /// The session of a cookie, if we made it and it has not ended at `now`.
    pub(super) fn session(&self, cookie: &str, now: Timestamp) -> Option<Session> {
        let mut parts = cookie.splitn(3, '.');
        let (until_s, nonce, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let is_ours = self.verify(&["session", until_s, nonce], signature);
        let goes_on = until_s.parse::<i64>().is_ok_and(|until_s| now.as_second() < until_s);
        (is_ours && goes_on).then(|| Session { nonce: nonce.to_owned() })
    }

    /// What a form of this session carries.
    pub(crate) fn form_token(&self, session: &Session) -> String {
        self.signed(&["form", &session.nonce])
    }

    /// Whether a form came from a page that was made for this session.
    pub(crate) fn is_own_form(&self, session: &Session, token: &str) -> bool {
        self.verify(&["form", &session.nonce], token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(token: &str) -> Keys {
        Keys::of(&Access::Token(token.to_owned().into()))
    }

    #[test]
    fn a_session_ends_with_its_time_with_another_token_and_with_any_change() {
        let (keys, other) = (keys("the token of the shop"), keys("the shop's next token"));
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let cookie = keys.new_session(now);
        assert!(keys.session(&cookie, now + SignedDuration::from_hours(11)).is_some());
        assert_eq!(keys.session(&cookie, now + SignedDuration::from_hours(12)), None);
        assert_eq!(other.session(&cookie, now), None);
        let longer = cookie.replacen("18", "19", 1);
        assert_ne!(longer, cookie);
        assert_eq!(keys.session(&longer, now), None);
        for wrong in ["", ".", "..", "1.2.3", "not a cookie", &cookie[..cookie.len() - 2]] {
            assert_eq!(keys.session(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn a_form_belongs_to_its_session() {
        let keys = keys("the token of the shop");
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let session = || keys.session(&keys.new_session(now), now).unwrap();
        let (mine, yours) = (session(), session());
        assert!(keys.is_own_form(&mine, &keys.form_token(&mine)));
        assert!(!keys.is_own_form(&mine, &keys.form_token(&yours)));
        assert!(!keys.is_own_form(&mine, ""));
        // What signs a session cannot be used as a form's.
        assert!(!keys.is_own_form(&mine, keys.new_session(now).rsplit('.').next().unwrap()));
    }

    #[test]
    fn the_token_is_known_whole_and_with_spaces_around_it() {
        let keys = keys("the token of the shop");
        assert!(keys.is_token("the token of the shop") && keys.is_token(" the token of the shop\n"));
        for wrong in ["", "the token", "the token of the shop!", "The token of the shop"] {
            assert!(!keys.is_token(wrong), "{wrong}");
        }
    }
}
