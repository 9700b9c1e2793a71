//! What a sandbox needs to start. Reads nothing by itself: whoever opens the sandbox decides.

use std::path::PathBuf;

use url::Url;

/// Everything a sandbox needs to start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the router is reachable from outside, e.g. `http://127.0.0.1:9001/sandbox`; result URLs are built on it.
    pub public_url: Url,
    /// Where tasks, zips, cached results and the ledger are kept, so that a restart keeps what the real service keeps.
    pub data_dir: PathBuf,
    /// How long one image takes.
    pub latency: Latency,
}

/// How long the services take, beside the work itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Each copy that imgfactory makes takes at least this long.
    pub imgfactory_ms_per_copy: u64,
    /// Each image that watermark works on takes at least this long.
    pub watermark_ms: u64,
    /// Each picture that fangtang works on takes at least this long.
    pub fangtang_ms: u64,
    /// Each image that vkcloud works on takes at least this long.
    pub vkcloud_ms: u64,
    /// Each image that imageban takes in takes at least this long.
    pub imageban_ms: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { imgfactory_ms_per_copy: 150, watermark_ms: 700, fangtang_ms: 900, vkcloud_ms: 300, imageban_ms: 100 }
    }
}
