//! The most memory that a function ever has (`VmHWM` in `/proc`) while it works on something large.
//!
//! Each number is of a fresh process: the real function on a runtime endpoint gets one event, and when it has answered,
//! the system is asked. S3 and DynamoDB are those of `stores`; results and services stand in this program, so nothing of
//! them is in the number. MB are 1 048 576 bytes.
//!
//! An object comes out of S3 as over a network, in pieces of 16 KB (a record of TLS): who gathers a body from large pieces
//! gives each back to the system at once, and would look better than he is.
//!
//! * The collector fetches a zip of 50 JPEGs of 4 MB each, deflated, and puts them into the bucket. Its job is one of
//!   imgfactory that is ready, written into the table by `darkroom-shared`. Its disk is not its memory: the zip and what is
//!   in it lie there.
//! * Each submit function gets the upload of an image as large as 15 MB, or as its service takes, and the service answers as
//!   it does. vkcloud's answer is the result itself, as base64, and so is measured twice: with a small result and with one as
//!   large as the image.
//! * What decodes images is measured with the largest that it takes (`memory/decoded.rs`).

mod decoded;

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Method, Response, StatusCode, header},
    routing::get,
};
use darkroom_shared::{
    aws,
    clock::Clock,
    job::{Job, JobId},
    store::Jobs,
};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    bench::{Bench, root},
    numbers::{Sample, count, mib},
    providers::Providers,
    report::Line,
    runtime::{Function, batch, environment, upload_event},
    stores::{NAME, Stores, listen},
};

const MIB: usize = 1024 * 1024;
/// Images in the zip.
const IMAGES: usize = 50;
/// Bytes of each.
const IMAGE_BYTES: usize = 4 * MIB;
/// The most that the collector may have, MB.
const COLLECTOR_MB: f64 = 64.0;
/// The large image.
const UPLOAD_BYTES: usize = 15 * MIB;
/// What a submit function may have beside, MB.
const BESIDE_MB: f64 = 16.0;
/// What comes at a time over a network.
const PIECE_BYTES: usize = 16 * 1024;
/// A function's time-out; nothing here comes near it.
const TIMEOUT: Duration = Duration::from_secs(150);

/// A function, the largest image that its service takes, and whether its result comes in the reply.
const SUBMITS: [(&str, usize, bool); 6] = [
    ("submit-imgfactory", UPLOAD_BYTES, false),
    ("submit-fangtang", UPLOAD_BYTES, false),
    ("submit-vkcloud", UPLOAD_BYTES, false),
    ("submit-vkcloud", UPLOAD_BYTES, true),
    ("submit-imageban", 10 * MIB, false),
    ("submit-watermark", 4 * MIB, false),
];

/// What a process had.
#[derive(Default)]
struct Peaks {
    at_poll_mib: Vec<f64>,
    most_mib: Vec<f64>,
    event_s: Vec<f64>,
}

/// Measures all of it.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let runs = bench.count(5, 1);
    let mut lines = vec![collector(bench, runs).await?];
    for (function, bytes, in_reply) in SUBMITS {
        lines.push(submit(bench, runs, function, bytes, in_reply).await.context(function)?);
    }
    lines.extend(decoded::measure(bench, runs).await?);
    Ok(lines)
}

/// The collector on a zip.
async fn collector(bench: &Bench, runs: usize) -> anyhow::Result<Line> {
    let zip = tokio::task::spawn_blocking(archive).await??;
    let zip_mib = mib(zip.len() as u64);
    let url = listen(Router::new().route("/result.zip", get(result)).with_state(zip)).await?;
    let mut peaks = Peaks::default();
    for _ in 0..runs {
        let (stores, _messages) = Stores::open().await?;
        let door = as_over_a_network(&stores, "collector").await?;
        let job = ready_job(&format!("{url}/result.zip"))?;
        Jobs::new(aws::dynamodb(&aws::local("test", "test")?, Some(&door)), NAME).create(&job).await?;
        let mut variables = environment("collector", 512, &door, "https://hooks.example");
        variables.push(("IMGFACTORY_URL".to_owned(), url.clone()));
        let event = batch(&json!({"job_id": job.id.as_str()}).to_string());
        run(bench, "collector", &variables, &event, &mut peaks).await?;
        for name in ["large_1.jpg".to_owned(), format!("large_{IMAGES}.jpg"), "job.json".to_owned()] {
            let path = format!("/{NAME}/results/imgfactory/default/large.jpg/{name}");
            anyhow::ensure!(stores.objects.get(&path).is_some(), "{path} is not in the bucket");
        }
    }
    let most = Sample::new(peaks.most_mib.clone());
    Ok(Line {
        measure: "memory",
        what: format!("collector: a zip of {IMAGES} × {} MB", IMAGE_BYTES / MIB),
        goal: format!("≤ {COLLECTOR_MB} MB resident at most"),
        result: format!("{}; {:.0} MB of zip through it", most.told("MB"), zip_mib),
        peer: None,
        limit: format!("{}: waiting for its first event", Sample::new(peaks.at_poll_mib.clone()).told("MB")),
        met: most.greatest() <= COLLECTOR_MB,
        numbers: json(&peaks),
    })
}

/// A submit function on a large image.
async fn submit(bench: &Bench, runs: usize, function: &str, bytes: usize, in_reply: bool) -> anyhow::Result<Line> {
    let image = Bytes::from(picture(bytes, 1));
    let picture = if in_reply { image.clone() } else { Bytes::from(picture(MIB / 10, 2)) };
    let provider = function.trim_start_matches("submit-");
    let services = Providers::open(picture).await?;
    let mut peaks = Peaks::default();
    for _ in 0..runs {
        let (stores, _messages) = Stores::open().await?;
        let door = as_over_a_network(&stores, function).await?;
        let key = format!("uploads/{provider}/large.jpg");
        let etag = stores.objects.put(&format!("/{NAME}/{key}"), image.clone());
        let mut variables = environment(function, 1024, &door, "https://hooks.example");
        variables.extend(services.environment());
        let event = batch(&upload_event(&key, image.len(), &etag).to_string());
        run(bench, function, &variables, &event, &mut peaks).await?;
        submitted(&stores).await?;
    }
    let size = count(bytes) / count(MIB);
    let most = Sample::new(peaks.most_mib.clone());
    let goal = 3.0 * size + BESIDE_MB;
    let reply = if in_reply { format!(", a result of {size} MB in the reply") } else { String::new() };
    Ok(Line {
        measure: "memory",
        what: format!("{function}: an image of {size} MB{reply}"),
        goal: format!("≤ 3 × its size + {BESIDE_MB} MB = {goal} MB resident at most"),
        result: format!("{}: {:.1} × its size beside what it has at rest", most.told("MB"), times(&peaks, size)),
        peer: None,
        limit: format!("{} at rest, and the image once", Sample::new(peaks.at_poll_mib.clone()).told("MB")),
        met: most.greatest() <= goal,
        numbers: json(&peaks),
    })
}

/// Has a fresh process handle one event.
async fn run(
    bench: &Bench,
    function: &str,
    variables: &[(String, String)],
    event: &serde_json::Value,
    peaks: &mut Peaks,
) -> anyhow::Result<()> {
    let mut function = Function::start(&bench.binary(function)?, &[], variables, root(), None).await?;
    function.first_poll().await?;
    peaks.at_poll_mib.push(mib(function.process.memory()?.peak_bytes));
    let invocation = function.invoke(event, TIMEOUT).await?;
    peaks.most_mib.push(mib(function.process.memory()?.peak_bytes));
    peaks.event_s.push(invocation.duration.as_secs_f64());
    function.process.stop().await
}

/// That a job was refused would look like very little memory.
async fn submitted(stores: &Stores) -> anyhow::Result<()> {
    let scan = json!({"TableName": NAME, "FilterExpression": "attribute_exists(upload)"});
    let found = stores.ask_table("Scan", &scan).await?;
    let state = found["Items"][0]["state"]["M"]["name"]["S"].as_str().unwrap_or("none");
    anyhow::ensure!(matches!(state, "waiting" | "done"), "the job is '{state}': {found}");
    Ok(())
}

fn times(peaks: &Peaks, size: f64) -> f64 {
    let median = |values: &[f64]| Sample::new(values.to_vec()).median();
    (median(&peaks.most_mib) - median(&peaks.at_poll_mib)) / size
}

fn json(peaks: &Peaks) -> serde_json::Value {
    let of = |values: &[f64]| Sample::new(values.to_vec()).json();
    json!({"at_first_poll_mib": of(&peaks.at_poll_mib), "peak_mib": of(&peaks.most_mib), "event_s": of(&peaks.event_s)})
}

/// A job of imgfactory whose zip lies at `url`.
fn ready_job(url: &str) -> anyhow::Result<Job> {
    let now = Clock::system().now();
    let key = "uploads/imgfactory/default/large.jpg";
    let job = json!({
        "id": JobId::of_upload(NAME, key, "1").as_str(), "revision": 4, "route": "imgfactory/default",
        "created_at": now.to_string(),
        "upload": {"bucket": NAME, "key": key, "etag": "d41d8cd98f00b204e9800998ecf8427e", "bytes": IMAGE_BYTES},
        "state": {"name": "ready", "since": now.to_string(), "due_at": now.to_string(), "failures": 0,
            "source": {"kind": "archive", "url": url}},
        "steps": [{"provider": "imgfactory", "preset": "default", "options": {"copies": IMAGES}, "input": key,
            "attempts": 1, "task_id": "1"}],
    });
    serde_json::from_value(job).context("a job that darkroom cannot read")
}

/// A door through which objects come in small pieces.
async fn as_over_a_network(stores: &Stores, function: &str) -> anyhow::Result<String> {
    let behind = stores.door(function).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    listen(Router::new().fallback(pass_on).with_state((stores.clone(), behind, client))).await
}

async fn pass_on(
    State((stores, behind, client)): State<(Stores, String, reqwest::Client)>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.method == Method::GET
        && let Some(object) = stores.objects.get(head.uri.path())
    {
        let pieces = (0..object.body.len()).step_by(PIECE_BYTES);
        let length = object.body.len();
        let piece = move |from: usize| object.body.slice(from..length.min(from + PIECE_BYTES));
        let body = stream::iter(pieces.map(piece)).then(|piece| async move {
            tokio::time::sleep(Duration::from_micros(100)).await;
            Ok::<_, std::io::Error>(piece)
        });
        let response = Response::builder().header(header::ETAG, format!("\"{}\"", object.etag));
        let response = response.header(header::CONTENT_LENGTH, length).body(Body::from_stream(body));
        return response.unwrap_or_default();
    }
    let url = format!("{behind}{}", head.uri);
    let mut headers = head.headers;
    headers.remove(header::HOST);
    let reply =
        client.request(head.method, url).headers(headers).body(reqwest::Body::wrap_stream(body.into_data_stream()));
    let passed = async {
        let reply = reply.send().await?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        Ok::<_, reqwest::Error>((status, headers, reply.bytes().await?))
    };
    let mut response = Response::new(Body::empty());
    match passed.await {
        Ok((status, headers, body)) => {
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            *response.body_mut() = Body::from(body);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_GATEWAY,
    }
    response
}

async fn result(State(zip): State<Bytes>) -> Bytes {
    zip
}

fn archive() -> anyhow::Result<Bytes> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(1));
    for number in 1..=IMAGES {
        zip.start_file(format!("large_{number}.jpg"), options)?;
        zip.write_all(&picture(IMAGE_BYTES, number as u64))?;
    }
    Ok(zip.finish()?.into_inner().into())
}

/// What looks like a JPEG of `bytes` from outside: the head of one, and noise, which nothing makes smaller.
fn picture(bytes: usize, seed: u64) -> Vec<u8> {
    // Start, and a frame of 3000 × 2000 pixels in three colours.
    let mut picture = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0x07, 0xD0, 0x0B, 0xB8, 3];
    picture.extend([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    let mut noise = seed | 1 << 40;
    while picture.len() < bytes {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        picture.extend(noise.to_le_bytes());
    }
    picture.truncate(bytes);
    picture
}
