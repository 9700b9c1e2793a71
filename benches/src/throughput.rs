//! How many images a second the one-machine host works off, beside a plain Python worker, and with ever more jobs in its
//! table.
//!
//! **Beside the worker.** `darkroom serve` is a process with its own folder. The provider is in this process and answers
//! at once: vkcloud with the result in the reply, watermark with a callback 50 ms later. Pictures of 100 KB, of which no
//! two are alike, are put over HTTP, 16 at a time, with addresses signed beforehand; a run is from the first put to the
//! moment when the last `job.json` lies in the bucket, noticed by looking for the file every 10 ms. Then every record is
//! read: only `done` counts. Rates of submits are lifted with `<PROVIDER>_RATE`. The worker (`peers/worker.py`) has the
//! same pictures, puts, clock and provider, and as its S3 and DynamoDB another `darkroom serve`, under keys that mean
//! nothing to it; watermark answers the worker in the reply, which is less work than a callback. Runs of both alternate;
//! a warm-up before each is not counted; medians are compared. The worker makes no thumbnails, so the host makes none
//! either; a second host, which does, shows what they take from others.
//!
//! **With more jobs.** One `darkroom serve` for each size of the table, all running at the same time, filled through
//! DynamoDB with copies of two true rows: a job that is done and one that waits for a callback (due in years). Then one
//! after the other works off the same number of pictures, through both providers in turn, several times round, so that
//! a slower minute of the machine falls on all of them.

mod growth;
mod rows;
mod worker;

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use crate::{
    bench::Bench,
    load::{Flow, Host, PICTURE_BYTES, Provider, Took, run},
    numbers::{Sample, count, milliseconds},
    report::Line,
};

use self::worker::Worker;

/// Images a second that the host should do.
const GOAL_PER_S: f64 = 150.0;
/// Times as many as the worker.
const GOAL_RATIO: f64 = 8.0;
/// A host has so long to make what thumbnails are left to make.
const REST: Duration = Duration::from_secs(300);
/// Runs that are not counted are of so many pictures.
const WARM_UP: usize = 32;

/// The two ways through a provider: what the table calls them.
const WAYS: [(&str, &str); 2] = [("vkcloud", "answer in the reply"), ("watermark", "answer by callback")];

/// Measures both.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let provider = Provider::open().await?;
    let mut lines = beside_worker(bench, &provider).await.context("the throughput beside the worker")?;
    lines.push(growth::measure(bench, &provider).await.context("the throughput with more jobs")?);
    Ok(lines)
}

async fn beside_worker(bench: &Bench, provider: &Provider) -> anyhow::Result<Vec<Line>> {
    let (rounds, many, by_worker) = (bench.count(3, 1), bench.count(1000, 300), bench.count(300, 60));
    let host = Host::without_thumbnails(bench, provider).await?;
    let with_thumbnails = Host::start(bench, provider).await?;
    let stores = Host::without_thumbnails(bench, provider).await?;
    let mut ours = WAYS.map(|_| Vec::new());
    let mut theirs = WAYS.map(|_| Vec::new());
    let (mut together, mut shown) = (Vec::new(), Vec::new());
    let both = WAYS.map(|(name, _)| Flow::of(name));
    for host in [&host, &with_thumbnails] {
        run(host, &both, "warm", 2 * WARM_UP).await?;
    }
    for round in 0..rounds {
        for (((name, _), ours), theirs) in WAYS.iter().zip(&mut ours).zip(&mut theirs) {
            ours.push(run(&host, &[Flow::of(name)], &format!("round{round}"), many).await?);
            let worker = Worker::start(bench, &stores, provider, name, round).await?;
            run(&stores, &[worker.flow()], "warm", WARM_UP / 2).await?;
            theirs.push(run(&stores, &[worker.flow()], "round", by_worker).await?);
            worker.stop().await?;
        }
        together.push(run(&host, &both, &format!("both{round}"), many).await?);
        shown.push(run(&with_thumbnails, &both, &format!("both{round}"), many).await?);
        // Thumbnails are made when there is time; the next round is to begin without those of this one.
        with_thumbnails.idle(REST).await?;
    }
    let ways = WAYS.iter().zip(ours).zip(theirs);
    let mut lines: Vec<Line> = ways
        .map(|(((name, answer), ours), theirs)| line(&format!("{name}, {answer}"), (&ours, many), &theirs, by_worker))
        .collect();
    lines.push(line("both providers in turn", (&together, many), &[], by_worker));
    lines.push(line("both providers in turn, thumbnails beside it", (&shown, many), &[], by_worker));
    Ok(lines)
}

/// One line; without runs of the worker, none is compared with.
fn line(what: &str, (ours, many): (&[Took], usize), theirs: &[Took], by_worker: usize) -> Line {
    let (our_rate, their_rate) = (rates(ours, many), rates(theirs, by_worker));
    let ratio = (!theirs.is_empty()).then(|| our_rate.median() / their_rate.median());
    let told = ratio.map_or_else(String::new, |ratio| format!(", {ratio:.1} × the worker"));
    let beside = if ratio.is_some() { " and ≥ 8 × the worker" } else { "" };
    Line {
        measure: "throughput",
        what: format!("images a second end to end, {} KB each: {what}", PICTURE_BYTES / 1000),
        goal: format!("≥ {GOAL_PER_S}/s{beside}"),
        result: format!("{}{told}", our_rate.told("images/s")),
        peer: ratio.map(|_| their_rate.told("images/s")),
        limit: limit(ours, many),
        met: our_rate.median() >= GOAL_PER_S && ratio.is_none_or(|ratio| ratio >= GOAL_RATIO),
        numbers: json!({
            "images": many, "images_by_worker": by_worker, "ratio": ratio,
            "images_per_s": our_rate.json(), "worker_images_per_s": their_rate.json(),
            "host_processor_ms_per_image": per_image_ms(ours, many, |took| took.host),
            "bench_processor_ms_per_image": per_image_ms(ours, many, |took| took.own),
            "put_s": ours.iter().map(|took| took.put.as_secs_f64()).collect::<Vec<_>>(),
            "worker_stores_processor_ms_per_image": per_image_ms(theirs, by_worker, |took| took.host),
        }),
    }
}

fn rates(runs: &[Took], many: usize) -> Sample {
    Sample::new(runs.iter().map(|took| count(many) / took.wall.as_secs_f64()).collect())
}

fn per_image_ms(runs: &[Took], many: usize, of: impl Fn(&Took) -> Duration) -> f64 {
    runs.iter().map(|took| milliseconds(of(took))).sum::<f64>() / count(runs.len() * many).max(1.0)
}

/// What the processor time of an image leaves room for.
fn limit(runs: &[Took], many: usize) -> String {
    let host_ms = per_image_ms(runs, many, |took| took.host);
    let own_ms = per_image_ms(runs, many, |took| took.own);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "{:.0}/s: {cores} cores, and an image takes {host_ms:.1} ms of processor time here and {own_ms:.1} ms of the load \
         and the provider",
        1000.0 * count(cores) / (host_ms + own_ms)
    )
}
