//! What a job is: its name, its states and how it goes from one to the next.
//!
//! This module is pure. It reads no clock, does no I/O and imports nothing else of ours: time and facts come in as
//! arguments, the next state comes out. Whoever wants to know what darkroom does with an image reads it here.

mod balance;
mod branch;
mod document;
mod failure;
mod hold;
mod id;
mod image_file;
mod key;
mod limits;
mod route;
mod schedule;
mod state;
mod step;
mod thumbnail;
mod transition;

pub use balance::Balance;
pub use branch::{Branch, Tree};
pub use document::{Document, DocumentItem, DocumentStep, DocumentUpload, told_options};
pub use failure::{Failure, FailureKind};
pub use hold::{Hold, HoldKind};
pub use id::{InvalidJobId, JobId, TaskId};
pub use image_file::{ImageFormat, safe_file_name};
pub use key::{RESULTS_PREFIX, STEPS_PREFIX, UPLOADS_PREFIX, UploadKey, UploadKeyError};
pub use limits::{Limit, Limits, Tries, Trouble, Troubles, span};
pub use route::{DEFAULT_PRESET, InvalidRoute, ProviderName, Route};
pub use schedule::{Pace, Schedule};
pub use state::{CallbackReceived, Job, Output, ResultSource, State, StateName, Upload};
pub use step::{Link, OnUnknown, PlannedStep, Rectangle, Step};
pub use thumbnail::{THUMBNAILS_PREFIX, Thumbnail};
pub use transition::{Because, Event, IllegalTransition, Outcome, Report, next};
