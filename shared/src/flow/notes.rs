//! The memory that the clients of a provider share, kept in the provider's row of the table.

use async_trait::async_trait;

use crate::{
    job::ProviderName,
    provider::{Notes, NotesError},
    store::Jobs,
};

/// The notes of one provider in the table.
#[derive(Debug, Clone)]
pub struct NotesInTable {
    jobs: Jobs,
    provider: ProviderName,
}

impl NotesInTable {
    /// The notes of `provider` in the table of `jobs`.
    #[must_use]
    pub fn new(jobs: Jobs, provider: ProviderName) -> Self {
        Self { jobs, provider }
    }
}

#[async_trait]
impl Notes for NotesInTable {
    async fn get(&self, name: &str) -> Result<Option<String>, NotesError> {
        self.jobs.note(self.provider, name).await.map_err(|e| NotesError(e.to_string()))
    }

    async fn replace(&self, name: &str, old: Option<&str>, new: &str) -> Result<bool, NotesError> {
        self.jobs.replace_note(self.provider, name, old, new).await.map_err(|e| NotesError(e.to_string()))
    }
}
