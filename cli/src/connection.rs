//! The way to the bucket and the table: of a `darkroom serve` on this machine, or on AWS.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use async_trait::async_trait;
use darkroom_shared::{
    aws,
    clock::Clock,
    config::{Places, Presets},
    environment::Environment,
    event::Uploaded,
    flow::{App, Spacing},
    job::{Job, Schedule},
    provider::{Http, Providers},
    store::{Jobs, Objects, Queue, QueueName, StoreError, WakeUp},
    telemetry::metrics::Metrics,
};
use jiff::Timestamp;

use crate::{
    arguments::Place,
    command::backfill::Listed,
    hint::{Hint as _, hinted},
    local::{NAME, access_keys},
    values::JobName,
};

/// The bucket and the table.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The bucket.
    pub(crate) objects: Objects,
    /// The table.
    pub(crate) jobs: Jobs,
    s3: aws_sdk_s3::Client,
    at: At,
}

/// Which place it is, for messages.
#[derive(Debug)]
enum At {
    /// A bucket on AWS, or whatever `AWS_ENDPOINT_URL` names.
    Aws { bucket: String, table: String },
    /// A `darkroom serve`.
    Serve(Place),
}

impl Connection {
    /// AWS (or whatever `AWS_ENDPOINT_URL` names) when `DARKROOM_BUCKET` or `DARKROOM_TABLE` is set, else `place`.
    pub(crate) async fn open(place: &Place, environment: &Environment) -> anyhow::Result<Self> {
        let on_aws = ["DARKROOM_BUCKET", "DARKROOM_TABLE"].iter().any(|name| environment.get(name).is_some());
        if on_aws {
            let places = Places::from_environment(environment).hint(|| {
                "on AWS, DARKROOM_BUCKET and DARKROOM_TABLE are both needed; for a `darkroom serve`, neither".to_owned()
            })?;
            let sdk = aws::load().await?;
            let s3 = aws::s3(&sdk, aws::endpoint(environment, "S3").as_deref());
            let at = At::Aws { bucket: places.bucket.clone(), table: places.table.clone() };
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
            at: At::Serve(place.clone()),
        })
    }

    /// Makes sure that somebody is there, so that everything after it fails for a better reason.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        let Err(problem) = self.s3.head_bucket().bucket(self.objects.bucket()).send().await else { return Ok(()) };
        let at = match &self.at {
            At::Aws { bucket, .. } => format!("the bucket {bucket} on AWS"),
            At::Serve(place) => format!("`darkroom serve` at {}", place.s3),
        };
        let status = problem.raw_response().map(|response| response.status().as_u16());
        let hint = match (status, &self.at) {
            (Some(403), At::Serve(_)) => {
                "it was started with other keys: set DARKROOM_ACCESS_KEY and DARKROOM_SECRET_KEY to the same here"
            }
            (Some(_), At::Serve(_)) => "another program listens there; say with --s3 where `darkroom serve` does",
            (None, At::Serve(_)) => {
                "start it with `darkroom serve`; if it listens elsewhere, say so with --s3 and --dynamodb; for AWS, set \
                 DARKROOM_BUCKET and DARKROOM_TABLE"
            }
            (Some(404), At::Aws { .. }) => "there is no such bucket: see DARKROOM_BUCKET and AWS_REGION",
            (_, At::Aws { .. }) => {
                "see that AWS credentials and AWS_REGION are set and may read the bucket; for a `darkroom serve`, unset \
                 DARKROOM_BUCKET and DARKROOM_TABLE"
            }
        };
        Err(match status {
            Some(status) => hinted(format!("{at} refuses (HTTP status {status})"), hint),
            None => hinted(format!("{at} cannot be reached; is it running? ({})", words(&problem)), hint),
        })
    }

    /// What can be done where the table is the trouble.
    pub(crate) fn about_the_table(&self) -> String {
        match &self.at {
            At::Aws { table, .. } => {
                format!("see that DARKROOM_TABLE ({table}) is right and may be read with these keys")
            }
            At::Serve(place) => format!(
                "the S3 of `darkroom serve` answers; say with --dynamodb where its DynamoDB listens, if not at {}",
                place.dynamodb
            ),
        }
    }

    /// The job of this name.
    ///
    /// Only a whole id is looked up; a beginning is looked for in the whole table.
    pub(crate) async fn job(&self, name: &JobName) -> anyhow::Result<Job> {
        let mut found = match name {
            JobName::Id(id) => self.jobs.get(id).await.hint(|| self.about_the_table())?.into_iter().collect::<Vec<_>>(),
            JobName::Beginning(beginning) => {
                self.jobs.beginning_with(beginning).await.hint(|| self.about_the_table())?
            }
        };
        match (found.pop(), found.len()) {
            (Some(job), 0) => Ok(job),
            (None, _) => Err(hinted(
                format!("there is no job {name}"),
                "`darkroom jobs` lists those there are; records of jobs that ended long ago are only in the bucket, as \
                 job.json beside the results",
            )),
            (Some(_), others) => {
                let message = format!("the ids of {} jobs begin with {name}", others + 1);
                Err(hinted(message, "give more of it; `darkroom jobs --json` has whole ids"))
            }
        }
    }

    /// Puts a file and returns its entity tag.
    pub(crate) async fn put(&self, key: &str, file: &std::path::Path) -> anyhow::Result<String> {
        let body = aws_sdk_s3::primitives::ByteStream::from_path(file)
            .await
            .with_context(|| format!("{} cannot be read", file.display()))
            .hint(|| "see that you may read it".to_owned())?;
        let put = self.s3.put_object().bucket(self.objects.bucket()).key(key).body(body).send().await;
        let output = put
            .map_err(|e| anyhow::anyhow!("{}", aws_sdk_s3::error::DisplayErrorContext(e)))
            .with_context(|| format!("{} could not be put to {key}", file.display()))
            .hint(|| {
                "files that were put before it are worked on; put this one again when the bucket answers".to_owned()
            })?;
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

/// How long to wait after a look that began at `began`, so that looking takes a twentieth of the time at the most: where
/// the table is large, each look costs accordingly.
pub(crate) fn pause_after(began: Instant, least: Duration) -> Duration {
    least.max(began.elapsed() * 19)
}

/// An error's words and those of its causes, each once.
fn words(error: &dyn std::error::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let told = error.to_string();
        if !words.iter().any(|word| word.contains(&told)) {
            words.push(told);
        }
        cause = error.source();
    }
    words.join(": ")
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
