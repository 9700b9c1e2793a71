//! A message of a submit queue: an S3 notification or a wake-up. Any text is also taken for an object's key.
#![no_main]

use darkroom_shared::event::{SubmitMessage, encode_key, read_submit_message, read_wake_up};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let woken = read_wake_up(text).ok();
    match read_submit_message(text) {
        Ok(SubmitMessage::WakeUp(wake_up)) => {
            let id = wake_up.job_id.as_str();
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
            let again = serde_json::to_string(&wake_up).expect("plain data");
            assert_eq!(read_wake_up(&again).ok().as_ref(), Some(&wake_up));
            assert_eq!(woken, Some(wake_up));
        }
        Ok(SubmitMessage::Uploaded(notification)) => {
            assert_eq!(woken, None);
            for upload in notification.uploads {
                assert!(!upload.etag.starts_with('"') && !upload.etag.ends_with('"'));
                check_key(&upload.key);
            }
        }
        Ok(SubmitMessage::Test) => assert_eq!(woken, None),
        Err(problem) => {
            assert_eq!(woken, None);
            assert!(!problem.to_string().is_empty());
        }
    }
    check_key(text);
});

/// A key comes through S3's encoding as it was.
fn check_key(key: &str) {
    let encoded = encode_key(key);
    assert!(encoded.bytes().all(|b| b.is_ascii_graphic()), "{encoded:?}");
    let notification = json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1",
        "eventTime": "2026-11-20T12:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {}, "requestParameters": {}, "responseElements": {},
        "s3": {"bucket": {"name": "darkroom"}, "object": {"key": encoded, "size": 1, "sequencer": "1"}},
    }]});
    match read_submit_message(&notification.to_string()) {
        Ok(SubmitMessage::Uploaded(notification)) => assert_eq!(notification.uploads[0].key, key),
        other => panic!("{other:?}"),
    }
}
