//! Which language a visitor reads: the one of ours that the browser asks for first.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{header, request::Parts};

use crate::texts::{self, Texts};

/// A language of ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    #[default]
    English,
    /// Russian.
    Russian,
    /// Chinese, in simplified characters.
    Chinese,
}

impl Language {
    /// Its tag in HTML.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
            Self::Chinese => "zh-Hans",
        }
    }

    /// Its texts.
    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &texts::ENGLISH,
            Self::Russian => &texts::RUSSIAN,
            Self::Chinese => &texts::CHINESE,
        }
    }

    /// The one that an `Accept-Language` header asks for (RFC 9110, section 12.5.4): that of the greatest weight; of
    /// equal ones, the first.
    fn asked(header: &str) -> Self {
        let mut best: Option<(Self, f32)> = None;
        for range in header.split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(0.0);
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let language = match primary.as_str() {
                "en" => Self::English,
                "ru" => Self::Russian,
                "zh" => Self::Chinese,
                _ => continue,
            };
            if weight > 0.0 && best.is_none_or(|(_, found)| weight > found) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language).unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let header = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok());
        Ok(header.map(Self::asked).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_asked_for_first_that_we_have_is_taken() {
        for (header, expected) in [
            ("ru-RU,ru;q=0.9,en;q=0.8", Language::Russian),
            ("zh-CN,zh;q=0.9", Language::Chinese),
            ("de-DE,de;q=0.9,ru;q=0.5,en;q=0.7", Language::English),
            ("fr", Language::English),
            ("en;q=0.2, zh-Hant;q=0.3", Language::Chinese),
            ("ru;q=0, en;q=0.1", Language::English),
            ("", Language::English),
            (";;;q=x,,", Language::English),
        ] {
            assert_eq!(Language::asked(header), expected, "{header}");
        }
    }
}
