//! Sends one image to VK Cloud and keeps the result beside it.
//!
//! **Against the real service this costs money** (0.06 RUB an image). For free, run it against the sandbox, which needs no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints variables, `VKCLOUD_URL=…` among them. Export them in a second terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_vkcloud -- cli/samples/old-portrait.jpg 'output = "colorized_improved"'
//! ```
//!
//! What follows the image are options, as they stand in `darkroom.toml`. With client credentials the access token is kept only as long as this runs, and an account has at most 25 refresh
//! tokens: for many calls use `VKCLOUD_TOKEN`.
//! Without `VKCLOUD_URL` the real service is asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use darkroom_shared::job::ProviderName;

#[tokio::main]
async fn main() -> Result<(), support::Problem> {
    support::call(ProviderName::Vkcloud, "call_vkcloud").await
}
