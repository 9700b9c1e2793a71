//! Where an image goes: which provider, with which preset. This is the one list of providers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An outside service that works on images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProviderName {
    /// imgfactory.ru: unique copies.
    Imgfactory,
    /// processimage.cn: removal of text watermarks.
    Watermark,
    /// fangtangtv.com (Hili): repair, upscaling, colour, ID photo backgrounds.
    Fangtang,
    /// VK Cloud: photos improved and coloured, resolution raised.
    Vkcloud,
    /// imageban.ru: hosting.
    Imageban,
}

impl ProviderName {
    /// Every provider, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Imgfactory, Self::Watermark, Self::Fangtang, Self::Vkcloud, Self::Imageban];

    /// The provider's name in keys, presets, rows and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imgfactory => "imgfactory",
            Self::Watermark => "watermark",
            Self::Fangtang => "fangtang",
            Self::Vkcloud => "vkcloud",
            Self::Imageban => "imageban",
        }
    }

    /// The names of all providers in one line, for messages.
    #[must_use]
    pub fn known() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ProviderName {
    type Err = InvalidRoute;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.as_str() == text)
            .ok_or_else(|| InvalidRoute::UnknownProvider(text.to_owned()))
    }
}

/// A provider and the name of one of its presets; written `provider/preset`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// Who works on the image.
    pub provider: ProviderName,
    /// With which options: the name of a table in `darkroom.toml`.
    pub preset: String,
}

/// The preset that is meant where none is named.
pub const DEFAULT_PRESET: &str = "default";

/// A text that is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoute {
    /// No provider has this name.
    #[error("there is no provider '{0}'; there are: {known}", known = ProviderName::known())]
    UnknownProvider(String),
    /// The preset's name could not stand in a key.
    #[error("'{0}' cannot be the name of a preset: one part without '/' is expected, as in watermark/clean")]
    InvalidPreset(String),
}

impl Route {
    /// A route. `preset` has to be able to stand in a key.
    ///
    /// # Errors
    /// When it cannot.
    pub fn new(provider: ProviderName, preset: &str) -> Result<Self, InvalidRoute> {
        if preset.is_empty() || preset.contains('/') || preset == "." || preset == ".." {
            return Err(InvalidRoute::InvalidPreset(preset.to_owned()));
        }
        Ok(Self { provider, preset: preset.to_owned() })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.preset)
    }
}

impl FromStr for Route {
    type Err = InvalidRoute;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (provider, preset) = text.split_once('/').unwrap_or((text, DEFAULT_PRESET));
        Self::new(provider.parse()?, preset)
    }
}

impl Serialize for Route {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_and_prints_the_same() {
        let route: Route = "watermark/clean".parse().unwrap();
        assert_eq!(route.provider, ProviderName::Watermark);
        assert_eq!(route.to_string(), "watermark/clean");
        assert_eq!("imgfactory".parse::<Route>().unwrap().to_string(), "imgfactory/default");
    }

    #[test]
    fn an_unknown_provider_is_named_with_those_there_are() {
        let error = "photoshop/x".parse::<Route>().unwrap_err();
        let words = "there is no provider 'photoshop'; there are: imgfactory, watermark, fangtang, vkcloud, imageban";
        assert_eq!(error.to_string(), words);
    }

    #[test]
    fn a_preset_is_one_part_of_a_key() {
        for text in ["watermark/", "watermark/a/b", "watermark/.."] {
            assert!(matches!(text.parse::<Route>(), Err(InvalidRoute::InvalidPreset(_))), "{text}");
        }
    }
}
