//! `darkroom job ID`: one job.

use darkroom_shared::{
    environment::Environment,
    flow,
    job::{CallbackReceived, Document, DocumentItem, JobId, Tree},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Ended, arguments::Job, connection::Connection, human, terminal};

/// Prints a job.
pub(crate) async fn run(arguments: Job, environment: &Environment) -> anyhow::Result<Ended> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let job = connection.job(&arguments.id).await?;
    let problem = job.step().and_then(|step| step.problem.clone());
    let tree = flow::tree(&connection.jobs, job).await?;
    if arguments.callback {
        show_callbacks(&callbacks(&tree), arguments.json)?;
        return Ok(Ended::Done);
    }
    let document = Document::from(&tree);
    if arguments.json {
        terminal::json(&document)?;
    } else {
        show(&document, connection.now());
        if let Some(problem) = problem {
            terminal::line(format!("trouble  {problem}"));
        }
    }
    Ok(Ended::Done)
}

/// A callback that is kept with the job or one of its branches.
#[derive(Debug, Serialize)]
struct KeptCallback<'a> {
    job_id: &'a JobId,
    at: Timestamp,
    /// Whether it could be read.
    readable: bool,
    /// The size of what is kept; of a long one, that is the beginning.
    bytes: usize,
    body: &'a str,
}

fn callbacks(tree: &Tree) -> Vec<KeptCallback<'_>> {
    let job = &tree.job;
    let mut all: Vec<KeptCallback<'_>> = Vec::new();
    for (callback, readable) in [(&job.callback, true), (&job.malformed_callback, false)] {
        let Some(CallbackReceived { at, body }) = callback else { continue };
        all.push(KeptCallback { job_id: &job.id, at: *at, readable, bytes: body.len(), body });
    }
    all.extend(tree.branches.iter().flat_map(callbacks));
    all
}

fn show_callbacks(callbacks: &[KeptCallback<'_>], json: bool) -> anyhow::Result<()> {
    if json {
        return terminal::json(&callbacks);
    }
    if callbacks.is_empty() {
        terminal::line("no callback is kept: none came, or the job has gone on since");
    }
    for KeptCallback { job_id, at, readable, bytes, body } in callbacks {
        let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
        let size = human::size(u64::try_from(*bytes)?);
        let readable = if *readable { "" } else { "  cannot be read" };
        terminal::line(format!("callback {at}  job {job_id}  {size}{readable}"));
        // A stranger's control characters are not for this terminal.
        terminal::line(body.replace(|c: char| c.is_control() && c != '\n', " "));
    }
    Ok(())
}

fn show(document: &Document, now: Timestamp) {
    terminal::line(format!("job      {}", document.id));
    terminal::line(format!("image    {}  {}", document.upload.key, human::size(document.upload.bytes)));
    terminal::line(format!("route    {}", document.route));
    terminal::line(format!("state    {}", terminal::state(document.state)));
    if let Some(reason) = &document.reason {
        terminal::line(format!("reason   {}", reason.message));
    }
    terminal::line(format!("made     {}", human::moment(document.created_at, now)));
    if let Some(finished_at) = document.finished_at {
        let took = human::duration(finished_at.duration_since(document.created_at));
        terminal::line(format!("ended    {}  after {took}", human::moment(finished_at, now)));
    }
    for step in &document.steps {
        let many = if step.items.is_empty() { String::new() } else { format!("{} images  ", step.items.len()) };
        let told = told(&step.work);
        terminal::line(format!("step     {}/{}  {many}{told}", step.provider, step.preset));
        for warning in &step.work.warnings {
            terminal::line(format!("         note: {warning}"));
        }
        for link in &step.work.links {
            let deletes = link.delete_hash.as_ref().map(|hash| format!("  delete_hash {hash}")).unwrap_or_default();
            terminal::line(format!("         {}{deletes}", link.link));
        }
    }
    for output in &document.outputs {
        let size = human::size(output.bytes);
        terminal::line(format!("output   {}  {}×{}  {size}", output.key, output.width, output.height));
    }
}

fn told(work: &DocumentItem) -> String {
    let task = work.task_id.as_ref().map(|task_id| format!("  task {task_id}")).unwrap_or_default();
    format!("attempts {}  charged {}{task}", work.attempts, work.charges)
}
