//! What imageban keeps for good: images, albums, and how many uploads a day has seen. Fetches and checks nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::SandboxError;
use crate::files;
use crate::hash::md5_hex;
use crate::imageban::wire::date;
use crate::imageban::work::Looks;

/// One hosted image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hosted {
    pub(crate) id: String,
    /// The name it is served under.
    pub(crate) name: String,
    /// The name it came with.
    pub(crate) img_name: String,
    pub(crate) size: usize,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) uploaded_at_ms: u64,
    /// How a guest deletes it; none for images of the account.
    pub(crate) delete_hash: Option<String>,
    pub(crate) album: Option<String>,
}

/// One album.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Album {
    pub(crate) id: String,
    pub(crate) created_at_ms: u64,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kind: String,
    pub(crate) password: String,
}

/// An image that is to be kept.
pub(crate) struct NewImage<'a> {
    pub(crate) content: &'a [u8],
    pub(crate) looks: Looks,
    pub(crate) img_name: Option<String>,
    pub(crate) is_of_guest: bool,
    pub(crate) album: Option<String>,
}

/// Everything but the images' contents; written as one record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Index {
    images: BTreeMap<String, Hosted>,
    albums: BTreeMap<String, Album>,
    day: String,
    uploads_of_day: BTreeMap<String, u64>,
}

/// Everything that is kept, in memory and on disk.
pub(crate) struct Store {
    path: PathBuf,
    contents: PathBuf,
    index: Mutex<Index>,
}

impl Store {
    /// Finds what is in the service's folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, SandboxError> {
        let (path, contents) = (folder.join("index.json"), folder.join("images"));
        files::create_folder(&contents)?;
        let index = files::read_record(&path)?.unwrap_or_default();
        Ok(Self { path, contents, index: Mutex::new(index) })
    }

    /// Counts an upload against the day's limit; false when the limit is reached.
    pub(crate) fn count_upload(&self, uploader: &str, limit: u64, now_ms: u64) -> Result<bool, SandboxError> {
        self.change(|index| {
            let today = date(now_ms);
            if index.day != today {
                index.uploads_of_day.clear();
                index.day = today;
            }
            let uploads = index.uploads_of_day.entry(uploader.to_owned()).or_default();
            let is_free = *uploads < limit;
            *uploads += u64::from(is_free);
            is_free
        })
    }

    /// Whether the day's limit is reached.
    pub(crate) fn is_used_up(&self, uploader: &str, limit: u64, now_ms: u64) -> bool {
        let index = self.lock();
        let uploads = if index.day == date(now_ms) { index.uploads_of_day.get(uploader).copied() } else { None };
        uploads.unwrap_or(0) >= limit
    }

    /// Keeps an image under a new id.
    pub(crate) fn keep(&self, new: NewImage<'_>, now_ms: u64) -> Result<Hosted, SandboxError> {
        let (id, Looks { ending, width, height }) = (fresh_id(), new.looks);
        let name = format!("{}.{ending}", md5_hex(&[id.as_bytes(), new.content].concat()));
        files::write(&self.contents.join(&name), new.content)?;
        let hosted = Hosted {
            img_name: new.img_name.unwrap_or_else(|| name.clone()),
            name,
            size: new.content.len(),
            width,
            height,
            uploaded_at_ms: now_ms,
            delete_hash: new.is_of_guest.then(|| Uuid::new_v4().simple().to_string()),
            album: new.album,
            id: id.clone(),
        };
        self.change(|index| index.images.insert(id, hosted.clone()))?;
        Ok(hosted)
    }

    /// The image of this id.
    pub(crate) fn image(&self, id: &str) -> Option<Hosted> {
        self.lock().images.get(id).cloned()
    }

    /// The image served under a name, with its content, if it was uploaded on that day.
    pub(crate) fn content(&self, day: &str, name: &str) -> Result<Option<Vec<u8>>, SandboxError> {
        // Only names that we have given are read: no way leads out of the folder.
        let is_known = self.lock().images.values().any(|image| image.name == name && date(image.uploaded_at_ms) == day);
        if is_known { files::read(&self.contents.join(name)) } else { Ok(None) }
    }

    /// The images of an album, the oldest first.
    pub(crate) fn images_in(&self, album: &str) -> Vec<Hosted> {
        let mut images: Vec<Hosted> =
            self.lock().images.values().filter(|image| image.album.as_deref() == Some(album)).cloned().collect();
        images.sort_by_key(|image| image.uploaded_at_ms);
        images
    }

    /// Deletes an image; false when there is none that `is_it`.
    pub(crate) fn delete_image(&self, is_it: impl Fn(&Hosted) -> bool) -> Result<bool, SandboxError> {
        let found = self.lock().images.values().find(|image| is_it(image)).cloned();
        let Some(image) = found else {
            return Ok(false);
        };
        self.change(|index| index.images.remove(&image.id))?;
        let _ = fs::remove_file(self.contents.join(&image.name));
        Ok(true)
    }

    /// Deletes all images.
    pub(crate) fn delete_all_images(&self) -> Result<(), SandboxError> {
        while self.delete_image(|_| true)? {}
        Ok(())
    }

    /// The ids of all albums, the oldest first.
    pub(crate) fn album_ids(&self) -> Vec<String> {
        let mut albums: Vec<Album> = self.lock().albums.values().cloned().collect();
        albums.sort_by_key(|album| album.created_at_ms);
        albums.into_iter().map(|album| album.id).collect()
    }

    /// The album of this id.
    pub(crate) fn album(&self, id: &str) -> Option<Album> {
        self.lock().albums.get(id).cloned()
    }

    /// Keeps an album and takes images into it; false when another has its name.
    pub(crate) fn keep_album(&self, album: &Album, images: &[&str]) -> Result<bool, SandboxError> {
        self.change(|index| {
            if index.albums.values().any(|other| other.id != album.id && other.name == album.name) {
                return false;
            }
            index.albums.insert(album.id.clone(), album.clone());
            for image in index.images.values_mut() {
                // A guest's image belongs to nobody's account.
                if image.delete_hash.is_none() && images.contains(&image.id.as_str()) {
                    image.album = Some(album.id.clone());
                }
            }
            true
        })
    }

    /// Deletes an album and leaves its images; false when there is none.
    pub(crate) fn delete_album(&self, id: &str) -> Result<bool, SandboxError> {
        self.change(|index| {
            for image in index.images.values_mut().filter(|image| image.album.as_deref() == Some(id)) {
                image.album = None;
            }
            index.albums.remove(id).is_some()
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Index) -> T) -> Result<T, SandboxError> {
        let mut index = self.lock();
        let mut changed = index.clone();
        let outcome = change(&mut changed);
        files::write_record(&self.path, &changed)?;
        *index = changed;
        Ok(outcome)
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seven letters and digits.
pub(crate) fn fresh_id() -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const LENGTH: usize = 7;
    let bytes = Uuid::new_v4().into_bytes();
    bytes.iter().take(LENGTH).map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}
