//! The fields of a page's form, and the proof that the form was ours.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    response::{IntoResponse as _, Response},
};

use crate::{Gallery, access::Visitor, problem::Problem};

/// The field that carries the proof.
pub(crate) const FORM_TOKEN: &str = "csrf";

/// Fields in their order; a name may be there several times.
#[derive(Debug)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All fields of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        // Longer bodies than axum takes without being asked (2 MB) are refused there.
        let body = Bytes::from_request(request, state).await.map_err(axum::response::IntoResponse::into_response)?;
        Ok(Self(url::form_urlencoded::parse(&body).into_owned().collect()))
    }
}

/// Fields of a form that was on a page which we made for this very visitor.
#[derive(Debug)]
pub(crate) struct OwnFields(pub(crate) Fields);

impl FromRequest<Gallery> for OwnFields {
    type Rejection = Response;

    async fn from_request(request: Request, gallery: &Gallery) -> Result<Self, Self::Rejection> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let fields = Fields::from_request(request, gallery).await?;
        if is_own(gallery, visitor.as_ref(), fields.get(FORM_TOKEN)) {
            Ok(Self(fields))
        } else {
            Err(Problem::ForeignForm.into_response())
        }
    }
}

/// Whether `token` proves that the form was ours.
pub(crate) fn is_own(gallery: &Gallery, visitor: Option<&Visitor>, token: Option<&str>) -> bool {
    match visitor {
        Some(Visitor::Person(session)) => gallery.0.keys.is_own_form(session, token.unwrap_or_default()),
        Some(Visitor::Program) => true,
        Some(Visitor::Stranger) | None => false,
    }
}
