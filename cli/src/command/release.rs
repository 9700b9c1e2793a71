//! `darkroom release PROVIDER`: the account is in order again; the images that wait may go.

use darkroom_shared::{environment::Environment, flow};

use crate::{Ended, arguments::Release, connection::Connection, hint::Hint as _, human, terminal};

/// Ends a provider's hold and makes its jobs due; the poller wakes them.
pub(crate) async fn run(arguments: Release, environment: &Environment) -> anyhow::Result<Ended> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let provider = arguments.provider;
    let released = flow::release(&connection.app()?, provider).await.hint(|| connection.about_the_table())?;
    match released {
        Some(hold) => {
            let since = human::moment(hold.since, connection.now());
            terminal::line(format!("{provider} was on hold since {since}: {}", hold.message));
        }
        None => terminal::line(format!("{provider} is not on hold")),
    }
    Ok(Ended::Done)
}
