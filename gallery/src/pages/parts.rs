//! Parts that several pages have.

use darkroom_shared::job::{Job, ProviderName, StateName, told_options};
use maud::{Markup, html};
use serde_json::Value;

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

/// What a step of a provider with these options does, in a sentence.
pub(super) fn does(texts: &Texts, provider: ProviderName, options: &Value) -> &'static str {
    let is_on = |name: &str| options.get(name).is_some_and(|value| value == true);
    let word = |name: &str| options.get(name).and_then(Value::as_str);
    match (provider, word("mode"), word("repair_type").or(word("output"))) {
        (ProviderName::Watermark, ..) if is_on("ocr_only") => texts.does_reading,
        (ProviderName::Watermark, ..) if is_on("show") => texts.does_showing,
        (ProviderName::Vkcloud, _, Some("colorized")) => texts.does_colouring,
        (ProviderName::Vkcloud, Some("resolution"), _) => texts.does_enlarging,
        (ProviderName::Vkcloud, ..) => texts.does_improving,
        (ProviderName::Fangtang, _, Some("bg")) => texts.does_background,
        _ => generally_does(texts, provider),
    }
}

/// What a provider does, in a sentence.
pub(super) fn generally_does(texts: &Texts, provider: ProviderName) -> &'static str {
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

/// Options as names and values, those that are set and not switched off.
pub(super) fn options(options: &Value) -> Vec<(String, String)> {
    let options = told_options(options);
    let set = options.as_object().into_iter().flatten();
    set.filter_map(|(name, value)| Some((name.clone(), option(value)?))).collect()
}

fn option(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        // As it is written by people: 125 and not 125.0.
        Value::Number(number) => Some(number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())),
        Value::Bool(is_on) => Some(if *is_on { "✓" } else { "✗" }.to_owned()),
        Value::Array(values) => Some(values.iter().filter_map(option).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            if fields.get("enable").is_some_and(|is_on| is_on == false) {
                return None;
            }
            if let (Some(min), Some(max)) = (fields.get("min").and_then(option), fields.get("max").and_then(option)) {
                return Some(format!("{min}–{max}"));
            }
            let told = fields.iter().filter_map(|(name, value)| Some(format!("{name} {}", option(value)?)));
            Some(told.collect::<Vec<_>>().join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_told_as_people_write_them() {
        let told = options(&json!({
            "copies": 10, "rotate": {"enable": true, "min": 0.5, "max": 2.0}, "crop": {"enable": false, "min": 1, "max": 5},
            "exif": null, "mode": "sync", "show": true, "keywords": [{"value": "our brand", "rule": "similar"}],
            "secret_pass": "hidden"
        }));
        let told: Vec<String> = told.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = ["copies=10", "keywords=rule similar value our brand", "mode=sync", "rotate=0.5–2"];
        assert_eq!(told[..4], expected);
        assert!(told.contains(&"show=✓".to_owned()) && !told.iter().any(|told| told.contains("hidden")));
    }
}
