//! `darkroom jobs`: a list.

use darkroom_shared::{
    environment::Environment,
    flow,
    job::{Balance, Document, Hold, Job, ProviderName, State},
    store::PageFilter,
};
use jiff::Timestamp;

use super::watch;
use crate::{
    Ended,
    arguments::Jobs,
    connection::Connection,
    hint::Hint as _,
    human,
    progress::stage,
    table::{self, Cell, Column, Shrink},
    terminal,
};

/// Prints jobs, the newest first.
pub(crate) async fn run(arguments: Jobs, environment: &Environment) -> anyhow::Result<Ended> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    if arguments.watch {
        return watch::run(&connection, &arguments).await;
    }
    if arguments.json {
        let jobs = connection.jobs.newest(&filter(&arguments), arguments.limit).await;
        let mut documents = Vec::new();
        for job in jobs.hint(|| connection.about_the_table())? {
            documents.push(Document::from(&flow::tree(&connection.jobs, job).await?));
        }
        terminal::json(&documents)?;
        return Ok(Ended::Done);
    }
    for line in List::read(&connection, &arguments).await?.lines(terminal::width(), None) {
        terminal::line(line);
    }
    Ok(Ended::Done)
}

/// Which jobs are asked for.
pub(super) fn filter(arguments: &Jobs) -> PageFilter {
    PageFilter { state: arguments.state, provider: arguments.provider, ..PageFilter::default() }
}

const COLUMNS: [Column; 6] = [
    // As much of an id is enough to name the job.
    Column { title: "id", shrink: Shrink::Cut(12) },
    Column { title: "image", shrink: Shrink::Ellipsis(12) },
    Column { title: "route", shrink: Shrink::Ellipsis(10) },
    Column { title: "state", shrink: Shrink::Never },
    Column { title: "made", shrink: Shrink::Never },
    Column { title: "outputs", shrink: Shrink::Ellipsis(10) },
];

/// What a list tells.
#[derive(Debug)]
pub(super) struct List {
    jobs: Vec<Job>,
    /// Lines about the providers: what is left on the accounts, and which are on hold.
    providers: Vec<String>,
    now: Timestamp,
}

impl List {
    /// Reads what is asked for, and what there is to tell of the providers.
    pub(super) async fn read(connection: &Connection, arguments: &Jobs) -> anyhow::Result<Self> {
        let jobs = connection.jobs.newest(&filter(arguments), arguments.limit).await;
        let jobs = jobs.hint(|| connection.about_the_table())?;
        let balances = connection.jobs.balances().await.hint(|| connection.about_the_table())?;
        let now = connection.now();
        let is_asked = |provider| arguments.provider.is_none_or(|asked| asked == provider);
        let mut providers: Vec<String> = balances
            .iter()
            .filter(|(provider, _)| is_asked(**provider))
            .map(|(provider, balance)| balance_line(*provider, balance, now))
            .collect();
        for provider in ProviderName::ALL {
            if let Some(hold) = connection.jobs.hold(provider).await? {
                providers.push(hold_line(provider, &hold, now));
            }
        }
        Ok(Self { jobs, providers, now })
    }

    /// The list in lines that are no wider than `width`, of the table no more than `height`.
    pub(super) fn lines(&self, width: Option<usize>, height: Option<usize>) -> Vec<String> {
        let mut lines = if self.jobs.is_empty() {
            vec!["no jobs; put an image: darkroom put watermark/default photo.jpg".to_owned()]
        } else {
            let rows: Vec<_> = self.jobs.iter().map(|job| row(job, self.now, width.is_some())).collect();
            table::lines(&COLUMNS, &rows, width)
        };
        if let Some(height) = height.map(|height| height.saturating_sub(self.providers.len()).max(4))
            && lines.len() > height
        {
            let left_out = lines.len() - (height - 1);
            lines.truncate(height - 1);
            lines.push(format!("… and {left_out} more; --state, --provider and --limit make it fewer"));
        }
        // Where lines are counted, none may take the room of two.
        let whole = |line: &str| match (width, height) {
            (Some(width), Some(_)) => console::truncate_str(line, width, "…").into_owned(),
            _ => line.to_owned(),
        };
        lines.extend(self.providers.iter().map(|line| whole(line)));
        lines
    }
}

fn balance_line(provider: ProviderName, balance: &Balance, now: Timestamp) -> String {
    let told = format!("{provider} had {} left at {}", balance.left, human::moment(balance.at, now));
    match balance.least {
        Some(least) if balance.is_low() => {
            format!("{told}: little more than the {least} that min_balance keeps. Top up before it is put on hold")
        }
        _ => told,
    }
}

fn hold_line(provider: ProviderName, hold: &Hold, now: Timestamp) -> String {
    let (since, next) = (human::moment(hold.since, now), human::until(hold.probe_at, now));
    format!("{provider} is on hold since {since}. Next try {next}. {}", hold.message)
}

fn row(job: &Job, now: Timestamp, is_short: bool) -> Vec<Cell> {
    let image = job.upload.key.rsplit('/').next().unwrap_or(&job.upload.key);
    let state = job.state.name();
    let told = told(job, now);
    // Where room is dear, a reason need not name the image once more.
    let whose = format!("'{}' ", job.upload.key);
    let told = if is_short { told.strip_prefix(&whose).unwrap_or(&told) } else { &told };
    vec![
        job.id.as_str().into(),
        image.into(),
        job.route.to_string().into(),
        Cell::painted(state.as_str(), terminal::style_of(state)),
        human::ago(job.created_at, now).into(),
        told.into(),
    ]
}

/// What came of a job, or where it is and when it is looked at next.
pub(super) fn told(job: &Job, now: Timestamp) -> String {
    match &job.state {
        State::Done { outputs } => human::count(outputs.len(), "file"),
        State::Failed { reason, .. } => reason.message.clone(),
        State::Queued { .. }
        | State::Submitting { .. }
        | State::Waiting { .. }
        | State::Branching { .. }
        | State::Ready { .. } => {
            let next_look = job.due_at().map(|due_at| format!("; next look {}", human::until(due_at, now)));
            // The state itself stands beside it.
            let stage = stage(job);
            let place = stage.strip_prefix(job.state.name().as_str()).unwrap_or(&stage);
            format!("{}{}", place.trim_start_matches([':', ' ']), next_look.unwrap_or_default())
        }
    }
}
