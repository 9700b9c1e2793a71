//! What a measure was made on and of.

use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::bench::{Bench, output, root};

/// When, where and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    /// The day and the minute (UTC).
    pub(crate) date: String,
    /// What was run.
    pub(crate) command: String,
    /// The commit, and whether there were changes on top of it.
    pub(crate) commit: String,
    /// `--quick`: not to be quoted.
    pub(crate) quick: bool,
    /// Cores, memory, processor and kernel.
    pub(crate) machine: String,
    /// The compiler.
    pub(crate) rustc: String,
    /// The interpreter of the peers.
    pub(crate) python: String,
}

impl About {
    /// Everything of this run.
    pub(crate) fn of(bench: &Bench) -> anyhow::Result<Self> {
        let git = |arguments: &[&str]| output(Command::new("git").args(arguments).current_dir(root()));
        let commit = git(&["rev-parse", "--short", "HEAD"])?;
        // What this program itself writes is no change of what was measured.
        let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!benches", ":!docs"])?;
        let changes = if changed.is_empty() { "" } else { " with changes" };
        let mut arguments = std::env::args().skip(1).peekable();
        let separator = if arguments.peek().is_some() { " --" } else { "" };
        // Where things lie on one machine is nobody else's business.
        let arguments = arguments.map(|argument| if argument.contains('/') { "FOLDER".into() } else { argument });
        let arguments = arguments.fold(String::new(), |all: String, argument: String| all + " " + &argument);
        Ok(Self {
            date: output(Command::new("date").args(["--utc", "+%Y-%m-%d %H:%M UTC"]))?,
            command: format!("cargo run --release -p darkroom-benches{separator}{arguments}"),
            commit: commit + changes,
            quick: bench.quick,
            machine: machine()?,
            rustc: output(Command::new("rustc").arg("--version"))?,
            python: output(Command::new(&bench.python).arg("--version"))?,
        })
    }
}

fn machine() -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?;
    let after = |file: &str, name: &str| -> anyhow::Result<String> {
        let text = std::fs::read_to_string(file)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix(':'));
        Ok(value.unwrap_or("unknown").trim().to_owned())
    };
    let processor = after("/proc/cpuinfo", "model name")?;
    let memory = after("/proc/meminfo", "MemTotal")?;
    let kibibytes: u64 = memory.split_whitespace().next().unwrap_or_default().parse()?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let gibibytes = crate::numbers::mib(kibibytes * 1024) / 1024.0;
    Ok(format!("{cores} cores of {processor}, {gibibytes:.1} GiB, Linux {}", kernel.trim()))
}
