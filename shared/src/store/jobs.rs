//! Jobs as rows of a DynamoDB table. Every write is conditional, and every condition has a name.
//!
//! ```text
//!   submit        IfAbsent ─────── IfUnchanged(1) ─────────────────────── ✗ IfUnchanged(2): reads again
//!   webhook                                   IF_AWAITED─────────────
//!   collector                                            IfUnchanged(3) ─── IfUnchanged(4)
//!                 row 1            row 2       row 3      row 4             row 5
//! ```
//! Whoever loses reads the row again and applies its event to what it finds, if that is still legal.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;

use super::{
    StoreError,
    provider_row::only_condition_failed,
    row::{Item, id_of, job_of, number, read, row, row_point},
    table::{DUE_AT, DUE_INDEX, ID, LANE},
    words,
};
use crate::{
    failpoint::passed,
    job::{CallbackReceived, Job, JobId},
};

/// The condition under which a row is written.
enum Condition {
    /// There is no such row: the same upload makes no second job.
    IfAbsent,
    /// The row is still the one that was read.
    IfUnchanged { revision: u64 },
}

/// The job has not ended and has no callback yet.
const IF_AWAITED: &str = "attribute_exists(#lane) AND attribute_not_exists(#callback)";
/// The row is due when it was due.
const IF_STILL_DUE: &str = "#due_at = :found";
/// The job has not ended.
const IF_UNFINISHED: &str = "attribute_exists(#lane)";

/// What became of [`Jobs::create`].
#[derive(Debug)]
pub enum Created {
    /// The job is new.
    New,
    /// The event came twice: this is the job it made the first time.
    AlreadyThere(Box<Job>),
}

/// What became of [`Jobs::replace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The row is written.
    Written,
    /// Somebody else wrote in between: read again.
    Changed,
}

/// What became of [`Jobs::record_callback`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackWritten {
    /// It is on the job.
    Recorded,
    /// The job has one already, or has ended: nothing to do.
    NotNeeded,
    /// There is no such job.
    NoSuchJob,
}

/// What [`Jobs::due`] found.
#[derive(Debug, Default)]
pub struct DueRows {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Rows that are due and can be read as no job.
    pub unreadable: Vec<UnreadableRow>,
}

/// A row that can be read as no job: corrupted, or written by a newer version of us.
#[derive(Debug)]
pub struct UnreadableRow {
    /// The row's id.
    pub id: String,
    /// When it is due, as the index has it.
    pub due_at_ms: i64,
    /// What is wrong with it.
    pub error: StoreError,
}

/// The table of jobs.
#[derive(Debug, Clone)]
pub struct Jobs {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Jobs {
    /// The jobs in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Writes a new job, unless it is there.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason.
    pub async fn create(&self, job: &Job) -> Result<Created, StoreError> {
        match self.put(job, &Condition::IfAbsent).await? {
            None => {
                passed("row.created");
                Ok(Created::New)
            }
            Some(old) => match read(old) {
                Some(found) => Ok(Created::AlreadyThere(Box::new(found?))),
                // The answer held no row: fetch it.
                None => match self.get(&job.id).await? {
                    Some(found) => Ok(Created::AlreadyThere(Box::new(found))),
                    None => Err(StoreError::Table {
                        doing: "written",
                        message: format!("job {} was there and then was not", job.id),
                    }),
                },
            },
        }
    }

    /// Writes `job`, which has to be the next revision of the row.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason than a change in between.
    pub async fn replace(&self, job: &Job) -> Result<Replaced, StoreError> {
        let condition = Condition::IfUnchanged { revision: job.revision.saturating_sub(1) };
        Ok(match self.put(job, &condition).await? {
            None => {
                passed(row_point(&job.state));
                Replaced::Written
            }
            Some(_) => Replaced::Changed,
        })
    }

    /// Reads a job.
    ///
    /// # Errors
    /// When DynamoDB refuses or the row is no job.
    pub async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(ID, AttributeValue::S(id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| StoreError::Table { doing: "read", message: words(&e) })?;
        output.item.map(job_of).transpose()
    }

    /// Puts a callback on the job, without reading the job first (`IF_AWAITED`: the job has not ended and has no
    /// callback yet). `woken_until` is when the poller comes by if the wake-up is lost.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason.
    pub async fn record_callback(
        &self,
        id: &JobId,
        callback: &CallbackReceived,
        woken_until: Timestamp,
    ) -> Result<CallbackWritten, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, AttributeValue::S(id.to_string()))
            .condition_expression(IF_AWAITED)
            .update_expression(
                "SET #callback = :callback, #woken = :woken, #due_at = :due_at, #revision = #revision + :one",
            )
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_names("#callback", "callback")
            .expression_attribute_names("#due_at", DUE_AT)
            .expression_attribute_names("#woken", "woken_until")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":callback", callback_value(callback))
            .expression_attribute_values(":due_at", number(woken_until.as_millisecond()))
            .expression_attribute_values(":woken", AttributeValue::S(woken_until.to_string()))
            .expression_attribute_values(":one", number(1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let written = self.callback_update(id, update).await?;
        if written == CallbackWritten::Recorded {
            passed("row.callback");
        }
        Ok(written)
    }

    /// Keeps a callback that could not be read, to be looked at.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason.
    pub async fn record_malformed_callback(
        &self,
        id: &JobId,
        callback: &CallbackReceived,
    ) -> Result<CallbackWritten, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, AttributeValue::S(id.to_string()))
            .condition_expression(IF_UNFINISHED)
            .update_expression("SET #malformed = :callback, #revision = #revision + :one")
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_names("#malformed", "malformed_callback")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":callback", callback_value(callback))
            .expression_attribute_values(":one", number(1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        self.callback_update(id, update).await
    }

    async fn callback_update(
        &self,
        id: &JobId,
        update: aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder,
    ) -> Result<CallbackWritten, StoreError> {
        match update.send().await {
            Ok(_) => Ok(CallbackWritten::Recorded),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                let UpdateItemError::ConditionalCheckFailedException(failed) = error.into_err() else {
                    return Ok(CallbackWritten::NotNeeded);
                };
                let there = failed.item.is_some_and(|item| !item.is_empty()) || self.get(id).await?.is_some();
                Ok(if there { CallbackWritten::NotNeeded } else { CallbackWritten::NoSuchJob })
            }
            Err(error) => Err(StoreError::Table { doing: "written", message: words(&error) }),
        }
    }

    /// Records that a branch of an unfinished job has ended (`IF_UNFINISHED`), and returns how many have. `None`: the job
    /// is not there or has ended.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason.
    pub async fn record_ended_branch(&self, id: &JobId, number: u32) -> Result<Option<u32>, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, AttributeValue::S(id.to_string()))
            .condition_expression(IF_UNFINISHED)
            .update_expression("ADD #ended :number, #revision :one")
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_names("#ended", "ended_branches")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":number", AttributeValue::Ns(vec![number.to_string()]))
            .expression_attribute_values(":one", self::number(1))
            .return_values(ReturnValue::UpdatedNew);
        match update.send().await {
            Ok(output) => {
                passed("row.branch-ended");
                let ended = output.attributes.as_ref().and_then(|new| new.get("ended_branches")?.as_ns().ok());
                Ok(Some(ended.map_or(0, |ended| u32::try_from(ended.len()).unwrap_or(u32::MAX))))
            }
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(None),
            Err(error) => Err(StoreError::Table { doing: "written", message: words(&error) }),
        }
    }

    /// Unfinished jobs of one lane with a `due_at` up to `until`, the earliest first, at most `most`.
    ///
    /// # Errors
    /// When DynamoDB refuses or a row is no job.
    pub async fn due(&self, lane: u8, until: Timestamp, most: u16) -> Result<DueRows, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(DUE_INDEX)
            .key_condition_expression("#lane = :lane AND #due_at <= :until")
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_names("#due_at", DUE_AT)
            .expression_attribute_values(":lane", AttributeValue::S(lane.to_string()))
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .limit(i32::from(most))
            .send()
            .await
            .map_err(|e| StoreError::Table { doing: "searched for due jobs", message: words(&e) })?;
        let mut rows = DueRows::default();
        for item in output.items.unwrap_or_default() {
            let due_at_ms = item.get(DUE_AT).and_then(|due_at| due_at.as_n().ok()?.parse().ok()).unwrap_or_default();
            let id = id_of(&item);
            match job_of(item) {
                Ok(job) => rows.jobs.push(job),
                Err(error) => rows.unreadable.push(UnreadableRow { id, due_at_ms, error }),
            }
        }
        Ok(rows)
    }

    /// Has the index name a row that cannot be read for a later time (`IF_STILL_DUE`). Nothing else of the row changes, so
    /// whoever can read it finds its job as it was. False: it has changed.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason.
    pub async fn put_off(&self, row: &UnreadableRow, until: Timestamp) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, AttributeValue::S(row.id.clone()))
            .condition_expression(IF_STILL_DUE)
            .update_expression("SET #due_at = :until")
            .expression_attribute_names("#due_at", DUE_AT)
            .expression_attribute_values(":found", number(row.due_at_ms))
            .expression_attribute_values(":until", number(until.as_millisecond()));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => only_condition_failed(&error).map(|()| false),
        }
    }

    /// Writes the whole row. `Some(old row)` when the condition did not hold.
    async fn put(&self, job: &Job, condition: &Condition) -> Result<Option<Item>, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row(job)?))
            .return_values(ReturnValue::None)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match condition {
            Condition::IfAbsent => {
                put.condition_expression("attribute_not_exists(#id)").expression_attribute_names("#id", ID)
            }
            Condition::IfUnchanged { revision } => put
                .condition_expression("#revision = :revision")
                .expression_attribute_names("#revision", "revision")
                .expression_attribute_values(":revision", AttributeValue::N(revision.to_string())),
        };
        match put.send().await {
            Ok(_) => Ok(None),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                match error.into_err() {
                    PutItemError::ConditionalCheckFailedException(failed) => Ok(Some(failed.item.unwrap_or_default())),
                    _ => Ok(Some(Item::new())),
                }
            }
            Err(error) => Err(StoreError::Table { doing: "written", message: words(&error) }),
        }
    }
}

fn callback_value(callback: &CallbackReceived) -> AttributeValue {
    let fields = [("at", callback.at.to_string()), ("body", callback.body.clone())];
    AttributeValue::M(fields.into_iter().map(|(name, text)| (name.to_owned(), AttributeValue::S(text))).collect())
}
