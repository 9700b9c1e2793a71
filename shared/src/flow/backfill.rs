//! Backfill: a job for an upload that has none, because its notification was lost or there was none yet. It only writes
//! the row: the poller finds it due, and the submit function does the rest.

use super::{App, FlowError, submit::new_job};
use crate::{
    event::Uploaded,
    job::{JobId, State, UploadKey, UploadKeyError},
    store::Created,
};

/// Makes the job of `uploaded`, due at once. Whoever calls has made sure that the upload has no job under another
/// version: a listing does not tell the version that its notification had.
///
/// # Errors
/// When the key is none of an upload, or a store fails.
pub async fn backfill(app: &App, uploaded: Uploaded) -> Result<Created, FlowError> {
    let key = UploadKey::parse(&uploaded.key).map_err(|problem: UploadKeyError| FlowError::Key(problem))?;
    let id = JobId::of_upload(&uploaded.bucket, &uploaded.key, &uploaded.version);
    let mut job = new_job(app, id, &key, uploaded);
    job.state = State::Queued { due_at: app.now(), slot_at: None };
    Ok(app.jobs.create(&job).await?)
}
