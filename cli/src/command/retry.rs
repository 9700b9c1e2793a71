//! `darkroom retry`: another try for failed jobs.

use darkroom_shared::{environment::Environment, flow, job::StateName, store::PageFilter};

use crate::{Ended, arguments::Retry, connection::Connection, hint::Hint as _, terminal};

/// Makes failed jobs due again; the poller wakes them.
pub(crate) async fn run(arguments: Retry, environment: &Environment) -> anyhow::Result<Ended> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let jobs = match &arguments.id {
        Some(name) => vec![connection.job(name).await?],
        None => {
            let failed = PageFilter { state: Some(StateName::Failed), ..PageFilter::default() };
            connection.jobs.newest(&failed, usize::MAX).await.hint(|| connection.about_the_table())?
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
