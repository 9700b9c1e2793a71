//! The table and the JSON file.

use serde::Serialize;

use crate::bench::Bench;

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

/// Prints the table; with `write`, also puts it between the marks of docs/PERFORMANCE.md, and the numbers beside.
pub(crate) fn tell(bench: &Bench, lines: &[Line], write: bool) -> anyhow::Result<()> {
    todo!()
}
