//! `darkroom job ID`: one job.

use anyhow::bail;
use darkroom_shared::{
    flow,
    job::{Document, DocumentItem},
};

use crate::{Ended, arguments::Job, connection::Connection, terminal};

/// Prints a job.
pub(crate) async fn run(
    arguments: Job,
    environment: &darkroom_shared::environment::Environment,
) -> anyhow::Result<Ended> {
    let connection = Connection::open(&arguments.place, environment).await?;
    connection.check().await?;
    let Some(job) = connection.jobs.get(&arguments.id).await? else {
        bail!("there is no job {}; `darkroom jobs` lists those there are", arguments.id);
    };
    let problem = job.step().and_then(|step| step.problem.clone());
    let document = Document::from(&flow::tree(&connection.jobs, job).await?);
    if arguments.json {
        terminal::json(&document)?;
    } else {
        show(&document);
        if let Some(problem) = problem {
            terminal::line(format!("trouble  {problem}"));
        }
    }
    Ok(Ended::Done)
}

fn show(document: &Document) {
    terminal::line(format!("job      {}", document.id));
    terminal::line(format!("image    {}  {}", document.upload.key, terminal::size(document.upload.bytes)));
    terminal::line(format!("route    {}", document.route));
    terminal::line(format!("state    {}", document.state));
    if let Some(reason) = &document.reason {
        terminal::line(format!("reason   {}", reason.message));
    }
    terminal::line(format!("made     {}", document.created_at));
    if let Some(finished_at) = document.finished_at {
        let took = terminal::seconds(finished_at.duration_since(document.created_at));
        terminal::line(format!("ended    {finished_at}  after {took}"));
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
        let size = terminal::size(output.bytes);
        terminal::line(format!("output   {}  {}×{}  {size}", output.key, output.width, output.height));
    }
}

fn told(work: &DocumentItem) -> String {
    let task = work.task_id.as_ref().map(|task_id| format!("  task {task_id}")).unwrap_or_default();
    format!("attempts {}  charged {}{task}", work.attempts, work.charges)
}
