//! fangtang (Hili): enlarges, repairs and colours photos, and changes their background. The client asks until it is
//! done.
//!
//! This file takes requests and gives answers; what they mean is in the files beside it.

mod photos;
mod request;
mod wire;
mod work;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::Shared;
use crate::credentials::FANGTANG_THIRD_CODE;
use crate::error::SandboxError;
use crate::fangtang::photos::{Photo, Photos};
use crate::fangtang::request::Upload;
use crate::fangtang::wire::{Download, Nums, Progress, Refusal, Uploaded};
use crate::fangtang::work::PHOTOS_AT_ONCE;
use crate::files;
use crate::form::{BadForm, Form};
use crate::hash::md5_hex;
use crate::ledger::{Book, Ledger};
use crate::pixels;

/// The service names no limit; this one keeps a mistake from filling the memory.
const LARGEST_REQUEST_BYTES: usize = 64 * 1024 * 1024;
/// How many uploads have been paid for.
const UPLOADS_BOUGHT: u64 = 1000;
/// What stands behind the hash in the name of a result.
const RESULT_ENDING: &str = "01100.jpg";
const UPLOADED_ENDING: &str = "_out.jpg";

/// The service with all that it keeps.
pub(crate) struct Service {
    shared: Arc<Shared>,
    photos: Photos,
    book: Book,
    workers: Semaphore,
}

/// What is asked about a photo or about the account.
#[derive(Clone, Copy, Debug)]
enum Question {
    Status,
    Download,
    Nums,
}

impl Service {
    /// Opens the service over its folder. Unfinished photos wait for [`Self::resume`].
    pub(crate) fn open(shared: Arc<Shared>, folder: &Path) -> Result<Arc<Self>, SandboxError> {
        files::create_folder(folder)?;
        let photos = Photos::open(folder, shared.clock.now_ms())?;
        let book = Book::open("fangtang", folder)?;
        Ok(Arc::new(Self { shared, photos, book, workers: Semaphore::new(PHOTOS_AT_ONCE) }))
    }

    /// Begins every unfinished photo anew.
    pub(crate) fn resume(self: &Arc<Self>) {
        for photo in self.photos.unfinished() {
            tokio::spawn(work::run(Arc::clone(self), photo));
        }
    }

    /// What was asked and charged.
    pub(crate) fn ledger(&self) -> Ledger {
        self.book.snapshot()
    }

    fn uploads_left(&self) -> u64 {
        let left = || UPLOADS_BOUGHT.saturating_sub(self.book.charged());
        self.shared.faults.fangtang.quota_left().unwrap_or_else(left)
    }

    async fn accept(self: Arc<Self>, headers: HeaderMap, form: Result<Form, BadForm>) -> Result<Response, Refusal> {
        let faults = &self.shared.faults.fangtang;
        if let Some(errno) = faults.take_error(|errno| errno != 9002) {
            return Err(upload_refusal(errno));
        }
        request::check_token(&headers, self.shared.clock.now_ms())?;
        let upload = Upload::read(form)?;
        if self.uploads_left() == 0 {
            return Err(Refusal::NothingLeft);
        }
        let content = upload.file.content.clone();
        let decoded = spawn_blocking(move || pixels::decode(&content).is_ok()).await;
        if !decoded.map_err(SandboxError::from)? {
            return Err(Refusal::CannotBeProcessed);
        }
        if !faults.use_quota(1) {
            return Err(Refusal::NothingLeft);
        }
        let (mdf, now_ms) = (md5_hex(&upload.file.content), self.shared.clock.now_ms());
        let photo = self.photos.accept(&mdf, &upload, now_ms)?;
        self.book.charge(&mdf, &upload.file.file_name, now_ms)?;
        let img_url = self.static_url("img", &format!("{}{UPLOADED_ENDING}", photo.run));
        tokio::spawn(work::run(Arc::clone(&self), photo));
        Ok(wire::success(Uploaded { img_url, mdf }))
    }

    fn reply_to(
        &self,
        question: Question,
        headers: &HeaderMap,
        form: Result<Form, BadForm>,
    ) -> Result<Response, Refusal> {
        let unknown = || match question {
            Question::Status => Refusal::UnknownPhoto,
            Question::Download => Refusal::PhotoGone,
            Question::Nums => Refusal::UnknownCompany,
        };
        match self.shared.faults.fangtang.take_error(|errno| matches!(errno, 500 | 9002 | 9999)) {
            None => {}
            Some(9002) => return Err(unknown()),
            Some(9999) => return Err(Refusal::Token),
            Some(_) => return Err(Refusal::Crash),
        }
        let now_ms = self.shared.clock.now_ms();
        request::check_token(headers, now_ms)?;
        let form = form.map_err(|_| Refusal::BadParameter)?;
        if matches!(question, Question::Nums) {
            request::check_third_code(&form, unknown())?;
            return Ok(wire::success(Nums { code: FANGTANG_THIRD_CODE.to_owned(), nums: self.uploads_left() }));
        }
        request::check_third_code(&form, Refusal::Token)?;
        let photo = self.photos.get(request::mdf(&form)?, now_ms).ok_or_else(unknown)?;
        match question {
            Question::Status => Ok(wire::success(Progress::of(photo.is_done()))),
            _ if photo.is_done() => Ok(wire::success(Download { url: self.result_url(&photo) })),
            _ => Err(unknown()),
        }
    }

    fn result_url(&self, photo: &Photo) -> String {
        self.static_url("life_img", &format!("{}{RESULT_ENDING}", photo.mdf))
    }

    fn static_url(&self, folder: &str, file_name: &str) -> String {
        self.shared.url(&["fangtang", "static", folder, file_name]).into()
    }

    /// Lets all results run out where the fault says so.
    fn expire_if_wished(&self) {
        if self.shared.faults.fangtang.take_expiry() {
            self.photos.forget_done();
        }
    }

    /// Counts refusals, and keeps silent where the fault says so.
    async fn answer(&self, outcome: Result<Response, Refusal>) -> Response {
        if let Err(refusal) = &outcome {
            self.book.count(&refusal.errno().to_string());
        }
        self.shared.faults.fangtang.send_or_lose(outcome.into_response()).await
    }

    async fn ask(&self, question: Question, request: Request) -> Response {
        self.expire_if_wished();
        let headers = request.headers().clone();
        let form = Form::of_request(request).await;
        self.answer(self.reply_to(question, &headers, form)).await
    }
}

/// What an upload is told when the fault wishes this `errno`.
fn upload_refusal(errno: u16) -> Refusal {
    match errno {
        9001 => Refusal::BadParameter,
        9005 => Refusal::WrongType,
        9006 => Refusal::UploadFailed,
        9009 => Refusal::CannotBeProcessed,
        9101 => Refusal::NothingLeft,
        9999 => Refusal::Token,
        _ => Refusal::Crash,
    }
}

/// The service's routes.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/api/third/photo/upload", post(upload))
        .route("/api/third/photo/status", post(status))
        .route("/api/third/photo/download", post(download))
        .route("/api/third/company/nums", post(nums))
        .route("/static/img/{file_name}", get(uploaded_file))
        .route("/static/life_img/{file_name}", get(result_file))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST_BYTES))
        .with_state(Arc::clone(service))
}

async fn upload(State(service): State<Arc<Service>>, request: Request) -> Response {
    service.book.count("upload");
    service.expire_if_wished();
    let headers = request.headers().clone();
    let form = Form::of_request(request).await;
    // It goes on even when the client hangs up: an upload that has been taken is charged and worked on.
    let work = tokio::spawn(Arc::clone(&service).accept(headers, form));
    let outcome = work.await.unwrap_or_else(|error| Err(Refusal::Broken(error.into())));
    service.answer(outcome).await
}

async fn status(State(service): State<Arc<Service>>, request: Request) -> Response {
    service.book.count("status");
    service.ask(Question::Status, request).await
}

async fn download(State(service): State<Arc<Service>>, request: Request) -> Response {
    service.book.count("download");
    service.ask(Question::Download, request).await
}

async fn nums(State(service): State<Arc<Service>>, request: Request) -> Response {
    service.book.count("nums");
    service.ask(Question::Nums, request).await
}

/// A photo as it was sent. Files need no token.
async fn uploaded_file(State(service): State<Arc<Service>>, UrlPath(file_name): UrlPath<String>) -> Response {
    service.expire_if_wished();
    let run = file_name.strip_suffix(UPLOADED_ENDING);
    let photo = run.and_then(|run| service.photos.by_run(run, service.shared.clock.now_ms()));
    file(photo.map(|photo| service.photos.input(&photo.mdf)))
}

/// A result. Files need no token.
async fn result_file(State(service): State<Arc<Service>>, UrlPath(file_name): UrlPath<String>) -> Response {
    service.book.count("static");
    service.expire_if_wished();
    let mdf = file_name.strip_suffix(RESULT_ENDING);
    let photo = mdf.and_then(|mdf| service.photos.get(mdf, service.shared.clock.now_ms()));
    file(photo.filter(Photo::is_done).map(|photo| service.photos.result(&photo.mdf)))
}

fn file(content: Option<Result<Option<Vec<u8>>, SandboxError>>) -> Response {
    match content.transpose().map(Option::flatten) {
        Ok(Some(content)) => ([(CONTENT_TYPE, "image/jpeg")], content).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "fangtang sandbox failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
