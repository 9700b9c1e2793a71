//! `job.json` (the contract, section 2): what people read about a job. A view of the job, without what is ours alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Failure, Job, JobId, Output, ProviderName, Rectangle, Route, State, StateName, TaskId};

/// The shape of `job.json`, and of `darkroom job ID --json` at any time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The job's name.
    pub id: JobId,
    /// `provider/preset`.
    pub route: Route,
    /// Where the job stands.
    pub state: StateName,
    /// Failed jobs only: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Failure>,
    /// What was uploaded.
    pub upload: DocumentUpload,
    /// When the job was made.
    pub created_at: Timestamp,
    /// When it ended; `null` before.
    pub finished_at: Option<Timestamp>,
    /// What was done, in order.
    pub steps: Vec<DocumentStep>,
    /// The files in the bucket.
    pub outputs: Vec<Output>,
}

/// The upload in `job.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentUpload {
    /// The object's key.
    pub key: String,
    /// The object's entity tag, without quotes.
    pub etag: String,
    /// Its size.
    pub bytes: u64,
    /// Lower-case hexadecimal; `null` until the image has been read.
    pub sha256: Option<String>,
}

/// One step in `job.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentStep {
    /// Who worked.
    pub provider: ProviderName,
    /// With which preset.
    pub preset: String,
    /// The preset's options as sent.
    pub options: serde_json::Value,
    /// The provider's name for its work.
    pub task_id: Option<TaskId>,
    /// How many times the provider was asked to do it.
    pub attempts: u32,
    /// When it was asked last.
    pub submitted_at: Option<Timestamp>,
    /// When its result was known.
    pub finished_at: Option<Timestamp>,
    /// What it charged, in its own unit (images).
    pub charges: u32,
    /// What a person should know although the step went well.
    pub warnings: Vec<String>,
    /// Where the watermark service worked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rectangles: Vec<Rectangle>,
}

impl From<&Job> for Document {
    fn from(job: &Job) -> Self {
        let reason = match &job.state {
            State::Failed { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        let steps = job.steps.iter().map(|step| DocumentStep {
            provider: step.provider,
            preset: step.preset.clone(),
            options: step.options.clone(),
            task_id: step.task_id.clone(),
            attempts: step.attempts,
            submitted_at: step.submitted_at,
            finished_at: step.finished_at,
            charges: step.charges,
            warnings: step.warnings.clone(),
            rectangles: step.rectangles.clone(),
        });
        Self {
            id: job.id.clone(),
            route: job.route.clone(),
            state: job.state.name(),
            reason,
            upload: DocumentUpload {
                key: job.upload.key.clone(),
                etag: job.upload.etag.clone(),
                bytes: job.upload.bytes,
                sha256: job.upload.sha256.clone(),
            },
            created_at: job.created_at,
            finished_at: job.finished_at,
            steps: steps.collect(),
            outputs: job.state.outputs().to_vec(),
        }
    }
}
