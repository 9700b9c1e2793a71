//! The embedded DynamoDB: `dynoxide` over one `SQLite` file.

use std::path::Path;

use anyhow::Context as _;
use tokio::{net::TcpListener, sync::watch};

/// Serves the database in `file` until `stopping` turns true, on a thread of its own: it waits for the disk at each write,
/// one after the other, and nobody else should wait with it.
pub(super) fn serve(
    file: &Path,
    listener: TcpListener,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<impl Future<Output = ()> + Send + use<>> {
    let path = file.to_str().context("the data folder's name is no Unicode text")?;
    let database = dynoxide::Database::new(path).with_context(|| format!("the database {path} cannot be opened"))?;
    let listener = listener.into_std()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = tokio::task::spawn_blocking(move || {
        runtime.block_on(async move {
            let stopped = async move {
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            let listener = TcpListener::from_std(listener).map_err(|problem| problem.to_string())?;
            dynoxide::server::serve_with_shutdown(listener, database, stopped)
                .await
                .map_err(|problem| problem.to_string())
        })
    });
    Ok(async move {
        if let Err(problem) = served.await.unwrap_or_else(|panicked| Err(panicked.to_string())) {
            tracing::error!(problem, "the embedded DynamoDB stopped");
        }
    })
}
