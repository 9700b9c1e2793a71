//! Logs and metrics. Logs: JSON lines in a function, readable lines in a terminal. Ids go into fields; bodies and secrets nowhere.

pub mod metrics;

use std::io::IsTerminal as _;

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

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
    // Not `EnvFilter`: it brings a regular expression engine, and functions are to be small.
    let filter = filter.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(std::io::stderr);
    // It fails only when a subscriber is there already, as in tests.
    let _ = match format {
        Format::Json => registry.with(layer.json().flatten_event(true).without_time()).try_init(),
        Format::Human => {
            registry.with(layer.compact().with_target(false).with_ansi(std::io::stderr().is_terminal())).try_init()
        }
    };
}
