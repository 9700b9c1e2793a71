//! The commands, one a file. Each reads its arguments, calls what does the work and prints what came of it.

pub(crate) mod backfill;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod put;
pub(crate) mod release;
pub(crate) mod retry;
pub(crate) mod sandbox;
pub(crate) mod serve;
mod wait;
mod watch;
