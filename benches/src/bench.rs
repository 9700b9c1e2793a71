//! What every measure needs: the binaries, the Python of the peers, folders, processes and what the system says of them.

use std::path::PathBuf;

/// What is measured with.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The folder of the release binaries.
    pub(crate) binaries: PathBuf,
    /// A Python with the peers' requirements.
    pub(crate) python: PathBuf,
    /// Fewer repeats and smaller loads.
    pub(crate) quick: bool,
}
