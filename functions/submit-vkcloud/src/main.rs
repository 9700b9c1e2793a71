//! Submits uploads to VK Cloud. Triggered by the queue `submit-vkcloud`: S3 notifications and wake-ups.

use darkroom_shared::{
    lambda::{self, Function},
    provider::vkcloud,
};

fn main() -> Result<(), lambda::Error> {
    lambda::start(Function::Submit, &[vkcloud::make])
}
