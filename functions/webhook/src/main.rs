//! Takes the callbacks of providers. Triggered by HTTPS requests to its Function URL.

use darkroom_shared::lambda;

fn main() -> Result<(), lambda::Error> {
    lambda::webhook()
}
