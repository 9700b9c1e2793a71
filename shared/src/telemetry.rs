//! Logs and metrics. Logs: JSON lines in a function, readable lines in a terminal. Ids go into fields; bodies and secrets nowhere.

pub mod metrics;

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for a log service.
    Json,
    /// For a person, on standard error.
    Human,
}

/// Starts logging. `filter` is as in `RUST_LOG`. A second call changes nothing.
pub fn start(format: Format, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // It fails only when a subscriber is there already, as in tests.
    let _ = match format {
        Format::Json => builder.json().flatten_event(true).without_time().try_init(),
        Format::Human => builder.compact().with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
