//! The albums of imageban, as the account asks for them. Everything here needs the account.

use std::sync::Arc;

use axum::extract::{Path as UrlPath, Request, State};
use axum::response::Response;

use crate::form::Form;
use crate::imageban::Service;
use crate::imageban::request::Caller;
use crate::imageban::store::{Album, fresh_id};
use crate::imageban::wire::{self, AlbumLine, Refusal, date};

pub(super) async fn create(State(service): State<Arc<Service>>, request: Request) -> Response {
    service.book.count("album");
    let outcome = async {
        let form = form_of_account(&service, request).await?;
        let name = filled(&form, "album_name").ok_or(Refusal::AlbumNameMissing)?.to_owned();
        let album = Album {
            id: fresh_id(),
            created_at_ms: service.shared.clock.now_ms(),
            name,
            description: String::new(),
            kind: "public".to_owned(),
            password: String::new(),
        };
        keep(&service, album, &form)
    };
    let outcome = outcome.await;
    service.answer(outcome).await
}

pub(super) async fn update(
    State(service): State<Arc<Service>>,
    UrlPath(id): UrlPath<String>,
    request: Request,
) -> Response {
    service.book.count("album");
    let outcome = async {
        let form = form_of_account(&service, request).await?;
        let mut album = service.store.album(&id).ok_or(Refusal::NoSuchAlbum)?;
        if let Some(name) = filled(&form, "album_name") {
            name.clone_into(&mut album.name);
        }
        keep(&service, album, &form)
    };
    let outcome = outcome.await;
    service.answer(outcome).await
}

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    UrlPath(id): UrlPath<String>,
    request: Request,
) -> Response {
    service.book.count("album");
    let outcome = check_account(&service, &request).and_then(|()| Ok(wire::success(album_line(&service, &id)?)));
    service.answer(outcome).await
}

pub(super) async fn images(
    State(service): State<Arc<Service>>,
    UrlPath(id): UrlPath<String>,
    request: Request,
) -> Response {
    service.book.count("album/images");
    let outcome = check_account(&service, &request).and_then(|()| Ok(wire::success(album_line(&service, &id)?.images)));
    service.answer(outcome).await
}

pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    UrlPath(id): UrlPath<String>,
    request: Request,
) -> Response {
    service.book.count("album");
    let outcome = check_account(&service, &request).and_then(|()| {
        if service.store.delete_album(&id)? { Ok(wire::success(true)) } else { Err(Refusal::NoSuchAlbum) }
    });
    service.answer(outcome).await
}

pub(super) async fn ids(State(service): State<Arc<Service>>, request: Request) -> Response {
    service.book.count("account/me/albums/ids");
    let outcome = check_account(&service, &request).map(|()| wire::success(service.store.album_ids()));
    service.answer(outcome).await
}

fn check_account(service: &Service, request: &Request) -> Result<(), Refusal> {
    service.check_faults(|code| matches!(code, 100 | 105 | 110))?;
    Caller::of(request.headers())?.must_be_account()
}

async fn form_of_account(service: &Service, request: Request) -> Result<Form, Refusal> {
    let access = check_account(service, &request);
    // The request is read in full, so that a refusal never meets a client that is still sending.
    let form = Form::of_request(request).await;
    access?;
    form.map_err(|_| Refusal::AlbumNameMissing)
}

/// Keeps an album with what else a form says of it.
fn keep(service: &Service, mut album: Album, form: &Form) -> Result<Response, Refusal> {
    for (field, place) in
        [("album_desc", &mut album.description), ("album_type", &mut album.kind), ("album_pass", &mut album.password)]
    {
        if let Some(text) = form.field(field) {
            text.clone_into(place);
        }
    }
    if !matches!(album.kind.as_str(), "public" | "hidden" | "secret") {
        album.kind = "public".to_owned();
    }
    let images: Vec<&str> = form.field("images").unwrap_or_default().split(',').map(str::trim).collect();
    if !service.store.keep_album(&album, &images)? {
        return Err(Refusal::AlbumNameTaken);
    }
    Ok(wire::success(album_line(service, &album.id)?))
}

fn album_line(service: &Service, id: &str) -> Result<AlbumLine, Refusal> {
    let album = service.store.album(id).ok_or(Refusal::NoSuchAlbum)?;
    let images = service.store.images_in(id);
    Ok(AlbumLine {
        date: date(album.created_at_ms),
        album_name: album.name,
        album_desc: album.description,
        album_type: album.kind,
        images_count: images.len().to_string(),
        images: images.into_iter().map(|image| service.line(image)).collect(),
        id: album.id,
    })
}

/// A field that says something.
fn filled<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.field(name).map(str::trim).filter(|text| !text.is_empty())
}
