//! What every answer carries: a strict content security policy, no caching of pages with signed addresses, no hint to
//! other sites where one came from. And problems, as a page or as JSON.

use axum::{
    Json,
    extract::{FromRequestParts as _, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{Gallery, language::Language, pages, problem::Problem};

/// Adds the headers, and words where there is a problem.
pub(crate) async fn secure(State(gallery): State<Gallery>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let (mut parts, body) = request.into_parts();
    let language = Language::from_request_parts(&mut parts, &()).await.unwrap_or_default();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = told(problem.status(), &problem, language, is_api);
    } else if is_bare_error(&response) {
        // What the framework refuses by itself, as a form that cannot be read.
        let status = response.status();
        let problem = Problem::WrongRequest(status.canonical_reason().unwrap_or("refused").to_lowercase());
        response = told(status, &problem, language, is_api);
    }
    let policy = policy(gallery.bucket_origin().await);
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::VARY).or_insert(HeaderValue::from_static("accept-language, cookie"));
    if let Ok(policy) = policy.parse() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn policy(bucket_origin: &str) -> String {
    format!(
        "default-src 'none'; img-src 'self' blob: {bucket_origin}; style-src 'self'; script-src 'self'; \
         connect-src 'self' {bucket_origin}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn is_bare_error(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|content_type| content_type.to_str().ok());
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    is_error && content_type.is_none_or(|content_type| content_type.starts_with("text/plain"))
}

fn told(status: StatusCode, problem: &Problem, language: Language, is_api: bool) -> Response {
    if is_api {
        // Programs are told in one language.
        let message = problem.message(Language::English.texts());
        let body = json!({ "error": { "kind": problem.kind(), "message": message } });
        return (status, Json(body)).into_response();
    }
    (status, pages::problem(language, status, problem)).into_response()
}
