//! Watermark allows two requests a second: how close to that many uploads at once come, and that none is refused.

use std::time::{Duration, Instant};

use darkroom_sandbox::Latency;

use crate::{
    load::{Put, all_done, charged, client, memory_mb, put_many},
    world::{Outside, Serve, World},
};

const QUICK: Latency =
    Latency { imgfactory_ms_per_copy: 10, watermark_ms: 100, fangtang_ms: 50, vkcloud_ms: 20, imageban_ms: 10 };

#[tokio::test(flavor = "multi_thread")]
async fn twenty_four_uploads_at_once_are_each_sent_and_fetched_once() {
    // Other tests want the same processor: how exact the pace is, is for the long form alone.
    many_at_once(24).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a trial of nine minutes"]
async fn a_thousand_uploads_at_once_go_out_at_the_pace_and_none_is_refused() {
    many_at_once(1000).await.held_against_its_aims();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a trial of three minutes"]
async fn three_hundred_jobs_let_go_at_once_go_out_at_the_pace_and_none_is_refused() {
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).serve();
    outside.sandbox.faults().watermark.exhausted(true);
    let uploads = put_many(&serve, 300).await;
    // Every one of them finds the hold, and waits for its end.
    while crate::load::jobs(&serve) < uploads.len() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    outside.sandbox.faults().watermark.exhausted(false);
    assert!(serve.run(&["release", "watermark"]).status.success());
    measured("released at once", &outside, &serve, &uploads).await.held_against_its_aims();
}

async fn many_at_once(many: u32) -> Measured {
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).serve();
    let uploads = put_many(&serve, many).await;
    measured("pace", &outside, &serve, &uploads).await
}

/// Waits for all of them and reads the service's books.
async fn measured(name: &str, outside: &Outside, serve: &Serve, uploads: &[Put]) -> Measured {
    let many = uploads.len();
    let resident_mb = memory_mb(serve, "VmRSS");
    let slowest_health_ms = {
        let everything = charged(outside, many, Duration::from_secs(60 + 2 * many as u64));
        tokio::pin!(everything);
        let (client, health) = (client(), format!("{}/health", serve.http_url));
        let mut slowest = Duration::ZERO;
        loop {
            let start = Instant::now();
            assert!(client.get(&health).send().await.unwrap().status().is_success());
            slowest = slowest.max(start.elapsed());
            tokio::select! {
                () = &mut everything => break slowest.as_millis(),
                () = tokio::time::sleep(Duration::from_millis(250)) => {}
            }
        }
    };
    let documents = all_done(serve, uploads).await;
    let tries: u64 = documents.iter().map(|document| document["steps"][0]["attempts"].as_u64().unwrap()).sum();
    let ledger = outside.sandbox.ledger();
    let at_ms: Vec<u64> = ledger.charges.iter().map(|charge| charge.at_ms).collect();
    let took_s = Duration::from_millis(at_ms.last().unwrap() - at_ms[0]).as_secs_f64();
    let rate_per_s = (many - 1) as f64 / took_s;
    let refused = outside.requests("watermark 429");
    let (callbacks, fetched) = (outside.requests("watermark callback"), outside.requests("watermark targetImages"));
    println!(
        "trial {name}: {many} done, {} charges, {tries} tries, {refused} answered 429, {rate_per_s:.3}/s over \
         {took_s:.1} s, {callbacks} callbacks, {fetched} downloads, slowest /health {slowest_health_ms} ms, RSS \
         {resident_mb} → {} MB",
        at_ms.len(),
        memory_mb(serve, "VmHWM"),
    );
    assert_eq!(at_ms.len(), many, "as many charges as images");
    assert_eq!((callbacks, fetched), (many as u64, many as u64), "nothing is delivered again");
    Measured { refused, rate_per_s, slowest_health_ms }
}

/// What depends on how busy the machine is.
struct Measured {
    refused: u64,
    rate_per_s: f64,
    slowest_health_ms: u128,
}

impl Measured {
    fn held_against_its_aims(&self) {
        assert_eq!(self.refused, 0, "nothing is refused for coming too soon");
        assert!(self.rate_per_s >= 1.9, "{:.3} requests a second, of 2 that are allowed", self.rate_per_s);
        assert!(self.slowest_health_ms < 1000, "serve answers while it works");
    }
}
