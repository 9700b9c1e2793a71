//! Everything comes twice, and at the same time: notifications of S3, wake-ups and callbacks, to several instances of the
//! functions and to a serve over the same stores.

use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use darkroom_sandbox::Latency;
use serde_json::{Value, json};

use crate::{
    functions::Carrier,
    load::{Put, all_done, charged, jobs, put_many},
    world::{Outside, Serve, World},
};

const SECRET: &str = "the secret of the trial";
/// Messages in a batch of SQS.
const BATCH: usize = 10;
const LATENCY: Latency =
    Latency { imgfactory_ms_per_copy: 10, watermark_ms: 100, fangtang_ms: 50, vkcloud_ms: 20, imageban_ms: 10 };

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_repeated_notifications_make_no_job_and_no_request_more() {
    repeated_notifications(6, 50).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a trial of two minutes"]
async fn ten_thousand_repeated_notifications_make_no_job_and_no_request_more() {
    repeated_notifications(100, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_jobs_of_which_everything_comes_twice_are_each_sent_once() {
    everything_twice(6).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a trial of three minutes"]
async fn two_hundred_jobs_of_which_everything_comes_twice_are_each_sent_once() {
    everything_twice(200).await;
}

/// A serve, functions over its stores, and everything that they need.
async fn opened() -> (Outside, World, Serve, std::sync::Arc<Carrier>, String) {
    let outside = Outside::open(LATENCY).await;
    let (carrier, url) = Carrier::open().await;
    let world = World::new()
        .with_providers(&outside)
        .with_environment("DARKROOM_PUBLIC_URL", &url)
        .with_environment("DARKROOM_CALLBACK_SECRET", SECRET);
    let serve = world.serve();
    (outside, world, serve, carrier, url)
}

async fn repeated_notifications(uploads: u32, repeats: usize) {
    let (outside, world, serve, carrier, url) = opened().await;
    let functions = carrier.start(&url, SECRET, &serve, &outside).await;
    let start = Instant::now();
    // Serve tells its own workers; these are the repeats.
    let puts = put_many(&serve, uploads).await;
    let notifications: Vec<String> = puts.iter().map(|put| notification(&world, put)).collect();
    // Neighbours in a batch speak of the same upload, and so do the batches next to it.
    let all: Vec<String> = notifications.iter().flat_map(|one| std::iter::repeat_n(one.clone(), repeats)).collect();
    for batch in all.chunks(BATCH) {
        functions.submit.give_batch(batch);
    }
    let patience = Duration::from_secs(120 + u64::from(uploads) + all.len() as u64 / 10);
    functions.submit.idle(patience).await;
    let read_s = start.elapsed().as_secs_f64();
    charged(&outside, puts.len(), patience).await;
    all_done(&serve, &puts).await;
    functions.stop();
    let (made, submits, charges) = (jobs(&serve), outside.requests("watermark async"), outside.charges("watermark"));
    println!(
        "trial repeated notifications: {} repeats of {uploads}, {made} jobs, {submits} submits, {charges} charges, {} \
         answered 429; repeats read in {read_s:.1} s ({:.0}/s)",
        all.len(),
        outside.requests("watermark 429"),
        all.len() as f64 / read_s,
    );
    assert_eq!((made, submits, charges), (puts.len(), puts.len() as u64, puts.len()));
}

async fn everything_twice(uploads: u32) {
    let (outside, world, serve, carrier, url) = opened().await;
    outside.sandbox.faults().watermark.double_callbacks(true);
    let functions = carrier.start(&url, SECRET, &serve, &outside).await;
    let start = Instant::now();
    let puts = put_many(&serve, uploads).await;
    let notifications: Vec<String> = puts.iter().map(|put| notification(&world, put)).collect();
    for batch in notifications.chunks(BATCH) {
        functions.submit.give_batch(batch);
        functions.submit.give_batch(batch);
    }
    functions.submit.idle(Duration::from_secs(120)).await;
    let ids: Vec<Value> = serde_json::from_slice(&serve.run(&["jobs", "--json", "--limit", "100000"]).stdout).unwrap();
    let wake_ups: Vec<String> = ids.iter().map(|job| json!({"job_id": job["id"]}).to_string()).collect();
    let done = async {
        charged(&outside, puts.len(), Duration::from_secs(60 + 5 * u64::from(uploads))).await;
        all_done(&serve, &puts).await
    };
    tokio::pin!(done);
    // All the while, everybody is woken for every job, twice.
    let documents = loop {
        tokio::select! {
            documents = &mut done => break documents,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        for batch in wake_ups.chunks(BATCH) {
            for function in [&functions.submit, &functions.submit, &functions.collector, &functions.collector] {
                function.give_batch(batch);
            }
        }
        functions.submit.idle(Duration::from_secs(300)).await;
        functions.collector.idle(Duration::from_secs(300)).await;
    };
    for function in [&functions.submit, &functions.collector, &functions.webhook] {
        function.idle(Duration::from_secs(300)).await;
    }
    let tries: u64 = documents.iter().map(|document| document["steps"][0]["attempts"].as_u64().unwrap()).sum();
    functions.stop();
    let (made, submits, charges) = (jobs(&serve), outside.requests("watermark async"), outside.charges("watermark"));
    println!(
        "trial everything twice: {uploads} uploads, {made} jobs, {submits} submits, {tries} tries, {charges} charges, {} \
         answered 429, {} downloads; {} batches to submit, {} to the collector, {} callbacks sent and 4 of each delivered, \
         {:.1} s",
        outside.requests("watermark 429"),
        outside.requests("watermark targetImages"),
        functions.submit.given(),
        functions.collector.given(),
        carrier.callbacks.load(SeqCst),
        start.elapsed().as_secs_f64(),
    );
    assert_eq!((made, submits, charges), (puts.len(), puts.len() as u64, puts.len()));
    assert!(functions.submit.given() > 0 && functions.collector.given() > 0, "the functions have taken part");
    // Of a few jobs, serve may be the quicker one every time.
    assert!(uploads < 100 || carrier.wake_ups.load(SeqCst) > 0, "the functions have moved jobs");
}

/// The notification that the local S3 sent for an upload: with the same version, so that it means the same job.
fn notification(world: &World, put: &Put) -> String {
    let file = world.data().join("s3/darkroom").join(&put.key);
    let written = std::fs::metadata(file).unwrap().modified().unwrap();
    let version = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let mut event: Value = serde_json::from_str(include_str!("../../events/s3-put.json")).unwrap();
    event["Records"][0]["s3"]["object"] =
        json!({"key": put.key, "size": put.bytes, "eTag": put.etag, "sequencer": format!("{version:020X}")});
    event.to_string()
}
