//! Looks at due jobs and asks the polled providers. Triggered by a schedule, every minute.

use darkroom_shared::{
    lambda::{self, Function},
    provider::{fangtang, imgfactory},
};

fn main() -> Result<(), lambda::Error> {
    lambda::start(Function::Poll, &[imgfactory::make, fangtang::make])
}
