//! The presets, and the form that puts photos under their paths: with scripts straight into the bucket through signed
//! addresses, with a bar for each file; without, through the gallery.

use axum::{
    Extension,
    extract::{Multipart, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use darkroom_shared::job::{DEFAULT_PRESET, Route};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    frame::{Place, View},
    parts::{does, options},
};
use crate::{
    Gallery,
    access::Visitor,
    fields::{FORM_TOKEN, is_own},
    human,
    problem::Problem,
    uploads,
};

/// What the page is asked with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// The preset that is chosen already.
    route: Option<String>,
}

/// Shows the presets and the form.
pub(crate) async fn page(State(gallery): State<Gallery>, view: View, Query(asked): Query<Asked>) -> Markup {
    let texts = view.texts;
    let mut routes: Vec<(&Route, Vec<Route>)> = gallery.app().presets.routes().collect();
    // Whoever wrote presets means them, chains above all; the defaults come last.
    routes.sort_by_key(|(route, then)| (route.preset == DEFAULT_PRESET, then.is_empty(), route.provider));
    let chosen = asked.route.or_else(|| routes.first().map(|(route, _)| route.to_string())).unwrap_or_default();
    let limit = texts.form_limit.replace("{size}", &human::size(gallery.settings().most_form_bytes as u64));
    let content = html! {
        h1 { (texts.upload) }
        form #upload method="post" action="/upload" enctype="multipart/form-data"
            data-uploading=(texts.uploading) data-uploaded=(texts.uploaded) data-failed=(texts.upload_failed)
            data-none=(texts.no_files) data-upload-to=(texts.upload_to) {
            (view.proof())
            div.drop {
                label for="files" { span.button { (texts.choose_files) } span.scripted.hint { " " (texts.or_drop) } }
                input #files type="file" name="files" multiple accept="image/*" required;
                ul #progress aria-live="polite" {}
                p { button.main type="submit" { (texts.upload_to.replace("{route}", &chosen)) } " " a href="/jobs" { (texts.see_jobs) } }
                noscript { p.hint { (limit) } }
            }
            fieldset {
                legend { (texts.choose_preset) }
                div.presets { @for (route, _) in &routes { (preset(&view, &gallery, route, &chosen)) } }
            }
        }
    };
    view.page(Place::Upload, texts.upload, false, &content)
}

fn preset(view: &View, gallery: &Gallery, route: &Route, chosen: &str) -> Markup {
    let texts = view.texts;
    let (name, plan) = (route.to_string(), gallery.app().presets.plan(route).unwrap_or_default());
    let described = format!("about-{}", name.replace('/', "-"));
    let first = plan.first();
    let options = first.map(|step| options(&step.options)).unwrap_or_default();
    html! {
        div.preset {
            label {
                input type="radio" name="route" value=(name) checked[name == chosen] required aria-describedby=(described);
                strong { (name) }
            }
            div id=(described) {
                @for (number, step) in (1..).zip(&plan) {
                    p {
                        @if number > 1 { span.then { (texts.then) " " (step.route) } ": " }
                        (does(texts, step.route.provider, &step.options))
                    }
                }
                dl {
                    dt { (texts.upload_path) } dd { code { "uploads/" (name) "/" } }
                    @if options.is_empty() { dt { (texts.options) } dd { (texts.default_options) } }
                }
                @if !options.is_empty() {
                    details {
                        summary { (texts.options) span.unseen { " " (name) } }
                        dl { @for (option, value) in &options { dt { (option) } dd { (value) } } }
                    }
                }
                @if first.is_some_and(|step| step.fit) { p.hint { (texts.fits) } }
            }
        }
    }
}

/// Takes files from a browser that runs no scripts, and puts them into the bucket.
pub(crate) async fn take(
    State(gallery): State<Gallery>,
    Extension(visitor): Extension<Visitor>,
    view: View,
    mut form: Multipart,
) -> Result<Response, Problem> {
    let wrong = |problem: axum::extract::multipart::MultipartError| Problem::WrongRequest(problem.body_text());
    let (mut proof, mut route, mut files) = (None, String::new(), Vec::new());
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        match (field.name().unwrap_or_default().to_owned().as_str(), field.file_name().map(str::to_owned)) {
            ("files", Some(name)) => {
                // Nobody fills our memory who has not shown that the form was ours.
                if !is_own(&gallery, Some(&visitor), proof.as_deref()) {
                    return Err(Problem::ForeignForm);
                }
                let bytes = field.bytes().await.map_err(wrong)?;
                if !name.is_empty() && !bytes.is_empty() {
                    files.push((name, bytes));
                }
            }
            (FORM_TOKEN, None) => proof = Some(field.text().await.map_err(wrong)?),
            ("route", None) => route = field.text().await.map_err(wrong)?,
            _ => {}
        }
    }
    if files.is_empty() {
        return Err(Problem::WrongRequest(view.texts.no_files.to_lowercase().trim_end_matches(['.', '。']).to_owned()));
    }
    for (name, bytes) in files {
        let key = uploads::new_key(gallery.app(), &route, &name)?;
        gallery.app().objects.put(key.as_str(), "application/octet-stream", bytes).await?;
    }
    Ok(Redirect::to("/jobs").into_response())
}
