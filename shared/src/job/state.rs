//! What is known of a job, and where it stands. Data that only makes sense in one state lives inside that state.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Branch, Failure, JobId, PlannedStep, ProviderName, Route, STEPS_PREFIX, Step, UploadKey, UploadKeyError, key::stem,
    safe_file_name,
};

/// One upload and everything done about it: the row in the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The job's name.
    pub id: JobId,
    /// Counts the writes of the row. Every write names the revision it read, so two writers never overwrite each other.
    pub revision: u64,
    /// What was put into the bucket.
    pub upload: Upload,
    /// What the upload's key asks for.
    pub route: Route,
    /// Where the job stands.
    pub state: State,
    /// What was done, in order. The last one is the step at work.
    pub steps: Vec<Step>,
    /// The steps that are still to come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<PlannedStep>,
    /// Where the job is one of several that go on with the outputs of another job's step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Branch>,
    /// The branches of this job that have told their end, by number. A branch that died before it could tell is found
    /// by looking.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::number_set")]
    pub ended_branches: BTreeSet<u32>,
    /// When the job was made.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// A wake-up was sent: the poller need not come by before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub woken_until: Option<Timestamp>,
    /// The provider's callback, written by the webhook as it came and interpreted by the collector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackReceived>,
    /// A callback with the right token that could not be read, kept to be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed_callback: Option<CallbackReceived>,
}

impl Job {
    /// The step at work: the last one.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        self.steps.last()
    }

    /// The provider that works on the image now.
    #[must_use]
    pub fn provider(&self) -> ProviderName {
        self.step().map_or(self.route.provider, |step| step.provider)
    }

    /// When the poller has to look at the job. `None` exactly when the job has ended.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let due_at = self.state.due_at()?;
        // A callback that nobody has read is due whatever the state waits for.
        let due_at = self.unread_callback().map_or(due_at, |callback| due_at.min(callback.at));
        Some(self.woken_until.map_or(due_at, |woken_until| due_at.max(woken_until)))
    }

    /// A callback that tells how the step at work ended, and that nobody has read. One that comes late or twice, when the
    /// job has gone on, concerns nobody: a later step of the same job is never one that is called back.
    #[must_use]
    pub fn unread_callback(&self) -> Option<&CallbackReceived> {
        let awaits = matches!(self.state, State::Queued { .. } | State::Submitting { .. } | State::Waiting { .. });
        let called_back = self.step().is_some_and(|step| step.callback_url.is_some());
        self.callback.as_ref().filter(|_| awaits && called_back)
    }

    /// Whether it is time for what the state asks for.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.state.due_at().is_some_and(|due_at| due_at <= now)
    }

    /// The outputs of the last step with which branches go on; empty where the job has not branched.
    #[must_use]
    pub fn branched_outputs(&self) -> &[Output] {
        self.step().map_or(&[], |step| &step.outputs)
    }

    /// The id under which a person knows the job: that of the upload's own job.
    #[must_use]
    pub fn known_as(&self) -> &JobId {
        self.branch.as_ref().map_or(&self.id, |branch| &branch.root)
    }

    /// What earlier steps have made, should the step at work fail.
    #[must_use]
    pub fn made_before(&self) -> &[Output] {
        let earlier = self.steps.iter().rev().skip(1).find(|step| !step.outputs.is_empty());
        let of_branch = self.branch.as_ref().map(|branch| std::slice::from_ref(&branch.input));
        earlier.map(|step| step.outputs.as_slice()).or(of_branch).unwrap_or_default()
    }

    /// The name of outputs that have none of their own: the upload's without its extension, or the branch's.
    #[must_use]
    pub fn stem(&self) -> &str {
        match &self.branch {
            Some(branch) => &branch.stem,
            None => stem(&self.upload.key),
        }
    }

    /// The key of an output of the step at work: in the result folder if it is the last one, else below `steps/`. The
    /// name is made safe.
    ///
    /// # Errors
    /// Never for a job that we made: its key was read when it was made.
    pub fn output_key(&self, file_name: &str) -> Result<String, UploadKeyError> {
        if self.plan.is_empty() {
            return Ok(self.upload_key()?.result(file_name));
        }
        // A branch has an id of its own, and counts its own steps.
        Ok(format!("{STEPS_PREFIX}{}/{}/{}", self.id, self.steps.len(), safe_file_name(file_name)))
    }

    /// The job's key, taken apart.
    ///
    /// # Errors
    /// Never for a job that we made: its key was read when it was made.
    pub fn upload_key(&self) -> Result<UploadKey, UploadKeyError> {
        UploadKey::parse(&self.upload.key)
    }
}

/// The object that the job is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, as it is: not percent-encoded.
    pub key: String,
    /// The object's entity tag, without quotes.
    pub etag: String,
    /// The object's size.
    pub bytes: u64,
    /// Lower-case hexadecimal; known once the image has been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Where a job stands. Every state that is not an end carries `due_at`: when it passes, the poller looks at the job,
/// whatever it was doing. That is the one invariant which keeps jobs from being lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum State {
    /// The step has to be submitted.
    Queued {
        /// When it may be submitted, at the earliest.
        due_at: Timestamp,
        /// The rate slot that is reserved for it already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slot_at: Option<Timestamp>,
    },
    /// A function is asking the provider. When `due_at` passes, it died or its answer was lost: the outcome is unknown.
    Submitting {
        /// When the attempt began.
        since: Timestamp,
        /// The end of the attempt's lease.
        due_at: Timestamp,
    },
    /// The provider works; a poll or a callback tells the end.
    Waiting {
        /// When the provider took it.
        since: Timestamp,
        /// The next look.
        due_at: Timestamp,
        /// How often we looked.
        polls: u32,
    },
    /// The step has several outputs, and a branch goes on with each.
    Branching {
        /// When they began.
        since: Timestamp,
        /// The next look at them, should their word be lost.
        due_at: Timestamp,
    },
    /// The provider is done; the result has to be fetched.
    Ready {
        /// When we learnt it.
        since: Timestamp,
        /// The next try to fetch.
        due_at: Timestamp,
        /// How often fetching failed.
        failures: u32,
        /// Where the result is.
        source: ResultSource,
    },
    /// The results lie in the bucket.
    Done {
        /// What lies there.
        outputs: Vec<Output>,
    },
    /// The job ended without all of its results.
    Failed {
        /// Why.
        reason: Failure,
        /// What lies in the bucket all the same.
        #[serde(default)]
        outputs: Vec<Output>,
    },
}

/// Where a result is to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ResultSource {
    /// One image at an address.
    Image {
        /// The address.
        url: String,
    },
    /// A zip of images at an address.
    Archive {
        /// The address.
        url: String,
    },
    /// The results lie in the bucket already: they came in the reply.
    Stored {
        /// What lies there.
        outputs: Vec<Output>,
    },
    /// There was nothing to do: the upload itself is the result.
    Original,
    /// There is no file, only what the step records (rectangles).
    Record,
}

/// A file in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Output {
    /// The object's key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// Its media type, by content.
    pub content_type: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// A callback as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackReceived {
    /// When it came.
    pub at: Timestamp,
    /// Its body; cut where it is longer than is kept.
    pub body: String,
}

/// The bare names of the states, for filters and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// [`State::Queued`]
    Queued,
    /// [`State::Submitting`]
    Submitting,
    /// [`State::Waiting`]
    Waiting,
    /// [`State::Ready`]
    Ready,
    /// [`State::Done`]
    Done,
    /// [`State::Failed`]
    Failed,
}

impl StateName {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 6] = [Self::Queued, Self::Submitting, Self::Waiting, Self::Ready, Self::Done, Self::Failed];

    /// The name as it stands in rows and `job.json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitting => "submitting",
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl std::fmt::Display for StateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for StateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| format!("there is no state '{text}'; there are: {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

impl State {
    /// When the poller has to look. `None` exactly for the two ends.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Queued { due_at, .. }
            | Self::Submitting { due_at, .. }
            | Self::Waiting { due_at, .. }
            | Self::Branching { due_at, .. }
            | Self::Ready { due_at, .. } => Some(*due_at),
            Self::Done { .. } | Self::Failed { .. } => None,
        }
    }

    /// The state's bare name.
    #[must_use]
    pub fn name(&self) -> StateName {
        match self {
            Self::Queued { .. } => StateName::Queued,
            Self::Submitting { .. } => StateName::Submitting,
            // People need not know the difference: the image is being worked on elsewhere.
            Self::Waiting { .. } | Self::Branching { .. } => StateName::Waiting,
            Self::Ready { .. } => StateName::Ready,
            Self::Done { .. } => StateName::Done,
            Self::Failed { .. } => StateName::Failed,
        }
    }

    /// Whether the job has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.due_at().is_none()
    }

    /// The files that lie in the bucket.
    #[must_use]
    pub fn outputs(&self) -> &[Output] {
        match self {
            Self::Done { outputs } | Self::Failed { outputs, .. } => outputs,
            _ => &[],
        }
    }
}
