//! Where things are kept: jobs in DynamoDB, files in S3, wake-ups in a queue. It knows how to write and read them
//! safely; it decides nothing about them.

mod balances;
mod holds;
mod jobs;
mod list;
mod objects;
mod pages;
mod provider_row;
mod queue;
mod row;
mod table;

pub use self::{
    jobs::{CallbackWritten, Created, DueRows, Jobs, Replaced, UnreadableRow},
    objects::Objects,
    pages::{InvalidPageKey, Page, PageFilter, PageKey},
    provider_row::{ProviderState, Slot},
    queue::{Queue, QueueName, SqsQueue, WakeUp},
    row::LANES,
    table::{
        DUE_INDEX, NEWEST_ATTRIBUTES, NEWEST_INDEX, TTL_ATTRIBUTE, add_newest_index, create_table, lacks_newest_index,
    },
};

/// A store that did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB.
    #[error("the table could not be {doing}: {message}")]
    Table {
        /// What was being done.
        doing: &'static str,
        /// DynamoDB's words.
        message: String,
    },
    /// S3.
    #[error("the object '{key}' could not be {doing}: {message}")]
    Object {
        /// What was being done.
        doing: &'static str,
        /// Which object.
        key: String,
        /// S3's words.
        message: String,
    },
    /// There is no such object.
    #[error("there is no object '{0}' (any more)")]
    NoSuchObject(String),
    /// There is another object in its place.
    #[error("another object has taken the place of '{0}'")]
    Changed(String),
    /// The queue.
    #[error("a message could not be put into the queue {queue}: {message}")]
    Queue {
        /// Which queue.
        queue: String,
        /// SQS's words.
        message: String,
    },
    /// A row that is no job.
    #[error("the row of job {id} cannot be read")]
    Row {
        /// Which row.
        id: String,
        /// What is wrong with it.
        #[source]
        source: serde_dynamo::Error,
    },
}

/// The words of an SDK error with all that lies beneath it.
fn words<E, R>(error: &aws_sdk_s3::error::SdkError<E, R>) -> String
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    aws_sdk_s3::error::DisplayErrorContext(error).to_string()
}
