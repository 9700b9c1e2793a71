//! How long what may pass is tried, and how it ends.

use darkroom_shared::{
    job::{FailureKind, ProviderName, StateName},
    provider::{Advice, ErrorKind, ProviderError, Settled},
};

use crate::world::{RETRY, Scripted, World, after, beginning, done, failure, hours, minutes, now, refusal};

#[tokio::test]
async fn a_service_that_is_down_for_two_hours_costs_no_image() {
    for (kind, advice) in [
        (ErrorKind::Network, RETRY),
        (ErrorKind::Unavailable, RETRY),
        (ErrorKind::RateLimited, Advice::Slow { after: std::time::Duration::from_secs(1) }),
    ] {
        let answer = move || if now() < after(hours(2)) { Err(refusal(kind, advice)) } else { Ok(done()) };
        let provider = Scripted::answering(ProviderName::Watermark, answer);
        let world = World::with(provider.clone()).await;
        let id = world.put(ProviderName::Watermark).await;
        let job = world.live(&id, after(hours(4))).await;
        assert_eq!(job.state.name(), StateName::Done, "{kind:?}: {:?}", job.state);
        let calls = provider.calls().len();
        assert!((8..100).contains(&calls), "{kind:?}: {calls} calls");
    }
}

#[tokio::test]
async fn what_stays_bad_ends_as_exhausted_and_says_how_often_it_was_tried_and_over_how_long() {
    let slow = Advice::Slow { after: std::time::Duration::from_secs(1) };
    for (kind, advice, least, most, words) in [
        (ErrorKind::Network, RETRY, hours(24), hours(25), "can be reached again"),
        (ErrorKind::Unavailable, RETRY, hours(12), hours(13), "is well again"),
        (ErrorKind::RateLimited, slow, hours(24), hours(25), "takes requests again"),
        (ErrorKind::Unreadable, RETRY, minutes(0), minutes(3), "It was tried 6 times"),
    ] {
        let provider = Scripted::answering(ProviderName::Watermark, move || Err(refusal(kind, advice)));
        let world = World::with(provider.clone()).await;
        let id = world.put(ProviderName::Watermark).await;
        let job = world.live(&id, after(hours(100))).await;
        let Some(ended) = job.finished_at else { panic!("{kind:?} is tried for ever") };
        let over = ended.duration_since(beginning());
        assert!(least <= over && over < most, "{kind:?}: {over:#}");
        let reason = failure(&job);
        assert_eq!(reason.kind, FailureKind::Exhausted);
        let retry = format!("run `darkroom retry {id}`");
        let tried = format!("tried {} times over ", provider.calls().len());
        for part in [words, &retry, &tried] {
            assert!(reason.message.contains(part), "{part}: {}", reason.message);
        }
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_asked_once_and_says_that_it_never_works() {
    let answer = || Err(refusal(ErrorKind::InvalidRequest, Advice::Reject));
    let provider = Scripted::answering(ProviderName::Watermark, answer);
    let world = World::with(provider.clone()).await;
    let id = world.put(ProviderName::Watermark).await;
    let job = world.job(&id).await;
    assert_eq!((failure(&job).kind, provider.calls().len()), (FailureKind::Rejected, 1));
    assert!(failure(&job).message.contains("It would be refused again as it is"), "{}", failure(&job).message);
}

fn lost() -> ProviderError {
    refusal(ErrorKind::Network, Advice::Unknown)
}

#[tokio::test]
async fn a_lost_call_that_may_cost_again_is_made_six_times_over_hours_and_no_more() {
    for (settled, kind) in [
        (Settled::RepeatIsCheap("a little"), FailureKind::OutcomeUnknown),
        (Settled::NeverStarted, FailureKind::Exhausted),
    ] {
        let provider = Scripted {
            settle: std::sync::Arc::new(move |_| Ok(settled.clone())),
            ..Scripted::answering(ProviderName::Vkcloud, || Err(lost()))
        };
        let world = World::with(provider.clone()).await;
        let id = world.put(ProviderName::Vkcloud).await;
        let job = world.live(&id, after(hours(100))).await;
        assert_eq!((failure(&job).kind, provider.calls().len()), (kind, 6), "{}", failure(&job).message);
        let over = job.finished_at.unwrap().duration_since(beginning());
        assert!(over > hours(2) && over < hours(6), "{over:#}");
    }
}

#[tokio::test]
async fn a_repeat_that_is_free_for_five_hours_is_made_for_five_hours_and_not_a_minute_longer() {
    let provider = Scripted::answering(ProviderName::Watermark, || Err(lost()));
    let world = World::with(provider.clone()).await;
    let id = world.put(ProviderName::Watermark).await;
    let job = world.live(&id, after(hours(100))).await;
    let calls = provider.calls();
    assert!(calls.len() > 10 && calls.iter().all(|at| *at < after(hours(5))), "{} {:?}", calls.len(), calls.last());
    assert_eq!(failure(&job).kind, FailureKind::OutcomeUnknown);
    assert!(failure(&job).message.contains("may cost a second time"), "{}", failure(&job).message);
}

#[tokio::test]
async fn what_waited_too_long_to_be_repeated_free_of_charge_is_not_sent() {
    // The first call is lost; then the service takes no requests for the rest of the day.
    let slow = Advice::Slow { after: std::time::Duration::from_secs(6 * 3600) };
    let answer = move || Err(if now() == beginning() { lost() } else { refusal(ErrorKind::RateLimited, slow) });
    let provider = Scripted::answering(ProviderName::Watermark, answer);
    let world = World::with(provider.clone()).await;
    let id = world.put(ProviderName::Watermark).await;
    let job = world.live(&id, after(hours(100))).await;
    assert_eq!((failure(&job).kind, provider.calls().len()), (FailureKind::OutcomeUnknown, 2));
}
