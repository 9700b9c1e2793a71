//! Cold start of every function, beside a Python function that does the same work: from the start of the process to its
//! first poll, and to the answer to its first event, with what is resident at both.
//!
//! The events are real ones. A submit function gets an upload, writes its job, reads the image and sends it; the webhook
//! gets the callback of the watermark job that was just submitted; the collector fetches that job's result. The poller
//! finds nothing due, which is what it finds most often. S3, DynamoDB and SQS answer at once, and so do the services. What
//! Lambda does before a process starts (fetching and unpacking the code) is not in it, for neither side.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use axum::body::Bytes;
use serde_json::{Value, json};

use crate::{
    bench::{Bench, FUNCTIONS, peers_folder, root},
    numbers::{Sample, mib, milliseconds},
    process::Memory,
    providers::Providers,
    report::Line,
    runtime::{Function, batch, callback_event, environment, schedule_event, upload_event},
    stores::{NAME, Stores},
};

/// How many times faster than the peer a function is to start.
const FASTER: f64 = 25.0;
/// How many times less memory than the peer it is to have.
const SMALLER: f64 = 5.0;
/// How the peer is called in the results.
const PEER: &str = "peer";
/// A program that does nothing but ask for an event: `bare_poll` of this very program.
const BARE: &str = "bare";

/// The runs of one function.
#[derive(Default)]
struct Runs {
    first_poll_ms: Vec<f64>,
    resident_at_poll_mib: Vec<f64>,
    first_event_ms: Vec<f64>,
    event_ms: Vec<f64>,
    resident_at_event_mib: Vec<f64>,
    peak_mib: Vec<f64>,
}

/// One moment of all functions.
struct Moment {
    name: &'static str,
    times_ms: fn(&Runs) -> &Vec<f64>,
    memory_mib: fn(&Runs) -> &Vec<f64>,
}

const MOMENTS: [Moment; 2] = [
    Moment { name: "first poll", times_ms: |runs| &runs.first_poll_ms, memory_mib: |runs| &runs.resident_at_poll_mib },
    Moment {
        name: "first finished event",
        times_ms: |runs| &runs.first_event_ms,
        memory_mib: |runs| &runs.resident_at_event_mib,
    },
];

/// Where all of it happens.
struct World {
    stores: Stores,
    /// For the poller alone: it would wait for the jobs of the others, as it should.
    empty_stores: Stores,
    providers: Providers,
    uploads: usize,
    // What functions send is not delivered here, but somebody has to take it.
    _messages: tokio::sync::mpsc::UnboundedReceiver<crate::stores::Message>,
}

/// Measures all functions, the peer after each round of them.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let picture = Bytes::from(std::fs::read(root().join("cli/samples/coffee-watermarked.jpg"))?);
    let (stores, messages) = Stores::open().await?;
    let (empty_stores, _) = Stores::open().await?;
    let providers = Providers::open(picture).await?;
    let mut world = World { stores, empty_stores, providers, uploads: 0, _messages: messages };
    let rounds = bench.count(15, 3);
    let names: Vec<&str> = FUNCTIONS.into_iter().chain([PEER, BARE]).collect();
    let mut all: Vec<Runs> = names.iter().map(|_| Runs::default()).collect();
    // The first round finds files that nobody has read yet; it is not counted.
    for round in 0..=rounds {
        for (name, runs) in names.iter().zip(&mut all) {
            let mut uncounted = Runs::default();
            let runs = if round == 0 { &mut uncounted } else { runs };
            world.run(bench, name, runs).await.with_context(|| format!("the start of {name}"))?;
        }
    }
    let named: Vec<(&str, Runs)> = names.into_iter().zip(all).collect();
    let of = |wanted: &str| named.iter().find(|(name, _)| *name == wanted).map(|(_, runs)| runs);
    let (peer, bare) = (of(PEER).context("the peer")?, of(BARE).context("the bare program")?);
    let functions = || named.iter().filter(|(name, _)| FUNCTIONS.contains(name));
    Ok(MOMENTS
        .iter()
        .flat_map(|moment| functions().map(move |(name, runs)| line(moment, name, runs, peer, bare)))
        .collect())
}

impl World {
    async fn run(&mut self, bench: &Bench, name: &str, runs: &mut Runs) -> anyhow::Result<()> {
        let stores = if name == "poller" { &self.empty_stores } else { &self.stores };
        let door = stores.door(name).await?;
        let mut variables = environment(name, 1024, &door, "https://hooks.example");
        variables.extend(self.providers.environment());
        let own = std::env::current_exe()?;
        let (program, arguments, folder): (_, &[&str], _) = match name {
            PEER => (bench.python.clone(), &["-m", "awslambdaric", "lambda_function.handler"], peers_folder()),
            BARE => (own, &[BARE_POLL], root().to_owned()),
            function => (bench.binary(function)?, &[], root().to_owned()),
        };
        let mut function = Function::start(&program, arguments, &variables, Path::new(&folder), None).await?;
        let polled = function.first_poll().await?;
        let at_poll = function.process.memory()?;
        runs.first_poll_ms.push(milliseconds(polled));
        runs.resident_at_poll_mib.push(mib(at_poll.resident_bytes));
        if name != BARE {
            let invocation = function.invoke(&self.event(name).await?, Duration::from_secs(65)).await?;
            let status = &invocation.answer["statusCode"];
            anyhow::ensure!(status.is_null() || status == 200, "the webhook answered {}", invocation.answer);
            let Memory { resident_bytes, peak_bytes } = function.process.memory()?;
            runs.event_ms.push(milliseconds(invocation.duration));
            runs.first_event_ms.push(milliseconds(polled + invocation.duration));
            runs.resident_at_event_mib.push(mib(resident_bytes));
            runs.peak_mib.push(mib(peak_bytes));
        }
        function.process.stop().await
    }

    /// The first event of a function. The webhook's and the collector's follow from what submit-watermark left.
    async fn event(&mut self, name: &str) -> anyhow::Result<Value> {
        let watermark = name == PEER || name == "submit-watermark";
        Ok(match name.strip_prefix("submit-").or_else(|| watermark.then_some("watermark")) {
            Some(provider) => self.upload(provider),
            None if name == "poller" => schedule_event(),
            None if name == "webhook" => {
                let url = self.providers.take_callback_url().context("nobody was asked to call back")?;
                callback_event(url.trim_start_matches("https://hooks.example"), &self.providers.callback().to_string())
            }
            None => batch(&json!({"job_id": self.called_back().await?}).to_string()),
        })
    }

    fn upload(&mut self, provider: &str) -> Value {
        self.uploads += 1;
        let key = format!("uploads/{provider}/{}.jpg", self.uploads);
        let etag = self.stores.objects.put(&format!("/{NAME}/{key}"), self.providers.picture().clone());
        batch(&upload_event(&key, self.providers.picture().len(), &etag).to_string())
    }

    /// The job that waits for the collector: unfinished, with a callback.
    async fn called_back(&self) -> anyhow::Result<String> {
        let scan =
            json!({"TableName": NAME, "FilterExpression": "attribute_exists(callback) AND attribute_exists(lane)"});
        let found = self.stores.ask_table("Scan", &scan).await?;
        let id = found["Items"][0]["id"]["S"].as_str();
        Ok(id.with_context(|| format!("no job was called back: {found}"))?.to_owned())
    }
}

fn line(moment: &Moment, function: &str, runs: &Runs, peer: &Runs, bare: &Runs) -> Line {
    let sample = |values: &Vec<f64>| Sample::new(values.clone());
    let (time, memory) = (sample((moment.times_ms)(runs)), sample((moment.memory_mib)(runs)));
    let (peer_time, peer_memory) = (sample((moment.times_ms)(peer)), sample((moment.memory_mib)(peer)));
    let (bare_time, bare_memory) = (sample(&bare.first_poll_ms), sample(&bare.resident_at_poll_mib));
    let (faster, smaller) = (peer_time.median() / time.median(), peer_memory.median() / memory.median());
    let told = |time: &Sample, memory: &Sample| format!("{}, {:.1} MiB", time.told("ms"), memory.median());
    let json = |runs: &Runs| {
        json!({
            "first_poll_ms": sample(&runs.first_poll_ms).json(), "first_event_ms": sample(&runs.first_event_ms).json(),
            "event_ms": sample(&runs.event_ms).json(),
            "resident_at_first_poll_mib": sample(&runs.resident_at_poll_mib).json(),
            "resident_after_first_event_mib": sample(&runs.resident_at_event_mib).json(),
            "peak_mib": sample(&runs.peak_mib).json(),
        })
    };
    Line {
        measure: "start",
        what: format!("{function}: start of the process to {}", moment.name),
        goal: format!("≥ {FASTER}× faster, ≤ 1/{SMALLER} of the memory"),
        result: format!("{}; {faster:.0}× faster, 1/{smaller:.1} of the memory", told(&time, &memory)),
        peer: Some(told(&peer_time, &peer_memory)),
        limit: format!(
            "{:.1} ms, {:.1} MiB: a process that only connects and asks",
            bare_time.median(),
            bare_memory.median()
        ),
        met: faster >= FASTER && smaller >= SMALLER,
        numbers: json!({"function": json(runs), "peer": json(peer), "bare": json(bare), "faster": faster, "smaller": smaller}),
    }
}

/// The argument with which this program is the bare one.
pub(crate) const BARE_POLL: &str = "bare-poll";

/// Asks the runtime endpoint for an event, with nothing but the standard library, and waits for ever: what a function that
/// is started, linked and connected cannot be quicker than.
pub(crate) fn bare_poll() -> anyhow::Result<()> {
    use std::io::{Read as _, Write as _};
    let address = std::env::vars().find_map(|(name, value)| (name == "AWS_LAMBDA_RUNTIME_API").then_some(value));
    let address = address.context("AWS_LAMBDA_RUNTIME_API is not set")?;
    let mut connection = std::net::TcpStream::connect(&address)?;
    write!(connection, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {address}\r\n\r\n")?;
    let _ = connection.read(&mut [0; 1])?;
    Ok(())
}
