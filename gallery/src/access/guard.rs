//! The door: every request passes it. Who is not let in sees the login page, a word in JSON, or nothing.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Access, login::delayed, session::Session};
use crate::{Gallery, problem::Problem};

/// Whom a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// A person with a browser, logged in or at this machine.
    Person(Session),
    /// A program that sends the token with each request. No browser sends it by itself, so its requests need no proof
    /// that they came from our pages.
    Program,
    /// Somebody who has not logged in: sees the login page and what it looks like.
    Stranger,
}

impl Visitor {
    /// The session, where it is a person.
    pub(crate) fn session(&self) -> Option<&Session> {
        match self {
            Self::Person(session) => Some(session),
            Self::Program | Self::Stranger => None,
        }
    }
}

/// The header by which scripts of our pages prove that they are.
pub(crate) const FORM_TOKEN_HEADER: &str = "x-csrf-token";

/// Lets a request pass with its [`Visitor`], or answers it.
pub(crate) async fn guard(State(gallery): State<Gallery>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let is_api = path.starts_with("/api/");
    let visitor = match visitor(&gallery, request.headers()).await {
        Ok(visitor) => visitor,
        Err(problem) => return problem.into_response(),
    };
    let is_open = path == "/login" || path.starts_with("/assets/") || path == "/api/openapi.json";
    if visitor == Visitor::Stranger && !is_open {
        return turned_away(is_api, request.method(), request.uri());
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && comes_from_elsewhere(request.headers()) {
        return Problem::ForeignForm.into_response();
    }
    // Forms of pages carry their proof among their fields, where the one who reads them looks.
    if let (true, true, Visitor::Person(session)) = (changes, is_api, &visitor) {
        let token = request.headers().get(FORM_TOKEN_HEADER).and_then(|token| token.to_str().ok());
        if !gallery.0.keys.is_own_form(session, token.unwrap_or_default()) {
            return Problem::ForeignForm.into_response();
        }
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

async fn visitor(gallery: &Gallery, headers: &HeaderMap) -> Result<Visitor, Problem> {
    match &gallery.settings().access {
        Access::Off => Err(Problem::Off),
        // A page from elsewhere can have its own name lead to this machine; the name is in the header all the same.
        Access::ThisMachine if names_this_machine(headers) && !is_passed_on(headers) => {
            Ok(Visitor::Person(Session::of_this_machine()))
        }
        Access::ThisMachine => Err(Problem::AnotherHost),
        Access::Token(_) => {
            if let Some(given) = bearer(headers) {
                if gallery.0.keys.is_token(given) {
                    return Ok(Visitor::Program);
                }
                delayed().await?;
                return Ok(Visitor::Stranger);
            }
            let session = cookie(headers, gallery).and_then(|cookie| gallery.0.keys.session(&cookie, gallery.now()));
            Ok(session.map_or(Visitor::Stranger, Visitor::Person))
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The name of the session's cookie. Where there is HTTPS, browsers take one of this name from no other host and never
/// send it without.
pub(super) fn cookie_name(gallery: &Gallery) -> &'static str {
    if gallery.settings().is_https { "__Host-darkroom_session" } else { "darkroom_session" }
}

fn cookie(headers: &HeaderMap, gallery: &Gallery) -> Option<String> {
    let name = cookie_name(gallery);
    let mut cookies = headers.get_all(header::COOKIE).iter().filter_map(|header| header.to_str().ok());
    cookies.find_map(|header| {
        let mut parsed = cookie::Cookie::split_parse(header).filter_map(Result::ok);
        parsed.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
    })
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Whether somebody in between has passed the request on, for whoever it may be.
fn is_passed_on(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name))
}

/// Whether a browser says that another site's page has sent this.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => !matches!(site, "same-origin" | "none"),
        None => match (text("origin").and_then(|origin| url::Url::parse(origin).ok()), text("host")) {
            (Some(origin), Some(host)) => {
                let port = origin.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}{port}", origin.host_str().unwrap_or_default()) != host
            }
            _ => false,
        },
    }
}

fn turned_away(is_api: bool, method: &Method, uri: &http::Uri) -> Response {
    if is_api {
        return Problem::NotLoggedIn.into_response();
    }
    // A form that was sent too late is not sent again by going there.
    let wanted = uri.path_and_query().filter(|_| method == Method::GET).map_or("/", |wanted| wanted.as_str());
    let login = format!("/login?next={}", utf8_percent_encode(wanted, NON_ALPHANUMERIC));
    (StatusCode::SEE_OTHER, Redirect::to(&login)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for host in ["127.0.0.1:9001", "localhost:9001", "LOCALHOST", "[::1]:9001", "[::1]", "127.0.0.2"] {
            assert!(names_this_machine(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example:9001", "127.0.0.1.evil.example", "192.168.1.4:9001", "", "localhost.evil.example:80"]
        {
            assert!(!names_this_machine(&headers(&[("host", host)])), "{host}");
        }
    }

    #[test]
    fn what_another_sites_page_sends_is_known_by_what_browsers_say() {
        assert!(!comes_from_elsewhere(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(comes_from_elsewhere(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(comes_from_elsewhere(&headers(&[("sec-fetch-site", "same-site")])));
        let old = |origin| headers(&[("origin", origin), ("host", "127.0.0.1:9001")]);
        assert!(!comes_from_elsewhere(&old("http://127.0.0.1:9001")));
        assert!(comes_from_elsewhere(&old("https://evil.example")));
        // A sandboxed frame tells no origin that could be ours; a program tells none at all.
        assert!(!comes_from_elsewhere(&headers(&[("host", "127.0.0.1:9001")])));
    }
}
