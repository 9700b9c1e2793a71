//! Why jobs fail, in kinds that say who can mend it.

use serde::{Deserialize, Serialize};

/// Why a job failed, for a person who can act on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// The kind, for programs.
    pub kind: FailureKind,
    /// What happened, to which image, and what to do now.
    pub message: String,
}

/// A message is no longer than this: it is kept in the job's row and in `job.json`, and may quote a stranger's words.
const LONGEST_MESSAGE_BYTES: usize = 4_096;

impl Failure {
    /// The failure as a job keeps it: of a message without end, the beginning.
    #[must_use]
    pub fn bounded(&self) -> Self {
        let Self { kind, message } = self.clone();
        let end = message.floor_char_boundary(LONGEST_MESSAGE_BYTES);
        let message = match message.get(..end) {
            Some(beginning) if end < message.len() => format!("{beginning}…"),
            _ => message,
        };
        Self { kind, message }
    }
}

/// The kinds of failure. They say who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl FailureKind {
    /// The kind as it stands in `job.json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownPreset => "unknown_preset",
            Self::UploadMissing => "upload_missing",
            Self::UnsuitableImage => "unsuitable_image",
            Self::Rejected => "rejected",
            Self::Exhausted => "exhausted",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::BrokenResult => "broken_result",
            Self::Deadline => "deadline",
            Self::TaskLost => "task_lost",
            Self::Superseded => "superseded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_in_the_log_as_in_job_json() {
        use FailureKind::{
            BrokenResult, Deadline, Exhausted, OutcomeUnknown, Rejected, Superseded, TaskLost, UnknownPreset,
            UnsuitableImage, UploadMissing,
        };
        let (early, late) = (
            [UnknownPreset, UploadMissing, UnsuitableImage, Rejected, Exhausted],
            [OutcomeUnknown, BrokenResult, Deadline, TaskLost, Superseded],
        );
        for kind in early.into_iter().chain(late) {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_message_without_end_is_cut_between_characters_and_others_are_kept_as_they_are() {
        let failure = |message: String| Failure { kind: FailureKind::Rejected, message }.bounded().message;
        assert_eq!(failure("no".into()), "no");
        let longest = "я".repeat(LONGEST_MESSAGE_BYTES / 2);
        assert_eq!(failure(longest.clone()), longest);
        assert_eq!(failure(format!("x{longest}")), format!("x{}…", "я".repeat(LONGEST_MESSAGE_BYTES / 2 - 1)));
    }
}
