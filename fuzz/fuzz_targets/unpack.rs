//! A provider's zip. An even first byte: the rest is the file as it came. An odd one: the rest are the names of entries, a
//! line each, for a zip that is whole.
#![no_main]

use std::{
    collections::BTreeSet,
    fs,
    io::{Cursor, Write as _},
    path::Path,
};

use darkroom_fuzz::check_safe_name;
use darkroom_shared::{
    flow::{Unpacked, unpack},
    job::safe_file_name,
};
use libfuzzer_sys::fuzz_target;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

const MOST_ENTRIES: usize = 1_024;
const MOST_ENTRY_BYTES: u64 = 256 * 1024 * 1024;
const MOST_UNPACKED_BYTES: u64 = 4 * 1024 * 1024 * 1024;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x05\0\0\0\x03\x08\x02\0\0\0";
/// What stands in the place of the upload's name, as where a job's id is replaced by it.
const SENT: &str = "0123456789abcdef";

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else { return };
    let Some(archive) = (if choice % 2 == 0 { Some(rest.to_vec()) } else { zip_of_names(rest) }) else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    let (file, folder) = (place.path().join("result"), place.path().join("entries"));
    fs::write(&file, &archive).expect("a temporary file");
    fs::create_dir(&folder).expect("a temporary folder");
    let stem = "лето ".repeat(usize::from(choice / 2));
    let unpacked = unpack(&file, &folder, |name| name.replace(SENT, &stem));
    let beside: BTreeSet<_> =
        fs::read_dir(place.path()).expect("our folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(beside, BTreeSet::from(["entries".into(), "result".into()]), "something was put beside the folder");
    if let Ok(unpacked) = unpacked {
        check(&unpacked, &folder);
    }
});

fn check(unpacked: &Unpacked, folder: &Path) {
    assert!(unpacked.images.len() + unpacked.broken.len() <= MOST_ENTRIES);
    let (mut names, mut paths) = (BTreeSet::from(["job.json".to_owned()]), BTreeSet::new());
    let mut bytes = 0;
    for image in &unpacked.images {
        check_safe_name(&image.name);
        // The name of the object that it becomes.
        assert!(names.insert(safe_file_name(&image.name)), "{:?} is the name of two", image.name);
        assert_eq!(image.path.parent(), Some(folder));
        let found = image.path.symlink_metadata().expect("the image lies there");
        assert!(found.is_file() && found.len() == image.inspected.bytes && found.len() <= MOST_ENTRY_BYTES);
        bytes += found.len();
        paths.insert(image.path.clone());
    }
    assert!(bytes <= MOST_UNPACKED_BYTES);
    let left: BTreeSet<_> = fs::read_dir(folder).expect("our folder").flatten().map(|entry| entry.path()).collect();
    assert_eq!(left, paths, "nothing but the images is left");
}

/// A whole zip with an image under each of these names. `None`: no zip can hold them.
fn zip_of_names(names: &[u8]) -> Option<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for name in String::from_utf8_lossy(names).lines().take(64) {
        zip.start_file(name, options).ok()?;
        zip.write_all(PNG).ok()?;
    }
    Some(zip.finish().ok()?.into_inner())
}
