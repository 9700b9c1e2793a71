//! imgfactory's settings (from the environment) and options (from a preset).
//!
//! Source: seed `000` (the service's own API page, in Russian).

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::{PresetOptions, choice::numbered_choice};
use crate::environment::{ConfigError, Environment};

/// Where imgfactory is and who we are there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `IMGFACTORY_URL`
    pub url: Url,
    /// `IMGFACTORY_TOKEN`
    pub token: SecretString,
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    /// When one is missing or unreadable.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            url: environment.url("IMGFACTORY_URL", Some(super::DEFINITION.default_url))?,
            token: environment.required("IMGFACTORY_TOKEN")?.into(),
        })
    }
}

/// The options of one preset, named as imgfactory names them. What is absent is left to the service's own default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// A task with a zip of copies, or one copy in the reply.
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    /// Copies of each image, from 1 to 1000; the service's default is 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// What the files in the zip are called. Where it is absent, darkroom asks for `original`, because the name proves
    /// which job a task belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Names>,
    /// How the files lie in the zip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folders: Option<Folders>,
    /// Rotation in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate: Option<Range>,
    /// Cropping in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// Saturation in per cent, 100 as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saturation: Option<Range>,
    /// Brightness in per cent, 100 as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brightness: Option<Range>,
    /// Contrast to add in per cent, 0 as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Range>,
    /// Mirroring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flip: Option<Flip>,
    /// What EXIF data the copies carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exif: Option<Exif>,
    /// The EXIF donor's id at imgfactory; needed for `exif = "own"` and useless without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_exif_id: Option<u64>,
}

/// More copies than this are no use of one image, and their names would not fit into a job's row.
const MOST_COPIES: u32 = 1000;

/// How the result is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// `POST /async/unique`: a task, later a zip.
    #[default]
    Async,
    /// `POST /sync/single/unique`: one image in the reply.
    Sync,
}

impl Mode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Async
    }
}

numbered_choice! {
    /// What the files in the zip are called.
    Names {
        /// A hash.
        Hashed = 0 "hashed",
        /// Numbers in order.
        Ordered = 1 "ordered",
        /// The name that was sent.
        Original = 2 "original",
    }
}

numbered_choice! {
    /// How the files lie in the zip.
    Folders {
        /// All in one folder.
        One = 0 "one",
        /// A folder for each image.
        PerImage = 1 "per_image",
        /// A folder for each copy, with the whole set of images.
        PerCopy = 2 "per_copy",
    }
}

numbered_choice! {
    /// Mirroring.
    Flip {
        /// None.
        None = 0 "none",
        /// Left and right change places.
        Horizontal = 1 "horizontal",
        /// Top and bottom change places.
        Vertical = 2 "vertical",
        /// Both.
        Both = 3 "both",
    }
}

numbered_choice! {
    /// EXIF data of the copies.
    Exif {
        /// Removed.
        Removed = 0 "removed",
        /// Made up.
        Random = 1 "random",
        /// Like the image's own.
        Similar = 2 "similar",
        /// Those of the donor `self_exif_id`.
        Own = 3 "own",
    }
}

numbered_choice! {
    /// The sides that are cropped.
    Side {
        /// One side, by chance.
        One = 0 "one",
        /// Two sides, by chance.
        Two = 1 "two",
        /// All sides.
        All = 2 "all",
        /// By chance.
        Random = 3 "random",
    }
}

/// A range from which each copy draws its own value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// `false` switches the change off.
    #[serde(default = "enabled")]
    pub enable: bool,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

/// How much is cropped, and where.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// `false` switches cropping off.
    #[serde(default = "enabled")]
    pub enable: bool,
    /// Which sides.
    pub side: Side,
    /// The least crop, per cent.
    pub min: f64,
    /// The greatest crop, per cent.
    pub max: f64,
}

fn enabled() -> bool {
    true
}

impl PresetOptions for Options {
    fn check(&self) -> Result<(), String> {
        if self.copies.is_some_and(|copies| !(1..=MOST_COPIES).contains(&copies)) {
            return Err(format!("copies has to be from 1 to {MOST_COPIES}"));
        }
        let ranges = [
            ("rotate", self.rotate),
            ("saturation", self.saturation),
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("crop", self.crop.map(|crop| Range { enable: crop.enable, min: crop.min, max: crop.max })),
        ];
        for (name, range) in ranges {
            let Some(range) = range else { continue };
            if !range.min.is_finite() || !range.max.is_finite() {
                return Err(format!("{name}: min and max have to be numbers"));
            }
            if range.min > range.max {
                return Err(format!("{name}: min ({}) is above max ({})", range.min, range.max));
            }
        }
        match (self.exif, self.self_exif_id) {
            (Some(Exif::Own), None) => Err("exif = \"own\" needs self_exif_id, the donor's id at imgfactory".into()),
            (exif, Some(_)) if exif != Some(Exif::Own) => {
                Err("self_exif_id has no effect without exif = \"own\"".into())
            }
            _ => Ok(()),
        }
    }

    /// The bounds that the service's page recommends.
    fn warnings(&self) -> Vec<String> {
        let crop = self.crop.map(|crop| Range { enable: crop.enable, min: crop.min, max: crop.max });
        let bounds = [
            ("rotate", self.rotate, 0.0..=2.0, "rotate by 1 to 2 degrees"),
            ("crop", crop, 0.0..=15.0, "crop by 5 to 15 per cent at the most"),
            ("saturation", self.saturation, 50.0..=150.0, "keep saturation above 50 and below 150"),
            ("brightness", self.brightness, 80.0..=130.0, "keep brightness above 80 and below 130"),
            ("contrast", self.contrast, 0.0..=20.0, "keep contrast at 20 or below"),
        ];
        let beyond = bounds.into_iter().filter_map(|(name, range, recommended, advice)| {
            let Range { enable, min, max } = range?;
            let within = recommended.contains(&min) && recommended.contains(&max);
            (enable && !within)
                .then(|| format!("{name}: {min} to {max} is beyond what imgfactory recommends: {advice}"))
        });
        beyond.collect()
    }

    /// The names that prove whose a task is.
    fn completed(self) -> Self {
        Self { names: self.names.or(Some(Names::Original)), ..self }
    }
}

impl Options {
    /// How many copies the service will make of an image.
    #[must_use]
    pub fn expected_copies(&self) -> u32 {
        self.copies.unwrap_or(10)
    }

    /// The names that are asked for.
    #[must_use]
    pub fn sent_names(&self) -> Names {
        self.names.unwrap_or(Names::Original)
    }

    /// The query of a request: every option that is set, in the service's own names.
    ///
    /// # Errors
    /// When a number cannot be written as JSON; [`Options::check`] rules that out.
    pub fn query(&self) -> Result<Vec<(&'static str, String)>, serde_json::Error> {
        let mut query = BTreeMap::new();
        query.insert("names", self.sent_names().number().to_string());
        let numbers = [
            ("copies", self.copies.map(u64::from)),
            ("folders", self.folders.map(|folders| folders.number().into())),
            ("flip", self.flip.map(|flip| flip.number().into())),
            ("exif", self.exif.map(|exif| exif.number().into())),
            ("self_exif_id", self.self_exif_id),
        ];
        query.extend(numbers.into_iter().filter_map(|(name, number)| Some((name, number?.to_string()))));
        let ranges = [
            ("rotate", self.rotate),
            ("saturation", self.saturation),
            ("brightness", self.brightness),
            ("contrast", self.contrast),
        ];
        for (name, range) in ranges {
            if let Some(range) = range {
                query.insert(name, json(range.enable, None, range.min, range.max)?);
            }
        }
        if let Some(crop) = self.crop {
            query.insert("crop", json(crop.enable, Some(crop.side), crop.min, crop.max)?);
        }
        Ok(query.into_iter().collect())
    }
}

/// A range as the service's examples write it: whole numbers without a fraction.
fn json(enable: bool, side: Option<Side>, min: f64, max: f64) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Wire {
        enable: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        side: Option<Side>,
        min: serde_json::Value,
        max: serde_json::Value,
    }
    serde_json::to_string(&Wire { enable, side, min: plain(min), max: plain(max) })
}

fn plain(number: f64) -> serde_json::Value {
    #[expect(clippy::cast_possible_truncation, reason = "only numbers that are whole and small get here")]
    if number.fract() == 0.0 && number.abs() < 1e15 { (number as i64).into() } else { number.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: serde_json::Value) -> Result<Options, serde_json::Error> {
        serde_json::from_value(json)
    }

    #[test]
    fn every_documented_option_goes_into_the_query_under_its_own_name() {
        let options = options(serde_json::json!({
            "copies": 3, "names": "ordered", "folders": 2,
            "rotate": {"min": 0, "max": 2}, "crop": {"side": "two", "min": 1, "max": 5},
            "saturation": {"min": 90, "max": 110}, "brightness": {"min": 90, "max": 110.5},
            "contrast": {"enable": false, "min": 1, "max": 15},
            "flip": "horizontal", "exif": "own", "self_exif_id": 7,
        }))
        .unwrap();
        assert_eq!(options.check(), Ok(()));
        let query: Vec<String> =
            options.query().unwrap().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            query,
            [
                r#"brightness={"enable":true,"min":90,"max":110.5}"#,
                r#"contrast={"enable":false,"min":1,"max":15}"#,
                "copies=3",
                r#"crop={"enable":true,"side":1,"min":1,"max":5}"#,
                "exif=3",
                "flip=1",
                "folders=2",
                "names=1",
                r#"rotate={"enable":true,"min":0,"max":2}"#,
                r#"saturation={"enable":true,"min":90,"max":110}"#,
                "self_exif_id=7",
            ]
        );
    }

    #[test]
    fn without_options_only_the_names_are_asked_for() {
        assert_eq!(Options::default().query().unwrap(), [("names", "2".to_owned())]);
    }

    #[test]
    fn a_choice_takes_its_number_or_its_word_and_nothing_else() {
        assert_eq!(options(serde_json::json!({"exif": 1})).unwrap().exif, Some(Exif::Random));
        assert_eq!(options(serde_json::json!({"exif": "random"})).unwrap().exif, Some(Exif::Random));
        let error = options(serde_json::json!({"exif": "radnom"})).unwrap_err().to_string();
        assert!(error.contains("radnom") && error.contains("1 \"random\""), "{error}");
        assert!(options(serde_json::json!({"exif": 4})).is_err());
    }

    #[test]
    fn ranges_beyond_the_recommended_bounds_are_warned_of() {
        let warnings = |json| options(json).unwrap().warnings();
        for (beyond, name) in [
            (serde_json::json!({"rotate": {"min": -5, "max": 5}}), "rotate"),
            (serde_json::json!({"crop": {"side": "all", "min": 1, "max": 16}}), "crop"),
            (serde_json::json!({"saturation": {"min": 40, "max": 110}}), "saturation"),
            (serde_json::json!({"brightness": {"min": 90, "max": 131}}), "brightness"),
            (serde_json::json!({"contrast": {"min": 1, "max": 21}}), "contrast"),
        ] {
            let told = warnings(beyond.clone());
            assert!(told.len() == 1 && told[0].starts_with(name), "{beyond}: {told:?}");
        }
        let within = serde_json::json!({
            "rotate": {"min": 1, "max": 2}, "crop": {"side": 0, "min": 5, "max": 15},
            "saturation": {"min": 51, "max": 149}, "brightness": {"enable": false, "min": 0, "max": 500},
        });
        assert_eq!(warnings(within), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_would_be_right() {
        for (wrong, word) in [
            (serde_json::json!({"copies": 0}), "copies"),
            (serde_json::json!({"rotate": {"min": 3, "max": 2}}), "rotate"),
            (serde_json::json!({"exif": "own"}), "self_exif_id"),
            (serde_json::json!({"self_exif_id": 3}), "own"),
        ] {
            let error = options(wrong.clone()).unwrap().check().unwrap_err();
            assert!(error.contains(word), "{wrong}: {error}");
        }
        assert!(options(serde_json::json!({"copeis": 3})).is_err());
    }
}
