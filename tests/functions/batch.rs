//! What a function that takes batches of messages answers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::lambda::{Answer, invoke};

/// The ids of the messages that the function wants delivered again.
pub(crate) fn failed_messages(answer: &Answer) -> Vec<String> {
    let response = answer.as_ref().unwrap();
    let failures = response["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

/// One message that can never be read must not take the others of its batch with it.
pub(crate) async fn poison_is_reported_alone(function: &str) {
    let answer = invoke(function, &[], include_str!("../../events/sqs-poison.json")).await;
    assert_eq!(failed_messages(&answer), ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
}

/// A wake-up may come for a row that its time to live has removed.
pub(crate) async fn a_job_that_is_gone_is_done_with(function: &str) {
    let answer = invoke(function, &[], include_str!("../../events/sqs-wake-up.json")).await;
    assert!(failed_messages(&answer).is_empty());
}
