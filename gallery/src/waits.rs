//! What an unfinished job waits for, in words.

use std::collections::BTreeMap;

use darkroom_shared::job::{Hold, Job, ProviderName, State};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::{human, texts::Texts};

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A line in a list.
    Brief,
    /// All that is known.
    Whole,
}

/// What `job` waits for at `now`; `None` once it has ended.
pub(crate) fn waits(
    texts: &Texts,
    job: &Job,
    holds: &BTreeMap<ProviderName, Hold>,
    now: Timestamp,
    detail: Detail,
) -> Option<Markup> {
    let provider = job.provider();
    let step = job.step();
    let named = |text: &str| text.replace("{provider}", provider.as_str());
    let held = step.is_some_and(|step| step.held).then(|| holds.get(&provider)).flatten();
    let problem = step.and_then(|step| step.problem.as_deref());
    let due = |at: Timestamp| {
        html! { @if at > now { " " (human::time(texts, at, now)) } }
    };
    let words = match (&job.state, held) {
        (State::Done { .. } | State::Failed { .. }, _) => return None,
        (State::Queued { .. }, Some(hold)) => html! {
            a href="/providers" { (named(texts.waits_for_hold)) } " "
            @if detail == Detail::Whole { span.detail { (hold.message) ". " } }
            span.detail { (texts.next_try) (due(hold.probe_at)) }
        },
        (State::Queued { due_at, .. }, None) if problem.is_some() => html! {
            (texts.waits_to_try_again) (due(*due_at))
        },
        (State::Queued { due_at, slot_at }, None) => html! {
            (named(texts.waits_for_turn)) (due(slot_at.unwrap_or(*due_at)))
        },
        (State::Submitting { .. }, _) => html! { (named(texts.waits_for_submit)) },
        (State::Waiting { since, .. }, _) => html! {
            (named(texts.waits_for_provider)) " · " (texts.sent_at) " " (human::time(texts, *since, now))
        },
        (State::Branching { .. }, _) => {
            let (ended, all) = (job.ended_branches.len(), job.branched_outputs().len());
            html! { (texts.waits_for_branches) " " (ended) "/" (all) }
        }
        (State::Ready { failures: 0, .. }, _) => html! { (texts.waits_for_fetch) },
        (State::Ready { due_at, .. }, _) => html! { (texts.waits_to_fetch_again) (due(*due_at)) },
    };
    Some(html! {
        p.waits { (words) }
        @if let (Some(problem), None) = (problem, held) { p.trouble { (texts.trouble) " " (problem) } }
    })
}
