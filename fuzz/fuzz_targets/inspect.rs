//! An image's head: what comes out of memory and off the disk is the same, and nothing of it is believed too far.
#![no_main]

use darkroom_shared::flow::{inspect_bytes, inspect_file, is_animated};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a temporary file");
    let (in_memory, on_disk) = (inspect_bytes(bytes), inspect_file(file.path()));
    assert_eq!(in_memory.is_ok(), on_disk.is_ok(), "in memory {in_memory:?}, on disk {on_disk:?}");
    let (Ok(inspected), Ok(on_disk)) = (in_memory, on_disk) else { return };
    assert_eq!(inspected, on_disk);
    assert_eq!(inspected.bytes, bytes.len() as u64);
    assert!(inspected.width > 0 && inspected.height > 0);
    assert_eq!(inspected.sha256.len(), 64);
    let animated = is_animated(inspected.format, bytes);
    assert_eq!(animated, is_animated(inspected.format, bytes));
});
