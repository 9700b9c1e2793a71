//! The function submit-watermark on a Lambda runtime endpoint.

mod batch;
mod lambda;

use batch::failed_messages;
use lambda::invoke;

const FUNCTION: &str = env!("CARGO_BIN_EXE_submit-watermark");

#[tokio::test]
async fn a_message_that_cannot_be_read_is_reported_alone() {
    let poison = invoke(FUNCTION, &[], include_str!("../../events/sqs-poison.json")).await;
    assert_eq!(failed_messages(&poison), ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
}

#[tokio::test]
async fn a_wake_up_for_a_job_that_is_gone_is_done_with() {
    let woken = invoke(FUNCTION, &[], include_str!("../../events/sqs-wake-up.json")).await;
    assert!(failed_messages(&woken).is_empty());
}

#[tokio::test]
async fn an_upload_that_cannot_be_read_from_the_bucket_is_delivered_again() {
    // S3 is not there: nothing may be lost, and nothing may be reported as done.
    let config = [("DARKROOM_CONFIG", "../../darkroom.toml")];
    let upload = invoke(FUNCTION, &config, include_str!("../../events/sqs-submit-watermark.json")).await;
    assert_eq!(failed_messages(&upload).len(), 1);
}
