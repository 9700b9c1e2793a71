//! Reading and checking a request to watermark. Does none of the work and writes nothing.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use image::ImageFormat;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::credentials::{WATERMARK_APP_ID, WATERMARK_APP_SECRET, WATERMARK_TOKEN};
use crate::form::{BadForm, Form, SentFile};
use crate::hash::md5_hex;
use crate::pixels::{self, Area};
use crate::watermark::keywords::{Keyword, Keywords, Rule};
use crate::watermark::wire::Refusal;

/// The part the real server reads. Its documents say `imageFile`, which it does not see.
const FILE_PART: &str = "uploadFile";
const LARGEST_IMAGE_BYTES: usize = 4_194_304;

/// A request that is in order, except that its rectangles are not yet held against the image.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) image: SentFile,
    pub(crate) image_md5: String,
    pub(crate) format: ImageFormat,
    /// The signature that came with it; none in token mode.
    pub(crate) sign: Option<String>,
    /// Where the result is sent; none when the caller waits for it.
    pub(crate) callback: Option<Url>,
    pub(crate) wishes: Wishes,
    /// Equal for requests that differ in nothing but application and salt.
    pub(crate) cache_key: String,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Where to work; if empty, text is looked for.
    pub(crate) rectangles: Vec<Area>,
    pub(crate) keywords: Option<Keywords>,
    pub(crate) offset: Offset,
    pub(crate) ocr_only: bool,
    pub(crate) show: bool,
}

/// How boxes that were found are moved and resized, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offset {
    x: i64,
    y: i64,
    w: i64,
    h: i64,
}

impl Offset {
    /// The area with the offset, if it lies inside an image of this size then.
    pub(crate) fn apply(self, area: Area, (width, height): (u32, u32)) -> Option<Area> {
        let moved = |value: u32, by: i64| u32::try_from(i64::from(value).checked_add(by)?).ok();
        let moved = Area {
            x: moved(area.x, self.x)?,
            y: moved(area.y, self.y)?,
            w: moved(area.w, self.w)?,
            h: moved(area.h, self.h)?,
        };
        moved.fits((width, height)).then_some(moved)
    }
}

#[derive(Deserialize)]
struct Rectangle {
    x: u32,
    y: u32,
    w: u32,
    h: u32,
}

#[derive(Deserialize)]
struct KeywordList {
    items: Vec<KeywordItem>,
}

#[derive(Deserialize)]
struct KeywordItem {
    value: String,
    #[serde(default)]
    rule: Option<String>,
}

impl Request {
    /// Reads a request. The first thing that is wrong with it decides the answer.
    pub(crate) fn read(headers: &HeaderMap, form: Result<Form, BadForm>) -> Result<Self, Refusal> {
        let form = form.map_err(|error| match error {
            BadForm::TooLarge => Refusal::TooLarge,
            BadForm::Malformed => Refusal::BadParameter,
        })?;
        let image = form.files.iter().find(|file| file.part_name == FILE_PART).cloned();
        let image = image.ok_or(Refusal::BadParameter)?;
        if image.content.len() > LARGEST_IMAGE_BYTES {
            return Err(Refusal::TooLarge);
        }
        let image_md5 = md5_hex(&image.content);
        let sign = check_access(headers, &form, &image_md5)?;
        let format = pixels::sniff(&image.content).ok_or(Refusal::WrongType)?;
        let is_async = flag(&form, "sync")?;
        let callback = if is_async { Some(callback(&form)?) } else { None };
        let wishes = Wishes::read(&form)?;
        let cache_key = cache_key(&form, &image_md5);
        Ok(Self { image, image_md5, format, sign, callback, wishes, cache_key })
    }
}

impl Wishes {
    fn read(form: &Form) -> Result<Self, Refusal> {
        let (ocr_only, show) = (flag(form, "ocrOnly")?, flag(form, "show")?);
        let rectangles: Vec<Rectangle> = json(form, "rectangles")?.unwrap_or_default();
        let rectangles: Vec<Area> =
            rectangles.into_iter().map(|Rectangle { x, y, w, h }| Area { x, y, w, h }).collect();
        if !rectangles.is_empty() {
            // They make the other three void, so those are not even looked at.
            return Ok(Self { rectangles, ocr_only, show, ..Self::default() });
        }
        let keywords = match (keywords(form, "watermarkNames")?, keywords(form, "excludeKeywords")?) {
            (Some(_), Some(_)) => return Err(Refusal::BadParameter),
            (Some(names), None) => Some(Keywords::Only(names)),
            (None, Some(names)) => Some(Keywords::Except(names)),
            (None, None) => None,
        };
        Ok(Self { rectangles, keywords, offset: offset(form)?, ocr_only, show })
    }
}

/// Checks the signature or the token, and gives the signature back.
fn check_access(headers: &HeaderMap, form: &Form, image_md5: &str) -> Result<Option<String>, Refusal> {
    let Some(sign) = headers.get("x-access-api-sign") else {
        let token = headers.get("x-access-api-token").ok_or(Refusal::Signature)?;
        let is_right = token.as_bytes() == WATERMARK_TOKEN.as_bytes();
        return if is_right { Ok(None) } else { Err(Refusal::Signature) };
    };
    let app_id = form.field("appId").ok_or(Refusal::BadParameter)?;
    let salt = form.field("salt").ok_or(Refusal::BadParameter)?;
    let is_salt = salt.len() == 8 && salt.bytes().all(|byte| byte.is_ascii_digit()) && !salt.starts_with('0');
    if !is_salt {
        return Err(Refusal::BadParameter);
    }
    let expected = md5_hex(format!("{app_id}{image_md5}{salt}{WATERMARK_APP_SECRET}").as_bytes());
    if app_id != WATERMARK_APP_ID || sign.as_bytes() != expected.as_bytes() {
        return Err(Refusal::Signature);
    }
    Ok(Some(expected))
}

/// A field that must be exactly `true` or `false` if it is there.
fn flag(form: &Form, name: &str) -> Result<bool, Refusal> {
    match form.field(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refusal::BadParameter),
    }
}

fn callback(form: &Form) -> Result<Url, Refusal> {
    let url = form.field("callback").and_then(|text| Url::parse(text).ok());
    url.filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(Refusal::BadParameter)
}

fn json<T: DeserializeOwned>(form: &Form, name: &str) -> Result<Option<T>, Refusal> {
    match form.field(name).map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => serde_json::from_str(text).map(Some).map_err(|_| Refusal::BadParameter),
    }
}

fn keywords(form: &Form, name: &str) -> Result<Option<Vec<Keyword>>, Refusal> {
    let Some(list) = json::<KeywordList>(form, name)? else {
        return Ok(None);
    };
    let keyword = |item: KeywordItem| Keyword {
        value: item.value,
        // Whatever is not known counts as the default, which is `similar`.
        rule: if item.rule.as_deref() == Some("absolute") { Rule::Absolute } else { Rule::Similar },
    };
    Ok(Some(list.items.into_iter().map(keyword).collect()))
}

fn offset(form: &Form) -> Result<Offset, Refusal> {
    const MOST_KEYS: usize = 4;
    let parts: BTreeMap<String, i32> = json(form, "offset")?.unwrap_or_default();
    if parts.len() > MOST_KEYS {
        return Err(Refusal::BadParameter);
    }
    let mut offset = Offset::default();
    for (key, pixels) in parts {
        let by = match key.as_bytes().first() {
            Some(b'+') => i64::from(pixels),
            Some(b'-') => -i64::from(pixels),
            _ => return Err(Refusal::BadParameter),
        };
        match &key[1..] {
            "x" => offset.x += by,
            "y" => offset.y += by,
            "w" => offset.w += by,
            "h" => offset.h += by,
            _ => return Err(Refusal::BadParameter),
        }
    }
    Ok(offset)
}

fn cache_key(form: &Form, image_md5: &str) -> String {
    let mut fields: Vec<&(String, String)> =
        form.fields.iter().filter(|(name, _)| name != "appId" && name != "salt").collect();
    fields.sort();
    md5_hex(format!("{image_md5} {fields:?}").as_bytes())
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
