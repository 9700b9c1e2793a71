//! The scheduled poller.

use std::time::Duration;

use jiff::Timestamp;

use crate::flow::{App, FlowError, PollReport, caught, poll};

/// Looks at due jobs for at most `budget`.
///
/// # Errors
/// When the table fails, or the poller itself makes a mistake; what a job does to it stays with that job.
pub async fn handle_schedule(app: &App, budget: Duration) -> Result<PollReport, FlowError> {
    let until = app.clock.now().saturating_add(budget).unwrap_or(Timestamp::MAX);
    let report = caught(poll(app, until)).await??;
    tracing::debug!(rounds = report.rounds, looked_at = report.looked_at, "poller done");
    Ok(report)
}
