//! imgfactory.ru: unique copies of images, as a task that is polled or one at once.
//!
//! Source: seed `000` (the service's own API page) and the notes in `README.md` beside this file.

mod config;
mod error;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use secrecy::ExposeSecret as _;
use url::Url;

pub use self::config::{Crop, Exif, Flip, Folders, Mode, Names, Options, Range, Settings, Side};
use super::{
    Account, Advice, Definition, Delivery, Equipment, ErrorKind, Facts, Http, OptionsReader, Provider, ProviderError,
    Repeat, Reply, Request, Settled, Submitted, TaskStatus, Unsettled,
    http::{image_part, secret_header},
};
use crate::{
    environment::ConfigError,
    job::{ProviderName, Report, TaskId},
};

/// The client.
#[derive(Debug)]
pub struct Imgfactory {
    http: Http,
    settings: Settings,
}

/// What is known of imgfactory without asking it.
pub const DEFINITION: Definition = Definition {
    name: ProviderName::Imgfactory,
    facts: Facts {
        // Neither formats nor size nor rate are stated.
        formats: &[],
        most_image_bytes: None,
        least_pixels: None,
        most_pixels: None,
        keeps_animation: false,
        result_life: Duration::from_secs(24 * 3600),
        deadline: Duration::from_secs(24 * 3600),
        rate_per_s: 4.0,
    },
    default_url: "https://imgfactory.ru/api/v1",
    result_hosts: &["imgfactory.ru"],
    credentials: &["IMGFACTORY_TOKEN"],
    options: OptionsReader::of::<Options>(),
    read_callback: None,
};

/// Makes the client.
///
/// # Errors
/// When its settings are missing.
pub fn make(equipment: &Equipment<'_>) -> Result<Arc<dyn Provider>, ConfigError> {
    let settings = Settings::from_environment(equipment.environment)?;
    Ok(Arc::new(Imgfactory::new(equipment.http.clone(), settings)))
}

impl Imgfactory {
    /// A client with these settings.
    #[must_use]
    pub fn new(http: Http, settings: Settings) -> Self {
        Self { http, settings }
    }

    /// `POST /async/unique`: starts a task that makes copies of `image`.
    ///
    /// # Errors
    /// As [`Provider::submit`].
    pub async fn unique(&self, request: &Request<'_>, options: &Options) -> Result<TaskId, ProviderError> {
        let reply = self.post_image(&["async", "unique"], "images[]", request, options).await?;
        let accepted: wire::Accepted = read(&reply).map_err(ProviderError::of_paid_call)?;
        Ok(accepted.task_id)
    }

    /// `POST /sync/single/unique`: one copy of `image`, as JPEG, in the reply.
    ///
    /// # Errors
    /// As [`Provider::submit`].
    pub async fn unique_single(&self, request: &Request<'_>, options: &Options) -> Result<bytes::Bytes, ProviderError> {
        let reply = self.post_image(&["sync", "single", "unique"], "image", request, options).await?;
        if reply.status == 200 && reply.content_type.starts_with("image/") {
            return Ok(reply.body);
        }
        Err(error::parse_error(reply.status, &reply.body).of_paid_call())
    }

    /// `GET /tasks`: the task with this id, or all tasks of the last day.
    async fn tasks(&self, task_id: Option<&TaskId>) -> Result<Vec<wire::Task>, ProviderError> {
        let mut url = self.endpoint(&["tasks"]);
        if let Some(task_id) = task_id {
            url.query_pairs_mut().append_pair("task_id", &task_id.0);
        }
        let request = self.http.get(url).header(http::header::AUTHORIZATION, self.authorization()?);
        let reply = self.http.send(request, Repeat::Harmless).await?;
        let tasks: wire::Tasks = read(&reply)?;
        Ok(tasks.readable())
    }

    /// The list, and beside it each wanted task that it does not show: nothing says that the list is whole.
    async fn listed(&self, wanted: &[TaskId]) -> Result<Vec<wire::Task>, ProviderError> {
        const MOST_ASKED_BY_NAME: usize = 20;
        let mut listed = self.tasks(None).await?;
        let missing: Vec<&TaskId> = {
            let shown: BTreeSet<&TaskId> = listed.iter().map(|task| &task.id).collect();
            wanted.iter().filter(|id| !shown.contains(id)).take(MOST_ASKED_BY_NAME).collect()
        };
        for id in missing {
            match self.tasks(Some(id)).await {
                Err(error) if error.kind == ErrorKind::UnknownTask => {}
                found => listed.extend(found?),
            }
        }
        Ok(listed)
    }

    async fn post_image(
        &self,
        path: &[&str],
        field: &'static str,
        request: &Request<'_>,
        options: &Options,
    ) -> Result<Reply, ProviderError> {
        let mut url = self.endpoint(path);
        let query = options.query().map_err(|e| invalid_options(&e))?;
        url.query_pairs_mut().extend_pairs(query);
        let part = image_part(request.image, request.file_name)?;
        let form = reqwest::multipart::Form::new().part(field, part);
        let post = self.http.post(url).header(http::header::AUTHORIZATION, self.authorization()?).multipart(form);
        self.http.send(post, Repeat::Paid).await
    }

    fn endpoint(&self, path: &[&str]) -> Url {
        let mut url = self.settings.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The bare token: the seed's example shows no `Bearer`.
    fn authorization(&self) -> Result<http::HeaderValue, ProviderError> {
        secret_header(self.settings.token.expose_secret(), "IMGFACTORY_TOKEN")
    }
}

#[async_trait]
impl Provider for Imgfactory {
    fn name(&self) -> ProviderName {
        ProviderName::Imgfactory
    }

    fn delivery(&self, options: &serde_json::Value) -> Result<Delivery, ProviderError> {
        Ok(match parse(options)?.mode {
            Mode::Async => Delivery::Poll,
            Mode::Sync => Delivery::Reply,
        })
    }

    async fn submit(&self, request: Request<'_>) -> Result<Submitted, ProviderError> {
        let options = parse(request.options)?;
        match options.mode {
            Mode::Async => Ok(Submitted::Accepted { task_id: Some(self.unique(&request, &options).await?) }),
            Mode::Sync => {
                let bytes = self.unique_single(&request, &options).await?;
                // The service is paid by subscription: nothing is charged for an image.
                Ok(Submitted::InHand { bytes, report: Report::default() })
            }
        }
    }

    /// Looks in the list for a task that may be the one we asked for: of one file, with our number of copies, made
    /// at the time of our call, not proved another's. Its zip will prove it, by the file name that we sent.
    async fn settle(&self, unsettled: Unsettled<'_>) -> Result<Settled, ProviderError> {
        let options = parse(unsettled.options)?;
        if options.mode == Mode::Sync {
            return Ok(Settled::CannotTell(
                "a copy made by the synchronous method comes only in the reply that was lost".into(),
            ));
        }
        let candidates: Vec<TaskId> = self
            .tasks(None)
            .await?
            .into_iter()
            .filter(|task| task.files.is_none_or(|files| files == 1))
            .filter(|task| task.copies.is_none_or(|copies| copies == i64::from(options.expected_copies())))
            .filter(|task| task.created_at().is_none_or(|at| may_be_same_moment(at, unsettled.submitted_at)))
            .filter(|task| !unsettled.ruled_out.contains(&task.id))
            .map(|task| task.id)
            .collect();
        match candidates.into_iter().next() {
            None => Ok(Settled::NeverStarted),
            Some(_) if options.sent_names() != Names::Original => Ok(Settled::CannotTell(
                "there is a task that may be ours, but the preset's `names` keeps its zip from proving it; \
                 with names = \"original\" it would"
                    .into(),
            )),
            Some(task_id) => Ok(Settled::Adopted(task_id)),
        }
    }

    async fn poll(&self, tasks: &[TaskId]) -> Result<BTreeMap<TaskId, TaskStatus>, ProviderError> {
        // One request can answer for all, since nothing says that the list is paged; one task is asked for by name.
        let listed = match tasks {
            [] => return Ok(BTreeMap::new()),
            [only] => match self.tasks(Some(only)).await {
                Err(error) if error.kind == ErrorKind::UnknownTask => Vec::new(),
                listed => listed?,
            },
            _ => self.listed(tasks).await?,
        };
        let wanted: BTreeSet<&TaskId> = tasks.iter().collect();
        Ok(listed
            .into_iter()
            .filter(|task| wanted.contains(&task.id))
            .map(|task| (task.id.clone(), task.status()))
            .collect())
    }

    async fn account(&self) -> Result<Account, ProviderError> {
        self.tasks(None).await?;
        Ok(Account::Valid)
    }
}

/// Whether a time without a zone can be the moment `at`: the service's clock is some whole hours off (it is Russian, and
/// so are its zones), and the task is born between the start of our call and the end of its time-out.
fn may_be_same_moment(created_at: jiff::civil::DateTime, at: Timestamp) -> bool {
    const HOUR_S: i64 = 3600;
    const EARLY_S: i64 = 60;
    const LATE_S: i64 = 240;
    let Ok(as_utc) = created_at.to_zoned(TimeZone::UTC) else { return true };
    let apart_s = as_utc.timestamp().duration_since(at).as_secs();
    let within_a_day = apart_s.abs() <= SignedDuration::from_hours(15).as_secs();
    let in_hour = apart_s.rem_euclid(HOUR_S);
    within_a_day && (in_hour <= LATE_S || in_hour >= HOUR_S - EARLY_S)
}

fn parse(options: &serde_json::Value) -> Result<Options, ProviderError> {
    serde_path_to_error::deserialize(options).map_err(|e| invalid_options(&e))
}

fn invalid_options(error: &dyn std::fmt::Display) -> ProviderError {
    ProviderError::new(
        ErrorKind::InvalidRequest,
        Advice::Reject,
        format!("the imgfactory options are unusable: {error}"),
    )
}

fn read<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, ProviderError> {
    if reply.status == 200
        && let Ok(value) = serde_json::from_slice(&reply.body)
    {
        return Ok(value);
    }
    Err(error::parse_error(reply.status, &reply.body))
}

#[cfg(test)]
mod tests;
