//! The tasks of imgfactory and their files. A restart finds every accepted task again. Does none of the work.
//!
//! `tasks/<id>/task.json` is written last, after the inputs: a task is there in full or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid, Version};

use crate::error::SandboxError;
use crate::files;
use crate::form::SentFile;
use crate::imgfactory::options::Options;
use crate::imgfactory::wire::{TaskLine, moscow_time};

/// How long a result can be downloaded, and how long a task is listed.
const RESULT_LIFE_MS: u64 = 24 * 60 * 60 * 1000;
/// How long a task can still be asked for by its id. The service does not say.
const TASK_LIFE_MS: u64 = 7 * RESULT_LIFE_MS;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Pending,
    Started,
    Done,
}

/// One task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) options: Options,
    /// The names that the images were sent under.
    pub(crate) file_names: Vec<String>,
    created_at_ms: u64,
    updated_at_ms: u64,
    /// How many outputs are made. It begins anew after a restart.
    #[serde(skip)]
    outputs_made: u64,
}

impl Task {
    /// The task as the list shows it.
    pub(crate) fn line(&self, result_url: &str) -> TaskLine {
        let outputs = self.file_names.len() as u64 * u64::from(self.options.copies);
        let percent = match self.status {
            Status::Pending => None,
            Status::Started => Some(self.outputs_made * 100 / outputs.max(1)),
            Status::Done => Some(100),
        };
        TaskLine {
            id: self.id.clone(),
            status: match self.status {
                Status::Pending => "PENDING",
                Status::Started => "STARTED",
                Status::Done => "DONE",
            },
            files: self.file_names.len().to_string(),
            copies: self.options.copies.to_string(),
            percent: percent.map(|percent| percent.to_string()),
            result: (self.status == Status::Done).then(|| result_url.to_owned()),
            created_at: moscow_time(self.created_at_ms),
            updated_at: moscow_time(self.updated_at_ms),
        }
    }
}

/// All tasks, in memory and on disk.
pub(crate) struct Tasks {
    folder: PathBuf,
    results: PathBuf,
    tasks: Mutex<BTreeMap<String, Task>>,
}

impl Tasks {
    /// Finds the tasks in the service's folder; those that were not done are PENDING again.
    pub(crate) fn open(folder: &Path, now_ms: u64) -> Result<Self, SandboxError> {
        let opened = Self { folder: folder.join("tasks"), results: folder.join("results"), tasks: Mutex::default() };
        files::create_folder(&opened.folder)?;
        files::create_folder(&opened.results)?;
        let mut found = BTreeMap::new();
        let entries = fs::read_dir(&opened.folder).map_err(|source| files::file_error(&opened.folder, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| files::file_error(&opened.folder, source))?;
            match files::read_record::<Task>(&entry.path().join("task.json")) {
                Ok(Some(mut task)) => {
                    if task.status == Status::Started {
                        task.status = Status::Pending;
                    }
                    found.insert(task.id.clone(), task);
                }
                // A kill came before the task was accepted: nobody knows of it.
                Ok(None) => remove_folder(&entry.path()),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a task is passed over");
                }
            }
        }
        *opened.lock() = found;
        opened.forget_old(now_ms);
        opened.remove_half_made_results()?;
        Ok(opened)
    }

    /// Accepts a task.
    pub(crate) fn create(&self, options: Options, images: &[SentFile], now_ms: u64) -> Result<String, SandboxError> {
        self.forget_old(now_ms);
        // The service's ids are of version 1, and a client may look at that.
        let random = Uuid::new_v4().into_bytes();
        let id = Builder::from_bytes(random).with_version(Version::Mac).into_uuid().to_string();
        files::create_folder(&self.folder.join(&id))?;
        for (index, image) in images.iter().enumerate() {
            files::write(&self.input_path(&id, index), &image.content)?;
        }
        let task = Task {
            id: id.clone(),
            status: Status::Pending,
            options,
            file_names: images.iter().map(|image| image.file_name.clone()).collect(),
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            outputs_made: 0,
        };
        self.save(&task)?;
        self.lock().insert(id.clone(), task);
        Ok(id)
    }

    /// The task of this id.
    pub(crate) fn get(&self, id: &str) -> Option<Task> {
        self.lock().get(id).cloned()
    }

    /// All tasks of the last 24 hours, the oldest first.
    pub(crate) fn recent(&self, now_ms: u64) -> Vec<Task> {
        let is_recent = |task: &&Task| now_ms.saturating_sub(task.created_at_ms) < RESULT_LIFE_MS;
        let mut recent: Vec<Task> = self.lock().values().filter(is_recent).cloned().collect();
        recent.sort_by_key(|task| task.created_at_ms);
        recent
    }

    /// The ids of all tasks that are not done.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let tasks = self.lock();
        tasks.values().filter(|task| task.status != Status::Done).map(|task| task.id.clone()).collect()
    }

    /// Notes how far a task is.
    pub(crate) fn set_status(&self, id: &str, status: Status, now_ms: u64) -> Result<(), SandboxError> {
        let task = {
            let mut tasks = self.lock();
            let Some(task) = tasks.get_mut(id) else {
                return Ok(());
            };
            task.status = status;
            task.updated_at_ms = now_ms;
            task.clone()
        };
        self.save(&task)
    }

    /// Notes that one more output is made. That much is not written down: a restart begins the task anew.
    pub(crate) fn add_output(&self, id: &str, now_ms: u64) {
        if let Some(task) = self.lock().get_mut(id) {
            task.outputs_made += 1;
            task.updated_at_ms = now_ms;
        }
    }

    /// An image of a task, as it was sent.
    pub(crate) fn input(&self, id: &str, index: usize) -> Result<Vec<u8>, SandboxError> {
        let path = self.input_path(id, index);
        fs::read(&path).map_err(|source| files::file_error(&path, source))
    }

    /// Where the results lie.
    pub(crate) fn results_folder(&self) -> &Path {
        &self.results
    }

    /// Where a task's zip lies, or will lie.
    pub(crate) fn result_path(&self, id: &str) -> PathBuf {
        self.results.join(format!("{id}.zip"))
    }

    /// The zip of a task, while it can be downloaded.
    pub(crate) fn result(&self, id: &str, now_ms: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        match self.get(id) {
            Some(task) if task.status == Status::Done && !is_result_gone(&task, now_ms) => {
                files::read(&self.result_path(id))
            }
            _ => Ok(None),
        }
    }

    /// Makes every task that is done as old as if its result had run out by itself.
    pub(crate) fn expire_results(&self, now_ms: u64) {
        let done: Vec<Task> = {
            let mut tasks = self.lock();
            let done = tasks.values_mut().filter(|task| task.status == Status::Done);
            done.map(|task| {
                task.created_at_ms = task.created_at_ms.min(now_ms.saturating_sub(RESULT_LIFE_MS));
                task.updated_at_ms = task.created_at_ms;
                task.clone()
            })
            .collect()
        };
        for task in done {
            if let Err(error) = self.save(&task) {
                tracing::warn!(error = &error as &dyn std::error::Error, "a task runs out in memory only");
            }
        }
        self.forget_old(now_ms);
    }

    /// Throws away results and tasks whose time is over.
    fn forget_old(&self, now_ms: u64) {
        self.lock().retain(|id, task| {
            if task.status == Status::Done && is_result_gone(task, now_ms) {
                let _ = fs::remove_file(self.result_path(id));
            }
            let keep = now_ms.saturating_sub(task.created_at_ms) < TASK_LIFE_MS;
            if !keep {
                remove_folder(&self.folder.join(id));
            }
            keep
        });
    }

    /// A kill can leave a zip that was still being written, under a temporary name.
    fn remove_half_made_results(&self) -> Result<(), SandboxError> {
        let entries = fs::read_dir(&self.results).map_err(|source| files::file_error(&self.results, source))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|ending| ending != "zip") {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    fn save(&self, task: &Task) -> Result<(), SandboxError> {
        files::write_record(&self.folder.join(&task.id).join("task.json"), task)
    }

    fn input_path(&self, id: &str, index: usize) -> PathBuf {
        self.folder.join(id).join(format!("input-{index}"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_result_gone(task: &Task, now_ms: u64) -> bool {
    now_ms.saturating_sub(task.updated_at_ms) >= RESULT_LIFE_MS
}

/// What cannot be removed now is tried again at the next start.
fn remove_folder(path: &Path) {
    let _ = fs::remove_dir_all(path);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const HOUR_MS: u64 = 60 * 60 * 1000;

    fn image() -> SentFile {
        SentFile {
            part_name: "images[]".to_owned(),
            file_name: "a.jpg".to_owned(),
            content: Bytes::from_static(b"content"),
        }
    }

    #[test]
    fn restart_finds_tasks_again_and_begins_unfinished_ones_anew() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::from_query("copies=4").unwrap();
        let tasks = Tasks::open(folder.path(), HOUR_MS).unwrap();
        let begun = tasks.create(options, &[image()], HOUR_MS).unwrap();
        let done = tasks.create(options, &[image()], HOUR_MS).unwrap();
        tasks.set_status(&begun, Status::Started, HOUR_MS).unwrap();
        tasks.add_output(&begun, HOUR_MS);
        assert_eq!(tasks.get(&begun).unwrap().line("").percent.unwrap(), "25");
        files::write(&tasks.result_path(&done), b"zip").unwrap();
        tasks.set_status(&done, Status::Done, HOUR_MS).unwrap();
        fs::create_dir(folder.path().join("tasks/half-written")).unwrap();
        fs::write(folder.path().join("results/.tmpXyz"), "half made").unwrap();

        let tasks = Tasks::open(folder.path(), 2 * HOUR_MS).unwrap();
        assert_eq!(tasks.unfinished(), std::slice::from_ref(&begun));
        assert_eq!(tasks.get(&begun).unwrap().line("").status, "PENDING");
        assert_eq!(tasks.input(&begun, 0).unwrap(), b"content");
        assert_eq!(tasks.result(&done, 2 * HOUR_MS).unwrap().unwrap(), b"zip");
        assert!(!folder.path().join("tasks/half-written").exists());
        assert!(!folder.path().join("results/.tmpXyz").exists());
    }

    #[test]
    fn results_and_tasks_run_out() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::from_query("").unwrap();
        let tasks = Tasks::open(folder.path(), 0).unwrap();
        let id = tasks.create(options, &[image()], 0).unwrap();
        files::write(&tasks.result_path(&id), b"zip").unwrap();
        tasks.set_status(&id, Status::Done, 0).unwrap();
        assert_eq!(tasks.recent(23 * HOUR_MS).len(), 1);
        assert!(tasks.result(&id, 24 * HOUR_MS).unwrap().is_none());
        assert!(tasks.recent(24 * HOUR_MS).is_empty());
        assert!(tasks.get(&id).is_some(), "by its id it is known for longer");
        let tasks = Tasks::open(folder.path(), 8 * 24 * HOUR_MS).unwrap();
        assert!(tasks.get(&id).is_none());
    }
}
