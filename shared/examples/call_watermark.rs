//! Sends one image to the watermark service and prints where the result and the found text are.
//!
//! **Against the real service this costs money** (one use of the account; the same image with the same options is free
//! for five hours). For free, run it against the sandbox, which needs no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints variables, `WATERMARK_URL=…` among them. Export them in a second terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_watermark -- cli/samples/coffee-watermarked.jpg 'show = true'
//! ```
//!
//! What follows the image are options, as they stand in `darkroom.toml`. The result is asked for in the reply, whatever `mode` says: nobody is here to be called back.
//! Without `WATERMARK_URL` the real service is asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use darkroom_shared::job::ProviderName;

#[tokio::main]
async fn main() -> Result<(), support::Problem> {
    support::call(ProviderName::Watermark, "call_watermark").await
}
