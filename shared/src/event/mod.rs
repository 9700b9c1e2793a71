//! What comes in from AWS, as our own types: S3 notifications in SQS bodies, and wake-ups. The local host makes the same
//! JSON. Nothing here acts on anything.

use aws_lambda_events::s3::S3EventRecord;
use serde::Deserialize;

use crate::store::WakeUp;

/// An object that was put into the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, as it is: not percent-encoded.
    pub key: String,
    /// The event's version id, or its sequencer.
    pub version: String,
    /// The object's entity tag, without quotes.
    pub etag: String,
    /// The object's size.
    pub bytes: u64,
}

/// What an S3 notification tells. One record that cannot be read keeps none of the others from being worked on.
#[derive(Debug, Default)]
pub struct Notification {
    /// The objects that were put into the bucket.
    pub uploads: Vec<Uploaded>,
    /// What is wrong with the records that can never be read.
    pub unreadable: Vec<EventError>,
}

/// A message for a submit function.
#[derive(Debug)]
pub enum SubmitMessage {
    /// Objects were put into the bucket.
    Uploaded(Notification),
    /// A job is to be looked at.
    WakeUp(WakeUp),
    /// S3's test when a notification is configured. Nothing is to be done.
    Test,
}

/// A message that cannot be read. It will never be readable: it belongs into the dead-letter queue.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// No JSON, or of no known shape.
    #[error("the message is neither an S3 notification nor a wake-up: {0}")]
    Unreadable(#[from] serde_path_to_error::Error<serde_json::Error>),
    /// A part is missing.
    #[error("the S3 notification lacks {0}")]
    Incomplete(&'static str),
}

/// Reads a message for a submit function.
///
/// # Errors
/// When it can never be read.
pub fn read_submit_message(body: &str) -> Result<SubmitMessage, EventError> {
    let value: serde_json::Value = parse(body)?;
    if value.get("Event").and_then(serde_json::Value::as_str) == Some("s3:TestEvent") {
        return Ok(SubmitMessage::Test);
    }
    if value.get("Records").is_none() {
        return Ok(SubmitMessage::WakeUp(parse(body)?));
    }
    let Records { records } = parse(body)?;
    let mut notification = Notification::default();
    for record in records {
        match read_record(record) {
            Ok(Some(uploaded)) => notification.uploads.push(uploaded),
            Ok(None) => {}
            Err(problem) => notification.unreadable.push(problem),
        }
    }
    Ok(SubmitMessage::Uploaded(notification))
}

/// A notification whose records have not been looked at.
#[derive(Deserialize)]
struct Records {
    #[serde(rename = "Records")]
    records: Vec<serde_json::Value>,
}

/// `None`: nothing was put into the bucket.
fn read_record(record: serde_json::Value) -> Result<Option<Uploaded>, EventError> {
    let record: S3EventRecord = serde_path_to_error::deserialize(record)?;
    // A copy, a POST form and a finished multipart upload are uploads too; a removal is none.
    let created = |name: &str| name.trim_start_matches("s3:").starts_with("ObjectCreated:");
    if record.event_name.as_deref().is_none_or(created) { uploaded(record).map(Some) } else { Ok(None) }
}

/// Reads a wake-up.
///
/// # Errors
/// When it can never be read.
pub fn read_wake_up(body: &str) -> Result<WakeUp, EventError> {
    parse(body)
}

fn parse<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, EventError> {
    Ok(serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(body))?)
}

fn uploaded(record: S3EventRecord) -> Result<Uploaded, EventError> {
    let object = record.s3.object;
    let version = object.version_id.filter(|version| !version.is_empty() && version != "null");
    Ok(Uploaded {
        bucket: record.s3.bucket.name.ok_or(EventError::Incomplete("the bucket's name"))?,
        key: decode_key(&object.key.ok_or(EventError::Incomplete("the object's key"))?),
        version: version.or(object.sequencer).ok_or(EventError::Incomplete("the object's version id and sequencer"))?,
        etag: object.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
        bytes: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
    })
}

/// A key as it stands in an S3 event: a space is `+`, everything else beyond ASCII and `+` itself percent-encoded.
#[must_use]
pub fn encode_key(key: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(key, KEEP);
    encoded.to_string().replace("%20", "+")
}

/// What S3 leaves as it is in the keys of its events.
const KEEP: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

fn decode_key(encoded: &str) -> String {
    let spaced = encoded.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: &str = include_str!("../../../events/s3-put.json");

    fn notification(body: &str) -> Notification {
        let SubmitMessage::Uploaded(notification) = read_submit_message(body).unwrap() else { panic!("no upload") };
        notification
    }

    #[test]
    fn a_notification_names_the_upload() {
        assert_eq!(
            notification(PUT).uploads,
            [Uploaded {
                bucket: "darkroom".into(),
                key: "uploads/watermark/clean/лето + 照片 (1).jpg".into(),
                version: "0055AED6DCD90281E5".into(),
                etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
                bytes: 75496,
            }]
        );
    }

    #[test]
    fn a_version_id_outweighs_the_sequencer() {
        let versioned = PUT.replace("\"eTag\"", "\"versionId\": \"3HL4kqtJlcpXroDTDmJ\", \"eTag\"");
        assert_eq!(notification(&versioned).uploads[0].version, "3HL4kqtJlcpXroDTDmJ");
    }

    #[test]
    fn other_messages_are_told_apart() {
        let test = read_submit_message(include_str!("../../../events/s3-test.json")).unwrap();
        assert!(matches!(test, SubmitMessage::Test));
        let woken = read_submit_message(include_str!("../../../events/wake-up.json")).unwrap();
        assert!(matches!(woken, SubmitMessage::WakeUp(_)));
        let removed = PUT.replace("ObjectCreated:Put", "ObjectRemoved:Delete");
        let removed = notification(&removed);
        assert!(removed.uploads.is_empty() && removed.unreadable.is_empty(), "{removed:?}");
        for nonsense in ["", "{}", "[]", "hello", r#"{"job_id": "../x"}"#, r#"{"Records": {}}"#, r#"{"Records": null}"#]
        {
            assert!(read_submit_message(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_hides_none_of_the_others() {
        let put: serde_json::Value = serde_json::from_str(PUT).unwrap();
        let good = put["Records"][0].clone();
        let mut nameless = good.clone();
        nameless["s3"]["bucket"]["name"] = serde_json::Value::Null;
        let several = serde_json::json!({"Records": [{}, good, nameless, good, 7]});
        let told = notification(&several.to_string());
        assert_eq!((told.uploads.len(), told.unreadable.len()), (2, 3), "{told:?}");
        assert!(told.unreadable[1].to_string().contains("the bucket's name"), "{told:?}");
    }

    #[test]
    fn any_key_survives_the_event() {
        for key in ["a b+c%20d/лето/照片.jpg", "100%.jpg", "a=b&c?d#e", "~'!()*"] {
            assert_eq!(decode_key(&encode_key(key)), key);
        }
        assert_eq!(encode_key("a b+c"), "a+b%2Bc");
    }
}
