//! The work of imgfactory: making copies, and tasks from PENDING to DONE. Knows nothing of HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use image::RgbImage;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::SandboxError;
use crate::imgfactory::Service;
use crate::imgfactory::archive::{Archive, Output};
use crate::imgfactory::options::Options;
use crate::imgfactory::tasks::{Status, Task};
use crate::pixels::random::Random;
use crate::pixels::{self, exif, unique};

/// How many copies are made at one time.
pub(crate) const COPIES_AT_ONCE: usize = 2;

/// How often a held task looks whether it may begin.
const HELD_CHECK: Duration = Duration::from_millis(50);

/// Works on a task until it is done. If it fails, the task stays as it is and a restart begins it anew.
pub(crate) async fn run(service: Arc<Service>, id: String) {
    while service.shared.faults.imgfactory.now().hold_tasks {
        sleep(HELD_CHECK).await;
    }
    let Some(task) = service.tasks.get(&id) else {
        return;
    };
    if let Err(error) = finish(&service, task).await {
        tracing::error!(task = id, error = &error as &dyn std::error::Error, "a task failed");
    }
}

async fn finish(service: &Service, task: Task) -> Result<(), SandboxError> {
    let now_ms = || service.shared.clock.now_ms();
    service.tasks.set_status(&task.id, Status::Started, now_ms())?;
    let mut archive = Archive::begin(service.tasks.results_folder())?;
    for (image, file_name) in task.file_names.iter().enumerate() {
        let content = service.tasks.input(&task.id, image)?;
        let original = Arc::new(spawn_blocking(move || pixels::decode(&content)).await??);
        for copy in 0..task.options.copies {
            let content = one_copy(service, Arc::clone(&original), task.options).await?;
            archive.add(&task.options, Output { image, copy, file_name, content: &content })?;
            service.tasks.add_output(&task.id, now_ms());
        }
    }
    let break_entry = service.shared.faults.imgfactory.now().break_zip_entry;
    archive.finish(&service.tasks.result_path(&task.id), break_entry)?;
    service.tasks.set_status(&task.id, Status::Done, now_ms())
}

/// Makes one copy, as JPEG, in no less time than the settings say.
pub(crate) async fn one_copy(
    service: &Service,
    original: Arc<RgbImage>,
    options: Options,
) -> Result<Vec<u8>, SandboxError> {
    let latency = Duration::from_millis(service.shared.latency().imgfactory_ms_per_copy);
    let not_before = Instant::now() + latency;
    let copy = {
        // The semaphore is never closed.
        let _permit = service.workers.acquire().await.ok();
        spawn_blocking(move || {
            let mut random = Random::fresh();
            let copy = unique::copy(&original, &options.recipe(), &mut random);
            let exif = options.camera().map(|camera| exif::block(camera, &mut random));
            pixels::encode_jpeg(&copy, exif)
        })
        .await??
    };
    sleep_until(not_before).await;
    Ok(copy)
}

/// Decodes what was sent; `None` when it is no image that the service takes.
pub(crate) async fn decode(content: Bytes) -> Result<Option<RgbImage>, SandboxError> {
    let decoded = spawn_blocking(move || pixels::sniff(&content).and_then(|_| pixels::decode(&content).ok()));
    Ok(decoded.await?)
}
