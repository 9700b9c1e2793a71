//! Why a job failed: the kind of failure and what to do about it in the reader's language, and beneath it what was written
//! where it happened, which is English and may quote the service.

use darkroom_shared::job::{Failure, FailureKind, Job, State, Tree};
use maud::{Markup, html};

use super::{frame::View, parts::file_name};
use crate::texts::Texts;

/// All there is to say of a failed job, with the way to another try; nothing of another job.
pub(super) fn failure(view: &View, tree: &Tree) -> Markup {
    let texts = view.texts;
    let State::Failed { reason, .. } = &tree.job.state else { return Markup::default() };
    html! {
        section.failure aria-labelledby="failure" {
            h2 #failure { (texts.failed_because) }
            p { strong { (headline(texts, reason.kind)) } " " (advice(texts, reason.kind)) }
            p.detail lang="en" { (words(&tree.job, reason)) }
            @if reason.kind != FailureKind::Superseded {
                form method="post" action={ "/jobs/" (tree.job.id) "/retry" } {
                    (view.proof())
                    @if may_have_been_charged(reason.kind) { p.hint { (texts.retry_may_cost) } }
                    button.main type="submit" { (texts.retry) }
                }
            }
        }
    }
}

/// The same for a list.
pub(super) fn in_brief(texts: &Texts, job: &Job, failure: &Failure) -> Markup {
    html! {
        p.trouble { (headline(texts, failure.kind)) }
        p.detail lang="en" title=(words(job, failure)) { (words(job, failure)) }
    }
}

/// A message names the upload by its key; where the key stands on the page, its name is enough.
fn words(job: &Job, failure: &Failure) -> String {
    failure.message.replace(job.upload.key.as_str(), file_name(job))
}

fn headline(texts: &Texts, kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::UnknownPreset => texts.failed_unknown_preset,
        FailureKind::UploadMissing => texts.failed_upload_missing,
        FailureKind::UnsuitableImage => texts.failed_unsuitable_image,
        FailureKind::Rejected => texts.failed_rejected,
        FailureKind::Exhausted => texts.failed_exhausted,
        FailureKind::OutcomeUnknown => texts.failed_outcome_unknown,
        FailureKind::BrokenResult => texts.failed_broken_result,
        FailureKind::Deadline => texts.failed_deadline,
        FailureKind::TaskLost => texts.failed_task_lost,
        FailureKind::Superseded => texts.failed_superseded,
    }
}

fn advice(texts: &Texts, kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::UnknownPreset => texts.advice_unknown_preset,
        FailureKind::UploadMissing => texts.advice_upload_missing,
        FailureKind::UnsuitableImage => texts.advice_unsuitable_image,
        FailureKind::Rejected => texts.advice_rejected,
        FailureKind::Exhausted => texts.advice_exhausted,
        FailureKind::OutcomeUnknown => texts.advice_outcome_unknown,
        FailureKind::BrokenResult => texts.advice_broken_result,
        FailureKind::Deadline => texts.advice_deadline,
        FailureKind::TaskLost => texts.advice_task_lost,
        FailureKind::Superseded => texts.advice_superseded,
    }
}

/// Whether the service has, or may have, taken the image: another try sends it again.
fn may_have_been_charged(kind: FailureKind) -> bool {
    match kind {
        FailureKind::OutcomeUnknown | FailureKind::BrokenResult | FailureKind::Deadline | FailureKind::TaskLost => true,
        FailureKind::UnknownPreset
        | FailureKind::UploadMissing
        | FailureKind::UnsuitableImage
        | FailureKind::Rejected
        | FailureKind::Exhausted
        | FailureKind::Superseded => false,
    }
}
