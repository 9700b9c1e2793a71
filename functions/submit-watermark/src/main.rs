//! Submits uploads to the watermark service. Triggered by the queue `submit-watermark`: S3 notifications and wake-ups.

use darkroom_shared::{job::ProviderName, lambda, provider::watermark};

fn main() -> Result<(), lambda::Error> {
    lambda::submit(ProviderName::Watermark, watermark::make)
}
