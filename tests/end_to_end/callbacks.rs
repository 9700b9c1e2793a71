//! The webhook from outside (the contract, section 4).

use std::time::Duration;

use darkroom_sandbox::Latency;
use darkroom_shared::{
    flow::{CallbackSecrets, CallbackUrls},
    job::ProviderName,
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::world::{Outside, Serve, World, picture, text};

const DONE: &str = include_str!("../../shared/src/provider/watermark/fixtures/sync_done.json");

/// A provider that takes every image, says "later" after a while, and leaves it to the test to call back.
async fn slow_to_say_later(after: Duration) -> MockServer {
    let provider = MockServer::start().await;
    let accepted = include_str!("../../shared/src/provider/watermark/fixtures/async_accepted.json");
    let result = ResponseTemplate::new(200).set_body_bytes(picture(9));
    Mock::given(path("/result.png")).respond_with(result).mount(&provider).await;
    let reply = ResponseTemplate::new(200).set_body_string(accepted).set_delay(after);
    Mock::given(method("POST")).respond_with(reply).mount(&provider).await;
    provider
}

fn asking(world: World, provider: &MockServer) -> World {
    world
        .with_environment("WATERMARK_URL", provider.uri())
        .with_environment("WATERMARK_APP_ID", "0123456789abcdef")
        .with_environment("WATERMARK_APP_SECRET", "s")
}

/// The address that the provider was given with each image, in the order of their coming, once there are so many.
async fn callbacks(provider: &MockServer, many: usize) -> Vec<String> {
    loop {
        let requests = provider.received_requests().await.unwrap();
        let images: Vec<_> = requests.iter().filter(|request| request.method.as_str() == "POST").collect();
        if images.len() >= many {
            let address = |body: &[u8]| {
                let body = String::from_utf8_lossy(body).into_owned();
                body.split("name=\"callback\"\r\n\r\n").nth(1).unwrap().split("\r\n").next().unwrap().to_owned()
            };
            return images.iter().map(|request| address(&request.body)).collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A job that waits for a callback, and the address that its provider was given.
async fn waiting_job(config: &str) -> (World, Serve, String) {
    let provider = slow_to_say_later(Duration::ZERO).await;
    let world = asking(World::new().with_config(config), &provider);
    let serve = world.serve();
    serve.put("uploads/watermark/a.png", &picture(1)).await;
    let callback = callbacks(&provider, 1).await.remove(0);
    // The mock has to live as long as the test; its address is needed for the result.
    let uri = provider.uri();
    std::mem::forget(provider);
    (world, serve, format!("{callback} {uri}"))
}

/// The body of a callback that says that the result lies at `provider`.
fn done_at(provider: &str) -> String {
    let mut done: Value = serde_json::from_str(DONE).unwrap();
    done["data"]["url"] = json!(format!("{provider}/result.png"));
    done.to_string()
}

fn kept(serve: &Serve, id: &str) -> Value {
    serde_json::from_slice(&serve.run(&["job", id, "--callback", "--json"]).stdout).unwrap()
}

async fn post(url: &str, body: impl Into<reqwest::Body>) -> u16 {
    client().post(url).body(body).send().await.unwrap().status().as_u16()
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_token_learns_nothing_and_whoever_has_one_may_err_and_repeat() {
    let (_world, serve, addresses) = waiting_job("").await;
    let (callback, provider) = addresses.split_once(' ').unwrap();
    assert!(callback.starts_with(&format!("{}/callbacks/watermark/", serve.http_url)), "{callback}");
    let (job, token) = callback.rsplit_once('/').unwrap();
    let other_job = callback.replace(job.rsplit('/').next().unwrap(), "0123456789abcdef0123456789abcdef");

    assert_eq!(post(&format!("{job}/x{}", &token[1..]), DONE).await, 404, "a forged token");
    assert_eq!(post(&callback[..callback.len() - 4], DONE).await, 404, "a token that is cut off");
    assert_eq!(post(&other_job, DONE).await, 404, "another job's token");
    assert_eq!(post(&callback.replace("/watermark/", "/imgfactory/"), DONE).await, 404, "another provider's");
    assert_eq!(client().get(callback).send().await.unwrap().status(), 404, "a wrong method");
    assert_eq!(post(&format!("{}/nowhere", serve.http_url), DONE).await, 404);
    let forged = client().post(format!("{job}/x")).body(DONE).send().await.unwrap();
    assert!(forged.text().await.unwrap().is_empty(), "no detail");

    assert_eq!(post(callback, vec![b' '; 1024 * 1024 + 1]).await, 413);
    let id = job.rsplit('/').next().unwrap();
    assert_eq!(kept(&serve, id), json!([]), "nothing of all this is kept");
    assert!(text(&serve.run(&["job", id, "--callback"]).stdout).contains("no callback is kept"));
    assert_eq!(post(callback, "no JSON \u{1b}[2J").await, 400);
    assert_eq!(kept(&serve, id)[0]["body"], "no JSON \u{1b}[2J");
    let shown = text(&serve.run(&["job", id, "--callback"]).stdout);
    assert!(shown.contains("no JSON  [2J") && shown.contains("cannot be read"), "{shown}");
    assert_eq!(post(callback, DONE[..DONE.len() / 2].to_owned()).await, 400, "a body that is cut off");
    let endless = json!({"httpCode": 200, "more": "x".repeat(300_000)}).to_string();
    assert_eq!(post(callback, endless.clone()).await, 400);
    let callbacks = kept(&serve, id);
    assert_eq!(callbacks.as_array().unwrap().len(), 1, "only the last one is kept");
    assert_eq!((&callbacks[0]["readable"], &callbacks[0]["bytes"]), (&json!(false), &json!(32 * 1024)));
    assert!(endless.starts_with(callbacks[0]["body"].as_str().unwrap()));
    let waiting: serde_json::Value = serde_json::from_slice(&serve.run(&["job", id, "--json"]).stdout).unwrap();
    assert_eq!(waiting["state"], "waiting", "none of these did anything");

    let mut done: serde_json::Value = serde_json::from_str(DONE).unwrap();
    done["data"]["url"] = json!(format!("{provider}/result.png"));
    // Fields that differ in type from the documents, as the service's own code has them.
    done["limitedTermExpireTimes"] = json!({"2024-01-10T17:49:45": 391});
    done["remainingUsage"] = json!("411");
    assert_eq!(post(callback, done.to_string()).await, 200);
    let (document, outputs) = serve.done("uploads/watermark/a.png").await;
    assert_eq!(outputs[0].1, picture(9));
    assert_eq!(document["steps"][0]["rectangles"].as_array().unwrap().len(), 2);

    assert_eq!(post(callback, done.to_string()).await, 200, "a repeat after the end is harmless");
    assert_eq!(serve.ended("uploads/watermark/a.png").await, document);
    let callbacks = kept(&serve, id);
    assert_eq!((&callbacks[0]["readable"], &callbacks[0]["body"]), (&json!(true), &json!(done.to_string())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_elsewhere_than_at_the_provider_is_not_fetched() {
    let (_world, serve, addresses) = waiting_job("").await;
    let (callback, _) = addresses.split_once(' ').unwrap();
    let mut done: serde_json::Value = serde_json::from_str(DONE).unwrap();
    done["data"]["url"] = json!("http://169.254.169.254/latest/meta-data/iam/security-credentials/");
    assert_eq!(post(callback, done.to_string()).await, 200);
    let document = serve.ended("uploads/watermark/a.png").await;
    assert_eq!(document["reason"]["kind"], "broken_result");
    assert!(document["reason"]["message"].as_str().unwrap().contains("RESULT_HOSTS"), "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_callbacks_make_one_result() {
    let outside = Outside::open(Latency { watermark_ms: 100, ..Latency::default() }).await;
    outside.sandbox.faults().watermark.double_callbacks(true);
    let serve = World::new().with_providers(&outside).serve();
    serve.put("uploads/watermark/a.png", &picture(1)).await;
    let (document, _) = serve.done("uploads/watermark/a.png").await;
    assert_eq!((&document["steps"][0]["attempts"], &document["steps"][0]["charges"]), (&1.into(), &1.into()));
    assert_eq!(outside.charges("watermark"), 1);
}

/// The service's second try of a callback may come when the job has long gone on to another service.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_double_of_a_callback_holds_up_no_later_step() {
    let config = "[watermark.default]\nthen = [\"imgfactory.many\"]\n[imgfactory.many]\ncopies = 20\n";
    let (_world, serve, addresses) = waiting_job(config).await;
    let (callback, provider) = addresses.split_once(' ').unwrap();
    let mut done: serde_json::Value = serde_json::from_str(DONE).unwrap();
    done["data"]["url"] = json!(format!("{provider}/result.png"));
    assert_eq!(post(callback, done.to_string()).await, 200);
    let id = callback.rsplit('/').nth(1).unwrap();
    loop {
        let job: serde_json::Value = serde_json::from_slice(&serve.run(&["job", id, "--json"]).stdout).unwrap();
        if job["steps"][1]["task_id"].is_string() {
            assert_eq!(job["state"], "waiting", "the second service is at work");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(post(callback, done.to_string()).await, 200);
    let (_, outputs) = serve.done("uploads/watermark/a.png").await;
    assert_eq!(outputs.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_is_quicker_than_the_answer_to_our_call_counts() {
    let provider = slow_to_say_later(Duration::from_secs(3)).await;
    let serve = asking(World::new(), &provider).serve();
    serve.put("uploads/watermark/a.png", &picture(1)).await;
    let callback = callbacks(&provider, 1).await.remove(0);
    let id = callback.rsplit('/').nth(1).unwrap();
    let job: Value = serde_json::from_slice(&serve.run(&["job", id, "--json"]).stdout).unwrap();
    assert_eq!(job["state"], "submitting", "our call has not returned");
    assert_eq!(post(&callback, done_at(&provider.uri())).await, 200);
    let (document, _) = serve.done("uploads/watermark/a.png").await;
    assert_eq!(document["steps"][0]["attempts"], 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(serve.ended("uploads/watermark/a.png").await, document, "the late answer changes nothing");
    let shown: Value = serde_json::from_slice(&serve.run(&["job", id, "--json"]).stdout).unwrap();
    assert_eq!(shown["state"], "done");
    assert_eq!(callbacks(&provider, 1).await.len(), 1, "the image was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_while_jobs_wait_and_no_callback_is_lost() {
    const SECRET: &str = "DARKROOM_CALLBACK_SECRET";
    let provider = slow_to_say_later(Duration::ZERO).await;
    let world = asking(World::new().with_fixed_http_port(), &provider).with_environment(SECRET, "old");
    let serve = world.serve();
    serve.put("uploads/watermark/old.png", &picture(1)).await;
    let old = callbacks(&provider, 1).await.remove(0);
    assert!(serve.stop());

    let world = world.with_environment(SECRET, "new,old");
    let serve = world.serve();
    assert_eq!(post(&old, done_at(&provider.uri())).await, 200, "signed by the old secret");
    serve.done("uploads/watermark/old.png").await;
    serve.put("uploads/watermark/new.png", &picture(2)).await;
    let new = callbacks(&provider, 2).await.remove(1);
    assert!(serve.stop());

    let world = world.with_environment(SECRET, "new");
    let serve = world.serve();
    assert_eq!(post(&old, done_at(&provider.uri())).await, 404);
    assert_eq!(post(&new, done_at(&provider.uri())).await, 200, "new jobs are signed by the new secret");
    serve.done("uploads/watermark/new.png").await;
}

/// The old secret is gone before the job that it signed has ended. To ask without a callback would be paid again, so the
/// job waits on, until its repeats have been in vain or somebody puts the secret back.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_secret_was_taken_away_waits_on_and_costs_nothing_more_once_it_is_back() {
    const SECRET: &str = "DARKROOM_CALLBACK_SECRET";
    let outside = Outside::open(Latency { watermark_ms: 100, ..Latency::default() }).await;
    outside.sandbox.faults().watermark.lose_callbacks(true);
    let world = World::new().with_fixed_http_port().with_providers(&outside).with_environment(SECRET, "old");
    let serve = world.serve();
    serve.put("uploads/watermark/a.png", &picture(1)).await;
    while outside.charges("watermark") == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let jobs: Value = serde_json::from_slice(&serve.run(&["jobs", "--json"]).stdout).unwrap();
    let id = jobs[0]["id"].as_str().unwrap().to_owned();
    let urls = CallbackUrls::new(serve.http_url.parse().unwrap(), CallbackSecrets::new(vec!["old".into()]));
    let callback = urls.of(ProviderName::Watermark, &id.parse().unwrap());
    serve.kill();
    outside.sandbox.faults().watermark.lose_callbacks(false);

    let world = world.with_environment(SECRET, "new");
    let serve = world.serve();
    assert_eq!(post(&callback, DONE).await, 404);
    let job: Value = serde_json::from_slice(&serve.run(&["job", &id, "--json"]).stdout).unwrap();
    assert!(["queued", "waiting"].contains(&job["state"].as_str().unwrap()), "{job:#}");
    assert_eq!(kept(&serve, &id), json!([]));
    serve.kill();

    let serve = world.with_environment(SECRET, "new,old").serve();
    let (document, _) = serve.done("uploads/watermark/a.png").await;
    assert_eq!(document["steps"][0]["attempts"], 2);
    assert_eq!(outside.charges("watermark"), 1, "the repeat bore the old address, and came from the service's cache");
}
