//! The function poller on a Lambda runtime endpoint.

mod lambda;
mod wake_ups;

use lambda::{TRACE_HEADER, invoke, invoke_and_listen, invoke_and_watch, stores};
use serde_json::{Value, json};
use wake_ups::{JOB_ID, job_of_watermark, lines, sqs};

const FUNCTION: &str = env!("CARGO_BIN_EXE_poller");

#[tokio::test]
async fn with_nothing_due_it_is_done_at_once() {
    assert!(invoke(FUNCTION, &[], include_str!("../../events/schedule.json")).await.is_ok());
}

#[tokio::test]
async fn it_starts_without_the_providers_that_nobody_uses() {
    let unused = [("FANGTANG_THIRD_CODE", ""), ("FANGTANG_SECRET_KEY", "")];
    assert!(invoke(FUNCTION, &unused, include_str!("../../events/schedule.json")).await.is_ok());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_told_once_and_left_alone_for_an_hour() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let stores = stores().await;
    let client = darkroom_shared::aws::dynamodb(&darkroom_shared::aws::local("test", "test").unwrap(), Some(&stores));
    let row = client
        .put_item()
        .table_name("darkroom")
        .item("id", AttributeValue::S("0123456789abcdef0123456789abcdef".into()))
        .item("upload", AttributeValue::S("damaged".into()))
        .item("lane", AttributeValue::S("3".into()))
        .item("due_at", AttributeValue::N("1000".into()));
    row.send().await.unwrap();
    for told in [1, 0] {
        let event = include_str!("../../events/schedule.json");
        let (answer, log) = invoke_and_listen(&stores, FUNCTION, &[], event).await;
        assert!(answer.is_ok());
        assert_eq!(log.matches("cannot be read").count(), told, "{log}");
    }
}

#[tokio::test]
async fn without_its_table_it_fails_and_says_so() {
    let wrong = [("DARKROOM_TABLE", "another")];
    let failed = invoke(FUNCTION, &wrong, include_str!("../../events/schedule.json")).await.unwrap_err();
    assert!(failed["errorMessage"].as_str().unwrap().contains("table"), "{failed}");
}

#[tokio::test]
async fn a_due_job_is_woken_told_of_and_measured_and_nothing_else_is_on_standard_output() {
    let (stores, (sqs, sent)) = (stores().await, sqs().await);
    let since = "2026-11-21T08:00:00Z";
    let state = json!({"name": "queued", "due_at": since});
    job_of_watermark(&stores, &json!({"state": state})).await;
    let endpoint = [("AWS_ENDPOINT_URL_SQS", sqs.as_str())];
    let event = include_str!("../../events/schedule.json");
    let (answer, log, metrics) = invoke_and_watch(&stores, FUNCTION, &endpoint, event).await;
    assert!(answer.is_ok(), "{log}");
    assert_eq!(sent.only(), ("submit-watermark".into(), json!({"job_id": JOB_ID}), json!(TRACE_HEADER)));

    let log = lines(&log);
    let started = log.iter().find(|line| line["message"] == "function started").unwrap();
    assert_eq!((&started["function"], &started["function_version"]), (&json!("darkroom"), &json!("1")));
    assert_eq!((&started["providers"], &started["version"]), (&json!("imgfactory fangtang"), &json!("0.1.0")));
    let moved = log.iter().find(|line| line["message"] == "job moved").unwrap();
    for (field, value) in [
        ("job_id", json!(JOB_ID)),
        ("upload_job_id", json!(JOB_ID)),
        ("key", json!("uploads/watermark/a.jpg")),
        ("provider", json!("watermark")),
        ("preset", json!("default")),
        ("step", json!(1)),
        ("attempt", json!(1)),
        ("trace_id", json!("1-5759e988-bd862e3fe1be46a994272793")),
    ] {
        assert_eq!(moved[field], value, "{moved}");
    }

    let records: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().all(|record| record["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "darkroom"));
    assert_eq!(records.iter().filter(|record| record["ProvidersOnHold"] == 0.0).count(), 5, "{metrics}");
    assert_eq!(records.iter().filter(|record| record["OldestUnfinishedJobAgeS"].is_number()).count(), 1, "{metrics}");
}
