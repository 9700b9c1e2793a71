//! darkroom from outside: the real `darkroom serve` as a process, spoken to through S3, HTTP and time only. Providers
//! that must outlive the process, or whose books must be read, run in the test itself.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

mod bad_input;
mod callbacks;
mod chains;
mod command_line;
mod crashes;
mod gallery;
mod happy_ways;
mod holds;
mod hostile;
mod preflight;
mod providers;
mod recovery;
mod s3_clients;
mod world;
