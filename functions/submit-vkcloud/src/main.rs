//! Submits uploads to VK Cloud. Triggered by the queue `submit-vkcloud`: S3 notifications and wake-ups.

use darkroom_shared::{job::ProviderName, lambda, provider::vkcloud};

fn main() -> Result<(), lambda::Error> {
    lambda::submit(ProviderName::Vkcloud, vkcloud::make)
}
