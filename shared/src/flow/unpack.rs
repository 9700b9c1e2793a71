//! Unpacks a provider's zip onto the disk. The zip is a stranger's: nothing in it decides where a file goes, how large
//! it may become or how many there are. What a zip claims of itself is checked before it is believed ([`directory`]).

mod directory;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use zip::{ZipArchive, read::ZipFileEntry, result::ZipError};

use self::directory::Budget;
use super::{InspectError, Inspected, inspect::something_else, inspect_file};
use crate::job::safe_file_name;

/// How much may be in a zip. One value, so that a test can make a bomb of a firework.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Files and folders. The most copies that imgfactory is asked for, and some folders.
    entries: u64,
    /// Bytes of the list of entries.
    directory_bytes: u64,
    /// Bytes of an unpacked entry.
    entry_bytes: u64,
    /// Bytes of all entries unpacked.
    unpacked_bytes: u64,
    /// No zip unpacks to more than so many times its own size …
    ratio: u64,
    /// … unless it stays below this: a small picture of one colour packs very well.
    free_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1_024,
            directory_bytes: 8 * 1024 * 1024,
            entry_bytes: 256 * 1024 * 1024,
            unpacked_bytes: 4 * 1024 * 1024 * 1024,
            ratio: 200,
            free_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// What a zip of `archive_bytes` may unpack to.
    fn unpacked_bytes(&self, archive_bytes: u64) -> u64 {
        archive_bytes.saturating_mul(self.ratio).max(self.free_bytes).min(self.unpacked_bytes)
    }
}

/// Of the name of an entry that cannot be used, so much is told.
const LONGEST_TOLD_NAME_BYTES: usize = 512;

/// What was in a zip.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// The images.
    pub images: Vec<UnpackedImage>,
    /// The entries that could not be used: name and reason.
    pub broken: Vec<(String, String)>,
}

/// An image from a zip.
#[derive(Debug)]
pub struct UnpackedImage {
    /// Its name in the zip.
    pub entry_name: String,
    /// A safe name, different from that of every other image of the zip.
    pub name: String,
    /// Where it lies on our disk.
    pub path: PathBuf,
    /// What it is.
    pub inspected: Inspected,
}

/// A zip that could not be used at all.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The file is no zip, or its directory is damaged.
    #[error("the result is no readable zip: {0}")]
    NoZip(String),
    /// More than any honest result.
    #[error("the zip {0}, which is more than any honest result")]
    TooMuch(String),
    /// Our own disk failed.
    #[error("a file of the zip could not be written to disk")]
    Disk(#[from] io::Error),
}

/// Unpacks the zip at `archive` into `folder` under names of our own; `shown` turns an entry's name into the one that
/// people are to see. It blocks; run it where that is allowed.
///
/// # Errors
/// When the zip as a whole cannot be used. Single broken entries are told in the answer.
pub fn unpack(archive: &Path, folder: &Path, shown: impl Fn(&str) -> String) -> Result<Unpacked, UnpackError> {
    unpack_within(&Limits::default(), archive, folder, shown)
}

fn unpack_within(
    limits: &Limits,
    archive: &Path,
    folder: &Path,
    shown: impl Fn(&str) -> String,
) -> Result<Unpacked, UnpackError> {
    let most_bytes = limits.unpacked_bytes(archive.metadata()?.len());
    let mut zip = open(limits, archive)?;
    let mut unpacked = Unpacked::default();
    // The record of the job lies in the same folder.
    let mut names = BTreeSet::from(["job.json".to_owned()]);
    let mut left_bytes = most_bytes;
    for index in 0..zip.len() {
        let path = folder.join(index.to_string());
        let Some(entry_name) = name_of_file(&zip, index) else { continue };
        let written = write_entry(&mut zip, index, &path, limits.entry_bytes, left_bytes)?;
        left_bytes = left_bytes.saturating_sub(path.metadata().map_or(0, |metadata| metadata.len()));
        let inspected = written.and_then(|()| inspect_file(&path).map_err(|problem: InspectError| problem.to_string()));
        match inspected {
            Ok(inspected) => {
                let name = unused(&names, &shown(&entry_name));
                names.insert(name.clone());
                unpacked.images.push(UnpackedImage { entry_name, name, path, inspected });
            }
            Err(problem) => {
                if path.exists() {
                    std::fs::remove_file(&path)?;
                }
                unpacked.broken.push((tellable(&entry_name), problem));
            }
        }
        if left_bytes == 0 {
            return Err(UnpackError::TooMuch(format!("unpacks to more than {most_bytes} bytes")));
        }
    }
    if zip.has_duplicate_names() {
        let problem = "more than one file bears the same name, and only the last of them can be read";
        unpacked.broken.push(("doubled name".into(), problem.into()));
    }
    Ok(unpacked)
}

/// Opens a zip and reads its directory, which is as long as a stranger likes.
fn open(limits: &Limits, archive: &Path) -> Result<ZipArchive<Budget>, UnpackError> {
    let mut file = File::open(archive)?;
    directory::check_claims(&mut file, limits.entries)?;
    let (budget, purse) = Budget::new(file, limits.directory_bytes);
    let opened = ZipArchive::new(budget);
    if purse.is_empty() {
        return Err(UnpackError::TooMuch(format!("has a directory of more than {} bytes", limits.directory_bytes)));
    }
    purse.fill();
    let zip = opened.or_else(|problem| Err(UnpackError::NoZip(no_zip(archive, &problem)?)))?;
    match zip.len() as u64 {
        entries if entries > limits.entries => Err(UnpackError::TooMuch(format!("has {entries} entries"))),
        _ => Ok(zip),
    }
}

/// Why a file is no zip, in words for whoever has to ask the provider.
fn no_zip(archive: &Path, problem: &ZipError) -> io::Result<String> {
    let mut head = Vec::new();
    File::open(archive)?.take(64).read_to_end(&mut head)?;
    Ok(match something_else(&head) {
        _ if head.is_empty() => "it is empty".into(),
        _ if head.starts_with(b"PK") => {
            format!("its end is missing or damaged, as after a transfer that broke off ({problem})")
        }
        Some(other) => format!("it is {other}"),
        None => problem.to_string(),
    })
}

/// The name of an entry. `None`: it is a folder.
fn name_of_file(zip: &ZipArchive<Budget>, index: usize) -> Option<String> {
    let entry = zip.by_index_data(index).ok();
    if entry.as_ref().is_some_and(ZipFileEntry::is_dir) {
        return None;
    }
    let name = entry.as_ref().and_then(|entry| entry.name().ok());
    Some(name.map_or_else(|| format!("entry {index}"), std::borrow::Cow::into_owned))
}

/// Writes one entry, at most `most_bytes` of it and little more than `left_bytes`. The inner error is about the entry
/// alone.
fn write_entry(
    zip: &mut ZipArchive<Budget>,
    index: usize,
    path: &Path,
    most_bytes: u64,
    left_bytes: u64,
) -> Result<Result<(), String>, UnpackError> {
    let too_large = || Ok(Err(format!("it unpacks to more than {most_bytes} bytes")));
    match zip.by_index_data(index) {
        Ok(entry) if entry.is_symlink() => return Ok(Err("it is a link".into())),
        Ok(entry) if entry.encrypted() => return Ok(Err("it is encrypted, and there is no password for it".into())),
        Ok(entry) if entry.size() > most_bytes => return too_large(),
        _ => {}
    }
    let mut entry = match zip.by_index(index) {
        Ok(entry) => entry,
        Err(problem) => return Ok(Err(format!("it is damaged: {problem}"))),
    };
    let mut file = File::create(path)?;
    // The declared size is a claim; only what really comes out is counted.
    let most = most_bytes.min(left_bytes);
    match io::copy(&mut entry.by_ref().take(most + 1), &mut file) {
        Ok(bytes) if bytes > most => too_large(),
        Ok(_) => Ok(Ok(())),
        Err(problem) if problem.kind() == io::ErrorKind::StorageFull => Err(problem.into()),
        Err(problem) => Ok(Err(format!("it is damaged: {problem}"))),
    }
}

/// An entry's name for a message that a row can hold and a terminal can show.
fn tellable(entry_name: &str) -> String {
    let beginning = entry_name.get(..entry_name.floor_char_boundary(LONGEST_TOLD_NAME_BYTES)).unwrap_or_default();
    beginning.replace(char::is_control, " ")
}

/// A safe name that no other image has: the entry's own, else with its folder before it, else with a number.
fn unused(taken: &BTreeSet<String>, entry_name: &str) -> String {
    let own = safe_file_name(entry_name);
    if !taken.contains(&own) {
        return own;
    }
    let mut parts = entry_name.rsplit(['/', '\\']).filter(|part| !part.is_empty());
    if let (Some(last), Some(folder)) = (parts.next(), parts.next()) {
        let with_folder = safe_file_name(&format!("{folder}-{last}"));
        if !taken.contains(&with_folder) {
            return with_folder;
        }
    }
    let (stem, extension) = own.rsplit_once('.').unwrap_or((&own, ""));
    let numbered = (2_u32..).map(|number| {
        let dot = if extension.is_empty() { "" } else { "." };
        // Of a name that has become too long the end stays, and with it the number.
        safe_file_name(&format!("{stem}-{number}{dot}{extension}"))
    });
    numbered.into_iter().find(|name| !taken.contains(name)).unwrap_or(own)
}

#[cfg(test)]
mod tests;
