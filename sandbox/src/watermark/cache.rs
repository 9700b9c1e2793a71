//! What watermark remembers for a while: answers for identical requests, and result images. Decides no price.

use std::fs;
use std::path::{Path, PathBuf};

use image::ImageFormat;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::since_epoch_ms;
use crate::error::SandboxError;
use crate::files;
use crate::watermark::wire::Data;

/// How long an identical request is free.
const ANSWER_LIFE_MS: u64 = 5 * 60 * 60 * 1000;
/// How long a result image is kept: five minutes more, so that a free answer never points at nothing.
const IMAGE_LIFE_MS: u64 = ANSWER_LIFE_MS + 5 * 60 * 1000;

/// Answers and images, on disk.
pub(crate) struct Cache {
    answers: PathBuf,
    images: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    given_at_ms: u64,
    data: Data,
}

impl Cache {
    /// Opens the cache in the service's folder and throws away what is over.
    pub(crate) fn open(folder: &Path, now_ms: u64) -> Result<Self, SandboxError> {
        let cache = Self { answers: folder.join("cache"), images: folder.join("results") };
        for folder in [&cache.answers, &cache.images] {
            files::create_folder(folder)?;
            sweep(folder, now_ms)?;
        }
        Ok(cache)
    }

    /// The answer that an identical request got lately.
    pub(crate) fn answer(&self, key: &str, now_ms: u64) -> Result<Option<Data>, SandboxError> {
        let answer: Option<Answer> = files::read_record(&self.answer_path(key))?;
        let is_fresh = |answer: &Answer| now_ms.saturating_sub(answer.given_at_ms) < ANSWER_LIFE_MS;
        Ok(answer.filter(is_fresh).map(|answer| answer.data))
    }

    /// Remembers an answer.
    pub(crate) fn remember(&self, key: &str, data: &Data, now_ms: u64) -> Result<(), SandboxError> {
        let answer = Answer { given_at_ms: now_ms, data: data.clone() };
        files::write_record(&self.answer_path(key), &answer)
    }

    /// Keeps a result image under a new name.
    pub(crate) fn keep_image(&self, content: &[u8], format: ImageFormat) -> Result<String, SandboxError> {
        let ending = if format == ImageFormat::Png { "png" } else { "jpeg" };
        let file_name = format!("{}.{ending}", Uuid::new_v4());
        files::write(&self.images.join(&file_name), content)?;
        Ok(file_name)
    }

    /// A result image with its type, while it is kept.
    pub(crate) fn image(&self, file_name: &str, now_ms: u64) -> Result<Option<(&'static str, Vec<u8>)>, SandboxError> {
        let Some((id, ending)) = file_name.split_once('.') else {
            return Ok(None);
        };
        let content_type = match ending {
            "png" => "image/png",
            "jpeg" => "image/jpeg",
            _ => return Ok(None),
        };
        // Only names that we have given: no way leads out of the folder.
        let Ok(id) = Uuid::try_parse(id) else {
            return Ok(None);
        };
        let path = self.images.join(format!("{id}.{ending}"));
        if is_over(&path, now_ms) {
            return Ok(None);
        }
        Ok(files::read(&path)?.map(|content| (content_type, content)))
    }

    /// Throws everything away.
    pub(crate) fn forget_all(&self) {
        for folder in [&self.answers, &self.images] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn answer_path(&self, key: &str) -> PathBuf {
        self.answers.join(format!("{key}.json"))
    }
}

/// Whether a file is older than anything is kept, or not there at all.
fn is_over(path: &Path, now_ms: u64) -> bool {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    written.map_or(true, |written| now_ms.saturating_sub(since_epoch_ms(written)) >= IMAGE_LIFE_MS)
}

fn sweep(folder: &Path, now_ms: u64) -> Result<(), SandboxError> {
    let entries = fs::read_dir(folder).map_err(|source| files::file_error(folder, source))?;
    for entry in entries.flatten() {
        if is_over(&entry.path(), now_ms) {
            // What cannot be removed now is tried again at the next start.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::watermark::wire::Process;

    #[test]
    fn answers_and_images_outlive_a_restart_but_not_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let now_ms = Clock::default().now_ms();
        let cache = Cache::open(folder.path(), now_ms).unwrap();
        let data = Data::bare(Process::NothingFound);
        cache.remember("0123", &data, now_ms).unwrap();
        let name = cache.keep_image(b"jpeg", ImageFormat::Jpeg).unwrap();

        let cache = Cache::open(folder.path(), now_ms).unwrap();
        assert_eq!(cache.answer("0123", now_ms).unwrap(), Some(data));
        assert_eq!(cache.answer("4567", now_ms).unwrap(), None);
        assert_eq!(cache.image(&name, now_ms).unwrap().unwrap(), ("image/jpeg", b"jpeg".to_vec()));
        assert_eq!(cache.image("../cache/0123.json", now_ms).unwrap(), None);

        let later_ms = now_ms + ANSWER_LIFE_MS;
        assert_eq!(cache.answer("0123", later_ms).unwrap(), None);
        assert!(cache.image(&name, later_ms).unwrap().is_some());
        let later_ms = now_ms + IMAGE_LIFE_MS + 1000;
        assert!(cache.image(&name, later_ms).unwrap().is_none());
        Cache::open(folder.path(), later_ms).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("results")).unwrap().count(), 0);
    }
}
