//! What the clients of one provider remember together, however many functions they run in: an access token, the id
//! of an album that one of them made. Where it is kept is not a provider's business.

use async_trait::async_trait;

/// A memory that all clients of one provider share. A note is a short text under a name.
#[async_trait]
pub trait Notes: Send + Sync + std::fmt::Debug {
    /// Reads a note.
    ///
    /// # Errors
    /// When the memory cannot be reached.
    async fn get(&self, name: &str) -> Result<Option<String>, NotesError>;

    /// Writes a note, if it is still `old` (`None`: if there is none). False: somebody was quicker; read again.
    ///
    /// # Errors
    /// When the memory cannot be reached.
    async fn replace(&self, name: &str, old: Option<&str>, new: &str) -> Result<bool, NotesError>;
}

/// The shared memory could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("what the functions remember together cannot be reached: {0}")]
pub struct NotesError(pub String);

/// A memory of this process alone, for examples and tests. Its `Debug` shows no notes: they may be secrets.
#[derive(Default)]
pub struct NotesInMemory(std::sync::Mutex<std::collections::BTreeMap<String, String>>);

impl std::fmt::Debug for NotesInMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NotesInMemory")
    }
}

#[async_trait]
impl Notes for NotesInMemory {
    async fn get(&self, name: &str) -> Result<Option<String>, NotesError> {
        let notes = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(notes.get(name).cloned())
    }

    async fn replace(&self, name: &str, old: Option<&str>, new: &str) -> Result<bool, NotesError> {
        let mut notes = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if notes.get(name).map(String::as_str) != old {
            return Ok(false);
        }
        notes.insert(name.to_owned(), new.to_owned());
        Ok(true)
    }
}
