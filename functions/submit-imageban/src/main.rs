//! Submits uploads to imageban. Triggered by the queue `submit-imageban`: S3 notifications and wake-ups.

use darkroom_shared::{job::ProviderName, lambda, provider::imageban};

fn main() -> Result<(), lambda::Error> {
    lambda::submit(ProviderName::Imageban, imageban::make)
}
