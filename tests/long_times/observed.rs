//! What an operator sees of a job: its lines in the log, as a function writes them, and the numbers.

use std::{cell::RefCell, io::Write, sync::Once};

use darkroom_shared::{
    flow::{collect, poll, receive_callback},
    job::{FailureKind, Outcome, ProviderName, Report, ResultSource, StateName},
    provider::{Advice, Delivery, ErrorKind, Submitted},
    telemetry,
};
use serde_json::Value;

use crate::world::{RETRY, Scripted, World, after, failure, hours, minutes, now, refusal, set_now};

thread_local! {
    /// What this story's thread has logged, while it listens.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Listens to this thread from now on. One subscriber for all stories: of several, each for a thread of its own, one would
/// miss the lines that another thread, with none, has come by first.
fn listen() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let subscriber = telemetry::json("darkroom_shared=debug", || ThisThread);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    LOG.set(Some(Vec::new()));
}

/// The lines so far.
fn logged() -> Vec<Value> {
    let text = String::from_utf8(LOG.with_borrow(|log| log.clone().unwrap())).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Those of a function, which logs from `info` on, whose field `name` is `value`: a query's `filter name = "value"`.
fn filtered(name: &str, value: &str) -> Vec<Value> {
    logged().into_iter().filter(|line| line["level"] != "DEBUG" && line[name] == value).collect()
}

/// What the service says by callback of an image that it cannot read.
fn refused_by_callback() -> String {
    let body = include_str!("../../shared/src/provider/watermark/fixtures/sync_done.json");
    body.replace("\"processStatus\": 0", "\"processStatus\": 52001")
}

/// The query of `docs/LOGGING.md`, "From an upload to the reason", held by what it filters and shows.
#[tokio::test]
async fn a_failed_job_can_be_followed_from_its_upload_to_the_reason_by_its_key_or_its_id() {
    listen();
    let world = World::with(Scripted::of(ProviderName::Watermark, Delivery::Callback)).await;
    let id = world.put(ProviderName::Watermark).await;
    set_now(after(minutes(1)));
    let body = refused_by_callback();
    receive_callback(&world.app, ProviderName::Watermark, &id, body.as_bytes()).await.unwrap();
    collect(&world.app, &id).await.unwrap();
    let reason = failure(&world.job(&id).await).clone();

    let by_key = filtered("key", "uploads/watermark/a.png");
    assert_eq!(by_key[0]["message"], "job made");
    assert_eq!(by_key[0]["job_id"], id.as_str());
    let by_id = filtered("job_id", id.as_str());
    let told: Vec<&str> = by_id.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "job made",
            "job moved",
            "provider answered",
            "job moved",
            "callback taken",
            "the provider did not do it",
            "job failed",
            "job moved",
        ]
    );
    for line in &by_id {
        assert_eq!(line["provider"], "watermark", "{line}");
        // The webhook writes a callback down and reads no row.
        if line["message"] != "callback taken" {
            let attempt = u64::from(line["message"] != "job made");
            assert_eq!(
                (&line["preset"], &line["step"], &line["attempt"], &line["upload_job_id"]),
                (&"default".into(), &1.into(), &attempt.into(), &id.as_str().into()),
                "{line}"
            );
        }
    }
    let moves: Vec<String> =
        by_id.iter().filter(|line| line["message"] == "job moved").map(|l| l["to"].to_string()).collect();
    assert_eq!(moves, ["\"submitting\"", "\"waiting\"", "\"failed\""]);
    let failed = by_id.iter().find(|line| line["message"] == "job failed").unwrap();
    assert_eq!(failed["kind"], reason.kind.as_str());
    assert_eq!(failed["reason"], reason.message);
    assert_eq!(failed["level"], "WARN");
}

#[tokio::test]
async fn no_line_of_the_log_has_a_secret_a_callback_address_or_a_body() {
    listen();
    let world = World::with(Scripted::of(ProviderName::Watermark, Delivery::Callback)).await;
    let id = world.put(ProviderName::Watermark).await;
    let callback_url = world.job(&id).await.step().unwrap().callback_url.clone().unwrap();
    let token = callback_url.rsplit('/').next().unwrap();
    receive_callback(&world.app, ProviderName::Watermark, &id, b"{\"httpCode\": \"no sense, a secret word\"")
        .await
        .unwrap();
    receive_callback(&world.app, ProviderName::Watermark, &id, refused_by_callback().as_bytes()).await.unwrap();
    collect(&world.app, &id).await.unwrap();
    let lines: Vec<String> = logged().iter().map(Value::to_string).collect();
    assert!(lines.len() > 8 && lines.iter().any(|line| line.contains("DEBUG")), "{lines:#?}");
    for line in lines {
        for secret in [token, "a secret word", "processLocation"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

#[tokio::test]
async fn a_step_that_is_tried_again_tells_of_the_attempt_that_is_at_work() {
    listen();
    let world =
        World::with(Scripted::answering(ProviderName::Vkcloud, || Err(refusal(ErrorKind::Network, RETRY)))).await;
    let id = world.put(ProviderName::Vkcloud).await;
    world.live(&id, after(minutes(1))).await;
    let answers: Vec<Value> =
        filtered("job_id", id.as_str()).into_iter().filter(|line| line["message"] == "provider answered").collect();
    assert!(answers.len() > 2, "{answers:?}");
    for (number, line) in answers.iter().enumerate() {
        assert_eq!((&line["attempt"], &line["outcome"]), (&(number + 1).into(), &"network".into()), "{line}");
        assert!(line["latency_ms"].is_number() && line["call"] == "submit", "{line}");
    }
}

#[tokio::test]
async fn a_job_that_is_done_is_counted_once_with_its_charges_and_what_is_left() {
    let world = World::with(Scripted::answering(ProviderName::Imageban, || {
        let report = Report { charges: 2, balance: Some(41), ..Report::default() };
        Ok(Submitted::Finished(Outcome { source: ResultSource::Original, report }))
    }))
    .await;
    let id = world.put(ProviderName::Imageban).await;
    // Twice is once.
    collect(&world.app, &id).await.unwrap();
    assert_eq!(world.job(&id).await.state.name(), StateName::Done);
    for (metric, measured) in
        [("JobsDone", vec![1.0]), ("JobsFailed", vec![]), ("Charges", vec![2.0]), ("Balance", vec![41.0])]
    {
        assert_eq!(world.measured(metric), measured, "{metric}");
    }
    assert_eq!(world.measured("ProviderLatencyMs").len(), 1);
    assert!(world.measured("ProviderErrors").is_empty());
}

#[tokio::test]
async fn a_job_that_failed_is_counted_once_and_each_error_by_its_kind() {
    let refused =
        Scripted::answering(ProviderName::Imageban, || Err(refusal(ErrorKind::InvalidRequest, Advice::Reject)));
    let world = World::with(refused).await;
    let id = world.put(ProviderName::Imageban).await;
    assert_eq!(failure(&world.job(&id).await).kind, FailureKind::Rejected);
    assert_eq!(world.measured("JobsFailed"), [1.0]);
    let errors = world.records("ProviderErrors");
    assert_eq!(errors.len(), 1);
    assert_eq!((&errors[0]["provider"], &errors[0]["kind"]), (&"imageban".into(), &"invalid_request".into()));
    assert!(world.measured("Charges").is_empty() && world.measured("JobsDone").is_empty());
}

#[tokio::test]
async fn a_hold_is_measured_when_it_begins_and_by_every_run_of_the_poller_until_it_is_over() {
    let holding = Scripted::answering(ProviderName::Imageban, || Err(refusal(ErrorKind::Payment, Advice::Hold)));
    let world = World::with(holding).await;
    world.put(ProviderName::Imageban).await;
    let of_imageban = |world: &World| {
        let records = world.records("ProvidersOnHold").into_iter().filter(|record| record["provider"] == "imageban");
        records.map(|record| record["ProvidersOnHold"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of_imageban(&world), [1.0]);
    poll(&world.app, now()).await.unwrap();
    assert_eq!(of_imageban(&world), [1.0, 1.0]);
    darkroom_shared::flow::release(&world.app, ProviderName::Imageban).await.unwrap();
    poll(&world.app, now()).await.unwrap();
    assert_eq!(of_imageban(&world), [1.0, 1.0, 0.0], "the alarm clears by itself");
    let others = world.records("ProvidersOnHold").into_iter().filter(|record| record["provider"] == "watermark");
    assert_eq!(others.count(), 2, "one record for each run");
}

#[tokio::test]
async fn the_age_of_the_oldest_job_that_is_due_is_measured_once_by_a_run_and_not_where_none_is_due() {
    const AGE: &str = "OldestUnfinishedJobAgeS";
    let world = World::with(Scripted::of(ProviderName::Imgfactory, Delivery::Poll)).await;
    poll(&world.app, now()).await.unwrap();
    assert!(world.measured(AGE).is_empty());
    let id = world.put(ProviderName::Imgfactory).await;
    let job = world.live(&id, after(hours(2))).await;
    assert_eq!(job.state.name(), StateName::Waiting);
    let ages = world.measured(AGE);
    assert!(ages.is_sorted() && ages.last().is_some_and(|age| (7_000.0..=7_260.0).contains(age)), "{ages:?}");
}
