//! Logging in with the token, and out again.

use std::time::Duration;

use axum::{
    Extension,
    extract::{Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Deserialize;
use tokio::sync::{Mutex, Semaphore};

use super::{Visitor, guard::cookie_name, session::SESSION_LIFE};
use crate::{
    Gallery,
    fields::{Fields, OwnFields},
    language::Language,
    pages,
    problem::Problem,
};

/// Whoever gave a wrong token waits so long; several of them wait one after the other.
const DELAY: Duration = Duration::from_secs(1);
/// With more of them waiting, the next is sent away at once.
const MOST_WAITING: usize = 20;
static WAITING: Semaphore = Semaphore::const_new(MOST_WAITING);
static TURN: Mutex<()> = Mutex::const_new(());

/// Waits as one who gave a wrong token has to. One who gives the right one never does.
pub(super) async fn delayed() -> Result<(), Problem> {
    let _place = WAITING.try_acquire().map_err(|_| Problem::TooManyTries)?;
    let _turn = TURN.lock().await;
    tokio::time::sleep(DELAY).await;
    Ok(())
}

/// What the login page is asked with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// Where to go afterwards.
    next: Option<String>,
}

/// The login page.
pub(crate) async fn login_page(
    Extension(visitor): Extension<Visitor>,
    language: Language,
    Query(asked): Query<Asked>,
) -> Response {
    let next = own_path(asked.next.as_deref());
    if visitor != Visitor::Stranger {
        return Redirect::to(next).into_response();
    }
    pages::login(language, next, false).into_response()
}

/// Takes the token.
pub(crate) async fn log_in(
    State(gallery): State<Gallery>,
    language: Language,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let next = own_path(fields.get("next"));
    if !gallery.0.keys.is_token(fields.get("token").unwrap_or_default()) {
        tracing::warn!("a wrong token was given to the gallery");
        delayed().await?;
        return Ok((StatusCode::FORBIDDEN, pages::login(language, next, true)).into_response());
    }
    let session = gallery.0.keys.new_session(gallery.now());
    let session = cookie(&gallery, &headers, session, SESSION_LIFE.as_secs());
    Ok(([(header::SET_COOKIE, session)], Redirect::to(next)).into_response())
}

/// Ends the session, as far as the browser goes.
pub(crate) async fn log_out(State(gallery): State<Gallery>, asked: HeaderMap, _: OwnFields) -> Response {
    let mut headers = HeaderMap::new();
    if let Ok(ended) = cookie(&gallery, &asked, String::new(), 0).parse() {
        headers.insert(header::SET_COOKIE, ended);
    }
    // Pages that the browser has kept are not shown to the next person.
    headers.insert(HeaderName::from_static("clear-site-data"), http::HeaderValue::from_static("\"cache\""));
    (headers, Redirect::to("/login")).into_response()
}

fn cookie(gallery: &Gallery, asked: &HeaderMap, value: String, life_s: i64) -> String {
    let came_by_https = asked.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    Cookie::build((cookie_name(gallery), value))
        .path("/")
        .http_only(true)
        .secure(gallery.settings().is_https || came_by_https)
        .same_site(SameSite::Lax)
        .max_age(cookie::time::Duration::seconds(life_s))
        .build()
        .to_string()
}

/// The path to go on with, if it is one of ours: never another site's address.
fn own_path(next: Option<&str>) -> &str {
    match next {
        Some(path) if path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t']) => {
            path
        }
        _ => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_login_one_stays_on_this_site() {
        assert_eq!(own_path(Some("/jobs?state=failed")), "/jobs?state=failed");
        for elsewhere in ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:1", "", "/\t/evil"] {
            assert_eq!(own_path(Some(elsewhere)), "/", "{elsewhere}");
        }
        assert_eq!(own_path(None), "/");
    }
}
