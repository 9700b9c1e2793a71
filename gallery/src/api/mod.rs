//! The JSON API, for people's own tools: what the pages show and do. Its description (`/api/openapi.json`) is made from
//! the very types and functions that answer.

mod endpoints;
mod shapes;

use axum::{Json, Router, routing::get};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Description,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::Gallery;

/// The routes of the API.
pub(crate) fn router() -> Router<Gallery> {
    let (router, description) = described().split_for_parts();
    router.route("/api/openapi.json", get(move || async move { Json(description) }))
}

/// The API's description, as it stands at `/api/openapi.json`.
#[must_use]
pub fn open_api() -> Description {
    described().into_openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(title = "darkroom", description = "What happened to the images, what waits for what, and another try."),
    modifiers(&Bearer)
)]
struct Head;

/// The token of the gallery, in each request.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut Description) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The value of DARKROOM_GALLERY_TOKEN"))
            .build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        description.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
}

fn described() -> OpenApiRouter<Gallery> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(endpoints::jobs))
        .routes(routes!(endpoints::job))
        .routes(routes!(endpoints::retry))
        .routes(routes!(endpoints::retry_many))
        .routes(routes!(endpoints::providers))
        .routes(routes!(endpoints::release))
        .routes(routes!(endpoints::presets))
        .routes(routes!(endpoints::upload))
}
