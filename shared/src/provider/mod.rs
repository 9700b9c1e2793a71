//! The outside services, each behind the same trait. A provider turns our request into its own wire format and its
//! answers into our words; it knows no store, no flow and no other provider.
//!
//! A provider's folder has always the same files: `mod.rs` (the client), `config.rs` (settings and options),
//! `wire.rs` (its JSON), `error.rs` (one table from its errors to ours), `README.md` and `fixtures/`.

mod choice;
mod definition;
mod error;
pub mod fangtang;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
pub mod imageban;
pub mod imgfactory;
mod notes;
mod options;
mod tolerant;
pub mod vkcloud;
pub mod watermark;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

pub use self::{
    definition::{Definition, Facts, ReadCallback, definition, facts},
    error::{Advice, ErrorKind, ProviderError},
    http::{AddressError, DownloadError, DownloadLimits, Http, Repeat, Reply, ResultHosts},
    notes::{Notes, NotesError, NotesInMemory},
    options::{CheckedOptions, OptionsError, OptionsReader, PresetOptions},
};
use crate::{
    environment::{ConfigError, Environment},
    job::{ImageFormat, Outcome, ProviderName, Report, TaskId},
};

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

    /// Whether work with these options can be asked for at all, with the credentials that there are.
    ///
    /// # Errors
    /// With a sentence that says what is wrong and what would be right.
    fn check(&self, options: &serde_json::Value) -> Result<(), String> {
        let _ = options;
        Ok(())
    }

    /// Whether the provider is to fetch the image itself: then [`Request::image_url`] is needed.
    fn fetches_itself(&self, options: &serde_json::Value) -> bool {
        let _ = options;
        false
    }

    /// Notes what will show later whether a [`Provider::submit`] of this image arrived, should its answer be lost. It
    /// is called right before and never costs money.
    ///
    /// # Errors
    /// When the provider says already that it would refuse, or cannot be asked now.
    async fn evidence(&self, image: &Image) -> Result<Option<Evidence>, ProviderError> {
        let _ = image;
        Ok(None)
    }

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

    /// How many tasks one [`Provider::poll`] may be about. Where each costs a request of its own these are few, so that
    /// what was learned is written down before more is asked: a poller that runs out of time has lost nothing.
    fn tasks_per_poll(&self) -> usize {
        usize::MAX
    }

    /// Asks how these tasks are, in as few requests as the provider allows. A task that is missing from the answer
    /// is unknown to the provider.
    ///
    /// # Errors
    /// When the provider cannot be asked now. That a task failed is no error of this call.
    async fn poll(&self, tasks: &[TaskId]) -> Result<BTreeMap<TaskId, TaskStatus>, ProviderError> {
        let _ = tasks;
        Ok(BTreeMap::new())
    }

    /// Asks what the account says of itself. It never costs money.
    ///
    /// # Errors
    /// When the credentials are not taken or the provider cannot be asked.
    async fn account(&self) -> Result<Account, ProviderError>;
}

/// What is noted before a paid call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// For [`Provider::settle`], in the provider's own shape.
    pub noted: serde_json::Value,
    /// How much work is left on the account, where the provider was asked.
    pub balance: Option<i64>,
}

/// What an account says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// So much work is left on it.
    Left(i64),
    /// The credentials are taken; nothing is said of what is left.
    Valid,
    /// There is no question that would be free. The text says what is known all the same.
    CannotAsk(&'static str),
}

/// What a client is made of.
#[derive(Clone, Copy)]
pub struct Equipment<'a> {
    /// Settings and credentials.
    pub environment: &'a Environment,
    /// The sender.
    pub http: &'a Http,
    /// What the clients of a provider remember together.
    pub notes: &'a dyn Fn(ProviderName) -> Arc<dyn Notes>,
}

/// Makes the client of one provider. A function names only those that it needs, so that its binary and its secrets
/// hold no others.
pub type MakeProvider = fn(&Equipment<'_>) -> Result<Arc<dyn Provider>, ConfigError>;

/// Makes the client of any provider: for a host that runs all functions.
///
/// # Errors
/// When its settings are missing.
pub fn make(provider: ProviderName, equipment: &Equipment<'_>) -> Result<Arc<dyn Provider>, ConfigError> {
    match provider {
        ProviderName::Imgfactory => imgfactory::make(equipment),
        ProviderName::Watermark => watermark::make(equipment),
        ProviderName::Fangtang => fangtang::make(equipment),
        ProviderName::Vkcloud => vkcloud::make(equipment),
        ProviderName::Imageban => imageban::make(equipment),
    }
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
    /// Where the provider can fetch the picture itself; a secret, since it opens the bucket for a while.
    pub image_url: Option<&'a str>,
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
    /// What [`Provider::evidence`] noted before the call.
    pub evidence: Option<&'a serde_json::Value>,
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
        /// What else is said of the work.
        report: Report,
    },
}

/// What became of a call whose outcome was unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The provider makes an identical request free: send it again.
    RepeatIsFree,
    /// The work was never started: send it for the first time.
    NeverStarted,
    /// Nobody can tell, and to do it twice does no harm worth waiting for: send it again. The text says what it costs.
    RepeatIsCheap(&'static str),
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
