//! Measures darkroom beside what people would otherwise write, and writes the table of docs/PERFORMANCE.md.
//!
//! Everything is measured from outside: processes, sockets, `/proc`. A ratio is always of two numbers of the same run. No
//! measure is a test: what misses its goal is written down as missed.

mod bench;
mod report;

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
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let bench = Bench::prepare(arguments.quick)?;
    let wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let mut lines: Vec<Line> = Vec::new();
    // One measure after the other: they would disturb each other.
    macro_rules! measure {
        ($($name:ident),* $(,)?) => { $( if wanted(stringify!($name)) { lines.extend($name::measure(&bench).await?); } )* };
    }
    measure!();
    report::tell(&bench, &lines, !arguments.dry)
}
