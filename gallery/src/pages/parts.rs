//! Parts that several pages have.

use darkroom_shared::job::{Job, ProviderName, StateName, told_options};
use maud::{Markup, html};

use crate::texts::Texts;

/// A state as a word with a sign: colour alone tells nobody anything.
pub(super) fn badge(texts: &Texts, state: StateName) -> Markup {
    let sign = match state {
        StateName::Queued => "…",
        StateName::Submitting => "↑",
        StateName::Waiting => "◔",
        StateName::Ready => "↓",
        StateName::Done => "✓",
        StateName::Failed => "✗",
    };
    html! {
        span class={ "badge " (state.as_str()) } data-state=(state.as_str()) {
            span aria-hidden="true" { (sign) } " " (state_word(texts, state))
        }
    }
}

/// A state as a word.
pub(super) fn state_word(texts: &Texts, state: StateName) -> &'static str {
    match state {
        StateName::Queued => texts.state_queued,
        StateName::Submitting => texts.state_submitting,
        StateName::Waiting => texts.state_waiting,
        StateName::Ready => texts.state_ready,
        StateName::Done => texts.state_done,
        StateName::Failed => texts.state_failed,
    }
}

/// What a provider does, in a sentence.
pub(super) fn does(texts: &Texts, provider: ProviderName) -> &'static str {
    match provider {
        ProviderName::Imgfactory => texts.does_imgfactory,
        ProviderName::Watermark => texts.does_watermark,
        ProviderName::Fangtang => texts.does_fangtang,
        ProviderName::Vkcloud => texts.does_vkcloud,
        ProviderName::Imageban => texts.does_imageban,
    }
}

/// A picture that may not be there: then its place says so.
pub(super) fn picture(texts: &Texts, source: Option<&str>, alternative: &str) -> Markup {
    html! {
        @match source {
            Some(source) => img.picture src=(source) alt=(alternative) loading="lazy" decoding="async"
                data-missing=(texts.no_picture);,
            None => span.picture.missing role="img" aria-label=(alternative) { (texts.no_picture) },
        }
    }
}

/// The name of an upload's file.
pub(super) fn file_name(job: &Job) -> &str {
    let key = job.upload.key.as_str();
    key.rsplit('/').next().unwrap_or(key)
}

/// Options as names and values, those that are set.
pub(super) fn options(options: &serde_json::Value) -> Vec<(String, String)> {
    let options = told_options(options);
    let set = options.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    set.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect()
}
