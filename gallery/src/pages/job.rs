//! One job: before and after, what came of it, how, and what to do now.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use darkroom_shared::{
    flow::inspect_bytes,
    job::{Document, JobId, Rectangle, StateName, Step, Tree},
    store::StoreError,
};
use http::{HeaderMap, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    failure::failure,
    frame::{GOES_ON, Place, RETRIED, View},
    parts::{badge, file_name, picture},
    timeline::timeline,
};
use crate::{
    Gallery, actions,
    fields::OwnFields,
    human,
    pictures::{self, OutputPicture, Pictures, is_fresh},
    problem::Problem,
    providers,
    waits::{Detail, waits},
};

/// So many outputs are shown.
const MOST_SHOWN: usize = 200;
/// Pixels are told by an image's first bytes; a camera may put a preview and much else before them.
const HEAD_BYTES: u64 = 256 * 1024;
/// Rectangles are drawn over so many images.
const MOST_DRAWN: usize = 8;

/// What the page is asked with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// Which output stands beside the original, from 1.
    compare: Option<usize>,
}

/// Shows a job.
pub(crate) async fn page(
    State(gallery): State<Gallery>,
    view: View,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let tree = actions::tree(&gallery, &id).await?;
    if tree.job.id != id {
        return Ok(Redirect::to(&format!("/jobs/{}", tree.job.id)).into_response());
    }
    let pictures = Pictures::of(gallery.app(), &tree, MOST_SHOWN).await?;
    let (job, texts) = (&tree.job, view.texts);
    let goes_on = !job.state.is_finished() || is_fresh(job, view.now);
    let holds = providers::holds(&gallery).await?;
    let document = Document::from(&tree);
    let rectangles = rectangles(&gallery, &tree, &pictures).await?;
    let content = html! {
        div.head {
            h1 { (file_name(job)) }
            p data-part="state" { (badge(texts, job.state.name())) " " span.route { (job.route) } }
        }
        div data-part="now" {
            @if let Some(waits) = waits(texts, job, &holds, view.now, Detail::Whole) { div.now { (waits) } }
            (failure(&view, &tree))
        }
        div.columns {
        div data-part="pictures" {
            (comparison(&view, &pictures, asked.compare.unwrap_or(1)))
            (outputs(&view, &gallery, &tree, &pictures))
            @for (number, found) in (1..).zip(&rectangles) { (drawn(&view, number, found)) }
        }
        div {
            div data-part="timeline" { (timeline(&view, &gallery, &tree, &document, &holds).await?) }
            (provenance(&view, &tree, &document, &pictures))
        }
        }
    };
    Ok(view.page(Place::Jobs, file_name(job), goes_on, &content).into_response())
}

/// The job's record, in the shape of `job.json`.
pub(crate) async fn record(State(gallery): State<Gallery>, Path(id): Path<String>) -> Result<Response, Problem> {
    let tree = actions::tree(&gallery, &job_id(&id)?).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_DISPOSITION, http::HeaderValue::from_static("inline; filename=\"job.json\""));
    Ok((headers, Json(Document::from(&tree))).into_response())
}

/// Gives the job another try.
pub(crate) async fn retry(
    State(gallery): State<Gallery>,
    Path(id): Path<String>,
    _: OwnFields,
) -> Result<Redirect, Problem> {
    let id = job_id(&id)?;
    match actions::retry(&gallery, &id).await? {
        actions::Retried::NoSuchJob => Err(Problem::NoSuchJob),
        actions::Retried::Forgotten => Err(darkroom_shared::flow::FlowError::Forgotten(id).into()),
        actions::Retried::Queued => Ok(Redirect::to(&format!("/jobs/{id}?said={RETRIED}"))),
        actions::Retried::NotFailed => Ok(Redirect::to(&format!("/jobs/{id}"))),
    }
}

/// Has another preset work on an output.
pub(crate) async fn go_on(
    State(gallery): State<Gallery>,
    Path(id): Path<String>,
    OwnFields(fields): OwnFields,
) -> Result<Redirect, Problem> {
    let number = fields.get("output").and_then(|number| number.parse().ok()).unwrap_or(1);
    let key = actions::go_on(&gallery, &job_id(&id)?, number, fields.get("route").unwrap_or_default()).await?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    Ok(Redirect::to(&format!("/jobs?{}", query.append_pair("text", &key).append_pair("said", GOES_ON).finish())))
}

fn job_id(id: &str) -> Result<JobId, Problem> {
    id.parse().map_err(|_| Problem::NoSuchJob)
}

/// The original and an output: side by side, and with scripts one over the other with a slider.
fn comparison(view: &View, pictures: &Pictures, number: usize) -> Markup {
    let texts = view.texts;
    let after = number.checked_sub(1).and_then(|place| pictures.outputs.get(place));
    let (Some(before), Some(after)) =
        (&pictures.original_thumbnail, after.and_then(|output| output.thumbnail.as_deref()))
    else {
        return alone(view, pictures);
    };
    html! {
        section #compare aria-labelledby="compare-title" {
            h2 #compare-title { (texts.before_and_after) }
            div.compare {
                figure.before {
                    img src=(before) alt=(texts.before) data-missing=(texts.no_picture);
                    figcaption { (texts.before) }
                }
                figure.after {
                    img src=(after) alt=(texts.after) data-missing=(texts.no_picture);
                    figcaption { (texts.after) }
                }
                label.scripted {
                    span.unseen { (texts.slider) }
                    input.slider type="range" min="0" max="100" value="50";
                }
            }
        }
    }
}

/// The original, where there is nothing yet to stand beside it.
fn alone(view: &View, pictures: &Pictures) -> Markup {
    let texts = view.texts;
    let Some(original) = &pictures.original_thumbnail else { return Markup::default() };
    html! {
        section aria-labelledby="original" {
            h2 #original { (texts.original) }
            div.alone { (picture(texts, Some(original), texts.original)) }
        }
    }
}

fn outputs(view: &View, gallery: &Gallery, tree: &Tree, pictures: &Pictures) -> Markup {
    let texts = view.texts;
    if pictures.outputs.is_empty() {
        return Markup::default();
    }
    let (id, many) = (&tree.job.id, pictures.outputs.len());
    html! {
        section aria-labelledby="outputs" {
            h2 #outputs { (texts.outputs) " (" (tree.outputs().len()) ")" }
            ul.outputs {
                @for (number, OutputPicture { output, thumbnail, whole }) in (1..).zip(&pictures.outputs) {
                    @let name = output.key.rsplit('/').next().unwrap_or(&output.key);
                    li {
                        a href=(whole) target="_blank" rel="noopener" {
                            (picture(texts, thumbnail.as_deref(), name))
                            span.unseen { " " (texts.download) }
                        }
                        p { (name) }
                        p.hint { (output.width) "×" (output.height) " · " (human::size(output.bytes)) }
                        @if many > 1 { p { a href={ "?compare=" (number) "#compare" } { (texts.compare) span.unseen { " " (name) } } } }
                    }
                }
            }
            @if tree.job.state.name() == StateName::Done { (another_preset(view, gallery, id, pictures)) }
        }
    }
}

fn another_preset(view: &View, gallery: &Gallery, id: &JobId, pictures: &Pictures) -> Markup {
    let texts = view.texts;
    html! {
        form.continue method="post" action={ "/jobs/" (id) "/continue" } {
            (view.proof())
            @if pictures.outputs.len() > 1 {
                label { (texts.image_number) " "
                    select name="output" {
                        @for (number, picture) in (1..).zip(&pictures.outputs) {
                            option value=(number) { (picture.output.key.rsplit('/').next().unwrap_or_default()) }
                        }
                    }
                }
            }
            label { (texts.use_another_preset) " "
                select name="route" {
                    @for (route, _) in gallery.app().presets.routes() { option value=(route) { (route) } }
                }
            }
            button type="submit" { (texts.go) }
        }
    }
}

/// Rectangles that were found in an image, to be drawn over it.
struct Found {
    /// A signed address of the image.
    image: String,
    /// Its pixels.
    width: u32,
    height: u32,
    rectangles: Vec<Rectangle>,
}

/// The rectangles of all steps, each with the image that was sent: they are told in its pixels.
async fn rectangles(gallery: &Gallery, tree: &Tree, pictures: &Pictures) -> Result<Vec<Found>, Problem> {
    let mut found = Vec::new();
    for step in all_steps(tree).into_iter().filter(|step| !step.rectangles.is_empty()).take(MOST_DRAWN) {
        let key = step.fitted.as_ref().unwrap_or(&step.input);
        let head = match gallery.app().objects.head_of(key, HEAD_BYTES).await {
            Ok(head) => head,
            // The upload was taken away, or what was made of it on the way has expired.
            Err(StoreError::NoSuchObject(_)) => continue,
            // The rest of the page is worth seeing all the same.
            Err(error) => {
                tracing::warn!(job_id = %tree.job.id, %error, "rectangles are not drawn");
                continue;
            }
        };
        let Ok(inspected) = inspect_bytes(&head) else { continue };
        let image = match &pictures.original_thumbnail {
            // Of the same shape, and a hundredth of its size.
            Some(thumbnail) if *key == tree.job.upload.key => thumbnail.clone(),
            _ => pictures::address(gallery.app(), key).await?,
        };
        let (width, height) = (inspected.width, inspected.height);
        found.push(Found { image, width, height, rectangles: step.rectangles.clone() });
    }
    Ok(found)
}

fn all_steps(tree: &Tree) -> Vec<&Step> {
    tree.job.steps.iter().chain(tree.branches.iter().flat_map(all_steps)).take(MOST_SHOWN).collect()
}

fn drawn(view: &View, number: usize, found: &Found) -> Markup {
    let (texts, heading) = (view.texts, format!("rectangles-{number}"));
    html! {
        section aria-labelledby=(heading) {
            h2 id=(heading) { (texts.found_rectangles) }
            svg.rectangles viewBox={ "0 0 " (found.width) " " (found.height) } role="img" aria-labelledby=(heading) {
                image href=(found.image) width=(found.width) height=(found.height) {}
                @for rectangle in &found.rectangles {
                    rect x=(rectangle.x) y=(rectangle.y) width=(rectangle.w) height=(rectangle.h) vector-effect="non-scaling-stroke" {
                        @if let Some(word) = &rectangle.word { title { (word) } }
                    }
                }
            }
            ul {
                @for rectangle in &found.rectangles {
                    li {
                        (texts.rectangle) " " (rectangle.x) "," (rectangle.y) " " (rectangle.w) "×" (rectangle.h)
                        @if let Some(word) = &rectangle.word { " “" (word) "”" }
                    }
                }
            }
        }
    }
}

fn provenance(view: &View, tree: &Tree, document: &Document, pictures: &Pictures) -> Markup {
    let (texts, job) = (view.texts, &tree.job);
    let folder = job.upload_key().map(|key| key.result_folder()).unwrap_or_default();
    let record = serde_json::to_string_pretty(document).unwrap_or_default();
    html! {
        section aria-labelledby="provenance" {
            h2 #provenance { (texts.provenance) }
            dl {
                dt { (texts.uploaded_as) } dd { code { (job.upload.key) } }
                dt { (texts.original) } dd data-part="original" { a href=(pictures.original) target="_blank" rel="noopener" { (texts.download) } " · " (human::size(job.upload.bytes)) }
                @if let Some(sha256) = &job.upload.sha256 { dt { "SHA-256" } dd { code { (sha256) } } }
                dt { (texts.result_folder) } dd { code { (folder) } }
                dt { (texts.made) } dd { (human::time(texts, job.created_at, view.now)) }
                @if let Some(finished_at) = job.finished_at {
                    dt { (texts.ended) }
                    dd {
                        (human::time(texts, finished_at, view.now)) " · " (texts.took) " "
                        (human::duration(texts, finished_at.duration_since(job.created_at)))
                    }
                }
                dt { (texts.job_id) } dd { code { (job.id) } }
            }
            details data-part="record" {
                summary { (texts.record) }
                p { a href={ "/jobs/" (job.id) "/job.json" } { "job.json" } }
                pre tabindex="0" { code { (record) } }
            }
        }
    }
}
