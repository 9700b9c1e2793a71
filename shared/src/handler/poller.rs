//! The scheduled poller.

use std::time::Duration;

use jiff::Timestamp;

use crate::flow::{App, FlowError, PollReport, poll};

/// Looks at due jobs for at most `budget`.
///
/// # Errors
/// When the table fails.
pub async fn handle_schedule(app: &App, budget: Duration) -> Result<PollReport, FlowError> {
    let until = app.clock.now().saturating_add(budget).unwrap_or(Timestamp::MAX);
    let report = poll(app, until).await?;
    tracing::debug!(rounds = report.rounds, looked_at = report.looked_at, "poller done");
    Ok(report)
}
