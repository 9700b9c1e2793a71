//! What is known of one step of a job: one provider's work on one image.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Output, ProviderName, Route, TaskId, Trouble, Troubles};

/// One provider's work on the image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Who works.
    pub provider: ProviderName,
    /// The preset's name.
    pub preset: String,
    /// The preset's options as they were when the job was made: a later change of the configuration must not change
    /// a request that has to be repeated word for word.
    pub options: serde_json::Value,
    /// The key of the image that the step works on.
    pub input: String,
    /// Its size.
    #[serde(default)]
    pub input_bytes: u64,
    /// Whether an image beyond the provider's limits is made to fit.
    #[serde(default)]
    pub fit: bool,
    /// So much is to be left on the provider's account: with less, the provider is put on hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_balance: Option<i64>,
    /// What is done where nobody can tell whether a paid call was carried out.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// What was made of the image to fit the provider's limits, and is sent in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<String>,
    /// What the step made, where another step goes on with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// The provider's name for its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// How many times the provider was asked to do the work.
    #[serde(default)]
    pub attempts: u32,
    /// How many tries failed in a way that may pass.
    #[serde(default)]
    pub failures: u32,
    /// The same for each kind of trouble, as each has a limit of its own.
    #[serde(default, skip_serializing_if = "Troubles::is_empty")]
    pub troubles: Troubles,
    /// How the last call was lost; `None` where nobody lived to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_by: Option<Trouble>,
    /// When the first call was made that the provider may have carried out, or has taken: from then on it can be held
    /// to its deadline, and from then on a repeat that is free is so only for as long as the result lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_be_done_since: Option<Timestamp>,
    /// How often the request was repeated because no callback came.
    #[serde(default)]
    pub replays: u32,
    /// When the provider was asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// When the provider's result was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What the provider charged, in its own unit (images).
    #[serde(default)]
    pub charges: u32,
    /// What a person should know although the step went well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The rectangles that the watermark service worked on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rectangles: Vec<Rectangle>,
    /// Where the image is hosted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// How much work was left on the account, in the provider's unit, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// Whether the step waits because its provider is on hold.
    #[serde(default)]
    pub held: bool,
    /// What went wrong last; cleared when the provider's result is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What was noted before the call, to find out what became of it should its answer be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<serde_json::Value>,
    /// Where the provider calls back. It never changes over the attempts of a step: an identical request is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Whether the task was found again after a lost answer. Its result has to prove that it is ours.
    #[serde(default)]
    pub adopted: bool,
    /// Tasks that were thought to be ours and proved to be another's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ruled_out: Vec<TaskId>,
}

impl Step {
    /// A step that has not begun, on the image under the key `input`.
    #[must_use]
    pub fn new(planned: PlannedStep, input: String, input_bytes: u64) -> Self {
        Self {
            provider: planned.route.provider,
            preset: planned.route.preset,
            options: planned.options,
            input,
            input_bytes,
            fit: planned.fit,
            min_balance: planned.min_balance,
            on_unknown: planned.on_unknown,
            fitted: None,
            outputs: Vec::new(),
            task_id: None,
            attempts: 0,
            failures: 0,
            troubles: Troubles::new(),
            lost_by: None,
            may_be_done_since: None,
            replays: 0,
            submitted_at: None,
            finished_at: None,
            charges: 0,
            warnings: Vec::new(),
            rectangles: Vec::new(),
            links: Vec::new(),
            balance: None,
            held: false,
            problem: None,
            evidence: None,
            callback_url: None,
            adopted: false,
            ruled_out: Vec::new(),
        }
    }
}

/// A step that is still to come: what the configuration said when the job was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Who is to work, with which preset.
    pub route: Route,
    /// The preset's options.
    pub options: serde_json::Value,
    /// Whether an image beyond the provider's limits is made to fit.
    #[serde(default)]
    pub fit: bool,
    /// So much is to be left on the provider's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_balance: Option<i64>,
    /// What is done where nobody can tell whether a paid call was carried out.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// What is done where nobody can tell whether a paid call was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// The job fails, and a person decides.
    #[default]
    Fail,
    /// The call is made again, at the risk of paying twice.
    Resubmit,
}

impl PlannedStep {
    /// A step of `route` with these options, and nothing else asked for.
    #[must_use]
    pub fn new(route: Route, options: serde_json::Value) -> Self {
        Self { route, options, fit: false, min_balance: None, on_unknown: OnUnknown::Fail }
    }
}

/// Where a hosted image is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Link {
    /// The image itself.
    pub link: String,
    /// A page with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_link: Option<String>,
    /// What deletes it: for a guest, the only way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_hash: Option<String>,
    /// The host's name for it.
    pub id: String,
}

/// A part of the image, in pixels from the upper left corner, with the words found in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rectangle {
    /// Left edge, pixels.
    pub x: i64,
    /// Upper edge, pixels.
    pub y: i64,
    /// Width, pixels.
    pub w: i64,
    /// Height, pixels.
    pub h: i64,
    /// How many lines of text were joined, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_count: Option<u32>,
    /// The words that were read there, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
}
