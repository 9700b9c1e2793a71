//! The table and the JSON file. A measure that was not made this time keeps what it had, with its own date and commit.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde::{Deserialize, Serialize};

use crate::{
    bench::{Bench, root},
    machine::About,
};

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// The measure that it comes from: the name of its module.
    pub(crate) measure: &'static str,
    /// What was measured.
    pub(crate) what: String,
    /// What it should be.
    pub(crate) goal: String,
    /// What it is, with its unit: a median and its spread.
    pub(crate) result: String,
    /// The same of the peer, in the same run.
    pub(crate) peer: Option<String>,
    /// What it cannot go below, or above, on this machine, and why.
    pub(crate) limit: String,
    /// Whether the goal is met.
    pub(crate) met: bool,
    /// All numbers, for machines: runs, medians, percentiles; units in the names.
    pub(crate) numbers: serde_json::Value,
}

/// A line as the file keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) what: String,
    pub(crate) goal: String,
    pub(crate) result: String,
    pub(crate) peer: Option<String>,
    pub(crate) limit: String,
    pub(crate) met: bool,
    pub(crate) numbers: serde_json::Value,
}

/// A measure as the file keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    about: About,
    pub(crate) lines: Vec<Kept>,
}

type Results = BTreeMap<String, Measured>;

/// Between these, docs/PERFORMANCE.md is ours.
const BEGIN: &str = "<!-- benches: begin (written by `cargo run -p darkroom-benches`, not by hand) -->";
const END: &str = "<!-- benches: end -->";
/// A line below the header and none elsewhere.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
const HEADER: [&str; 6] = ["what", "goal", "result", "peer", "limit", "met"];

/// Prints the table; with `write`, also puts it between the marks of docs/PERFORMANCE.md, and the numbers beside.
pub(crate) fn tell(bench: &Bench, lines: &[Line], write: bool) -> anyhow::Result<()> {
    let about = About::of(bench)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", table(lines))?;
    writeln!(out, "{}; commit {}; {}; {}", about.machine, about.commit, about.rustc, about.python)?;
    if !write {
        return Ok(());
    }
    let mut results = results()?;
    for line in lines {
        results.remove(line.measure);
    }
    for line in lines {
        let measured = || Measured { about: about.clone(), lines: Vec::new() };
        results.entry(line.measure.to_owned()).or_insert_with(measured).lines.push(line.into());
    }
    std::fs::write(results_file(), serde_json::to_string_pretty(&results)? + "\n")?;
    write_document(&root().join("docs/PERFORMANCE.md"), &document(&results))
}

/// What the file says of a measure from an earlier run.
pub(crate) fn previous(measure: &str) -> anyhow::Result<Option<Measured>> {
    Ok(results()?.remove(measure))
}

fn results_file() -> PathBuf {
    root().join("benches/results.json")
}

fn results() -> anyhow::Result<Results> {
    match std::fs::read(results_file()) {
        Ok(text) => serde_json::from_slice(&text).context("benches/results.json is not what this program writes"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Results::new()),
        Err(error) => Err(error.into()),
    }
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_header(HEADER);
    for line in lines {
        let kept = Kept::from(line);
        table.add_row(cells(&kept));
    }
    if table.width().is_none() {
        // Nobody looks at a terminal; a log is read as it is.
        table.set_width(160);
    }
    table
}

fn cells(line: &Kept) -> [String; 6] {
    let peer = line.peer.clone().unwrap_or_else(|| "–".into());
    let met = if line.met { "yes" } else { "no" };
    [line.what.clone(), line.goal.clone(), line.result.clone(), peer, line.limit.clone(), met.to_owned()]
}

/// The part of the document that is ours: each run's head, and below it the lines of its measures.
fn document(results: &Results) -> String {
    let mut runs: Vec<(&About, Vec<&Kept>)> = Vec::new();
    for measured in results.values() {
        match runs.iter_mut().find(|(about, _)| **about == measured.about) {
            Some((_, lines)) => lines.extend(&measured.lines),
            None => runs.push((&measured.about, measured.lines.iter().collect())),
        }
    }
    let mut text = String::new();
    for (about, lines) in runs {
        let quick = if about.quick { " **A quick run, not to be quoted.**" } else { "" };
        let About { date, command, commit, machine, rustc, python, .. } = about;
        text += &format!("`{command}`, {date}, commit {commit}; {machine}; {rustc}; {python}.{quick}\n\n");
        text += &format!("| {} |\n|{}\n", HEADER.join(" | "), "---|".repeat(HEADER.len()));
        for line in lines {
            let cells = cells(line).map(|cell| cell.replace('|', "\\|").replace('\n', "<br>"));
            text += &format!("| {} |\n", cells.join(" | "));
        }
        text.push('\n');
    }
    text
}

/// Puts `text` between the marks, and the marks at the end of a document that has none.
fn write_document(file: &Path, text: &str) -> anyhow::Result<()> {
    let old = match std::fs::read_to_string(file) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "# Performance\n".into(),
        Err(error) => return Err(error.into()),
    };
    let (before, after) = match old.split_once(BEGIN) {
        Some((before, rest)) => {
            let (_, after) = rest.split_once(END).context("docs/PERFORMANCE.md: the table begins and does not end")?;
            (before.to_owned(), after)
        }
        None => (format!("{}\n\n", old.trim_end()), "\n"),
    };
    Ok(std::fs::write(file, format!("{before}{BEGIN}\n\n{text}{END}{after}"))?)
}

impl From<&Line> for Kept {
    fn from(line: &Line) -> Self {
        let Line { what, goal, result, peer, limit, met, numbers, .. } = line;
        Self {
            what: what.clone(),
            goal: goal.clone(),
            result: result.clone(),
            peer: peer.clone(),
            limit: limit.clone(),
            met: *met,
            numbers: numbers.clone(),
        }
    }
}

impl Kept {
    /// The line as it was told then.
    pub(crate) fn into_line(self, measure: &'static str) -> Line {
        let Self { what, goal, result, peer, limit, met, numbers } = self;
        Line { measure, what, goal, result, peer, limit, met, numbers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_written_anew() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("PERFORMANCE.md");
        let read = || std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, "# Performance\n\nBefore.\n").unwrap();
        write_document(&file, "one\n").unwrap();
        std::fs::write(&file, read() + "\nAfter.\n").unwrap();
        write_document(&file, "two\n").unwrap();
        assert_eq!(read(), format!("# Performance\n\nBefore.\n\n{BEGIN}\n\ntwo\n{END}\n\nAfter.\n"));
    }
}
