//! Submits uploads to imgfactory. Triggered by the queue `submit-imgfactory`: S3 notifications and wake-ups.

use darkroom_shared::{
    lambda::{self, Function},
    provider::imgfactory,
};

fn main() -> Result<(), lambda::Error> {
    lambda::start(Function::Submit, &[imgfactory::make])
}
