//! Wake-ups: short messages that say "look at this job". They may be lost or doubled without harm.

use async_trait::async_trait;
use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use serde::{Deserialize, Serialize};

use super::{StoreError, words};
use crate::job::{JobId, ProviderName};

/// A message that wakes a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WakeUp {
    /// Which job.
    pub job_id: JobId,
}

/// Who is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    /// The function that submits to this provider.
    Submit(ProviderName),
    /// The collector, for a result.
    Collect,
    /// The collector, for thumbnails: nobody's result waits behind them where they can be kept apart.
    Thumbnails,
}

impl std::fmt::Display for QueueName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Submit(provider) => write!(f, "submit-{provider}"),
            Self::Collect => f.write_str("collect"),
            Self::Thumbnails => f.write_str("thumbnails"),
        }
    }
}

/// Something that carries messages to functions: SQS on AWS, a channel on one machine.
#[async_trait]
pub trait Queue: Send + Sync + std::fmt::Debug {
    /// Puts a message into a queue. `trace_header` is that of the work which sends it; it goes beside the message.
    ///
    /// # Errors
    /// When the message is certainly not in the queue.
    async fn send(&self, queue: QueueName, message: &WakeUp, trace_header: Option<&str>) -> Result<(), StoreError>;
}

/// SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: aws_sdk_sqs::Client,
    url_prefix: String,
}

impl SqsQueue {
    /// `url_prefix` followed by the queue's name (`submit-watermark`, `collect`) is the queue's URL.
    #[must_use]
    pub fn new(client: aws_sdk_sqs::Client, url_prefix: impl Into<String>) -> Self {
        Self { client, url_prefix: url_prefix.into() }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, queue: QueueName, message: &WakeUp, trace_header: Option<&str>) -> Result<(), StoreError> {
        let failed = |message: String| StoreError::Queue { queue: queue.to_string(), message };
        let body = serde_json::to_string(message).map_err(|e| failed(e.to_string()))?;
        // The stacks have one queue for all that the collector does.
        let lies_in = if queue == QueueName::Thumbnails { QueueName::Collect } else { queue };
        let url = format!("{}{lies_in}", self.url_prefix);
        let mut send = self.client.send_message().queue_url(url).message_body(body);
        if let Some(header) = trace_header {
            let header = MessageSystemAttributeValue::builder().data_type("String").string_value(header).build();
            let header = header.map_err(|e| failed(e.to_string()))?;
            send = send.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, header);
        }
        send.send().await.map_err(|e| failed(words(&e)))?;
        Ok(())
    }
}
