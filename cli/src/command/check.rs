//! `darkroom check`: is the configuration right, are the credentials taken, what is left on the accounts. It asks only
//! what is free.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use console::Style;
use darkroom_shared::{
    aws,
    clock::Clock,
    config::{self, Presets},
    environment::Environment,
    flow::NotesInTable,
    job::{Balance, Hold, ProviderName},
    presets,
    provider::{self, Account, Equipment, ErrorKind, Http, Notes, NotesInMemory, definition},
    store::Jobs,
};
use jiff::Timestamp;
use serde::Serialize;

use super::serve;
use crate::{
    Ended,
    arguments::Check,
    connection::Connection,
    hint::hinted,
    human,
    table::{Cell, Column, Shrink},
    terminal,
};

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report {
    configuration: Configuration,
    /// By provider.
    providers: BTreeMap<ProviderName, ProviderReport>,
    /// Why what the jobs tell could not be read; then there is no count of today, and no balance that only replies tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs_unread: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Configuration {
    /// The file; none: the built-in presets.
    file: Option<PathBuf>,
    /// Every route, with the routes that follow.
    presets: BTreeMap<String, Vec<String>>,
    warnings: Vec<String>,
    /// What has to be mended, a line each.
    problems: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct ProviderReport {
    /// Whether there are credentials; without, `serve` uses the sandbox.
    credentials: Credentials,
    /// How much work is left on the account, in the provider's unit.
    balance: Option<i64>,
    /// When a reply told the balance; absent when the account was asked just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_at: Option<Timestamp>,
    /// Why the provider is not asked for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<Hold>,
    /// Submits today (UTC), as far as this table knows.
    submits_today: Option<u64>,
    /// What a person should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// What has to be mended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Credentials {
    /// None are set.
    #[default]
    Missing,
    /// The provider takes them.
    Taken,
    /// They are set, and nothing that is free would show whether they are taken.
    Unchecked,
    /// They are incomplete, or the provider does not take them.
    Refused,
}

/// Checks everything and prints what was found. Nothing that is wrong keeps the rest from being looked at.
pub(crate) async fn run(arguments: Check, environment: &Environment) -> anyhow::Result<Ended> {
    let (mut configuration, presets) = configuration(&arguments, environment).await;
    let (told, jobs_unread) = match told_by_jobs(&arguments, environment).await {
        Ok(told) => (told, None),
        Err(problem) => (ToldByJobs::default(), Some(format!("{problem:#}"))),
    };
    let mut providers = BTreeMap::new();
    for name in ProviderName::ALL {
        let report = provider_report(name, environment, &presets, &told).await?;
        configuration.problems.extend(report.problems.iter().map(|problem| format!("{name}: {problem}")));
        providers.insert(name, report);
    }
    let report = Report { configuration, providers, jobs_unread };
    if arguments.json {
        terminal::json(&report)?;
    } else {
        show(&report, Clock::system().now());
    }
    if let Some(first) = report.configuration.problems.first() {
        let more = report.configuration.problems.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return Err(hinted(
            format!("{first}{more}"),
            "mend it in the presets or in the environment, and check again; nothing was started or sent",
        ));
    }
    Ok(Ended::Done)
}

async fn configuration(arguments: &Check, environment: &Environment) -> (Configuration, Presets) {
    let mut found =
        Configuration { file: serve::presets_file(arguments.config.clone(), environment), ..Configuration::default() };
    let presets = presets(found.file.as_deref(), environment).await.unwrap_or_else(|problem| {
        found.problems.extend(format!("{problem:#}").lines().map(str::to_owned));
        Presets::built_in()
    });
    if let Err(problem) = config::paces(environment).and_then(|_| config::result_hosts(environment)) {
        found.problems.push(problem.to_string());
    }
    found.warnings = presets.warnings().to_vec();
    found.presets = presets
        .routes()
        .map(|(route, then)| (route.to_string(), then.iter().map(ToString::to_string).collect()))
        .collect();
    (found, presets)
}

/// The presets, also from where only functions read them otherwise.
async fn presets(file: Option<&Path>, environment: &Environment) -> anyhow::Result<Presets> {
    match file {
        Some(file) if file.starts_with("s3:") => {
            let s3 = aws::s3(&aws::load().await?, aws::endpoint(environment, "S3").as_deref());
            let place = environment.clone().with("DARKROOM_CONFIG", file.to_string_lossy());
            presets::presets(&place, &s3).await.map_err(|problem| anyhow::anyhow!("{problem}"))
        }
        file => serve::presets(file),
    }
}

/// What only the table knows.
#[derive(Default)]
struct ToldByJobs {
    jobs: Option<Jobs>,
    submits_today: BTreeMap<ProviderName, u64>,
    holds: BTreeMap<ProviderName, Hold>,
    /// What the newest reply of a provider said of the account: some say so only there.
    balances: BTreeMap<ProviderName, Balance>,
}

async fn told_by_jobs(arguments: &Check, environment: &Environment) -> anyhow::Result<ToldByJobs> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let mut told = ToldByJobs::default();
    for name in ProviderName::ALL {
        told.submits_today.insert(name, connection.jobs.slots_today(name, connection.now()).await?);
        if let Some(hold) = connection.jobs.hold(name).await? {
            told.holds.insert(name, hold);
        }
    }
    told.balances = connection.jobs.balances().await?;
    told.jobs = Some(connection.jobs);
    Ok(told)
}

async fn provider_report(
    name: ProviderName,
    environment: &Environment,
    presets: &Presets,
    told: &ToldByJobs,
) -> anyhow::Result<ProviderReport> {
    let mut report = asked(name, environment, presets, told).await?;
    let least = presets.min_balance(name).or_else(|| told.balances.get(&name)?.least);
    if let (Some(left), Some(least)) = (report.balance, least)
        && Balance::is_close_to(left, least)
    {
        report.notes.push(format!("little more is left than the {least} that min_balance keeps: top up"));
    }
    Ok(report)
}

async fn asked(
    name: ProviderName,
    environment: &Environment,
    presets: &Presets,
    told: &ToldByJobs,
) -> anyhow::Result<ProviderReport> {
    let mut report = ProviderReport {
        submits_today: told.submits_today.get(&name).copied(),
        hold: told.holds.get(&name).cloned(),
        ..ProviderReport::default()
    };
    if let Some(balance) = told.balances.get(&name) {
        (report.balance, report.balance_at) = (Some(balance.left), Some(balance.at));
    }
    if !definition(name).has_credentials(environment) {
        return Ok(report);
    }
    let http = Http::new()?;
    let notes = |name| match &told.jobs {
        Some(jobs) => Arc::new(NotesInTable::new(jobs.clone(), name)) as Arc<dyn Notes>,
        None => Arc::new(NotesInMemory::default()),
    };
    let client = match provider::make(name, &Equipment { environment, http: &http, notes: &notes }) {
        Ok(client) => client,
        Err(problem) => {
            report.credentials = Credentials::Refused;
            report.problems.push(problem.to_string());
            return Ok(report);
        }
    };
    report.problems.extend(presets.unusable(client.as_ref()));
    report.credentials = match client.account().await {
        Ok(Account::Left(left)) => {
            (report.balance, report.balance_at) = (Some(left), None);
            Credentials::Taken
        }
        Ok(Account::Valid) => Credentials::Taken,
        Ok(Account::CannotAsk(why)) => {
            report.notes.push(why.to_owned());
            Credentials::Unchecked
        }
        Err(error) if error.kind == ErrorKind::Credentials => {
            report.problems.push(error.to_string());
            Credentials::Refused
        }
        Err(error) => {
            report.notes.push(error.to_string());
            Credentials::Unchecked
        }
    };
    Ok(report)
}

fn show(report: &Report, now: Timestamp) {
    show_configuration(&report.configuration);
    let rows: Vec<_> = report.providers.iter().map(|(name, report)| row(*name, report, now)).collect();
    terminal::table(&COLUMNS, &rows);
    for (name, report) in &report.providers {
        if let Some(hold) = &report.hold {
            let (since, next) = (human::moment(hold.since, now), human::until(hold.probe_at, now));
            terminal::line(format!("hold     {name} since {since}, next try {next}: {}", hold.message));
        }
    }
    if let Some(problem) = &report.jobs_unread {
        terminal::line(format!("note     {problem}. Counts and what replies told are therefore unknown"));
    }
}

fn show_configuration(configuration: &Configuration) {
    let Configuration { file, presets, warnings, problems } = configuration;
    match file {
        Some(file) => terminal::line(format!("presets  {}  {} presets", file.display(), presets.len())),
        None => terminal::line(format!("presets  built-in  {} presets", presets.len())),
    }
    for (route, then) in presets.iter().filter(|(_, then)| !then.is_empty()) {
        terminal::line(format!("chain    {route} → {}", then.join(" → ")));
    }
    for warning in warnings {
        terminal::line(format!("{}  {warning}", Style::new().yellow().apply_to("warning")));
    }
    for problem in problems {
        terminal::line(format!("{}    {problem}", Style::new().red().apply_to("wrong")));
    }
}

const COLUMNS: [Column; 5] = [
    Column { title: "provider", shrink: Shrink::Never },
    Column { title: "credentials", shrink: Shrink::Never },
    Column { title: "balance", shrink: Shrink::Never },
    Column { title: "submits today", shrink: Shrink::Never },
    Column { title: "note", shrink: Shrink::Never },
];

fn row(name: ProviderName, report: &ProviderReport, now: Timestamp) -> Vec<Cell> {
    let credentials = match report.credentials {
        Credentials::Missing => Cell::painted("none: `serve` uses the sandbox", Style::new().dim()),
        Credentials::Taken => Cell::painted("taken", Style::new().green()),
        Credentials::Unchecked => Cell::painted("set", Style::new().yellow()),
        Credentials::Refused => Cell::painted("refused", Style::new().red()),
    };
    let balance = match (report.balance, report.balance_at) {
        (None, _) => "not told".to_owned(),
        (Some(balance), None) => format!("{balance} left"),
        (Some(balance), Some(at)) => format!("{balance} left {}", human::ago(at, now)),
    };
    let today = report.submits_today.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
    vec![name.to_string().into(), credentials, balance.into(), today.into(), report.notes.join("; ").into()]
}
