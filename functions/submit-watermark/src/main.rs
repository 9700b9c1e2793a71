//! Submits uploads to the watermark service. Triggered by the queue `submit-watermark`: S3 notifications and wake-ups.

use darkroom_shared::{
    lambda::{self, Function},
    provider::watermark,
};

fn main() -> Result<(), lambda::Error> {
    lambda::start(Function::Submit, &[watermark::make])
}
