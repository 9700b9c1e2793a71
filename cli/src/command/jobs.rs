//! `darkroom jobs`: a list.

use darkroom_shared::{
    flow,
    job::{Balance, Document, Job, ProviderName, State},
    store::{Filter, Survey},
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
    if arguments.json {
        let mut documents = Vec::new();
        for job in connection.jobs.list(filter, arguments.limit).await? {
            documents.push(Document::from(&flow::tree(&connection.jobs, job).await?));
        }
        terminal::json(&documents)?;
        return Ok(Ended::Done);
    }
    let Survey { jobs, balances } = connection.jobs.survey(filter, arguments.limit).await?;
    if jobs.is_empty() {
        terminal::line("no jobs; put an image: darkroom put watermark/default photo.jpg");
    } else {
        terminal::table(&["id", "image", "route", "state", "made", "outputs"], jobs.iter().map(row));
    }
    for (provider, balance) in balances {
        if arguments.provider.is_none_or(|asked| asked == provider) {
            terminal::line(balance_line(provider, &balance));
        }
    }
    for provider in ProviderName::ALL {
        if let Some(hold) = connection.jobs.hold(provider).await? {
            let next = hold.probe_at.strftime("%H:%M:%S");
            terminal::line(format!("{provider} is on hold since {}: {} Next try {next}.", hold.since, hold.message));
        }
    }
    Ok(Ended::Done)
}

fn balance_line(provider: ProviderName, balance: &Balance) -> String {
    let told = format!("{provider} had {} left at {}", balance.left, balance.at.strftime("%Y-%m-%d %H:%M:%S"));
    match balance.least {
        Some(least) if balance.is_low() => {
            format!("{told}: little more than the {least} that min_balance keeps. Top up before it is put on hold")
        }
        _ => told,
    }
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
