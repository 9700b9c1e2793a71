//! imgfactory.ru: unique copies of images, as a task with a zip at its end or as one image at once.
//!
//! This file takes requests and gives answers; what they mean is in the files beside it.

mod archive;
mod options;
mod tasks;
mod wire;
mod work;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{DefaultBodyLimit, Multipart, Path as UrlPath, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use url::form_urlencoded;
use uuid::Uuid;

use crate::Shared;
use crate::credentials::IMGFACTORY_TOKEN;
use crate::error::SandboxError;
use crate::files;
use crate::form::{BadForm, Form, SentFile};
use crate::hash::md5_hex;
use crate::imgfactory::options::Options;
use crate::imgfactory::tasks::Tasks;
use crate::imgfactory::wire::Refusal;
use crate::imgfactory::work::COPIES_AT_ONCE;
use crate::ledger::{Book, Ledger};

/// The service names no limit; this one keeps a mistake from filling the memory.
const LARGEST_REQUEST_BYTES: usize = 256 * 1024 * 1024;

/// The service with all that it keeps.
pub(crate) struct Service {
    shared: Arc<Shared>,
    tasks: Tasks,
    book: Book,
    workers: Semaphore,
}

impl Service {
    /// Opens the service over its folder. Unfinished tasks wait for [`Self::resume`].
    pub(crate) fn open(shared: Arc<Shared>, folder: &Path) -> Result<Arc<Self>, SandboxError> {
        files::create_folder(folder)?;
        let tasks = Tasks::open(folder, shared.clock.now_ms())?;
        let book = Book::open("imgfactory", folder)?;
        Ok(Arc::new(Self { shared, tasks, book, workers: Semaphore::new(COPIES_AT_ONCE) }))
    }

    /// Begins every unfinished task anew.
    pub(crate) fn resume(self: &Arc<Self>) {
        for id in self.tasks.unfinished() {
            tokio::spawn(work::run(Arc::clone(self), id));
        }
    }

    /// What was asked and charged.
    pub(crate) fn ledger(&self) -> Ledger {
        self.book.snapshot()
    }

    fn check_access(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.expire_if_wished();
        let Some(token) = headers.get(AUTHORIZATION) else {
            return Err(Refusal::MissingToken);
        };
        if token.as_bytes() != IMGFACTORY_TOKEN.as_bytes() {
            return Err(Refusal::WrongToken);
        }
        let faults = &self.shared.faults.imgfactory;
        match faults.take_error(|_| true) {
            None if faults.now().refuse_payment => Err(Refusal::NotPaid),
            None => Ok(()),
            Some(401) => Err(Refusal::WrongToken),
            Some(402) => Err(Refusal::NotPaid),
            Some(_) => Err(Refusal::Crash),
        }
    }

    /// Takes images off the quota, if one is switched on.
    fn check_quota(&self, images: usize) -> Result<(), Refusal> {
        if self.shared.faults.imgfactory.use_quota(images as u64) { Ok(()) } else { Err(Refusal::NotPaid) }
    }

    /// Lets all results run out where the fault says so.
    fn expire_if_wished(&self) {
        if self.shared.faults.imgfactory.take_expiry() {
            self.tasks.expire_results(self.shared.clock.now_ms());
        }
    }

    async fn accept_task(
        self: Arc<Self>,
        headers: HeaderMap,
        query: String,
        form: Result<Form, BadForm>,
    ) -> Result<Response, Refusal> {
        self.check_access(&headers)?;
        let images = files_named(form, "images")?;
        let options = Options::from_query(&query).map_err(Refusal::Validation)?;
        for (index, image) in images.iter().enumerate() {
            if work::decode(image.content.clone()).await?.is_none() {
                let field = format!("images.{index}");
                let message = format!("Поле {field} должно быть изображением.");
                return Err(Refusal::of_field(&field, &message));
            }
        }
        self.check_quota(images.len())?;
        let now_ms = self.shared.clock.now_ms();
        let id = self.tasks.create(options, &images, now_ms)?;
        for image in &images {
            self.book.charge(&md5_hex(&image.content), &image.file_name, now_ms)?;
        }
        tokio::spawn(work::run(Arc::clone(&self), id.clone()));
        Ok(wire::accepted(&id))
    }

    async fn make_one(
        self: Arc<Self>,
        headers: HeaderMap,
        query: String,
        form: Result<Form, BadForm>,
    ) -> Result<Response, Refusal> {
        const FIELD: &str = "image";
        self.check_access(&headers)?;
        let sent = files_named(form, FIELD)?.swap_remove(0);
        let options = Options::from_query(&query).map_err(Refusal::Validation)?;
        let Some(original) = work::decode(sent.content.clone()).await? else {
            return Err(Refusal::of_field(FIELD, "Поле image должно быть изображением."));
        };
        self.check_quota(1)?;
        let copy = work::one_copy(&self, Arc::new(original), options).await?;
        self.book.charge(&md5_hex(&sent.content), &sent.file_name, self.shared.clock.now_ms())?;
        Ok(([(CONTENT_TYPE, "image/jpeg")], copy).into_response())
    }

    fn list_tasks(&self, headers: &HeaderMap, query: &str) -> Result<Response, Refusal> {
        self.check_access(headers)?;
        let id = form_urlencoded::parse(query.as_bytes())
            .find(|(name, value)| name == "task_id" && !value.is_empty())
            .map(|(_, value)| value);
        let tasks = match id {
            None => self.tasks.recent(self.shared.clock.now_ms()),
            Some(id) => {
                let id = hyphenated(&id).ok_or_else(|| Refusal::of_field("task_id", "validation.uuid"))?;
                vec![self.tasks.get(&id).ok_or(Refusal::TaskNotFound)?]
            }
        };
        let lines: Vec<_> = tasks.iter().map(|task| task.line(&self.result_url(&task.id))).collect();
        Ok(wire::listed(&lines))
    }

    fn result_url(&self, id: &str) -> String {
        let file_name = format!("{id}.zip");
        self.shared.url(&["imgfactory", "storage", "uploads", "api", &file_name]).into()
    }

    /// Counts refusals, and keeps silent where the fault says so.
    async fn answer(&self, outcome: Result<Response, Refusal>) -> Response {
        if let Err(refusal) = &outcome {
            self.book.count(refusal.status().as_str());
        }
        self.shared.faults.imgfactory.send_or_lose(outcome.into_response()).await
    }
}

/// The service's routes.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/api/v1/async/unique", post(async_unique))
        .route("/api/v1/sync/single/unique", post(sync_single_unique))
        .route("/api/v1/tasks", get(list_tasks))
        .route("/storage/uploads/api/{file_name}", get(download))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST_BYTES))
        .with_state(Arc::clone(service))
}

async fn async_unique(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    multipart: Result<Multipart, MultipartRejection>,
) -> Response {
    service.book.count("async/unique");
    let form = Form::read(multipart).await;
    let work = Arc::clone(&service).accept_task(headers, query.unwrap_or_default(), form);
    service.answer(to_its_end(work).await).await
}

async fn sync_single_unique(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    multipart: Result<Multipart, MultipartRejection>,
) -> Response {
    service.book.count("sync/single/unique");
    let form = Form::read(multipart).await;
    let work = Arc::clone(&service).make_one(headers, query.unwrap_or_default(), form);
    service.answer(to_its_end(work).await).await
}

async fn list_tasks(State(service): State<Arc<Service>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    service.book.count("tasks");
    let outcome = service.list_tasks(&headers, &query.unwrap_or_default());
    service.answer(outcome).await
}

/// Results need no token, as with the real service.
async fn download(State(service): State<Arc<Service>>, UrlPath(file_name): UrlPath<String>) -> Response {
    service.book.count("storage");
    service.expire_if_wished();
    let id = file_name.strip_suffix(".zip").and_then(hyphenated);
    let result = id.map(|id| service.tasks.result(&id, service.shared.clock.now_ms()));
    match result.transpose() {
        Ok(Some(Some(zip))) => (StatusCode::OK, [(CONTENT_TYPE, "application/zip")], zip).into_response(),
        Ok(_) => Refusal::NoSuchFile.into_response(),
        Err(error) => Refusal::Broken(error).into_response(),
    }
}

/// Goes on even when the client hangs up: a service that has taken a request does not forget it.
async fn to_its_end(
    work: impl Future<Output = Result<Response, Refusal>> + Send + 'static,
) -> Result<Response, Refusal> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(Refusal::Broken(error.into())))
}

/// The files of a field, which may be written as an array; at least one.
fn files_named(form: Result<Form, BadForm>, field: &str) -> Result<Vec<SentFile>, Refusal> {
    let array = format!("{field}[");
    let files: Vec<SentFile> = match form {
        Ok(form) => form
            .files
            .into_iter()
            .filter(|file| file.part_name == field || file.part_name.starts_with(&array))
            .collect(),
        Err(BadForm::Malformed) => Vec::new(),
        Err(BadForm::TooLarge) => {
            return Err(Refusal::of_field(field, &format!("Размер файла в поле {field} слишком велик.")));
        }
    };
    if files.is_empty() {
        return Err(Refusal::of_field(field, &format!("Поле {field} обязательно для заполнения.")));
    }
    Ok(files)
}

/// The id in the one form that the service takes and gives.
fn hyphenated(id: &str) -> Option<String> {
    const LENGTH: usize = 36;
    let parsed = Uuid::try_parse(id).ok()?;
    (id.len() == LENGTH).then(|| parsed.to_string())
}
