//! Measures darkroom beside what people would otherwise write, and writes the table of docs/PERFORMANCE.md.
//!
//! Everything is measured from outside: processes, sockets, `/proc`. A ratio is always of two numbers of the same run. No
//! measure is a test: what misses its goal is written down as missed.

mod bench;
mod latency;
mod load;
mod machine;
mod numbers;
mod process;
mod report;
mod throughput;
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

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let bench = Bench::prepare(&arguments)?;
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
    measure!(throughput, latency, webhook);
    for only in &arguments.only {
        anyhow::ensure!(
            known.contains(&only.as_str()),
            "there is no measure '{only}'; there are: {}",
            known.join(", ")
        );
    }
    report::tell(&bench, &lines, !arguments.dry)
}
