//! Everything that darkroom's functions and its command have in common. ARCHITECTURE.md shows how the parts lie.
//!
//! `job` is pure and imports nothing of ours; `provider` and `store` import only `job`; `flow` joins them; `handler`
//! lets AWS events into flows; `lambda` starts a function. A test (`tests/layers.rs`) holds that line.

pub mod aws;
pub mod clock;
pub mod config;
pub mod environment;
pub mod event;
pub mod failpoint;
pub mod flow;
pub mod handler;
pub mod job;
#[cfg(feature = "functions")]
pub mod lambda;
pub mod presets;
pub mod provider;
#[cfg(feature = "functions")]
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod tls;
