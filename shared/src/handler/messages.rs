//! Batches of queue messages. A message that failed is reported alone, so that only it is delivered again.
//!
//! A message that can never be handled says so when it is first delivered, one that may yet be when it is delivered for
//! the last time: so whoever looks into a dead-letter queue finds, under the message's id, one error with the reason.

use std::future::Future;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{StreamExt as _, stream};
use tracing::{Instrument as _, Span, field::Empty};

use crate::{
    event::{EventError, Notification, SubmitMessage, read_submit_message, read_wake_up},
    failpoint::passed,
    flow::{App, FlowError, caught, collect, submit_upload, submit_woken},
    job::JobId,
    telemetry::trace::{self, TraceHeader},
};

/// A message is delivered so often before it goes to the dead-letter queue: `maxReceiveCount` of every queue.
pub const MOST_DELIVERIES: u32 = 5;

/// Messages of one batch that are worked on at the same time.
const AT_ONCE: usize = 10;
/// A reason may quote the message, which may be anybody's.
const LONGEST_REASON_BYTES: usize = 1_000;

#[derive(Debug, thiserror::Error)]
enum MessageError {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error(transparent)]
    Flow(#[from] FlowError),
}

impl MessageError {
    /// Whether it lies in the message itself, and so will be the same at every delivery.
    fn is_final(&self) -> bool {
        match self {
            Self::Event(_) | Self::Flow(FlowError::Key(_) | FlowError::AnotherBucket { .. }) => true,
            Self::Flow(_) => false,
        }
    }
}

/// A message that is to be delivered again, or kept where somebody looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedMessage {
    /// The message's id.
    pub message_id: String,
    /// Why, on one line with an end.
    pub reason: String,
    /// It can never be handled as it is: to deliver it again is of no use.
    pub is_final: bool,
}

/// The submit functions: uploads and wake-ups.
pub async fn handle_submit(app: &App, event: SqsEvent) -> SqsBatchResponse {
    response(submit_batch(app, event).await)
}

/// The collector: wake-ups.
pub async fn handle_collect(app: &App, event: SqsEvent) -> SqsBatchResponse {
    response(collect_batch(app, event).await)
}

/// The same as [`handle_submit`], for a host that keeps failed messages itself.
pub async fn submit_batch(app: &App, event: SqsEvent) -> Vec<FailedMessage> {
    each(event, |body| async move {
        match read_submit_message(&body) {
            Ok(SubmitMessage::Test) => Vec::new(),
            Ok(SubmitMessage::WakeUp(wake_up)) => {
                concerns(&wake_up.job_id);
                failures(submit_woken(app, &wake_up.job_id).await)
            }
            Ok(SubmitMessage::Uploaded(notification)) => submit_uploads(app, notification).await,
            Err(problem) => vec![problem.into()],
        }
    })
    .await
}

/// The same as [`handle_collect`], for a host that keeps failed messages itself.
pub async fn collect_batch(app: &App, event: SqsEvent) -> Vec<FailedMessage> {
    each(event, |body| async move {
        match read_wake_up(&body) {
            Ok(wake_up) => {
                concerns(&wake_up.job_id);
                failures(collect(app, &wake_up.job_id).await)
            }
            Err(problem) => vec![problem.into()],
        }
    })
    .await
}

/// Every upload gets its job, whatever is wrong with the others; when the message comes again, none gets a second one.
async fn submit_uploads(app: &App, notification: Notification) -> Vec<MessageError> {
    let mut failed: Vec<MessageError> = notification.unreadable.into_iter().map(MessageError::from).collect();
    for uploaded in notification.uploads {
        let done = caught(submit_upload(app, uploaded)).await;
        failed.extend(failures(done.unwrap_or_else(|panicked| Err(panicked.into()))));
    }
    failed
}

fn failures(done: Result<(), FlowError>) -> Vec<MessageError> {
    done.err().map(MessageError::from).into_iter().collect()
}

async fn each<F, W>(event: SqsEvent, work: F) -> Vec<FailedMessage>
where
    F: Fn(String) -> W,
    W: Future<Output = Vec<MessageError>> + Send,
{
    let work = &work;
    stream::iter(event.records)
        .map(|message: SqsMessage| async move {
            let trace_header = trace_header(&message);
            trace::within(trace_header, handle(message, work)).await
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|failed| async move { failed })
        .collect()
        .await
}

async fn handle<F, W>(message: SqsMessage, work: &F) -> Option<FailedMessage>
where
    F: Fn(String) -> W,
    W: Future<Output = Vec<MessageError>> + Send,
{
    passed("message.taken");
    let delivery = delivery(&message);
    let message_id = message.message_id.unwrap_or_default();
    let body = message.body.unwrap_or_default();
    let span = tracing::error_span!("message", message_id, delivery, job_id = Empty);
    let done = caught(work(body)).instrument(span.clone()).await;
    let failed = done.unwrap_or_else(|panicked| vec![FlowError::from(panicked).into()]);
    if failed.is_empty() {
        return None;
    }
    let is_final = failed.iter().any(MessageError::is_final);
    let failed = FailedMessage { message_id, reason: reason(&failed), is_final };
    span.in_scope(|| tell(&failed, delivery));
    Some(failed)
}

/// Has the lines about the message tell whose it is.
fn concerns(job_id: &JobId) {
    Span::current().record("job_id", job_id.as_str());
}

/// The trace that the message belongs to: of a batch, each has its own. One that brings none is the invocation's.
fn trace_header(message: &SqsMessage) -> Option<TraceHeader> {
    let own = message.attributes.get(trace::MESSAGE_ATTRIBUTE).and_then(|header| TraceHeader::parse(header));
    own.or_else(trace::current)
}

/// How often the message has been delivered, with this time.
fn delivery(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn tell(failed: &FailedMessage, delivery: u32) {
    let FailedMessage { message_id, reason, is_final } = failed;
    match (is_final, delivery) {
        (true, ..=1) => {
            tracing::error!(message_id, reason, "message can never be handled; it goes to the dead-letter queue");
        }
        (true, _) => tracing::debug!(message_id, reason, delivery, "message can never be handled"),
        (false, MOST_DELIVERIES..) => {
            tracing::error!(message_id, reason, delivery, "message given up; it goes to the dead-letter queue");
        }
        (false, _) => tracing::info!(message_id, reason, delivery, "message failed; it will be delivered again"),
    }
}

/// Everything that is wrong, with its causes, on one line: control characters may be meant for somebody's terminal.
fn reason(failed: &[MessageError]) -> String {
    let mut reason = failed.iter().map(with_causes).collect::<Vec<_>>().join("; ").replace(char::is_control, " ");
    if reason.len() > LONGEST_REASON_BYTES {
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON_BYTES));
        reason.push('…');
    }
    reason
}

fn with_causes(error: &MessageError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

fn response(failed: Vec<FailedMessage>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed.into_iter().map(failure).collect();
    response
}

fn failure(failed: FailedMessage) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = failed.message_id;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bodies: &[&str]) -> SqsEvent {
        let mut event = SqsEvent::default();
        for (number, body) in bodies.iter().enumerate() {
            let mut message = SqsMessage::default();
            message.message_id = Some(number.to_string());
            message.body = Some((*body).to_owned());
            event.records.push(message);
        }
        event
    }

    #[tokio::test]
    async fn a_panic_takes_no_other_message_of_its_batch_with_it() {
        let failed = each(batch(&["well", "panic", "well", "fail"]), |body| async move {
            // The others are at work when it happens.
            tokio::task::yield_now().await;
            match body.as_str() {
                "panic" => panic!("the worker fell\u{7} over"),
                "fail" => failures(Err(std::io::Error::other("no disk").into())),
                _ => Vec::new(),
            }
        })
        .await;
        let mut told: Vec<_> = failed.iter().map(|failed| (failed.message_id.as_str(), failed.is_final)).collect();
        told.sort_unstable();
        assert_eq!(told, [("1", false), ("3", false)], "both may go well when they are delivered again");
        let panicked = failed.iter().find(|failed| failed.message_id == "1").unwrap();
        assert!(panicked.reason.contains("the worker fell  over"), "{panicked:?}");
        let ids: Vec<String> = response(failed).batch_item_failures.into_iter().map(|f| f.item_identifier).collect();
        assert_eq!(ids.len(), 2);
    }

    #[tokio::test]
    async fn a_reason_is_one_line_with_an_end_whatever_the_message_holds() {
        let body = format!("{{\"job_id\": \"\u{1b}[2J\\n{}\"}}", "я".repeat(100_000));
        for body in [body.as_str(), "\u{0}\u{7}\n\n", "{\"Records\": \"x\u{202e}\"}"] {
            let failed =
                each(
                    batch(&[body]),
                    |body| async move { vec![read_wake_up(&body).err().map(MessageError::from).unwrap()] },
                )
                .await;
            let FailedMessage { reason, is_final, .. } = &failed[0];
            assert!(*is_final && !reason.is_empty() && reason.len() <= LONGEST_REASON_BYTES + 3, "{reason}");
            assert!(!reason.contains(char::is_control), "{reason:?}");
        }
    }

    #[test]
    fn how_often_a_message_came_is_read_from_it() {
        let mut message = SqsMessage::default();
        assert_eq!(delivery(&message), 1);
        message.attributes.insert("ApproximateReceiveCount".into(), "5".into());
        assert_eq!(delivery(&message), 5);
    }
}
