//! The query options of imgfactory and the service's way of refusing them. Makes no images.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;

use crate::pixels::exif::Camera;
use crate::pixels::unique::{CropSide, Recipe};

/// What is wrong with a request: messages by field, as the service words them.
pub(crate) type Refusals = BTreeMap<String, Vec<String>>;

/// The service names no upper limit; this one keeps a typing error from filling the disk.
const MOST_COPIES: u64 = 1000;
const MOST_DEGREES: f32 = 180.0;
const MOST_CROP_PERCENT: f32 = 49.0;
const MOST_PERCENT: f32 = 1000.0;

/// How outputs are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Names {
    Hashed,
    Ordinal,
    Original,
}

/// Which folders outputs lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Folders {
    One,
    PerImage,
    PerCopy,
}

/// All options of one request, checked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Options {
    pub(crate) copies: u32,
    pub(crate) names: Names,
    pub(crate) folders: Folders,
    rotate: Option<Range>,
    crop: Option<Crop>,
    saturation: Option<Range>,
    brightness: Option<Range>,
    contrast: Option<Range>,
    flip: u64,
    exif: u64,
    self_exif_id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Range {
    min: f32,
    max: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Crop {
    side: u64,
    range: Range,
}

impl Options {
    /// Reads the query of a request. Options that the service does not know are passed over, as it does.
    pub(crate) fn from_query(query: &str) -> Result<Self, Refusals> {
        let mut reader = Reader {
            values: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            refusals: Refusals::new(),
        };
        let options = reader.options();
        if reader.refusals.is_empty() { Ok(options) } else { Err(reader.refusals) }
    }

    /// What is done to each copy.
    pub(crate) fn recipe(&self) -> Recipe {
        let span = |range: Range| (range.min, range.max);
        let side = |side: u64| match side {
            0 => CropSide::One,
            1 => CropSide::Two,
            2 => CropSide::All,
            _ => CropSide::Random,
        };
        Recipe {
            rotate: self.rotate.map(span),
            crop: self.crop.map(|crop| (side(crop.side), span(crop.range))),
            saturation: self.saturation.map(span),
            brightness: self.brightness.map(span),
            contrast: self.contrast.map(span),
            flip_horizontally: matches!(self.flip, 1 | 3),
            flip_vertically: matches!(self.flip, 2 | 3),
        }
    }

    /// Which camera the EXIF data of a copy names, if there is any.
    pub(crate) fn camera(&self) -> Option<Camera> {
        match self.exif {
            0 => None,
            1 => Some(Camera::Random),
            2 => Some(Camera::Number(0)),
            _ => Some(Camera::Number(self.self_exif_id)),
        }
    }
}

/// Reads option after option and gathers every refusal, since the service reports all at once.
struct Reader {
    values: BTreeMap<String, String>,
    refusals: Refusals,
}

impl Reader {
    fn options(&mut self) -> Options {
        let exif = self.number("exif", 0..=3, 0);
        let self_exif_id = self.number("self_exif_id", 0..=u64::MAX, 0);
        if exif == 3 && self_exif_id == 0 && !self.refusals.contains_key("self_exif_id") {
            self.refuse("self_exif_id", "Поле self exif id обязательно для заполнения.".to_owned());
        }
        Options {
            copies: u32::try_from(self.number("copies", 1..=MOST_COPIES, 10)).unwrap_or(1),
            names: match self.number("names", 0..=2, 0) {
                0 => Names::Hashed,
                1 => Names::Ordinal,
                _ => Names::Original,
            },
            folders: match self.number("folders", 0..=2, 0) {
                0 => Folders::One,
                1 => Folders::PerImage,
                _ => Folders::PerCopy,
            },
            rotate: self.range("rotate", -MOST_DEGREES..=MOST_DEGREES, (0.0, 2.0)),
            crop: self.crop(),
            saturation: self.range("saturation", 0.0..=MOST_PERCENT, (90.0, 110.0)),
            brightness: self.range("brightness", 0.0..=MOST_PERCENT, (90.0, 110.0)),
            contrast: self.range("contrast", 0.0..=MOST_PERCENT, (1.0, 15.0)),
            flip: self.number("flip", 0..=3, 0),
            exif,
            self_exif_id,
        }
    }

    fn refuse(&mut self, field: &str, message: String) {
        self.refusals.entry(field.to_owned()).or_default().push(message);
    }

    fn number(&mut self, field: &str, allowed: RangeInclusive<u64>, default: u64) -> u64 {
        let Some(text) = self.values.get(field) else {
            return default;
        };
        match text.parse::<i64>().map(u64::try_from) {
            Ok(Ok(number)) if allowed.contains(&number) => return number,
            Ok(_) if field == "copies" => {
                let message = format!("Поле copies должно быть между {} и {}.", allowed.start(), allowed.end());
                self.refuse(field, message);
            }
            Ok(_) => self.refuse(field, format!("Выбранное значение для {field} ошибочно.")),
            Err(_) => self.refuse(field, format!("Поле {field} должно быть целым числом.")),
        }
        default
    }

    fn range(&mut self, field: &str, allowed: RangeInclusive<f32>, (min, max): (f32, f32)) -> Option<Range> {
        match self.object(field) {
            Some(object) => self.range_of(field, &object, &allowed),
            None => Some(Range { min, max }),
        }
    }

    fn crop(&mut self) -> Option<Crop> {
        const FIELD: &str = "crop";
        let object = self.object(FIELD)?;
        let range = self.range_of(FIELD, &object, &(0.0..=MOST_CROP_PERCENT))?;
        let side = object.get("side").and_then(Value::as_u64).filter(|side| *side <= 3);
        if side.is_none() {
            self.refuse(FIELD, "Выбранное значение для crop.side ошибочно.".to_owned());
        }
        Some(Crop { side: side?, range })
    }

    /// The JSON object in a field; `None` when it is absent, `null`, or refused.
    fn object(&mut self, field: &str) -> Option<Value> {
        let text = self.values.get(field)?;
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Null) => None,
            Ok(object @ Value::Object(_)) => Some(object),
            Ok(_) | Err(_) => {
                self.refuse(field, format!("Поле {field} должно быть JSON строкой."));
                None
            }
        }
    }

    /// The range in an object; `None` when it is switched off or refused.
    fn range_of(&mut self, field: &str, object: &Value, allowed: &RangeInclusive<f32>) -> Option<Range> {
        let enabled = match object.get("enable") {
            None => true,
            Some(Value::Bool(enabled)) => *enabled,
            Some(_) => {
                self.refuse(field, format!("Поле {field}.enable должно иметь значение логического типа."));
                return None;
            }
        };
        let mut bound = |name: &str| {
            let number = object
                .get(name)
                .and_then(|value| serde_json::from_value::<f32>(value.clone()).ok())
                .filter(|number| allowed.contains(number));
            if number.is_none() && enabled {
                let message =
                    format!("Поле {field}.{name} должно быть числом между {} и {}.", allowed.start(), allowed.end());
                self.refuse(field, message);
            }
            number
        };
        let (min, max) = (bound("min"), bound("max"));
        if !enabled {
            return None;
        }
        let (min, max) = (min?, max?);
        if min > max {
            self.refuse(field, format!("Поле {field}.min не может быть больше {field}.max."));
            return None;
        }
        Some(Range { min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    #[test]
    fn absent_options_have_the_documented_defaults() {
        let options = Options::from_query("").unwrap();
        assert_eq!(options.copies, 10);
        assert_eq!(options.names, Names::Hashed);
        assert_eq!(options.folders, Folders::One);
        let recipe = options.recipe();
        assert_eq!(recipe.rotate, Some((0.0, 2.0)));
        assert_eq!(recipe.crop, None);
        assert_eq!(recipe.saturation, Some((90.0, 110.0)));
        assert_eq!(recipe.brightness, Some((90.0, 110.0)));
        assert_eq!(recipe.contrast, Some((1.0, 15.0)));
        assert_eq!(options.camera(), None);
    }

    #[test]
    fn options_are_read_as_documented() {
        let options = Options::from_query(&query(&[
            ("copies", "3"),
            ("names", "2"),
            ("folders", "1"),
            ("rotate", r#"{"enable":false,"min":0,"max":2}"#),
            ("crop", r#"{"enable":true,"side":1,"min":1,"max":5}"#),
            ("saturation", r#"{ "enable": true, "min": 80, "max": 120.5 }"#),
            ("flip", "3"),
            ("exif", "3"),
            ("self_exif_id", "17"),
            ("unheard_of", "x"),
        ]))
        .unwrap();
        assert_eq!((options.copies, options.names, options.folders), (3, Names::Original, Folders::PerImage));
        let recipe = options.recipe();
        assert_eq!(recipe.rotate, None);
        assert_eq!(recipe.crop, Some((CropSide::Two, (1.0, 5.0))));
        assert_eq!(recipe.saturation, Some((80.0, 120.5)));
        assert!(recipe.flip_horizontally && recipe.flip_vertically);
        assert_eq!(options.camera(), Some(Camera::Number(17)));
    }

    #[test]
    fn null_is_as_good_as_absent() {
        let options = Options::from_query(&query(&[("crop", "null"), ("rotate", "null")])).unwrap();
        assert_eq!(options, Options::from_query("").unwrap());
    }

    #[test]
    fn everything_out_of_domain_is_named_by_its_field() {
        for (field, value) in [
            ("copies", "0"),
            ("copies", "-1"),
            ("copies", "ten"),
            ("copies", ""),
            ("names", "3"),
            ("folders", "9"),
            ("flip", "4"),
            ("exif", "4"),
            ("rotate", "{"),
            ("rotate", "[0,2]"),
            ("rotate", r#"{"enable":true,"min":2,"max":1}"#),
            ("rotate", r#"{"enable":true,"min":2}"#),
            ("rotate", r#"{"enable":"yes","min":0,"max":1}"#),
            ("crop", r#"{"enable":true,"side":4,"min":1,"max":5}"#),
            ("crop", r#"{"enable":true,"side":1,"min":1,"max":60}"#),
            ("saturation", r#"{"enable":true,"min":-5,"max":5}"#),
            ("contrast", "15"),
        ] {
            let refusals = Options::from_query(&query(&[(field, value)])).unwrap_err();
            assert_eq!(refusals.keys().collect::<Vec<_>>(), [field], "{field}={value}");
        }
        let refusals = Options::from_query("exif=3&names=7").unwrap_err();
        assert_eq!(refusals.keys().collect::<Vec<_>>(), ["names", "self_exif_id"]);
    }
}
