//! Processes with a clean environment that end with us, and the memory that the system says they have.

use std::{ffi::OsStr, path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    id: u32,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

/// What `/proc/<id>/status` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// `VmRSS`: what is resident now.
    pub(crate) resident_bytes: u64,
    /// `VmHWM`: the most that ever was.
    pub(crate) peak_bytes: u64,
}

/// A program to start: nothing of our own environment comes with it but `PATH`.
pub(crate) fn command<V: AsRef<OsStr>>(program: &Path, environment: impl IntoIterator<Item = (String, V)>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

impl Process {
    /// Starts `command`. What it prints can be read with [`Self::line`] if its output is piped.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.spawn().with_context(|| format!("{command:?} did not start"))?;
        let id = child.id().context("a process that ended at once")?;
        let lines = child.stdout.take().map(|output| BufReader::new(output).lines());
        Ok(Self { child, id, lines })
    }

    /// The next line of its output; `None` when there is none any more.
    pub(crate) async fn line(&mut self) -> anyhow::Result<Option<String>> {
        let lines = self.lines.as_mut().context("the output of this process goes elsewhere")?;
        Ok(lines.next_line().await?)
    }

    /// What it has in memory now.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id))?;
        Ok(Memory { resident_bytes: field(&status, "VmRSS")?, peak_bytes: field(&status, "VmHWM")? })
    }

    /// The time that its threads have had on a processor, in user and in system mode together.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        processor_time(&self.id.to_string())
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Kills it, and waits until it is gone.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The same of this process itself.
pub(crate) fn own_processor_time() -> anyhow::Result<Duration> {
    processor_time("self")
}

fn processor_time(process: &str) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program may hold spaces; the fields after it are numbers.
    let (_, fields) = stat.rsplit_once(')').context("a line that is not proc's")?;
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    // USER_HZ is 100 on every Linux that this runs on.
    Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 10))
}

fn field(status: &str, name: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).context("no such field")?;
    Ok(kibibytes * 1024)
}
