//! Sends one image to imgfactory and prints where its copies are.
//!
//! **Against the real service this costs money.** For free, run it against the sandbox, which needs no account. In one terminal:
//!
//! ```text
//! cargo run -- sandbox
//! ```
//!
//! It prints variables, `IMGFACTORY_URL=…` among them. Export them in a second terminal, then:
//!
//! ```text
//! cargo run -p darkroom-shared --example call_imgfactory -- cli/samples/cat.jpg 'copies = 3' 'exif = "random"'
//! ```
//!
//! What follows the image are options, as they stand in `darkroom.toml`. With `mode = "sync"` one copy comes in the reply and is written beside the image.
//! Without `IMGFACTORY_URL` the real service is asked.

#![expect(clippy::print_stdout, reason = "an example talks to the person at the terminal")]

mod support;

use darkroom_shared::job::ProviderName;

#[tokio::main]
async fn main() -> Result<(), support::Problem> {
    support::call(ProviderName::Imgfactory, "call_imgfactory").await
}
