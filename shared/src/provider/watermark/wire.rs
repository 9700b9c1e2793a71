//! The watermark service's form and JSON. A callback, a synchronous reply and an error are one and the same object.
//!
//! Only what is needed is read: several fields differ in type between the documents and the service's code
//! (`limitedTermExpireTimes` can be an object, whole objects can be absent).

use serde::{Deserialize, Serialize};

use super::super::tolerant;
use super::config::{Keyword, Mode, Options};
use crate::job::Rectangle;

/// Any reply, and any callback.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    #[serde(deserialize_with = "tolerant::number")]
    pub(super) http_code: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) remaining_usage: Option<i64>,
    #[serde(default)]
    pub(super) http_msg: Option<String>,
    #[serde(default)]
    pub(super) data: Option<Data>,
}

/// The part of a message that speaks of the image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data {
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) process_status: Option<i64>,
    #[serde(default)]
    pub(super) process_msg: Option<String>,
    #[serde(default, deserialize_with = "tolerant::list")]
    pub(super) process_location: Vec<Location>,
    #[serde(default, deserialize_with = "tolerant::address")]
    pub(super) url: Option<String>,
}

/// A rectangle in which the service found or filled something.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    #[serde(default, deserialize_with = "tolerant::number")]
    x: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::number")]
    y: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::number")]
    w: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::number")]
    h: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::number")]
    line_count: Option<i64>,
    // The table of fields calls it `watermark`, the examples `word`.
    #[serde(default, alias = "watermark")]
    word: Option<String>,
}

impl From<Location> for Rectangle {
    fn from(location: Location) -> Self {
        Self {
            x: location.x.unwrap_or_default(),
            y: location.y.unwrap_or_default(),
            w: location.w.unwrap_or_default(),
            h: location.h.unwrap_or_default(),
            line_count: location.line_count.and_then(|count| u32::try_from(count).ok()),
            word: location.word,
        }
    }
}

#[derive(Serialize)]
struct Items<'a> {
    items: &'a [Keyword],
}

/// The form's fields for `options`, without those of the signature. `callback_url` absent: answer in the reply.
///
/// # Errors
/// When an option cannot be written as JSON.
pub(super) fn fields(
    options: &Options,
    callback_url: Option<&str>,
) -> Result<Vec<(&'static str, String)>, serde_json::Error> {
    let mut fields = Vec::new();
    match callback_url {
        Some(url) if options.mode == Mode::Async => {
            fields.push(("sync", "true".to_owned()));
            fields.push(("callback", url.to_owned()));
        }
        _ => fields.push(("sync", "false".to_owned())),
    }
    if !options.rectangles.is_empty() {
        fields.push(("rectangles", serde_json::to_string(&options.rectangles)?));
    }
    for (name, keywords) in
        [("watermarkNames", &options.watermark_names), ("excludeKeywords", &options.exclude_keywords)]
    {
        if !keywords.is_empty() {
            fields.push((name, serde_json::to_string(&Items { items: keywords })?));
        }
    }
    if let Some(offset) = options.offset {
        fields.push(("offset", serde_json::to_string(&offset)?));
    }
    for (name, switch) in [("ocrOnly", options.ocr_only), ("show", options.show)] {
        if let Some(on) = switch {
            fields.push((name, on.to_string()));
        }
    }
    Ok(fields)
}
