//! The function webhook on a Lambda runtime endpoint.

mod lambda;
mod wake_ups;

use lambda::{TRACE_HEADER, invoke, invoke_and_listen, stores};
use serde_json::json;
use wake_ups::{JOB_ID, job_of_watermark, lines, sqs};

const FUNCTION: &str = env!("CARGO_BIN_EXE_webhook");

#[tokio::test]
async fn a_forged_callback_learns_nothing() {
    let answer = invoke(FUNCTION, &[], include_str!("../../events/callback-forged.json")).await.unwrap();
    assert_eq!(answer["statusCode"], 404);
    assert!(answer["body"].as_str().unwrap_or_default().is_empty(), "{answer}");
}

#[tokio::test]
async fn a_right_token_for_a_job_that_is_gone_is_not_found_either() {
    // base64url of HMAC-SHA256("secret", "watermark:0123456789abcdef0123456789abcdef").
    let event = include_str!("../../events/callback-forged.json")
        .replace("/forged", "/gnx_45RFAA7fHMa6O7KK57rr5cpTpJe1wAezTQQJyrU");
    let answer = invoke(FUNCTION, &[], &event).await.unwrap();
    assert_eq!(answer["statusCode"], 404);
}

#[tokio::test]
async fn a_callback_wakes_the_collector_in_the_trace_that_it_came_in() {
    let (stores, (sqs, sent)) = (stores().await, sqs().await);
    job_of_watermark(&stores, &json!({})).await;
    let event = include_str!("../../events/callback-forged.json")
        .replace("/forged", "/gnx_45RFAA7fHMa6O7KK57rr5cpTpJe1wAezTQQJyrU");
    let endpoint = [("AWS_ENDPOINT_URL_SQS", sqs.as_str())];
    let (answer, log) = invoke_and_listen(&stores, FUNCTION, &endpoint, &event).await;
    assert_eq!(answer.unwrap()["statusCode"], 200, "{log}");
    assert_eq!(sent.only(), ("collect".into(), json!({"job_id": JOB_ID}), json!(TRACE_HEADER)));
    let taken = lines(&log).into_iter().find(|line| line["message"] == "callback taken").unwrap();
    assert_eq!(taken["trace_id"], "1-5759e988-bd862e3fe1be46a994272793", "{taken}");
    assert_eq!((&taken["job_id"], &taken["provider"]), (&json!(JOB_ID), &json!("watermark")));
    assert_eq!(taken["requestId"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
}
