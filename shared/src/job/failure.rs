//! Why jobs fail, in kinds that say who can mend it.

use serde::{Deserialize, Serialize};

/// Why a job failed, for a person who can act on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind, for programs.
    pub kind: FailureKind,
    /// What happened, to which image, and what to do now.
    pub message: String,
}

/// The kinds of failure. They say who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No preset of that name: upload under another key or add the preset.
    UnknownPreset,
    /// The object was gone when we came for it.
    UploadMissing,
    /// The upload is empty, no image, or beyond the provider's limits.
    UnsuitableImage,
    /// The provider said no to this image or these options.
    Rejected,
    /// Tried as often as is sensible.
    Exhausted,
    /// It cannot be settled whether the provider did (and charged) the work.
    OutcomeUnknown,
    /// The result could not be used as it came.
    BrokenResult,
    /// The provider took longer than it may.
    Deadline,
    /// The provider took the work and no longer knows of it.
    TaskLost,
    /// Another upload took the place of this one before it was sent; that one has a job of its own.
    Superseded,
}
