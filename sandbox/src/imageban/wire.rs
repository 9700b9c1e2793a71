//! The JSON of imageban, field for field as the service sends it: numbers as strings. Decides nothing.

use axum::Json;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::Serialize;
use serde_json::json;

use crate::error::SandboxError;

#[derive(Serialize)]
struct Success<T> {
    data: T,
    success: bool,
    status: u16,
}

/// One hosted image.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ImageLine {
    pub(crate) id: String,
    pub(crate) date: String,
    pub(crate) name: String,
    pub(crate) server: String,
    pub(crate) views: String,
    pub(crate) description: String,
    pub(crate) img_name: String,
    pub(crate) favorite: bool,
    pub(crate) size: String,
    pub(crate) resolution: String,
    pub(crate) link: String,
    pub(crate) short_link: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delete_hash: Option<String>,
}

/// One album.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AlbumLine {
    pub(crate) id: String,
    pub(crate) date: String,
    pub(crate) album_name: String,
    pub(crate) album_desc: String,
    pub(crate) album_type: String,
    pub(crate) images_count: String,
    pub(crate) images: Vec<ImageLine>,
}

/// A request that is not served.
#[derive(Debug)]
pub(crate) enum Refusal {
    WrongClient,
    TooLarge,
    NoData,
    WrongType,
    UploadFailed,
    WrongSecret,
    WrongUrl,
    FetchFailed,
    GuestLimit,
    AccountLimit,
    NoCredentials,
    AlbumNameTaken,
    AlbumNameMissing,
    NoSuchAlbum,
    NoSuchImage,
    /// The sandbox itself failed.
    Broken(SandboxError),
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        Self::Broken(error)
    }
}

impl Refusal {
    /// The refusal of a documented code.
    pub(crate) fn of_code(code: u16) -> Self {
        match code {
            100 => Self::WrongClient,
            101 => Self::TooLarge,
            102 => Self::NoData,
            103 => Self::WrongType,
            105 => Self::WrongSecret,
            106 => Self::WrongUrl,
            107 => Self::FetchFailed,
            108 => Self::GuestLimit,
            109 => Self::AccountLimit,
            110 => Self::NoCredentials,
            _ => Self::UploadFailed,
        }
    }

    /// The code and its words. Those of 100 to 110 are documented, as are the numbers 400 and 401; the rest is made up.
    fn words(&self) -> (u16, &'static str) {
        match self {
            Self::WrongClient => (100, "Invalid client key"),
            Self::TooLarge => (101, "Image is larger"),
            Self::NoData => (102, "No image data"),
            Self::WrongType => (103, "Invalid image type"),
            Self::UploadFailed | Self::Broken(_) => (104, "Image failed to upload"),
            Self::WrongSecret => (105, "Invalid secret key"),
            Self::WrongUrl => (106, "Wrong URL"),
            Self::FetchFailed => (107, "File reception error"),
            Self::GuestLimit => (108, "Limit of uploaded images from your IP is exceeded for guest"),
            Self::AccountLimit => (109, "Exceeded the daily limit of uploaded images for your account"),
            Self::NoCredentials => (110, "No auth data"),
            Self::AlbumNameTaken => (400, "Album with this name already exists"),
            Self::AlbumNameMissing => (401, "Album name is required"),
            Self::NoSuchAlbum => (404, "Album not found"),
            Self::NoSuchImage => (404, "Image not found"),
        }
    }

    /// The code under which the ledger counts it.
    pub(crate) fn code(&self) -> u16 {
        self.words().0
    }
}

impl IntoResponse for Refusal {
    /// Errors come with HTTP 200, and their codes as text.
    fn into_response(self) -> Response {
        if let Self::Broken(error) = &self {
            tracing::error!(error = error as &dyn std::error::Error, "imageban sandbox failed");
        }
        let (code, message) = self.words();
        Json(json!({"error": {"code": code.to_string(), "message": message}})).into_response()
    }
}

/// A reply to a request that was served.
pub(crate) fn success(data: impl Serialize) -> Response {
    Json(Success { data, success: true, status: 200 }).into_response()
}

/// The time at the service's place, which is Moscow.
pub(crate) fn moscow(at_ms: u64) -> DateTime {
    const MOSCOW_HOURS_AHEAD: i8 = 3;
    let at = i64::try_from(at_ms).ok().and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok());
    Offset::constant(MOSCOW_HOURS_AHEAD).to_datetime(at.unwrap_or(Timestamp::UNIX_EPOCH))
}

/// A day as the service writes it.
pub(crate) fn date(at_ms: u64) -> String {
    moscow(at_ms).strftime("%Y.%m.%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_moscow() {
        assert_eq!(date(1_657_745_999_000), "2022.07.13");
        assert_eq!(date(1_657_746_000_000), "2022.07.14");
    }
}
