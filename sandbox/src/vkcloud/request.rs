//! Reading and checking a request to vkcloud. Does none of the work and writes nothing.

use image::ImageFormat;
use serde::Deserialize;
use url::form_urlencoded;

use crate::form::{BadForm, Form, SentFile};
use crate::vkcloud::wire::Refusal;

const MOST_IMAGES: usize = 100;
const LARGEST_IMAGES_BYTES: usize = 30 * 1024 * 1024;
const LARGEST_IMAGE_BYTES: usize = 15 * 1024 * 1024;
const SMALLEST_SIDE: u32 = 5;
const LARGEST_SIZE: (u32, u32) = (3840, 2160);

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) provider: String,
    pub(crate) token: String,
}

/// What is to be done to every image of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) improve: bool,
    pub(crate) resolution: Option<Resolution>,
}

/// How an image is enlarged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolution {
    pub(crate) factor: u32,
    /// Whether it is a drawing, with hard edges.
    pub(crate) is_art: bool,
}

/// A request that is in order; single images may not be.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) wishes: Wishes,
    /// By the names that the reply uses.
    pub(crate) images: Vec<(String, SentFile)>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    mode: Vec<String>,
    #[serde(default)]
    images: Vec<ImageMeta>,
    #[serde(default)]
    rfactor: Option<i64>,
    /// The documents call it `ftype` once, and `rtype` in every example.
    #[serde(default, alias = "ftype")]
    rtype: Option<String>,
}

#[derive(Deserialize)]
struct ImageMeta {
    #[serde(default)]
    name: String,
}

impl Access {
    /// Reads the query. Nothing is said of who that is.
    pub(crate) fn of_query(query: &str) -> Self {
        let parameter = |wanted: &str| {
            let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        Self { provider: parameter("oauth_provider"), token: parameter("oauth_token") }
    }
}

impl Request {
    /// Reads a request. The first thing that is wrong with it decides the answer.
    pub(crate) fn read(form: Result<Form, BadForm>) -> Result<Self, Refusal> {
        let form = form.map_err(|error| match error {
            BadForm::TooLarge => bad("request is too large"),
            BadForm::Malformed => bad("request is not a multipart form"),
        })?;
        let meta: Meta = serde_json::from_str(form.field("meta").unwrap_or_default())
            .map_err(|error| bad(format!("could not parse meta: {error}")))?;
        let wishes = Wishes::of(&meta)?;
        if meta.images.is_empty() {
            return Err(bad("images is empty"));
        }
        if meta.images.len() > MOST_IMAGES {
            return Err(bad("too many images"));
        }
        let images = meta.images.into_iter().map(|image| named(&form, image.name)).collect::<Result<Vec<_>, _>>()?;
        if images.iter().map(|(_, file)| file.content.len()).sum::<usize>() > LARGEST_IMAGES_BYTES {
            return Err(bad("request is too large"));
        }
        Ok(Self { wishes, images })
    }
}

impl Wishes {
    fn of(meta: &Meta) -> Result<Self, Refusal> {
        if meta.mode.is_empty() {
            return Err(bad("mode is empty"));
        }
        if let Some(unknown) = meta.mode.iter().find(|mode| !matches!(mode.as_str(), "improve" | "resolution")) {
            return Err(bad(format!("unknown mode {unknown}")));
        }
        let has = |name: &str| meta.mode.iter().any(|mode| mode == name);
        let resolution = if has("resolution") { Some(Resolution::of(meta)?) } else { None };
        Ok(Self { improve: has("improve"), resolution })
    }
}

impl Resolution {
    fn of(meta: &Meta) -> Result<Self, Refusal> {
        let factor = match meta.rfactor {
            Some(2) => 2,
            Some(4) => 4,
            _ => return Err(bad("rfactor must be 2 or 4")),
        };
        match meta.rtype.as_deref() {
            Some("art") => Ok(Self { factor, is_art: true }),
            Some("photo") => Ok(Self { factor, is_art: false }),
            _ => Err(bad("rtype must be art or photo")),
        }
    }
}

/// The file sent under a name.
fn named(form: &Form, name: String) -> Result<(String, SentFile), Refusal> {
    let file =
        form.file(&name).ok_or_else(|| bad(format!("could not get image by name {name}: http: no such file")))?;
    if file.content.is_empty() {
        return Err(bad("empty image"));
    }
    Ok((name, file.clone()))
}

/// Why an image cannot be worked on, seen from outside.
pub(crate) fn unsuitable(content: &[u8]) -> Option<&'static str> {
    if content.len() > LARGEST_IMAGE_BYTES {
        return Some("image is too large");
    }
    match image::guess_format(content) {
        Ok(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Tiff) => None,
        _ => Some("unsupported image format"),
    }
}

/// Why an image of this size cannot be worked on. It may lie or stand.
pub(crate) fn unsuitable_size((width, height): (u32, u32)) -> Option<&'static str> {
    if width.min(height) < SMALLEST_SIDE {
        return Some("image is too small");
    }
    let is_too_large = width.max(height) > LARGEST_SIZE.0 || width.min(height) > LARGEST_SIZE.1;
    is_too_large.then_some("image resolution is too large")
}

fn bad(reason: impl Into<String>) -> Refusal {
    Refusal::BadRequest(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_limits() {
        for (size, is_taken) in
            [((5, 5), true), ((4, 900), false), ((3840, 2160), true), ((2160, 3840), true), ((3840, 2161), false)]
        {
            assert_eq!(unsuitable_size(size).is_none(), is_taken, "{size:?}");
        }
    }

    #[test]
    fn wishes_are_read_under_either_name() {
        let wishes = |text: &str| Wishes::of(&serde_json::from_str(text).unwrap());
        let resolution = Some(Resolution { factor: 4, is_art: true });
        let read = wishes(r#"{"mode": ["improve", "resolution"], "rfactor": 4, "ftype": "art"}"#).unwrap();
        assert_eq!(read, Wishes { improve: true, resolution });
        for text in [r#"{"mode": []}"#, r#"{"mode": ["x"]}"#, r#"{"mode": ["resolution"], "rfactor": 3}"#] {
            assert!(wishes(text).is_err(), "{text}");
        }
    }
}
