//! The gallery: pages in the browser and a JSON API, for those whose pictures these are. What happened to them, what waits
//! for what, what went wrong and what to do now.
//!
//! It reads jobs and providers' rows, signs addresses of pictures for a while, puts new uploads into the bucket, asks for
//! another try of failed jobs and ends holds. It never deletes or alters a result, never asks a provider, and has none of
//! their secrets. The same router runs as a function on AWS and in `darkroom serve`.

mod access;
mod actions;
mod api;
mod assets;
mod fields;
mod headers;
mod human;
mod language;
mod listing;
mod pages;
mod pictures;
mod problem;
mod providers;
mod texts;
mod uploads;
mod waits;

use std::sync::Arc;

use axum::{Router, middleware};
use darkroom_shared::{flow::App, job::ProviderName};
use jiff::Timestamp;
use tokio::sync::OnceCell;

use self::access::Keys;
pub use self::access::{Access, TOKEN};
pub use self::api::open_api;

/// What the gallery is started with.
#[derive(Debug)]
pub struct Settings {
    /// Who may see it.
    pub access: Access,
    /// Whether it is reached by HTTPS: then its cookie is never sent without.
    pub is_https: bool,
    /// The providers that run in the sandbox, to be told so; empty on AWS.
    pub sandboxed: Vec<ProviderName>,
    /// The largest upload that may come through the gallery itself, where a browser runs no scripts.
    pub most_form_bytes: usize,
}

/// What the pages and the API are made from.
#[derive(Debug, Clone)]
struct Gallery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: App,
    settings: Settings,
    keys: Keys,
    bucket_origin: OnceCell<String>,
}

impl Gallery {
    fn app(&self) -> &App {
        &self.0.app
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn now(&self) -> Timestamp {
        self.0.app.clock.now()
    }

    /// Where browsers get pictures from and put uploads to, as a content security policy names it.
    async fn bucket_origin(&self) -> &str {
        self.0.bucket_origin.get_or_init(|| pictures::bucket_origin(&self.0.app.objects)).await
    }
}

/// The gallery's pages and its API over what `app` reaches.
pub fn router(app: App, settings: Settings) -> Router {
    let keys = Keys::of(&settings.access);
    let gallery = Gallery(Arc::new(Inner { app, settings, keys, bucket_origin: OnceCell::new() }));
    Router::new()
        .merge(pages::router(&gallery))
        .merge(api::router())
        .fallback(pages::not_found)
        .layer(middleware::from_fn_with_state(gallery.clone(), access::guard))
        .layer(middleware::from_fn_with_state(gallery.clone(), headers::secure))
        .with_state(gallery)
}
