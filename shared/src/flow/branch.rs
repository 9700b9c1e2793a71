//! What follows a finished step: the end of the job, the next step, or, where there are several outputs, a branch for
//! each; and the end of a job when its branches have ended.

use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};

use super::{App, FlowError};
use crate::{
    job::{Event, Failure, FailureKind, Job, JobId, Output, State, Tree},
    store::{Created, Jobs, QueueName, StoreError},
};

/// Branches made or looked at together.
const AT_ONCE: usize = 8;

/// Goes on with a job whose step has made `outputs`.
pub(super) async fn go_on(app: &App, job: Job, outputs: Vec<Output>) -> Result<(), FlowError> {
    let at = app.now();
    let Some(next) = job.plan.first() else {
        app.end(job, &Event::Collected { at, outputs }).await?;
        return Ok(());
    };
    // A job has one callback address: a second step of a provider that calls back gets another job's, so that a late
    // callback of the first step is never taken for its own.
    let calls_back_again =
        job.steps.iter().any(|step| step.provider == next.route.provider && step.callback_url.is_some());
    if app.objects.etag(&job.upload.key).await?.is_some_and(|etag| etag != job.upload.etag) {
        let message = format!(
            "another upload took the place of '{}' before the next step; it has a job of its own, and the rest of this \
             one would have been in vain",
            job.upload.key
        );
        return app.supersede(job, message).await;
    }
    match outputs.as_slice() {
        [] => {
            let message = format!("{} gave no image of '{}' to go on with", job.provider(), job.upload.key);
            app.fail(job, FailureKind::BrokenResult, message).await
        }
        [output] if !calls_back_again => {
            let event = Event::Advanced { at, output: output.clone(), woken_until: app.schedule.wake_again_at(at) };
            if let Some(job) = app.advance(job, &event).await? {
                app.wake(QueueName::Submit(job.provider()), &job.id).await;
            }
            Ok(())
        }
        _ => {
            let event = Event::Branched { at, outputs, due_at: app.schedule.lease_until(at) };
            match app.advance(job, &event).await? {
                Some(job) => make_branches(app, &job, &[]).await,
                None => Ok(()),
            }
        }
    }
}

/// Makes the branches of `job` that are not among `there`. Whoever comes twice makes none twice.
async fn make_branches(app: &App, job: &Job, there: &[JobId]) -> Result<(), FlowError> {
    let now = app.now();
    let branches = job.new_branches(now, app.schedule.wake_again_at(now));
    stream::iter(branches.into_iter().filter(|branch| !there.contains(&branch.id)))
        .map(|branch| async move {
            if let Created::New = app.jobs.create(&branch).await? {
                app.wake(QueueName::Submit(branch.provider()), &branch.id).await;
            }
            Ok::<_, FlowError>(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Looks at a job's branches: makes those that are missing, and ends the job when all have ended.
pub(super) async fn look_at_branches(app: &App, job: Job) -> Result<(), FlowError> {
    let tree = tree(&app.jobs, job).await?;
    let Tree { job, branches } = &tree;
    let expected = job.branch_ids().len();
    if branches.len() < expected {
        let there: Vec<JobId> = branches.iter().map(|branch| branch.job.id.clone()).collect();
        make_branches(app, job, &there).await?;
    }
    let at = app.now();
    if branches.len() < expected || branches.iter().any(|branch| !branch.job.state.is_finished()) {
        return branches_go_on(app, &tree).await;
    }
    // The outputs are told by the branches' own rows: all of them together may be more than one row holds.
    let outputs = Vec::new();
    let event = match failure(branches) {
        None => Event::Collected { at, outputs },
        Some(reason) if reason.kind == FailureKind::Superseded => return app.supersede(tree.job, reason.message).await,
        Some(reason) => Event::Failed { at, reason, outputs },
    };
    app.end(tree.job, &event).await?;
    Ok(())
}

/// Writes down when to look at the branches again, and which have ended: one that died right after its own row was
/// written has not said so.
async fn branches_go_on(app: &App, tree: &Tree) -> Result<(), FlowError> {
    let ended = tree.branches.iter().filter(|branch| branch.job.state.is_finished());
    let event = Event::BranchesGoOn {
        due_at: app.schedule.lease_until(app.now()),
        ended: ended.filter_map(|branch| branch.job.branch.as_ref().map(|branch| branch.number)).collect(),
    };
    // The others may have ended while we looked.
    if let Some(job) = app.advance(tree.job.clone(), &event).await?
        && job.ended_branches.len() >= job.branch_ids().len()
    {
        app.wake(QueueName::Collect, &job.id).await;
    }
    Ok(())
}

/// Why the job failed, if a branch did.
fn failure(branches: &[Tree]) -> Option<Failure> {
    let reasons = branches.iter().filter_map(|branch| match &branch.job.state {
        State::Failed { reason, .. } => Some(reason),
        _ => None,
    });
    let reasons: Vec<&Failure> = reasons.collect();
    let first = reasons.first()?;
    if branches.len() == 1 {
        return Some((*first).clone());
    }
    let (failed, many) = (reasons.len(), branches.len());
    let done = many - failed;
    let message = format!("{failed} of {many} images failed, {done} are done. The first: {}", first.message);
    Some(Failure { kind: first.kind, message })
}

/// Tells the job that a branch belongs to that the branch has ended. The last one to say so wakes it.
pub(super) async fn tell_trunk(app: &App, ended: &Job) -> Result<(), FlowError> {
    let Some(branch) = &ended.branch else { return Ok(()) };
    // Should we die before, the trunk looks by itself.
    let told = app.jobs.record_ended_branch(&branch.of, branch.number).await?;
    if told.is_some_and(|ended| ended >= branch.many) {
        app.wake(QueueName::Collect, &branch.of).await;
    }
    Ok(())
}

/// Reads the branches of a job, and theirs.
///
/// # Errors
/// When DynamoDB refuses.
pub fn tree(jobs: &Jobs, job: Job) -> BoxFuture<'_, Result<Tree, StoreError>> {
    Box::pin(async move {
        let ids = job.branch_ids();
        let found: Vec<Option<Job>> =
            stream::iter(ids).map(|id| async move { jobs.get(&id).await }).buffered(AT_ONCE).try_collect().await?;
        let mut branches = Vec::with_capacity(found.len());
        for branch in found.into_iter().flatten() {
            branches.push(tree(jobs, branch).await?);
        }
        Ok(Tree { job, branches })
    })
}
