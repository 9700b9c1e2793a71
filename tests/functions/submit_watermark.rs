//! The function submit-watermark on a Lambda runtime endpoint.

mod batch;
mod lambda;
mod wake_ups;

use batch::failed_messages;
use darkroom_shared::{aws, job::StateName, store::Jobs};
use lambda::{invoke_and_listen, invoke_over, stores};
use serde_json::{Value, json};
use wake_ups::{JOB_ID, job_of_watermark, lines, sqs};

const FUNCTION: &str = env!("CARGO_BIN_EXE_submit-watermark");

#[tokio::test]
async fn a_message_that_cannot_be_read_is_reported_alone() {
    batch::poison_is_reported_alone(FUNCTION).await;
}

#[tokio::test]
async fn a_wake_up_for_a_job_that_is_gone_is_done_with() {
    batch::a_job_that_is_gone_is_done_with(FUNCTION).await;
}

/// A batch of messages with these ids and bodies, delivered for the `delivery`th time.
fn batch(messages: &[(&str, String)], delivery: u32) -> String {
    let record = |(id, body): &(&str, String)| {
        let attributes = json!({"ApproximateReceiveCount": delivery.to_string()});
        json!({"messageId": id, "body": body, "attributes": attributes, "messageAttributes": {}})
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()}).to_string()
}

/// S3's record of an object that was put.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
fn put(bucket: &str, key: &str) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../events/s3-put.json")).unwrap();
    let mut record = event["Records"][0].take();
    record["s3"]["bucket"]["name"] = bucket.into();
    record["s3"]["object"]["key"] = key.into();
    record
}

fn errors(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["level"] == "ERROR").collect()
}

#[tokio::test]
async fn what_can_never_be_handled_goes_to_the_dead_letter_queue_with_one_reason_and_nothing_else_does() {
    let stores = stores().await;
    let messages = [
        ("test-event", include_str!("../../events/s3-test.json").to_owned()),
        ("malformed", format!("{{\"secret of a stranger\u{7}\": {}", "[".repeat(500))),
        ("bucket", json!({"Records": [put("another", "uploads/watermark/a.jpg")]}).to_string()),
        ("key", json!({"Records": [put("darkroom", "uploads/watermark/default/../a.jpg")]}).to_string()),
        (
            "half",
            json!({"Records": [{}, put("darkroom", "uploads/watermark/b.jpg"), {"eventName": 7}, put("darkroom", "uploads/watermark/c.jpg")]})
                .to_string(),
        ),
        ("gone", include_str!("../../events/wake-up.json").to_owned()),
        ("good", json!({"Records": [put("darkroom", "uploads/watermark/d.jpg")]}).to_string()),
        ("folder", json!({"Records": [put("darkroom", "uploads/watermark/folder/")]}).to_string()),
    ];
    let client = aws::dynamodb(&aws::local("test", "test").unwrap(), Some(&stores));
    let jobs = Jobs::new(client, "darkroom");
    for delivery in [1, 2, 5] {
        let (answer, log) = invoke_and_listen(&stores, FUNCTION, &[], &batch(&messages, delivery)).await;
        let mut failed = failed_messages(&answer);
        failed.sort_unstable();
        assert_eq!(failed, ["bucket", "half", "key", "malformed"], "{log}");
        let mut keys: Vec<_> = jobs.unfinished().await.unwrap().into_iter().map(|job| job.upload.key).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["uploads/watermark/b.jpg", "uploads/watermark/c.jpg", "uploads/watermark/d.jpg"]);

        let mut told: Vec<Value> = errors(&log).iter().map(|line| line["message_id"].clone()).collect();
        told.sort_unstable_by_key(ToString::to_string);
        let expected: &[&str] = if delivery == 1 { &["bucket", "half", "key", "malformed"] } else { &[] };
        assert_eq!(told, expected, "each reason is told once, at the first delivery: {log}");
        assert!(!log.contains("secret of a stranger"), "{log}");
        if delivery == 1 {
            for words in ["'another'", "'darkroom'", "'..'", "neither an S3 notification nor a wake-up"] {
                assert!(log.contains(words), "'{words}' is not in: {log}");
            }
        }
    }
}

#[tokio::test]
async fn a_wake_up_for_a_row_that_cannot_be_read_is_given_up_after_five_deliveries_with_its_reason() {
    let stores = stores().await;
    let client = aws::dynamodb(&aws::local("test", "test").unwrap(), Some(&stores));
    let id = "0123456789abcdef0123456789abcdef";
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.into());
    let row = client.put_item().table_name("darkroom").item("id", text(id)).item("upload", text("damaged"));
    row.send().await.unwrap();
    let wake_up = [("damaged-row", include_str!("../../events/wake-up.json").to_owned())];
    for delivery in 1..=5 {
        let (answer, log) = invoke_and_listen(&stores, FUNCTION, &[], &batch(&wake_up, delivery)).await;
        assert_eq!(failed_messages(&answer), ["damaged-row"]);
        let told = errors(&log);
        assert_eq!(told.len(), usize::from(delivery == 5), "{log}");
        assert!(log.contains(&format!("the row of job {id} cannot be read")), "{log}");
    }
}

#[tokio::test]
async fn an_upload_that_cannot_be_read_from_the_bucket_stays_in_the_table_and_is_looked_at_again() {
    // Nobody answers at S3: nothing may be lost, and no call may count as made.
    let stores = stores().await;
    let config = [("DARKROOM_CONFIG", "../../darkroom.toml")];
    let event = include_str!("../../events/sqs-submit-watermark.json");
    let answer = invoke_over(&stores, FUNCTION, &config, event).await;
    assert!(failed_messages(&answer).is_empty());
    let client = aws::dynamodb(&aws::local("test", "test").unwrap(), Some(&stores));
    let unfinished = Jobs::new(client, "darkroom").unfinished().await.unwrap();
    assert_eq!(unfinished.len(), 1);
    assert_eq!(unfinished[0].state.name(), StateName::Queued);
    assert_eq!(unfinished[0].step().unwrap().attempts, 0);
    let callback_url = unfinished[0].step().unwrap().callback_url.clone().unwrap();
    assert!(callback_url.starts_with("https://hooks.example/callbacks/watermark/"), "{callback_url}");
}

#[tokio::test]
async fn a_wake_up_is_sent_on_in_the_trace_of_the_message_that_led_to_it() {
    let (stores, (sqs, sent)) = (stores().await, sqs().await);
    // Its callback came, and it went back into the queue before anybody read it.
    let at = "2026-11-21T08:00:00Z";
    let unread = json!({"state": {"name": "queued", "due_at": at}, "callback": {"at": at, "body": "{}"}});
    job_of_watermark(&stores, &unread).await;
    let mut event: Value =
        serde_json::from_str(&batch(&[("1", include_str!("../../events/wake-up.json").to_owned())], 1)).unwrap();
    let header = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=0";
    event["Records"][0]["attributes"]["AWSTraceHeader"] = header.into();
    let endpoint = [("AWS_ENDPOINT_URL_SQS", sqs.as_str()), ("RUST_LOG", "debug")];
    let (answer, log) = invoke_and_listen(&stores, FUNCTION, &endpoint, &event.to_string()).await;
    assert!(failed_messages(&answer).is_empty(), "{log}");
    assert_eq!(sent.only(), ("collect".into(), json!({"job_id": JOB_ID}), json!(header)));
    let told = lines(&log).into_iter().find(|line| line["message"] == "wake-up sent").unwrap();
    assert_eq!((&told["trace_id"], &told["message_id"]), (&json!("1-67891233-abcdef012345678912345678"), &json!("1")));
}
