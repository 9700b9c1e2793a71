//! Reading and checking a request to imageban. Fetches nothing and writes nothing.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use url::Url;

use crate::credentials::{IMAGEBAN_CLIENT_ID, IMAGEBAN_SECRET_KEY};
use crate::form::Form;
use crate::imageban::wire::Refusal;

/// The largest image that is taken.
pub(crate) const LARGEST_IMAGE_BYTES: usize = 10 * 1024 * 1024;

/// With or without the padding at its end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Guest,
    Account,
}

impl Caller {
    /// Reads who asks.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(Refusal::NoCredentials)?;
        match value.trim().split_once(' ').map(|(scheme, key)| (scheme.to_ascii_lowercase(), key.trim())) {
            Some((scheme, key)) if scheme == "token" => {
                if key == IMAGEBAN_CLIENT_ID {
                    Ok(Self::Guest)
                } else {
                    Err(Refusal::WrongClient)
                }
            }
            Some((scheme, key)) if scheme == "bearer" => {
                if key == IMAGEBAN_SECRET_KEY {
                    Ok(Self::Account)
                } else {
                    Err(Refusal::WrongSecret)
                }
            }
            _ => Err(Refusal::NoCredentials),
        }
    }

    /// For what only the account may do.
    pub(crate) fn must_be_account(self) -> Result<(), Refusal> {
        if self == Self::Account { Ok(()) } else { Err(Refusal::WrongSecret) }
    }
}

/// Where an image comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Sent { content: Bytes, file_name: Option<String> },
    Url(Url),
}

impl Source {
    /// Finds the image of a form. A file goes before a text, and both before a URL.
    pub(crate) fn read(form: &Form) -> Result<Self, Refusal> {
        if let Some(file) = form.file("image").filter(|file| !file.content.is_empty()) {
            let file_name = Some(file.file_name.clone()).filter(|name| !name.is_empty());
            return Ok(Self::Sent { content: file.content.clone(), file_name });
        }
        if let Some(text) = form.field("image").filter(|text| !text.trim().is_empty()) {
            let content = from_base64(text).ok_or(Refusal::WrongType)?;
            return Ok(Self::Sent { content, file_name: None });
        }
        let text = form.field("url").filter(|text| !text.trim().is_empty()).ok_or(Refusal::NoData)?;
        let url = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.map(Self::Url).ok_or(Refusal::WrongUrl)
    }
}

fn from_base64(text: &str) -> Option<Bytes> {
    let text = match text.split_once(";base64,") {
        Some((start, text)) if start.trim_start().starts_with("data:") => text,
        _ => text,
    };
    // A plain form turns `+` into a space unless the client was careful; line ends are often put in.
    let cleaned: String =
        text.trim().chars().filter(|c| !matches!(c, '\r' | '\n')).map(|c| if c == ' ' { '+' } else { c }).collect();
    BASE64.decode(cleaned).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_taken_however_it_was_wrapped() {
        for text in ["+/8=", "AAAA /8=", "+/8", "+/\r\n8=", "data:image/png;base64,+/8="] {
            assert!(from_base64(text).unwrap().ends_with(&[0xfb, 0xff]), "{text}");
        }
        assert!(from_base64("no base64!").is_none());
    }
}
