//! Callbacks that never come: after their time the same request is sent again, which is free.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use darkroom_sandbox::Latency;

use crate::{
    load::{all_done, charged, put_many},
    world::{Outside, Serve, World},
};

const QUICK: Latency =
    Latency { imgfactory_ms_per_copy: 10, watermark_ms: 100, fangtang_ms: 50, vkcloud_ms: 20, imageban_ms: 10 };

#[tokio::test(flavor = "multi_thread")]
async fn six_dropped_callbacks_cost_six_repeats_and_no_money() {
    dropped(6, Until::Repeated).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a trial of one minute"]
async fn fifty_dropped_callbacks_cost_fifty_repeats_and_no_money() {
    dropped(50, Until::Repeated).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a trial of one minute"]
async fn fifty_callbacks_that_came_to_a_closed_door_cost_fifty_repeats_and_no_money() {
    dropped(50, Until::Restarted).await;
}

/// A provider that can call nobody at all: what was made is asked for in the reply, which is another request over there.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a trial of two minutes"]
async fn fifty_jobs_whose_callbacks_never_come_at_all_are_done_all_the_same() {
    dropped(50, Until::Ended).await;
}

/// How long callbacks are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Repeated,
    Restarted,
    Ended,
}

async fn dropped(many: u32, until: Until) {
    let outside = Outside::open(QUICK).await;
    let world = World::new().with_fixed_http_port().with_providers(&outside);
    let mut serve = world.serve();
    outside.sandbox.faults().watermark.lose_callbacks(true);
    let uploads = put_many(&serve, many).await;
    charged(&outside, uploads.len(), Duration::from_secs(60 + u64::from(many))).await;
    waiting(&serve, uploads.len()).await;
    match until {
        Until::Restarted => {
            serve.kill();
            outside.sandbox.faults().watermark.lose_callbacks(false);
            serve = world.serve();
        }
        Until::Repeated => {
            outside.sandbox.faults().watermark.lose_callbacks(false);
            the_wait_is_over(&serve).await;
        }
        Until::Ended => {
            the_wait_is_over(&serve).await;
            answered_from_cache(&outside, u64::from(many)).await;
            waiting(&serve, uploads.len()).await;
            the_wait_is_over(&serve).await;
        }
    }
    let documents = all_done(&serve, &uploads).await;
    let tries: u64 = documents.iter().map(|document| document["steps"][0]["attempts"].as_u64().unwrap()).sum();
    let (charges, free) = (outside.charges("watermark"), outside.requests("watermark 304"));
    println!(
        "trial dropped callbacks, until {until:?}: {many} done, {tries} tries, {charges} charges, {free} answered for free, \
         {} answered 429",
        outside.requests("watermark 429"),
    );
    // A request for an answer at once is another one than that for a callback, and so costs again.
    let expected = if until == Until::Ended { 2 * uploads.len() } else { uploads.len() };
    assert_eq!((charges, free), (expected, u64::from(many)));
}

async fn answered_from_cache(outside: &Outside, many: u64) {
    while outside.requests("watermark 304") < many {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn waiting(serve: &Serve, many: usize) {
    while rows(serve, "waiting").await.len() < many {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The ids of the jobs in a state, straight from the table.
async fn rows(serve: &Serve, state: &str) -> Vec<AttributeValue> {
    let scan = table(serve).scan().table_name("darkroom").filter_expression("#state.#name = :state");
    let scan = scan.expression_attribute_names("#state", "state").expression_attribute_names("#name", "name");
    let scan = scan.expression_attribute_values(":state", AttributeValue::S(state.into()));
    let items = scan.into_paginator().items().send();
    let items: Vec<_> = items.collect::<Result<_, _>>().await.unwrap();
    items.into_iter().map(|mut item| item.remove("id").unwrap()).collect()
}

fn table(serve: &Serve) -> aws_sdk_dynamodb::Client {
    let sdk = darkroom_shared::aws::local("darkroom", "darkroom-secret").unwrap();
    darkroom_shared::aws::dynamodb(&sdk, Some(&serve.dynamodb_url))
}

/// What ten minutes, or thirty, do: the time at which each waiting job counts on its callback no more has come.
async fn the_wait_is_over(serve: &Serve) {
    const PAST: (&str, &str) = ("1000", "1970-01-01T00:00:01Z");
    for id in rows(serve, "waiting").await {
        let update = table(serve).update_item().table_name("darkroom").key("id", id);
        let update = update
            .update_expression("SET #due_at = :due_at, #state.#due_at = :due_at_text, #revision = #revision + :one")
            .condition_expression("#state.#name = :waiting")
            .expression_attribute_names("#due_at", "due_at")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#name", "name")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":due_at", AttributeValue::N(PAST.0.into()))
            .expression_attribute_values(":due_at_text", AttributeValue::S(PAST.1.into()))
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .expression_attribute_values(":waiting", AttributeValue::S("waiting".into()));
        update.send().await.unwrap();
    }
}
