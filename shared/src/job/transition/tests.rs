//! The life of a job, told as a property: whatever happens, in whatever order and however often, the job stays legal.

mod interleaving;

use proptest::prelude::*;

use super::*;
use crate::job::{CallbackReceived, FailureKind, JobId, PlannedStep, ProviderName, Route, Step, Upload};

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn planned(route: &Route) -> PlannedStep {
    PlannedStep::new(route.clone(), serde_json::json!({}))
}

fn output(name: &str) -> Output {
    Output {
        key: format!("steps/{name}"),
        bytes: 1,
        content_type: "image/png".into(),
        width: 1,
        height: 1,
        sha256: String::new(),
    }
}

/// A job with two more steps to come.
fn chained_job() -> Job {
    let job = new_job();
    Job { plan: vec![planned(&job.route), planned(&job.route)], ..job }
}

fn new_job() -> Job {
    let route = Route { provider: ProviderName::Watermark, preset: "default".into() };
    Job {
        id: JobId::of_upload("bucket", "uploads/watermark/a.jpg", "1"),
        revision: 0,
        upload: Upload {
            bucket: "bucket".into(),
            key: "uploads/watermark/a.jpg".into(),
            etag: "e".into(),
            bytes: 1,
            sha256: None,
        },
        steps: vec![Step::new(planned(&route), "uploads/watermark/a.jpg".into(), 1)],
        plan: Vec::new(),
        branch: None,
        ended_branches: BTreeSet::new(),
        route,
        state: State::Queued { due_at: time(0), slot_at: None },
        created_at: time(0),
        finished_at: None,
        woken_until: None,
        callback: None,
        malformed_callback: None,
    }
}

fn failure() -> Failure {
    Failure { kind: FailureKind::Rejected, message: "no".into() }
}

fn any_event() -> impl Strategy<Value = Event> {
    (0..1000_i64).prop_flat_map(|second| {
        let at = time(second);
        prop_oneof![
            Just(Event::Started { at, lease_until: at }),
            Just(Event::Settling { lease_until: at }),
            Just(Event::Postponed { until: at, slot_at: None, because: Because::NotAsked }),
            Just(Event::Postponed {
                until: at,
                slot_at: Some(at),
                because: Because::Failed { trouble: Trouble::Network, at }
            }),
            Just(Event::Postponed {
                until: at,
                slot_at: None,
                because: Because::Failed { trouble: Trouble::RateLimited, at }
            }),
            Just(Event::OutcomeUnknown { settle_at: at, trouble: Trouble::Unavailable }),
            Just(Event::Accepted { at, task_id: Some(TaskId("t".into())), due_at: at, adopted: true }),
            Just(Event::Progressed { due_at: at }),
            Just(Event::Finished { at, outcome: Outcome::of(ResultSource::Original), due_at: time(999) }),
            Just(Event::CallbackMissing { at }),
            Just(Event::Woken { until: at }),
            Just(Event::FetchFailed { due_at: at }),
            Just(Event::Disproved { at }),
            Just(Event::Collected { at, outputs: vec![] }),
            Just(Event::Failed { at, reason: failure(), outputs: vec![] }),
            Just(Event::Advanced { at, output: output("a.png"), woken_until: at }),
            Just(Event::Branched { at, outputs: vec![output("a.png"), output("b.png")], due_at: at }),
            Just(Event::BranchesGoOn { due_at: at, ended: BTreeSet::from([2]) }),
            Just(Event::BranchesRetried { at, due_at: at, done: BTreeSet::from([1]) }),
            Just(Event::Retried { at }),
        ]
    })
}

proptest! {
    #[test]
    fn an_unfinished_job_always_has_a_due_at_and_an_end_never(
        events in prop::collection::vec(any_event(), 0..60),
        chained in any::<bool>(),
    ) {
        let mut job = if chained { chained_job() } else { new_job() };
        for event in events {
            match job.after(&event) {
                Ok(after) => {
                    prop_assert_eq!(after.revision, job.revision + 1);
                    job = after;
                }
                Err(refused) => prop_assert_eq!(refused.state, job.state.name()),
            }
            prop_assert_eq!(job.due_at().is_none(), job.state.is_finished());
            prop_assert_eq!(job.finished_at.is_some(), job.state.is_finished());
        }
    }

    #[test]
    fn an_end_is_left_only_by_a_person(event in any_event()) {
        let done = State::Done { outputs: vec![] };
        prop_assert!(next(&done, &event).is_err());
        let failed = State::Failed { reason: failure(), outputs: vec![] };
        prop_assert_eq!(next(&failed, &event).is_ok(), matches!(event, Event::Retried { .. } | Event::BranchesRetried { .. }));
    }

    #[test]
    fn a_row_comes_back_from_the_table_as_it_went_in(events in prop::collection::vec(any_event(), 0..30)) {
        let mut job = chained_job();
        for event in events {
            if let Ok(after) = job.after(&event) {
                job = after;
            }
        }
        let item: std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue> = serde_dynamo::to_item(&job).unwrap();
        let back: Job = serde_dynamo::from_item(item).unwrap();
        prop_assert_eq!(back, job);
    }
}

fn after(job: &Job, event: &Event) -> Job {
    job.after(event).unwrap()
}

#[test]
fn the_way_of_an_image_through_a_callback_provider() {
    let job = new_job();
    let job = after(&job, &Event::Started { at: time(1), lease_until: time(99) });
    assert_eq!(job.due_at(), Some(time(99)), "if the function dies, the poller comes at the end of the lease");
    let job = after(&job, &Event::Accepted { at: time(2), task_id: None, due_at: time(602), adopted: false });
    assert_eq!(job.due_at(), Some(time(602)), "if the callback is lost, the poller comes");
    let outcome = Outcome {
        source: ResultSource::Image { url: "https://x/y".into() },
        report: Report { charges: 1, ..Report::default() },
    };
    let job = after(&job, &Event::Finished { at: time(3), outcome, due_at: time(33) });
    let job = after(&job, &Event::Collected { at: time(4), outputs: vec![] });
    assert_eq!(job.due_at(), None);
    let step = job.step().unwrap();
    assert_eq!((step.attempts, step.charges, step.submitted_at), (1, 1, Some(time(1))));
}

#[test]
fn of_two_who_settle_the_same_attempt_only_one_goes_on() {
    let job = after(&new_job(), &Event::Started { at: time(1), lease_until: time(9) });
    let settling = Event::Settling { lease_until: time(18) };
    let first = after(&job, &settling);
    assert!(!job.still_concerns(&first, &settling), "the second one finds the claim of the first");
    let given_back = Event::Postponed { until: time(10), slot_at: None, because: Because::NotAsked };
    let again = after(&after(&first, &given_back), &Event::Started { at: time(11), lease_until: time(20) });
    assert!(!first.still_concerns(&again, &given_back), "a stale verdict does not fall on a newer attempt");
    let finished = Event::Finished { at: time(12), outcome: Outcome::of(ResultSource::Original), due_at: time(12) };
    assert!(!first.still_concerns(&again, &finished));
    let accepted = Event::Accepted { at: time(12), task_id: None, due_at: time(99), adopted: false };
    assert!(again.still_concerns(&after(&again, &accepted), &finished), "the same attempt, further on its way");
}

#[test]
fn a_callback_that_is_quicker_than_our_own_submit_wins_and_the_submit_is_refused() {
    let job = new_job();
    let job = after(&job, &Event::Started { at: time(1), lease_until: time(99) });
    let ready =
        after(&job, &Event::Finished { at: time(2), outcome: Outcome::of(ResultSource::Original), due_at: time(999) });
    let refused =
        ready.after(&Event::Accepted { at: time(3), task_id: None, due_at: time(9), adopted: false }).unwrap_err();
    assert_eq!(refused.to_string(), "'accepted' cannot happen to a job that is ready");
}

#[test]
fn a_task_that_proves_to_be_anothers_is_never_adopted_again() {
    let job = new_job();
    let job = after(&job, &Event::Started { at: time(1), lease_until: time(9) });
    let job = after(&job, &Event::Settling { lease_until: time(18) });
    assert_eq!(job.step().unwrap().attempts, 1, "finding out is no paid attempt");
    let job = after(
        &job,
        &Event::Accepted { at: time(2), task_id: Some(TaskId("other".into())), due_at: time(4), adopted: true },
    );
    let job =
        after(&job, &Event::Finished { at: time(5), outcome: Outcome::of(ResultSource::Original), due_at: time(999) });
    let job = after(&job, &Event::Disproved { at: time(6) });
    assert_eq!(job.state.name(), StateName::Submitting, "still unsettled: nothing may be paid again");
    assert_eq!(job.step().unwrap().ruled_out, [TaskId("other".into())]);
}

fn ready(job: &Job) -> Job {
    let job = after(job, &Event::Started { at: time(1), lease_until: time(99) });
    after(&job, &Event::Finished { at: time(2), outcome: Outcome::of(ResultSource::Original), due_at: time(999) })
}

#[test]
fn a_chain_goes_from_step_to_step_in_one_job() {
    let job = ready(&chained_job());
    let job = after(&job, &Event::Advanced { at: time(3), output: output("a.png"), woken_until: time(33) });
    assert_eq!((job.state.name(), job.steps.len(), job.plan.len()), (StateName::Queued, 2, 1));
    assert_eq!(job.step().unwrap().input, "steps/a.png");
    assert_eq!(job.due_at(), Some(time(33)), "woken already");
    assert!(job.is_due(time(3)), "whoever comes may begin");
    let failed = after(&job, &Event::Failed { at: time(4), reason: failure(), outputs: vec![output("a.png")] });
    let again = after(&failed, &Event::Retried { at: time(5) });
    assert_eq!(again.steps.len(), 2, "a retry goes on with the step that failed");
}

#[test]
fn a_step_with_many_outputs_feeds_each_of_them_to_the_next() {
    let outputs = vec![output("cat_1.png"), output("x/cat_1.jpg"), output("cat_2.png")];
    let job = ready(&chained_job());
    let job = after(&job, &Event::Branched { at: time(3), outputs, due_at: time(200) });
    assert_eq!((job.state.name(), job.due_at()), (StateName::Waiting, Some(time(200))));
    let branches = job.new_branches(time(3), time(33));
    let stems: Vec<&str> = branches.iter().map(Job::stem).collect();
    assert_eq!(stems, ["cat_1", "cat_1-2", "cat_2"], "no branch's result overwrites another's");
    assert_eq!(branches.iter().map(|branch| branch.id.clone()).collect::<Vec<_>>(), job.branch_ids());
    assert!(branches.iter().all(|branch| branch.plan.len() == 1 && branch.known_as() == &job.id));
    assert_eq!(branches[2].made_before(), [output("cat_2.png")], "what a failed branch leaves");
    assert!(job.after(&Event::Retried { at: time(4) }).is_err());
}

#[test]
fn a_later_step_never_takes_an_earlier_ones_task_for_its_own() {
    let job = after(&chained_job(), &Event::Started { at: time(1), lease_until: time(99) });
    let task_id = Some(TaskId("t".into()));
    let job = after(&job, &Event::Accepted { at: time(1), task_id, due_at: time(2), adopted: false });
    let outcome = Outcome::of(ResultSource::Original);
    let job = after(&job, &Event::Finished { at: time(2), outcome, due_at: time(9) });
    let job = after(&job, &Event::Advanced { at: time(3), output: output("a.png"), woken_until: time(33) });
    assert_eq!(job.step().unwrap().ruled_out, [TaskId("t".into())]);
}

#[test]
fn a_late_callback_of_an_earlier_step_concerns_nobody() {
    let mut job = new_job();
    job.plan = vec![planned(&job.route)];
    job.steps[0].callback_url = Some("https://hooks.example/x".into());
    let job = after(&ready(&job), &Event::Advanced { at: time(3), output: output("a.png"), woken_until: time(33) });
    // The webhook knows of no steps: it writes down what comes.
    let late = Job { callback: Some(CallbackReceived { at: time(4), body: "{}".into() }), ..job };
    let started = after(&late, &Event::Started { at: time(5), lease_until: time(99) });
    let late = Job { callback: late.callback.clone(), ..started };
    assert_eq!(
        (late.unread_callback(), late.due_at()),
        (None, Some(time(99))),
        "nothing is read, nothing is due sooner"
    );
    let outputs = vec![output("a.png"), output("b.png")];
    let trunk = after(&ready(&chained_job()), &Event::Branched { at: time(3), outputs, due_at: time(200) });
    let trunk = Job { callback: late.callback, ..trunk };
    assert_eq!(trunk.due_at(), Some(time(200)));
}

#[test]
fn that_one_step_is_done_is_never_said_of_the_next() {
    let first = after(&chained_job(), &Event::Started { at: time(1), lease_until: time(99) });
    let finished = Event::Finished { at: time(2), outcome: Outcome::of(ResultSource::Original), due_at: time(9) };
    let next = after(
        &after(&first, &finished),
        &Event::Advanced { at: time(3), output: output("a.png"), woken_until: time(3) },
    );
    let next = after(&next, &Event::Started { at: time(4), lease_until: time(99) });
    assert!(!first.still_concerns(&next, &finished), "both are first attempts, but not of the same step");
}

#[test]
fn the_end_of_all_branches_outweighs_anothers_look_at_them() {
    let outputs = vec![output("a.png"), output("b.png")];
    let trunk = after(&ready(&chained_job()), &Event::Branched { at: time(3), outputs, due_at: time(200) });
    let looked = after(&trunk, &Event::BranchesGoOn { due_at: time(300), ended: BTreeSet::from([2]) });
    assert!(looked.ended_branches.contains(&2), "one that died before it could say so has ended all the same");
    assert!(trunk.still_concerns(&looked, &Event::Collected { at: time(4), outputs: vec![] }));
}

#[test]
fn a_chain_never_ends_before_its_last_step() {
    assert!(ready(&chained_job()).after(&Event::Collected { at: time(3), outputs: vec![] }).is_err());
}

#[test]
fn what_a_person_gave_up_is_not_found_again_as_the_new_try() {
    let job = after(&new_job(), &Event::Started { at: time(1), lease_until: time(99) });
    let task_id = Some(TaskId("old".into()));
    let job = after(&job, &Event::Accepted { at: time(1), task_id, due_at: time(2), adopted: false });
    let job = after(&job, &Event::Failed { at: time(3), reason: failure(), outputs: vec![] });
    let job = after(&job, &Event::Retried { at: time(4) });
    assert_eq!(job.step().unwrap().ruled_out, [TaskId("old".into())]);
}
