//! `darkroom retry`: another try for failed jobs.

use anyhow::bail;
use darkroom_shared::{flow, job::StateName, store::Filter};

use crate::{Ended, arguments::Retry, connection::Connection, terminal};

/// Makes failed jobs due again; the poller wakes them.
pub(crate) async fn run(
    arguments: Retry,
    environment: &darkroom_shared::environment::Environment,
) -> anyhow::Result<Ended> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let jobs = match &arguments.id {
        Some(id) => match connection.jobs.get(id).await? {
            Some(job) => vec![job],
            None => bail!("there is no job {id}; `darkroom jobs` lists those there are"),
        },
        None => {
            let failed = Filter { state: Some(StateName::Failed), provider: None };
            connection.jobs.list(failed, usize::MAX).await?
        }
    };
    let app = connection.app()?;
    let (mut retried, many) = (0, jobs.len());
    for job in jobs {
        let (id, key) = (job.id.clone(), job.upload.key.clone());
        if flow::retry(&app, job).await?.is_some() {
            retried += 1;
            terminal::line(format!("{id}  {key}  gets another try"));
        } else {
            terminal::line(format!("{id}  {key}  has not failed; nothing is to be done"));
        }
    }
    if many == 0 {
        terminal::line("no job has failed");
    }
    Ok(if retried == many { Ended::Done } else { Ended::SomeJobFailed })
}
