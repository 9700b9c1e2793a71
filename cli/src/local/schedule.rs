//! The schedule of one machine: runs the poller's handler again and again.

use std::time::Duration;

use darkroom_shared::{flow::App, handler};
use tokio::sync::watch;

/// A run goes round for so long while something is due.
const BUDGET: Duration = Duration::from_secs(30);
/// The pause between runs.
const PAUSE: Duration = Duration::from_millis(500);
/// The pause after a run that failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Runs the poller until `stopping` turns true. A run may be cut off anywhere: the next one goes on.
pub(super) async fn run(app: App, mut stopping: watch::Receiver<bool>) {
    let rounds = async {
        loop {
            let pause = match handler::handle_schedule(&app, BUDGET).await {
                Ok(_) => PAUSE,
                Err(error) => {
                    tracing::error!(%error, "the poller failed");
                    PAUSE_AFTER_FAILURE
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        () = rounds => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}
