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
    assert!(!names.contains("job.json") && names.iter().all(|name| name.len() <= 190));
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

fn refused(limits: &Limits, zip: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = unpack_within(limits, zip, folder.path(), str::to_owned).unwrap_err();
    assert!(std::fs::read_dir(folder.path()).unwrap().count() <= 1, "at most the entry that was too much is left");
    error.to_string()
}

fn changed(zip: &tempfile::NamedTempFile, change: impl FnOnce(&mut Vec<u8>)) -> tempfile::NamedTempFile {
    let mut bytes = std::fs::read(zip.path()).unwrap();
    change(&mut bytes);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// Where the `n`th record with this signature begins.
fn record(bytes: &[u8], signature: &[u8], n: usize) -> usize {
    let places = bytes.windows(4).enumerate().filter(|(_, window)| *window == signature);
    places.map(|(at, _)| at).nth(n).unwrap()
}

const LISTED: &[u8] = b"PK\x01\x02";

/// A zip that is nothing but a list of entries with names of their own, and a 64-bit end.
fn list_of(entries: u64) -> tempfile::NamedTempFile {
    let mut bytes = Vec::new();
    for number in 0..entries {
        bytes.extend_from_slice(LISTED);
        bytes.extend_from_slice(&[0; 24]);
        bytes.extend_from_slice(&8_u16.to_le_bytes());
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(format!("{number:08}").as_bytes());
    }
    let list_bytes = bytes.len() as u64;
    bytes.extend_from_slice(b"PK\x06\x06");
    bytes.extend_from_slice(&44_u64.to_le_bytes());
    // Versions and disks.
    bytes.extend_from_slice(&[0; 12]);
    bytes.extend([entries, entries, list_bytes, 0].into_iter().flat_map(u64::to_le_bytes));
    bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    bytes.extend_from_slice(&list_bytes.to_le_bytes());
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&[0xFF; 12]);
    bytes.extend_from_slice(&[0; 2]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn a_hundred_thousand_entries_are_refused_by_their_number_alone() {
    let zip = list_of(100_000);
    let started = std::time::Instant::now();
    let said = refused(&Limits::default(), zip.path());
    assert_eq!(said, "the zip has 100000 entries, which is more than any honest result");
    assert!(started.elapsed() < std::time::Duration::from_millis(200), "the list was not read");

    // One that claims fewer than it lists is only read as far as it claims.
    let liar = changed(&zip, |bytes| {
        let end = record(bytes, b"PK\x06\x06", 0);
        bytes[end + 24..end + 32].copy_from_slice(&1_u64.to_le_bytes());
        bytes[end + 32..end + 40].copy_from_slice(&1_u64.to_le_bytes());
    });
    let (_, broken) = unpacked(liar.path());
    assert_eq!(broken.len(), 1);
    // One that claims to have billions gets no memory for them.
    let boaster = changed(&zip, |bytes| {
        let end = record(bytes, b"PK\x06\x06", 0);
        bytes[end + 24..end + 40].fill(0xFF);
    });
    assert!(refused(&Limits::default(), boaster.path()).contains("18446744073709551615 entries"));
    // A 64-bit end elsewhere than its locator says could claim anything.
    let hidden = changed(&zip, |bytes| {
        let locator = record(bytes, b"PK\x06\x07", 0);
        bytes[locator + 8] ^= 1;
    });
    assert!(refused(&Limits::default(), hidden.path()).contains("64-bit directory"));
}

#[test]
fn entries_behind_a_comment_that_is_none_are_counted_all_the_same() {
    let names: Vec<String> = (0..2000).map(|number| format!("{number}.png")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), PNG)).collect();
    let zip = zip_of(&entries);
    assert!(refused(&Limits::default(), zip.path()).contains("2000 entries"));
    // Behind other bytes, and with a second end that no reader can use.
    let hidden = changed(&zip, |bytes| bytes.extend_from_slice(b"PK\x05\x06 and so on and on and on"));
    assert!(refused(&Limits::default(), hidden.path()).contains("2000 entries"));
}

#[test]
fn a_list_of_endless_names_is_not_read_to_its_end() {
    let long = "x".repeat(60_000);
    let names: Vec<String> = (0..20).map(|number| format!("{number}{long}.png")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), PNG)).collect();
    let zip = zip_of(&entries);
    let limits = Limits { directory_bytes: 1_000_000, ..Limits::default() };
    assert!(refused(&limits, zip.path()).contains("directory of more than 1000000 bytes"));
    let (names, _) = unpacked(zip.path());
    assert!(names.len() == 20 && names.iter().all(|name| name.len() <= 190));
}

#[test]
fn a_bomb_is_refused_by_its_ratio_by_its_size_and_by_an_entry() {
    let zeros = vec![0; 3_000_000];
    let bomb = zip_of(&[("1", &zeros), ("2", &zeros), ("3", &zeros)]);
    let by_ratio = Limits { free_bytes: 4_000_000, ..Limits::default() };
    assert!(refused(&by_ratio, bomb.path()).contains("unpacks to more than 4000000 bytes"));
    let by_size = Limits { unpacked_bytes: 5_000_000, ..Limits::default() };
    assert!(refused(&by_size, bomb.path()).contains("unpacks to more than 5000000 bytes"));

    let by_entry = Limits { entry_bytes: 1_000_000, ..Limits::default() };
    let honest = changed(&bomb, |_| {});
    let lying = changed(&bomb, |bytes| {
        for n in 0..3 {
            let at = record(bytes, LISTED, n);
            bytes[at + 24..at + 28].copy_from_slice(&5_u32.to_le_bytes());
        }
    });
    for (zip, expected) in [(honest, "it unpacks to more than 1000000 bytes"), (lying, "larger than its declared")] {
        let folder = tempfile::tempdir().unwrap();
        let unpacked = unpack_within(&by_entry, zip.path(), folder.path(), str::to_owned).unwrap();
        assert_eq!(unpacked.broken.len(), 3);
        assert!(unpacked.broken.iter().all(|(_, problem)| problem.contains(expected)), "{:?}", unpacked.broken);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing of it stays");
    }
    assert_eq!(Limits::default().unpacked_bytes(u64::MAX), 4 * 1024 * 1024 * 1024);
}

#[test]
fn entries_that_cannot_be_used_say_why_and_spoil_no_other() {
    let names = ["link.png", "secret.png", "odd.png", "nested.zip", "page.png", "whole.png"];
    let contents: [&[u8]; 6] = [PNG, PNG, PNG, b"PK\x03\x04", b"<html>", PNG];
    let entries: Vec<(&str, &[u8])> = names.into_iter().zip(contents).collect();
    let zip = changed(&zip_of(&entries), |bytes| {
        let link = record(bytes, LISTED, 0);
        bytes[link + 5] = 3;
        bytes[link + 38..link + 42].copy_from_slice(&(0o120_777_u32 << 16).to_le_bytes());
        let secret = record(bytes, LISTED, 1);
        bytes[secret + 8] |= 1;
        let odd = record(bytes, LISTED, 2);
        bytes[odd + 10] = 99;
    });
    let (images, broken) = unpacked(zip.path());
    assert_eq!(images, ["whole.png"]);
    let names: Vec<&str> = broken.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["link.png", "secret.png", "odd.png", "nested.zip", "page.png"]);
    for ((_, said), expected) in broken.iter().zip(["a link", "encrypted", "damaged", "a zip", "a web page"]) {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let names = ["/etc/a.png", "..\\..\\b.png", "C:\\c.png", "a/b/c/d.png", "..", "~/.ssh/e.png", "x\0y.png", "a/"];
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, PNG)).collect();
    let (names, broken) = unpacked(zip_of(&entries).path());
    assert_eq!(names, ["a.png", "b.png", "c.png", "d.png", "image", "e.png", "x_y.png"]);
    assert_eq!(broken, [], "and a folder is no file");
}

#[test]
fn files_of_one_name_are_not_lost_in_silence() {
    let zip = changed(&zip_of(&[("a.png", PNG), ("b.png", PNG)]), |bytes| {
        let text = String::from_utf8_lossy(b"b.png").into_owned();
        while let Some(at) = bytes.windows(5).position(|window| window == text.as_bytes()) {
            bytes[at] = b'a';
        }
    });
    let (names, broken) = unpacked(zip.path());
    assert_eq!(names, ["a.png"]);
    assert!(broken[0].1.contains("the same name"), "{broken:?}");
}

#[test]
fn a_zip_that_broke_off_anywhere_says_so_and_never_panics() {
    let zip = zip_of(&[("a.png", PNG), ("b.png", PNG)]);
    let whole = std::fs::read(zip.path()).unwrap();
    for length in 0..whole.len() {
        let cut = changed(&zip, |bytes| bytes.truncate(length));
        let said = refused(&Limits::default(), cut.path());
        let expected = match length {
            0 => "it is empty",
            1 => "no readable zip",
            _ => "as after a transfer that broke off",
        };
        assert!(said.contains(expected), "{length}: {said}");
    }
    let page = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(page.path(), "<html>not found</html>").unwrap();
    assert!(refused(&Limits::default(), page.path()).ends_with("it is a web page or other markup"));
}

#[test]
fn any_changed_byte_leaves_an_answer_and_not_a_panic() {
    let zip = zip_of(&[("a.png", PNG), ("b.png", PNG)]);
    let length = std::fs::metadata(zip.path()).unwrap().len();
    for at in 0..usize::try_from(length).unwrap() {
        for value in [0x00, 0x01, 0x7F, 0xFF] {
            let zip = changed(&zip, |bytes| bytes[at] = value);
            let folder = tempfile::tempdir().unwrap();
            if let Ok(unpacked) = unpack(zip.path(), folder.path(), str::to_owned) {
                assert!(unpacked.images.len() + unpacked.broken.len() <= 3);
                assert!(unpacked.images.iter().all(|image| image.inspected.bytes == PNG.len() as u64));
            }
        }
    }
}
