//! Looks at due jobs and asks the polled providers. Triggered by a schedule, every minute.

use darkroom_shared::{
    job::ProviderName,
    lambda,
    provider::{fangtang, imgfactory},
};

fn main() -> Result<(), lambda::Error> {
    lambda::poll(&[(ProviderName::Imgfactory, imgfactory::make), (ProviderName::Fangtang, fangtang::make)])
}
