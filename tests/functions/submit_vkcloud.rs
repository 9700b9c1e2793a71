//! The function submit-vkcloud on a Lambda runtime endpoint.

mod batch;
mod lambda;

const FUNCTION: &str = env!("CARGO_BIN_EXE_submit-vkcloud");

#[tokio::test]
async fn a_message_that_cannot_be_read_is_reported_alone() {
    batch::poison_is_reported_alone(FUNCTION).await;
}

#[tokio::test]
async fn a_wake_up_for_a_job_that_is_gone_is_done_with() {
    batch::a_job_that_is_gone_is_done_with(FUNCTION).await;
}
