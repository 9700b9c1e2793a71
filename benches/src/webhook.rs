//! What callbacks cost, true ones and forged ones.
//!
//! **Under load.** Jobs of `darkroom serve` that wait for a callback are made first: the watermark service (in this
//! process) takes their pictures and never calls. Then callbacks are sent on a fixed schedule, 500 a second: a tenth of
//! them first ones, each of which also has a result fetched and stored, four tenths repeats of such, half of them forged,
//! in four ways in turn: another token, another job's token, a token cut short, a job that there is not. Latency counts
//! from when a request was due, so that waiting hides nothing; any other answer than 200 to a true one and 404 to a forged
//! one ends the measure. Tokio's timer (up to 1 ms) is in every latency.
//!
//! **What one costs.** Behind that, with the host idle, forged ones and repeats are sent one after the other, in blocks
//! that alternate: the time to the answer and the host's processor time for each.
//!
//! **The function.** The `webhook` binary as a process on a Lambda runtime endpoint in this process, with the table of that
//! host, and a queue in this process that takes every message; one event after the other, from the moment at which the
//! function gets an event to the arrival of its answer.

mod callbacks;
mod function;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::body::Bytes;
use serde_json::{Value, json};

use crate::{
    bench::Bench,
    load::{Host, Provider, on_schedule},
    numbers::{Sample, count, milliseconds},
    report::Line,
};

use self::{
    callbacks::{Callback, Jobs, Kind},
    function::Function,
};

/// Callbacks a second.
const RATE_PER_S: f64 = 500.0;
/// The goal, in milliseconds.
const P99_MS: f64 = 50.0;
/// Of ten callbacks so many are first ones.
const FIRST_OF_TEN: usize = 1;

/// Measures all three.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let seconds = bench.count(30, 5);
    let many = seconds * 500;
    let (of_host, of_function) = (many * FIRST_OF_TEN / 10, bench.count(300, 50));
    let provider = Provider::open().await?;
    let host = Host::start(bench, &provider).await?;
    let mut jobs = Jobs::make(&host, &provider, of_host + of_function).await.context("the jobs that wait")?;
    let for_function = jobs.split_off(of_host);

    let loaded = under_load(&jobs, many).await.context("callbacks on a schedule")?;
    host.idle(Duration::from_secs(180)).await?;
    let blocks = bench.count(10, 2);
    let costs = one_by_one(&host, &jobs, blocks).await.context("callbacks one after the other")?;
    let function = Function::start(bench, &host).await?;
    let invoked = invoke(&function, &for_function, blocks * 50).await.context("the webhook's function")?;
    Ok(vec![load_line(&loaded, seconds), cost_line(&costs), function_line(&invoked)])
}

/// How long each took, by its kind.
struct Times([(Kind, Sample); 3]);

impl Times {
    fn of(times: &[(Kind, Duration)]) -> Self {
        Self(Kind::ALL.map(|kind| {
            let of_kind = times.iter().filter(|(other, _)| *other == kind);
            (kind, Sample::new(of_kind.map(|(_, time)| milliseconds(*time)).collect()))
        }))
    }

    fn of_kind(&self, kind: Kind) -> &Sample {
        let found = self.0.iter().find(|(other, _)| *other == kind);
        // Every kind is there.
        found.map_or(&self.0[0].1, |(_, sample)| sample)
    }

    fn told(&self, percent: f64) -> String {
        let told = self.0.iter().map(|(kind, sample)| format!("{} {:.2}", kind.name(), sample.percentile(percent)));
        told.collect::<Vec<_>>().join(", ")
    }

    fn json(&self) -> Value {
        let of = |sample: &Sample| {
            json!({
                "p50_ms": sample.median(), "p90_ms": sample.percentile(90.0), "p99_ms": sample.percentile(99.0),
                "most_ms": sample.greatest(),
            })
        };
        self.0
            .iter()
            .map(|(kind, sample)| (kind.name().to_owned(), of(sample)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

async fn under_load(jobs: &Jobs, many: usize) -> anyhow::Result<Vec<(Kind, Duration)>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answers = on_schedule(RATE_PER_S, many, |number| {
        let firsts = number / 10;
        let callback = match number % 10 {
            0 => jobs.first(firsts),
            place @ 1..=4 => jobs.repeat(firsts, place),
            place => jobs.forged(number, place),
        };
        send(client.clone(), callback, jobs.body())
    });
    let mut times = Vec::with_capacity(many);
    for (kind, latency) in answers.await? {
        times.push((kind?, latency));
    }
    Ok(times)
}

/// Sends one and sees that it is answered as it should be.
async fn send(client: reqwest::Client, callback: Callback, body: Bytes) -> anyhow::Result<Kind> {
    let answer = client.post(&callback.url).body(body).send().await?;
    let (status, kind) = (answer.status().as_u16(), callback.kind);
    ensure!(status == kind.status(), "a callback that is {} was answered {status}", kind.name());
    Ok(kind)
}

/// What one callback costs the host: time to the answer and processor time.
struct Cost {
    kind: Kind,
    latency: Sample,
    processor_ms: f64,
}

async fn one_by_one(host: &Host, jobs: &Jobs, blocks: usize) -> anyhow::Result<[Cost; 2]> {
    // Processor time is counted in hundredths of a second: a block has to be long.
    const BLOCK: usize = 250;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut measured = [Kind::Repeat, Kind::Forged].map(|kind| (kind, Vec::new(), Duration::ZERO));
    for block in 0..blocks {
        for (kind, times, processor) in &mut measured {
            let before = host.processor_time()?;
            for number in block * BLOCK..(block + 1) * BLOCK {
                let callback = if *kind == Kind::Repeat { jobs.repeat(number, 0) } else { jobs.forged(number, number) };
                let start = std::time::Instant::now();
                send(client.clone(), callback, jobs.body()).await?;
                times.push(milliseconds(start.elapsed()));
            }
            *processor += host.processor_time()? - before;
        }
    }
    Ok(measured.map(|(kind, times, processor)| Cost {
        kind,
        processor_ms: milliseconds(processor) / count(times.len()),
        latency: Sample::new(times),
    }))
}

/// First ones, repeats and forged ones, `each` of the latter two.
async fn invoke(function: &Function, jobs: &Jobs, each: usize) -> anyhow::Result<Vec<(Kind, Duration)>> {
    let mut times = Vec::new();
    // Its first answers open its connections.
    for number in 0..10 {
        function.invoke(&jobs.forged(number, number), &jobs.body()).await?;
        function.invoke(&jobs.first(0), &jobs.body()).await?;
    }
    let firsts = (1..jobs.count()).map(|number| jobs.first(number));
    let others = (0..each).flat_map(|number| [jobs.repeat(number, 0), jobs.forged(number, number)]);
    for callback in firsts.chain(others) {
        times.push((callback.kind, function.invoke(&callback, &jobs.body()).await?));
    }
    Ok(times)
}

fn load_line(times: &[(Kind, Duration)], seconds: usize) -> Line {
    let all = Sample::new(times.iter().map(|(_, time)| milliseconds(*time)).collect());
    let by_kind = Times::of(times);
    Line {
        measure: "webhook",
        what: format!("serve's webhook, {RATE_PER_S} callbacks a second for {seconds} s, 50 of them with a result"),
        goal: format!("p99 ≤ {P99_MS} ms"),
        result: format!(
            "p99 {:.1} ms, p50 {:.1} ms, most {:.1} ms (p99 by kind: {})",
            all.percentile(99.0),
            all.median(),
            all.greatest(),
            by_kind.told(99.0)
        ),
        peer: None,
        limit: "1 ms of it is the timer of the load".into(),
        met: all.percentile(99.0) <= P99_MS,
        numbers: json!({
            "callbacks": times.len(), "seconds": seconds, "p50_ms": all.median(), "p99_ms": all.percentile(99.0),
            "most_ms": all.greatest(), "by_kind": by_kind.json(),
        }),
    }
}

fn cost_line(costs: &[Cost; 2]) -> Line {
    let [repeat, forged] = costs;
    let ratio = forged.latency.median() / repeat.latency.median();
    let told = |cost: &Cost| {
        format!("{} {:.2} ms ({:.2} ms of processor time)", cost.kind.name(), cost.latency.median(), cost.processor_ms)
    };
    Line {
        measure: "webhook",
        what: "one callback at a time at serve's webhook".into(),
        goal: "forged cheaper than true".into(),
        result: format!("{}, {}; {ratio:.2} of it", told(forged), told(repeat)),
        peer: None,
        limit: "a request over loopback and one HMAC".into(),
        met: ratio < 1.0 && forged.processor_ms < repeat.processor_ms,
        numbers: json!({
            "forged_ms": forged.latency.median(), "forged_processor_ms": forged.processor_ms,
            "repeat_ms": repeat.latency.median(), "repeat_processor_ms": repeat.processor_ms, "ratio": ratio,
        }),
    }
}

fn function_line(times: &[(Kind, Duration)]) -> Line {
    let by_kind = Times::of(times);
    let median = |kind| by_kind.of_kind(kind).median();
    let (first, repeat, forged) = (median(Kind::First), median(Kind::Repeat), median(Kind::Forged));
    let p99 = Sample::new(times.iter().map(|(_, time)| milliseconds(*time)).collect()).percentile(99.0);
    Line {
        measure: "webhook",
        what: "one event at a time at one instance of the function".into(),
        goal: format!("p99 ≤ {P99_MS} ms, forged cheaper than true"),
        result: format!(
            "p50 in ms: {}; p99 of all {p99:.2}; forged {:.2} of a first one",
            by_kind.told(50.0),
            forged / first
        ),
        peer: None,
        limit: "the table and the queue are on this machine: on AWS each takes some ms more".into(),
        met: p99 <= P99_MS && forged < first && forged < repeat,
        numbers: json!({"events": times.len(), "p99_ms": p99, "forged_of_first": forged / first, "by_kind": by_kind.json()}),
    }
}
