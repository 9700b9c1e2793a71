//! An object's key and a stranger's file name: a line each.
#![no_main]

use darkroom_fuzz::check_safe_name;
use darkroom_shared::job::{RESULTS_PREFIX, Route, UPLOADS_PREFIX, UploadKey, safe_file_name};
use libfuzzer_sys::fuzz_target;

/// S3 takes no longer key.
const LONGEST_KEY_BYTES: usize = 1024;

fuzz_target!(|text: &str| {
    let (key, name) = text.split_once('\n').unwrap_or((text, text));
    let safe = safe_file_name(name);
    check_safe_name(&safe);
    let Ok(upload) = UploadKey::parse(key) else { return };
    assert_eq!(upload.as_str(), key);
    assert!(!upload.stem().is_empty());
    let route: Route = upload.route().to_string().parse().expect("a route reads as it prints");
    assert_eq!(&route, upload.route());
    let folder = upload.result_folder();
    assert!(folder.starts_with(RESULTS_PREFIX) && folder.ends_with('/') && !folder.starts_with(UPLOADS_PREFIX));
    assert_eq!(UploadKey::parse(&folder).ok(), None, "a result starts no job");
    let result = upload.result(name);
    assert_eq!(result, format!("{folder}{safe}"));
    assert!(result.len() <= LONGEST_KEY_BYTES, "{} bytes", result.len());
    assert_ne!(upload.job_document(), upload.result(&format!("{safe}.jpg")));
    let put = UploadKey::for_file(&route, &safe);
    if let Ok(read) = UploadKey::parse(put.as_str()) {
        assert_eq!(read, put);
    } else {
        assert!(put.as_str().len() > LONGEST_KEY_BYTES - 184);
    }
});
