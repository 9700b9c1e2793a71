//! Submits uploads to fangtang. Triggered by the queue `submit-fangtang`: S3 notifications and wake-ups.

use darkroom_shared::{
    lambda::{self, Function},
    provider::fangtang,
};

fn main() -> Result<(), lambda::Error> {
    lambda::start(Function::Submit, &[fangtang::make])
}
