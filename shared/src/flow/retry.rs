//! Retry: a person asks for another try of a failed job. It goes on from the step that failed: what earlier steps made
//! is not made, and not paid, again.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

use super::{App, FlowError, branch::tree};
use crate::{
    job::{Event, Job, State},
    store::QueueName,
};

/// Puts a failed job back into its queue; of a job with branches, those that failed. `None`: the job has not failed.
///
/// # Errors
/// When a store fails.
pub async fn retry(app: &App, job: Job) -> Result<Option<Job>, FlowError> {
    if let Some(branch) = &job.branch
        && let Some(root) = app.jobs.get(&branch.root).await?
    {
        return again(app, root).await;
    }
    again(app, job).await
}

fn again(app: &App, job: Job) -> BoxFuture<'_, Result<Option<Job>, FlowError>> {
    Box::pin(async move {
        if !matches!(job.state, State::Failed { .. }) {
            return Ok(None);
        }
        if job.branched_outputs().is_empty() {
            let retried = app.advance(job, &Event::Retried { at: app.now() }).await?;
            if let Some(job) = &retried {
                app.wake(QueueName::Submit(job.provider()), &job.id).await;
            }
            return Ok(retried);
        }
        let tree = tree(&app.jobs, job).await?;
        if tree.branches.len() < tree.job.branch_ids().len() {
            // To make a branch anew would be to pay for it anew.
            return Err(FlowError::Forgotten(tree.job.id));
        }
        let mut done = BTreeSet::new();
        for branch in tree.branches {
            let number = branch.job.branch.as_ref().map(|branch| branch.number);
            if let State::Done { .. } = branch.job.state {
                done.extend(number);
            }
            again(app, branch.job).await?;
        }
        let now = app.now();
        // The branches may be at work before their trunk is; should it miss their word, it looks by itself.
        let event = Event::BranchesRetried { at: now, due_at: app.schedule.lease_until(now), done };
        let retried = app.advance(tree.job, &event).await?;
        if let Some(job) = &retried {
            app.wake(QueueName::Collect, &job.id).await;
        }
        Ok(retried)
    })
}
