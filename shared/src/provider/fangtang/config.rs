//! fangtang's settings (from the environment) and options (from a preset).
//!
//! Source: seed `003` (the service's own API page, in Chinese).

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::PresetOptions;
use crate::environment::{ConfigError, Environment};

/// Where fangtang is and who we are there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `FANGTANG_URL`: what all endpoints lie below.
    pub url: Url,
    /// `FANGTANG_THIRD_CODE`: whose account it is. It travels with every request.
    pub third_code: String,
    /// `FANGTANG_SECRET_KEY`: what tokens are made with. It never travels.
    pub secret_key: SecretString,
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    /// When one is missing or unreadable.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            url: environment.url("FANGTANG_URL", Some(super::DEFINITION.default_url))?,
            third_code: environment.required("FANGTANG_THIRD_CODE")?,
            secret_key: environment.required("FANGTANG_SECRET_KEY")?.into(),
        })
    }
}

/// The options of one preset, named as fangtang names them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What is done.
    pub repair_type: RepairType,
    /// The new background of an ID photo, as the service writes it: red, green and blue from 0 to 255, by comma.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rgb: Option<String>,
}

/// What is done with a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RepairType {
    /// Upscaled (super-resolution).
    #[default]
    #[serde(rename = "sr")]
    Upscale,
    /// Upscaled and repaired.
    #[serde(rename = "sr,repair")]
    UpscaleAndRepair,
    /// Upscaled, repaired and coloured.
    #[serde(rename = "sr,repair,colour")]
    UpscaleRepairAndColour,
    /// An ID photo is given another background: `rgb`.
    #[serde(rename = "bg")]
    Background,
}

impl RepairType {
    /// The service's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upscale => "sr",
            Self::UpscaleAndRepair => "sr,repair",
            Self::UpscaleRepairAndColour => "sr,repair,colour",
            Self::Background => "bg",
        }
    }
}

impl PresetOptions for Options {
    fn check(&self) -> Result<(), String> {
        match (self.repair_type, self.rgb.as_deref()) {
            (RepairType::Background, None) => {
                Err("repair_type = \"bg\" needs rgb, the new background, as in rgb = \"255,255,255\" (white)".into())
            }
            (RepairType::Background, Some(rgb)) if !is_colour(rgb) => Err(format!(
                "rgb = \"{rgb}\" is no colour; three whole numbers from 0 to 255 are, without spaces, as in \"255,255,255\""
            )),
            (repair_type, Some(_)) if repair_type != RepairType::Background => {
                Err("rgb has no effect without repair_type = \"bg\"; leave it out".into())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a text is three numbers from 0 to 255, by comma.
fn is_colour(text: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u8>().is_ok();
    text.split(',').count() == 3 && text.split(',').all(is_part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(json: serde_json::Value) -> Options {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_words_are_the_documents_own() {
        for word in ["sr", "sr,repair", "sr,repair,colour", "bg"] {
            let options = options(json!({"repair_type": word}));
            assert_eq!(options.repair_type.as_str(), word);
            assert_eq!(serde_json::to_value(options).unwrap(), json!({"repair_type": word}));
        }
        assert_eq!(options(json!({})).repair_type, RepairType::Upscale);
        for wrong in [json!({"repair_type": "sr;repair"}), json!({"repair_type": "SR"}), json!({"colour": true})] {
            assert!(serde_json::from_value::<Options>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_would_be_right() {
        for (wrong, word) in [
            (json!({"repair_type": "bg"}), "needs rgb"),
            (json!({"rgb": "255,255,255"}), "without repair_type = \"bg\""),
            (json!({"repair_type": "sr,repair", "rgb": "1,2,3"}), "leave it out"),
            (json!({"repair_type": "bg", "rgb": "white"}), "255,255,255"),
            (json!({"repair_type": "bg", "rgb": "255,255"}), "three"),
            (json!({"repair_type": "bg", "rgb": "255,255,256"}), "255,255,256"),
            (json!({"repair_type": "bg", "rgb": "255, 255, 255"}), "without spaces"),
            (json!({"repair_type": "bg", "rgb": "+1,2,3"}), "whole numbers"),
            (json!({"repair_type": "bg", "rgb": "1,2,3,4"}), "three"),
            (json!({"repair_type": "bg", "rgb": ",,"}), "three"),
        ] {
            let error = options(wrong.clone()).check().unwrap_err();
            assert!(error.contains(word), "{wrong}: {error}");
        }
        for right in [json!({}), json!({"repair_type": "bg", "rgb": "0,128,255"})] {
            assert_eq!(options(right).check(), Ok(()));
        }
    }

    #[test]
    fn both_credentials_are_needed_and_the_address_is_known() {
        let all = [("FANGTANG_THIRD_CODE", "hiliad"), ("FANGTANG_SECRET_KEY", "s3cr3t")];
        let settings = Settings::from_environment(&all.into_iter().collect()).unwrap();
        assert_eq!(settings.url.as_str(), "http://sdkphoto.fangtangtv.com/");
        assert!(!format!("{settings:?}").contains("s3cr3t"));
        for (name, _) in all {
            let one: Environment = all.into_iter().filter(|(other, _)| *other != name).collect();
            assert_eq!(Settings::from_environment(&one).unwrap_err(), ConfigError::Missing(name.into()));
        }
    }
}
