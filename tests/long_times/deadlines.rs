//! Work that never ends, and callbacks that never come.

use std::sync::Arc;

use darkroom_shared::{
    job::{FailureKind, ProviderName, StateName},
    provider::{Advice, Delivery, ErrorKind, Settled, facts},
};
use jiff::SignedDuration;

use crate::world::{RETRY, Scripted, World, after, beginning, done, failure, hours, minutes, refusal, set_now};

#[tokio::test]
async fn a_task_that_is_never_done_ends_at_the_services_deadline() {
    for name in [ProviderName::Imgfactory, ProviderName::Fangtang] {
        let world = World::with(Scripted::of(name, Delivery::Poll)).await;
        let id = world.put(name).await;
        let deadline = SignedDuration::try_from(facts(name).deadline).unwrap();
        world.live(&id, after(minutes(5))).await;
        // The poller has been down in between.
        set_now(after(deadline - minutes(5)));
        let job = world.live(&id, after(deadline)).await;
        assert_eq!(job.state.name(), StateName::Waiting, "not before");
        let job = world.live(&id, after(deadline + minutes(2))).await;
        assert_eq!(failure(&job).kind, FailureKind::Deadline);
        assert!(failure(&job).message.contains("still says that it is at work"), "{}", failure(&job).message);
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_asked_for_its_tasks_is_asked_until_the_deadline() {
    let provider = Scripted {
        poll: Arc::new(|()| Err(refusal(ErrorKind::Network, RETRY))),
        ..Scripted::of(ProviderName::Fangtang, Delivery::Poll)
    };
    let world = World::with(provider.clone()).await;
    let id = world.put(ProviderName::Fangtang).await;
    let job = world.live(&id, after(hours(9))).await;
    assert_eq!((failure(&job).kind, provider.calls().len()), (FailureKind::Deadline, 1));
    assert!(failure(&job).message.contains("could not be asked"), "{}", failure(&job).message);
    assert!(job.finished_at.unwrap() < after(hours(1) + minutes(2)));
}

#[tokio::test]
async fn a_lost_call_that_nobody_can_be_asked_about_is_looked_into_until_the_deadline_and_made_once() {
    let provider = Scripted {
        settle: Arc::new(|_| Err(refusal(ErrorKind::Network, RETRY))),
        ..Scripted::answering(ProviderName::Fangtang, || Err(refusal(ErrorKind::Network, Advice::Unknown)))
    };
    let world = World::with(provider.clone()).await;
    let id = world.put(ProviderName::Fangtang).await;
    let job = world.live(&id, after(hours(9))).await;
    assert_eq!((failure(&job).kind, provider.calls().len()), (FailureKind::OutcomeUnknown, 1));
    assert!(job.finished_at.unwrap() < after(hours(1) + minutes(5)));
}

#[tokio::test]
async fn a_callback_that_never_comes_is_waited_for_three_times_and_then_the_answer_is_asked_for_at_once() {
    let provider = Scripted::of(ProviderName::Watermark, Delivery::Callback);
    let takes = Arc::clone(&provider.submit);
    let provider =
        Scripted { submit: Arc::new(move |calls_back| if calls_back { takes(true) } else { Ok(done()) }), ..provider };
    let world = World::with(provider.clone()).await;
    let id = world.put(ProviderName::Watermark).await;
    let job = world.live(&id, after(hours(9))).await;
    assert_eq!(job.state.name(), StateName::Done);
    let calls: Vec<i64> = provider.calls().iter().map(|at| at.duration_since(beginning()).as_mins()).collect();
    assert_eq!(calls, [0, 10, 40]);
}

#[tokio::test]
async fn where_no_callback_and_no_answer_ever_comes_the_job_ends_at_the_deadline() {
    let world = World::with(Scripted::of(ProviderName::Watermark, Delivery::Callback)).await;
    let id = world.put(ProviderName::Watermark).await;
    let job = world.live(&id, after(hours(50))).await;
    assert_eq!(failure(&job).kind, FailureKind::Deadline);
    assert!(failure(&job).message.contains("no callback came"), "{}", failure(&job).message);
    let over = job.finished_at.unwrap().duration_since(beginning());
    assert!(over > hours(5) && over < hours(5) + minutes(10), "{over:#}");
}

/// The provider's list may be slow to show what was sent: a task that proves another's begins the search again.
#[tokio::test]
async fn a_task_that_is_found_again_has_the_deadline_too() {
    let provider = Scripted {
        settle: Arc::new(|_| Ok(Settled::Adopted(darkroom_shared::job::TaskId("found".into())))),
        ..Scripted::answering(ProviderName::Fangtang, || Err(refusal(ErrorKind::Network, Advice::Unknown)))
    };
    let world = World::with(provider.clone()).await;
    let id = world.put(ProviderName::Fangtang).await;
    let job = world.live(&id, after(hours(9))).await;
    assert_eq!((failure(&job).kind, provider.calls().len()), (FailureKind::Deadline, 1));
}
