//! The end of a zip, where it says how many entries it has and where their list lies. A reader sets aside as much memory
//! as is claimed there; so the claims are checked first, and no more of the list is read than an honest one is long.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    rc::Rc,
};

use super::UnpackError;

/// The last record of a zip, but for its comment of up to 64 KiB.
const END_BYTES: usize = 22;
const END: &[u8] = b"PK\x05\x06";
/// The record before it that says where the 64-bit form of it lies.
const LOCATOR_BYTES: usize = 20;
const LOCATOR: &[u8] = b"PK\x06\x07";
/// The 64-bit form, without extensions.
const END_64_BYTES: u64 = 56;
const END_64: &[u8] = b"PK\x06\x06";

/// Refuses a zip that claims more than `most_entries`, or whose 64-bit end is not where every honest writer puts it:
/// straight before the record that points to it.
///
/// # Errors
/// When it does, or the file cannot be read.
pub(super) fn check_claims(file: &mut File, most_entries: u64) -> Result<(), UnpackError> {
    let file_bytes = file.seek(SeekFrom::End(0))?;
    let most_tail = END_BYTES + LOCATOR_BYTES + usize::from(u16::MAX);
    let tail_starts = file_bytes.saturating_sub(most_tail as u64);
    let mut tail = Vec::with_capacity(most_tail);
    file.seek(SeekFrom::Start(tail_starts))?;
    file.take(most_tail as u64).read_to_end(&mut tail)?;
    // Any of these could be the one that a reader goes by.
    for (at, window) in tail.windows(END_BYTES).enumerate().filter(|(_, window)| window.starts_with(END)) {
        let locator_at = at.checked_sub(LOCATOR_BYTES);
        let locator = locator_at.and_then(|start| tail.get(start..at)).filter(|bytes| bytes.starts_with(LOCATOR));
        let comment_bytes = usize::try_from(number(window, 20, 2)).unwrap_or(usize::MAX);
        let entries = match locator {
            Some(locator) => {
                let locator_at = tail_starts + (at - LOCATOR_BYTES) as u64;
                entries_64(file, number(locator, 8, 8), locator_at)?
            }
            None if at + END_BYTES + comment_bytes == tail.len() => number(window, 10, 2),
            None => continue,
        };
        if entries > most_entries {
            return Err(UnpackError::TooMuch(format!("has {entries} entries")));
        }
    }
    file.rewind()?;
    Ok(())
}

/// How many entries the 64-bit end at `at` claims, the one that ends where its locator begins.
fn entries_64(file: &mut File, at: u64, locator_at: u64) -> Result<u64, UnpackError> {
    let misplaced = || UnpackError::NoZip("its 64-bit directory is not where it is said to be".into());
    if at.checked_add(END_64_BYTES) != Some(locator_at) {
        return Err(misplaced());
    }
    let mut record = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(END_64_BYTES).read_to_end(&mut record)?;
    // The size that it gives leaves out its own first twelve bytes.
    if !record.starts_with(END_64) || number(&record, 4, 8) + 12 != END_64_BYTES {
        return Err(misplaced());
    }
    // On this disk, and on all of them.
    Ok(number(&record, 24, 8).max(number(&record, 32, 8)))
}

/// The little-endian number of `bytes` bytes (8 at the most) at `at`; what is not there counts as 0.
fn number(record: &[u8], at: usize, bytes: usize) -> u64 {
    record.iter().skip(at).take(bytes).rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// A file of which only so much is read.
#[derive(Debug)]
pub(super) struct Budget {
    file: File,
    purse: Purse,
}

/// How many bytes may still be read. `None`: any number.
#[derive(Clone, Debug)]
pub(super) struct Purse(Rc<Cell<Option<u64>>>);

impl Budget {
    /// `file`, of which `bytes` may be read until the purse is filled.
    pub(super) fn new(file: File, bytes: u64) -> (Self, Purse) {
        let purse = Purse(Rc::new(Cell::new(Some(bytes))));
        (Self { file, purse: purse.clone() }, purse)
    }
}

impl Purse {
    /// Whether all of it was spent.
    pub(super) fn is_empty(&self) -> bool {
        self.0.get() == Some(0)
    }

    /// From now on as much may be read as is there.
    pub(super) fn fill(&self) {
        self.0.set(None);
    }
}

impl Read for Budget {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.purse.0.get() else { return self.file.read(buffer) };
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the directory is too long"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.purse.0.set(Some(left - read as u64));
        Ok(read)
    }
}

impl Seek for Budget {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
