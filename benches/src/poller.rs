//! The poller with ten thousand jobs that wait.
//!
//! The real function runs on a runtime endpoint with the environment and the time-out of `infra` (65 s; when they are over
//! it is killed, as Lambda kills it). In the table wait 10 000 jobs of one provider, all due at once: the worst moment, as
//! after an hour in which nobody polled. It gets one event of the schedule. A round is what `flow/poll.rs` calls one: the
//! questions to all lanes, and all writes until the next questions; the door of the table sees both. Requests are counted
//! where the provider takes them.
//!
//! * imgfactory, with a table that answers as soon as it can, and with one that takes 5 ms longer for each request, about
//!   what DynamoDB is away from a function.
//! * fangtang, which is asked for each task: with answers after 20 ms, and after 250 ms, about what China is away. That no
//!   result passes half of its life (30 min) cannot be waited for here; it follows from the time in which all tasks were
//!   asked for once and their rows written. docs/SCALE.md has the hours, simulated.
//! * imgfactory's list has every task of the last day, so its length is measured as well: two jobs wait, and the list has
//!   100 000 entries. What the poller then has in memory is held against what the template gives it.

use std::time::Duration;

use darkroom_shared::job::ProviderName;
use serde_json::json;

use crate::{
    bench::{Bench, root},
    numbers::{Sample, count, mib},
    report::Line,
    runtime::{Function, environment, schedule_event},
    waiting::{Round, Services, Table},
};

/// Jobs that wait.
const JOBS: usize = 10_000;
/// Entries of a long list.
const LONG_LIST: usize = 100_000;
/// What DynamoDB is away from a function.
const TABLE_AWAY: Duration = Duration::from_millis(5);
/// The poller's memory in `infra/sam/template.yaml`.
const MEMORY_MB: u32 = 256;
/// The longest round.
const MOST_ROUND: Duration = Duration::from_secs(5);
/// Requests to the provider in a round.
const MOST_REQUESTS: f64 = 2.0;
/// Half of the life of fangtang's results.
const HALF_LIFE: Duration = Duration::from_secs(1800);

/// One run of the poller.
struct Run {
    rounds: Vec<Round>,
    /// Requests for the whole list, and for one task.
    asked: (usize, usize),
    /// From the event to the answer; `None`: it was killed.
    took: Option<Duration>,
    peak_mib: f64,
    /// What it had while it waited for the event.
    at_rest_mib: f64,
}

impl Run {
    fn written(&self) -> usize {
        self.rounds.iter().map(|round| round.written).sum()
    }

    fn longest(&self) -> Duration {
        self.rounds.iter().map(|round| round.took).max().unwrap_or_default()
    }

    fn requests_per_round(&self) -> f64 {
        count(self.asked.0 + self.asked.1) / count(self.rounds.len().max(1))
    }

    fn json(&self) -> serde_json::Value {
        let seconds = Sample::new(self.rounds.iter().map(|round| round.took.as_secs_f64()).collect());
        json!({
            "rounds": self.rounds.len(), "round_s": seconds.json(), "rows_written": self.written(),
            "list_requests": self.asked.0, "task_requests": self.asked.1,
            "run_s": self.took.map(|took| took.as_secs_f64()), "killed": self.took.is_none(), "peak_mib": self.peak_mib,
            "at_rest_mib": self.at_rest_mib,
        })
    }
}

/// Measures all of it.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let jobs = bench.count(JOBS, JOBS / 10);
    let long_list = bench.count(LONG_LIST, LONG_LIST / 10);
    let mut lines = Vec::new();
    for away in [Duration::ZERO, TABLE_AWAY] {
        let run = run(bench, ProviderName::Imgfactory, jobs, jobs, away, Duration::ZERO).await?;
        lines.push(line_of_imgfactory(jobs, away, &run));
    }
    for answer in [Duration::from_millis(20), Duration::from_millis(250)] {
        let run = run(bench, ProviderName::Fangtang, jobs, 0, Duration::ZERO, answer).await?;
        lines.push(line_of_fangtang(bench, jobs, answer, &run));
    }
    let run = run(bench, ProviderName::Imgfactory, 2, long_list, Duration::ZERO, Duration::ZERO).await?;
    lines.push(line_of_list(long_list, &run));
    Ok(lines)
}

/// The time-out of `infra`, or a shorter one when it is only to be seen that the measure works.
fn timeout(bench: &Bench) -> Duration {
    Duration::from_secs(if bench.quick { 20 } else { 65 })
}

/// Has the poller look at `jobs` waiting jobs once; imgfactory's list has `listed` entries.
async fn run(
    bench: &Bench,
    provider: ProviderName,
    jobs: usize,
    listed: usize,
    away: Duration,
    answer: Duration,
) -> anyhow::Result<Run> {
    let names = |many: usize| (0..many).map(|number| format!("{number:08x}-a1e5-11ec-84ce-cb7091c1043d")).collect();
    let (tasks, list): (Vec<String>, Vec<String>) = (names(jobs), names(listed));
    let table = Table::open(away).await?;
    table.fill(provider, &tasks).await?;
    let services = Services::open(&list, answer).await?;
    let mut variables = environment("poller", MEMORY_MB, &table.door, "https://hooks.example");
    variables.extend(services.environment());
    let mut poller = Function::start(&bench.binary("poller")?, &[], &variables, root(), None).await?;
    poller.first_poll().await?;
    let at_rest_mib = mib(poller.process.memory()?.peak_bytes);
    let answered = tokio::time::timeout(timeout(bench), poller.invoke(&schedule_event(), timeout(bench))).await;
    let peak_mib = mib(poller.process.memory()?.peak_bytes);
    poller.process.stop().await?;
    // The time-out of the endpoint is Lambda's; any other end is a mistake.
    let took = answered.ok().transpose()?.map(|invocation| invocation.duration);
    Ok(Run { rounds: table.take_rounds(), asked: services.asked(), took, peak_mib, at_rest_mib })
}

fn line_of_imgfactory(jobs: usize, away: Duration, run: &Run) -> Line {
    let place = if away.is_zero() { "here".to_owned() } else { format!("{away:?} away") };
    let each = run.rounds.iter().map(|round| round.took.as_secs_f64()).sum::<f64>() / count(run.written().max(1));
    let longest_rows = run.rounds.iter().map(|round| round.written).max().unwrap_or_default();
    Line {
        measure: "poller",
        what: format!("{jobs} waiting imgfactory jobs, all due, the table {place}"),
        goal: format!("≤ {MOST_REQUESTS} provider requests a round, a round < {MOST_ROUND:?}"),
        result: format!(
            "{:.1} requests a round, the longest round {:.1} s for {longest_rows} rows; {} of {jobs} rows in {} rounds{}",
            run.requests_per_round(),
            run.longest().as_secs_f64(),
            run.written(),
            run.rounds.len(),
            run.took.map_or(", killed".to_owned(), |took| format!(" and {:.1} s", took.as_secs_f64())),
        ),
        peer: None,
        limit: format!("{:.1} ms a row, sixteen written at once (flow/poll.rs)", each * 1000.0),
        met: run.requests_per_round() <= MOST_REQUESTS && run.longest() < MOST_ROUND && run.written() > 0,
        numbers: json!({"jobs": jobs, "table_away_ms": away.as_secs_f64() * 1000.0, "run": run.json()}),
    }
}

fn line_of_fangtang(bench: &Bench, jobs: usize, answer: Duration, run: &Run) -> Line {
    // What a run gets through, the next ones go on with, a minute each.
    let written = run.written();
    let runs = if written == 0 { None } else { Some(jobs.div_ceil(written)) };
    let last_s = run.took.unwrap_or(timeout(bench)).as_secs_f64();
    let all_s = runs.map(|runs| count(runs - 1) * 60.0 + last_s);
    let all = all_s.map_or("never".to_owned(), |seconds| format!("within {seconds:.0} s"));
    let ended = if run.took.is_none() { "; the run was killed in the middle of a round" } else { "" };
    Line {
        measure: "poller",
        what: format!("{jobs} waiting fangtang jobs, all due, an answer takes {answer:?}"),
        goal: format!(
            "every task is asked for and its row written within {} min, half of its result's life",
            HALF_LIFE.as_secs() / 60
        ),
        result: format!("all {all}: {} questions and {written} rows in one run{ended}", run.asked.1),
        peer: None,
        limit: format!(
            "{:.0} s: a question for each, four at a time (provider/fangtang/mod.rs, `POLLED_AT_ONCE`)",
            count(jobs) / 4.0 * answer.as_secs_f64()
        ),
        met: all_s.is_some_and(|seconds| seconds < HALF_LIFE.as_secs_f64()),
        numbers: json!({"jobs": jobs, "answer_ms": answer.as_secs_f64() * 1000.0, "all_written_s": all_s, "run": run.json()}),
    }
}

fn line_of_list(listed: usize, run: &Run) -> Line {
    let longest = run.longest().as_secs_f64();
    Line {
        measure: "poller",
        what: format!("two waiting imgfactory jobs, a list of {listed} tasks of the last day"),
        goal: format!("within the {MEMORY_MB} MB of the template, a round < {MOST_ROUND:?}"),
        result: format!("{:.0} MiB at most, the longest round {longest:.1} s", run.peak_mib),
        peer: None,
        limit: format!(
            "{:.1} KiB an entry: the whole reply and a JSON value of each entry (provider/imgfactory/wire.rs, `Tasks`)",
            (run.peak_mib - run.at_rest_mib) * 1024.0 / count(listed)
        ),
        met: run.peak_mib < f64::from(MEMORY_MB) && run.longest() < MOST_ROUND && run.written() > 0,
        numbers: json!({"listed": listed, "run": run.json()}),
    }
}
