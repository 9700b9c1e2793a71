//! Replies that come from a caller in place of the network, for the fuzz targets in `fuzz/`: they drive the real clients
//! through whole conversations. It exists with the feature `fuzzing` alone, which nothing else switches on.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Http, Reply, ResultHosts};

/// The replies that are still to come. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Replies(Arc<Mutex<VecDeque<Reply>>>);

impl Replies {
    /// The next reply. `None`: the connection breaks.
    pub(super) fn next(&self) -> Option<Reply> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Http {
    /// A sender that sends nothing and answers each request with the next of `replies`.
    #[must_use]
    pub fn answering(&self, replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Replies(Arc::new(Mutex::new(replies.into_iter().collect())));
        let mut answering = self.clone();
        answering.replies = Some(replies);
        answering
    }
}

/// The host that a result at `address` would be fetched from; `None` where it would not be fetched.
#[must_use]
pub fn host_to_fetch_from(hosts: &ResultHosts, address: &str) -> Option<String> {
    hosts.allow(address).ok().map(|place| place.url.host_str().unwrap_or_default().to_owned())
}
