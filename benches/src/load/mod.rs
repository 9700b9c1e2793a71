//! What the measures under load share: a one-machine host as a process, a provider that costs next to nothing, pictures
//! of 100 KB, and ways to notice results without disturbing who makes them.

mod host;
mod pictures;
mod provider;
mod run;
mod schedule;
mod store;
mod watch;

pub(crate) use self::{
    host::{Host, SECRET},
    pictures::{PICTURE_BYTES, picture},
    provider::{Done, Provider},
    run::{Flow, Took, put_all, run},
    schedule::on_schedule,
    store::{BUCKET, Store},
    watch::watch,
};

/// Requests that a measure itself has open at the same time where it does not keep to a schedule.
pub(crate) const AT_ONCE: usize = 16;
