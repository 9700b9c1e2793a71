//! The list of jobs: the newest first, filtered, page by page.

use std::collections::BTreeMap;

use axum::{
    extract::{Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use darkroom_shared::{
    job::{Hold, JobId, ProviderName, State as JobState, StateName, Tree, UPLOADS_PREFIX},
    store::{Page, PageFilter},
};
use futures_util::future::try_join_all;
use maud::{Markup, html};

use super::{
    failure,
    frame::{NOTHING_CHOSEN, Place, RETRIED, View},
    parts::{badge, file_name, picture, state_word},
};
use crate::{
    Gallery, actions,
    fields::OwnFields,
    human,
    listing::{Asked, Listing},
    pictures::{Pictures, is_fresh},
    problem::Problem,
    providers,
    texts::Texts,
    waits::{Detail, waits},
};

/// Jobs on a page.
const MOST_ON_A_PAGE: usize = 24;

/// A job with what is shown of it.
struct Entry {
    tree: Tree,
    pictures: Pictures,
}

/// Shows the list.
pub(crate) async fn page(
    State(gallery): State<Gallery>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let Listing { filter, before, id } = asked.read()?;
    if let Some(id) = id
        && gallery.app().jobs.get(&id).await?.is_some()
    {
        return Ok(Redirect::to(&format!("/jobs/{id}")).into_response());
    }
    let mut page = gallery.app().jobs.page(&filter, before.as_ref(), MOST_ON_A_PAGE).await?;
    let jobs = std::mem::take(&mut page.jobs);
    let entries = try_join_all(jobs.into_iter().map(|job| async {
        let tree = actions::first_branches(&gallery, job).await?;
        let pictures = Pictures::of(gallery.app(), &tree, 1).await?;
        Ok::<_, Problem>(Entry { tree, pictures })
    }))
    .await?;
    let unfinished = entries.iter().any(|entry| !entry.tree.job.state.is_finished());
    let goes_on =
        unfinished || entries.iter().any(|entry| is_fresh(&entry.tree.job, view.now)) || is_awaited(&filter, &entries);
    let holds = if unfinished { providers::holds(&gallery).await? } else { BTreeMap::new() };
    let content = html! {
        h1 { (view.texts.jobs) }
        (filter_form(&view, &gallery, &asked))
        (list(&view, &asked, &entries, &holds))
        (ways_on(&view, &asked, &page))
    };
    Ok(view.page(Place::Jobs, view.texts.jobs, goes_on, &content).into_response())
}

/// Gives the jobs that were chosen another try.
pub(crate) async fn retry(State(gallery): State<Gallery>, OwnFields(fields): OwnFields) -> Result<Redirect, Problem> {
    let mut said = NOTHING_CHOSEN;
    for id in fields.all("id").take(actions::MOST_RETRIED) {
        let id: JobId = id.parse().map_err(|_| Problem::NoSuchJob)?;
        if actions::retry(&gallery, &id).await? == actions::Retried::Queued {
            said = RETRIED;
        }
    }
    // Back to the same part of the list.
    let back = fields.get("back").filter(|back| back.starts_with("/jobs?")).map(|back| format!("{back}&"));
    Ok(Redirect::to(&format!("{}said={said}", back.unwrap_or_else(|| "/jobs?".to_owned()))))
}

fn filter_form(view: &View, gallery: &Gallery, asked: &Asked) -> Markup {
    let texts = view.texts;
    let mut routes: Vec<String> = gallery.app().presets.routes().map(|(route, _)| route.to_string()).collect();
    routes.sort();
    html! {
        // Without scripts it cannot be known how much room there is: then it is open.
        details.filters open data-in-use[*asked != Asked::default()] {
            summary { (texts.filter) }
            form.filter method="get" action="/jobs" role="search" aria-label=(texts.filter) {
                div {
                    label for="state" { (texts.state) }
                    select #state name="state" {
                        option value="" { (texts.any) }
                        @for state in StateName::ALL {
                            option value=(state.as_str()) selected[asked.state == state.as_str()] { (state_word(texts, state)) }
                        }
                    }
                }
                div {
                    label for="provider" { (texts.provider) }
                    select #provider name="provider" {
                        option value="" { (texts.any) }
                        @for provider in ProviderName::ALL {
                            option value=(provider) selected[asked.provider == provider.as_str()] { (provider) }
                        }
                    }
                }
                div {
                    label for="route" { (texts.route) }
                    select #route name="route" {
                        option value="" { (texts.any) }
                        @for route in &routes { option value=(route) selected[asked.route == *route] { (route) } }
                        @if !asked.route.is_empty() && !routes.contains(&asked.route) {
                            option value=(asked.route) selected { (asked.route) }
                        }
                    }
                }
                div.wide {
                    label for="text" { (texts.text) }
                    input #text type="search" name="text" value=(asked.text);
                }
                button type="submit" { (texts.filter) }
            }
        }
    }
}

fn list(view: &View, asked: &Asked, entries: &[Entry], holds: &BTreeMap<ProviderName, Hold>) -> Markup {
    let texts = view.texts;
    if entries.is_empty() {
        let everything = Asked { before: String::new(), ..asked.clone() } == Asked::default();
        return html! {
            div.empty {
                @if everything {
                    p { (texts.no_jobs) }
                    a.button.main href="/upload" { (texts.upload_first) }
                } @else {
                    p { (texts.no_jobs_found) }
                    a.button href="/jobs" { (texts.show_all) }
                }
            }
        };
    }
    let some_failed = entries.iter().any(|entry| entry.tree.job.state.name() == StateName::Failed);
    html! {
        form #retry method="post" action="/jobs/retry" {
            (view.proof())
            input type="hidden" name="back" value=(asked.address(None));
            div data-part="bulk" {
                @if some_failed {
                    div.bulk {
                    label.scripted { input #select-all type="checkbox"; " " (texts.select_all) }
                    button type="submit" { (texts.retry_selected) }
                    }
                }
            }
            ul.jobs { @for entry in entries { (card(view, entry, holds)) } }
        }
    }
}

fn card(view: &View, Entry { tree, pictures }: &Entry, holds: &BTreeMap<ProviderName, Hold>) -> Markup {
    let (texts, job) = (view.texts, &tree.job);
    let (name, state) = (file_name(job), job.state.name());
    html! {
        li.job id={ "job-" (job.id) } data-job=(job.id) data-part={ "job-" (job.id) } {
            a.face href={ "/jobs/" (job.id) } tabindex="-1" aria-hidden="true" { (picture(texts, pictures.face(), "")) }
            div.about {
                h2 { a href={ "/jobs/" (job.id) } title=(job.upload.key) { (name) } }
                p { (badge(texts, state)) " " span.route { (job.route) } }
                @match &job.state {
                    JobState::Failed { reason, .. } => (failure::in_brief(texts, job, reason)),
                    JobState::Done { .. } => p.hint { (made(texts, tree)) },
                    _ => (waits(texts, job, holds, view.now, Detail::Brief).unwrap_or_default()),
                }
                p.hint { (human::time(texts, job.created_at, view.now)) }
                @if state == StateName::Failed {
                    label.choose { input type="checkbox" name="id" value=(job.id); " " (texts.select) span.unseen { " " (name) } }
                }
            }
        }
    }
}

/// What came of a job: images, or, where it only reads, places.
fn made(texts: &Texts, tree: &Tree) -> String {
    let places: usize = tree.job.steps.iter().map(|step| step.rectangles.len()).sum();
    match tree.outputs().len().max(tree.job.branched_outputs().len()) {
        0 => format!("{}: {places}", texts.places_found),
        outputs => format!("{}: {outputs}", texts.outputs),
    }
}

/// Whether the page is about an upload whose job is not there yet: it was told of a moment ago.
fn is_awaited(filter: &PageFilter, entries: &[Entry]) -> bool {
    entries.is_empty() && filter.text.as_deref().is_some_and(|text| text.starts_with(UPLOADS_PREFIX))
}

fn ways_on(view: &View, asked: &Asked, page: &Page) -> Markup {
    let texts = view.texts;
    html! {
        nav.ways aria-label=(texts.older) {
            @if !asked.before.is_empty() { a.button href=(asked.address(None)) { (texts.newest) } }
            @if let Some(older) = &page.older {
                @if let (true, Some(until)) = (page.cut_short, older.made_at()) {
                    span.hint { (texts.searched_until) " " (human::time(texts, until, view.now)) }
                }
                a.button rel="next" href=(asked.address(Some(older))) {
                    @if page.cut_short { (texts.go_on_looking) } @else { (texts.older) }
                }
            }
        }
    }
}
