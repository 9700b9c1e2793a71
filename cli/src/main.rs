//! The `darkroom` command: the whole of darkroom on one machine (`demo`, `serve`, `sandbox`), and the way to put images
//! in and to see jobs (`put`, `jobs`, `job`, `retry`, `release`, `check`), here or on AWS. It wires; commands do the work.

mod arguments;
mod command;
mod connection;
mod examples;
mod hint;
mod hold_notices;
mod human;
mod local;
mod progress;
mod table;
mod terminal;
mod values;

use std::process::ExitCode;

use clap::Parser as _;
use darkroom_shared::{environment::Environment, failpoint, telemetry};

use self::arguments::{Arguments, Command};

/// How a command ended (the contract, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Exit code 0.
    Done,
    /// Exit code 1.
    SomeJobFailed,
}

fn main() -> ExitCode {
    let environment = Environment::of_process();
    terminal::start(&environment);
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => return terminal::help_or_wrong_arguments(&told),
    };
    let filter = environment.get("RUST_LOG").unwrap_or_else(|| arguments.command.log_filter().to_owned());
    let look = telemetry::Format::Human { colours: terminal::log_has_colours() };
    telemetry::start(look, &without_signatures(filter));
    failpoint::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => return wrong_use(&anyhow::Error::from(problem)),
    };
    let ended = runtime.block_on(run(arguments.command, environment));
    // A task that is cut off here is gone on with at the next start.
    runtime.shutdown_background();
    match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::SomeJobFailed) => ExitCode::from(1),
        Err(problem) => wrong_use(&problem),
    }
}

/// The crate of the embedded S3 logs whole requests at `debug`, with signatures and cookies. Nobody asks for that who asks
/// for `debug` in general.
fn without_signatures(filter: String) -> String {
    if filter.contains("s3s") { filter } else { format!("{filter},s3s=info,s3s_fs=info") }
}

fn wrong_use(problem: &anyhow::Error) -> ExitCode {
    terminal::problem(problem);
    ExitCode::from(2)
}

async fn run(command: Command, environment: Environment) -> anyhow::Result<Ended> {
    match command {
        Command::Demo(demo) => command::demo::run(demo).await,
        Command::Serve(serve) => command::serve::run(serve, environment).await,
        Command::Put(put) => command::put::run(put, &environment).await,
        Command::Jobs(jobs) => command::jobs::run(jobs, &environment).await,
        Command::Job(job) => command::job::run(job, &environment).await,
        Command::Retry(retry) => command::retry::run(retry, &environment).await,
        Command::Backfill(backfill) => command::backfill::run(backfill, &environment).await,
        Command::Release(release) => command::release::run(release, &environment).await,
        Command::Check(check) => command::check::run(check, &environment).await,
        Command::Sandbox(sandbox) => command::sandbox::run(sandbox).await,
        Command::Completions(completions) => Ok(command::completions::run(&completions)),
    }
}
