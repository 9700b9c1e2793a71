//! The webhook from outside (the contract, section 4).

use darkroom_sandbox::Latency;
use serde_json::json;

use crate::world::{Outside, Serve, World, picture};

const DONE: &str = include_str!("../../shared/src/provider/watermark/fixtures/sync_done.json");

/// A job that waits for a callback, and the address that its provider was given. The provider here is a bare server
/// that takes the image and says "later", so that the test itself can be the one who calls.
async fn waiting_job(config: &str) -> (World, Serve, String) {
    let provider = wiremock::MockServer::start().await;
    let accepted = include_str!("../../shared/src/provider/watermark/fixtures/async_accepted.json");
    let result = wiremock::ResponseTemplate::new(200).set_body_bytes(picture(9));
    wiremock::Mock::given(wiremock::matchers::path("/result.png")).respond_with(result).mount(&provider).await;
    let reply = wiremock::ResponseTemplate::new(200).set_body_string(accepted);
    wiremock::Mock::given(wiremock::matchers::method("POST")).respond_with(reply).mount(&provider).await;
    let world = World::new()
        .with_config(config)
        .with_environment("WATERMARK_URL", provider.uri())
        .with_environment("WATERMARK_APP_ID", "0123456789abcdef")
        .with_environment("WATERMARK_APP_SECRET", "s");
    let serve = world.serve();
    serve.put("uploads/watermark/a.png", &picture(1)).await;
    let callback = loop {
        let requests = provider.received_requests().await.unwrap();
        if let Some(request) = requests.first() {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            break body.split("name=\"callback\"\r\n\r\n").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    // The mock has to live as long as the test; its address is needed for the result.
    let uri = provider.uri();
    std::mem::forget(provider);
    (world, serve, format!("{callback} {uri}"))
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
    assert_eq!(post(&other_job, DONE).await, 404, "another job's token");
    assert_eq!(post(&callback.replace("/watermark/", "/imgfactory/"), DONE).await, 404, "another provider's");
    assert_eq!(client().get(callback).send().await.unwrap().status(), 404, "a wrong method");
    assert_eq!(post(&format!("{}/nowhere", serve.http_url), DONE).await, 404);
    let forged = client().post(format!("{job}/x")).body(DONE).send().await.unwrap();
    assert!(forged.text().await.unwrap().is_empty(), "no detail");

    assert_eq!(post(callback, vec![b' '; 1024 * 1024 + 1]).await, 413);
    assert_eq!(post(callback, "no JSON").await, 400);
    let id = job.rsplit('/').next().unwrap();
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
