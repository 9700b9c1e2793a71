//! The photos of fangtang and their files. A restart finds every accepted photo again. Does none of the work.
//!
//! `photos/<mdf>.json` is written after the input: a photo is there in full or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::SandboxError;
use crate::fangtang::request::{Repair, Upload};
use crate::files;

/// How long a photo is kept after it is done.
const PHOTO_LIFE_MS: u64 = 60 * 60 * 1000;

/// One photo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Photo {
    /// The md5 of the content that was sent.
    pub(crate) mdf: String,
    /// Which upload of it this is: the same photo can be sent again.
    pub(crate) run: String,
    pub(crate) repair: Repair,
    done_at_ms: Option<u64>,
}

impl Photo {
    pub(crate) fn is_done(&self) -> bool {
        self.done_at_ms.is_some()
    }

    fn is_over(&self, now_ms: u64) -> bool {
        self.done_at_ms.is_some_and(|done_at_ms| now_ms.saturating_sub(done_at_ms) >= PHOTO_LIFE_MS)
    }
}

/// All photos, in memory and on disk.
pub(crate) struct Photos {
    folder: PathBuf,
    photos: Mutex<BTreeMap<String, Photo>>,
}

impl Photos {
    /// Finds the photos in the service's folder.
    pub(crate) fn open(folder: &Path, now_ms: u64) -> Result<Self, SandboxError> {
        let opened = Self { folder: folder.join("photos"), photos: Mutex::default() };
        files::create_folder(&opened.folder)?;
        let entries = fs::read_dir(&opened.folder).map_err(|source| files::file_error(&opened.folder, source))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            match files::read_record::<Photo>(&path) {
                Ok(Some(photo)) => {
                    opened.lock().insert(photo.mdf.clone(), photo);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "a photo is passed over"),
            }
        }
        opened.forget_old(now_ms);
        Ok(opened)
    }

    /// Accepts a photo; what was known of it before is forgotten.
    pub(crate) fn accept(&self, mdf: &str, upload: &Upload, now_ms: u64) -> Result<Photo, SandboxError> {
        self.forget_old(now_ms);
        let photo =
            Photo { mdf: mdf.to_owned(), run: Uuid::new_v4().to_string(), repair: upload.repair, done_at_ms: None };
        files::write(&self.path(mdf, "input"), &upload.file.content)?;
        self.save(&photo)?;
        self.lock().insert(mdf.to_owned(), photo.clone());
        Ok(photo)
    }

    /// The photo of this hash, while it is kept.
    pub(crate) fn get(&self, mdf: &str, now_ms: u64) -> Option<Photo> {
        self.lock().get(mdf).filter(|photo| !photo.is_over(now_ms)).cloned()
    }

    /// The photo of this upload, while it is kept.
    pub(crate) fn by_run(&self, run: &str, now_ms: u64) -> Option<Photo> {
        self.lock().values().find(|photo| photo.run == run && !photo.is_over(now_ms)).cloned()
    }

    /// All photos that are not done.
    pub(crate) fn unfinished(&self) -> Vec<Photo> {
        self.lock().values().filter(|photo| !photo.is_done()).cloned().collect()
    }

    /// A photo as it was sent.
    pub(crate) fn input(&self, mdf: &str) -> Result<Option<Vec<u8>>, SandboxError> {
        files::read(&self.path(mdf, "input"))
    }

    /// A photo as it has become.
    pub(crate) fn result(&self, mdf: &str) -> Result<Option<Vec<u8>>, SandboxError> {
        files::read(&self.path(mdf, "jpg"))
    }

    /// Notes that a photo is done, unless it has been sent again meanwhile.
    pub(crate) fn finish(&self, photo: &Photo, content: &[u8], now_ms: u64) -> Result<(), SandboxError> {
        let mut photos = self.lock();
        let Some(known) = photos.get_mut(&photo.mdf).filter(|known| known.run == photo.run) else {
            return Ok(());
        };
        files::write(&self.path(&photo.mdf, "jpg"), content)?;
        known.done_at_ms = Some(now_ms);
        self.save(known)
    }

    /// Throws away photos whose hour is over.
    pub(crate) fn forget_old(&self, now_ms: u64) {
        self.forget_if(|photo| photo.is_over(now_ms));
    }

    /// Throws away all photos that are done.
    pub(crate) fn forget_done(&self) {
        self.forget_if(Photo::is_done);
    }

    fn forget_if(&self, is_over: impl Fn(&Photo) -> bool) {
        self.lock().retain(|mdf, photo| {
            let keep = !is_over(photo);
            if !keep {
                for ending in ["json", "input", "jpg"] {
                    // What cannot be removed now is tried again at the next start.
                    let _ = fs::remove_file(self.path(mdf, ending));
                }
            }
            keep
        });
    }

    fn save(&self, photo: &Photo) -> Result<(), SandboxError> {
        files::write_record(&self.path(&photo.mdf, "json"), photo)
    }

    /// Only hashes that we have made get here: no way leads out of the folder.
    fn path(&self, mdf: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{mdf}.{ending}"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Photo>> {
        self.photos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
