//! The function submit-watermark on a Lambda runtime endpoint.

mod batch;
mod lambda;

use batch::failed_messages;
use darkroom_shared::{aws, job::StateName, store::Jobs};
use lambda::{invoke_over, stores};

const FUNCTION: &str = env!("CARGO_BIN_EXE_submit-watermark");

#[tokio::test]
async fn a_message_that_cannot_be_read_is_reported_alone() {
    batch::poison_is_reported_alone(FUNCTION).await;
}

#[tokio::test]
async fn a_wake_up_for_a_job_that_is_gone_is_done_with() {
    batch::a_job_that_is_gone_is_done_with(FUNCTION).await;
}

#[tokio::test]
async fn an_upload_that_cannot_be_read_from_the_bucket_stays_in_the_table_and_is_looked_at_again() {
    // Nobody answers at S3: nothing may be lost, and no call may count as made.
    let stores = stores().await;
    let config = [("DARKROOM_CONFIG", "../../darkroom.toml")];
    let event = include_str!("../../events/sqs-submit-watermark.json");
    let answer = invoke_over(&stores, FUNCTION, &config, event).await;
    assert!(failed_messages(&answer).is_empty());
    let client = aws::dynamodb(&aws::local("test", "test"), Some(&stores));
    let unfinished = Jobs::new(client, "darkroom").unfinished().await.unwrap();
    assert_eq!(unfinished.len(), 1);
    assert_eq!(unfinished[0].state.name(), StateName::Queued);
    assert_eq!(unfinished[0].step().unwrap().attempts, 0);
    let callback_url = unfinished[0].step().unwrap().callback_url.clone().unwrap();
    assert!(callback_url.starts_with("https://hooks.example/callbacks/watermark/"), "{callback_url}");
}
