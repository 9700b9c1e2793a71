//! Thumbnails: small pictures of an upload and of what came of it, for whoever looks through many. Where each lies.

use super::{JobId, Output};

/// Where thumbnails lie: beside the result folders, not in them, since a result folder holds outputs and `job.json` and
/// nothing else (the contract, section 2). No provider is called so, so that no result folder lies here.
pub const THUMBNAILS_PREFIX: &str = "results/.thumbnails/";

/// A small picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thumbnail {
    /// Of the upload.
    Original,
    /// Of an output, counted from 1.
    Output(usize),
}

impl Thumbnail {
    /// The longest side, pixels.
    pub const MOST_SIDE_PIXELS: u32 = 640;
    /// A job has so many of its outputs, and one of its upload: the collector has results to fetch as well.
    pub const MOST_OUTPUTS: usize = 24;
    /// Larger files have none: the collector would have to hold them in memory.
    pub const MOST_IMAGE_BYTES: u64 = 48 * 1024 * 1024;
    /// Images with more pixels have none: decoded, they have to fit into the collector's memory.
    pub const MOST_IMAGE_PIXELS: u64 = 50_000_000;

    /// The key of this thumbnail of a job.
    #[must_use]
    pub fn key(self, id: &JobId) -> String {
        match self {
            Self::Original => format!("{THUMBNAILS_PREFIX}{id}/original.jpg"),
            Self::Output(number) => format!("{THUMBNAILS_PREFIX}{id}/{number}.jpg"),
        }
    }

    /// Whether there is to be one of the output with this number: what is small enough to be made small.
    #[must_use]
    pub fn is_made_of(self, output: &Output) -> bool {
        let pixels = u64::from(output.width) * u64::from(output.height);
        let is_shown = match self {
            Self::Original => true,
            Self::Output(number) => number <= Self::MOST_OUTPUTS,
        };
        is_shown && output.bytes <= Self::MOST_IMAGE_BYTES && pixels <= Self::MOST_IMAGE_PIXELS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_lie_where_no_result_folder_is() {
        let id: JobId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        assert!(THUMBNAILS_PREFIX.starts_with(super::super::RESULTS_PREFIX));
        assert!(super::super::UploadKey::parse("uploads/.thumbnails/a.jpg").is_err());
        let key = Thumbnail::Output(3).key(&id);
        assert_eq!(key, "results/.thumbnails/0123456789abcdef0123456789abcdef/3.jpg");
    }
}
