//! What a visitor can have done: another try of failed jobs, another preset on what a job has made, the end of a hold.

use darkroom_shared::{
    flow::{self, FlowError},
    job::{Hold, Job, JobId, ProviderName, Tree},
    store::StoreError,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Gallery, problem::Problem, uploads};

/// So many jobs get another try at once.
pub(crate) const MOST_RETRIED: usize = 100;

/// What became of a job that was to get another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Retried {
    /// It is queued again.
    Queued,
    /// It has not failed: there is nothing to do.
    NotFailed,
    /// There is no such job.
    NoSuchJob,
    /// What is left to do is not known any more: upload the image again.
    Forgotten,
}

/// Gives a failed job another try.
pub(crate) async fn retry(gallery: &Gallery, id: &JobId) -> Result<Retried, Problem> {
    let app = gallery.app();
    let Some(job) = app.jobs.get(id).await? else { return Ok(Retried::NoSuchJob) };
    match flow::retry(app, job).await {
        Ok(Some(_)) => Ok(Retried::Queued),
        Ok(None) => Ok(Retried::NotFailed),
        Err(FlowError::Forgotten(_)) => Ok(Retried::Forgotten),
        Err(error) => Err(error.into()),
    }
}

/// Makes an output of a job an upload of its own, for another preset. Returns the upload's key. `number` counts from 1.
pub(crate) async fn go_on(gallery: &Gallery, id: &JobId, number: usize, route: &str) -> Result<String, Problem> {
    let app = gallery.app();
    let tree = tree(gallery, id).await?;
    let outputs = tree.outputs();
    let output = number.checked_sub(1).and_then(|place| outputs.get(place)).ok_or(Problem::NoSuchPage)?;
    let name = output.key.rsplit('/').next().unwrap_or(&output.key);
    let key = uploads::new_key(app, route, name)?;
    match app.objects.copy(&output.key, key.as_str()).await {
        Ok(()) => Ok(key.as_str().to_owned()),
        Err(StoreError::NoSuchObject(key)) => Err(Problem::WrongRequest(format!("'{key}' is no longer in the bucket"))),
        Err(error) => Err(error.into()),
    }
}

/// Ends the hold of a provider. `None`: there is none.
pub(crate) async fn release(gallery: &Gallery, provider: ProviderName) -> Result<Option<Hold>, Problem> {
    Ok(flow::release(gallery.app(), provider).await?)
}

/// A job with the first of its branches, and of theirs: enough to show what it is about, however many there are.
pub(crate) async fn first_branches(gallery: &Gallery, job: Job) -> Result<Tree, Problem> {
    let (mut line, mut last) = (vec![job.clone()], job);
    while let Some(first) = last.branch_ids().first() {
        let Some(branch) = gallery.app().jobs.get(first).await? else { break };
        line.push(branch.clone());
        last = branch;
    }
    let mut lower: Option<Tree> = None;
    for job in line.into_iter().rev() {
        lower = Some(Tree { job, branches: lower.into_iter().collect() });
    }
    lower.ok_or(Problem::NoSuchJob)
}

/// A job with its branches.
pub(crate) async fn tree(gallery: &Gallery, id: &JobId) -> Result<Tree, Problem> {
    let jobs = &gallery.app().jobs;
    let Some(mut job) = jobs.get(id).await? else { return Err(Problem::NoSuchJob) };
    // People know a branch as a part of its upload's job.
    if let Some(branch) = &job.branch {
        job = jobs.get(&branch.root).await?.ok_or(Problem::NoSuchJob)?;
    }
    Ok(flow::tree(jobs, job).await?)
}
