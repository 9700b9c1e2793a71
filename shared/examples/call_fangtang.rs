//! Sends one photo to fangtang and prints where the result is.
//!
//! **Against the real service this costs money** (one upload of the account). For free, run it against the sandbox, which needs no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints variables, `FANGTANG_URL=…` among them. Export them in a second terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_fangtang -- cli/samples/old-portrait.jpg 'repair_type = "sr,repair"'
//! ```
//!
//! What follows the image are options, as they stand in `darkroom.toml`. The result can be fetched for an hour.
//! Without `FANGTANG_URL` the real service is asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use darkroom_shared::job::ProviderName;

#[tokio::main]
async fn main() -> Result<(), support::Problem> {
    support::call(ProviderName::Fangtang, "call_fangtang").await
}
