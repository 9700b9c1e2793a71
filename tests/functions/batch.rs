//! What a function that takes batches of messages answers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::lambda::Answer;

/// The ids of the messages that the function wants delivered again.
pub(crate) fn failed_messages(answer: &Answer) -> Vec<String> {
    let response = answer.as_ref().unwrap();
    let failures = response["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}
