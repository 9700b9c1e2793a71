//! The result zip of a task: what its entries are called, and writing it. Makes no images.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::error::SandboxError;
use crate::files::file_error;
use crate::hash::md5_hex;
use crate::imgfactory::options::{Folders, Names, Options};

/// A zip that is being written beside its place.
pub(crate) struct Archive {
    writer: ZipWriter<NamedTempFile>,
    taken: BTreeSet<String>,
}

/// Which output of a task is meant. Both count from 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output<'a> {
    pub(crate) image: usize,
    pub(crate) copy: u32,
    /// The name the image was sent under.
    pub(crate) file_name: &'a str,
    pub(crate) content: &'a [u8],
}

impl Archive {
    /// Begins a zip in a folder.
    pub(crate) fn begin(folder: &Path) -> Result<Self, SandboxError> {
        let file = NamedTempFile::new_in(folder).map_err(|source| file_error(folder, source))?;
        Ok(Self { writer: ZipWriter::new(file), taken: BTreeSet::new() })
    }

    /// Adds an output.
    pub(crate) fn add(&mut self, options: &Options, output: Output<'_>) -> Result<(), SandboxError> {
        let name = self.free_name(options, output);
        // JPEG does not get smaller, and stored data is what `break_entry` can spoil.
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.writer.start_file(&name, stored)?;
        self.writer.write_all(output.content).map_err(zip::result::ZipError::from)?;
        self.taken.insert(name);
        Ok(())
    }

    /// Puts the finished zip in its place.
    pub(crate) fn finish(self, path: &Path, break_entry: Option<usize>) -> Result<(), SandboxError> {
        let file = self.writer.finish()?;
        if let Some(index) = break_entry {
            spoil(file.path(), index)?;
        }
        file.persist(path).map_err(|error| file_error(path, error.error))?;
        Ok(())
    }

    fn free_name(&self, options: &Options, output: Output<'_>) -> String {
        let stem = stem(output.file_name);
        let folder = match (options.folders, options.names) {
            (Folders::One, _) => String::new(),
            (Folders::PerImage, Names::Original) => format!("{stem}/"),
            (Folders::PerImage, _) => format!("{}/", output.image + 1),
            (Folders::PerCopy, _) => format!("{}/", output.copy + 1),
        };
        let name = match options.names {
            Names::Hashed => md5_hex(output.content),
            Names::Ordinal => (self.entries_in(&folder) + 1).to_string(),
            Names::Original if options.copies == 1 => stem.to_owned(),
            Names::Original => format!("{stem}_{}", output.copy + 1),
        };
        let plain = format!("{folder}{name}.jpg");
        if !self.taken.contains(&plain) {
            return plain;
        }
        // Two images of one request may have been sent under the same name.
        (2_u32..)
            .map(|number| format!("{folder}{name} ({number}).jpg"))
            .find(|name| !self.taken.contains(name))
            .unwrap_or(plain)
    }

    fn entries_in(&self, folder: &str) -> usize {
        self.taken.iter().filter(|name| name.starts_with(folder)).count()
    }
}

/// The file name without folders and without its ending.
fn stem(file_name: &str) -> &str {
    let base = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    match base.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ if base.is_empty() => "image",
        _ => base,
    }
}

/// Turns a byte in the middle of an entry's data, so that its checksum fails.
fn spoil(path: &Path, index: usize) -> Result<(), SandboxError> {
    let open = File::open(path).map_err(|source| file_error(path, source))?;
    let mut archive = ZipArchive::new(open)?;
    if index >= archive.len() {
        return Ok(());
    }
    let entry = archive.by_index(index)?;
    let Some(start) = entry.data_start() else {
        return Ok(());
    };
    let middle = start + entry.compressed_size() / 2;
    let flip = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut byte = [0];
        file.seek(SeekFrom::Start(middle))?;
        file.read_exact(&mut byte)?;
        file.seek(SeekFrom::Start(middle))?;
        file.write_all(&[!byte[0]])
    };
    flip().map_err(|source| file_error(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str, inputs: &[&str]) -> Vec<String> {
        let options = Options::from_query(query).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut archive = Archive::begin(folder.path()).unwrap();
        for (image, file_name) in inputs.iter().enumerate() {
            for copy in 0..options.copies {
                let content = format!("{image} {copy}");
                let output = Output { image, copy, file_name, content: content.as_bytes() };
                archive.add(&options, output).unwrap();
            }
        }
        let path = folder.path().join("a.zip");
        archive.finish(&path, None).unwrap();
        let archive = ZipArchive::new(File::open(path).unwrap()).unwrap();
        (0..archive.len()).map(|index| archive.name_for_index(index).unwrap().unwrap().into_owned()).collect()
    }

    #[test]
    fn names_follow_the_options() {
        assert_eq!(names("copies=1&names=2", &["Котик 1.final.png"]), ["Котик 1.final.jpg"]);
        assert_eq!(names("copies=2&names=2", &["a.jpg", "b.jpg"]), ["a_1.jpg", "a_2.jpg", "b_1.jpg", "b_2.jpg"]);
        assert_eq!(names("copies=2&names=1", &["a.jpg", "b.jpg"]), ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]);
        assert_eq!(names("copies=1&names=0", &["a.jpg"]), [format!("{}.jpg", md5_hex(b"0 0"))]);
    }

    #[test]
    fn folders_follow_the_options() {
        assert_eq!(
            names("copies=2&names=1&folders=1", &["a.jpg", "b.jpg"]),
            ["1/1.jpg", "1/2.jpg", "2/1.jpg", "2/2.jpg"]
        );
        assert_eq!(
            names("copies=2&names=2&folders=2", &["a.jpg", "b.jpg"]),
            ["1/a_1.jpg", "2/a_2.jpg", "1/b_1.jpg", "2/b_2.jpg"]
        );
        assert_eq!(names("copies=1&names=2&folders=1", &["a.jpg"]), ["a/a.jpg"]);
    }

    #[test]
    fn equal_names_do_not_overwrite_each_other_and_folders_are_dropped() {
        assert_eq!(names("copies=1&names=2", &["a.jpg", "../x/a.png"]), ["a.jpg", "a (2).jpg"]);
    }
}
