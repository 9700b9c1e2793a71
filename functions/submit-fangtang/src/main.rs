//! Submits uploads to fangtang. Triggered by the queue `submit-fangtang`: S3 notifications and wake-ups.

use darkroom_shared::{job::ProviderName, lambda, provider::fangtang};

fn main() -> Result<(), lambda::Error> {
    lambda::submit(ProviderName::Fangtang, fangtang::make)
}
