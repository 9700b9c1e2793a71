//! The watermark service's settings (from the environment) and options (from a preset).
//!
//! Source: seed `001` and the service's own published code (see `README.md` beside this file).

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::PresetOptions;
use crate::environment::{ConfigError, Environment};

/// Where the service is and who we are there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `WATERMARK_URL`
    pub url: Url,
    /// How requests prove that they are ours.
    pub credentials: Credentials,
    /// `WATERMARK_FILE_FIELD`: the name of the form's file part. The server reads `uploadFile`; its documents say
    /// `imageFile`.
    pub file_field: String,
}

impl Settings {
    /// Reads the variables: signing when `WATERMARK_APP_ID` is there, else `WATERMARK_TOKEN`.
    ///
    /// # Errors
    /// When one is missing or unreadable.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let credentials = match (environment.get("WATERMARK_APP_ID"), environment.get("WATERMARK_TOKEN")) {
            (None, Some(token)) => Credentials::Token(token.into()),
            _ => Credentials::Sign {
                app_id: environment.required("WATERMARK_APP_ID")?,
                app_secret: environment.required("WATERMARK_APP_SECRET")?.into(),
            },
        };
        let file_field = environment.get("WATERMARK_FILE_FIELD");
        Ok(Self {
            url: environment.url("WATERMARK_URL", Some(super::DEFINITION.default_url))?,
            credentials,
            file_field: file_field.unwrap_or_else(|| super::DEFAULT_FILE_FIELD.to_owned()),
        })
    }
}

/// How requests prove that they are ours.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Each request is signed; the secret itself never travels. The default.
    Sign {
        /// `WATERMARK_APP_ID`
        app_id: String,
        /// `WATERMARK_APP_SECRET`
        app_secret: SecretString,
    },
    /// `WATERMARK_TOKEN`: a token fetched by other means; it lives 30 minutes.
    Token(SecretString),
}

/// The options of one preset, named as the service names them, in snake case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// By callback, or in the reply.
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    /// The parts to work on. Without them, the service looks for text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rectangles: Vec<Area>,
    /// Only these words are removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watermark_names: Vec<Keyword>,
    /// These words stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_keywords: Vec<Keyword>,
    /// How much larger or smaller than the found text the rectangles become.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
    /// Only tell where text is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ocr_only: Option<bool>,
    /// Draw the rectangles into the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show: Option<bool>,
}

/// How the result is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By callback. On the wire this is `sync=true`: the seed says so in words.
    #[default]
    Async,
    /// In the reply: `sync=false`.
    Sync,
}

impl Mode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Async
    }
}

/// A part of the image, in pixels from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Left edge, pixels.
    pub x: u32,
    /// Upper edge, pixels.
    pub y: u32,
    /// Width, pixels.
    pub w: u32,
    /// Height, pixels.
    pub h: u32,
}

/// A watermark's words and how exactly they have to match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyword {
    /// The words.
    pub value: String,
    /// How exactly they have to match.
    #[serde(default)]
    pub rule: Rule,
}

/// How exactly words have to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// By edit distance, from 75 %.
    Similar,
    /// To the letter.
    Absolute,
    /// The service's default, which is `similar`.
    #[default]
    Default,
}

/// How much larger or smaller than the found text the rectangles become, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Offset {
    /// `+x`
    #[serde(rename = "+x", skip_serializing_if = "Option::is_none")]
    pub plus_x: Option<u32>,
    /// `-x`
    #[serde(rename = "-x", skip_serializing_if = "Option::is_none")]
    pub minus_x: Option<u32>,
    /// `+y`
    #[serde(rename = "+y", skip_serializing_if = "Option::is_none")]
    pub plus_y: Option<u32>,
    /// `-y`
    #[serde(rename = "-y", skip_serializing_if = "Option::is_none")]
    pub minus_y: Option<u32>,
    /// `+w`
    #[serde(rename = "+w", skip_serializing_if = "Option::is_none")]
    pub plus_w: Option<u32>,
    /// `-w`
    #[serde(rename = "-w", skip_serializing_if = "Option::is_none")]
    pub minus_w: Option<u32>,
    /// `+h`
    #[serde(rename = "+h", skip_serializing_if = "Option::is_none")]
    pub plus_h: Option<u32>,
    /// `-h`
    #[serde(rename = "-h", skip_serializing_if = "Option::is_none")]
    pub minus_h: Option<u32>,
}

impl PresetOptions for Options {
    fn check(&self) -> Result<(), String> {
        if !self.watermark_names.is_empty() && !self.exclude_keywords.is_empty() {
            return Err("watermark_names and exclude_keywords exclude each other; keep one".into());
        }
        let void = !self.watermark_names.is_empty() || !self.exclude_keywords.is_empty() || self.offset.is_some();
        if !self.rectangles.is_empty() && void {
            return Err("with rectangles, the service ignores watermark_names, exclude_keywords and offset; \
                        keep either the rectangles or the others"
                .into());
        }
        if self.rectangles.iter().any(|area| area.w == 0 || area.h == 0) {
            return Err("a rectangle needs a width (w) and a height (h) above 0".into());
        }
        self.offset.map_or(Ok(()), |offset| offset.check())
    }

    fn gives_image(&self) -> bool {
        self.ocr_only != Some(true)
    }
}

impl Offset {
    fn check(&self) -> Result<(), String> {
        let pairs = [
            ("x", self.plus_x, self.minus_x),
            ("y", self.plus_y, self.minus_y),
            ("w", self.plus_w, self.minus_w),
            ("h", self.plus_h, self.minus_h),
        ];
        match pairs.iter().find(|(_, plus, minus)| plus.is_some() && minus.is_some()) {
            Some((name, ..)) => Err(format!("offset: +{name} and -{name} exclude each other; keep one")),
            None => Ok(()),
        }
    }
}
