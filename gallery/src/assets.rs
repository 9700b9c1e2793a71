//! The style sheet, the script and the icon: in the binary, and nothing is fetched from elsewhere.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    response::{IntoResponse as _, Response},
};
use http::header;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

const STYLE: &str = include_str!("../assets/gallery.css");
const SCRIPT: &str = include_str!("../assets/gallery.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// Addresses change with the content, so that browsers keep what they have and never mix two versions.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha256::new_with_prefix(STYLE).chain_update(SCRIPT).chain_update(ICON).finalize();
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
});

/// The address of an asset.
pub(crate) fn address(name: &str) -> String {
    format!("/assets/{name}?{}", *VERSION)
}

/// Answers with an asset.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let (content_type, text) = match name.as_str() {
        "gallery.css" => ("text/css; charset=utf-8", STYLE),
        "gallery.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Problem::NoSuchPage.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
    ];
    (headers, text).into_response()
}
