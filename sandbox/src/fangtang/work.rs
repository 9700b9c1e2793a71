//! The work of fangtang: larger, repaired, coloured, or before another background. Knows nothing of HTTP.

use std::sync::Arc;
use std::time::Duration;

use image::{ImageError, RgbImage};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::SandboxError;
use crate::fangtang::Service;
use crate::fangtang::photos::Photo;
use crate::fangtang::request::Repair;
use crate::pixels::{self, background, colour, retouch, scale};

/// How many photos are worked on at one time: a large one takes a few hundred megabytes.
pub(crate) const PHOTOS_AT_ONCE: usize = 1;
/// The longest side of a result, as the price list has it.
const LONGEST_SIDE: u32 = 6000;
const ENLARGEMENT: u32 = 2;

/// How often a held photo is looked at again.
const HELD_CHECK: Duration = Duration::from_millis(50);

/// Works on a photo until it is done. If it fails, it stays at status 100 and a restart begins it anew.
pub(crate) async fn run(service: Arc<Service>, photo: Photo) {
    while service.shared.faults.fangtang.now().hold_tasks {
        sleep(HELD_CHECK).await;
    }
    if let Err(error) = finish(&service, &photo).await {
        tracing::error!(mdf = photo.mdf, error = &error as &dyn std::error::Error, "a photo failed");
    }
}

async fn finish(service: &Service, photo: &Photo) -> Result<(), SandboxError> {
    let not_before = Instant::now() + Duration::from_millis(service.shared.latency().fangtang_ms);
    let Some(input) = service.photos.input(&photo.mdf)? else {
        return Ok(());
    };
    let repair = photo.repair;
    let content = {
        // The semaphore is never closed.
        let _permit = service.workers.acquire().await.ok();
        spawn_blocking(move || -> Result<Vec<u8>, ImageError> {
            pixels::encode_jpeg(&worked_on(&pixels::decode(&input)?, repair), None)
        })
        .await??
    };
    sleep_until(not_before).await;
    service.photos.finish(photo, &content, service.shared.clock.now_ms())
}

/// The photo as wished.
fn worked_on(image: &RgbImage, repair: Repair) -> RgbImage {
    const SHARPENING: f32 = 0.5;
    if let Some(colour) = repair.background() {
        let size = scale::enlarged_size(image.dimensions(), 1, LONGEST_SIDE);
        return background::replaced(&scale::scaled(image, size), colour);
    }
    let size = scale::enlarged_size(image.dimensions(), ENLARGEMENT, LONGEST_SIDE);
    if repair == Repair::Enlarge {
        return retouch::sharpened(&scale::scaled(image, size), SHARPENING);
    }
    let repaired = retouch::stretched(&retouch::despeckled(image));
    let enlarged = retouch::sharpened(&scale::scaled(&repaired, size), SHARPENING);
    if repair == Repair::RestoreAndColour && colour::is_grey(image) { colour::colourised(&enlarged) } else { enlarged }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::testing::landscape;

    #[test]
    fn coloured_photos_keep_their_colours() {
        let image = landscape(60, 40, 120);
        let [repaired, coloured] = [Repair::Restore, Repair::RestoreAndColour].map(|repair| worked_on(&image, repair));
        assert!(!colour::is_grey(&image));
        assert_eq!(repaired, coloured);
        assert_eq!(coloured.dimensions(), (120, 80));
    }
}
