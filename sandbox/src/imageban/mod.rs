//! `ImageBan`: hosts images for guests and for an account, and gives links that open.
//!
//! This file takes requests and gives answers; what they mean is in the files beside it.

mod albums;
mod request;
mod store;
mod wire;
mod work;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path as UrlPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{delete, get, post};
use tokio::time::{Instant, sleep_until};

use crate::Shared;
use crate::error::SandboxError;
use crate::files;
use crate::form::{BadForm, Form};
use crate::hash::md5_hex;
use crate::imageban::request::{Caller, Source};
use crate::imageban::store::{Hosted, NewImage, Store};
use crate::imageban::wire::{ImageLine, Refusal, date};
use crate::imageban::work::Fetcher;
use crate::ledger::{Book, Ledger};

/// Above the service's own limit, also in base64, so that it is the service that refuses a large image.
const LARGEST_REQUEST_BYTES: usize = 20 * 1024 * 1024;
const GUEST_UPLOADS_A_DAY: u64 = 1000;
const ACCOUNT_UPLOADS_A_DAY: u64 = 1500;

/// The service with all that it keeps.
pub(crate) struct Service {
    shared: Arc<Shared>,
    store: Store,
    book: Book,
    fetcher: Fetcher,
}

impl Service {
    /// Opens the service over its folder.
    pub(crate) fn open(shared: Arc<Shared>, folder: &Path) -> Result<Arc<Self>, SandboxError> {
        files::create_folder(folder)?;
        let (store, book) = (Store::open(folder)?, Book::open("imageban", folder)?);
        Ok(Arc::new(Self { shared, store, book, fetcher: Fetcher::new()? }))
    }

    /// What was asked and charged.
    pub(crate) fn ledger(&self) -> Ledger {
        self.book.snapshot()
    }

    /// Refuses as the fault wishes, if what it wishes fits here.
    fn check_faults(&self, fits: impl FnOnce(u16) -> bool) -> Result<(), Refusal> {
        self.expire_if_wished()?;
        self.shared.faults.imageban.take_error(fits).map_or(Ok(()), |code| Err(Refusal::of_code(code)))
    }

    fn expire_if_wished(&self) -> Result<(), SandboxError> {
        if self.shared.faults.imageban.take_expiry() { self.store.delete_all_images() } else { Ok(()) }
    }

    async fn host(
        self: Arc<Self>,
        headers: HeaderMap,
        address: String,
        form: Result<Form, BadForm>,
    ) -> Result<Response, Refusal> {
        self.check_faults(|_| true)?;
        let not_before = Instant::now() + Duration::from_millis(self.shared.latency().imageban_ms);
        let caller = Caller::of(&headers)?;
        let (uploader, limit, exceeded) = match caller {
            Caller::Guest => (address, GUEST_UPLOADS_A_DAY, Refusal::GuestLimit),
            Caller::Account => ("account".to_owned(), ACCOUNT_UPLOADS_A_DAY, Refusal::AccountLimit),
        };
        let limit = self.shared.faults.imageban.quota_left().unwrap_or(limit);
        if self.store.is_used_up(&uploader, limit, self.shared.clock.now_ms()) {
            return Err(exceeded);
        }
        let form = form.map_err(|error| match error {
            BadForm::TooLarge => Refusal::TooLarge,
            BadForm::Malformed => Refusal::NoData,
        })?;
        let album = self.album_of(&form, caller)?;
        let (content, file_name) = match Source::read(&form)? {
            Source::Sent { content, file_name } => (content, file_name),
            Source::Url(url) => {
                let file_name = url.path_segments().and_then(|mut path| path.next_back()).map(str::to_owned);
                (self.fetcher.fetch(url).await?, file_name.filter(|name| !name.is_empty()))
            }
        };
        let looks = work::look_at(&content)?;
        let now_ms = self.shared.clock.now_ms();
        if !self.store.count_upload(&uploader, limit, now_ms)? {
            return Err(exceeded);
        }
        let img_name = form.field("name").filter(|name| !name.is_empty()).map(str::to_owned).or(file_name);
        let is_of_guest = caller == Caller::Guest;
        let hosted = self.store.keep(NewImage { content: &content, looks, img_name, is_of_guest, album }, now_ms)?;
        self.book.charge(&md5_hex(&content), &hosted.img_name, now_ms)?;
        sleep_until(not_before).await;
        Ok(wire::success([self.line(hosted)]))
    }

    /// The album that an image goes into. Guests have none.
    fn album_of(&self, form: &Form, caller: Caller) -> Result<Option<String>, Refusal> {
        let Some(id) = form.field("album").filter(|id| !id.is_empty()) else {
            return Ok(None);
        };
        caller.must_be_account()?;
        self.store.album(id).map(|album| Some(album.id)).ok_or(Refusal::NoSuchAlbum)
    }

    fn delete(&self, headers: &HeaderMap, id_or_hash: &str) -> Result<Response, Refusal> {
        self.check_faults(|code| matches!(code, 100 | 105 | 110))?;
        let caller = Caller::of(headers)?;
        let is_deleted = self.store.delete_image(|image| match &image.delete_hash {
            Some(hash) => hash == id_or_hash,
            None => caller == Caller::Account && image.id == id_or_hash,
        })?;
        if is_deleted { Ok(wire::success(true)) } else { Err(Refusal::NoSuchImage) }
    }

    /// An image as replies show it.
    fn line(&self, image: Hosted) -> ImageLine {
        let public = &self.shared.public_url;
        let host = public.host_str().unwrap_or_default();
        ImageLine {
            date: date(image.uploaded_at_ms),
            server: public.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            views: "0".to_owned(),
            description: String::new(),
            favorite: false,
            size: image.size.to_string(),
            resolution: format!("{}x{}", image.width, image.height),
            link: self.link(&image),
            short_link: self.shared.url(&["imageban", "i", &image.id]).into(),
            id: image.id,
            name: image.name,
            img_name: image.img_name,
            delete_hash: image.delete_hash,
        }
    }

    fn link(&self, image: &Hosted) -> String {
        let date = date(image.uploaded_at_ms);
        let mut path = vec!["imageban", "out"];
        path.extend(date.split('.'));
        path.push(&image.name);
        self.shared.url(&path).into()
    }

    /// Counts refusals, and keeps silent where the fault says so.
    async fn answer(&self, outcome: Result<Response, Refusal>) -> Response {
        if let Err(refusal) = &outcome {
            self.book.count(&refusal.code().to_string());
        }
        self.shared.faults.imageban.send_or_lose(outcome.into_response()).await
    }
}

/// The service's routes.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/v1", post(upload))
        .route("/v1/album", post(albums::create))
        .route("/v1/album/{id}", get(albums::show).put(albums::update).delete(albums::delete))
        .route("/v1/album/{id}/images", get(albums::images))
        .route("/v1/account/me/albums/ids", get(albums::ids))
        .route("/v1/image/delete/{id_or_hash}", delete(delete_image))
        .route("/out/{year}/{month}/{day}/{name}", get(hosted_file))
        .route("/i/{id}", get(page))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST_BYTES))
        .with_state(Arc::clone(service))
}

async fn upload(State(service): State<Arc<Service>>, request: Request) -> Response {
    service.book.count("upload");
    let headers = request.headers().clone();
    // Not every server says who calls; then all guests are one.
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map_or_else(|| "guest".to_owned(), |info| format!("guest {}", info.0.ip()));
    let form = Form::of_request(request).await;
    // It goes on even when the client hangs up: an image that has been taken is hosted.
    let work = tokio::spawn(Arc::clone(&service).host(headers, address, form));
    let outcome = work.await.unwrap_or_else(|error| Err(Refusal::Broken(error.into())));
    service.answer(outcome).await
}

async fn delete_image(
    State(service): State<Arc<Service>>,
    UrlPath(id_or_hash): UrlPath<String>,
    headers: HeaderMap,
) -> Response {
    service.book.count("image/delete");
    let outcome = service.delete(&headers, &id_or_hash);
    service.answer(outcome).await
}

/// A hosted image. Links need no key.
async fn hosted_file(
    State(service): State<Arc<Service>>,
    UrlPath((year, month, day, name)): UrlPath<(String, String, String, String)>,
) -> Response {
    service.book.count("out");
    let date = format!("{year}.{month}.{day}");
    let content = service.expire_if_wished().and_then(|()| service.store.content(&date, &name));
    match content {
        Ok(Some(content)) => {
            let content_type = match name.rsplit_once('.') {
                Some((_, "png")) => "image/png",
                Some((_, "gif")) => "image/gif",
                _ => "image/jpeg",
            };
            ([(CONTENT_TYPE, content_type)], content).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => Refusal::Broken(error).into_response(),
    }
}

/// The page of a hosted image.
async fn page(State(service): State<Arc<Service>>, UrlPath(id): UrlPath<String>) -> Response {
    match service.store.image(&id) {
        Some(image) => {
            // The link is made of our own names only, so there is nothing in it to escape.
            let link = service.link(&image);
            Html(format!("<!DOCTYPE html>\n<title>{id}</title>\n<img src=\"{link}\">\n")).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
