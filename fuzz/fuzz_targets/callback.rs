//! The body of a watermark callback. The first byte chooses the options of the step.
#![no_main]

use std::sync::LazyLock;

use darkroom_fuzz::{check_error, check_outcome};
use darkroom_shared::{
    job::{ProviderName, ResultSource},
    provider::{Called, ReadCallback, definition},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static OPTIONS: LazyLock<[Value; 3]> = LazyLock::new(|| {
    [
        json!({}),
        json!({"ocr_only": true}),
        json!({"exclude_keywords": [{"value": "我们", "rule": "similar"}], "offset": {"+x": 5, "-y": 8}, "show": true}),
    ]
});

fuzz_target!(|input: &[u8]| {
    let Some((&choice, body)) = input.split_first() else { return };
    let Some(read) = definition(ProviderName::Watermark).read_callback else { panic!("watermark calls back") };
    let options = &OPTIONS[usize::from(choice) % OPTIONS.len()];
    let taken = said(read, &Value::Null, body);
    let collected = said(read, options, body);
    // What the webhook answers with 200, the collector can read, from the text that the row holds.
    assert_eq!(taken.is_some(), collected.is_some(), "by the webhook {taken:?}, by the collector {collected:?}");
    if collected.is_some() {
        assert_eq!(said(read, options, String::from_utf8_lossy(body).as_bytes()), collected);
    }
});

/// What is read, as a text to compare; `None`: it is no callback.
fn said(read: ReadCallback, options: &Value, body: &[u8]) -> Option<String> {
    match read(options, body) {
        Ok(Called::Finished(outcome)) => {
            check_outcome(&outcome);
            let nothing_to_fetch = outcome.source == ResultSource::Record;
            assert!(!nothing_to_fetch || options.is_null() || options["ocr_only"] == true, "{outcome:?}");
            Some(format!("{outcome:?}"))
        }
        Ok(Called::Failed(error)) => {
            check_error(&error);
            Some(format!("{error:?}"))
        }
        Err(error) => {
            check_error(&error);
            None
        }
    }
}
