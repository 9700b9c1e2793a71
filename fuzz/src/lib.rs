//! What several targets hold their findings against. A broken promise is a panic, which is what a fuzzer looks for.

use std::sync::Arc;

use darkroom_shared::{
    environment::Environment,
    job::{Outcome, ProviderName, ResultSource, safe_file_name},
    provider::{Advice, Equipment, ErrorKind, Http, Notes, NotesInMemory, Provider, ProviderError, make},
};

/// A job's row holds 400 KB, of which a provider's words get no more than this.
const LONGEST_MESSAGE_BYTES: usize = 2_048;
const LONGEST_ADDRESS_BYTES: usize = 4_096;
const MOST_REPORT_BYTES: usize = 192 * 1024;

/// A name that can stand in a key, a file system and a shell's line.
pub fn check_safe_name(name: &str) {
    assert!(!name.is_empty() && name.len() <= 180, "{name:?} has {} bytes", name.len());
    assert!(!name.starts_with('.') && name.trim() == name, "{name:?}");
    assert!(!name.chars().any(|c| c.is_control() || "/\\<>:\"|?*".contains(c)), "{name:?}");
    assert_eq!(safe_file_name(name), name, "what is safe stays as it is");
}

/// What a provider says of work that is done fits into a row.
pub fn check_outcome(outcome: &Outcome) {
    match &outcome.source {
        ResultSource::Image { url } | ResultSource::Archive { url } => {
            assert!(!url.is_empty() && url.len() <= LONGEST_ADDRESS_BYTES, "an address of {} bytes", url.len());
        }
        ResultSource::Stored { .. } | ResultSource::Original | ResultSource::Record => {}
    }
    let report = &outcome.report;
    assert!(report.charges <= 1);
    let said = serde_json::to_vec(&(&report.warnings, &report.rectangles, &report.links)).expect("plain data");
    assert!(said.len() <= MOST_REPORT_BYTES, "a report of {} bytes", said.len());
    for link in &report.links {
        assert!(!link.link.is_empty());
    }
}

/// What went wrong is told in a line that a person can read and a row can hold.
pub fn check_error(error: &ProviderError) {
    let message = &error.message;
    assert!(!message.is_empty() && message.len() <= LONGEST_MESSAGE_BYTES, "a message of {} bytes", message.len());
    assert!(!message.chars().any(char::is_control), "{message:?}");
}

/// After a call that costs money, an error of a service that broke down is never a plain retry.
pub fn check_error_of_paid_call(error: &ProviderError) {
    let may_have_been_done = matches!(error.kind, ErrorKind::Unreadable | ErrorKind::Network);
    assert!(!may_have_been_done || error.advice == Advice::Unknown, "{error:?}");
}

/// The settings of every provider, with credentials of nobody.
#[must_use]
pub fn settings() -> Environment {
    let named = [
        ("IMGFACTORY_TOKEN", "token"),
        ("WATERMARK_APP_ID", "id"),
        ("WATERMARK_APP_SECRET", "secret"),
        ("FANGTANG_THIRD_CODE", "code"),
        ("FANGTANG_SECRET_KEY", "key"),
        ("VKCLOUD_CLIENT_ID", "id"),
        ("VKCLOUD_CLIENT_SECRET", "secret"),
        ("IMAGEBAN_CLIENT_ID", "id"),
        ("IMAGEBAN_SECRET_KEY", "key"),
    ];
    named.into_iter().collect()
}

/// The client of a provider.
#[must_use]
pub fn client(name: ProviderName, http: &Http, environment: &Environment) -> Arc<dyn Provider> {
    let notes = |_| Arc::new(NotesInMemory::default()) as Arc<dyn Notes>;
    make(name, &Equipment { environment, http, notes: &notes }).expect("every setting is there")
}
