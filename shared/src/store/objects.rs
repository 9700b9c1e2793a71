//! Files in the bucket.

use std::{path::Path, time::Duration};

use aws_sdk_s3::{Client, error::SdkError, presigning::PresigningConfig, primitives::ByteStream};
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::{StoreError, words};
use crate::{
    failpoint::passed,
    job::{STEPS_PREFIX, THUMBNAILS_PREFIX},
};

/// No more than this is set aside for an object before any of it has come.
const LARGEST_BUFFER_BYTES: usize = 64 * 1024 * 1024;

/// The source of a copy stands in a header, percent-encoded but for the slashes.
const COPY_SOURCE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The bucket.
#[derive(Debug, Clone)]
pub struct Objects {
    client: Client,
    bucket: String,
}

impl Objects {
    /// The objects in `bucket`.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Reads a whole object.
    ///
    /// # Errors
    /// [`StoreError::NoSuchObject`] when it is not there.
    pub async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.get_if(key, None).await
    }

    /// Reads a whole object, if it is still the one with this entity tag.
    ///
    /// # Errors
    /// [`StoreError::NoSuchObject`] when it is not there, [`StoreError::Changed`] when it is another.
    pub async fn get_unchanged(&self, key: &str, etag: &str) -> Result<Bytes, StoreError> {
        self.get_if(key, Some(format!("\"{etag}\"")).filter(|_| !etag.is_empty())).await
    }

    async fn get_if(&self, key: &str, etag: Option<String>) -> Result<Bytes, StoreError> {
        let failed = |message: String| StoreError::Object { doing: "read", key: key.to_owned(), message };
        let get = self.client.get_object().bucket(&self.bucket).key(key).set_if_match(etag);
        let output = match get.send().await {
            Ok(output) => output,
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 412 => {
                return Err(StoreError::Changed(key.to_owned()));
            }
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => {
                return Err(StoreError::NoSuchObject(key.to_owned()));
            }
            Err(error) => return Err(failed(words(&error))),
        };
        // Into one buffer: its pieces and the whole at once would be twice the image.
        let length = output.content_length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let (mut body, mut whole) = (output.body, BytesMut::with_capacity(length.min(LARGEST_BUFFER_BYTES)));
        while let Some(piece) = body.try_next().await.map_err(|e| failed(e.to_string()))? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The entity tag of an object, without quotes; `None` where there is no such object.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn etag(&self, key: &str) -> Result<Option<String>, StoreError> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(output) => Ok(output.e_tag.map(|etag| etag.trim_matches('"').to_owned())),
            Err(SdkError::ServiceError(error)) if error.err().is_not_found() => Ok(None),
            Err(error) => Err(StoreError::Object { doing: "looked at", key: key.to_owned(), message: words(&error) }),
        }
    }

    /// An address under which whoever has it can read the object for `life`, without credentials. It is a secret.
    ///
    /// # Errors
    /// When the credentials to sign it with cannot be had.
    pub async fn presigned_url(&self, key: &str, life: Duration) -> Result<SecretString, StoreError> {
        let failed = |message: String| StoreError::Object { doing: "signed for", key: key.to_owned(), message };
        let life = PresigningConfig::expires_in(life).map_err(|e| failed(e.to_string()))?;
        let get = self.client.get_object().bucket(&self.bucket).key(key).presigned(life).await;
        Ok(get.map_err(|e| failed(words(&e)))?.uri().to_owned().into())
    }

    /// The same for people who look again and again: for `life` and a half at the most, and the same address as long as
    /// it lasts for another `life` of its own, so that browsers know a picture again. `now` is the time.
    ///
    /// # Errors
    /// When the credentials to sign it with cannot be had.
    pub async fn presigned_view(&self, key: &str, life: Duration, now: Timestamp) -> Result<SecretString, StoreError> {
        let failed = |message: String| StoreError::Object { doing: "signed for", key: key.to_owned(), message };
        let step_s = (life.as_secs() / 2).max(1);
        let into_step_s = u64::try_from(now.as_second()).unwrap_or_default() % step_s;
        let since = std::time::SystemTime::from(now) - Duration::from_secs(into_step_s);
        let life = life + Duration::from_secs(step_s);
        let signing = PresigningConfig::builder().start_time(since).expires_in(life).build();
        let signing = signing.map_err(|e| failed(e.to_string()))?;
        let get = self.client.get_object().bucket(&self.bucket).key(key).presigned(signing).await;
        Ok(get.map_err(|e| failed(words(&e)))?.uri().to_owned().into())
    }

    /// An address to which whoever has it can put the object for `life`, once, without credentials: with the header
    /// `If-None-Match: *`, which takes only what is not there yet. It is a secret.
    ///
    /// # Errors
    /// When the credentials to sign it with cannot be had.
    pub async fn presigned_upload(&self, key: &str, life: Duration) -> Result<SecretString, StoreError> {
        let failed = |message: String| StoreError::Object { doing: "signed for", key: key.to_owned(), message };
        let life = PresigningConfig::expires_in(life).map_err(|e| failed(e.to_string()))?;
        let put = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*").presigned(life).await;
        Ok(put.map_err(|e| failed(words(&e)))?.uri().to_owned().into())
    }

    /// The first bytes of an object, `most` of them.
    ///
    /// # Errors
    /// [`StoreError::NoSuchObject`] when it is not there.
    pub async fn head_of(&self, key: &str, most_bytes: u64) -> Result<Bytes, StoreError> {
        let failed = |message: String| StoreError::Object { doing: "read", key: key.to_owned(), message };
        let range = format!("bytes=0-{}", most_bytes.saturating_sub(1));
        let get = self.client.get_object().bucket(&self.bucket).key(key).range(range);
        match get.send().await {
            Ok(output) => Ok(output.body.collect().await.map_err(|e| failed(e.to_string()))?.into_bytes()),
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => {
                Err(StoreError::NoSuchObject(key.to_owned()))
            }
            Err(error) => Err(failed(words(&error))),
        }
    }

    /// Copies an object to another key of the bucket.
    ///
    /// # Errors
    /// [`StoreError::NoSuchObject`] when it is not there.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let source = format!("{}/{}", self.bucket, utf8_percent_encode(from, COPY_SOURCE));
        match self.client.copy_object().bucket(&self.bucket).copy_source(source).key(to).send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => {
                Err(StoreError::NoSuchObject(from.to_owned()))
            }
            Err(error) => Err(StoreError::Object { doing: "copied", key: from.to_owned(), message: words(&error) }),
        }
    }

    /// Writes an object from memory.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn put(&self, key: &str, content_type: &str, body: Bytes) -> Result<(), StoreError> {
        self.put_stream(key, content_type, ByteStream::from(body)).await
    }

    /// Writes an object from a file, without holding it in memory.
    ///
    /// # Errors
    /// When the file cannot be read or S3 refuses.
    pub async fn put_file(&self, key: &str, content_type: &str, path: &Path) -> Result<(), StoreError> {
        let body = ByteStream::from_path(path).await.map_err(|e| StoreError::Object {
            doing: "read from disk",
            key: key.to_owned(),
            message: e.to_string(),
        })?;
        self.put_stream(key, content_type, body).await
    }

    async fn put_stream(&self, key: &str, content_type: &str, body: ByteStream) -> Result<(), StoreError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type).body(body);
        put.send().await.map_err(|e| StoreError::Object {
            doing: "written",
            key: key.to_owned(),
            message: words(&e),
        })?;
        passed(object_point(key));
        Ok(())
    }
}

/// The failpoint behind the write of an object.
fn object_point(key: &str) -> &'static str {
    if key.starts_with(THUMBNAILS_PREFIX) {
        "object.thumbnail"
    } else if key.starts_with(STEPS_PREFIX) {
        "object.step"
    } else if key.ends_with("/job.json") {
        "object.document"
    } else {
        "object.result"
    }
}
