//! How long after a provider is done its result lies in the bucket, under load.
//!
//! **By callback.** Pictures of 100 KB are put to `darkroom serve` on a fixed schedule, 50 a second; watermark (in this
//! process) takes each and is done half a second later. The clock starts when it begins to send the callback and stops
//! when the result, which the host has fetched from it meanwhile, is in the bucket: a thread looks for the file every
//! millisecond.
//!
//! **By polling.** The same with imgfactory, 20 a second, done 0.3 to 3.5 s after they were taken, spread evenly. A host
//! polls a job 2 s after it was taken and then after waits that grow by a quarter (`shared/src/job/schedule.rs`, docs). So
//! the interval within which a job was done is known for each: 2 s up to 2 s, 2.5 s up to 4.5 s. What counts is what a
//! result took beyond that interval; told as well is the time since the answer that said that it is done.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{
    bench::Bench,
    load::{Done, Flow, Host, Provider, Store, on_schedule, picture, run, watch},
    numbers::{Sample, milliseconds},
    report::Line,
};

/// The goals, in milliseconds.
const CALLBACK_MEDIAN_MS: f64 = 60.0;
const CALLBACK_P99_MS: f64 = 250.0;
const BEYOND_INTERVAL_MS: f64 = 100.0;
/// A picture that is called back for is done after this.
const WORK: Duration = Duration::from_millis(500);
/// The first poll, and by how much the waits grow.
const FIRST_POLL: Duration = Duration::from_secs(2);
const GROWTH: f64 = 1.25;

/// Measures both ways.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let provider = Provider::open().await?;
    let host = Host::start(bench, &provider).await?;
    run(&host, &["watermark", "imgfactory"].map(Flow::of), "warm", 32).await?;
    host.idle(Duration::from_secs(30)).await?;

    provider.takes(Some(|_| WORK));
    let called = seen(&host, &provider, "watermark", 50.0, bench.count(1000, 250)).await?;
    host.idle(Duration::from_secs(30)).await?;

    provider.takes(Some(works));
    let polled = seen(&host, &provider, "imgfactory", 20.0, bench.count(400, 100)).await?;
    Ok(vec![by_callback(&called), by_polling(&polled)])
}

/// How long imgfactory is at work: evenly spread over the first two intervals, in an order that has no rhythm.
fn works(number: u64) -> Duration {
    Duration::from_millis(300 + number * 1117 % 3200)
}

/// Puts `many` pictures on a schedule and returns when each was done and when its result was there.
async fn seen(
    host: &Host,
    provider: &Provider,
    name: &str,
    rate_per_s: f64,
    many: usize,
) -> anyhow::Result<Vec<(Done, Instant)>> {
    let store = Store::of(host)?;
    let mut addresses = Vec::with_capacity(many);
    for number in 0..many {
        addresses.push(store.address_to_put(&format!("uploads/{name}/default/{number}.jpg")).await?);
    }
    let (told, done) = mpsc::channel();
    provider.tells(told);
    let results = host.object(&format!("results/{name}/default"));
    let place = move |number: u64| results.join(format!("{number}.jpg/{number}.jpg"));
    let patience = Duration::from_secs(60) + Duration::from_secs_f64(crate::numbers::count(many) / rate_per_s);
    let watching = watch(done, many, patience, place);
    let mut uploads = addresses.into_iter();
    let puts = on_schedule(rate_per_s, many, |number| {
        let (store, address) = (store.clone(), uploads.next().unwrap_or_default());
        async move { store.put(&address, picture(u64::try_from(number)?)).await }
    });
    for (put, _) in puts.await? {
        put?;
    }
    let seen = tokio::task::spawn_blocking(move || watching.join()).await?;
    let seen = seen.map_err(|_| anyhow::anyhow!("the watching thread died"))?;
    ensure!(seen.len() == many, "{} of {many} results came; the log ends:\n{}", seen.len(), host.log());
    Ok(seen)
}

fn by_callback(seen: &[(Done, Instant)]) -> Line {
    let took = Sample::new(seen.iter().map(|(done, there)| milliseconds(*there - done.at)).collect());
    let (median, p99) = (took.median(), took.percentile(99.0));
    Line {
        measure: "latency",
        what: "callback begins → result in the bucket, 50 images of 100 KB a second".into(),
        goal: format!("p50 ≤ {CALLBACK_MEDIAN_MS} ms, p99 ≤ {CALLBACK_P99_MS} ms"),
        result: format!("p50 {median:.1} ms, p99 {p99:.1} ms, most {:.1} ms", took.greatest()),
        peer: None,
        limit: format!(
            "{:.1} ms, the least seen: one write, one read, one fetch, one write of the row, one put, one after the other",
            took.least()
        ),
        met: median <= CALLBACK_MEDIAN_MS && p99 <= CALLBACK_P99_MS,
        numbers: json!({"images": seen.len(), "images_per_s": 50, "ms": percentiles(&took)}),
    }
}

fn by_polling(seen: &[(Done, Instant)]) -> Line {
    let since_done = |(done, there): &(Done, Instant)| milliseconds(there.saturating_duration_since(done.at));
    let took = Sample::new(seen.iter().map(since_done).collect());
    let beyond =
        seen.iter().map(|one| since_done(one) - milliseconds(interval(works(one.0.number)))).collect::<Vec<_>>();
    let beyond = Sample::new(beyond);
    let after_poll = seen.iter().map(|(done, there)| milliseconds(there.saturating_duration_since(done.said_at)));
    let after_poll = Sample::new(after_poll.collect());
    Line {
        measure: "latency",
        what: "task done → polled result in the bucket, 20 images of 100 KB a second".into(),
        goal: format!("≤ the poll interval + {BEYOND_INTERVAL_MS} ms"),
        result: format!(
            "p50 {:.0} ms, p99 {:.0} ms; beyond the interval at most {:.0} ms; from the answer that tells of it p50 {:.1} \
             ms, p99 {:.1} ms",
            took.median(),
            took.percentile(99.0),
            beyond.greatest(),
            after_poll.median(),
            after_poll.percentile(99.0)
        ),
        peer: None,
        limit: "half of the interval on average: 1 to 1.25 s with polls after 2 and 2.5 s".into(),
        met: beyond.greatest() <= BEYOND_INTERVAL_MS,
        numbers: json!({
            "images": seen.len(), "images_per_s": 20, "ms": percentiles(&took),
            "beyond_interval_ms": percentiles(&beyond), "after_poll_ms": percentiles(&after_poll),
        }),
    }
}

/// The wait between polls in which a task is done that was at work for `work`.
fn interval(work: Duration) -> Duration {
    let (mut interval, mut polled) = (FIRST_POLL, FIRST_POLL);
    while polled < work {
        interval = interval.mul_f64(GROWTH);
        polled += interval;
    }
    interval
}

fn percentiles(sample: &Sample) -> Value {
    json!({
        "least": sample.least(), "p50": sample.median(), "p90": sample.percentile(90.0),
        "p99": sample.percentile(99.0), "most": sample.greatest(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_one_in_which_the_work_ended() {
        let intervals = [300, 1999, 2001, 3499, 4501].map(|ms| interval(Duration::from_millis(ms)).as_millis());
        assert_eq!(intervals, [2000, 2000, 2500, 2500, 3125]);
    }
}
