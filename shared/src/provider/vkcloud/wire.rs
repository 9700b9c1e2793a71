//! VK Cloud's form and JSON. A reply's `body` is an object where all went well, and a text otherwise; a picture in it
//! is base64 of many megabytes, so it is borrowed from the reply and not copied.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::super::tolerant;
use super::config::{Mode, Options, Output, Rfactor, Rtype};

/// The name of the form's file part, and so the image's name in `meta` and in the reply.
pub(super) const IMAGE: &str = "file";

/// The name of the form's other part.
pub(super) const META: &str = "meta";

#[derive(Serialize)]
struct Meta {
    mode: [Mode; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    rfactor: Option<Rfactor>,
    // The English table of fields calls it `ftype`; the examples and the Russian page say `rtype`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rtype: Option<Rtype>,
    images: [ImageMeta; 1],
}

#[derive(Serialize)]
struct ImageMeta {
    name: &'static str,
}

/// The part `meta` for one image.
///
/// # Errors
/// When an option cannot be written as JSON.
pub(super) fn meta(options: &Options) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Meta {
        mode: [options.mode],
        rfactor: options.rfactor,
        rtype: options.rtype,
        images: [ImageMeta { name: IMAGE }],
    })
}

/// Any reply to an image.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    /// What counts, whatever the HTTP status is.
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) status: Option<i64>,
    #[serde(default, borrow)]
    pub(super) body: Body<'a>,
}

/// What a reply holds.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Body<'a> {
    /// The work.
    Modes(#[serde(borrow)] Modes<'a>),
    /// What went wrong.
    Words(#[serde(borrow)] Cow<'a, str>),
    /// Nothing that is documented.
    Other(IgnoredAny),
}

impl Default for Body<'_> {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

/// A list of pictures for each mode.
#[derive(Debug, Deserialize)]
pub(super) struct Modes<'a> {
    #[serde(default, borrow, deserialize_with = "tolerant::list")]
    improve: Vec<Picture<'a>>,
    #[serde(default, borrow, deserialize_with = "tolerant::list")]
    resolution: Vec<Picture<'a>>,
}

/// What became of one image.
#[derive(Debug, Deserialize)]
pub(super) struct Picture<'a> {
    /// 0 done, 1 permanent error, 2 temporary error.
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) status: Option<i64>,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, borrow)]
    improved: Option<Base64<'a>>,
    #[serde(default, borrow)]
    colorized_improved: Option<Base64<'a>>,
    // The table of fields calls it `colored`, the examples and the Russian page `colorized`.
    #[serde(default, borrow)]
    colorized: Option<Base64<'a>>,
    #[serde(default, borrow)]
    colored: Option<Base64<'a>>,
    #[serde(default, borrow)]
    resolved: Option<Base64<'a>>,
}

/// A picture in base64. (`Option<Cow<str>>` itself would always be a copy.)
#[derive(Debug, Deserialize)]
struct Base64<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Modes<'a> {
    /// What is said of our image in the list of `mode`.
    pub(super) fn of_our_image(&self, mode: Mode) -> Option<&Picture<'a>> {
        let list = match mode {
            Mode::Improve => &self.improve,
            Mode::Resolution => &self.resolution,
        };
        list.iter().find(|picture| picture.name.as_deref() == Some(IMAGE))
    }
}

impl Picture<'_> {
    /// The picture that `improve` made, base64. `None`: there was nothing to do.
    pub(super) fn improved(&self, output: Output) -> Option<&str> {
        match output {
            Output::Improved => text(self.improved.as_ref()),
            Output::ColorizedImproved => text(self.colorized_improved.as_ref()),
            Output::Colorized => text(self.colorized.as_ref()).or_else(|| text(self.colored.as_ref())),
        }
    }

    /// The picture that `resolution` made, base64.
    pub(super) fn resolved(&self) -> Option<&str> {
        text(self.resolved.as_ref())
    }
}

fn text<'p>(base64: Option<&'p Base64<'_>>) -> Option<&'p str> {
    base64.map(|base64| base64.0.trim()).filter(|text| !text.is_empty())
}

/// Padding is taken or left, and bits behind the last byte do not matter: a picture's content is checked elsewhere.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The content of a picture.
///
/// # Errors
/// When it is no base64.
pub(super) fn decode(base64: &str) -> Result<Bytes, base64::DecodeError> {
    BASE64.decode(base64).map(Bytes::from)
}

/// What the token service is asked with. A refresh needs no secret.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Grant<'a> {
    First { client_id: &'a str, client_secret: &'a str, grant_type: &'static str },
    Refresh { client_id: &'a str, refresh_token: &'a str, grant_type: &'static str },
}

/// The reply of the token service. It has no `Debug`: all of it is secret.
#[derive(Deserialize)]
pub(super) struct Granted {
    pub(super) access_token: String,
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
    /// Seconds, as text.
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) expired_in: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_borrowed_from_the_reply() {
        let envelope: Envelope<'_> = serde_json::from_str(include_str!("fixtures/improve.json")).unwrap();
        let Body::Modes(modes) = envelope.body else { panic!("no modes") };
        let picture = modes.of_our_image(Mode::Improve).unwrap();
        assert!(matches!(&picture.improved, Some(Base64(Cow::Borrowed(_)))));
        assert!(matches!(&picture.colorized, Some(Base64(Cow::Borrowed(_)))));
        for output in [Output::Improved, Output::ColorizedImproved, Output::Colorized] {
            assert!(picture.improved(output).unwrap().starts_with("/9j/4AAQSkZJRg"));
        }
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for text in ["cGljdA==", "cGljdA"] {
            assert_eq!(decode(text).unwrap(), "pict");
        }
        assert!(decode("<html>").is_err());
    }
}
