//! The functions' bodies: an AWS event in, a flow, an AWS answer out. The Lambda starter and the one-machine host call
//! the same ones.

mod messages;
mod poller;
mod webhook;

pub use self::{
    messages::{FailedMessage, MOST_DELIVERIES, collect_batch, handle_collect, handle_submit, submit_batch},
    poller::handle_schedule,
    webhook::handle_callback,
};
