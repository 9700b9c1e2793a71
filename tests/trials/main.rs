//! The proofs under load that nothing is lost, nothing paid twice and nobody let in: docs/TESTING.md, "Trials". Each
//! prints a line of numbers and holds them against its aim. The long form of each is ignored, the short form is a test
//! like any other. All of it goes through the outside: processes, S3, HTTP, queues, the table, time.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a trial that cannot go on has failed; it tells numbers"
)]

mod doubled;
mod forged_callbacks;
mod functions;
mod load;
mod lost_callbacks;
mod pace;
#[path = "../end_to_end/world.rs"]
#[expect(dead_code, reason = "the stories use more of it")]
mod world;
