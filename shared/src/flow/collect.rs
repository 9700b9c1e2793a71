//! Collect: a provider's result becomes files in the bucket. It reads callbacks, fetches, checks, unpacks and writes
//! `job.json`; it makes no paid call.

use std::path::Path;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tracing::Instrument as _;

use super::{
    App, FlowError, Inspected, UnpackError, Unpacked, UnpackedImage,
    branch::{go_on, look_at_branches},
    chance,
    expiry::{Fetch, expires_at, note_life_left},
    inspect_bytes, inspect_file, measure,
    refusal::refused,
    span::of_job,
    thumbnails::make_thumbnails,
    unpack,
};
use crate::{
    failpoint::passed,
    job::{Event, FailureKind, Job, JobId, Output, ResultSource, State, UploadKeyError, safe_file_name, span},
    provider::{Called, DownloadError, definition, facts},
    store::{QueueName, StoreError},
};

/// A single image is no larger than this.
const MOST_IMAGE_BYTES: u64 = 256 * 1024 * 1024;
/// A zip is no larger than this.
const MOST_ARCHIVE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// A zip with a broken entry is fetched so often before it counts as broken at the provider.
const MOST_FETCHES_OF_BROKEN: u32 = 3;
/// A job's row holds no more than 400 KB, most of which are the keys of its outputs and what is known of each.
const MOST_ROW_BYTES: usize = 380_000;
const ROW_BYTES_OF_AN_OUTPUT: usize = 170;

/// Fetches the result of a job that is done at its provider.
///
/// # Errors
/// When a store fails; the message is to be delivered again.
pub async fn collect(app: &App, id: &JobId) -> Result<(), FlowError> {
    let Some(job) = app.jobs.get(id).await? else {
        tracing::warn!(job_id = %id, "woken for a job that is not in the table");
        return Ok(());
    };
    let span = of_job(&job);
    Box::pin(go_on_with(app, job)).instrument(span).await
}

async fn go_on_with(app: &App, job: Job) -> Result<(), FlowError> {
    match (&job.state, job.unread_callback()) {
        (State::Ready { .. }, _) => fetch(app, job, None).await,
        (State::Done { .. } | State::Failed { .. }, _) => make_thumbnails(app, job).await,
        (State::Branching { .. }, _) => look_at_branches(app, job).await,
        (_, Some(callback)) => {
            let options = job.step().map_or(&serde_json::Value::Null, |step| &step.options);
            let Some(read) = definition(job.provider()).read_callback else { return Ok(()) };
            let said = read(options, callback.body.as_bytes());
            match said {
                Ok(Called::Finished(outcome)) => match app.advance(job, &app.finished(outcome)).await? {
                    Some(ready) => fetch(app, ready, None).await,
                    None => Ok(()),
                },
                Ok(Called::Failed(error)) | Err(error) => {
                    measure::failed(app, job.provider(), &error);
                    refused(app, job, &error).await
                }
            }
        }
        _ => Ok(()),
    }
}

/// What fetching a result came to.
enum Fetched {
    /// Everything lies in the bucket.
    Whole(Vec<Output>),
    /// Some of it does; the text says what is wrong with the rest.
    Partly(Vec<Output>, String),
    /// The zip belongs to another job.
    AnothersTask,
}

/// Why a result could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// Nobody answered: tried again for as long as the provider keeps the result.
    #[error("{0}")]
    Unreachable(String),
    /// What came is no result; it may have been cut off on its way. Tried again a few times.
    #[error("{0}")]
    Broken(String),
    #[error("{0}")]
    Final(String),
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Flow(error.into())
    }
}

impl From<std::io::Error> for FetchError {
    fn from(error: std::io::Error) -> Self {
        Self::Flow(error.into())
    }
}

impl From<DownloadError> for FetchError {
    fn from(error: DownloadError) -> Self {
        let with_cause = match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        match error {
            // A name may lead elsewhere because our own network is in disorder: that passes.
            DownloadError::Refused { .. }
            | DownloadError::Broken { .. }
            | DownloadError::Slow { .. }
            | DownloadError::PrivateAddress { .. }
            | DownloadError::Disk(_) => Self::Unreachable(with_cause),
            DownloadError::Gone { .. } | DownloadError::Redirected { .. } | DownloadError::Encoded { .. } => {
                Self::Broken(with_cause)
            }
            DownloadError::NotAllowed(_) | DownloadError::TooLong { .. } => Self::Final(with_cause),
        }
    }
}

/// Brings the result of a job that is `Ready` into the bucket, and goes on with it. `original` is the step's input, for
/// whom has it at hand.
pub(super) async fn fetch(app: &App, job: Job, original: Option<Bytes>) -> Result<(), FlowError> {
    let State::Ready { since, source, failures, .. } = job.state.clone() else { return Ok(()) };
    let life = SignedDuration::try_from(facts(job.provider()).result_life).unwrap_or(SignedDuration::MAX);
    let still_there = app.now().duration_since(since) < life;
    let fetched = match &source {
        ResultSource::Image { url } => fetch_image(app, &job, url).await,
        ResultSource::Archive { url } => fetch_archive(app, &job, url).await,
        ResultSource::Original => pass_original(app, &job, original).await,
        ResultSource::Stored { outputs } => Ok(Fetched::Whole(outputs.clone())),
        ResultSource::Record => Ok(Fetched::Whole(Vec::new())),
    };
    if matches!(fetched, Ok(Fetched::Whole(_) | Fetched::AnothersTask)) {
        note_life_left(app, &job, Fetch::Done);
    }
    let again = |job: Job| async move {
        note_life_left(app, &job, Fetch::Failed);
        let expires_at = expires_at(&job).unwrap_or(Timestamp::MAX);
        let due_at = app.schedule.fetch_again_at(app.now(), failures, expires_at, chance());
        app.advance(job, &Event::FetchFailed { due_at }).await.map(|_| ())
    };
    let retry = format!("Run `darkroom retry {}` to have the image worked on again", job.known_as());
    match fetched {
        Ok(Fetched::Whole(outputs)) => go_on(app, job, outputs).await,
        Ok(Fetched::Partly(..)) if failures + 1 < MOST_FETCHES_OF_BROKEN => again(job).await,
        Ok(Fetched::Partly(outputs, problem)) => {
            let message = format!("The result for '{}' is damaged: {problem}. {retry}", job.upload.key);
            app.fail_keeping(job, FailureKind::BrokenResult, message, outputs).await
        }
        Ok(Fetched::AnothersTask) => {
            if let Some(job) = app.advance(job, &Event::Disproved { at: app.now() }).await? {
                app.wake(QueueName::Submit(job.provider()), &job.id).await;
            }
            Ok(())
        }
        // A store or a disk that fails is no reason to give up what is paid for, while the provider still has it.
        Err(FetchError::Flow(error)) if still_there => {
            tracing::error!(job_id = %job.id, %error, failures, "result not stored yet");
            again(job).await
        }
        Err(FetchError::Flow(error)) => Err(error),
        Err(FetchError::Unreachable(problem)) if still_there => {
            tracing::warn!(job_id = %job.id, problem, failures, "result not fetched yet");
            again(job).await
        }
        Err(FetchError::Broken(problem)) if still_there && failures + 1 < app.schedule.most_fetches => {
            tracing::warn!(job_id = %job.id, problem, failures, "result not fetched yet");
            again(job).await
        }
        Err(FetchError::Unreachable(problem) | FetchError::Broken(problem) | FetchError::Final(problem)) => {
            let message = format!(
                "The result for '{}' could not be fetched: {problem}. It was tried {} times over {}. {retry}",
                job.upload.key,
                failures.saturating_add(1),
                span(since, app.now())
            );
            app.fail(job, FailureKind::BrokenResult, message).await
        }
    }
}

/// Fetches `url` into a file in `folder`.
async fn download(
    app: &App,
    job: &Job,
    url: &str,
    most_bytes: u64,
    folder: &Path,
) -> Result<std::path::PathBuf, FetchError> {
    let hosts = app.result_hosts.get(&job.provider()).ok_or_else(|| FlowError::Unequipped {
        job_id: job.id.clone(),
        problem: format!("this function does not know where results of {} come from", job.provider()),
    })?;
    let path = folder.join("result");
    let mut file = tokio::fs::File::create(&path).await?;
    app.http.download(url, hosts, most_bytes, &mut file).await?;
    passed("result.fetched");
    Ok(path)
}

async fn fetch_image(app: &App, job: &Job, url: &str) -> Result<Fetched, FetchError> {
    let folder = TempDir::new()?;
    let path = download(app, job, url, MOST_IMAGE_BYTES, folder.path()).await?;
    let inspected = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || inspect_file(&path)).await
    };
    let inspected = inspected
        .map_err(|panic| FetchError::Final(format!("the result could not be inspected: {panic}")))?
        .map_err(|problem| FetchError::Broken(problem.to_string()))?;
    let key = single_key(job, &inspected).map_err(FlowError::from)?;
    app.objects.put_file(&key, inspected.format.content_type(), &path).await?;
    Ok(Fetched::Whole(vec![output(key, inspected)]))
}

/// The step's input is its result. Where another step follows, it goes on with that very object.
async fn pass_original(app: &App, job: &Job, original: Option<Bytes>) -> Result<Fetched, FetchError> {
    let input = job.step().map_or(&job.upload.key, |step| &step.input);
    let bytes = match original {
        Some(bytes) => bytes,
        None => match app.objects.get(input).await {
            Err(StoreError::NoSuchObject(key)) => {
                return Err(FetchError::Final(format!("'{key}' was its own result and is gone from the bucket")));
            }
            got => got?,
        },
    };
    if !job.plan.is_empty() {
        let inspected = inspect_bytes(&bytes).map_err(|problem| FetchError::Final(problem.to_string()))?;
        return Ok(Fetched::Whole(vec![output(input.clone(), inspected)]));
    }
    match store_single(app, job, &bytes).await? {
        Ok(output) => Ok(Fetched::Whole(vec![output])),
        Err(problem) => Err(FetchError::Final(problem)),
    }
}

/// Puts a job's only result, which is in memory, into the bucket. The inner error: it is no image.
pub(super) async fn store_single(app: &App, job: &Job, bytes: &Bytes) -> Result<Result<Output, String>, FlowError> {
    let inspected = match inspect_bytes(bytes) {
        Ok(inspected) => inspected,
        Err(problem) => return Ok(Err(problem.to_string())),
    };
    let key = single_key(job, &inspected)?;
    app.objects.put(&key, inspected.format.content_type(), bytes.clone()).await?;
    Ok(Ok(output(key, inspected)))
}

async fn fetch_archive(app: &App, job: &Job, url: &str) -> Result<Fetched, FetchError> {
    let folder = TempDir::new()?;
    let archive = download(app, job, url, MOST_ARCHIVE_BYTES, folder.path()).await?;
    let entries = folder.path().join("entries");
    tokio::fs::create_dir(&entries).await?;
    let (id, stem) = (job.id.clone(), job.stem().to_owned());
    let upload_stem = stem.clone();
    let unpacked = tokio::task::spawn_blocking(move || unpack(&archive, &entries, |name| shown(&id, &stem, name)))
        .await
        .map_err(|panic| FetchError::Final(format!("the zip could not be unpacked: {panic}")))?;
    let unpacked = match unpacked {
        Ok(unpacked) => unpacked,
        Err(UnpackError::Disk(error)) => return Err(error.into()),
        // A transfer that broke off looks like no zip.
        Err(error @ UnpackError::NoZip(_)) => return Err(FetchError::Broken(error.to_string())),
        Err(error @ UnpackError::TooMuch(_)) => return Err(FetchError::Final(error.to_string())),
    };
    match proves_to_be_ours(job, &unpacked) {
        Some(true) => {}
        Some(false) => return Ok(Fetched::AnothersTask),
        None => return Err(FetchError::Broken("the zip holds nothing by which to tell whose it is".into())),
    }
    let outputs = store_all(app, job, &unpacked).await?;
    let total = unpacked.images.len() + unpacked.broken.len();
    if unpacked.broken.is_empty() && total > 0 {
        return Ok(Fetched::Whole(outputs));
    }
    if total == 0 {
        return Err(FetchError::Broken("the zip holds no image".into()));
    }
    let broken: Vec<String> = unpacked
        .broken
        .iter()
        .take(5)
        .map(|(name, problem)| format!("'{}' ({problem})", safe_file_name(&shown(&job.id, &upload_stem, name))))
        .collect();
    let problem = format!(
        "{} of the {total} files in its zip cannot be used: {}; the other {} are kept",
        unpacked.broken.len(),
        broken.join(", "),
        outputs.len()
    );
    Ok(Fetched::Partly(outputs, problem))
}

/// An adopted task is ours if its files, broken ones too, bear the name that we sent: the job's id. `None`: there is no
/// name to go by.
fn proves_to_be_ours(job: &Job, unpacked: &Unpacked) -> Option<bool> {
    if !job.step().is_some_and(|step| step.adopted) {
        return Some(true);
    }
    let broken = unpacked.broken.iter().map(|(name, _)| name);
    let mut names = unpacked.images.iter().map(|image| &image.entry_name).chain(broken).peekable();
    names.peek()?;
    Some(names.any(|name| name.contains(job.id.as_str())))
}

async fn store_all(app: &App, job: &Job, unpacked: &Unpacked) -> Result<Vec<Output>, FetchError> {
    let single = unpacked.images.len() + unpacked.broken.len() == 1;
    let key_of = |image: &UnpackedImage| {
        if single { single_key(job, &image.inspected) } else { job.output_key(&own_name(job, image)) }
    };
    let keys: Vec<String> = unpacked.images.iter().map(key_of).collect::<Result<_, _>>().map_err(FlowError::from)?;
    fit_into_row(&keys)?;
    let mut outputs = Vec::with_capacity(keys.len());
    for (image, key) in unpacked.images.iter().zip(keys) {
        app.objects.put_file(&key, image.inspected.format.content_type(), &image.path).await?;
        outputs.push(output(key, image.inspected.clone()));
    }
    Ok(outputs)
}

/// A row that is too long could never be written, and the job would never end.
fn fit_into_row(keys: &[String]) -> Result<(), FetchError> {
    if keys.iter().map(|key| key.len() + ROW_BYTES_OF_AN_OUTPUT).sum::<usize>() <= MOST_ROW_BYTES {
        return Ok(());
    }
    let problem = format!("the names of the {} files in its zip are too long for the job's record", keys.len());
    Err(FetchError::Final(problem))
}

/// The provider's name for a file, with the upload's name where we had sent the job's id in its place.
fn shown(id: &JobId, stem: &str, name: &str) -> String {
    name.replace(id.as_str(), stem)
}

/// A name that no other branch of the same job has: all of them put their results into one folder. One that bore our id
/// bears the branch's own name now; any other gets it.
fn own_name(job: &Job, image: &UnpackedImage) -> String {
    match &job.branch {
        Some(branch) if !image.entry_name.contains(job.id.as_str()) => format!("{}-{}", branch.stem, image.name),
        _ => image.name.clone(),
    }
}

/// Where a step's only output lies: the upload's name (or the branch's) with the true extension of the content.
fn single_key(job: &Job, inspected: &Inspected) -> Result<String, UploadKeyError> {
    job.output_key(&format!("{}.{}", job.stem(), inspected.format.extension()))
}

fn output(key: String, inspected: Inspected) -> Output {
    Output {
        key,
        bytes: inspected.bytes,
        content_type: inspected.format.content_type().to_owned(),
        width: inspected.width,
        height: inspected.height,
        sha256: inspected.sha256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_for_long_what_may_be_cut_off_a_few_times_and_what_never_passes_once() {
        let host = || "files.example".to_owned();
        let kind = |error: DownloadError| match FetchError::from(error) {
            FetchError::Unreachable(said) => ("long", said),
            FetchError::Broken(said) => ("a few times", said),
            FetchError::Final(said) => ("once", said),
            FetchError::Flow(error) => panic!("{error}"),
        };
        for (error, expected) in [
            (DownloadError::Refused { host: host(), status: 503 }, "long"),
            (DownloadError::Slow { host: host(), problem: "1 byte".into() }, "long"),
            (DownloadError::PrivateAddress { host: host() }, "long"),
            (DownloadError::Gone { host: host(), status: 404 }, "a few times"),
            (DownloadError::Redirected { host: host(), problem: "'evil.com'".into() }, "a few times"),
            (DownloadError::Encoded { host: host() }, "a few times"),
            (DownloadError::TooLong { host: host(), most_bytes: 1 }, "once"),
        ] {
            let (tried, said) = kind(error);
            assert_eq!(tried, expected, "{said}");
            assert!(said.contains("files.example"), "{said}");
        }
    }

    #[test]
    fn names_that_no_row_can_hold_are_refused() {
        let keys = |bytes: usize| vec!["x".repeat(bytes); 1000];
        assert!(fit_into_row(&keys(200)).is_ok());
        assert!(matches!(fit_into_row(&keys(900)), Err(FetchError::Final(said)) if said.contains("1000 files")));
    }
}
