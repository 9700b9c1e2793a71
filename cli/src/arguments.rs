//! The command line (the contract, section 3).
#![expect(clippy::doc_markdown, reason = "these comments are the help text, where backticks would be printed")]

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use darkroom_shared::job::{ProviderName, Route, StateName};
use url::Url;

use crate::{
    examples,
    values::{self, JobName, RouteParser},
};

/// Drop a photo into a bucket; the right service works on it; the result lies in the bucket.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = examples::help(examples::ALL))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything on this machine: photos go through sandbox providers, results are left in a folder
    #[command(after_help = examples::help(examples::DEMO))]
    Demo(Demo),
    /// Run darkroom on this machine: S3, DynamoDB, queues, schedule and webhook in one process
    #[command(after_help = examples::help(examples::SERVE))]
    Serve(Serve),
    /// Put images into the bucket
    #[command(after_help = examples::help(examples::PUT))]
    Put(Put),
    /// List jobs, the newest first
    #[command(after_help = examples::help(examples::JOBS))]
    Jobs(Jobs),
    /// Show one job
    #[command(after_help = examples::help(examples::JOB))]
    Job(Job),
    /// Give failed jobs another try
    #[command(after_help = examples::help(examples::RETRY))]
    Retry(Retry),
    /// Make jobs for uploads that have none, because their notifications were lost or came before there was darkroom
    #[command(after_help = examples::help(examples::BACKFILL))]
    Backfill(Backfill),
    /// Let a provider's images go that wait because its account was the trouble
    #[command(after_help = examples::help(examples::RELEASE))]
    Release(Release),
    /// Check the configuration and the credentials, and show what is left on the accounts; asks only what is free
    #[command(after_help = examples::help(examples::CHECK))]
    Check(Check),
    /// Run the sandbox providers alone, for anyone's tests
    #[command(after_help = examples::help(examples::SANDBOX))]
    Sandbox(Sandbox),
    /// Print what makes a shell complete this command's words
    #[command(after_help = examples::help(examples::COMPLETIONS))]
    Completions(Completions),
}

impl Command {
    /// What is logged unless `RUST_LOG` says otherwise.
    pub(crate) fn log_filter(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info,s3s=off,s3s_fs=off,dynoxide=error",
            Self::Sandbox(_) => "info",
            _ => "error,s3s=off,s3s_fs=off",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Images to show it with; without any, four sample photos
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// The folder for the results
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = "./darkroom-demo")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The folder in which everything is kept
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = "./darkroom-data")]
    pub(crate) data: PathBuf,
    /// The presets; without it, ./darkroom.toml if it is there (DARKROOM_CONFIG works too)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Where S3 listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    pub(crate) s3: SocketAddr,
    /// Where the webhook and the health page listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001")]
    pub(crate) http: SocketAddr,
    /// Where DynamoDB listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9002")]
    pub(crate) dynamodb: SocketAddr,
    /// Where providers reach the webhook from outside (DARKROOM_PUBLIC_URL works too)
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<Url>,
}

/// Where the bucket and the table are. Without `DARKROOM_BUCKET` and `DARKROOM_TABLE`, a `darkroom serve` is meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// Where the S3 of `darkroom serve` listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    pub(crate) s3: SocketAddr,
    /// Where the DynamoDB of `darkroom serve` listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9002")]
    pub(crate) dynamodb: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct Put {
    /// provider/preset, as in watermark/clean
    #[arg(value_parser = RouteParser, hide_possible_values = true)]
    pub(crate) route: Route,
    /// The images
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Wait for the results
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait for the results and fetch them into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    /// Only jobs in this state
    #[arg(long, value_name = "S", value_parser = values::state())]
    pub(crate) state: Option<StateName>,
    /// Only jobs of this provider
    #[arg(long, value_name = "P", value_parser = values::provider())]
    pub(crate) provider: Option<ProviderName>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// Go on until Ctrl-C: on a terminal the list is drawn again every two seconds, elsewhere there is a line for each job
    /// that is new or has another state. Where a look takes long, looks are rarer
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print JSON and nothing else; with --watch, a line of it (as in job.json) for each such job
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Job {
    /// The job's id, as `darkroom jobs` prints it, or its beginning
    pub(crate) id: JobName,
    /// Show the callbacks that are kept, as they came
    #[arg(long)]
    pub(crate) callback: bool,
    /// Print JSON (as in job.json) and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The job's id, or its beginning
    #[arg(required_unless_present = "failed", conflicts_with = "failed")]
    pub(crate) id: Option<JobName>,
    /// All failed jobs
    #[arg(long)]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Backfill {
    /// Where to look, as in uploads/watermark/clean/
    pub(crate) prefix: String,
    /// Leave uploads alone that are younger: their notification may be on its way, and would make a second job
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub(crate) min_age_s: u64,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    /// The provider that is on hold, as `darkroom jobs` and `darkroom check` tell
    #[arg(value_parser = values::provider())]
    pub(crate) provider: ProviderName,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The presets; without it, ./darkroom.toml if it is there (DARKROOM_CONFIG works too)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Where the sandbox listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9003")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: Shell,
}
