//! fangtangtv.com (Hili): upscales, repairs and colours photos and gives ID photos another background, as a task that
//! is polled.
//!
//! Source: seed `003` (the service's own API page) and the notes in `README.md` beside this file.

mod config;
mod error;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;
use md5::{Digest as _, Md5};
use reqwest::multipart::Form;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::config::{Options, RepairType, Settings};
use super::{
    Account, Advice, Definition, Delivery, Equipment, ErrorKind, Evidence, Facts, Http, Image, Notes, OptionsReader,
    Provider, ProviderError, Repeat, Reply, Request, Settled, Submitted, TaskStatus, Unsettled,
    http::{image_part, secret_header},
    tolerant::is_task_id,
};
use crate::{
    clock::Clock,
    environment::ConfigError,
    job::{ImageFormat, Outcome, ProviderName, Report, ResultSource, TaskId},
};

/// The client.
#[derive(Debug)]
pub struct Fangtang {
    http: Http,
    settings: Settings,
    clock: Clock,
    notes: Arc<dyn Notes>,
    /// Set once this process has compared a name with an md5.
    named_by_md5: OnceLock<()>,
}

/// What is known of fangtang without asking it.
pub const DEFINITION: Definition = Definition {
    name: ProviderName::Fangtang,
    facts: Facts {
        // Not stated; seen to be taken.
        formats: &[ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::Webp],
        most_image_bytes: None,
        least_pixels: None,
        most_pixels: None,
        keeps_animation: false,
        result_life: Duration::from_secs(3600),
        // Everything is deleted after an hour, and no state says that a task failed.
        deadline: Duration::from_secs(3600),
        // Not stated.
        rate_per_s: 2.0,
    },
    default_url: "http://sdkphoto.fangtangtv.com",
    result_hosts: &["photo.fangtangtv.com", "sdkphoto.fangtangtv.com"],
    credentials: &["FANGTANG_THIRD_CODE", "FANGTANG_SECRET_KEY"],
    options: OptionsReader::of::<Options>(),
    read_callback: None,
};

/// Statuses are asked for so many at a time: each task is a request.
const POLLED_AT_ONCE: usize = 4;

/// What is noted before an upload, to find out what became of it.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    /// The md5 of the image, which is taken for the name that fangtang gives it.
    mdf: TaskId,
    /// How many uploads were left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nums: Option<i64>,
}

/// The note that says whether the service names images by their md5, as far as its replies have shown.
const NAMED_BY_MD5: &str = "named_by_md5";
const YES: &str = "yes";
const NO: &str = "no";

/// Makes the client.
///
/// # Errors
/// When its settings are missing.
pub fn make(equipment: &Equipment<'_>) -> Result<Arc<dyn Provider>, ConfigError> {
    let settings = Settings::from_environment(equipment.environment)?;
    let notes = (equipment.notes)(ProviderName::Fangtang);
    Ok(Arc::new(Fangtang::new(equipment.http.clone(), settings, notes, Clock::system())))
}

impl Fangtang {
    /// A client with these settings. `clock` has to be right within two minutes: tokens carry the time. What is learnt of
    /// the service's names is shared through `notes`.
    #[must_use]
    pub fn new(http: Http, settings: Settings, notes: Arc<dyn Notes>, clock: Clock) -> Self {
        Self { http, settings, notes, clock, named_by_md5: OnceLock::new() }
    }

    /// `POST /api/third/photo/upload`: starts the work on an image.
    ///
    /// # Errors
    /// As [`Provider::submit`].
    pub async fn upload(&self, request: &Request<'_>, options: &Options) -> Result<TaskId, ProviderError> {
        let form = Form::new()
            .text("repair_type", options.repair_type.as_str())
            .text("third_code", self.settings.third_code.clone())
            .part("file", image_part(request.image, request.file_name)?);
        let form = match &options.rgb {
            Some(rgb) => form.text("rgb", rgb.clone()),
            None => form,
        };
        let reply = self.post(&["photo", "upload"], form, Repeat::Paid).await?;
        let mdf = data::<wire::Uploaded>(&reply).and_then(|uploaded| uploaded.mdf);
        let mdf = mdf.filter(|mdf| is_task_id(mdf));
        mdf.map(TaskId).ok_or_else(|| error::parse_upload_error(reply.status, &reply.body))
    }

    /// `POST /api/third/photo/status`, and `/download` where the work is done. `None`: there is no such task, or its
    /// hour is over.
    async fn task(&self, mdf: &TaskId) -> Result<Option<TaskStatus>, ProviderError> {
        let status = match self.status(mdf).await {
            Err(error) if error.kind == ErrorKind::UnknownTask => return Ok(None),
            status => status?,
        };
        if status == TaskState::Working {
            return Ok(Some(TaskStatus::Working));
        }
        let reply = self.post(&["photo", "download"], self.about(mdf), Repeat::Harmless).await?;
        match data::<wire::Download>(&reply).and_then(wire::Download::address) {
            Some(url) => {
                let report = Report { charges: 1, ..Report::default() };
                Ok(Some(TaskStatus::Finished(Outcome { source: ResultSource::Image { url }, report })))
            }
            None => match error::parse_error(reply.status, &reply.body) {
                error if error.kind == ErrorKind::UnknownTask => Ok(None),
                error => Err(error),
            },
        }
    }

    /// `POST /api/third/photo/status`.
    async fn status(&self, mdf: &TaskId) -> Result<TaskState, ProviderError> {
        let reply = self.post(&["photo", "status"], self.about(mdf), Repeat::Harmless).await?;
        let read = data::<wire::Status>(&reply).and_then(|status| Some((status.status?, status.msg)));
        match read {
            Some((100, _)) => Ok(TaskState::Working),
            Some((200, _)) => Ok(TaskState::Done),
            Some((status, words)) => {
                tracing::warn!(task_id = %mdf, status, words, "fangtang reports an undocumented status");
                Ok(TaskState::Working)
            }
            None => Err(error::parse_error(reply.status, &reply.body)),
        }
    }

    /// `POST /api/third/company/nums`: how many uploads are left.
    async fn nums(&self) -> Result<i64, ProviderError> {
        let form = Form::new().text("third_code", self.settings.third_code.clone());
        let reply = self.post(&["company", "nums"], form, Repeat::Harmless).await?;
        let nums = data::<wire::Nums>(&reply).and_then(|nums| nums.nums);
        nums.ok_or_else(|| error::parse_error(reply.status, &reply.body))
    }

    fn about(&self, mdf: &TaskId) -> Form {
        Form::new().text("mdf", mdf.0.clone()).text("third_code", self.settings.third_code.clone())
    }

    async fn post(&self, path: &[&str], form: Form, repeat: Repeat) -> Result<Reply, ProviderError> {
        // Made anew for each request: it is good for two minutes.
        let token = token(self.settings.secret_key.expose_secret(), self.clock.now().as_second());
        let token = secret_header(&token, "FANGTANG_SECRET_KEY")?;
        let post = self.http.post(self.endpoint(path)).header("token", token).multipart(form);
        self.http.send(post, repeat).await
    }

    /// Compares the name that an image got with its md5, and notes what that shows: one other name, and it is never again
    /// taken for granted.
    async fn learn_name(&self, image: &Image, task_id: &TaskId) {
        let same = task_id.0.eq_ignore_ascii_case(&hex::encode(Md5::digest(&image.bytes)));
        if same && self.named_by_md5.get().is_some() {
            return;
        }
        let says = if same { YES } else { NO };
        let Ok(noted) = self.notes.get(NAMED_BY_MD5).await else { return };
        if noted.as_deref().is_none_or(|noted| noted == YES && !same) {
            // If somebody was quicker, theirs counts; the next upload tells again.
            let _ = self.notes.replace(NAMED_BY_MD5, noted.as_deref(), says).await;
        }
        let _ = self.named_by_md5.set(());
    }

    async fn names_by_md5(&self) -> bool {
        self.notes.get(NAMED_BY_MD5).await.is_ok_and(|noted| noted.as_deref() == Some(YES))
    }

    fn endpoint(&self, path: &[&str]) -> Url {
        let mut url = self.settings.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "third"]).extend(path);
        }
        url
    }
}

/// What `/photo/status` says of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TaskState {
    Working,
    Done,
}

#[async_trait]
impl Provider for Fangtang {
    fn name(&self) -> ProviderName {
        ProviderName::Fangtang
    }

    fn delivery(&self, options: &serde_json::Value) -> Result<Delivery, ProviderError> {
        parse(options)?;
        Ok(Delivery::Poll)
    }

    /// The name that fangtang will give the image, and how many uploads are left. Where none are, nothing is sent.
    async fn evidence(&self, image: &Image) -> Result<Option<Evidence>, ProviderError> {
        let nums = match self.nums().await {
            Ok(nums) if nums <= 0 => {
                let message = "no uploads are left on the account at fangtang, so nothing was sent";
                return Err(ProviderError::new(ErrorKind::Payment, Advice::Hold, message));
            }
            Ok(nums) => Some(nums),
            Err(error) if error.advice == Advice::Hold => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "how many uploads are left at fangtang could not be asked");
                None
            }
        };
        let noted = Noted { mdf: TaskId(hex::encode(Md5::digest(&image.bytes))), nums };
        Ok(serde_json::to_value(noted).ok().map(|noted| Evidence { noted, balance: nums }))
    }

    async fn submit(&self, request: Request<'_>) -> Result<Submitted, ProviderError> {
        let options = parse(request.options)?;
        let task_id = self.upload(&request, &options).await?;
        self.learn_name(request.image, &task_id).await;
        Ok(Submitted::Accepted { task_id: Some(task_id) })
    }

    /// First the account: while as much is left as before the call, nothing was charged, whatever task of that image is
    /// known from earlier. Then the image by its md5. That fangtang names images so is an assumption: where it is wrong,
    /// nothing is adopted.
    async fn settle(&self, unsettled: Unsettled<'_>) -> Result<Settled, ProviderError> {
        let evidence = unsettled.evidence.and_then(|evidence| Noted::deserialize(evidence).ok());
        let Some(evidence) = evidence else {
            return Ok(Settled::CannotTell("nothing was noted before the call by which to find it again".into()));
        };
        let now = self.nums().await?;
        if evidence.nums == Some(now) {
            return Ok(Settled::NeverStarted);
        }
        match self.status(&evidence.mdf).await {
            Ok(_) if !unsettled.ruled_out.contains(&evidence.mdf) => return Ok(Settled::Adopted(evidence.mdf)),
            Err(error) if error.kind != ErrorKind::UnknownTask => return Err(error),
            Ok(_) | Err(_) => {}
        }
        // What the service would know by this name and does not, it never got: where it is known to name images so.
        let age = unsettled.now.duration_since(unsettled.submitted_at);
        let still_kept = SignedDuration::try_from(DEFINITION.facts.result_life).is_ok_and(|life| age < life);
        if still_kept && unsettled.ruled_out.is_empty() && self.names_by_md5().await {
            return Ok(Settled::NeverStarted);
        }
        Ok(Settled::CannotTell(match evidence.nums {
            Some(before) => format!(
                "fangtang knows no such image, but {before} uploads were left before the call and {now} are now, so it \
                 may have been charged (or another upload was)"
            ),
            None => "fangtang knows no such image, but how many uploads were left before the call is not known, so \
                     neither is whether it was charged"
                .into(),
        }))
    }

    fn tasks_per_poll(&self) -> usize {
        4 * POLLED_AT_ONCE
    }

    async fn poll(&self, tasks: &[TaskId]) -> Result<BTreeMap<TaskId, TaskStatus>, ProviderError> {
        // Two jobs of the same image may have the same task.
        let tasks: BTreeSet<TaskId> = tasks.iter().cloned().collect();
        let ask = |mdf: TaskId| async move {
            let status = self.task(&mdf).await;
            (mdf, status)
        };
        let mut asked = stream::iter(tasks).map(ask).buffer_unordered(POLLED_AT_ONCE);
        let mut statuses = BTreeMap::new();
        while let Some((mdf, status)) = asked.next().await {
            let status = match status {
                // The token is no task's own matter.
                Err(error) if error.kind == ErrorKind::Credentials => return Err(error),
                Err(error) => {
                    tracing::warn!(task_id = %mdf, %error, "one task could not be asked for; it is asked for again");
                    Some(TaskStatus::Working)
                }
                Ok(status) => status,
            };
            statuses.extend(status.map(|status| (mdf, status)));
        }
        Ok(statuses)
    }

    async fn account(&self) -> Result<Account, ProviderError> {
        Ok(Account::Left(self.nums().await?))
    }
}

/// The header `token`: lower-case hex of md5(secret key + time), a comma, the time in Unix seconds. Source: seed `003`.
fn token(secret_key: &str, unix_s: i64) -> String {
    let hash = hex::encode(Md5::digest(format!("{secret_key}{unix_s}")));
    format!("{hash},{unix_s}")
}

/// What a reply holds where it says that all is well.
fn data<T: serde::de::DeserializeOwned>(reply: &Reply) -> Option<T> {
    let message = serde_json::from_slice::<wire::Message>(&reply.body).ok().filter(|_| reply.status == 200)?;
    message.data()
}

fn parse(options: &serde_json::Value) -> Result<Options, ProviderError> {
    serde_path_to_error::deserialize(options).map_err(|e| {
        let message = format!("the fangtang options are unusable: {e}");
        ProviderError::new(ErrorKind::InvalidRequest, Advice::Reject, message)
    })
}

#[cfg(test)]
mod tests;
