//! Reading and checking a request to fangtang. Does none of the work and writes nothing.

use axum::http::HeaderMap;
use image::{ImageFormat, Rgb};
use serde::{Deserialize, Serialize};

use crate::credentials::{FANGTANG_SECRET_KEY, FANGTANG_THIRD_CODE};
use crate::fangtang::wire::Refusal;
use crate::form::{BadForm, Form, SentFile};
use crate::hash::md5_hex;

/// How far a token's time may lie from ours, to either side.
const TOKEN_LIFE_MS: u64 = 2 * 60 * 1000;

/// What is to be done to a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Repair {
    Enlarge,
    Restore,
    RestoreAndColour,
    Background([u8; 3]),
}

impl Repair {
    /// Which colour a new background gets.
    pub(crate) fn background(self) -> Option<Rgb<u8>> {
        if let Self::Background(colour) = self { Some(Rgb(colour)) } else { None }
    }

    fn read(form: &Form) -> Result<Self, Refusal> {
        match form.field("repair_type") {
            Some("sr") => Ok(Self::Enlarge),
            // The documents write this one with a semicolon and all others with commas.
            Some("sr,repair" | "sr;repair") => Ok(Self::Restore),
            Some("sr,repair,colour") => Ok(Self::RestoreAndColour),
            Some("bg") => form.field("rgb").and_then(colour).map(Self::Background).ok_or(Refusal::BadParameter),
            _ => Err(Refusal::BadParameter),
        }
    }
}

/// A colour written as `255,255,255`.
fn colour(text: &str) -> Option<[u8; 3]> {
    let channels: Option<Vec<u8>> = text.split(',').map(|channel| channel.trim().parse().ok()).collect();
    channels?.try_into().ok()
}

/// An upload that is in order, except that nobody has looked whether the photo can be decoded.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) file: SentFile,
    pub(crate) repair: Repair,
}

impl Upload {
    /// Reads an upload whose token has been checked.
    pub(crate) fn read(form: Result<Form, BadForm>) -> Result<Self, Refusal> {
        let form = form.map_err(|error| match error {
            BadForm::TooLarge => Refusal::UploadFailed,
            BadForm::Malformed => Refusal::BadParameter,
        })?;
        check_third_code(&form, Refusal::Token)?;
        let repair = Repair::read(&form)?;
        let file = form.file("file").ok_or(Refusal::BadParameter)?.clone();
        if file.content.is_empty() {
            return Err(Refusal::UploadFailed);
        }
        check_type(&file)?;
        Ok(Self { file, repair })
    }
}

/// Checks the token of a request by the sandbox's time.
pub(crate) fn check_token(headers: &HeaderMap, now_ms: u64) -> Result<(), Refusal> {
    let token = headers.get("token").and_then(|token| token.to_str().ok()).ok_or(Refusal::Token)?;
    let (digest, seconds) = token.split_once(',').ok_or(Refusal::Token)?;
    let at_ms = seconds.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000)).ok_or(Refusal::Token)?;
    let is_in_time = now_ms.abs_diff(at_ms) <= TOKEN_LIFE_MS;
    let is_ours = digest == md5_hex(format!("{FANGTANG_SECRET_KEY}{seconds}").as_bytes());
    if is_in_time && is_ours { Ok(()) } else { Err(Refusal::Token) }
}

/// Checks who asks; somebody unknown is told so in the words given.
pub(crate) fn check_third_code(form: &Form, unknown: Refusal) -> Result<(), Refusal> {
    match form.field("third_code") {
        None | Some("") => Err(Refusal::BadParameter),
        Some(FANGTANG_THIRD_CODE) => Ok(()),
        Some(_) => Err(unknown),
    }
}

/// The photo that is asked about. Anything can be asked for, but only a hash can be a photo.
pub(crate) fn mdf(form: &Form) -> Result<&str, Refusal> {
    form.field("mdf").filter(|mdf| !mdf.is_empty()).ok_or(Refusal::BadParameter)
}

/// The content shows its type; where it shows none, the name must promise one.
fn check_type(file: &SentFile) -> Result<(), Refusal> {
    match image::guess_format(&file.content) {
        Ok(ImageFormat::Gif | ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) => Ok(()),
        Ok(_) => Err(Refusal::WrongType),
        Err(_) => {
            let name = file.file_name.to_ascii_lowercase();
            let promises = [".gif", ".jpg", ".jpeg", ".png", ".webp"].iter().any(|ending| name.ends_with(ending));
            Err(if promises { Refusal::CannotBeProcessed } else { Refusal::WrongType })
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn tokens_live_two_minutes() {
        let token = |seconds: u64| {
            let digest = md5_hex(format!("{FANGTANG_SECRET_KEY}{seconds}").as_bytes());
            HeaderMap::from_iter([(
                "token".parse().unwrap(),
                HeaderValue::from_str(&format!("{digest},{seconds}")).unwrap(),
            )])
        };
        for (at, is_taken) in [(879, false), (880, true), (1000, true), (1120, true), (1121, false)] {
            assert_eq!(check_token(&token(at), 1_000_000).is_ok(), is_taken, "{at}");
        }
        assert!(check_token(&HeaderMap::new(), 1_000_000).is_err());
    }

    #[test]
    fn token_is_made_as_in_the_documents() {
        assert_eq!(md5_hex(b"hiliad1629962357"), "5484490c8e797dabe52af90ab8bd1e50");
    }

    #[test]
    fn colours_have_three_channels() {
        assert_eq!(colour("255, 0,7"), Some([255, 0, 7]));
        for text in ["", "1,2", "1,2,3,4", "256,0,0", "-1,0,0", "#ffffff"] {
            assert_eq!(colour(text), None, "{text}");
        }
    }
}
