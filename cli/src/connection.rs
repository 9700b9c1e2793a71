//! The way to the bucket and the table: of a `darkroom serve` on this machine, or on AWS.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use darkroom_shared::{
    aws,
    clock::Clock,
    config::{Places, Presets},
    environment::Environment,
    event::Uploaded,
    flow::{App, Spacing},
    job::Schedule,
    provider::{Http, Providers},
    store::{Jobs, Objects, Queue, QueueName, StoreError, WakeUp},
    telemetry::metrics::Metrics,
};
use jiff::Timestamp;

use crate::{
    arguments::Place,
    command::backfill::Listed,
    local::{NAME, access_keys},
};

/// The bucket and the table.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The bucket.
    pub(crate) objects: Objects,
    /// The table.
    pub(crate) jobs: Jobs,
    s3: aws_sdk_s3::Client,
    at: String,
}

impl Connection {
    /// AWS (or whatever `AWS_ENDPOINT_URL` names) when `DARKROOM_BUCKET` or `DARKROOM_TABLE` is set, else `place`.
    pub(crate) async fn open(place: &Place, environment: &Environment) -> anyhow::Result<Self> {
        let on_aws = ["DARKROOM_BUCKET", "DARKROOM_TABLE"].iter().any(|name| environment.get(name).is_some());
        if on_aws {
            let places = Places::from_environment(environment)?;
            let sdk = aws::load().await?;
            let s3 = aws::s3(&sdk, aws::endpoint(environment, "S3").as_deref());
            let at = format!("the bucket {} on AWS", places.bucket);
            return Ok(Self {
                objects: Objects::new(s3.clone(), places.bucket),
                jobs: Jobs::new(aws::dynamodb(&sdk, None), places.table),
                s3,
                at,
            });
        }
        let keys = access_keys(environment);
        let sdk = aws::local(&keys.0, &keys.1)?;
        let s3 = aws::s3(&sdk, Some(&format!("http://{}", place.s3)));
        let dynamodb = aws::dynamodb(&sdk, Some(&format!("http://{}", place.dynamodb)));
        Ok(Self {
            objects: Objects::new(s3.clone(), NAME),
            jobs: Jobs::new(dynamodb, NAME),
            s3,
            at: format!("`darkroom serve` at {}", place.s3),
        })
    }

    /// Makes sure that somebody is there, so that everything after it fails for a better reason.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        let head = self.s3.head_bucket().bucket(self.objects.bucket()).send().await;
        head.map_err(|e| anyhow::anyhow!("{}", aws_sdk_s3::error::DisplayErrorContext(e)))
            .with_context(|| format!("{} cannot be reached; is it running?", self.at))?;
        Ok(())
    }

    /// Puts a file and returns its entity tag.
    pub(crate) async fn put(&self, key: &str, file: &std::path::Path) -> anyhow::Result<String> {
        let body = aws_sdk_s3::primitives::ByteStream::from_path(file)
            .await
            .with_context(|| format!("{} cannot be read", file.display()))?;
        let put = self.s3.put_object().bucket(self.objects.bucket()).key(key).body(body).send().await;
        let output = put
            .map_err(|e| anyhow::anyhow!("{}", aws_sdk_s3::error::DisplayErrorContext(e)))
            .with_context(|| format!("{} could not be put to {key}", file.display()))?;
        Ok(output.e_tag.unwrap_or_default().trim_matches('"').to_owned())
    }

    /// Every object below `prefix`.
    pub(crate) async fn uploads(&self, prefix: &str) -> anyhow::Result<Vec<Listed>> {
        let bucket = self.objects.bucket();
        let mut pages = self.s3.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        let mut uploads = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| anyhow::anyhow!("{}", aws_sdk_s3::error::DisplayErrorContext(e)))?;
            for object in page.contents() {
                let (Some(key), Some(modified)) = (object.key(), object.last_modified()) else { continue };
                // The S3 of one machine lists no entity tags.
                let etag = match object.e_tag() {
                    Some(etag) => etag.trim_matches('"').to_owned(),
                    None => self.objects.etag(key).await?.unwrap_or_default(),
                };
                uploads.push(Listed {
                    modified_at: Timestamp::from_second(modified.secs())?,
                    uploaded: Uploaded {
                        bucket: bucket.to_owned(),
                        key: key.to_owned(),
                        version: format!("backfill {etag} {}", modified.secs()),
                        etag,
                        bytes: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                    },
                });
            }
        }
        Ok(uploads)
    }

    /// The time.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        Clock::system().now()
    }

    /// What flows that a person starts need: they write rows and leave the rest to the functions.
    pub(crate) fn app(&self) -> anyhow::Result<App> {
        Ok(App {
            jobs: self.jobs.clone(),
            objects: self.objects.clone(),
            queue: Arc::new(LeftToThePoller),
            providers: Providers::default(),
            presets: Arc::new(Presets::default()),
            result_hosts: Arc::default(),
            paces: Arc::default(),
            spacing: Spacing::default(),
            callback_urls: None,
            http: Http::new()?,
            thumbnails: false,
            metrics: Metrics::logged(),
            schedule: Schedule::default(),
            clock: Clock::system(),
        })
    }
}

/// No queue: the row says that the job is due, and the poller wakes it.
#[derive(Debug)]
struct LeftToThePoller;

#[async_trait]
impl Queue for LeftToThePoller {
    async fn send(&self, _: QueueName, _: &WakeUp, _: Option<&str>) -> Result<(), StoreError> {
        Ok(())
    }
}
