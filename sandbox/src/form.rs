//! Forms, read in full into files and fields. Knows nothing of any one service.

use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

/// A file that was sent in a form.
#[derive(Clone, Debug)]
pub(crate) struct SentFile {
    pub(crate) part_name: String,
    pub(crate) file_name: String,
    pub(crate) content: Bytes,
}

/// A form read in full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// Parts that carry a file name.
    pub(crate) files: Vec<SentFile>,
    /// All other parts, in the order sent.
    pub(crate) fields: Vec<(String, String)>,
}

/// Why a form could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadForm {
    /// It is larger than we take in.
    TooLarge,
    /// It is no multipart form, or a broken one.
    Malformed,
}

impl Form {
    /// Reads the whole request, so that a refusal never meets a client that is still sending.
    pub(crate) async fn read(multipart: Result<Multipart, MultipartRejection>) -> Result<Self, BadForm> {
        let mut multipart = multipart.map_err(|_| BadForm::Malformed)?;
        let mut form = Self::default();
        while let Some(field) = multipart.next_field().await.map_err(|error| bad_form(&error))? {
            let part_name = field.name().unwrap_or_default().to_owned();
            let file_name = file_name_of(&field);
            let content = field.bytes().await.map_err(|error| bad_form(&error))?;
            match file_name {
                Some(file_name) => form.files.push(SentFile { part_name, file_name, content }),
                None => form.fields.push((part_name, String::from_utf8_lossy(&content).into_owned())),
            }
        }
        Ok(form)
    }

    /// Reads a whole request that may be a multipart form or a plain one.
    pub(crate) async fn of_request(request: Request) -> Result<Self, BadForm> {
        let content_type = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
        if content_type.is_some_and(|value| value.starts_with(b"multipart/")) {
            return Self::read(Multipart::from_request(request, &()).await).await;
        }
        let content = Bytes::from_request(request, &()).await.map_err(|error| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE { BadForm::TooLarge } else { BadForm::Malformed }
        })?;
        let fields = form_urlencoded::parse(&content).map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Self { files: Vec::new(), fields: fields.collect() })
    }

    /// The first file of this name.
    pub(crate) fn file(&self, name: &str) -> Option<&SentFile> {
        self.files.iter().find(|file| file.part_name == name)
    }

    /// The first field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn bad_form(error: &MultipartError) -> BadForm {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE { BadForm::TooLarge } else { BadForm::Malformed }
}

/// The plain file name, or the encoded one that some clients send for names beyond ASCII.
fn file_name_of(field: &Field<'_>) -> Option<String> {
    if let Some(name) = field.file_name() {
        return Some(name.to_owned());
    }
    let disposition = field.headers().get(CONTENT_DISPOSITION)?.to_str().ok()?;
    let (_, encoded) = disposition.split_once("filename*=")?;
    let encoded = encoded.split(';').next()?.trim().trim_matches('"');
    let encoded = encoded.rsplit('\'').next()?;
    Some(percent_decode_str(encoded).decode_utf8_lossy().into_owned())
}
