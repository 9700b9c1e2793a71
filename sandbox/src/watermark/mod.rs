//! processimage.cn: removes text watermarks, at once or with a callback.
//!
//! This file takes requests and gives answers; what they mean is in the files beside it.

mod cache;
mod callback;
mod keywords;
mod pace;
mod request;
mod wire;
mod work;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{DefaultBodyLimit, Multipart, Path as UrlPath, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use image::RgbImage;
use tokio::task::spawn_blocking;
use url::Url;

use crate::Shared;
use crate::error::SandboxError;
use crate::files;
use crate::form::{BadForm, Form};
use crate::ledger::{Book, Ledger};
use crate::pixels;
use crate::watermark::cache::Cache;
use crate::watermark::callback::Sender;
use crate::watermark::pace::Pace;
use crate::watermark::request::Request;
use crate::watermark::wire::{Data, EncryptedInfo, Process, Refusal, Reply, Usage};

/// Far above the service's own limit, so that it is the service that refuses a large image.
const LARGEST_REQUEST_BYTES: usize = 20 * 1024 * 1024;
/// What the account starts with. The real numbers are those of the account.
const LONG_TERM_USES: u64 = 20;
const LIMITED_TERM_USES: u64 = 100_000;
const LIMITED_TERM_END: &str = "2099-01-10T17:49:45";

/// The service with all that it keeps.
pub(crate) struct Service {
    shared: Arc<Shared>,
    cache: Cache,
    book: Book,
    pace: Pace,
    sender: Sender,
}

impl Service {
    /// Opens the service over its folder.
    pub(crate) fn open(shared: Arc<Shared>, folder: &Path) -> Result<Arc<Self>, SandboxError> {
        files::create_folder(folder)?;
        let cache = Cache::open(folder, shared.clock.now_ms())?;
        let book = Book::open("watermark", folder)?;
        let (pace, sender) = (Pace::default(), Sender::new()?);
        Ok(Arc::new(Self { shared, cache, book, pace, sender }))
    }

    /// What was asked and charged.
    pub(crate) fn ledger(&self) -> Ledger {
        self.book.snapshot()
    }

    /// Serves a request that came in time and by a method that is allowed.
    async fn serve(self: Arc<Self>, headers: HeaderMap, form: Result<Form, BadForm>) -> Result<Reply, Refusal> {
        let request = Request::read(&headers, form)?;
        let faults = &self.shared.faults.watermark;
        if let Some(code) = faults.take_error(|code| !is_process_status(code)) {
            return Err(Refusal::of_code(code));
        }
        if faults.now().exhausted || self.usage().remaining_usage == 0 {
            return Err(Refusal::Exhausted);
        }
        let content = request.image.content.clone();
        let decoded = spawn_blocking(move || pixels::decode(&content)).await;
        let image = decoded.map_err(SandboxError::from)?.map_err(|_| Refusal::WrongType)?;
        if !request.wishes.rectangles.iter().all(|area| area.fits(image.dimensions())) {
            return Err(Refusal::BadParameter);
        }
        let Some(callback) = request.callback.clone() else {
            self.book.count("sync");
            return Ok(self.result(request, image).await?);
        };
        self.book.count("async");
        let accepted = Reply::success(Data::bare(Process::Accepted), self.usage(), echo(&request));
        tokio::spawn(Arc::clone(&self).work_and_call_back(request, image, callback));
        Ok(accepted)
    }

    /// The rest of an asynchronous request. It lives in memory only, as it does there.
    async fn work_and_call_back(self: Arc<Self>, request: Request, image: RgbImage, callback: Url) {
        let reply = match self.result(request, image).await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "watermark sandbox failed");
                Refusal::Broken(error).reply()
            }
        };
        let faults = self.shared.faults.watermark.now();
        if faults.lose_callbacks {
            return;
        }
        let count = || self.book.count("callback");
        for _ in 0..if faults.double_callbacks { 2 } else { 1 } {
            if !self.sender.deliver(&callback, &reply, count).await {
                tracing::warn!("a callback was not taken, and is lost");
            }
        }
    }

    /// The full reply: from the cache for nothing, or by working for a use.
    async fn result(&self, request: Request, image: RgbImage) -> Result<Reply, SandboxError> {
        let now_ms = self.shared.clock.now_ms();
        let echo = echo(&request);
        if let Some(code) = self.shared.faults.watermark.take_error(is_process_status) {
            return Ok(Reply::failure(code, self.usage(), echo));
        }
        if let Some(data) = self.cache.answer(&request.cache_key, now_ms)? {
            self.book.count("304");
            return Ok(Reply::cached(data, self.usage(), echo));
        }
        let latency = Duration::from_millis(self.shared.latency().watermark_ms);
        let not_before = tokio::time::Instant::now() + latency;
        let Request { format, wishes, .. } = request;
        let outcome = spawn_blocking(move || work::carry_out(&image, format, &wishes)).await??;
        tokio::time::sleep_until(not_before).await;
        let url = match &outcome.content {
            Some(content) => {
                let file_name = self.cache.keep_image(content, format)?;
                let url = self.shared.url(&["watermark", "targetImages", &file_name]);
                Some(url.to_string())
            }
            None => None,
        };
        let data = Data::of_result(outcome.process, outcome.locations, url);
        let now_ms = self.shared.clock.now_ms();
        if outcome.process.is_charged() {
            self.book.charge(&request.image_md5, &request.image.file_name, now_ms)?;
            self.shared.faults.watermark.use_quota(1);
        }
        self.cache.remember(&request.cache_key, &data, now_ms)?;
        Ok(Reply::success(data, self.usage(), echo))
    }

    /// Lets answers and images run out where the fault says so.
    fn expire_if_wished(&self) {
        if self.shared.faults.watermark.take_expiry() {
            self.cache.forget_all();
        }
    }

    fn usage(&self) -> Usage {
        let used = self.book.charged();
        let (limited, long) = match self.shared.faults.watermark.quota_left() {
            Some(left) => (left, 0),
            None => (
                LIMITED_TERM_USES.saturating_sub(used),
                LONG_TERM_USES.saturating_sub(used.saturating_sub(LIMITED_TERM_USES)),
            ),
        };
        Usage {
            remaining_usage: limited + long,
            long_term_usage_count: long,
            limited_term_usage_count: limited,
            limited_term_expire_times: LIMITED_TERM_END,
            all_used_count: used,
        }
    }
}

/// Whether a code tells what became of the image, and not what became of the request.
fn is_process_status(code: u16) -> bool {
    code >= 52_000
}

/// The service's routes.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/access", any(access))
        .route("/targetImages/{file_name}", get(download))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST_BYTES))
        .with_state(Arc::clone(service))
}

async fn access(
    State(service): State<Arc<Service>>,
    method: Method,
    headers: HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Response {
    service.expire_if_wished();
    let is_in_time = service.pace.take(Instant::now());
    let form = Form::read(multipart).await;
    let outcome = if !matches!(method, Method::GET | Method::POST) {
        Err(Refusal::Method)
    } else if service.shared.faults.watermark.now().server_error {
        Err(Refusal::Crash)
    } else if !is_in_time {
        Err(Refusal::TooFast)
    } else {
        // It goes on even when the client hangs up: work that has begun is finished, charged and cached.
        let work = tokio::spawn(Arc::clone(&service).serve(headers, form));
        work.await.unwrap_or_else(|error| Err(Refusal::Broken(error.into())))
    };
    if let Err(refusal) = &outcome {
        service.book.count(&refusal.counted_as().to_string());
    }
    service.shared.faults.watermark.send_or_lose(outcome.into_response()).await
}

/// Results need no signature, as with the real service.
async fn download(State(service): State<Arc<Service>>, UrlPath(file_name): UrlPath<String>) -> Response {
    service.book.count("targetImages");
    service.expire_if_wished();
    match service.cache.image(&file_name, service.shared.clock.now_ms()) {
        Ok(Some((content_type, content))) => ([(CONTENT_TYPE, content_type)], content).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => Refusal::Broken(error).into_response(),
    }
}

fn echo(request: &Request) -> EncryptedInfo {
    EncryptedInfo { sign: request.sign.clone(), image_unique_identification: request.image_md5.clone() }
}
