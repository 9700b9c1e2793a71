//! What expires soonest is looked at first.

use std::sync::Arc;

use darkroom_shared::{
    flow::poll,
    job::{Job, JobId, ProviderName, ResultSource, State, TaskId},
    provider::{Delivery, TaskStatus},
};
use jiff::{SignedDuration, Timestamp};

use crate::world::{Scripted, World, hours, minutes, now, set_now};

/// A job of `name` in `state`, made from one that is there.
async fn job(world: &World, like: &Job, name: ProviderName, number: u8, state: State) -> JobId {
    let mut job = like.clone();
    job.id = JobId::of_upload("bucket", "uploads/a.png", &number.to_string());
    job.route.provider = name;
    job.steps[0].provider = name;
    job.steps[0].task_id = task_of(&state, number);
    job.state = state;
    world.app.jobs.create(&job).await.unwrap();
    job.id
}

fn task_of(state: &State, number: u8) -> Option<TaskId> {
    matches!(state, State::Waiting { .. }).then(|| TaskId(number.to_string()))
}

fn ready(since: Timestamp, due_at: Timestamp) -> State {
    State::Ready { since, due_at, failures: 0, source: ResultSource::Archive { url: "https://x/y".into() } }
}

#[tokio::test]
async fn due_results_are_fetched_in_the_order_in_which_they_expire_and_before_what_can_wait() {
    let world = World::with(Scripted::of(ProviderName::Fangtang, Delivery::Poll)).await;
    let first = world.put(ProviderName::Fangtang).await;
    let like = world.job(&first).await;
    let at = now() - SignedDuration::from_secs(1);
    let ago = |ago: SignedDuration| at - ago;
    // Made, and due, in another order than they expire in.
    let queued = State::Queued { due_at: ago(hours(3)), slot_at: None };
    let can_wait = job(&world, &like, ProviderName::Vkcloud, 2, queued).await;
    let in_a_day = job(&world, &like, ProviderName::Imgfactory, 3, ready(ago(hours(1)), ago(hours(1)))).await;
    let in_two_hours = job(&world, &like, ProviderName::Watermark, 4, ready(ago(hours(3)), ago(minutes(5)))).await;
    let in_ten_minutes = job(&world, &like, ProviderName::Fangtang, 5, ready(ago(minutes(50)), at)).await;
    poll(&world.app, now()).await.unwrap();
    let woken: Vec<JobId> = world.messages.0.lock().unwrap().iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(woken, [in_ten_minutes, in_two_hours, in_a_day, can_wait]);
}

#[tokio::test]
async fn a_poller_that_runs_out_of_time_has_written_down_what_it_was_told() {
    const TASKS: u8 = 12;
    let mut fangtang = Scripted::of(ProviderName::Fangtang, Delivery::Poll);
    // Each question about four tasks takes ten seconds, and the run has fifteen.
    fangtang.tasks_per_poll = 4;
    fangtang.poll = Arc::new(|()| {
        set_now(now() + SignedDuration::from_secs(10));
        Ok(TaskStatus::Working)
    });
    let world = World::with(fangtang).await;
    let first = world.put(ProviderName::Fangtang).await;
    let like = world.job(&first).await;
    let (since, due_at) = (now() - SignedDuration::from_secs(60), now() - SignedDuration::from_secs(1));
    let mut waiting = Vec::new();
    for number in 0..TASKS {
        let state = State::Waiting { since, due_at, polls: 0 };
        waiting.push(job(&world, &like, ProviderName::Fangtang, number, state).await);
    }
    poll(&world.app, now() + SignedDuration::from_secs(15)).await.unwrap();
    let mut asked = 0;
    for id in &waiting {
        asked += u8::from(matches!(world.job(id).await.state, State::Waiting { polls: 1, .. }));
    }
    assert_eq!(asked, 8, "two questions were answered in time, and the third was not asked");
}
