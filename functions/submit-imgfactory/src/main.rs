//! Submits uploads to imgfactory. Triggered by the queue `submit-imgfactory`: S3 notifications and wake-ups.

use darkroom_shared::{job::ProviderName, lambda, provider::imgfactory};

fn main() -> Result<(), lambda::Error> {
    lambda::submit(ProviderName::Imgfactory, imgfactory::make)
}
