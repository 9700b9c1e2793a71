//! What the services were asked and what they charged for. Only records: deciding what costs is the services' job.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::SandboxError;
use crate::files;

/// One thing that was charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The service, by its name in [`crate::Sandbox::PROVIDERS`].
    pub provider: String,
    /// The md5 of the image sent, in lower-case hexadecimal.
    pub image_md5: String,
    /// The file name the image was sent under.
    pub file_name: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A snapshot of what was asked and charged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Every charge, in the order of time. Charges outlive a restart.
    pub charges: Vec<Charge>,
    /// Requests by provider and operation or outcome, e.g. `imgfactory async/unique`, `watermark 429`.
    /// They count from the start of this process.
    pub requests: BTreeMap<String, u64>,
}

impl Ledger {
    /// Takes in what another service has recorded.
    pub(crate) fn merge(&mut self, other: Self) {
        self.charges.extend(other.charges);
        self.charges.sort_by_key(|charge| charge.at_ms);
        for (name, count) in other.requests {
            *self.requests.entry(name).or_default() += count;
        }
    }
}

/// One service's book: charges on disk, one JSON line each, and counters in memory.
pub(crate) struct Book {
    provider: &'static str,
    path: PathBuf,
    entries: Mutex<Ledger>,
}

impl Book {
    /// Opens the book in a service's folder.
    pub(crate) fn open(provider: &'static str, folder: &Path) -> Result<Self, SandboxError> {
        let path = folder.join("charges.jsonl");
        let content = files::read(&path)?.unwrap_or_default();
        // A kill can cut the last line short. That charge was never answered for, so it is let go.
        let charges: Vec<Charge> =
            content.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let mut whole = Vec::with_capacity(content.len());
        for charge in &charges {
            whole.extend(line_of(charge, &path)?);
        }
        if whole != content {
            files::write(&path, &whole)?;
        }
        let entries = Mutex::new(Ledger { charges, requests: BTreeMap::new() });
        Ok(Self { provider, path, entries })
    }

    /// Records a charge.
    pub(crate) fn charge(&self, image_md5: &str, file_name: &str, at_ms: u64) -> Result<(), SandboxError> {
        let charge = Charge {
            provider: self.provider.to_owned(),
            image_md5: image_md5.to_owned(),
            file_name: file_name.to_owned(),
            at_ms,
        };
        let line = line_of(&charge, &self.path)?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&line))
            .map_err(|source| files::file_error(&self.path, source))?;
        entries.charges.push(charge);
        Ok(())
    }

    /// Counts a request under the service's name and `what`.
    pub(crate) fn count(&self, what: &str) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        *entries.requests.entry(format!("{} {what}", self.provider)).or_default() += 1;
    }

    /// How many charges there have been.
    pub(crate) fn charged(&self) -> u64 {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).charges.len() as u64
    }

    /// A copy of all entries.
    pub(crate) fn snapshot(&self) -> Ledger {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn line_of(charge: &Charge, path: &Path) -> Result<Vec<u8>, SandboxError> {
    let mut line =
        serde_json::to_vec(charge).map_err(|source| SandboxError::Record { path: path.to_owned(), source })?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_outlive_a_restart_and_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::open("imgfactory", folder.path()).unwrap();
        book.charge("aa", "first.jpg", 1).unwrap();
        let path = folder.path().join("charges.jsonl");
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(b"{\"provider\":\"imgf");
        std::fs::write(&path, torn).unwrap();

        let book = Book::open("imgfactory", folder.path()).unwrap();
        book.charge("bb", "second.jpg", 2).unwrap();
        let names: Vec<_> = book.snapshot().charges.into_iter().map(|charge| charge.file_name).collect();
        assert_eq!(names, ["first.jpg", "second.jpg"]);
        assert_eq!(Book::open("imgfactory", folder.path()).unwrap().charged(), 2);
    }
}
