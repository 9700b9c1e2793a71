//! A discrete simulation of jobs and providers: what becomes of backlog, waits and results' lives when ten, a hundred or a
//! thousand times as many images come as today, and where darkroom breaks first. It writes the tables of docs/SCALE.md.
//!
//! Every job is one: it comes by a curve of the day, waits for a slot, is called, worked on, polled or called back, and
//! fetched, by darkroom's own times (`Schedule`, `Pace`, the providers' facts, and `numbers`). What no document states is
//! a guess and stands in `setting` and `world::Aws`. Functions are as many as the template makes them.

mod collect;
mod figures;
mod needs;
mod numbers;
mod poller;
#[path = "../../prices.rs"]
#[expect(dead_code, reason = "the benches tell the prices as well")]
mod prices;
mod random;
mod scenes;
mod setting;
mod submit;
mod tables;
mod waiting;
mod world;

use std::io::Write as _;

use anyhow::Context as _;
use clap::Parser;

/// Simulates, and prints the tables.
#[derive(Debug, Parser)]
struct Arguments {
    /// Put them between the marks of docs/SCALE.md as well.
    #[arg(long)]
    write: bool,
}

const BEGIN: &str = "<!-- simulate: begin -->";
const END: &str = "<!-- simulate: end -->";

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let tables = scenes::all()?;
    std::io::stdout().write_all(tables.as_bytes())?;
    if arguments.write {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SCALE.md");
        let text = std::fs::read_to_string(&path).context("docs/SCALE.md cannot be read")?;
        let (before, rest) = text.split_once(BEGIN).context("docs/SCALE.md has no mark where tables begin")?;
        let (_, after) = rest.split_once(END).context("docs/SCALE.md has no mark where tables end")?;
        std::fs::write(&path, format!("{before}{BEGIN}\n\n{tables}\n{END}{after}"))?;
    }
    Ok(())
}
