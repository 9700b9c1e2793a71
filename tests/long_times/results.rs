//! Results that are hard to get, and gone after a while.

use darkroom_shared::{
    job::{FailureKind, JobId, Outcome, ProviderName, Report, ResultSource, StateName},
    provider::Submitted,
};
use wiremock::{Mock, ResponseTemplate, matchers::method};

use crate::world::{Scripted, World, after, failure, hours, minutes, picture};

const LIFE_LEFT: &str = "ResultLifeLeftPercent";

/// A job of fangtang, whose results live one hour, that is done; its file server is down.
async fn done_behind_a_broken_file_server() -> (World, JobId) {
    let address = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let known = std::sync::Arc::clone(&address);
    let provider = Scripted::answering(ProviderName::Fangtang, move || {
        let url = format!("{}/result.png", known.get().unwrap());
        Ok(Submitted::Finished(Outcome { source: ResultSource::Image { url }, report: Report::default() }))
    });
    let world = World::with(provider).await;
    address.set(world.files.uri()).unwrap();
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(503)).mount(&world.files).await;
    let id = world.put(ProviderName::Fangtang).await;
    (world, id)
}

async fn mend(world: &World) {
    world.files.reset().await;
    let result = ResponseTemplate::new(200).set_body_bytes(picture());
    Mock::given(method("GET")).respond_with(result).mount(&world.files).await;
}

#[tokio::test]
async fn a_file_server_that_is_well_again_half_a_minute_before_the_end_is_not_too_late() {
    let (world, id) = done_behind_a_broken_file_server().await;
    let job = world.live(&id, after(hours(1) - jiff::SignedDuration::from_secs(31))).await;
    assert_eq!(job.state.name(), StateName::Ready);
    mend(&world).await;
    let job = world.live(&id, after(hours(2))).await;
    assert_eq!(job.state.name(), StateName::Done, "{:?}", job.state);
    assert!(job.finished_at.unwrap() < after(hours(1)));
    let measured = world.measured(LIFE_LEFT);
    assert!(measured.len() > 2, "each failure in the last quarter is measured: {measured:?}");
    assert!(measured.iter().all(|percent| *percent < 25.0) && measured.is_sorted_by(|a, b| a >= b), "{measured:?}");
    assert!(*measured.last().unwrap() < 1.0);
}

#[tokio::test]
async fn a_result_that_is_fetched_in_time_is_measured_once() {
    let (world, id) = done_behind_a_broken_file_server().await;
    world.live(&id, after(minutes(10))).await;
    mend(&world).await;
    let job = world.live(&id, after(hours(2))).await;
    assert_eq!(job.state.name(), StateName::Done);
    let measured = world.measured(LIFE_LEFT);
    assert!(matches!(measured.as_slice(), [percent] if (70.0..84.0).contains(percent)), "{measured:?}");
}

#[tokio::test]
async fn a_result_that_could_never_be_fetched_fails_when_its_life_is_over_and_tells_how_often_it_was_tried() {
    let (world, id) = done_behind_a_broken_file_server().await;
    let job = world.live(&id, after(hours(9))).await;
    assert_eq!(failure(&job).kind, FailureKind::BrokenResult);
    assert!(failure(&job).message.contains("times over 60 min"), "{}", failure(&job).message);
    let over = job.finished_at.unwrap();
    assert!(over >= after(hours(1)) && over < after(hours(1) + minutes(1)), "{over}");
}
