//! How a job lies in a row: the job itself, and beside it what the index and the TTL need.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::{
    StoreError,
    table::{DUE_AT, ENDED, ID, LANE, MADE_AT, SEARCH, SHELF, TTL_ATTRIBUTE, UPLOADS_SHELF},
};
use crate::job::{Job, JobId, State};

/// How many partitions the index of unfinished jobs has.
pub const LANES: u8 = 8;
/// How long the row of a job that has ended is kept; `job.json` in the bucket stays.
const KEEP_FINISHED: SignedDuration = SignedDuration::from_hours(90 * 24);

pub(super) type Item = HashMap<String, AttributeValue>;

/// A job as a row: the job itself, and beside it what the index and the TTL need.
pub(super) fn row(job: &Job) -> Result<Item, StoreError> {
    let mut item: Item =
        serde_dynamo::to_item(job).map_err(|source| StoreError::Row { id: job.id.to_string(), source })?;
    item.extend(listed(job));
    if let Some(due_at) = job.due_at() {
        item.insert(DUE_AT.into(), number(due_at.as_millisecond()));
        item.insert(LANE.into(), AttributeValue::S(lane(&job.id).to_string()));
    } else if let Some(finished_at) = job.finished_at {
        // A branch is kept longer than its trunk, which cannot be told or retried without it.
        let keep = if job.branch.is_some() { KEEP_FINISHED * 2 } else { KEEP_FINISHED };
        let expires_at = finished_at.saturating_add(keep).unwrap_or(Timestamp::MAX);
        item.insert(TTL_ATTRIBUTE.into(), number(expires_at.as_second()));
    }
    Ok(item)
}

/// What the list of newest jobs needs. It changes twice in a job's life, when it is made and when it ends, so that the
/// index costs two writes. A branch is told as a part of its upload's job and is not on the list.
pub(super) fn listed(job: &Job) -> Item {
    let mut item = Item::new();
    if job.branch.is_some() {
        return item;
    }
    let mut set = |name: &str, text: String| item.insert(name.to_owned(), AttributeValue::S(text));
    set(SHELF, UPLOADS_SHELF.into());
    // As many digits as milliseconds have until the year 2286, so that text is in the order of time; the id makes it unique.
    set(MADE_AT, format!("{:013}#{}", job.created_at.as_millisecond(), job.id));
    set(SEARCH, job.upload.key.to_lowercase());
    if job.state.is_finished() {
        set(ENDED, job.state.name().to_string());
    }
    item
}

/// `None`: the row is no job (or there is none).
pub(super) fn read(item: Item) -> Option<Result<Job, StoreError>> {
    if !item.contains_key("upload") {
        return None;
    }
    Some(job_of(item))
}

/// Reads a row that has to be a job.
pub(super) fn job_of(item: Item) -> Result<Job, StoreError> {
    let id = id_of(&item);
    serde_dynamo::from_item(item).map_err(|source| StoreError::Row { id, source })
}

pub(super) fn id_of(item: &Item) -> String {
    item.get(ID).and_then(|id| id.as_s().ok()).cloned().unwrap_or_default()
}

/// The same where one row must not keep the others from being seen.
pub(super) fn readable(item: Item) -> Option<Job> {
    match read(item)? {
        Ok(job) => Some(job),
        Err(error) => {
            tracing::error!(%error, cause = ?std::error::Error::source(&error), "a row is left out");
            None
        }
    }
}

/// The failpoint behind the write of a row with this state.
pub(super) fn row_point(state: &State) -> &'static str {
    match state {
        State::Queued { .. } => "row.queued",
        State::Submitting { .. } => "row.submitting",
        State::Waiting { .. } => "row.waiting",
        State::Branching { .. } => "row.branching",
        State::Ready { .. } => "row.ready",
        State::Done { .. } => "row.done",
        State::Failed { .. } => "row.failed",
    }
}

/// Ids are hashes in hexadecimal, so the value of their last digit spreads them evenly.
pub(super) fn lane(id: &JobId) -> u8 {
    let digit = id.as_str().chars().last().and_then(|last| last.to_digit(16)).unwrap_or_default();
    u8::try_from(digit).unwrap_or_default() % LANES
}

pub(super) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
