//! Retry: a person asks for another try of a failed job.

use super::{App, FlowError};
use crate::{
    job::{Event, Job},
    store::QueueName,
};

/// Puts a failed job back into its queue. `None`: the job has not failed.
///
/// # Errors
/// When a store fails.
pub async fn retry(app: &App, job: Job) -> Result<Option<Job>, FlowError> {
    let retried = app.advance(job, &Event::Retried { at: app.now() }).await?;
    if let Some(job) = &retried {
        app.wake(QueueName::Submit(job.provider()), &job.id).await;
    }
    Ok(retried)
}
