//! Unpacks a provider's zip onto the disk. The zip is a stranger's: nothing in it decides where a file goes, how large
//! it may become or how many there are.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use zip::ZipArchive;

use super::{InspectError, Inspected, inspect_file};
use crate::job::safe_file_name;

/// A zip has no more entries than this.
const MOST_ENTRIES: usize = 1_000;
/// An unpacked entry is no larger than this.
const MOST_ENTRY_BYTES: u64 = 256 * 1024 * 1024;
/// All entries unpacked are no larger than this.
const MOST_UNPACKED_BYTES: u64 = 4 * 1024 * 1024 * 1024;

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
    let mut zip = ZipArchive::new(File::open(archive)?).map_err(|e| UnpackError::NoZip(e.to_string()))?;
    if zip.len() > MOST_ENTRIES {
        return Err(UnpackError::TooMuch(format!("has {} entries", zip.len())));
    }
    let mut unpacked = Unpacked::default();
    // The record of the job lies in the same folder.
    let mut names = BTreeSet::from(["job.json".to_owned()]);
    let mut left_bytes = MOST_UNPACKED_BYTES;
    for index in 0..zip.len() {
        let path = folder.join(index.to_string());
        let Some((entry_name, written)) = write_entry(&mut zip, index, &path, left_bytes)? else { continue };
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
            return Err(UnpackError::TooMuch(format!("unpacks to more than {MOST_UNPACKED_BYTES} bytes")));
        }
    }
    Ok(unpacked)
}

type Entry = (String, Result<(), String>);

/// Writes one entry. `None`: it is a folder. The inner error is about the entry alone.
fn write_entry(
    zip: &mut ZipArchive<File>,
    index: usize,
    path: &Path,
    left_bytes: u64,
) -> Result<Option<Entry>, UnpackError> {
    let mut entry = match zip.by_index(index) {
        Ok(entry) => entry,
        Err(problem) => return Ok(Some((format!("entry {index}"), Err(problem.to_string())))),
    };
    if entry.is_dir() {
        return Ok(None);
    }
    let name = entry.name().map_or_else(|_| format!("entry {index}"), std::borrow::Cow::into_owned);
    if entry.is_symlink() {
        return Ok(Some((name, Err("it is a link".into()))));
    }
    let most = left_bytes.min(MOST_ENTRY_BYTES);
    let mut file = File::create(path)?;
    // The declared size is a claim; only what really comes out is counted.
    let written = match io::copy(&mut entry.by_ref().take(most + 1), &mut file) {
        Ok(bytes) if bytes > most => Err(format!("it unpacks to more than {most} bytes")),
        Ok(_) => Ok(()),
        Err(problem) if problem.kind() == io::ErrorKind::StorageFull => return Err(problem.into()),
        Err(problem) => Err(format!("it is damaged: {problem}")),
    };
    Ok(Some((name, written)))
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
mod tests {
    use std::io::Write as _;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x05\0\0\0\x03\x08\x02\0\0\0";

    fn zip_of(entries: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = ZipWriter::new(file.reopen().unwrap());
        for (name, content) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        file
    }

    fn unpacked(archive: &Path) -> (Vec<String>, Vec<(String, String)>) {
        let folder = tempfile::tempdir().unwrap();
        let unpacked = unpack(archive, folder.path(), str::to_owned).unwrap();
        assert!(unpacked.images.iter().all(|image| image.path.starts_with(folder.path())));
        (unpacked.images.into_iter().map(|image| image.name).collect(), unpacked.broken)
    }

    #[test]
    fn images_come_out_under_safe_and_different_names() {
        let zip = zip_of(&[("1/a.png", PNG), ("2/a.png", PNG), ("../../etc/a.png", PNG), ("фото+.png", PNG)]);
        let (names, broken) = unpacked(zip.path());
        assert_eq!(names, ["a.png", "2-a.png", "etc-a.png", "фото+.png"]);
        assert_eq!(broken, []);
    }

    #[test]
    fn a_broken_entry_is_named_and_the_others_are_kept() {
        let zip = zip_of(&[("good.png", PNG), ("bad.png", PNG), ("note.txt", b"hello")]);
        let mut bytes = std::fs::read(zip.path()).unwrap();
        // The second picture's data: its last byte is changed, so that its checksum no longer agrees.
        let at = bytes.windows(7).position(|window| window == b"bad.png").unwrap() + 7 + 12;
        bytes[at] ^= 0xFF;
        std::fs::write(zip.path(), bytes).unwrap();
        let (names, broken) = unpacked(zip.path());
        assert_eq!(names, ["good.png"]);
        let broken: Vec<&str> = broken.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(broken, ["bad.png", "note.txt"]);
    }

    #[test]
    fn copies_of_an_image_with_a_very_long_name_do_not_overwrite_each_other() {
        let zip = zip_of(&[("id_1.png", PNG), ("id_2.png", PNG), ("job.json", PNG)]);
        let folder = tempfile::tempdir().unwrap();
        let long = "я".repeat(120);
        let unpacked = unpack(zip.path(), folder.path(), |name| name.replace("id", &long)).unwrap();
        let names: BTreeSet<&str> = unpacked.images.iter().map(|image| image.name.as_str()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(!names.contains("job.json") && names.iter().all(|name| safe_file_name(name) == **name));
    }

    #[test]
    fn names_that_become_the_same_by_being_made_safe_are_told_apart() {
        let zip = zip_of(&[("a.png", PNG), (". a.png", PNG), (" .a.png", PNG), (".job.json", PNG)]);
        let (names, _) = unpacked(zip.path());
        assert_eq!(names, ["a.png", "a-2.png", "a-3.png", "job-2.json"]);
    }

    #[test]
    fn a_broken_entry_with_an_endless_name_is_told_in_a_line_that_a_row_can_hold() {
        let zip = zip_of(&[(&format!("\u{1b}[2J{}", "я".repeat(9_000)), b"no image")]);
        let (_, broken) = unpacked(zip.path());
        let (name, _) = &broken[0];
        assert!(name.starts_with(" [2Jя") && name.len() <= LONGEST_TOLD_NAME_BYTES, "{} bytes", name.len());
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"<html>not found</html>").unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(unpack(file.path(), folder.path(), str::to_owned), Err(UnpackError::NoZip(_))));
    }
}
