//! Notices files as they appear, by looking for them every millisecond from a thread of its own. A look costs a few
//! microseconds and asks nothing of the host.

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::Done;

const PAUSE: Duration = Duration::from_millis(1);

/// Watches for the file that `place` names for each of `many` pictures, from when `done` tells of it. Returns when
/// each appeared; fewer than `many` when `patience` is over.
pub(crate) fn watch(
    done: Receiver<Done>,
    many: usize,
    patience: Duration,
    place: impl Fn(u64) -> PathBuf + Send + 'static,
) -> JoinHandle<Vec<(Done, Instant)>> {
    std::thread::spawn(move || {
        let start = Instant::now();
        let (mut seen, mut awaited) = (Vec::with_capacity(many), Vec::<(Done, PathBuf)>::new());
        while seen.len() < many && start.elapsed() < patience {
            match done.recv_timeout(PAUSE) {
                Ok(told) => awaited.push((told, place(told.number))),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(PAUSE),
            }
            awaited.retain(|(told, file)| {
                let there = file.exists();
                if there {
                    seen.push((*told, Instant::now()));
                }
                !there
            });
        }
        seen
    })
}
