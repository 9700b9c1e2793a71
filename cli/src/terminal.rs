//! What people see: the only place that prints.

use std::io::Write as _;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;

/// A line on standard output.
pub(crate) fn line(text: impl std::fmt::Display) {
    // Who reads may have gone away (`| head -1`); that is no failure of ours.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line for a person on standard error, where standard output is for programs.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Why a command could not do what was asked, with all causes.
pub(crate) fn problem(problem: &anyhow::Error) {
    note(format!("darkroom: {problem:#}"));
}

/// A value as JSON, on standard output.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A line below the header and none elsewhere.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table that fits the terminal.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    line(table);
}

/// A size that a person reads at a glance.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A time that a person reads at a glance: seconds with one decimal.
pub(crate) fn seconds(duration: jiff::SignedDuration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
