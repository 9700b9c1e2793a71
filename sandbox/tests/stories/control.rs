//! Stories of whoever switches faults from outside the process.

use std::time::Duration;

use crate::common::{Mailbox, Running, jpeg};
use darkroom_sandbox::Sandbox;
use darkroom_sandbox::credentials::IMGFACTORY_TOKEN;
use reqwest::Method;
use serde_json::{Value, json};

impl Running {
    async fn control(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        let mut url = self.sandbox.imgfactory_url();
        url.set_path(&format!("/control{path}"));
        let reply = self.client.request(method, url).body(body.to_owned()).send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }

    async fn patch(&self, provider: &str, switches: &Value) -> (u16, Value) {
        self.control(Method::PATCH, &format!("/faults/{provider}"), &switches.to_string()).await
    }

    async fn tasks_status(&self) -> u16 {
        let url = format!("{}/tasks", self.sandbox.imgfactory_url());
        let request = self.client.get(url).header("Authorization", IMGFACTORY_TOKEN);
        request.send().await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn fault_is_switched_on_and_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let (status, switches) = running.patch("imgfactory", &json!({"error": 402, "hold_tasks": true})).await;
    assert_eq!((status, &switches["error"], &switches["hold_tasks"]), (200, &json!(402), &json!(true)));
    assert_eq!(running.tasks_status().await, 402);
    let (_, faults) = running.control(Method::GET, "/faults", "").await;
    assert_eq!((&faults["imgfactory"]["error"], &faults["imageban"]["error"]), (&json!(402), &Value::Null));
    let (_, overview) = running.control(Method::GET, "", "").await;
    assert_eq!(overview["providers"]["imgfactory"]["faults"], switches);
    assert_eq!(overview["providers"]["vkcloud"]["environment"]["VKCLOUD_URL"], running.variable("VKCLOUD_URL"));
    let (_, faults) = running.control(Method::DELETE, "/faults", "").await;
    assert_eq!(faults["imgfactory"]["error"], Value::Null);
    assert_eq!(running.tasks_status().await, 200);
    let (_, ledger) = running.control(Method::GET, "/ledger", "").await;
    assert_eq!(ledger["requests"]["imgfactory tasks"], 2);
}

#[tokio::test]
async fn every_service_has_the_general_switches() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    for provider in Sandbox::PROVIDERS {
        let general =
            json!({"latency_ms": 7, "drop_next_response": 1, "quota": 3, "expire_now": true, "error_times": 2});
        let (status, switches) = running.patch(provider, &general).await;
        assert_eq!(status, 200, "{provider}");
        for (name, value) in general.as_object().unwrap() {
            assert_eq!(&switches[name], value, "{provider} {name}");
        }
        assert!(!running.sandbox.environment(provider).is_empty());
    }
    assert!(running.sandbox.environment("nobody").is_empty());
}

#[tokio::test]
async fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    for (provider, switches, status, words) in [
        ("imgfactory", json!({"hold_task": true}), 400, ["`hold_task`", "hold_tasks"]),
        ("imgfactory", json!({"hold_tasks": "yes"}), 400, ["`hold_tasks`", "yes"]),
        ("imageban", json!({"error": 9101}), 400, ["9101", "109"]),
        ("imageban", json!([1]), 400, ["object", "switches"]),
        ("imagebam", json!({}), 404, ["imagebam", "imageban"]),
    ] {
        let (found, reply) = running.patch(provider, &switches).await;
        let error = reply["error"].as_str().unwrap();
        assert!(found == status && words.iter().all(|word| error.contains(word)), "{found} {error}");
    }
    assert_eq!(running.control(Method::POST, "/clock", r#"{"advance": 1}"#).await.0, 400);
}

#[tokio::test]
async fn clock_is_put_forward() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let (_, before) = running.control(Method::GET, "", "").await;
    let (status, after) = running.control(Method::POST, "/clock", r#"{"advance_s": 3600}"#).await;
    assert_eq!(status, 200);
    assert!(after["now_ms"].as_u64().unwrap() >= before["now_ms"].as_u64().unwrap() + 3_600_000);
}

#[tokio::test]
async fn watermark_fails_its_images_as_switched() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let mailbox = Mailbox::open(&[]).await;
    running.patch("watermark", &json!({"error": 52001, "error_times": 1})).await;
    let fields = [("sync", "true".to_owned()), ("callback", mailbox.url.to_string())];
    running.watermark_ask(&jpeg(1), &fields).await;
    crate::common::until(|| mailbox.letters().len() == 1).await;
    assert_eq!(mailbox.letters()[0]["data"]["processStatus"], 52001);
    assert_eq!(running.charges(), 0);
    running.patch("watermark", &json!({"error": 503})).await;
    assert_eq!(running.watermark_ask(&jpeg(1), &[]).await["httpCode"], 503);

    tokio::time::sleep(Duration::from_millis(1050)).await;
    running.patch("watermark", &json!({"error": null, "quota": 1})).await;
    let reply = running.watermark_ask(&jpeg(1), &[]).await;
    assert_eq!((&reply["httpCode"], &reply["remainingUsage"]), (&json!(200), &json!(0)));
    assert_eq!(running.watermark_ask(&jpeg(2), &[]).await["httpCode"], 403);
}
