//! The embedded S3: `s3s-fs` over a folder, with what it lacks for us: events for new objects, writes that a reader or a
//! SIGKILL never sees half of, keys longer than its side files can be named after, and listings that clients can decode.
//!
//! `s3s-fs` puts an object's content in its place first and its checksum, in a side file, after it. So every object is
//! written under a name of its own first and then moved, with its side files, while nobody reads that key.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use darkroom_shared::event::{Uploaded, encode_key};
use s3s::{S3, S3Request, S3Response, S3Result, dto::*, s3_error};
use s3s_fs::FileSystem;
use tokio::sync::{RwLock, mpsc::UnboundedSender};

/// Objects are first written below this prefix, which no listing shows.
const STAGING: &str = ".staging/";
/// What `s3s-fs` 0.14 keeps beside an object: its checksums and its attributes.
const SIDE_FILES: [&str; 2] = ["internal.json", "metadata.json"];
/// The longest name that a file can have.
const LONGEST_NAME_BYTES: usize = 255;
/// Keys share so many locks.
const LOCKS: usize = 64;

/// An S3 over a folder that tells of new objects.
#[derive(Debug)]
pub(super) struct LocalS3 {
    files: FileSystem,
    root: PathBuf,
    created: UnboundedSender<Uploaded>,
    /// Held for writing while an object is moved into its place, for reading while one is opened.
    locks: Vec<RwLock<()>>,
}

impl LocalS3 {
    /// An S3 over `root`, which has to exist. Every new object is sent to `created`.
    pub(super) fn new(root: PathBuf, created: UnboundedSender<Uploaded>) -> anyhow::Result<Self> {
        let files = FileSystem::new(&root).map_err(|e| anyhow::anyhow!("{e:?}"))?;
        for bucket in std::fs::read_dir(&root)? {
            // What was being written when the last run died.
            let _ = std::fs::remove_dir_all(bucket?.path().join(STAGING));
        }
        let locks = (0..LOCKS).map(|_| RwLock::new(())).collect();
        Ok(Self { files, root, created, locks })
    }

    /// Tells of a new object. A receiver that is gone means that the host is stopping; the next start finds the object.
    fn tell(&self, bucket: &str, key: &str, etag: Option<&ETag>, installed: Installed) {
        let _ = self.created.send(Uploaded {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: installed.version,
            etag: etag.map(|etag| etag.value().to_owned()).unwrap_or_default(),
            bytes: installed.bytes,
        });
    }

    /// The conditions of a put speak of the true key. Between this and the move somebody may be quicker; the bucket of
    /// one machine promises no more.
    async fn check_conditions(&self, request: &S3Request<PutObjectInput>) -> S3Result<()> {
        let PutObjectInput { bucket, key, if_match, if_none_match, .. } = &request.input;
        if if_match.is_none() && if_none_match.is_none() {
            return Ok(());
        }
        let there = self.etag(bucket, key).await;
        let forbidden = match (if_match, if_none_match, &there) {
            (Some(ETagCondition::ETag(wanted)), _, Some(there)) => !wanted.strong_cmp(there),
            (Some(_), _, there) => there.is_none(),
            (None, Some(_), there) => there.is_some(),
            (None, None, _) => false,
        };
        if forbidden { Err(s3_error!(PreconditionFailed)) } else { Ok(()) }
    }

    fn lock(&self, key: &str) -> &RwLock<()> {
        let place = usize::try_from(key_hash(key) % LOCKS as u64).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of locks")]
        &self.locks[place]
    }

    /// Moves an object from the staging area to its true key.
    async fn install(&self, bucket: &str, staged: &str, key: &str) -> S3Result<Installed> {
        let _nobody_reads = self.lock(key).write().await;
        let moved = self.move_files(bucket, staged, key).and_then(|()| {
            let metadata = std::fs::metadata(self.root.join(bucket).join(key))?;
            Ok(Installed { version: version(metadata.modified().ok()), bytes: metadata.len() })
        });
        moved.map_err(|problem| s3_error!(InvalidArgument, "'{key}' cannot be kept as a file: {problem}"))
    }

    /// In this order, a death in between leaves an object without side files, which is whole, and never one with the
    /// checksum of another.
    fn move_files(&self, bucket: &str, staged: &str, key: &str) -> io::Result<()> {
        let place = self.root.join(bucket).join(key);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)?;
        }
        for side_file in SIDE_FILES {
            remove(&self.side_file(bucket, key, side_file))?;
        }
        std::fs::rename(self.root.join(bucket).join(staged), &place)?;
        for side_file in SIDE_FILES {
            let (from, to) = (self.side_file(bucket, staged, side_file), self.side_file(bucket, key, side_file));
            let fits = to.file_name().is_some_and(|name| name.len() <= LONGEST_NAME_BYTES);
            if !fits {
                remove(&from)?;
            } else if from.exists() {
                std::fs::rename(from, to)?;
            }
        }
        Ok(())
    }

    /// Where `s3s-fs` keeps what belongs to an object: the name holds the whole key in base64, so that long keys have
    /// none, and do without.
    fn side_file(&self, bucket: &str, key: &str, kind: &str) -> PathBuf {
        let (bucket, key) = (URL_SAFE_NO_PAD.encode(bucket), URL_SAFE_NO_PAD.encode(key));
        self.root.join(format!(".bucket-{bucket}.object-{key}.{kind}"))
    }

    /// The entity tag of an object that was put together from parts.
    async fn etag(&self, bucket: &str, key: &str) -> Option<ETag> {
        let input = HeadObjectInput { bucket: bucket.to_owned(), key: key.to_owned(), ..Default::default() };
        self.files.head_object(request(input)).await.ok()?.output.e_tag
    }
}

fn key_hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        // A name that is too long was never a file's.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => Ok(()),
        done => done,
    }
}

/// An object that has just been moved into its place.
struct Installed {
    version: String,
    bytes: u64,
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

/// A key to write to first.
fn staging_key() -> String {
    format!("{STAGING}{}", uuid::Uuid::new_v4())
}

/// The same for an upload in parts, which names its key again in every call.
fn staging_key_of_parts(key: &str) -> String {
    format!("{STAGING}{:016x}", key_hash(key))
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
        create_bucket(CreateBucketInput) -> CreateBucketOutput;
        delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
        delete_object(DeleteObjectInput) -> DeleteObjectOutput;
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
        get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
        head_bucket(HeadBucketInput) -> HeadBucketOutput;
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

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let _nobody_writes = self.lock(&request.input.key).read().await;
        self.files.get_object(request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let _nobody_writes = self.lock(&request.input.key).read().await;
        self.files.head_object(request).await
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        check_key(&key)?;
        if key.ends_with('/') {
            return self.files.put_object(request).await;
        }
        self.check_conditions(&request).await?;
        let staged = staging_key();
        let staged_request = request.map_input(|input| PutObjectInput {
            key: staged.clone(),
            if_match: None,
            if_none_match: None,
            ..input
        });
        let response = self.files.put_object(staged_request).await?;
        let installed = self.install(&bucket, &staged, &key).await?;
        self.tell(&bucket, &key, response.output.e_tag.as_ref(), installed);
        Ok(response)
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        check_key(&key)?;
        let staged = staging_key();
        let response = self.files.copy_object(request.map_input(|input| CopyObjectInput { key: staged.clone(), ..input })).await?;
        let installed = self.install(&bucket, &staged, &key).await?;
        let etag = response.output.copy_object_result.as_ref().and_then(|result| result.e_tag.as_ref());
        self.tell(&bucket, &key, etag, installed);
        Ok(response)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        check_key(&request.input.key)?;
        // `s3s-fs` keeps the attributes of an unfinished upload in a file named after its key, which may be too long.
        let key = request.input.key.clone();
        let staged = staging_key_of_parts(&key);
        let request = request.map_input(|input| CreateMultipartUploadInput { key: staged, ..input });
        let mut response = self.files.create_multipart_upload(request).await?;
        response.output.key = Some(key);
        Ok(response)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let key = staging_key_of_parts(&request.input.key);
        self.files.abort_multipart_upload(request.map_input(|input| AbortMultipartUploadInput { key, ..input })).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let staged = staging_key_of_parts(&key);
        let request = request.map_input(|input| CompleteMultipartUploadInput { key: staged.clone(), ..input });
        let mut response = self.files.complete_multipart_upload(request).await?;
        let installed = self.install(&bucket, &staged, &key).await?;
        let etag = self.etag(&bucket, &key).await;
        self.tell(&bucket, &key, etag.as_ref(), installed);
        response.output = CompleteMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            e_tag: etag,
            ..Default::default()
        };
        Ok(response)
    }
}
