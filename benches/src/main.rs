//! Measures darkroom beside what people would otherwise write, and writes the table of docs/PERFORMANCE.md.
//!
//! Everything is measured from outside: processes, sockets, `/proc`. A ratio is always of two numbers of the same run. No
//! measure is a test: what misses its goal is written down as missed.

mod bench;
mod latency;
mod load;
mod machine;
mod memory;
mod numbers;
mod objects;
mod poller;
mod prices;
mod process;
mod providers;
mod report;
mod requests;
mod runtime;
mod size;
mod start;
mod stores;
mod throughput;
mod waiting;
mod webhook;

use std::path::PathBuf;

use clap::Parser;

use crate::{bench::Bench, report::Line};

/// Measures, prints a table, and writes it down.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only these measures, by their names.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Fewer repeats and smaller loads: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// Leave docs/PERFORMANCE.md and benches/results.json as they are.
    #[arg(long)]
    dry: bool,
    /// Measure the binaries in this folder, and build none.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
    /// Build the whole workspace from clean as well, in a folder of its own, and take the time of that.
    #[arg(long)]
    measure_build: bool,
    /// Where Cargo builds; target/ without it.
    #[arg(long, value_name = "FOLDER", env = "CARGO_TARGET_DIR")]
    target: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    // Nothing may come before that: it is what a start is compared with.
    if std::env::args().nth(1).as_deref() == Some(start::BARE_POLL) {
        return start::bare_poll();
    }
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(&arguments))
}

async fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let bench = Bench::prepare(arguments)?;
    let mut known: Vec<&str> = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    // One measure after the other: they would disturb each other.
    macro_rules! measure {
        ($($name:ident),* $(,)?) => { $(
            known.push(stringify!($name));
            if arguments.only.is_empty() || arguments.only.iter().any(|only| only == stringify!($name)) {
                lines.extend($name::measure(&bench).await?);
            }
        )* };
    }
    measure!(start, requests, throughput, latency, poller, webhook, memory, size);
    for only in &arguments.only {
        anyhow::ensure!(
            known.contains(&only.as_str()),
            "there is no measure '{only}'; there are: {}",
            known.join(", ")
        );
    }
    report::tell(&bench, &lines, !arguments.dry)
}
