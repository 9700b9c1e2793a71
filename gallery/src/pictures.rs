//! Addresses under which a visitor's browser gets a job's pictures from the bucket, signed and short-lived. They are
//! secrets: they go into pages and answers, and nowhere else.

use std::time::Duration;

use darkroom_shared::{
    flow::App,
    job::{FailureKind, ImageFormat, Job, Output, State, Thumbnail, Tree},
    store::{Objects, StoreError},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use url::Url;

/// An address is good for this long at the least, and for half as long again.
const LIFE: Duration = Duration::from_secs(600);
/// An original is shown in place of a thumbnail that is not there yet if it is no larger.
const MOST_SHOWN_BYTES: u64 = 2_000_000;

/// The collector is given this long to make thumbnails; until then, whole pictures stand in for them.
const TIME_FOR_THUMBNAILS: SignedDuration = SignedDuration::from_secs(15);

/// The pictures of a job.
#[derive(Debug)]
pub(crate) struct Pictures {
    /// A small picture of the upload.
    pub(crate) original_thumbnail: Option<String>,
    /// The upload itself.
    pub(crate) original: String,
    /// The outputs.
    pub(crate) outputs: Vec<OutputPicture>,
}

/// An output with its pictures.
#[derive(Debug)]
pub(crate) struct OutputPicture {
    /// The output.
    pub(crate) output: Output,
    /// A small picture of it.
    pub(crate) thumbnail: Option<String>,
    /// The output itself.
    pub(crate) whole: String,
}

impl Pictures {
    /// Signs for all of them, and for no more than `most_outputs`.
    pub(crate) async fn of(app: &App, tree: &Tree, most_outputs: usize) -> Result<Self, StoreError> {
        let job = &tree.job;
        let original = address(app, &job.upload.key).await?;
        let has_thumbnails = app.thumbnails && job.state.is_finished() && !is_fresh(job, app.clock.now());
        let original_thumbnail = if is_no_image(job) {
            None
        } else if has_thumbnails && job.upload.bytes <= Thumbnail::MOST_IMAGE_BYTES {
            Some(address(app, &Thumbnail::Original.key(&job.id)).await?)
        } else if job.upload.bytes <= MOST_SHOWN_BYTES && is_shown_by_browsers(&job.upload.key) {
            Some(original.clone())
        } else {
            None
        };
        let mut outputs = Vec::new();
        for (number, output) in (1..).zip(tree.outputs()).take(most_outputs) {
            let whole = address(app, &output.key).await?;
            let thumbnail = Thumbnail::Output(number);
            let thumbnail = if has_thumbnails && thumbnail.is_made_of(&output) {
                Some(address(app, &thumbnail.key(&job.id)).await?)
            } else if output.bytes <= MOST_SHOWN_BYTES {
                Some(whole.clone())
            } else {
                None
            };
            outputs.push(OutputPicture { output, thumbnail, whole });
        }
        Ok(Self { original_thumbnail, original, outputs })
    }

    /// What stands for the job in a list: its first output, or the upload.
    pub(crate) fn face(&self) -> Option<&str> {
        let output = self.outputs.first().and_then(|output| output.thumbnail.as_deref());
        output.or(self.original_thumbnail.as_deref())
    }
}

/// Whether the job has ended so lately that its thumbnails may not be there yet.
pub(crate) fn is_fresh(job: &Job, now: Timestamp) -> bool {
    job.finished_at.is_some_and(|finished_at| now.duration_since(finished_at) < TIME_FOR_THUMBNAILS)
}

/// Whether the upload was found to be nothing that could be shown.
fn is_no_image(job: &Job) -> bool {
    let State::Failed { reason, .. } = &job.state else { return false };
    matches!(reason.kind, FailureKind::UploadMissing | FailureKind::UnsuitableImage) && job.upload.sha256.is_none()
}

/// A signed address of any object of ours.
pub(crate) async fn address(app: &App, key: &str) -> Result<String, StoreError> {
    Ok(app.objects.presigned_view(key, LIFE, app.clock.now()).await?.expose_secret().to_owned())
}

/// The origin of all of them. Should nothing be signable, pages show no pictures.
pub(crate) async fn bucket_origin(objects: &Objects) -> String {
    let signed = objects.presigned_url("results/", Duration::from_secs(60)).await;
    let url = signed.map(|signed| Url::parse(signed.expose_secret()));
    match url {
        Ok(Ok(url)) => url.origin().ascii_serialization(),
        Ok(Err(_)) => String::new(),
        Err(error) => {
            tracing::error!(%error, "nothing can be signed for the gallery: it shows no pictures");
            String::new()
        }
    }
}

/// By its name, which is all that is known of an upload that nobody has read yet.
fn is_shown_by_browsers(key: &str) -> bool {
    let extension = key.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let shown = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::Webp, ImageFormat::Bmp];
    extension == "jpeg" || shown.iter().any(|format| format.extension() == extension)
}
