//! How a job goes from one state to the next. Everything that may happen to a job is one [`Event`]; what may not
//! happen in a state is an error, never a panic.
//!
//! ```text
//!             Started            Accepted            Finished           Collected
//!   Queued ───────────► Submitting ───────► Waiting ───────────► Ready ───────────► Done
//!     ▲ ▲ ▲                   │                │ │                │ │ │  Branched     ▲
//!     │ │ └── Advanced ───────┼────────────────┼─┼────────────────┼─┘ └──► Branching ─┘
//!     │ └ Postponed ◄─────────┤                │ │                │
//!     │  └──── CallbackMissing ┼───────────────┘ │                │ │
//!     │           Disproved ───► ◄────────────────┼────────────────┘ │
//!     │                        └── Finished ─────┼────────► Ready    │
//!     └─ Retried ── Failed ◄── Failed (from any state that is no end)┘
//! ```

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Failure, Job, Link, Output, Rectangle, ResultSource, State, StateName, Step, TaskId, Tries, Trouble};

/// Something that happened to a job. Times come in; nothing here reads a clock.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A function begins a paid call to the provider.
    Started {
        /// Now.
        at: Timestamp,
        /// When the function is certainly dead.
        lease_until: Timestamp,
    },
    /// A function begins to find out what became of a paid call, or puts that off as the provider cannot be asked.
    Settling {
        /// When the function is certainly dead.
        lease_until: Timestamp,
    },
    /// The provider cannot be asked yet, or has to be asked again later.
    Postponed {
        /// The earliest next try.
        until: Timestamp,
        /// A rate slot that is reserved already.
        slot_at: Option<Timestamp>,
        /// Why.
        because: Because,
    },
    /// The call may have reached the provider, and nobody knows.
    OutcomeUnknown {
        /// When to find out.
        settle_at: Timestamp,
        /// How the call ended.
        trouble: Trouble,
    },
    /// The provider took the work.
    Accepted {
        /// Now.
        at: Timestamp,
        /// The provider's name for it, if it gives one.
        task_id: Option<TaskId>,
        /// The first look.
        due_at: Timestamp,
        /// Whether the task was found again rather than answered.
        adopted: bool,
    },
    /// The provider still works.
    Progressed {
        /// The next look.
        due_at: Timestamp,
    },
    /// The provider is done.
    Finished {
        /// Now.
        at: Timestamp,
        /// What it says.
        outcome: Outcome,
        /// When to wake the collector, should the wake-up that follows be lost.
        due_at: Timestamp,
    },
    /// No callback came in time: the identical request is sent again.
    CallbackMissing {
        /// Now.
        at: Timestamp,
    },
    /// A wake-up was sent; the next one only if that is lost.
    Woken {
        /// When to wake again.
        until: Timestamp,
    },
    /// The result could not be fetched yet.
    FetchFailed {
        /// The next try.
        due_at: Timestamp,
    },
    /// The fetched result proves that the task is another's.
    Disproved {
        /// Now.
        at: Timestamp,
    },
    /// The step's one output lies in the bucket, and the next step begins with it.
    Advanced {
        /// Now.
        at: Timestamp,
        /// What lies there.
        output: Output,
        /// When to wake the next step, should the wake-up that follows be lost.
        woken_until: Timestamp,
    },
    /// The step's outputs lie in the bucket, and a branch goes on with each.
    Branched {
        /// Now.
        at: Timestamp,
        /// What lies there.
        outputs: Vec<Output>,
        /// When to look at the branches.
        due_at: Timestamp,
    },
    /// The branches are still at work.
    BranchesGoOn {
        /// The next look.
        due_at: Timestamp,
        /// The branches that have ended, also those that died before they could say so.
        ended: BTreeSet<u32>,
    },
    /// The results lie in the bucket.
    Collected {
        /// Now.
        at: Timestamp,
        /// What lies there.
        outputs: Vec<Output>,
    },
    /// The job ends without all of its results.
    Failed {
        /// Now.
        at: Timestamp,
        /// Why.
        reason: Failure,
        /// What lies in the bucket all the same.
        outputs: Vec<Output>,
    },
    /// A person asks for another try.
    Retried {
        /// Now.
        at: Timestamp,
    },
    /// A person asks for another try, and branches that had failed are at work again.
    BranchesRetried {
        /// Now.
        at: Timestamp,
        /// The next look at them.
        due_at: Timestamp,
        /// The branches that are done.
        done: BTreeSet<u32>,
    },
}

/// Why a step is not submitted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The provider was not asked: no rate slot is near, or the image could not be read. Or it was, and to ask again is
    /// certain to cost nothing more.
    NotAsked,
    /// The provider is on hold: its account is the trouble, not the image.
    Held,
    /// The provider failed in a way that may pass, or a call that was lost is made again.
    Failed {
        /// What happened.
        trouble: Trouble,
        /// Now.
        at: Timestamp,
    },
    /// The host went down while a callback was awaited; it may have come to a closed door.
    HostRestarted,
}

/// What a provider says of work that it has ended well.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Where the result is.
    pub source: ResultSource,
    /// What else is said of it.
    pub report: Report,
}

/// What a provider says of its work beside the result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What was charged, in the provider's unit (images).
    pub charges: u32,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Where the watermark service worked.
    pub rectangles: Vec<Rectangle>,
    /// Where the image is hosted.
    pub links: Vec<Link>,
    /// How much work is left on the account, in the provider's unit, where it says so.
    pub balance: Option<i64>,
}

impl Outcome {
    /// An outcome of which only the result is known.
    #[must_use]
    pub fn of(source: ResultSource) -> Self {
        Self { source, report: Report::default() }
    }
}

impl Event {
    /// The event's name, for messages and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Settling { .. } => "settling",
            Self::Postponed { because: Because::Held, .. } => "held",
            Self::Postponed { .. } => "postponed",
            Self::OutcomeUnknown { .. } => "outcome unknown",
            Self::Accepted { .. } => "accepted",
            Self::Progressed { .. } => "progressed",
            Self::Finished { .. } => "finished",
            Self::CallbackMissing { .. } => "callback missing",
            Self::Woken { .. } => "woken",
            Self::FetchFailed { .. } => "fetch failed",
            Self::Disproved { .. } => "disproved",
            Self::Advanced { .. } => "advanced",
            Self::Branched { .. } => "branched",
            Self::BranchesGoOn { .. } => "branches go on",
            Self::BranchesRetried { .. } => "branches retried",
            Self::Collected { .. } => "collected",
            Self::Failed { .. } => "failed",
            Self::Retried { .. } => "retried",
        }
    }
}

/// The event cannot happen in this state: somebody else was quicker, or the event came twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{event}' cannot happen to a job that is {state}")]
pub struct IllegalTransition {
    /// The state that was left alone.
    pub state: StateName,
    /// The event's name.
    pub event: &'static str,
}

/// The state that follows `state` when `event` happens.
///
/// # Errors
/// When the event cannot happen in this state. The caller leaves the job as it is.
pub fn next(state: &State, event: &Event) -> Result<State, IllegalTransition> {
    use State::{Branching, Done, Failed, Queued, Ready, Submitting, Waiting};
    let follows = match (state, event) {
        (Queued { .. }, Event::Started { at, lease_until }) => Submitting { since: *at, due_at: *lease_until },
        (
            Submitting { since, .. },
            Event::Settling { lease_until: due_at } | Event::OutcomeUnknown { settle_at: due_at, .. },
        ) => Submitting { since: *since, due_at: *due_at },
        (Queued { .. } | Submitting { .. } | Waiting { .. }, Event::Postponed { until, slot_at, .. }) => {
            Queued { due_at: *until, slot_at: *slot_at }
        }
        (Submitting { .. }, Event::Accepted { at, due_at, .. }) => Waiting { since: *at, due_at: *due_at, polls: 0 },
        (Waiting { since, polls, .. }, Event::Progressed { due_at }) => {
            Waiting { since: *since, due_at: *due_at, polls: polls.saturating_add(1) }
        }
        // Queued too: the callback of an attempt that was given up may come late, and is as good.
        (Queued { .. } | Submitting { .. } | Waiting { .. }, Event::Finished { at, outcome, due_at }) => {
            Ready { since: *at, due_at: *due_at, failures: 0, source: outcome.source.clone() }
        }
        (Waiting { .. }, Event::CallbackMissing { at }) => Queued { due_at: *at, slot_at: None },
        // Back to "a paid call whose outcome is unknown", never to "may be paid for again".
        (Ready { .. }, Event::Disproved { at }) => Submitting { since: *at, due_at: *at },
        (Ready { since, failures, source, .. }, Event::FetchFailed { due_at }) => {
            Ready { since: *since, due_at: *due_at, failures: failures.saturating_add(1), source: source.clone() }
        }
        (Ready { .. }, Event::Advanced { at, .. }) => Queued { due_at: *at, slot_at: None },
        (Ready { .. }, Event::Branched { at, due_at, .. })
        | (Failed { .. }, Event::BranchesRetried { at, due_at, .. }) => Branching { since: *at, due_at: *due_at },
        (Branching { since, .. }, Event::BranchesGoOn { due_at, .. }) => Branching { since: *since, due_at: *due_at },
        (Ready { .. } | Branching { .. }, Event::Collected { outputs, .. }) => Done { outputs: outputs.clone() },
        (Failed { .. }, Event::Retried { at }) => Queued { due_at: *at, slot_at: None },
        (unfinished, Event::Woken { .. }) if !unfinished.is_finished() => unfinished.clone(),
        (unfinished, Event::Failed { reason, outputs, .. }) if !unfinished.is_finished() => {
            Failed { reason: reason.bounded(), outputs: outputs.clone() }
        }
        _ => return Err(IllegalTransition { state: state.name(), event: event.name() }),
    };
    Ok(follows)
}

impl Job {
    /// The job after `event`: the next state, and what the event adds to the step's record.
    ///
    /// # Errors
    /// When the event cannot happen in the job's state; the job is unchanged then.
    pub fn after(&self, event: &Event) -> Result<Self, IllegalTransition> {
        if !self.permits(event) {
            return Err(IllegalTransition { state: self.state.name(), event: event.name() });
        }
        let mut job = Self { state: next(&self.state, event)?, revision: self.revision + 1, ..self.clone() };
        job.record(event);
        Ok(job)
    }

    /// Whether `event`, which was meant for `self`, may still happen to `found`, which is the same job read later. It may
    /// when only facts beside the state have changed (a callback came, a wake-up was sent); that the provider is done
    /// may also when the same attempt has meanwhile got further. Never, when another attempt is at work, even should its
    /// state look the same.
    #[must_use]
    pub fn still_concerns(&self, found: &Self, event: &Event) -> bool {
        let attempt = |job: &Self| (job.steps.len(), job.step().map(|step| step.attempts));
        if attempt(self) != attempt(found) {
            return false;
        }
        let done = matches!(event, Event::Finished { .. });
        // Another's look at the branches changes only when the next one is.
        let same_branches = match (&self.state, &found.state) {
            (State::Branching { since, .. }, State::Branching { since: found, .. }) => since == found,
            _ => false,
        };
        done || same_branches || self.state == found.state
    }

    /// The job to which `event`, which was meant for `self`, is applied when the row has become `found` in between: `found`
    /// with what is known of the step and not written yet. `None`: the event does not concern it any more.
    #[must_use]
    pub fn carried_over(self, mut found: Self, event: &Event) -> Option<Self> {
        if !self.still_concerns(&found, event) {
            return None;
        }
        found.upload.sha256 = found.upload.sha256.or(self.upload.sha256);
        if found.state == self.state {
            found.steps = self.steps;
        }
        Some(found)
    }

    /// What depends on more than the state: a chain goes on only where steps are to come, ends only where none are, and
    /// a job that has branched is gone on with by its branches.
    fn permits(&self, event: &Event) -> bool {
        let branched = !self.branched_outputs().is_empty();
        match event {
            Event::Advanced { .. } => !self.plan.is_empty(),
            Event::Branched { outputs, .. } => !self.plan.is_empty() && !outputs.is_empty(),
            Event::Collected { .. } => self.plan.is_empty() || branched,
            Event::Retried { .. } => !branched,
            Event::BranchesRetried { .. } => branched,
            _ => true,
        }
    }

    fn record(&mut self, event: &Event) {
        self.woken_until = match event {
            Event::Woken { until: woken_until } | Event::Advanced { woken_until, .. } => Some(*woken_until),
            _ => None,
        };
        match event {
            Event::Collected { at, .. } | Event::Failed { at, .. } => self.finished_at = Some(*at),
            Event::Retried { .. } => self.finished_at = None,
            Event::BranchesRetried { done, .. } => {
                self.finished_at = None;
                self.ended_branches.clone_from(done);
            }
            Event::BranchesGoOn { ended, .. } => self.ended_branches.extend(ended),
            _ => {}
        }
        // What a new attempt brings is told by its own callback, not by one of an attempt given up.
        let anew = matches!(event, Event::Started { .. } | Event::Postponed { .. } | Event::Retried { .. });
        if anew || matches!(event, Event::Advanced { .. } | Event::Branched { .. }) {
            self.callback = None;
        }
        if let Some(step) = self.steps.last_mut() {
            step.record(event);
        }
        if let Event::Advanced { output, .. } = event {
            self.begin_next_step(output);
        }
    }

    fn begin_next_step(&mut self, input: &Output) {
        if self.plan.is_empty() {
            return;
        }
        let mut step = Step::new(self.plan.remove(0), input.key.clone(), input.bytes);
        // An earlier step's task bears our name too, and is not this step's.
        let earlier = self.steps.iter().flat_map(|step| step.task_id.iter().chain(&step.ruled_out));
        step.ruled_out = earlier.cloned().collect();
        self.steps.push(step);
    }
}

impl Step {
    fn record(&mut self, event: &Event) {
        match event {
            Event::Postponed { because, .. } => self.held = *because == Because::Held,
            Event::Started { .. } => self.held = false,
            _ => {}
        }
        match event {
            Event::Started { at, .. } => {
                self.lost_by = None;
                self.attempts = self.attempts.saturating_add(1);
                self.submitted_at = Some(*at);
            }
            Event::Postponed { because: Because::Failed { trouble, at }, until, .. } => {
                // That we are too quick is no failure.
                self.failures = self.failures.saturating_add(u32::from(*trouble != Trouble::RateLimited));
                let tries = Tries::and_one_more(self.troubles.get(trouble), *at, *until);
                self.troubles.insert(*trouble, tries);
            }
            Event::OutcomeUnknown { trouble, .. } => {
                self.lost_by = Some(*trouble);
                self.may_be_done_since = self.may_be_done_since.or(self.submitted_at);
            }
            Event::Settling { .. } => self.may_be_done_since = self.may_be_done_since.or(self.submitted_at),
            Event::Accepted { task_id, adopted, .. } => {
                self.may_be_done_since = self.may_be_done_since.or(self.submitted_at);
                self.task_id.clone_from(task_id);
                self.adopted = *adopted;
            }
            Event::Finished { at, outcome, .. } => {
                self.problem = None;
                self.finished_at = Some(*at);
                let report = &outcome.report;
                self.charges = self.charges.saturating_add(report.charges);
                self.warnings.extend(report.warnings.iter().cloned());
                self.rectangles.clone_from(&report.rectangles);
                self.links.clone_from(&report.links);
                self.balance = report.balance.or(self.balance);
            }
            Event::Advanced { output, .. } => self.outputs = vec![output.clone()],
            Event::Branched { outputs, .. } => self.outputs.clone_from(outputs),
            Event::CallbackMissing { .. } => self.replays = self.replays.saturating_add(1),
            Event::Disproved { .. } => {
                self.finished_at = None;
                self.adopted = false;
                self.ruled_out.extend(self.task_id.take());
            }
            Event::Retried { .. } => {
                self.failures = 0;
                self.replays = 0;
                self.troubles.clear();
                self.lost_by = None;
                self.may_be_done_since = None;
                // What was given up bears our name too, and is not what the new try makes.
                self.ruled_out.extend(self.task_id.take());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
