//! `darkroom jobs`: a list.

use darkroom_shared::{
    flow,
    job::{Document, Job, ProviderName, State},
    store::Filter,
};

use crate::{Ended, arguments::Jobs, connection::Connection, terminal};

/// Prints jobs, the newest first.
pub(crate) async fn run(
    arguments: Jobs,
    environment: &darkroom_shared::environment::Environment,
) -> anyhow::Result<Ended> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let filter = Filter { state: arguments.state, provider: arguments.provider };
    let jobs = connection.jobs.list(filter, arguments.limit).await?;
    if arguments.json {
        let mut documents = Vec::with_capacity(jobs.len());
        for job in jobs {
            documents.push(Document::from(&flow::tree(&connection.jobs, job).await?));
        }
        terminal::json(&documents)?;
    } else if jobs.is_empty() {
        terminal::line("no jobs; put an image: darkroom put watermark/default photo.jpg");
    } else {
        terminal::table(&["id", "image", "route", "state", "made", "outputs"], jobs.iter().map(row));
    }
    if !arguments.json {
        for provider in ProviderName::ALL {
            if let Some(hold) = connection.jobs.hold(provider).await? {
                let next = hold.probe_at.strftime("%H:%M:%S");
                terminal::line(format!(
                    "{provider} is on hold since {}: {} Next try {next}.",
                    hold.since, hold.message
                ));
            }
        }
    }
    Ok(Ended::Done)
}

fn row(job: &Job) -> Vec<String> {
    let told = match &job.state {
        State::Done { outputs } => outputs.len().to_string(),
        State::Failed { reason, .. } => reason.message.clone(),
        State::Queued { .. }
        | State::Submitting { .. }
        | State::Waiting { .. }
        | State::Branching { .. }
        | State::Ready { .. } => {
            job.due_at().map(|due_at| format!("next look {}", due_at.strftime("%H:%M:%S"))).unwrap_or_default()
        }
    };
    let image = job.upload.key.rsplit('/').next().unwrap_or(&job.upload.key).to_owned();
    let made = job.created_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    vec![job.id.to_string(), image, job.route.to_string(), job.state.name().to_string(), made, told]
}
