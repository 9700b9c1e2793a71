//! Submits uploads to imageban. Triggered by the queue `submit-imageban`: S3 notifications and wake-ups.

use darkroom_shared::{
    lambda::{self, Function},
    provider::imageban,
};

fn main() -> Result<(), lambda::Error> {
    lambda::start(Function::Submit, &[imageban::make])
}
