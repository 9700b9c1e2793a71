//! Messages that nobody could handle, each a file in `dead-letters/` of the data folder: what a dead-letter queue is on
//! AWS. Beside the message stands the reason, under the id that the log names.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Serialize;

/// So many are kept; with one more, the oldest goes.
const MOST_KEPT: usize = 1_000;
/// A message is no longer than this: as long as SQS takes.
const MOST_BODY_BYTES: usize = 256 * 1024;

/// A message that was given up.
#[derive(Debug, Serialize)]
pub(super) struct DeadLetter {
    /// The message's id, as the log has it.
    pub(super) message_id: String,
    /// The queue that it came from.
    pub(super) queue: String,
    /// When it was given up.
    pub(super) at: Timestamp,
    /// How often it was delivered.
    pub(super) deliveries: u32,
    /// Why it was given up.
    pub(super) reason: String,
    /// The message.
    pub(super) body: String,
}

/// The folder of dead letters.
#[derive(Debug)]
pub(super) struct DeadLetters(PathBuf);

impl DeadLetters {
    /// The folder below `data`. It is made with the first letter.
    pub(super) fn below(data: &Path) -> Self {
        Self(data.join("dead-letters"))
    }

    /// Keeps a message. That it cannot be kept is told: the reason for giving it up stands in the log already.
    pub(super) async fn keep(&self, letter: DeadLetter) {
        let folder = self.0.clone();
        let message_id = letter.message_id.clone();
        let kept = tokio::task::spawn_blocking(move || write(&folder, letter)).await;
        if let Err(problem) = kept.map_err(io::Error::other).and_then(|written| written) {
            tracing::error!(message_id, %problem, "a dead letter could not be kept");
        }
    }
}

fn write(folder: &Path, mut letter: DeadLetter) -> io::Result<()> {
    letter.body.truncate(letter.body.floor_char_boundary(MOST_BODY_BYTES));
    fs::create_dir_all(folder)?;
    make_room(folder)?;
    // In the order of their names they are in the order of time.
    let name = format!("{:015}-{}.json", letter.at.as_millisecond(), letter.message_id);
    // Whoever looks into the folder sees whole letters only.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, &letter)?;
    file.persist(folder.join(name)).map_err(|problem| problem.error)?;
    Ok(())
}

fn make_room(folder: &Path) -> io::Result<()> {
    let mut kept: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    kept.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    kept.sort();
    let too_many = (kept.len() + 1).saturating_sub(MOST_KEPT);
    for oldest in kept.into_iter().take(too_many) {
        // Somebody may have taken it away meanwhile.
        if let Err(problem) = fs::remove_file(oldest)
            && problem.kind() != io::ErrorKind::NotFound
        {
            return Err(problem);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(number: usize, body: String) -> DeadLetter {
        let at = Timestamp::from_second(1_000_000_000 + i64::try_from(number).unwrap()).unwrap();
        let message_id = number.to_string();
        DeadLetter { message_id, queue: "collect".into(), at, deliveries: 5, reason: "no".into(), body }
    }

    #[test]
    fn the_folder_holds_the_newest_thousand_and_no_letter_without_end() {
        let data = tempfile::TempDir::new().unwrap();
        let folder = data.path().join("dead-letters");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("note of a person.txt"), "mine").unwrap();
        for number in 0..MOST_KEPT + 2 {
            write(&folder, letter(number, String::new())).unwrap();
        }
        let count = || fs::read_dir(&folder).unwrap().count();
        assert_eq!(count(), MOST_KEPT + 1);
        assert!(folder.join("note of a person.txt").exists());
        assert!(!folder.join("001000000001000-1.json").exists() && folder.join("001000000002000-2.json").exists());

        write(&folder, letter(9_999, "я".repeat(MOST_BODY_BYTES))).unwrap();
        let longest = fs::read(folder.join("001000009999000-9999.json")).unwrap();
        let longest: serde_json::Value = serde_json::from_slice(&longest).unwrap();
        assert_eq!(longest["body"].as_str().unwrap().len(), MOST_BODY_BYTES);
    }
}
