//! `job.json` (the contract, section 2): what people read about a job. A view of the job and its branches, without what
//! is ours alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Failure, Job, JobId, Link, Output, ProviderName, Rectangle, Route, State, StateName, Step, TaskId, Tree};

/// The shape of `job.json`, and of `darkroom job ID --json` at any time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Document {
    /// The job's name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: JobId,
    /// `provider/preset`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
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
    /// What was done, in order. Steps that have not begun are not told.
    pub steps: Vec<DocumentStep>,
    /// The files in the bucket: the results; of a failed chain, what was made before the step that failed.
    pub outputs: Vec<Output>,
}

/// The upload in `job.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// One step in `job.json`. Where it works on several images, numbers are sums and `items` tells each of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DocumentStep {
    /// Who worked.
    pub provider: ProviderName,
    /// With which preset.
    pub preset: String,
    /// The preset's options as sent; passwords are not told.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub options: serde_json::Value,
    /// The work on the step's image, or the sum of the work on all of them.
    #[serde(flatten)]
    pub work: DocumentItem,
    /// Where the step worked on several images: each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<DocumentItem>,
}

/// The work of one step on one image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DocumentItem {
    /// The key of the image; absent where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The provider's name for its work.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub task_id: Option<TaskId>,
    /// How many times the provider was asked to do it.
    pub attempts: u32,
    /// When it was asked last.
    pub submitted_at: Option<Timestamp>,
    /// When its result was known.
    pub finished_at: Option<Timestamp>,
    /// What it charged, in its own unit (images).
    pub charges: u32,
    /// How much work was left on the account, in the provider's own unit, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// What a person should know although the step went well.
    pub warnings: Vec<String>,
    /// Where the image is hosted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Where the watermark service worked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rectangles: Vec<Rectangle>,
    /// The files that the next step went on with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
}

impl From<&Tree> for Document {
    fn from(tree: &Tree) -> Self {
        let job = &tree.job;
        let reason = match &job.state {
            State::Failed { reason, .. } => Some(reason.clone()),
            _ => None,
        };
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
            steps: steps(tree),
            outputs: tree.outputs(),
        }
    }
}

/// The steps of a job without branches.
impl From<&Job> for Document {
    fn from(job: &Job) -> Self {
        Self::from(&Tree { job: job.clone(), branches: Vec::new() })
    }
}

/// The job's own steps, then those of its branches: the same steps, so that each stands there once.
fn steps(tree: &Tree) -> Vec<DocumentStep> {
    let mut steps: Vec<DocumentStep> = tree.job.steps.iter().map(step).collect();
    let branches: Vec<Vec<DocumentStep>> = tree.branches.iter().map(self::steps).collect();
    let deepest = branches.iter().map(Vec::len).max().unwrap_or_default();
    for position in 0..deepest {
        let same: Vec<&DocumentStep> = branches.iter().filter_map(|steps| steps.get(position)).collect();
        steps.extend(joined(&same));
    }
    steps
}

fn step(step: &Step) -> DocumentStep {
    let work = DocumentItem {
        input: Some(step.input.clone()),
        task_id: step.task_id.clone(),
        attempts: step.attempts,
        submitted_at: step.submitted_at,
        finished_at: step.finished_at,
        charges: step.charges,
        balance: step.balance,
        warnings: step.warnings.clone(),
        links: step.links.clone(),
        rectangles: step.rectangles.clone(),
        outputs: step.outputs.clone(),
    };
    DocumentStep {
        provider: step.provider,
        preset: step.preset.clone(),
        options: told_options(&step.options),
        work,
        items: Vec::new(),
    }
}

/// One step that worked on several images. Rectangles of different images would mean nothing together.
fn joined(same: &[&DocumentStep]) -> Option<DocumentStep> {
    let (first, rest) = same.split_first()?;
    if rest.is_empty() {
        return Some((*first).clone());
    }
    let items =
        same.iter().flat_map(|step| if step.items.is_empty() { vec![step.work.clone()] } else { step.items.clone() });
    let items: Vec<DocumentItem> = items.collect();
    let all_finished = items.iter().all(|item| item.finished_at.is_some());
    let mut warnings: Vec<String> = Vec::new();
    for warning in items.iter().flat_map(|item| &item.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    let work = DocumentItem {
        input: None,
        task_id: None,
        attempts: items.iter().map(|item| item.attempts).sum(),
        submitted_at: items.iter().filter_map(|item| item.submitted_at).max(),
        finished_at: items.iter().filter_map(|item| item.finished_at).max().filter(|_| all_finished),
        charges: items.iter().map(|item| item.charges).sum(),
        balance: items.iter().filter_map(|item| item.balance).min(),
        warnings,
        links: items.iter().flat_map(|item| item.links.clone()).collect(),
        rectangles: Vec::new(),
        outputs: items.iter().flat_map(|item| item.outputs.clone()).collect(),
    };
    Some(DocumentStep { work, items, ..(*first).clone() })
}

/// Options without their passwords: they are shown to all who may see the results.
#[must_use]
pub fn told_options(options: &serde_json::Value) -> serde_json::Value {
    let mut options = options.clone();
    if let Some(options) = options.as_object_mut() {
        for (_, value) in options.iter_mut().filter(|(name, _)| name.ends_with("_pass")) {
            *value = "(not told)".into();
        }
    }
    options
}
