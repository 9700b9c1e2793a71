//! Pages: made on the server, whole without scripts. What they show is read elsewhere; what they do is done in `actions`.

mod failure;
mod frame;
mod job;
mod jobs;
mod parts;
mod providers;
mod timeline;
mod upload;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::Redirect,
    routing::{get, post},
};
use http::StatusCode;
use maud::{Markup, html};

use self::frame::bare;
use crate::{Gallery, access, assets, language::Language, problem::Problem};

/// The routes of all pages.
pub(crate) fn router(gallery: &Gallery) -> Router<Gallery> {
    let upload = post(upload::take).layer(DefaultBodyLimit::max(gallery.settings().most_form_bytes));
    Router::new()
        .route("/", get(|| async { Redirect::to("/jobs") }))
        .route("/login", get(access::login_page).post(access::log_in))
        .route("/logout", post(access::log_out))
        .route("/jobs", get(jobs::page))
        .route("/jobs/retry", post(jobs::retry))
        .route("/jobs/{id}", get(job::page))
        .route("/jobs/{id}/job.json", get(job::record))
        .route("/jobs/{id}/retry", post(job::retry))
        .route("/jobs/{id}/continue", post(job::go_on))
        .route("/providers", get(providers::page))
        .route("/providers/{name}/release", post(providers::release))
        .route("/upload", get(upload::page).merge(upload))
        .route("/assets/{name}", get(assets::asset))
}

/// What is at no other address.
pub(crate) async fn not_found() -> Problem {
    Problem::NoSuchPage
}

/// The login page; `was_wrong` says that the token just given was not the one.
pub(crate) fn login(language: Language, next: &str, was_wrong: bool) -> Markup {
    let texts = language.texts();
    bare(
        language,
        texts.sign_in,
        &html! {
            form.login method="post" action="/login" {
                h1 { "darkroom" }
                input type="hidden" name="next" value=(next);
                label for="token" { (texts.token) }
                input #token type="password" name="token" required autofocus autocomplete="current-password"
                    aria-describedby="token-hint" aria-invalid=[was_wrong.then_some("true")];
                @if was_wrong { p.trouble role="alert" { (texts.token_wrong) } }
                p #token-hint .hint { (texts.token_hint) }
                button.main type="submit" { (texts.sign_in) }
            }
        },
    )
}

/// A problem as a page.
pub(crate) fn problem(language: Language, status: StatusCode, problem: &Problem) -> Markup {
    let texts = language.texts();
    bare(
        language,
        status.canonical_reason().unwrap_or_default(),
        &html! {
            div.problem {
                h1 { (status.as_u16()) }
                p { (problem.message(texts)) }
                @if !matches!(problem, Problem::Off | Problem::AnotherHost) {
                    p { a href="/jobs" { (texts.jobs) } }
                }
            }
        },
    )
}
