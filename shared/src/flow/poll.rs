//! Poll: looks at every job whose `due_at` has passed, whatever it was doing. It asks polled providers itself and wakes
//! the others' functions; it neither submits nor fetches.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join, join_all, try_join_all},
};
use jiff::{SignedDuration, Timestamp};
use tracing::{Instrument as _, Span};

use super::{
    App, FlowError, Panicked, caught,
    expiry::{expires_at, urgency},
    measure::{self, Call},
    span::of_job,
};
use crate::{
    job::{Event, FailureKind, Job, JobId, ProviderName, State, TaskId},
    provider::{Provider, TaskStatus, facts},
    store::{LANES, QueueName, UnreadableRow},
};

/// What a run of the poller did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PollReport {
    /// How often it went round.
    pub rounds: u32,
    /// How many due jobs it looked at.
    pub looked_at: usize,
}

/// Jobs taken from one lane in one round.
const MOST_PER_LANE: u16 = 250;
/// Jobs that are looked at together: each waits for its row to be written.
const AT_ONCE: usize = 16;
/// The longest pause between rounds: a job that comes in meanwhile is not noticed sooner.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A row that cannot be read is looked at again after this; a newer version of us may read it.
const UNREADABLE_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// A task that the provider does not list yet gets so long to appear.
const TASK_MAY_BE_UNLISTED: SignedDuration = SignedDuration::from_secs(120);

/// Goes round until `until` while anything is due before then; returns at once when nothing is.
///
/// # Errors
/// When the table fails. The next scheduled run goes on where this one stopped.
pub async fn poll(app: &App, until: Timestamp) -> Result<PollReport, FlowError> {
    let mut report = PollReport::default();
    // What could not be looked at is still due. The next run tries again; this one would only spin.
    let mut failed = BTreeSet::new();
    loop {
        let now = app.now();
        report.rounds += 1;
        let rows = try_join_all((0..LANES).map(|lane| app.jobs.due(lane, until, MOST_PER_LANE))).await?;
        let (mut due, mut later) = (Vec::new(), Vec::new());
        for rows in rows {
            for row in rows.unreadable {
                put_off(app, row).await?;
            }
            let rest = rows.jobs.into_iter().filter(|job| !failed.contains(&job.id));
            let (now_due, not_yet): (Vec<Job>, Vec<Job>) =
                rest.partition(|job| job.due_at().is_some_and(|due_at| due_at <= now));
            due.extend(now_due);
            later.extend(not_yet);
        }
        if report.rounds == 1 {
            measure::run_begins(app, due.iter().chain(&later)).await;
        }
        report.looked_at += due.len();
        if !due.is_empty() {
            failed.extend(look_at(app, due, until).await);
            if app.now() >= until {
                return Ok(report);
            }
            continue;
        }
        let Some(next) = later.iter().filter_map(Job::due_at).min() else { return Ok(report) };
        let pause = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
    }
}

/// A row that nobody can read must neither be asked for every minute nor stand in the way of the others.
async fn put_off(app: &App, row: UnreadableRow) -> Result<(), FlowError> {
    let until = app.now().saturating_add(UNREADABLE_PAUSE).unwrap_or(Timestamp::MAX);
    if row.due_at_ms <= app.now().as_millisecond() && app.jobs.put_off(&row, until).await? {
        let cause = std::error::Error::source(&row.error).map(ToString::to_string);
        tracing::error!(job_id = row.id, error = %row.error, cause, %until, "a row is left alone for a while");
    }
    Ok(())
}

/// Looks at due jobs in the order in which results expire: what can wait comes last. Nobody waits for a provider that is
/// slow to answer: each is asked, about as many tasks at once as it takes, while the others are woken. Returns the jobs that could not
/// be looked at.
async fn look_at(app: &App, mut due: Vec<Job>, until: Timestamp) -> Vec<JobId> {
    due.sort_by_key(urgency);
    let mut tasks: BTreeMap<ProviderName, Vec<(TaskId, Job)>> = BTreeMap::new();
    let mut others = Vec::with_capacity(due.len());
    for job in due {
        match polled_task(app, &job) {
            Some(task_id) => tasks.entry(job.provider()).or_default().push((task_id, job)),
            None => others.push(job),
        }
    }
    let wakes = wake_all(app, others);
    let asked = tasks.into_iter().filter_map(|(name, jobs)| app.providers.get(name).map(|provider| (provider, jobs)));
    let asks = asked.map(|(provider, jobs)| ask(app, provider.as_ref(), jobs, until));
    let (mut failed, asked) = join(wakes, join_all(asks)).await;
    failed.extend(asked.into_iter().flatten());
    failed
}

/// Wakes the functions of jobs that nobody is asked for, in the jobs' order: a few rows are written at the same time, and
/// then their messages are sent. Returns the jobs that could not be looked at.
async fn wake_all(app: &App, jobs: Vec<Job>) -> Vec<JobId> {
    let (mut jobs, mut failed) = (jobs.into_iter(), Vec::new());
    loop {
        let claims: Vec<_> = jobs
            .by_ref()
            .take(AT_ONCE)
            .map(|job| {
                let (id, span) = (job.id.clone(), of_job(&job));
                caught(claim(app, job).instrument(span)).map(|claimed| (id, claimed))
            })
            .collect();
        if claims.is_empty() {
            return failed;
        }
        let mut wakes = Vec::new();
        for (id, claimed) in join_all(claims).await {
            match claimed {
                Ok(Ok(Some(queue))) => wakes.push((queue, id)),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => failed.extend(told(id, Ok(Err(error)))),
                Err(panicked) => failed.extend(told(id, Err(panicked))),
            }
        }
        join_all(wakes.iter().map(|(queue, id)| app.wake(*queue, id))).await;
    }
}

/// Looks at jobs in their order, a few at the same time. Returns those that could not be looked at.
async fn together<'a, T>(jobs: Vec<T>, look: impl Fn(T) -> Look<'a>) -> Vec<JobId> {
    let (mut jobs, mut failed) = (jobs.into_iter(), Vec::new());
    loop {
        let looks: Vec<Look<'a>> = jobs.by_ref().take(AT_ONCE).map(&look).collect();
        if looks.is_empty() {
            return failed;
        }
        failed.extend(join_all(looks).await.into_iter().flatten());
    }
}

/// A look at a job, which ends with the job if it could not be looked at.
type Look<'a> = BoxFuture<'a, Option<JobId>>;

fn look<'a>(id: JobId, span: Span, work: impl Future<Output = Result<(), FlowError>> + Send + 'a) -> Look<'a> {
    Box::pin(async move { told(id, caught(work.instrument(span)).await) })
}

/// What goes wrong with one job, were it a mistake of ours, must not keep the others from being looked at. Returns the
/// job if it could not be looked at.
fn told(job_id: JobId, looked_at: Result<Result<(), FlowError>, Panicked>) -> Option<JobId> {
    let error = looked_at.unwrap_or_else(|panicked| Err(panicked.into())).err()?;
    tracing::error!(%job_id, %error, cause = ?std::error::Error::source(&error), "job could not be looked at");
    Some(job_id)
}

/// The task to ask for, if the job waits for one.
fn polled_task(app: &App, job: &Job) -> Option<TaskId> {
    let waiting = matches!(job.state, State::Waiting { .. }) && job.unread_callback().is_none();
    let task_id = job.step()?.task_id.clone()?;
    (waiting && app.providers.get(job.provider()).is_some()).then_some(task_id)
}

/// Does with a job what can be done here, and says whose function is to be woken for the rest.
async fn claim(app: &App, job: Job) -> Result<Option<QueueName>, FlowError> {
    let queue = match &job.state {
        State::Ready { .. } | State::Branching { .. } => QueueName::Collect,
        _ if job.unread_callback().is_some() => QueueName::Collect,
        // A task is only ever asked for, by a poller that has its provider; to send it again would be to pay again.
        State::Waiting { .. } if job.step().is_some_and(|step| step.task_id.is_some()) => {
            return still_working(app, job, "this poller does not know the provider").await.map(|()| None);
        }
        State::Waiting { .. } => return callback_missing(app, job).await,
        _ => QueueName::Submit(job.provider()),
    };
    // Before the wake-up, so that the next round does not send another one.
    let until = match queue {
        // A large result takes its time.
        QueueName::Collect | QueueName::Thumbnails => fetch_lease(app, &job),
        QueueName::Submit(_) => app.schedule.wake_again_at(app.now()),
    };
    Ok(app.advance(job, &Event::Woken { until }).await?.map(|_| queue))
}

/// How long the collector is left alone with a job. Not so long that, should the wake-up be lost, a result that is there
/// now is gone when we look again.
fn fetch_lease(app: &App, job: &Job) -> Timestamp {
    let now = app.now();
    let lease_until = app.schedule.lease_until(now);
    let ready = matches!(job.state, State::Ready { .. });
    match expires_at(job).filter(|expires_at| ready && *expires_at > now) {
        Some(expires_at) => {
            let half = expires_at.duration_since(now) / 2;
            let halfway = now.saturating_add(half).unwrap_or(lease_until);
            lease_until.min(halfway.max(app.schedule.wake_again_at(now)))
        }
        None => lease_until,
    }
}

/// The callback did not come: the identical request is sent again, which is free, for as long as the provider may take.
async fn callback_missing(app: &App, job: Job) -> Result<Option<QueueName>, FlowError> {
    // Each repeat begins a wait of its own; the deadline is that of the work, which began with the first.
    if let (State::Waiting { since, .. }, Some(step)) = (&job.state, job.step()) {
        let first = step.may_be_done_since.unwrap_or(*since);
        if app.now().duration_since(first) > deadline_of(&job) {
            let says = format!("no callback came, and {} repeats of the request changed nothing", step.replays);
            return too_long(app, job, first, &says).await.map(|()| None);
        }
    }
    tracing::warn!(job_id = %job.id, provider = %job.provider(), "no callback came; the request is sent again");
    let missed = app.advance(job, &Event::CallbackMissing { at: app.now() }).await?;
    Ok(missed.map(|job| QueueName::Submit(job.provider())))
}

/// Asks a provider for its due tasks until `until`, as many at once as it answers for together, and writes down what it
/// says before it asks again. Who is left is still due. Returns the jobs that could not be looked at.
async fn ask(app: &App, provider: &dyn Provider, jobs: Vec<(TaskId, Job)>, until: Timestamp) -> Vec<JobId> {
    let (mut jobs, mut failed) = (jobs.into_iter(), Vec::new());
    loop {
        let together: Vec<(TaskId, Job)> = jobs.by_ref().take(provider.tasks_per_poll()).collect();
        if together.is_empty() {
            return failed;
        }
        failed.extend(ask_at_once(app, provider, together).await);
        if app.now() >= until {
            return failed;
        }
    }
}

async fn ask_at_once(app: &App, provider: &dyn Provider, jobs: Vec<(TaskId, Job)>) -> Vec<JobId> {
    let ids: Vec<TaskId> = jobs.iter().map(|(task_id, _)| task_id.clone()).collect();
    let answer = measure::answered(app, provider.name(), Call::Poll, provider.poll(&ids));
    match caught(answer).await {
        Ok(Ok(statuses)) => {
            together(jobs, |(task_id, job)| {
                look(job.id.clone(), of_job(&job), answered(app, job, statuses.get(&task_id)))
            })
            .await
        }
        Ok(Err(error)) => {
            // Asking failed, not the tasks.
            let kind = error.kind.as_str();
            tracing::warn!(provider = %provider.name(), tasks = ids.len(), kind, %error, "tasks could not be asked for");
            let says = format!("the provider could not be asked: {error}");
            together(jobs, |(_, job)| look(job.id.clone(), of_job(&job), still_working(app, job, &says))).await
        }
        Err(panicked) => {
            tracing::error!(provider = %provider.name(), tasks = ids.len(), %panicked, "tasks could not be asked for");
            jobs.into_iter().map(|(_, job)| job.id).collect()
        }
    }
}

async fn answered(app: &App, job: Job, status: Option<&TaskStatus>) -> Result<(), FlowError> {
    let now = app.now();
    match status {
        Some(TaskStatus::Working) => still_working(app, job, "it still says that it is at work").await,
        Some(TaskStatus::Finished(outcome)) => {
            if let Some(job) = app.advance(job, &app.finished(outcome.clone())).await? {
                app.wake(QueueName::Collect, &job.id).await;
            }
            Ok(())
        }
        None => match job.state {
            State::Waiting { since, .. } if now.duration_since(since) > TASK_MAY_BE_UNLISTED => {
                let message = format!(
                    "{} took '{}' and no longer knows of it. Run `darkroom retry {}` to send it again",
                    job.provider(),
                    job.upload.key,
                    job.known_as()
                );
                app.fail(job, FailureKind::TaskLost, message).await
            }
            _ => still_working(app, job, "it does not list the task").await,
        },
    }
}

/// The next look, or the end when the provider takes longer than it may.
async fn still_working(app: &App, job: Job, says: &str) -> Result<(), FlowError> {
    let State::Waiting { since, polls, .. } = job.state else { return Ok(()) };
    let now = app.now();
    if now.duration_since(since) > deadline_of(&job) {
        return too_long(app, job, since, says).await;
    }
    app.advance(job, &Event::Progressed { due_at: app.schedule.poll_at(now, polls.saturating_add(1)) }).await?;
    Ok(())
}

fn deadline_of(job: &Job) -> SignedDuration {
    SignedDuration::try_from(facts(job.provider()).deadline).unwrap_or(SignedDuration::MAX)
}

async fn too_long(app: &App, job: Job, since: Timestamp, says: &str) -> Result<(), FlowError> {
    let message = format!(
        "{} has had '{}' since {since}, which is longer than it may take; {says}. Look into the account there, then \
         run `darkroom retry {}`",
        job.provider(),
        job.upload.key,
        job.known_as()
    );
    app.fail(job, FailureKind::Deadline, message).await
}
