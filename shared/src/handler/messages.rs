//! Batches of queue messages. A message that failed is reported alone, so that only it is delivered again.

use std::future::Future;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{StreamExt as _, stream};

use crate::{
    event::{EventError, SubmitMessage, read_submit_message, read_wake_up},
    failpoint::passed,
    flow::{App, FlowError, collect, submit_upload, submit_woken},
};

/// Messages of one batch that are worked on at the same time.
const AT_ONCE: usize = 10;

#[derive(Debug, thiserror::Error)]
enum MessageError {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error(transparent)]
    Flow(#[from] FlowError),
}

/// The submit functions: uploads and wake-ups.
pub async fn handle_submit(app: &App, event: SqsEvent) -> SqsBatchResponse {
    each(event, |body| async move {
        match read_submit_message(&body)? {
            SubmitMessage::Test => {}
            SubmitMessage::WakeUp(wake_up) => submit_woken(app, &wake_up.job_id).await?,
            SubmitMessage::Uploaded(uploads) => {
                for uploaded in uploads {
                    submit_upload(app, uploaded).await?;
                }
            }
        }
        Ok(())
    })
    .await
}

/// The collector: wake-ups.
pub async fn handle_collect(app: &App, event: SqsEvent) -> SqsBatchResponse {
    each(event, |body| async move {
        let wake_up = read_wake_up(&body)?;
        Ok(collect(app, &wake_up.job_id).await?)
    })
    .await
}

async fn each<F, W>(event: SqsEvent, work: F) -> SqsBatchResponse
where
    F: Fn(String) -> W,
    W: Future<Output = Result<(), MessageError>>,
{
    let work = &work;
    let failures = stream::iter(event.records)
        .map(|message: SqsMessage| async move {
            passed("message.taken");
            let id = message.message_id.unwrap_or_default();
            match work(message.body.unwrap_or_default()).await {
                Ok(()) => None,
                Err(error) => {
                    tracing::error!(message_id = id, %error, cause = ?std::error::Error::source(&error), "message failed; it will be delivered again");
                    Some(failure(id))
                }
            }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|failure| async move { failure })
        .collect()
        .await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
