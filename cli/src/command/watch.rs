//! `darkroom jobs --watch`: the list as it changes, until somebody stops it. On a terminal it is drawn again and again;
//! elsewhere every change is a line.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use darkroom_shared::{
    flow,
    job::{Document, Job, JobId, StateName},
};

use super::{
    jobs::{List, filter, told},
    serve::stop_signal,
};
use crate::{
    Ended,
    arguments::Jobs,
    connection::{Connection, pause_after},
    hint::Hint as _,
    terminal::{self, Screen},
};

/// How often it is looked, unless a look takes long.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Watches until Ctrl-C or SIGTERM, or until nobody reads any more.
pub(super) async fn run(connection: &Connection, arguments: &Jobs) -> anyhow::Result<Ended> {
    let mut last = Vec::new();
    let watched = async {
        if arguments.json || !terminal::can_redraw() {
            tell_changes(connection, arguments).await
        } else {
            draw(connection, arguments, &mut last).await
        }
    };
    tokio::select! {
        ended = watched => ended?,
        stopped = stop_signal() => stopped?,
    }
    // What was seen last is still to be seen.
    for line in last {
        terminal::line(line);
    }
    Ok(Ended::Done)
}

/// Draws the list again and again; `last` is what was drawn last.
async fn draw(connection: &Connection, arguments: &Jobs, last: &mut Vec<String>) -> anyhow::Result<()> {
    // Read before the screen is another: a problem at the start is told where it was asked.
    let mut list = List::read(connection, arguments).await?;
    let screen = Screen::open();
    let mut began = Instant::now();
    loop {
        let pause = pause_after(began, LOOK_EVERY);
        let next = crate::human::elapsed(pause);
        let mut lines = vec![format!("darkroom jobs, every {next}; Ctrl-C ends it"), String::new()];
        let room = screen.height().saturating_sub(lines.len());
        *last = list.lines(terminal::width(), Some(room));
        lines.extend(last.iter().cloned());
        screen.draw(&lines);
        tokio::time::sleep(pause).await;
        began = Instant::now();
        list = List::read(connection, arguments).await?;
    }
}

/// Where a job was when it was told: another step is a change as another state is.
type Place = (StateName, usize);

/// Prints a line for every job that is new or elsewhere.
async fn tell_changes(connection: &Connection, arguments: &Jobs) -> anyhow::Result<()> {
    let mut places: BTreeMap<JobId, Place> = BTreeMap::new();
    loop {
        let began = Instant::now();
        let jobs = connection.jobs.newest(&filter(arguments), arguments.limit).await;
        let mut jobs = jobs.hint(|| connection.about_the_table())?;
        // The newest comes last, as in any log.
        jobs.reverse();
        let now = connection.now();
        let mut seen = BTreeMap::new();
        for job in jobs {
            let place = (job.state.name(), job.steps.len());
            let is_told = places.get(&job.id) == Some(&place);
            seen.insert(job.id.clone(), place);
            if is_told {
                continue;
            }
            let line = if arguments.json {
                serde_json::to_string(&Document::from(&flow::tree(&connection.jobs, job).await?))?
            } else {
                change(&job, &told(&job, now), now)
            };
            if !terminal::line_is_read(line) {
                return Ok(());
            }
        }
        // What is no longer listed is forgotten, so that this does not grow without end.
        places = seen;
        tokio::time::sleep(pause_after(began, LOOK_EVERY)).await;
    }
}

fn change(job: &Job, told: &str, now: jiff::Timestamp) -> String {
    let (at, state) = (now.strftime("%Y-%m-%dT%H:%M:%SZ"), job.state.name());
    let told = told.replace(char::is_control, " ");
    format!("{at}  {}  {}  {:<10}  {told}", job.id, job.upload.key, state.as_str())
}
