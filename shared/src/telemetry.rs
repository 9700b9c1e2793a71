//! Logs, metrics and traces. Logs: JSON lines in a function, readable lines in a terminal, on standard error either way. Ids
//! go into fields; bodies and secrets nowhere. What the lines and numbers mean is told in `docs/LOGGING.md`.

mod json;
pub mod metrics;
pub mod trace;

use tracing::Subscriber;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets, filter_fn},
    fmt::{self, MakeWriter, format::JsonFields},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for a log service.
    Json,
    /// For a person.
    Human {
        /// Whether levels and times are painted: standard error can show it, and nobody said no.
        colours: bool,
    },
}

/// Starts logging, on standard error. `filter` is as in `RUST_LOG`. A second call changes nothing.
pub fn start(format: Format, filter: &str) {
    // It fails only when a subscriber is there already, as in tests.
    let _ = match format {
        Format::Json => json(filter, std::io::stderr).try_init(),
        Format::Human { colours } => {
            let lines = fmt::layer().compact().with_target(false).with_writer(std::io::stderr);
            // A person reads one line after the other: what all lines of a job have in common would be in the way.
            let lines = lines.with_ansi(colours).with_filter(filter_fn(|of| of.is_event()));
            tracing_subscriber::registry().with(targets(filter)).with(lines).try_init()
        }
    };
}

/// What logs as a function does, into `writer`.
pub fn json<W>(filter: &str, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt::layer().fmt_fields(JsonFields::new()).event_format(json::FlatJson).with_writer(writer);
    tracing_subscriber::registry().with(targets(filter)).with(lines)
}

/// Not `EnvFilter`: it brings a regular expression engine, and functions are to be small.
fn targets(filter: &str) -> Targets {
    filter.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO))
}
