//! AWS requests for each image, counted where they arrive, and what they cost.
//!
//! The functions are the deployed ones, as processes; S3 tells the submit function through a queue, the service is that of
//! `darkroom sandbox`, callbacks come through the webhook, and the poller runs as often as there is somebody to wait for.
//! Images come as fast as the service takes them. One image before the others is not counted: it finds notes and counters
//! that are not there yet. Thumbnails are switched off (`DARKROOM_THUMBNAILS`) but on the ways that say so. What the poller reads to find due jobs is told apart: it costs by the minute, not by the image.

mod deployment;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::body::Bytes;
use serde_json::{Value, json};

use self::deployment::{Books, Deployment};
use crate::{
    bench::{Bench, root},
    numbers::count,
    prices::{FORMULA, PRICES_OF, Usage},
    report::Line,
    stores::{Asked, Tally},
};

/// Copies that imgfactory makes, in the preset below.
const COPIES: u32 = 3;
const CONFIG: &str = "[imgfactory.three]\ncopies = 3\nrotate = { min = 1, max = 2 }\n";
/// Longer than the interval of the slowest service at its documented pace (520 ms, and 150 ms more after a pause): no
/// image finds another's slot before it.
const BETWEEN_UPLOADS: Duration = Duration::from_millis(800);
const PATIENCE: Duration = Duration::from_secs(180);
const MINUTES_OF_A_MONTH: f64 = 60.0 * 24.0 * 30.0;

/// A way through darkroom.
struct Way {
    provider: &'static str,
    route: &'static str,
    called: &'static str,
    outputs: u32,
    /// Whether the result comes in the reply.
    at_once: bool,
    polled: bool,
    /// All images come at the same time, so that most wait for a slot of the service's pace.
    burst: bool,
    /// Thumbnails of the image and of what came of it are made for the gallery.
    thumbnails: bool,
}

const WAYS: [Way; 8] = [
    Way {
        called: "imgfactory, 3 copies, polled",
        route: "imgfactory/three",
        outputs: COPIES,
        polled: true,
        ..Way::of("imgfactory")
    },
    Way { called: "watermark, called back", ..Way::of("watermark") },
    Way { called: "fangtang, polled", polled: true, ..Way::of("fangtang") },
    Way { called: "vkcloud, in the reply", at_once: true, ..Way::of("vkcloud") },
    Way { called: "imageban, in the reply", at_once: true, ..Way::of("imageban") },
    Way { called: "watermark, all images at once", polled: true, burst: true, ..Way::of("watermark") },
    Way {
        called: "imgfactory, 3 copies, polled, with thumbnails",
        route: "imgfactory/three",
        outputs: COPIES,
        polled: true,
        thumbnails: true,
        ..Way::of("imgfactory")
    },
    Way { called: "vkcloud, in the reply, with thumbnails", at_once: true, thumbnails: true, ..Way::of("vkcloud") },
];

impl Way {
    const fn of(provider: &'static str) -> Self {
        Self {
            provider,
            route: provider,
            called: provider,
            outputs: 1,
            at_once: false,
            polled: false,
            burst: false,
            thumbnails: false,
        }
    }
}

/// What one image asked for, on average.
struct PerImage {
    s3_gets: f64,
    s3_puts: f64,
    writes: f64,
    reads: f64,
    messages: f64,
    usage: Usage,
}

/// Sends images on every way.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let images = bench.count(20, 4);
    let mut lines = Vec::new();
    for (thumbnails, set) in [(false, "off"), (true, "on")] {
        let deployment = Deployment::start(bench, CONFIG, set).await?;
        if !thumbnails {
            // Before there is any job: what a minute costs in which nobody wants anything.
            deployment.poll().await?;
            deployment.take_books()?;
            deployment.poll().await?;
            lines.push(idle_line(&deployment.take_books()?));
        }
        for way in WAYS.iter().filter(|way| way.thumbnails == thumbnails) {
            send(&deployment, way, "first", 1).await.with_context(|| way.called)?;
            deployment.take_books()?;
            send(&deployment, way, "counted", images).await.with_context(|| way.called)?;
            let books = deployment.take_books()?;
            lines.extend(way_lines(way, images, &books));
        }
    }
    Ok(lines)
}

/// Sends images and waits until everything has come to rest.
async fn send(deployment: &Arc<Deployment>, way: &Way, run: &str, images: usize) -> anyhow::Result<()> {
    let picture = std::fs::read(root().join("cli/samples/cat.jpg"))?;
    let folder = if way.burst { "burst" } else { "paced" };
    let mut keys = Vec::new();
    let poller = way.polled.then(|| tokio::spawn(poll_on(Arc::clone(deployment))));
    for number in 0..images {
        let key = format!("uploads/{}/{folder}-{run}-{number}.jpg", way.route);
        // What follows the end of a JPEG changes its hash and nothing else, so that no service answers from a cache.
        let image = [&picture[..], key.as_bytes(), uuid::Uuid::new_v4().as_bytes()].concat();
        deployment.upload(way.provider, &key, Bytes::from(image));
        keys.push(key);
        if !way.burst {
            tokio::time::sleep(BETWEEN_UPLOADS).await;
        }
    }
    let since = Instant::now();
    for key in &keys {
        let document = loop {
            if let Some(document) = deployment.document(key)? {
                break document;
            }
            deployment.is_idle()?;
            anyhow::ensure!(since.elapsed() < PATIENCE, "{key} has not ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let outputs = document["outputs"].as_array().map_or(0, Vec::len);
        let done = document["state"] == "done" && outputs == way.outputs as usize;
        anyhow::ensure!(done, "{key} is not done as it should be: {document}");
    }
    if let Some(poller) = poller {
        poller.abort();
    }
    // The last write follows job.json, and a poller that is under way ends when it finds nothing due.
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if deployment.is_idle()? {
            return Ok(());
        }
        anyhow::ensure!(since.elapsed() < PATIENCE, "messages are still under way");
    }
}

/// The poller, one run after the other.
async fn poll_on(deployment: Arc<Deployment>) -> anyhow::Result<()> {
    loop {
        deployment.poll().await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Whether it is the poller's search for due jobs, and not about one image.
fn is_search(asked: &Asked) -> bool {
    asked.function == "poller" && matches!(asked.operation.as_str(), "Query" | "GetItem")
}

fn per_image(images: usize, books: &Books) -> PerImage {
    let images = count(images);
    let sum = |wanted: &dyn Fn(&Asked) -> bool| -> (f64, f64) {
        let tallies =
            books.asked.iter().filter(|(asked, _)| wanted(asked) && !is_search(asked)).map(|(_, tally)| tally);
        let (requests, units) =
            tallies.fold((0, 0.0), |(requests, units), tally: &Tally| (requests + tally.requests, units + tally.units));
        (count(requests) / images, units / images)
    };
    let is_write = |asked: &Asked| matches!(asked.operation.as_str(), "PutItem" | "UpdateItem" | "DeleteItem");
    let (writes, write_units) = sum(&|asked| asked.service == "DynamoDB" && is_write(asked));
    let (reads, read_units) = sum(&|asked| asked.service == "DynamoDB" && !is_write(asked));
    let (s3_gets, _) = sum(&|asked| asked.service == "S3" && asked.operation != "PutObject");
    let (s3_puts, _) = sum(&|asked| asked.operation == "PutObject");
    let messages = count(books.messages) / images;
    let billed = || books.billed.iter().filter(|(name, _)| **name != "poller").map(|(_, billed)| billed);
    let usage = Usage {
        s3_puts,
        s3_gets,
        write_units,
        read_units,
        sqs_requests: messages * 3.0,
        invocations: count(billed().map(|billed| billed.invocations).sum()) / images,
        gb_seconds: billed().map(|billed| billed.gb_seconds).sum::<f64>() / images,
        log_bytes: count(log_bytes(books, |name| name != "poller")) / images,
    };
    PerImage { s3_gets, s3_puts, writes, reads, messages, usage }
}

fn way_lines(way: &Way, images: usize, books: &Books) -> [Line; 2] {
    let image = per_image(images, books);
    // Of the upload and of each output, where they are made.
    let thumbnails = if way.thumbnails { way.outputs + 1 } else { 0 };
    let (puts, gets) = (way.outputs + 1 + thumbnails, 1 + thumbnails);
    let most_writes = if way.at_once { 3.0 } else { 5.0 };
    let PerImage { s3_gets, s3_puts, writes, reads, messages, usage } = &image;
    let goal = if way.thumbnails {
        "known".to_owned()
    } else if way.at_once {
        format!("≤ {most_writes} writes")
    } else {
        format!("≤ 1 GET, {puts} PUT, {most_writes} writes, 0 reads, 2 messages")
    };
    let others = *s3_gets <= 1.0 && *s3_puts <= f64::from(puts) && *reads <= 0.0 && *messages <= 2.0;
    let thousand = usage.times(1000.0);
    let cost = thousand.cost();
    let least = Usage { s3_gets: f64::from(gets), s3_puts: f64::from(puts), ..Usage::default() };
    let by_function = by_function(images, books);
    let counted = Line {
        measure: "requests",
        what: format!("{}: AWS requests an image", way.called),
        goal,
        result: format!(
            "{s3_gets:.1} GET, {s3_puts:.1} PUT, {writes:.1} writes ({:.1} units), {reads:.1} reads, {messages:.1} messages",
            usage.write_units
        ),
        peer: None,
        limit: format!(
            "{gets} GET, {puts} PUT: the image and what is left of it{}",
            if way.thumbnails { ", and to see both small" } else { "" }
        ),
        met: way.thumbnails || *writes <= most_writes && (way.at_once || others),
        numbers: json!({"images": images, "per_image": usage, "writes": writes, "reads": reads, "messages": messages,
            "by_function": by_function}),
    };
    let costs = Line {
        measure: "requests",
        what: format!("{}: cost of 1 000 images", way.called),
        goal: "known".into(),
        result: cost.told(),
        peer: None,
        limit: format!("${:.4}: those S3 requests alone", least.times(1000.0).cost().total()),
        met: true,
        numbers: json!({"prices_of": PRICES_OF, "formula": FORMULA, "usage_of_1000": thousand, "dollars": cost,
            "billed": books.billed}),
    };
    [counted, costs]
}

fn log_bytes(books: &Books, wanted: impl Fn(&str) -> bool) -> usize {
    books.log_bytes.iter().filter(|(name, _)| wanted(name)).map(|(_, bytes)| bytes).sum()
}

/// What each function asked for, for each image.
fn by_function(images: usize, books: &Books) -> Value {
    let told = books.asked.iter().map(|(asked, tally)| {
        let name = format!("{} {} {}", asked.function, asked.service, asked.operation);
        let search = is_search(asked).then_some("not of an image");
        (name, json!({"requests": count(tally.requests) / count(images), "units": tally.units / count(images), "note": search}))
    });
    Value::Object(told.collect())
}

/// A minute in which nothing is due, and a month of such minutes.
fn idle_line(books: &Books) -> Line {
    let sum = |operation: &str| -> (usize, f64) {
        let asked = books.asked.iter().filter(|(asked, _)| asked.operation == operation).map(|(_, tally)| tally);
        asked.fold((0, 0.0), |(requests, units), tally| (requests + tally.requests, units + tally.units))
    };
    let ((queries, query_units), (gets, get_units)) = (sum("Query"), sum("GetItem"));
    let (invocations, gb_seconds) = books.billed.values().fold((0, 0.0), |(invocations, gb_seconds), billed| {
        (invocations + billed.invocations, gb_seconds + billed.gb_seconds)
    });
    let minute = Usage {
        read_units: query_units + get_units,
        invocations: count(invocations),
        gb_seconds,
        log_bytes: count(log_bytes(books, |name| name == "poller")),
        ..Usage::default()
    };
    let month = minute.times(MINUTES_OF_A_MONTH).cost();
    Line {
        measure: "requests",
        what: "poller, when nothing is due: requests a minute, cost a month".into(),
        goal: "known".into(),
        result: format!("{queries} queries, {gets} reads ({:.1} units); {}", minute.read_units, month.told()),
        peer: None,
        limit: format!("1 invocation a minute; prices: {PRICES_OF}"),
        met: true,
        numbers: json!({"minute": minute, "month_dollars": month, "by_function": by_function(1, books), "formula": FORMULA}),
    }
}
