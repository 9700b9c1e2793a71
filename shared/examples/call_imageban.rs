//! Hosts one image at imageban and prints its links.
//!
//! **Against the real service this publishes the image**, and counts towards the day's limit. For free, run it against the sandbox, which needs no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints variables, `IMAGEBAN_URL=…` among them. Export them in a second terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_imageban -- cli/samples/cat.jpg 'album_name = "cats"'
//! ```
//!
//! What follows the image are options, as they stand in `darkroom.toml`. `send = "url"` needs a bucket that the service can fetch from, so it does not work here.
//! Without `IMAGEBAN_URL` the real service is asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use darkroom_shared::job::ProviderName;

#[tokio::main]
async fn main() -> Result<(), support::Problem> {
    support::call(ProviderName::Imageban, "call_imageban").await
}
