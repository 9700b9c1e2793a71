//! What the measures under load share: a one-machine host as a process, a provider that costs next to nothing, pictures
//! of 100 KB, and ways to notice results without disturbing who makes them.

mod host;
mod pictures;
mod provider;
mod run;
mod spread;
mod store;
mod watch;

pub(crate) use self::{
    host::{Host, SECRET, own_cpu_s},
    pictures::{PICTURE_BYTES, picture},
    provider::{Done, Provider},
    run::{Flow, put_all, run},
    spread::{median, quantile, rounded},
    store::{BUCKET, Store},
    watch::watch,
};

/// Requests that a measure itself has open at the same time where it does not keep to a schedule.
pub(crate) const AT_ONCE: usize = 16;
