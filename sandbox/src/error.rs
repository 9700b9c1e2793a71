//! What can go wrong in the sandbox itself. Faults that a fake service shows to its clients are no errors of ours.

use std::io;
use std::path::PathBuf;

use url::Url;

/// The sandbox could not do its own work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A file or folder below the data folder could not be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A record could not be turned into JSON or back.
    #[error("cannot read or write the record {path}")]
    Record {
        /// The record's file.
        path: PathBuf,
        /// What was wrong with it.
        source: serde_json::Error,
    },
    /// The result archive could not be made.
    #[error("cannot make the result archive")]
    Archive(#[from] zip::result::ZipError),
    /// An image could not be decoded or encoded.
    #[error("cannot decode or encode the image")]
    Image(#[from] image::ImageError),
    /// The sender of callbacks could not be made.
    #[error("cannot make the HTTP client for callbacks")]
    Client(#[source] reqwest::Error),
    /// The public URL cannot have a path, so no result URL can be built on it.
    #[error("the public URL {0} cannot have a path")]
    PublicUrl(Url),
    /// Work in the background ended without an answer.
    #[error("work in the background ended early")]
    Interrupted(#[from] tokio::task::JoinError),
}
