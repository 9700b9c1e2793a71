//! Takes the callbacks of providers. Triggered by HTTPS requests to its Function URL.

use darkroom_shared::lambda::{self, Function};

fn main() -> Result<(), lambda::Error> {
    lambda::start(Function::Webhook, &[])
}
