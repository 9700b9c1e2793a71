//! Failpoints: places right behind each durable effect, where a test lets the whole process die. They stand where the
//! effects are (in the stores and in the sender of requests), so that no flow can have an effect without one.
//!
//! They exist with the feature `failpoints` alone, which only tests switch on; without it [`passed`] is nothing at all.
//! With it, the variable `FAILPOINTS` of the crate `fail` says what is done at each, such as
//! `row.waiting=1*off->return(die)`: let the first pass, die at the second. `return(tell)` writes a line to the log.

/// Every failpoint, by the effect that has just taken place.
pub const NAMES: [&str; 22] = [
    "message.taken",
    "provider.answered",
    "provider.asked",
    "provider.hold",
    "provider.note",
    "provider.slot",
    "object.document",
    "object.result",
    "object.step",
    "object.thumbnail",
    "result.fetched",
    "row.branch-ended",
    "row.branching",
    "row.callback",
    "row.created",
    "row.done",
    "row.failed",
    "row.queued",
    "row.ready",
    "row.submitting",
    "row.waiting",
    "wake-up.sent",
];

/// Reads `FAILPOINTS`. To be called once, at the start of the process.
#[cfg(feature = "failpoints")]
pub fn start() {
    // Dropping it would take the settings back.
    std::mem::forget(fail::FailScenario::setup());
}

/// Reads `FAILPOINTS`, where there are any.
#[cfg(not(feature = "failpoints"))]
pub fn start() {}

/// What `name` tells of has taken place.
#[cfg(feature = "failpoints")]
pub(crate) fn passed(name: &str) {
    debug_assert!(NAMES.contains(&name), "{name} is not among the names of the failpoints");
    fail::eval(name, |action| match action.as_deref() {
        Some("die") => die(),
        // At the level at which every run tells something.
        _ => tracing::warn!(name, "failpoint passed"),
    });
}

/// What `name` tells of has taken place.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn passed(_name: &str) {}

/// No farewell of any kind: what is not on the disk by now is lost.
#[cfg(feature = "failpoints")]
fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}
