//! The outside services, each behind the same trait. A provider turns our request into its own wire format and its
//! answers into our words; it knows no store, no flow and no other provider.
//!
//! A provider's folder has always the same files: `mod.rs` (the client), `config.rs` (settings and options),
//! `wire.rs` (its JSON), `error.rs` (one table from its errors to ours), `README.md` and `fixtures/`.

mod choice;
mod error;
mod http;
pub mod imgfactory;
mod tolerant;
pub mod watermark;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

pub use self::{
    error::{Advice, ErrorKind, ProviderError},
    http::{DownloadError, Http, Repeat, Reply, ResultHosts},
};
use crate::job::{ImageFormat, Outcome, ProviderName, TaskId};

/// One outside service.
#[async_trait]
pub trait Provider: Send + Sync + std::fmt::Debug {
    /// Who it is.
    fn name(&self) -> ProviderName;

    /// How the end of work with these options is learnt.
    ///
    /// # Errors
    /// When the options are not this provider's.
    fn delivery(&self, options: &serde_json::Value) -> Result<Delivery, ProviderError>;

    /// Asks for the work. This is the call that costs money.
    ///
    /// # Errors
    /// With [`Advice::Unknown`] whenever the work may have been started all the same.
    async fn submit(&self, request: Request<'_>) -> Result<Submitted, ProviderError>;

    /// Finds out what became of a [`Provider::submit`] whose outcome is unknown. It never costs money.
    ///
    /// # Errors
    /// When the provider cannot be asked now.
    async fn settle(&self, unsettled: Unsettled<'_>) -> Result<Settled, ProviderError>;

    /// Asks how these tasks are, in as few requests as the provider allows. A task that is missing from the answer
    /// is unknown to the provider.
    ///
    /// # Errors
    /// When the provider cannot be asked now. That a task failed is no error of this call.
    async fn poll(&self, tasks: &[TaskId]) -> Result<BTreeMap<TaskId, TaskStatus>, ProviderError> {
        let _ = tasks;
        Ok(BTreeMap::new())
    }
}

/// What a provider's documents say of its limits and times.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The formats it takes; empty where nothing is said.
    pub formats: &'static [ImageFormat],
    /// The largest image it takes.
    pub most_image_bytes: Option<u64>,
    /// How long a result can be fetched.
    pub result_life: Duration,
    /// When work that never ends counts as failed.
    pub deadline: Duration,
    /// Requests per second, unless `<PROVIDER>_RATE` says otherwise.
    pub rate_per_s: f64,
}

/// How the end of the work is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// By asking again and again.
    Poll,
    /// By the provider calling us.
    Callback,
    /// In the reply itself.
    Reply,
}

/// A picture on its way to a provider.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its content.
    pub bytes: Bytes,
    /// Its format by content.
    pub format: ImageFormat,
}

/// Work to ask for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The picture.
    pub image: &'a Image,
    /// The file name to send it under.
    pub file_name: &'a str,
    /// The preset's options.
    pub options: &'a serde_json::Value,
    /// Where to call back. `None`: answer in the reply, whatever the options say.
    pub callback_url: Option<&'a str>,
}

/// A paid call whose outcome is unknown.
#[derive(Debug, Clone, Copy)]
pub struct Unsettled<'a> {
    /// The options that were sent.
    pub options: &'a serde_json::Value,
    /// When the call was made.
    pub submitted_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// Tasks that have proved to be others'.
    pub ruled_out: &'a [TaskId],
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// The provider works; the end comes by poll or callback.
    Accepted {
        /// Its name for the work, if it gives one.
        task_id: Option<TaskId>,
    },
    /// It is done, and the result is to be fetched.
    Finished(Outcome),
    /// It is done, and the result is here.
    InHand {
        /// The result's content.
        bytes: Bytes,
        /// What was charged.
        charges: u32,
    },
}

/// What became of a call whose outcome was unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The provider makes an identical request free: send it again.
    RepeatIsFree,
    /// The work was never started: send it for the first time.
    NeverStarted,
    /// This task is probably ours; its result will prove it.
    Adopted(TaskId),
    /// There is no way to know. The text says why.
    CannotTell(String),
}

/// How a task is.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskStatus {
    /// Still at work.
    Working,
    /// Done.
    Finished(Outcome),
}

/// What a provider's documents say of its limits and times.
#[must_use]
pub fn facts(provider: ProviderName) -> &'static Facts {
    match provider {
        ProviderName::Imgfactory => &imgfactory::FACTS,
        ProviderName::Watermark => &watermark::FACTS,
    }
}

/// Reads the body of a callback of `provider`. It needs no settings, so the webhook needs no secrets of providers.
/// `options` are the step's, or `null` where only the form is to be checked.
///
/// # Errors
/// When it is no callback of this provider.
pub fn read_callback(
    provider: ProviderName,
    options: &serde_json::Value,
    body: &[u8],
) -> Result<Called, ProviderError> {
    match provider {
        ProviderName::Watermark => watermark::read_callback(options, body),
        ProviderName::Imgfactory => {
            Err(ProviderError::new(ErrorKind::InvalidRequest, Advice::Reject, format!("{provider} sends no callbacks")))
        }
    }
}

/// What a callback says.
#[derive(Debug)]
pub enum Called {
    /// The work is done.
    Finished(Outcome),
    /// The work failed; the error says what to do.
    Failed(ProviderError),
}

/// The providers that a function was started with.
#[derive(Debug, Clone, Default)]
pub struct Providers(BTreeMap<ProviderName, Arc<dyn Provider>>);

impl Providers {
    /// The provider of that name, if the function has it.
    #[must_use]
    pub fn get(&self, name: ProviderName) -> Option<&Arc<dyn Provider>> {
        self.0.get(&name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.values()
    }
}

impl FromIterator<Arc<dyn Provider>> for Providers {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Provider>>>(providers: I) -> Self {
        Self(providers.into_iter().map(|provider| (provider.name(), provider)).collect())
    }
}
