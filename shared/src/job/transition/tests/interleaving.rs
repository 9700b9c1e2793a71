//! The same with several actors at once, each holding a copy of a row that may be long out of date, as functions do: a
//! model of the table writes by revision, and [`Table::advance`] does what `App::advance` does.

use std::{collections::BTreeMap, time::Duration};

use proptest::{strategy::ValueTree as _, test_runner::TestRunner};

use super::*;

/// The table, and beside it what no row says: which paid calls nobody has heard the end of.
struct Table {
    rows: BTreeMap<JobId, Job>,
    now: Timestamp,
    unsettled: BTreeMap<JobId, Attempt>,
}

/// A paid call: the step's number and the call's.
type Attempt = (usize, u32);

fn attempt_of(job: &Job) -> Attempt {
    (job.steps.len(), job.step().unwrap().attempts)
}

impl Table {
    fn of(job: Job) -> Self {
        Self { rows: [(job.id.clone(), job)].into(), now: time(1), unsettled: BTreeMap::new() }
    }

    fn later(&self, seconds: u64) -> Timestamp {
        self.now + Duration::from_secs(seconds)
    }

    /// Every write by revision goes through here, and here everything is checked that has to be true of it.
    fn replace(&mut self, job: Job, event: &Event) -> bool {
        let row = &self.rows[&job.id];
        if row.revision + 1 != job.revision {
            return false;
        }
        assert_eq!(job.due_at().is_none(), job.state.is_finished(), "{event:?}");
        assert_eq!(job.finished_at.is_some(), job.state.is_finished(), "{event:?}");
        assert!(job.steps.len() >= row.steps.len(), "a step was forgotten: {event:?}");
        let by_a_person = matches!(event, Event::Retried { .. });
        for (old, new) in row.steps.iter().zip(&job.steps) {
            assert!(new.attempts >= old.attempts && new.charges >= old.charges, "{event:?}");
            assert!(by_a_person || (new.failures >= old.failures && new.replays >= old.replays), "{event:?}");
            for (trouble, tries) in &old.troubles {
                let kept = new.troubles.get(trouble).is_some_and(|new| {
                    new.times >= tries.times && new.waited_ms >= tries.waited_ms && new.since == tries.since
                });
                assert!(by_a_person || kept, "{trouble:?} was counted down by {event:?}");
            }
        }
        match event {
            Event::Started { .. } => {
                let open = self.unsettled.insert(job.id.clone(), attempt_of(&job));
                assert_eq!(open, None, "a paid call is made while another is unsettled");
            }
            // The search found another's task: our own call is as unsettled as it was.
            Event::Disproved { .. } => {
                self.unsettled.insert(job.id.clone(), attempt_of(&job));
            }
            _ if !matches!(job.state, State::Submitting { .. }) => {
                self.unsettled.remove(&job.id);
            }
            _ => {}
        }
        self.rows.insert(job.id.clone(), job);
        true
    }

    /// As `App::advance`.
    fn advance(&mut self, mut job: Job, event: &Event) -> Option<Job> {
        loop {
            let after = job.after(event).ok()?;
            if self.replace(after.clone(), event) {
                return Some(after);
            }
            let found = self.rows[&job.id].clone();
            job = job.carried_over(found, event)?;
        }
    }

    /// As the webhook: it adds a fact to an unfinished job without reading it.
    fn call_back(&mut self, id: &JobId) {
        let (at, woken_until) = (self.now, self.later(30));
        let row = self.rows.get_mut(id).unwrap();
        if !row.state.is_finished() && row.callback.is_none() {
            row.callback = Some(CallbackReceived { at, body: "{}".into() });
            row.woken_until = Some(woken_until);
            row.revision += 1;
        }
        assert_eq!(row.due_at().is_none(), row.state.is_finished());
    }

    /// As `tell_trunk`.
    fn tell_trunk(&mut self, ended: &Job) {
        let Some(branch) = &ended.branch else { return };
        let trunk = self.rows.get_mut(&branch.of).unwrap();
        if !trunk.state.is_finished() {
            trunk.ended_branches.insert(branch.number);
            trunk.revision += 1;
        }
    }

    fn branches(&self, trunk: &Job) -> Vec<&Job> {
        trunk.branch_ids().iter().filter_map(|id| self.rows.get(id)).collect()
    }

    fn make_branches(&mut self, trunk: &Job) {
        for branch in trunk.new_branches(self.now, self.later(30)) {
            self.rows.entry(branch.id.clone()).or_insert(branch);
        }
    }

    /// As `flow::retry`: the branches first, then their trunk. A person may ask anywhere, and means the whole.
    fn retry(&mut self, job: &Job) {
        let root = self.rows[job.known_as()].clone();
        self.retry_one(root);
    }

    fn retry_one(&mut self, job: Job) {
        if !matches!(job.state, State::Failed { .. }) {
            return;
        }
        let at = self.now;
        if job.branched_outputs().is_empty() {
            self.advance(job, &Event::Retried { at });
            return;
        }
        let branches: Vec<Job> = self.branches(&job).into_iter().cloned().collect();
        let done = branches.iter().filter(|branch| matches!(branch.state, State::Done { .. }));
        let done = done.filter_map(|branch| Some(branch.branch.as_ref()?.number)).collect();
        for branch in branches {
            self.retry_one(branch);
        }
        self.advance(job, &Event::BranchesRetried { at, due_at: self.later(180), done });
    }
}

/// What somebody works with: a copy of a row, and the paid call whose end he is to tell, if it is he.
#[derive(Clone, Default)]
struct Actor {
    copy: Option<Job>,
    tells_of: Option<Attempt>,
}

/// One move: who, on which row, what of the things that may be done then, and how much time passes before.
#[derive(Clone, Copy, Debug)]
struct Move {
    actor: usize,
    row: usize,
    choice: u8,
    seconds: u64,
}

const ACTORS: usize = 4;

fn any_move() -> impl Strategy<Value = Move> {
    let (actors, rows) = (0..ACTORS, 0..8_usize);
    (actors, rows, any::<u8>(), 1..400_u64).prop_map(|(actor, row, choice, seconds)| Move {
        actor,
        row,
        choice,
        seconds,
    })
}

/// A job of a service that calls back, or is polled; with more steps to come, or not.
fn any_job() -> impl Strategy<Value = Job> {
    (any::<bool>(), any::<bool>()).prop_map(|(chained, calls_back)| {
        let mut job = if chained { chained_job() } else { new_job() };
        job.steps[0].callback_url = calls_back.then(|| "https://hooks.example/x".to_owned());
        job
    })
}

fn done() -> Outcome {
    let url = "https://x/y".into();
    Outcome { source: ResultSource::Image { url }, report: Report { charges: 1, ..Report::default() } }
}

/// What a flow that has read `copy` may say of it. One who has begun a call, or to look into one, tells its end; anybody
/// else begins something.
fn said(table: &Table, copy: &Job, tells: bool, choice: u8) -> Event {
    let at = table.now;
    let failed = |trouble| {
        let because = Because::Failed { trouble, at };
        Event::Postponed { until: table.later(20), slot_at: None, because }
    };
    let fails = Event::Failed { at, reason: failure(), outputs: vec![] };
    let finished = Event::Finished { at, outcome: done(), due_at: table.later(180) };
    let outputs = vec![output("a.png"), output("b.png")];
    match (&copy.state, choice % 8) {
        (State::Done { .. } | State::Failed { .. }, _) => Event::Retried { at },
        (State::Branching { .. }, _) => {
            let branches = table.branches(copy);
            if branches.len() < copy.branch_ids().len() || branches.iter().any(|branch| !branch.state.is_finished()) {
                Event::BranchesGoOn { due_at: table.later(180), ended: BTreeSet::new() }
            } else if branches.iter().all(|branch| matches!(branch.state, State::Done { .. })) {
                Event::Collected { at, outputs: vec![] }
            } else {
                fails
            }
        }
        (_, 7) if !tells => Event::Woken { until: table.later(30) },
        // The collector reads what the webhook wrote down, whatever the state waits for.
        (State::Queued { .. } | State::Submitting { .. }, 0..=2) if !tells && copy.unread_callback().is_some() => {
            if choice.is_multiple_of(2) {
                finished
            } else {
                failed(Trouble::Unavailable)
            }
        }
        (State::Queued { .. }, 6) => Event::Postponed { until: at, slot_at: Some(at), because: Because::NotAsked },
        (State::Queued { .. }, 5) => fails,
        (State::Queued { .. }, _) => Event::Started { at, lease_until: table.later(180) },
        // Whoever has not begun the call claims it first.
        (State::Submitting { .. }, _) if !tells => Event::Settling { lease_until: table.later(180) },
        (State::Submitting { .. }, 0 | 1) => {
            Event::Accepted { at, task_id: Some(TaskId("t".into())), due_at: table.later(2), adopted: choice > 99 }
        }
        (State::Submitting { .. }, 2) => {
            Event::OutcomeUnknown { settle_at: table.later(15), trouble: Trouble::Unavailable }
        }
        (State::Submitting { .. }, 3) => failed(Trouble::Lost),
        (State::Submitting { .. }, 4) => failed(Trouble::RateLimited),
        (State::Submitting { .. }, 5) => fails,
        (State::Submitting { .. }, _) => finished,
        (State::Waiting { .. }, 0 | 1) => Event::Progressed { due_at: table.later(60) },
        (State::Waiting { .. }, 2) => Event::CallbackMissing { at },
        (State::Waiting { .. }, 3) => failed(Trouble::Unavailable),
        (State::Waiting { .. }, 4) => fails,
        (State::Waiting { .. }, _) => finished,
        (State::Ready { .. }, 0) => Event::FetchFailed { due_at: table.later(9) },
        (State::Ready { .. }, 1) => Event::Disproved { at },
        (State::Ready { .. }, 2) => fails,
        (State::Ready { .. }, _) if copy.plan.is_empty() => Event::Collected { at, outputs: vec![output("a.png")] },
        (State::Ready { .. }, 3..=5) => Event::Branched { at, outputs, due_at: table.later(180) },
        (State::Ready { .. }, _) => Event::Advanced { at, output: output("a.png"), woken_until: table.later(30) },
    }
}

/// One thing that an actor does: he reads, or writes what follows from what he has read, however long ago.
fn play(table: &mut Table, actor: &mut Actor, play: Move) {
    table.now = table.later(play.seconds);
    let ids: Vec<JobId> = table.rows.keys().cloned().collect();
    let id = &ids[play.row % ids.len()];
    match (actor.copy.take(), play.choice % 16) {
        // He dies, with whatever he was at.
        (_, 15) => *actor = Actor::default(),
        (copy, 14) => {
            actor.copy = copy;
            table.call_back(id);
        }
        (None, _) => *actor = Actor { copy: Some(table.rows[id].clone()), tells_of: None },
        (Some(copy), low) => {
            let tells = actor.tells_of.take();
            // Nothing is begun before its time; what a callback says may be read at any.
            let due = copy.is_due(table.now) || copy.unread_callback().is_some();
            if copy.state.is_finished() {
                return table.retry(&copy);
            }
            if tells.is_none() && !due {
                return;
            }
            let event = said(table, &copy, tells.is_some(), play.choice / 16 + low);
            let before = table.rows[&copy.id].clone();
            let Some(after) = table.advance(copy, &event) else { return };
            if let (State::Submitting { .. }, Some(tells)) = (&before.state, tells) {
                assert_eq!(attempt_of(&before), tells, "the end of one call was told of another: {event:?}");
            }
            if matches!(event, Event::Started { .. } | Event::Settling { .. }) {
                *actor = Actor { tells_of: Some(attempt_of(&after)), copy: Some(after) };
                return;
            }
            match &event {
                // Should the maker die here, whoever looks at the branches makes them.
                Event::Branched { .. } if low.is_multiple_of(2) => table.make_branches(&after),
                Event::BranchesGoOn { .. } => table.make_branches(&after),
                _ => {}
            }
            // Their word may be lost.
            if after.state.is_finished() && low.is_multiple_of(2) {
                table.tell_trunk(&after);
            }
        }
    }
}

/// Nobody disturbs any more, and whoever comes does what is due: every job has to come to an end.
fn undisturbed(table: &mut Table) {
    for _ in 0..200 {
        let Some(due) = table.rows.values().filter_map(Job::due_at).min() else { return };
        table.now = table.now.max(due) + Duration::from_secs(1);
        for id in table.rows.keys().cloned().collect::<Vec<_>>() {
            let job = table.rows[&id].clone();
            if job.due_at().is_none_or(|due_at| due_at > table.now) {
                continue;
            }
            // Of all that may be said, what leads on.
            let (tells, choice) = if let State::Waiting { .. } = job.state { (true, 5) } else { (false, 4) };
            let event = said(table, &job, tells, choice);
            let Some(after) = table.advance(job, &event) else { continue };
            match event {
                Event::Started { .. } | Event::Settling { .. } => {
                    let told = said(table, &after, true, 6);
                    table.advance(after, &told);
                }
                Event::Branched { .. } | Event::BranchesGoOn { .. } => table.make_branches(&after),
                _ => {}
            }
        }
    }
    let left: Vec<_> = table.rows.values().filter(|job| !job.state.is_finished()).collect();
    panic!("these never end: {left:#?}");
}

fn played(job: Job, moves: Vec<Move>) -> Table {
    let mut table = Table::of(job);
    let mut actors = vec![Actor::default(); ACTORS];
    for one in moves {
        play(&mut table, &mut actors[one.actor], one);
        for trunk in table.rows.values().filter(|job| matches!(job.state, State::Done { .. })) {
            let all_done = table.branches(trunk).iter().all(|branch| matches!(branch.state, State::Done { .. }));
            assert!(all_done, "a job is done, and a branch of it is not");
        }
    }
    table
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whoever_comes_between_whom_no_paid_call_is_made_while_another_is_unsettled(
        job in any_job(),
        moves in prop::collection::vec(any_move(), 0..250),
    ) {
        played(job, moves);
    }

    #[test]
    fn wherever_chaos_leaves_a_job_it_comes_to_an_end_once_nobody_disturbs(
        job in any_job(),
        moves in prop::collection::vec(any_move(), 0..120),
    ) {
        let mut table = played(job, moves);
        undisturbed(&mut table);
    }
}

/// The properties would hold of a game in which nothing happens, too.
#[test]
fn the_game_reaches_branches_of_branches_and_every_state() {
    let mut runner = TestRunner::deterministic();
    let (mut names, mut most_rows, mut most_attempts) = (BTreeSet::new(), 0, 0);
    for _ in 0..100 {
        let moves = prop::collection::vec(any_move(), 200..250).new_tree(&mut runner).unwrap().current();
        let table = played(chained_job(), moves);
        most_rows = most_rows.max(table.rows.len());
        for job in table.rows.values() {
            names.insert(job.state.name().as_str());
            most_attempts = most_attempts.max(attempt_of(job).1);
        }
    }
    assert_eq!(names.len(), StateName::ALL.len(), "{names:?}");
    assert!(most_rows > 3, "{most_rows} rows");
    assert!(most_attempts > 3, "{most_attempts} attempts");
}
