//! VK Cloud Vision: improves and enlarges photos, and answers with them at once.
//!
//! This file takes requests and gives answers; what they mean is in the files beside it.

mod request;
mod tokens;
mod wire;
mod work;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{DefaultBodyLimit, Multipart, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, body::Bytes};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use crate::Shared;
use crate::error::SandboxError;
use crate::files;
use crate::form::{BadForm, Form, SentFile};
use crate::hash::md5_hex;
use crate::ledger::{Book, Ledger};
use crate::vkcloud::request::{Access, Request, Wishes};
use crate::vkcloud::tokens::{TokenRequest, Tokens};
use crate::vkcloud::wire::{Body, Improved, Outcome, Refusal, Resolved, TokenPair, TokenRefusal};
use crate::vkcloud::work::{Made, Worked};

/// Above the service's own limit, so that it is the service that refuses.
const LARGEST_REQUEST_BYTES: usize = 40 * 1024 * 1024;
/// How many images are worked on at one time: a large one takes a few hundred megabytes.
const IMAGES_AT_ONCE: usize = 1;
const PROVIDER: &str = "mcs";

/// The service with all that it keeps.
pub(crate) struct Service {
    shared: Arc<Shared>,
    tokens: Tokens,
    book: Book,
    workers: Semaphore,
}

impl Service {
    /// Opens the service over its folder.
    pub(crate) fn open(shared: Arc<Shared>, folder: &Path) -> Result<Arc<Self>, SandboxError> {
        files::create_folder(folder)?;
        let (tokens, book) = (Tokens::open(folder)?, Book::open("vkcloud", folder)?);
        Ok(Arc::new(Self { shared, tokens, book, workers: Semaphore::new(IMAGES_AT_ONCE) }))
    }

    /// What was asked and charged.
    pub(crate) fn ledger(&self) -> Ledger {
        self.book.snapshot()
    }

    fn check_access(&self, Access { provider, token }: Access) -> Result<(), Refusal> {
        self.expire_if_wished()?;
        match self.shared.faults.vkcloud.take_error(|_| true) {
            None if provider == PROVIDER && self.tokens.open_now(&token, self.shared.clock.now_ms()) => Ok(()),
            None | Some(401) => Err(Refusal::Unauthorized { provider, token }),
            Some(400) => Err(Refusal::BadRequest("bad request".to_owned())),
            Some(403) => Err(Refusal::NothingLeft),
            Some(_) => Err(Refusal::Crash),
        }
    }

    /// Lets all access tokens run out where the fault says so.
    fn expire_if_wished(&self) -> Result<(), SandboxError> {
        if self.shared.faults.vkcloud.take_expiry() { self.tokens.expire() } else { Ok(()) }
    }

    async fn improve(self: Arc<Self>, query: String, form: Result<Form, BadForm>) -> Result<Body, Refusal> {
        self.check_access(Access::of_query(&query))?;
        let Request { wishes, images } = Request::read(form)?;
        if self.shared.faults.vkcloud.quota_left().is_some_and(|left| left < images.len() as u64) {
            return Err(Refusal::NothingLeft);
        }
        let mut body =
            Body { improve: wishes.improve.then(Vec::new), resolution: wishes.resolution.map(|_| Vec::new()) };
        for (name, file) in images {
            let (outcome, made) = self.one_image(&name, file, wishes).await?;
            if let Some(list) = &mut body.improve {
                list.push(Improved { outcome: outcome.clone(), pictures: made.improved });
            }
            if let Some(list) = &mut body.resolution {
                list.push(Resolved { outcome, resolved: made.resolved });
            }
        }
        Ok(body)
    }

    /// Works on an image and charges for it, unless it fails or is refused.
    async fn one_image(&self, name: &str, file: SentFile, wishes: Wishes) -> Result<(Outcome, Made), SandboxError> {
        const NOTHING: Made = Made { improved: None, resolved: None };
        let faults = &self.shared.faults.vkcloud;
        if faults.take_failed_image() {
            return Ok((Outcome::failed(name, "temporary error"), NOTHING));
        }
        if faults.take_refused_image() {
            return Ok((Outcome::refused(name, "permanent error"), NOTHING));
        }
        let not_before = Instant::now() + Duration::from_millis(self.shared.latency().vkcloud_ms);
        let (content, always_good) = (file.content.clone(), faults.now().already_good);
        let worked = {
            // The semaphore is never closed.
            let _permit = self.workers.acquire().await.ok();
            spawn_blocking(move || work::carry_out(&content, wishes, always_good)).await??
        };
        match worked {
            Worked::Unsuitable(reason) => Ok((Outcome::refused(name, reason), NOTHING)),
            Worked::Done(made) => {
                sleep_until(not_before).await;
                self.book.charge(&md5_hex(&file.content), &file.file_name, self.shared.clock.now_ms())?;
                faults.use_quota(1);
                Ok((Outcome::done(name), made))
            }
        }
    }

    fn give_tokens(&self, content: &[u8]) -> Result<TokenPair, TokenRefusal> {
        self.expire_if_wished()?;
        if self.shared.faults.vkcloud.now().refuse_tokens {
            return Err(TokenRefusal::BadClient);
        }
        let request: TokenRequest = serde_json::from_slice(content).map_err(|_| TokenRefusal::BadRequest)?;
        self.tokens.give(&request, self.shared.clock.now_ms())
    }
}

/// The service's routes.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/api/v1/photo/improve", post(improve))
        .route("/auth/oauth/v1/token", post(token))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST_BYTES))
        .with_state(Arc::clone(service))
}

async fn improve(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
    multipart: Result<Multipart, MultipartRejection>,
) -> Response {
    service.book.count("improve");
    let form = Form::read(multipart).await;
    // It goes on even when the client hangs up: work that has begun is finished and charged.
    let work = tokio::spawn(Arc::clone(&service).improve(query.unwrap_or_default(), form));
    let outcome = work.await.unwrap_or_else(|error| Err(Refusal::Broken(error.into())));
    if let Err(refusal) = &outcome {
        service.book.count(&refusal.status().to_string());
    }
    service.shared.faults.vkcloud.send_or_lose(outcome.into_response()).await
}

/// Tokens are asked for in JSON, whatever the request says of itself.
async fn token(State(service): State<Arc<Service>>, content: Bytes) -> Response {
    service.book.count("token");
    let outcome = service.give_tokens(&content);
    if let Err(refusal) = &outcome {
        service.book.count(&format!("token {}", refusal.words().0.as_str()));
    }
    outcome.map(Json).into_response()
}
