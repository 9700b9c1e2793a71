//! The embedded S3: `s3s-fs` over a folder, with what it lacks for us: events for new objects, keys longer than its
//! side files can be named after, and listings that clients can decode.

use std::{path::PathBuf, time::SystemTime};

use darkroom_shared::event::{Uploaded, encode_key};
use s3s::{S3, S3Request, S3Response, S3Result, dto::*, s3_error};
use s3s_fs::FileSystem;
use tokio::sync::mpsc::UnboundedSender;

/// `s3s-fs` names a side file after the whole key in base64; longer ones do not fit into a file name.
const LONGEST_PLAIN_KEY_BYTES: usize = 140;
/// Objects with longer keys are first written below this prefix, which no listing shows.
const STAGING: &str = ".staging/";

/// An S3 over a folder that tells of new objects.
#[derive(Debug)]
pub(super) struct LocalS3 {
    files: FileSystem,
    root: PathBuf,
    created: UnboundedSender<Uploaded>,
}

impl LocalS3 {
    /// An S3 over `root`, which has to exist. Every new object is sent to `created`.
    pub(super) fn new(root: PathBuf, created: UnboundedSender<Uploaded>) -> anyhow::Result<Self> {
        let files = FileSystem::new(&root).map_err(|e| anyhow::anyhow!("{e:?}"))?;
        Ok(Self { files, root, created })
    }

    /// Tells of a new object. A receiver that is gone means that the host is stopping; the next start finds the object.
    fn tell(&self, bucket: &str, key: &str, etag: Option<&ETag>) {
        let path = self.root.join(bucket).join(key);
        let Ok(metadata) = std::fs::metadata(&path) else { return };
        if metadata.is_dir() {
            return;
        }
        let _ = self.created.send(Uploaded {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: version(metadata.modified().ok()),
            etag: etag.map(|etag| etag.value().to_owned()).unwrap_or_default(),
            bytes: metadata.len(),
        });
    }

    /// Moves an object from the staging area to its true, long key.
    async fn unstage(&self, bucket: &str, staged: &str, key: &str) -> S3Result<()> {
        let (from, to) = (self.root.join(bucket).join(staged), self.root.join(bucket).join(key));
        let link = self.root.join(format!(".tmp.{}.internal.part", uuid::Uuid::new_v4()));
        let moved = async {
            if let Some(folder) = to.parent() {
                tokio::fs::create_dir_all(folder).await?;
            }
            tokio::fs::hard_link(&from, &link).await?;
            tokio::fs::rename(&link, &to).await
        };
        moved.await.map_err(|problem| s3_error!(KeyTooLongError, "'{key}' cannot be a file: {problem}"))?;
        let input = DeleteObjectInput { bucket: bucket.to_owned(), key: staged.to_owned(), ..Default::default() };
        self.files.delete_object(request(input)).await?;
        Ok(())
    }
}

/// What stands for the sequencer of an S3 event: the time at which the object was written. A later start can make it
/// again from the file.
pub(super) fn version(modified: Option<SystemTime>) -> String {
    let since = modified.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{:020X}", since.as_nanos())
}

fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: http::Method::POST,
        uri: http::Uri::default(),
        headers: http::HeaderMap::new(),
        extensions: http::Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

/// A key that a folder cannot hold would end up under another name, or outside.
fn check_key(key: &str) -> S3Result<()> {
    let parts = key.trim_end_matches('/').split('/');
    for part in parts {
        if part.is_empty() || part == "." || part == ".." {
            return Err(s3_error!(InvalidArgument, "'{key}' has a part that no folder can be named: '{part}'"));
        }
        if part.len() > 255 {
            return Err(s3_error!(KeyTooLongError, "'{part}' is longer than the 255 bytes that a file name can have"));
        }
    }
    Ok(())
}

/// The key to write to first, when the true one is too long for `s3s-fs`.
fn staging_key(key: &str) -> Option<String> {
    let long = key.len() > LONGEST_PLAIN_KEY_BYTES && !key.ends_with('/');
    long.then(|| format!("{STAGING}{}", uuid::Uuid::new_v4()))
}

/// Encodes what a client asked to have encoded: `s3s-fs` 0.14 confirms `encoding-type=url` and does not do it.
fn encode_listing(
    contents: &mut Option<Vec<Object>>,
    prefixes: &mut Option<Vec<CommonPrefix>>,
    encoding: Option<&EncodingType>,
) {
    if let Some(contents) = contents {
        contents.retain(|object| !object.key.as_deref().is_some_and(|key| key.starts_with(STAGING)));
    }
    if encoding.is_none_or(|encoding| encoding.as_str() != EncodingType::URL) {
        return;
    }
    for object in contents.iter_mut().flatten() {
        object.key = object.key.as_deref().map(encode_key);
    }
    for prefix in prefixes.iter_mut().flatten() {
        prefix.prefix = prefix.prefix.as_deref().map(encode_key);
    }
}

/// Implements `S3` with the operations that `s3s-fs` does as we need them, and our own. (The whole `impl` comes from the
/// macro, because `async_trait` does not see into one inside it.)
macro_rules! implement_s3 {
    (pass on { $($operation:ident($input:ty) -> $output:ty;)+ } $($own:tt)*) => {
        #[async_trait::async_trait]
        impl S3 for LocalS3 {
            $(async fn $operation(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.files.$operation(request).await
            })+

            $($own)*
        }
    };
}

implement_s3! {
    pass on {
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
        create_bucket(CreateBucketInput) -> CreateBucketOutput;
        delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
        delete_object(DeleteObjectInput) -> DeleteObjectOutput;
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
        get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
        get_object(GetObjectInput) -> GetObjectOutput;
        head_bucket(HeadBucketInput) -> HeadBucketOutput;
        head_object(HeadObjectInput) -> HeadObjectOutput;
        list_buckets(ListBucketsInput) -> ListBucketsOutput;
        list_parts(ListPartsInput) -> ListPartsOutput;
        upload_part(UploadPartInput) -> UploadPartOutput;
        upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let mut response = self.files.list_objects(request).await?;
        let output = &mut response.output;
        encode_listing(&mut output.contents, &mut output.common_prefixes, output.encoding_type.as_ref());
        Ok(response)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let mut response = self.files.list_objects_v2(request).await?;
        let output = &mut response.output;
        encode_listing(&mut output.contents, &mut output.common_prefixes, output.encoding_type.as_ref());
        Ok(response)
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        check_key(&key)?;
        let response = match staging_key(&key) {
            None => self.files.put_object(request).await?,
            Some(staged) => {
                let request = request.map_input(|input| PutObjectInput { key: staged.clone(), ..input });
                let response = self.files.put_object(request).await?;
                self.unstage(&bucket, &staged, &key).await?;
                response
            }
        };
        self.tell(&bucket, &key, response.output.e_tag.as_ref());
        Ok(response)
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        check_key(&key)?;
        let response = match staging_key(&key) {
            None => self.files.copy_object(request).await?,
            Some(staged) => {
                let request = request.map_input(|input| CopyObjectInput { key: staged.clone(), ..input });
                let response = self.files.copy_object(request).await?;
                self.unstage(&bucket, &staged, &key).await?;
                response
            }
        };
        let etag = response.output.copy_object_result.as_ref().and_then(|result| result.e_tag.as_ref());
        self.tell(&bucket, &key, etag);
        Ok(response)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        check_key(&request.input.key)?;
        if request.input.key.len() <= LONGEST_PLAIN_KEY_BYTES {
            return self.files.create_multipart_upload(request).await;
        }
        // The attributes would go into a side file named after the key.
        let key = request.input.key.clone();
        let request = request.map_input(|input| CreateMultipartUploadInput {
            key: format!("{STAGING}{}", uuid::Uuid::new_v4()),
            ..input
        });
        let mut response = self.files.create_multipart_upload(request).await?;
        response.output.key = Some(key);
        Ok(response)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let response = match staging_key(&key) {
            None => self.files.complete_multipart_upload(request).await?,
            Some(staged) => {
                let request = request.map_input(|input| CompleteMultipartUploadInput { key: staged.clone(), ..input });
                let response = self.files.complete_multipart_upload(request).await?;
                self.unstage(&bucket, &staged, &key).await?;
                response
            }
        };
        self.tell(&bucket, &key, response.output.e_tag.as_ref());
        Ok(response)
    }
}
