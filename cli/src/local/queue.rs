//! The queues of one machine: messages in memory, given to the same handlers as on AWS, delivered again when they fail.
//! What is lost at a stop is made again at the next start, since every unfinished job has a `due_at`. What fails for good
//! is kept as a dead letter.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use darkroom_shared::{
    clock::Clock,
    event::{Uploaded, encode_key},
    flow::App,
    handler::{self, FailedMessage, MOST_DELIVERIES},
    job::{ProviderName, UPLOADS_PREFIX, UploadKey, UploadKeyError},
    store::{Queue, QueueName, StoreError, WakeUp},
};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use super::dead_letters::{DeadLetter, DeadLetters};

/// Messages of one queue that are worked on at the same time.
const AT_ONCE: usize = 8;

#[derive(Debug, Clone)]
struct Message {
    id: String,
    queue: QueueName,
    body: String,
    deliveries: u32,
}

/// Where the host's flows send wake-ups.
#[derive(Debug, Clone)]
pub(super) struct MemoryQueue(mpsc::UnboundedSender<Message>);

/// The other end: what [`work`] takes messages from.
#[derive(Debug)]
pub(super) struct Messages(mpsc::UnboundedReceiver<Message>);

impl MemoryQueue {
    /// A queue and its other end.
    pub(super) fn new() -> (Self, Messages) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), Messages(receiver))
    }

    fn put(&self, queue: QueueName, body: String) {
        self.put_again(Message { id: uuid::Uuid::new_v4().to_string(), queue, body, deliveries: 0 });
    }

    fn put_again(&self, message: Message) {
        // It fails only when the host is stopping; the next start finds the work again.
        let _ = self.0.send(message);
    }

    /// Sends a new object on as S3 would: to the queue of its provider, or nowhere.
    pub(super) fn notify(&self, uploaded: &Uploaded) {
        match UploadKey::parse(&uploaded.key) {
            Ok(key) => self.put(QueueName::Submit(key.route().provider), notification(uploaded)),
            Err(UploadKeyError::NotAnUpload | UploadKeyError::Folder) => {}
            // Its notification comes on AWS too: the handler says what is wrong with it.
            Err(UploadKeyError::InvalidPreset(_) | UploadKeyError::TooLong(_) | UploadKeyError::LeadsElsewhere(_)) => {
                if let Some(provider) = addressed(&uploaded.key) {
                    self.put(QueueName::Submit(provider), notification(uploaded));
                }
            }
            Err(UploadKeyError::UnknownProvider(name)) => tracing::warn!(
                key = uploaded.key,
                "upload ignored: there is no provider '{name}'; there are: {}. On AWS no notification covers it either",
                ProviderName::known()
            ),
        }
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    // X-Ray is AWS's: no trace begins on one machine.
    async fn send(&self, queue: QueueName, message: &WakeUp, _: Option<&str>) -> Result<(), StoreError> {
        let body = serde_json::to_string(message)
            .map_err(|e| StoreError::Queue { queue: queue.to_string(), message: e.to_string() })?;
        self.put(queue, body);
        Ok(())
    }
}

/// The JSON that S3 sends for a new object.
fn notification(uploaded: &Uploaded) -> String {
    serde_json::json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": Clock::system().now().to_string(),
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "darkroom"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {
                "name": uploaded.bucket,
                "ownerIdentity": {"principalId": "darkroom"},
                "arn": format!("arn:aws:s3:::{}", uploaded.bucket),
            },
            "object": {
                "key": encode_key(&uploaded.key),
                "size": uploaded.bytes,
                "eTag": uploaded.etag,
                "sequencer": uploaded.version,
            },
        },
    }]})
    .to_string()
}

/// The provider whose queue gets the notification of `key`, by its prefix alone.
fn addressed(key: &str) -> Option<ProviderName> {
    key.strip_prefix(UPLOADS_PREFIX)?.split_once('/')?.0.parse().ok()
}

/// Gives messages to handlers until `stopping` turns true, then lets those at work end.
pub(super) async fn work(
    app: App,
    queue: MemoryQueue,
    messages: Messages,
    dead_letters: DeadLetters,
    mut stopping: watch::Receiver<bool>,
) {
    let dead_letters = Arc::new(dead_letters);
    let mut messages = messages.0;
    let mut workers = JoinSet::new();
    let gates = Arc::new(Gates::default());
    loop {
        let message = tokio::select! {
            message = messages.recv() => message,
            _ = stopping.wait_for(|stop| *stop) => None,
        };
        let Some(message) = message else { break };
        let (app, queue, gates) = (app.clone(), queue.clone(), Arc::clone(&gates));
        let dead_letters = Arc::clone(&dead_letters);
        workers.spawn(async move {
            let Ok(_place) = gates.of(message.queue).acquire().await else { return };
            deliver(&app, &queue, &dead_letters, message).await;
        });
        while workers.try_join_next().is_some() {}
    }
    // What is only waiting for a place need not end; what is at work should.
    gates.close();
    while workers.join_next().await.is_some() {}
}

/// How many messages of each queue may be at work.
#[derive(Debug)]
struct Gates {
    submit: [Semaphore; ProviderName::ALL.len()],
    collect: Semaphore,
    thumbnails: Semaphore,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            submit: ProviderName::ALL.map(|_| Semaphore::new(AT_ONCE)),
            collect: Semaphore::new(AT_ONCE),
            // They decode one after the other anyway.
            thumbnails: Semaphore::new(1),
        }
    }
}

impl Gates {
    fn of(&self, queue: QueueName) -> &Semaphore {
        match queue {
            QueueName::Collect => &self.collect,
            QueueName::Thumbnails => &self.thumbnails,
            QueueName::Submit(provider) => {
                let place = ProviderName::ALL.iter().position(|&name| name == provider);
                place.and_then(|place| self.submit.get(place)).unwrap_or(&self.collect)
            }
        }
    }

    fn close(&self) {
        self.submit.iter().chain([&self.collect, &self.thumbnails]).for_each(Semaphore::close);
    }
}

async fn deliver(app: &App, queue: &MemoryQueue, dead_letters: &DeadLetters, mut message: Message) {
    message.deliveries += 1;
    let event = event(&message);
    let failed = match message.queue {
        QueueName::Submit(_) => handler::submit_batch(app, event).await,
        QueueName::Collect | QueueName::Thumbnails => handler::collect_batch(app, event).await,
    };
    let Some(FailedMessage { message_id, reason, is_final }) = failed.into_iter().next() else { return };
    let deliveries = message.deliveries;
    if is_final || deliveries >= MOST_DELIVERIES {
        let at = Clock::system().now();
        let queue = message.queue.to_string();
        dead_letters.keep(DeadLetter { message_id, queue, at, deliveries, reason, body: message.body }).await;
        return;
    }
    let queue = queue.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1 << deliveries)).await;
        queue.put_again(message);
    });
}

/// The message as SQS delivers it.
fn event(message: &Message) -> SqsEvent {
    let mut delivered = SqsMessage::default();
    delivered.message_id = Some(message.id.clone());
    delivered.body = Some(message.body.clone());
    delivered.attributes.insert("ApproximateReceiveCount".into(), message.deliveries.to_string());
    let mut event = SqsEvent::default();
    event.records.push(delivered);
    event
}
