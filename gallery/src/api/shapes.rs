//! The shapes of questions and answers. A job has the shape of `job.json`.

use darkroom_shared::job::{Document, Hold};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{actions::Retried, providers::ProviderStatus};

/// How many jobs are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Limited {
    /// At the most so many, 50 or fewer. Jobs of many outputs are long.
    pub(crate) limit: Option<usize>,
}

/// A page of jobs, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Jobs {
    /// The jobs.
    pub(crate) jobs: Vec<Document>,
    /// What to send as `before` for the next page; `null` where there is none.
    pub(crate) older: Option<String>,
}

/// Which jobs are to get another try.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RetryMany {
    /// The ids of the jobs, 100 at the most.
    pub(crate) ids: Vec<String>,
}

/// What became of a job that was to get another try.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetriedJob {
    /// The job's id.
    pub(crate) id: String,
    /// What became of it.
    pub(crate) outcome: Retried,
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetriedJobs {
    /// Each, in the order in which they were asked for.
    pub(crate) jobs: Vec<RetriedJob>,
}

/// All providers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Providers {
    /// Each.
    pub(crate) providers: Vec<ProviderStatus>,
}

/// The end of a hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Released {
    /// The hold that was ended; `null` where there was none.
    pub(crate) hold: Option<Hold>,
}

/// All presets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Presets {
    /// Each.
    pub(crate) presets: Vec<Preset>,
}

/// A preset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preset {
    /// `provider/preset`.
    pub(crate) route: String,
    /// Where its uploads go.
    pub(crate) upload_path: String,
    /// The steps that an upload goes through, this one and those that follow.
    pub(crate) steps: Vec<PresetStep>,
}

/// A step of a preset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresetStep {
    /// `provider/preset`.
    pub(crate) route: String,
    /// The options that are sent.
    #[schema(value_type = Object)]
    pub(crate) options: serde_json::Value,
    /// Whether an image beyond the provider's limits is made to fit.
    pub(crate) fit: bool,
}

/// A file that is to be uploaded.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewUpload {
    /// `provider/preset`.
    pub(crate) route: String,
    /// The file's name.
    pub(crate) name: String,
}

/// Where to put it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadPlace {
    /// The key that it gets. No other upload has it.
    pub(crate) key: String,
    /// PUT the file's bytes here within 15 minutes, once, with the header `If-None-Match: *`. The address is a secret.
    pub(crate) url: String,
}

/// Why a request was not answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Failed {
    /// What is wrong.
    pub(crate) error: Wrong,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Wrong {
    /// The kind, for programs.
    pub(crate) kind: String,
    /// What happened and what to do now.
    pub(crate) message: String,
}
