//! The embedded DynamoDB: `dynoxide` over one `SQLite` file.

use std::path::Path;

use anyhow::Context as _;
use tokio::{net::TcpListener, sync::watch};

/// Serves the database in `file` until `stopping` turns true.
pub(super) fn serve(
    file: &Path,
    listener: TcpListener,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<impl Future<Output = ()> + Send + use<>> {
    let path = file.to_str().context("the data folder's name is no Unicode text")?;
    let database = dynoxide::Database::new(path).with_context(|| format!("the database {path} cannot be opened"))?;
    Ok(async move {
        let stopped = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        if let Err(problem) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
            tracing::error!(problem, "the embedded DynamoDB stopped");
        }
    })
}
