//! Holds: what is done when a provider's account is the trouble and not the image. Its jobs wait without using up their
//! tries; now and then one of them tries; when that goes well, all go on.

use jiff::Timestamp;
use tracing::Instrument as _;

use super::{App, FlowError, chance, measure, span::of_job};
use crate::{
    job::{Because, Event, Hold, HoldKind, Job, ProviderName, State},
    provider::{Account, Advice, ErrorKind, Provider, ProviderError},
    store::LANES,
};

/// Jobs that are let go at once when a hold ends, from each lane; the others come within the hour.
const MOST_LET_GO: u16 = 250;

/// What a job is to do about a hold.
pub(super) enum Held {
    /// This job tries.
    Tries(Box<Job>),
    /// It waits, and the row says so.
    Waits,
}

/// Puts the job's provider on hold, unless it is, and lets the job wait.
pub(super) async fn hold(app: &App, job: Job, error: &ProviderError) -> Result<(), FlowError> {
    let (now, provider) = (app.now(), job.provider());
    let kind = match (error.advice, error.kind) {
        (Advice::NextDay { .. }, _) => HoldKind::Quota,
        (_, ErrorKind::Payment) => HoldKind::Payment,
        _ => HoldKind::Credentials,
    };
    let probe_at = match error.advice {
        Advice::NextDay { zone_hours } => app.schedule.next_day_at(now, zone_hours, 0.0),
        _ => app.schedule.probe_at(now, 0),
    };
    let message = format!("{error}. {}", advice(provider, kind));
    let hold = begin(app, provider, Hold { kind, message, since: now, probe_at, probes: 0 }).await?;
    wait(app, job, &hold).await
}

/// Puts the provider on hold because as little is left as its presets want to keep.
pub(super) async fn hold_low_balance(
    app: &App,
    provider: ProviderName,
    left: i64,
    least: i64,
) -> Result<Hold, FlowError> {
    let now = app.now();
    let kind = HoldKind::LowBalance;
    let message = format!(
        "only {left} are left on the account at {provider}, and min_balance keeps {least}. {}",
        advice(provider, kind)
    );
    let probe_at = app.schedule.probe_at(now, 0);
    begin(app, provider, Hold { kind, message, since: now, probe_at, probes: 0 }).await
}

/// The hold that is there afterwards: ours, or that of somebody who was quicker.
async fn begin(app: &App, provider: ProviderName, hold: Hold) -> Result<Hold, FlowError> {
    if app.jobs.replace_hold(provider, None, Some(&hold)).await? {
        let kind = hold.kind.as_str();
        tracing::error!(%provider, kind, reason = hold.message, probe_at = %hold.probe_at, "provider put on hold");
        measure::held(app, provider);
        return Ok(hold);
    }
    Ok(app.jobs.hold(provider).await?.unwrap_or(hold))
}

/// Lets the job wait until somebody tries, or makes it the one who does.
pub(super) async fn wait_or_try(app: &App, job: Job, provider: &dyn Provider, hold: &Hold) -> Result<Held, FlowError> {
    let now = app.now();
    if now < hold.probe_at {
        wait(app, job, hold).await?;
        return Ok(Held::Waits);
    }
    let next = hold.probed(app.schedule.probe_at(now, hold.probes + 1));
    if !app.jobs.replace_hold(provider.name(), Some(hold), Some(&next)).await? {
        // Somebody else tries, or has ended the hold.
        let until = app.schedule.wake_again_at(now);
        app.advance(job, &Event::Postponed { until, slot_at: None, because: Because::Held }).await?;
        return Ok(Held::Waits);
    }
    tracing::info!(job_id = %job.id, provider = %provider.name(), probes = next.probes, "one job tries");
    let least = job.step().and_then(|step| step.min_balance);
    if hold.kind != HoldKind::LowBalance || rose(provider, least.unwrap_or(i64::MIN)).await {
        return Ok(Held::Tries(Box::new(job)));
    }
    wait(app, job, &next).await?;
    Ok(Held::Waits)
}

/// Whether more is left than is to be kept. What costs is not asked for it: then a person says so.
async fn rose(provider: &dyn Provider, least: i64) -> bool {
    matches!(provider.account().await, Ok(Account::Left(left)) if left > least)
}

/// Lets the job wait until somebody tries.
pub(super) async fn wait(app: &App, job: Job, hold: &Hold) -> Result<(), FlowError> {
    let later = app.schedule.next_day_spread.mul_f64(chance() / 10.0);
    let until = hold.probe_at.saturating_add(later).unwrap_or(Timestamp::MAX);
    app.advance(job, &Event::Postponed { until, slot_at: None, because: Because::Held }).await?;
    Ok(())
}

/// Ends the hold of a provider, if there is one, and lets its jobs go. Returns the hold that was ended.
///
/// # Errors
/// When a store fails.
pub async fn release(app: &App, provider: ProviderName) -> Result<Option<Hold>, FlowError> {
    let Some(hold) = app.jobs.hold(provider).await? else { return Ok(None) };
    if !app.jobs.replace_hold(provider, Some(&hold), None).await? {
        return Ok(None);
    }
    tracing::info!(%provider, since = %hold.since, "provider released");
    let now = app.now();
    for lane in 0..LANES {
        for job in app.jobs.due(lane, Timestamp::MAX, MOST_LET_GO).await?.jobs {
            let held = job.step().is_some_and(|step| step.provider == provider && step.held);
            if held && matches!(job.state, State::Queued { .. }) {
                let span = of_job(&job);
                let event = Event::Postponed { until: now, slot_at: None, because: Because::NotAsked };
                app.advance(job, &event).instrument(span).await?;
            }
        }
    }
    Ok(Some(hold))
}

fn advice(provider: ProviderName, kind: HoldKind) -> String {
    let variables = provider.as_str().to_ascii_uppercase();
    match kind {
        HoldKind::Credentials => format!(
            "Check {variables}_… in the environment. The images wait; one of them tries now and then, and \
             `darkroom release {provider}` lets all of them go at once"
        ),
        HoldKind::Payment | HoldKind::LowBalance => format!(
            "Top up the account at {provider}. The images wait; `darkroom release {provider}` lets them go at once"
        ),
        HoldKind::Quota => "The images wait for the next day".to_owned(),
    }
}
