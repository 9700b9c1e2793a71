//! The names of jobs and tasks: newtypes, so that one is never taken for the other.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name of a job: 32 lower-case hexadecimal characters.
///
/// It is a hash of where the upload lies and which version of it is meant. The same event always names the same job,
/// so an event that comes twice does no harm; a new upload under an old key gets a job of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

/// A text that is not a [`JobId`].
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a job id: 32 characters of 0-9 and a-f are expected, as `darkroom jobs` prints them")]
pub struct InvalidJobId(String);

const LENGTH: usize = 32;

impl JobId {
    /// The id of a branch: the job that goes on with one of several outputs of a step. `number` counts from 1.
    #[must_use]
    pub fn of_branch(&self, number: u32) -> Self {
        Self::of_upload("branch", &self.0, &number.to_string())
    }

    /// The id of the job for one version of one object.
    ///
    /// `version` is the event's version id, or its sequencer where the bucket keeps no versions.
    #[must_use]
    pub fn of_upload(bucket: &str, key: &str, version: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [bucket, key, version] {
            // The length goes in first, so that no two different triples make the same bytes.
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        let mut id = hex::encode(hash.finalize());
        id.truncate(LENGTH);
        Self(id)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JobId {
    type Error = InvalidJobId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let well_formed = text.len() == LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if well_formed { Ok(Self(text)) } else { Err(InvalidJobId(text)) }
    }
}

impl std::str::FromStr for JobId {
    type Err = InvalidJobId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The provider's own name for what it does for us.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub String);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_names_the_same_job_and_a_new_upload_a_new_one() {
        let first = JobId::of_upload("darkroom", "uploads/watermark/a.jpg", "0055AED6DCD90281E5");
        assert_eq!(first, JobId::of_upload("darkroom", "uploads/watermark/a.jpg", "0055AED6DCD90281E5"));
        assert_ne!(first, JobId::of_upload("darkroom", "uploads/watermark/a.jpg", "0055AED6DCD90281E6"));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(JobId::of_upload("a", "bc", "d"), JobId::of_upload("ab", "c", "d"));
    }

    #[test]
    fn only_what_we_made_is_an_id() {
        let id = JobId::of_upload("a", "b", "c");
        assert_eq!(id.as_str().parse::<JobId>().unwrap(), id);
        assert!("../../etc".parse::<JobId>().is_err());
        assert!(id.as_str().to_uppercase().parse::<JobId>().is_err());
    }
}
