//! Panics: a mistake of ours in one piece of work must not end the others beside it, nor the function.

use std::{any::Any, future::Future, panic::AssertUnwindSafe};

use futures_util::{FutureExt as _, future::BoxFuture};

/// Work that panicked. What it had written stays; what it had not is found by the job's `due_at`.
#[derive(Debug, thiserror::Error)]
#[error("a mistake of ours: the work panicked: {0}")]
pub struct Panicked(String);

/// Does `work` and catches its panic. Nothing that it leaves behind is looked at by others: flows share clients and the
/// stores, which hold no half-made state of ours. Boxed, as are the other long ways.
pub(crate) fn caught<'a, T: 'a>(work: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, Result<T, Panicked>> {
    let caught = AssertUnwindSafe(work).catch_unwind();
    Box::pin(caught.map(|done| done.map_err(|panic| Panicked(words(panic.as_ref())))))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".to_owned())
}
