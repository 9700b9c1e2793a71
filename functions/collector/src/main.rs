//! Fetches results into the bucket. Triggered by the queue `collect`: wake-ups.

use darkroom_shared::lambda;

fn main() -> Result<(), lambda::Error> {
    lambda::collect()
}
