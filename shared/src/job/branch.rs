//! Branches: where a step has several outputs and another step follows, a job of its own goes on with each of them.
//! People know only the upload's job; its branches are told as parts of it.

use serde::{Deserialize, Serialize};

use super::{Job, JobId, Output, State, Step};

/// What makes a job a branch of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// The job whose step had several outputs.
    pub of: JobId,
    /// The upload's own job, under whose id people know all of its branches.
    pub root: JobId,
    /// Which of the outputs this branch goes on with, from 1.
    pub number: u32,
    /// How many there are.
    pub many: u32,
    /// The name of its outputs where they have none of their own; different from that of every other branch.
    pub stem: String,
    /// What it begins with.
    pub input: Output,
}

impl Job {
    /// The branches that go on with this job's outputs, as they are made. Each is due at once; `woken_until` says when to
    /// wake it, should the wake-up that follows be lost. Empty where the job has not branched.
    #[must_use]
    pub fn new_branches(&self, now: jiff::Timestamp, woken_until: jiff::Timestamp) -> Vec<Self> {
        let outputs = self.branched_outputs();
        let Some((first, rest)) = self.plan.split_first() else { return Vec::new() };
        let stems = stems(self.stem(), outputs);
        let many = u32::try_from(outputs.len()).unwrap_or(u32::MAX);
        let branches = (1..).zip(outputs.iter().zip(stems));
        branches
            .map(|(number, (input, stem))| Self {
                id: self.id.of_branch(number),
                revision: 0,
                upload: self.upload.clone(),
                route: self.route.clone(),
                state: State::Queued { due_at: now, slot_at: None },
                steps: vec![Step::new(first.clone(), input.key.clone(), input.bytes)],
                plan: rest.to_vec(),
                branch: Some(Branch {
                    of: self.id.clone(),
                    root: self.known_as().clone(),
                    number,
                    many,
                    stem,
                    input: input.clone(),
                }),
                ended_branches: std::collections::BTreeSet::new(),
                created_at: now,
                finished_at: None,
                woken_until: Some(woken_until),
                callback: None,
                malformed_callback: None,
            })
            .collect()
    }

    /// The ids of the branches, in the order of the outputs.
    #[must_use]
    pub fn branch_ids(&self) -> Vec<JobId> {
        (1..).zip(self.branched_outputs()).map(|(number, _)| self.id.of_branch(number)).collect()
    }
}

/// A name for each output, all different: its file name without the extension, with a number where that is taken. The
/// only output of a step keeps the name of the image it was made from.
fn stems(own: &str, outputs: &[Output]) -> Vec<String> {
    if outputs.len() == 1 {
        return vec![own.to_owned()];
    }
    let mut taken = std::collections::BTreeSet::new();
    let stem = |output: &Output| {
        let stem = super::key::stem(&output.key).to_owned();
        let numbered = (2_u32..).map(|number| format!("{stem}-{number}"));
        let free = std::iter::once(stem.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(stem);
        taken.insert(free.clone());
        free
    };
    outputs.iter().map(stem).collect()
}

/// A job with all of its branches, and theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The job.
    pub job: Job,
    /// Its branches in the order of the outputs they go on with; those that are not made yet are missing.
    pub branches: Vec<Self>,
}

impl Tree {
    /// The files that lie in the bucket as results, or as what is left of a failed job.
    #[must_use]
    pub fn outputs(&self) -> Vec<Output> {
        let own = self.job.state.outputs();
        if !own.is_empty() || self.branches.is_empty() {
            return own.to_vec();
        }
        self.branches.iter().flat_map(Self::outputs).collect()
    }
}
