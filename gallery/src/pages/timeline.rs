//! What was done with an image, step by step: attempts, waits and their reasons, charges, warnings, links.

use std::collections::BTreeMap;

use darkroom_shared::job::{Document, DocumentItem, DocumentStep, Hold, Job, Link, ProviderName, Tree};
use maud::{Markup, html};

use super::{
    frame::View,
    parts::{badge, does, options},
};
use crate::{
    Gallery, human, pictures,
    problem::Problem,
    waits::{Detail, waits},
};

/// So many images of a step are told one by one.
const MOST_ITEMS: usize = 50;

/// The steps of a job: those that were done, the one at work, and those to come.
pub(super) async fn timeline(
    view: &View,
    gallery: &Gallery,
    tree: &Tree,
    document: &Document,
    holds: &BTreeMap<ProviderName, Hold>,
) -> Result<Markup, Problem> {
    let texts = view.texts;
    let mut steps = Vec::new();
    for step in &document.steps {
        steps.push(told(view, gallery, step).await?);
    }
    let to_come = to_come(tree);
    Ok(html! {
        section aria-labelledby="steps" {
            h2 #steps { (texts.steps) }
            ol.timeline {
                @for step in &steps { (step) }
                @for route in to_come { li.to-come { h3 { (route) } p.hint { (texts.still_to_come) } } }
            }
            @if !tree.job.state.is_finished() && !tree.branches.is_empty() {
                ul.branches { @for branch in &tree.branches { (told_branch(view, branch, holds)) } }
            }
        }
    })
}

/// The steps that have not begun: those of the first branch stand for all.
fn to_come(tree: &Tree) -> Vec<String> {
    let mut deepest = tree;
    while let Some(branch) = deepest.branches.first() {
        deepest = branch;
    }
    deepest.job.plan.iter().map(|step| step.route.to_string()).collect()
}

async fn told(view: &View, gallery: &Gallery, step: &DocumentStep) -> Result<Markup, Problem> {
    let texts = view.texts;
    let options = options(&step.options);
    let mut between = Vec::new();
    for output in step.work.outputs.iter().take(MOST_ITEMS) {
        between.push((output, pictures::address(gallery.app(), &output.key).await?));
    }
    Ok(html! {
        li {
            h3 { (step.provider) "/" (step.preset) }
            p.hint { (does(texts, step.provider, &step.options)) }
            (work(view, &step.work))
            @if !step.items.is_empty() {
                details {
                    summary { (step.items.len()) " × " (texts.image_number) }
                    ol { @for item in step.items.iter().take(MOST_ITEMS) { li { (work(view, item)) } } }
                }
            }
            @if !step.work.links.is_empty() {
                h4 { (texts.links) }
                ul.links { @for link in &step.work.links { (told_link(view, link)) } }
            }
            @if !between.is_empty() {
                p {
                    @for (output, address) in &between {
                        a href=(address) target="_blank" rel="noopener" { (output.key.rsplit('/').next().unwrap_or_default()) }
                        " (" (output.width) "×" (output.height) ") "
                    }
                }
            }
            @if !options.is_empty() {
                details {
                    summary { (texts.options) }
                    dl { @for (name, value) in &options { dt { (name) } dd { (value) } } }
                }
            }
        }
    })
}

fn work(view: &View, work: &DocumentItem) -> Markup {
    let texts = view.texts;
    html! {
        dl.work {
            dt { (texts.attempts) } dd { (work.attempts) }
            // Some services never tell.
            @if work.charges > 0 { dt { (texts.charged) } dd { (work.charges) } }
            @if let Some(left) = work.balance { dt { (texts.balance) } dd { (left) } }
            @if let Some(task) = &work.task_id { dt { (texts.task) } dd { code { (task) } } }
            @if let Some(at) = work.submitted_at { dt { (texts.sent) } dd { (human::time(texts, at, view.now)) } }
            @if let Some(at) = work.finished_at {
                dt { (texts.finished) }
                dd {
                    (human::time(texts, at, view.now))
                    @if let Some(sent_at) = work.submitted_at {
                        " · " (texts.took) " " (human::duration(texts, at.duration_since(sent_at)))
                    }
                }
            }
        }
        @if !work.warnings.is_empty() {
            h4 { (texts.warnings) }
            ul.warnings { @for warning in &work.warnings { li { (warning) } } }
        }
    }
}

fn told_link(view: &View, link: &Link) -> Markup {
    let texts = view.texts;
    let copied = |name: &str, value: &str, is_address: bool| {
        html! {
            div {
                span.hint { (name) } " "
                @if is_address { a href=(value) target="_blank" rel="noopener noreferrer" { (value) } } @else { code { (value) } }
                " "
                button.scripted.quiet type="button" data-copy=(value) data-copied=(texts.copied) {
                    (texts.copy) span.unseen { " " (name) }
                }
            }
        }
    };
    html! {
        li {
            (copied(texts.direct_link, &link.link, is_web(&link.link)))
            @if let Some(page) = &link.short_link { (copied(texts.page_link, page, is_web(page))) }
            @if let Some(hash) = &link.delete_hash { (copied(texts.delete_hash, hash, false)) }
        }
    }
}

/// A service's reply is a stranger's text: only what leads to the web becomes a link.
fn is_web(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn told_branch(view: &View, branch: &Tree, holds: &BTreeMap<ProviderName, Hold>) -> Markup {
    let job: &Job = &branch.job;
    html! {
        li {
            (badge(view.texts, job.state.name())) " " (job.stem()) " "
            (waits(view.texts, job, holds, view.now, Detail::Brief).unwrap_or_default())
        }
    }
}
