//! `darkroom release PROVIDER`: the account is in order again; the images that wait may go.

use darkroom_shared::flow;

use crate::{Ended, arguments::Release, connection::Connection, terminal};

/// Ends a provider's hold and makes its jobs due; the poller wakes them.
pub(crate) async fn run(
    arguments: Release,
    environment: &darkroom_shared::environment::Environment,
) -> anyhow::Result<Ended> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let provider = arguments.provider;
    match flow::release(&connection.app()?, provider).await? {
        Some(hold) => terminal::line(format!("{provider} was on hold since {}: {}", hold.since, hold.message)),
        None => terminal::line(format!("{provider} is not on hold")),
    }
    Ok(Ended::Done)
}
