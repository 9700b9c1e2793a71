//! What is measured of the work, each number in the one place where it is known: providers' answers where they are asked,
//! ends and charges where the row that tells of them is written, the rest by the poller's runs. A number is recorded after
//! the write that it tells of, so one whose function died in between is missing; none is there twice.

use std::{future::Future, time::Instant};

use futures_util::future::join_all;
use jiff::SignedDuration;

use super::App;
use crate::{
    job::{Event, FailureKind, Job, ProviderName, State},
    provider::ProviderError,
    telemetry::metrics::{
        BALANCE, CHARGES, Dimensions, JOBS_DONE, JOBS_FAILED, Metric, OLDEST_UNFINISHED_JOB_AGE_S, PROVIDER_ERRORS,
        PROVIDER_LATENCY_MS, PROVIDERS_ON_HOLD,
    },
};

/// What a provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// To work: the call that costs.
    Submit,
    /// How tasks are.
    Poll,
    /// What became of a call whose answer was lost.
    Settle,
    /// What is noted before a call that costs.
    Evidence,
}

impl Call {
    fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Poll => "poll",
            Self::Settle => "settle",
            Self::Evidence => "evidence",
        }
    }

    /// Whether it is a request with every provider. Some settle by themselves; their nothing is no answer's time.
    fn always_asks(self) -> bool {
        matches!(self, Self::Submit | Self::Poll)
    }
}

/// Waits for a provider's answer, and measures and tells how that went.
pub(super) async fn answered<T>(
    app: &App,
    provider: ProviderName,
    call: Call,
    answer: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    let asked_at = Instant::now();
    let answer = answer.await;
    let latency_ms = asked_at.elapsed().as_secs_f64() * 1000.0;
    if call.always_asks() {
        record(app, provider, PROVIDER_LATENCY_MS, latency_ms);
    }
    let outcome = answer.as_ref().err().map_or("ok", |error| error.kind.as_str());
    let (call_name, latency_ms) = (call.as_str(), latency_ms.round());
    match call {
        // Once per job, and it costs.
        Call::Submit | Call::Settle => {
            tracing::info!(%provider, call = call_name, latency_ms, outcome, "provider answered");
        }
        Call::Poll | Call::Evidence => {
            tracing::debug!(%provider, call = call_name, latency_ms, outcome, "provider answered");
        }
    }
    if let Err(error) = &answer {
        failed(app, provider, error);
    }
    answer
}

/// A provider did not do what it was asked for, by answer or by callback.
pub(super) fn failed(app: &App, provider: ProviderName, error: &ProviderError) {
    let dimensions = Dimensions { provider: Some(provider.as_str()), kind: Some(error.kind.as_str()) };
    app.metrics.record(app.now(), dimensions, &[(PROVIDER_ERRORS, 1.0)]);
}

/// `event` has happened to a job, which is `after` now.
pub(super) fn moved(app: &App, after: &Job, event: &Event) {
    if let Event::Finished { outcome, .. } = event {
        record(app, after.provider(), CHARGES, f64::from(outcome.report.charges));
        if let Some(left) = outcome.report.balance {
            balance(app, after.provider(), left);
        }
    }
    // An upload counts once, however many branches it has.
    if after.branch.is_some() {
        return;
    }
    match &after.state {
        State::Done { .. } => record(app, after.provider(), JOBS_DONE, 1.0),
        State::Failed { reason, .. } if reason.kind != FailureKind::Superseded => {
            record(app, after.provider(), JOBS_FAILED, 1.0);
        }
        _ => {}
    }
}

/// A provider said what is left on the account.
pub(super) fn balance(app: &App, provider: ProviderName, left: i64) {
    // Exact up to 2^53.
    #[expect(clippy::cast_precision_loss, reason = "nobody has bought so many images")]
    record(app, provider, BALANCE, left as f64);
}

/// A hold has begun. That it goes on, or has ended, is told by the poller's runs.
pub(super) fn held(app: &App, provider: ProviderName) {
    record(app, provider, PROVIDERS_ON_HOLD, 1.0);
}

/// What a run of the poller knows at its beginning: the holds, and of the jobs that are due while it lasts how old the oldest
/// is. All unfinished jobs would be rows by the thousand, read every minute; and each of them is due some time.
pub(super) async fn run_begins<'a>(app: &App, due: impl Iterator<Item = &'a Job>) {
    if !app.metrics.are_wanted() {
        return;
    }
    let now = app.now();
    if let Some(oldest) = due.map(|job| job.created_at).min() {
        let age = now.duration_since(oldest).max(SignedDuration::ZERO);
        app.metrics.record(now, Dimensions::default(), &[(OLDEST_UNFINISHED_JOB_AGE_S, age.as_secs_f64())]);
    }
    let holds = ProviderName::ALL.map(|provider| async move { (provider, app.jobs.hold(provider).await) });
    for (provider, hold) in join_all(holds).await {
        match hold {
            Ok(hold) => record(app, provider, PROVIDERS_ON_HOLD, if hold.is_some() { 1.0 } else { 0.0 }),
            // No job may wait for a number.
            Err(error) => tracing::warn!(%provider, %error, "whether a provider is on hold cannot be measured"),
        }
    }
}

fn record(app: &App, provider: ProviderName, metric: Metric, value: f64) {
    app.metrics.record(app.now(), Dimensions::of_provider(provider.as_str()), &[(metric, value)]);
}
