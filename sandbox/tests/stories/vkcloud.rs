//! Stories of vkcloud, told over HTTP.

use std::time::Duration;

use crate::common::{Running, colourfulness, encoded, grey_jpeg, jpeg, picture, size};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use darkroom_sandbox::credentials::{VKCLOUD_CLIENT_ID, VKCLOUD_CLIENT_SECRET, VKCLOUD_TOKEN};
use image::ImageFormat;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

fn form(meta: &Value, images: &[(&str, Vec<u8>)]) -> Form {
    images.iter().fold(Form::new().text("meta", meta.to_string()), |form, (name, content)| {
        form.part((*name).to_owned(), Part::bytes(content.clone()).file_name(format!("{name}.jpg")))
    })
}

fn improve() -> Value {
    json!({"mode": ["improve"], "images": [{"name": "file"}]})
}

fn decoded(base64: &Value) -> Vec<u8> {
    let content = STANDARD.decode(base64.as_str().unwrap()).unwrap();
    assert_eq!(image::guess_format(&content).unwrap(), ImageFormat::Jpeg);
    content
}

impl Running {
    async fn vision_as(&self, token: &str, form: Form) -> Value {
        let url = format!("{}?oauth_token={token}&oauth_provider=mcs", self.variable("VKCLOUD_URL"));
        let reply = self.client.post(url).multipart(form).send().await.unwrap();
        assert_eq!(reply.status(), 200, "whatever happens");
        reply.json().await.unwrap()
    }

    async fn vision(&self, meta: &Value, images: &[(&str, Vec<u8>)]) -> Value {
        self.vision_as(VKCLOUD_TOKEN, form(meta, images)).await
    }

    /// What the only image became, in the mode `improve`.
    async fn improved(&self, content: Vec<u8>) -> Value {
        let mut reply = self.vision(&improve(), &[("file", content)]).await;
        assert_eq!(reply["status"], 200, "{reply}");
        reply["body"]["improve"][0].take()
    }

    async fn tokens(&self, request: &Value) -> (u16, Value) {
        let reply = self.client.post(self.variable("VKCLOUD_AUTH_URL")).json(request).send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }
}

fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/samples");
    std::fs::read(format!("{folder}/{name}.jpg")).unwrap()
}

#[tokio::test]
async fn photos_are_improved_unless_they_are_good() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let old = running.improved(sample("old-portrait")).await;
    assert_eq!((&old["status"], &old["name"], &old["bw"]), (&json!(0), &json!("file"), &json!(true)));
    assert_eq!(size(&decoded(&old["improved"])), (512, 512));
    assert!(colourfulness(&decoded(&old["improved"])) < 20);
    assert!(colourfulness(&decoded(&old["colorized"])) > 50);
    assert!(colourfulness(&decoded(&old["colorized_improved"])) > 50);

    let cat = running.improved(sample("cat")).await;
    assert_eq!((cat["bw"].as_bool(), cat.get("colorized")), (Some(false), None));
    assert!(cat["improved"].is_string());
    for good in ["rocket", "coffee-watermarked"] {
        assert_eq!(running.improved(sample(good)).await, json!({"status": 0, "name": "file", "bw": false}), "{good}");
    }
    running.sandbox.faults().vkcloud.already_good(true);
    let good = running.improved(grey_jpeg()).await;
    assert_eq!((good.get("improved"), good.get("colorized_improved")), (None, None));
    assert_eq!(running.charges(), 5, "a good photo is charged like any other");
}

#[tokio::test]
async fn resolution_is_raised_by_the_factor() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let images = [("a", jpeg(1)), ("b", encoded(&picture(50, 30, 2), ImageFormat::Tiff))];
    let names = json!([{"name": "a"}, {"name": "b"}]);
    for (factor, kind) in [(2, "photo"), (4, "photo"), (2, "art"), (4, "art")] {
        let meta = json!({"mode": ["resolution"], "rfactor": factor, "rtype": kind, "images": names});
        let reply = running.vision(&meta, &images).await;
        assert_eq!((&reply["htmlencoded"], &reply["last_modified"]), (&json!(false), &json!(0)));
        assert_eq!(reply["body"].get("improve"), None);
        let list = reply["body"]["resolution"].as_array().unwrap();
        assert_eq!(size(&decoded(&list[0]["resolved"])), (96 * factor, 64 * factor));
        assert_eq!((size(&decoded(&list[1]["resolved"])), &list[1]["name"]), ((50 * factor, 30 * factor), &json!("b")));
    }
    let meta = json!({"mode": ["improve", "resolution"], "rfactor": 2, "ftype": "photo", "images": [{"name": "a"}]});
    let reply = running.vision(&meta, &images).await;
    assert!(reply["body"]["improve"][0]["improved"].is_string());
    assert!(reply["body"]["resolution"][0]["resolved"].is_string());
    assert_eq!(running.charges(), 9, "one for each image, however many modes");
}

#[tokio::test]
async fn what_is_wrong_is_said_as_documented_and_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let resolution = |factor: u32, name: &str| json!({"mode": ["resolution"], "rfactor": factor, "rtype": "photo", "images": [{"name": name}]});
    for (meta, content, words) in [
        (resolution(1010, "file"), jpeg(1), "rfactor must be 2 or 4"),
        (resolution(2, "file"), Vec::new(), "empty image"),
        (resolution(2, "file1"), jpeg(1), "could not get image by name file1: http: no such file"),
    ] {
        assert_eq!(
            running.vision(&meta, &[("file", content)]).await,
            json!({"status": 400, "body": words, "htmlencoded": false, "last_modified": 0})
        );
    }
    for meta in [json!({}), json!({"mode": ["other"], "images": [{"name": "file"}]}), json!({"mode": ["improve"]})] {
        assert_eq!(running.vision(&meta, &[("file", jpeg(1))]).await["status"], 400, "{meta}");
    }
    let expected = "authorization failed, provider: mcs, token: nobody(...), reason: CONDITION/UNAUTHORIZED, \
                    Access Token invalid";
    let reply = running.vision_as("nobody", form(&improve(), &[("file", jpeg(1))])).await;
    assert_eq!((&reply["status"], &reply["body"]), (&json!(401), &json!(expected)));

    let mut large = jpeg(1);
    large.resize(15 * 1024 * 1024 + 1, 0);
    for content in [
        b"words".to_vec(),
        encoded(&picture(20, 20, 1), ImageFormat::Bmp),
        encoded(&picture(4, 20, 1), ImageFormat::Png),
        encoded(&picture(3841, 8, 1), ImageFormat::Png),
        large,
    ] {
        let image = running.improved(content).await;
        assert_eq!((&image["status"], image["error"].is_string()), (&json!(1), true), "{image}");
    }
    assert_eq!((running.charges(), running.asked("vkcloud 401")), (0, 1));
}

#[tokio::test]
async fn tokens_run_out_and_are_renewed_once() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let credentials = json!({
        "client_id": VKCLOUD_CLIENT_ID,
        "client_secret": VKCLOUD_CLIENT_SECRET,
        "grant_type": "client_credentials"
    });
    let (status, pair) = running.tokens(&credentials).await;
    assert_eq!((status, &pair["expired_in"]), (200, &json!("3600")));
    assert_eq!(pair["scope"], json!({"objects": 1, "video": 1, "persons": 1}));
    let request = || form(&improve(), &[("file", jpeg(1))]);
    let access = pair["access_token"].as_str().unwrap();
    assert_eq!(running.vision_as(access, request()).await["status"], 200);
    running.sandbox.advance_clock(Duration::from_secs(3600));
    assert_eq!(running.vision_as(access, request()).await["status"], 401);

    // A restart keeps the refresh token; it is good for one pair.
    drop(running);
    let running = Running::start(folder.path()).await;
    let renewal = json!({
        "client_id": VKCLOUD_CLIENT_ID,
        "refresh_token": pair["refresh_token"],
        "grant_type": "refresh_token"
    });
    let (status, renewed) = running.tokens(&renewal).await;
    assert_eq!(status, 200);
    assert_ne!(renewed["refresh_token"], pair["refresh_token"]);
    let access = renewed["access_token"].as_str().unwrap();
    assert_eq!(running.vision_as(access, request()).await["status"], 200);
    assert_eq!(running.tokens(&renewal).await.0, 401);

    running.sandbox.faults().vkcloud.expire_now();
    assert_eq!(running.vision_as(access, request()).await["status"], 401);
    let mut wrong = credentials.clone();
    wrong["client_secret"] = json!("wrong");
    assert_eq!(running.tokens(&wrong).await.0, 401);
    assert_eq!(running.tokens(&json!({"client_id": VKCLOUD_CLIENT_ID})).await.0, 400);
    running.sandbox.faults().vkcloud.refuse_tokens(true);
    assert_eq!(running.tokens(&credentials).await.0, 401);
}

#[tokio::test]
async fn errors_come_as_switched() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let faults = &running.sandbox.faults().vkcloud;
    faults.fail_next_images(1);
    faults.refuse_next_images(1);
    let meta = json!({"mode": ["improve"], "images": [{"name": "a"}, {"name": "b"}, {"name": "c"}]});
    let images = [("a", jpeg(1)), ("b", jpeg(2)), ("c", jpeg(3))];
    let reply = running.vision(&meta, &images).await;
    let statuses: Vec<&Value> =
        reply["body"]["improve"].as_array().unwrap().iter().map(|image| &image["status"]).collect();
    assert_eq!(statuses, [2, 1, 0]);
    assert_eq!(running.charges(), 1);

    faults.quota(Some(1));
    assert_eq!(running.vision(&meta, &images).await["status"], 403);
    running.improved(jpeg(4)).await;
    assert_eq!(running.vision(&improve(), &[("file", jpeg(5))]).await["status"], 403);
    faults.quota(None);
    faults.error_times(401, 1);
    assert_eq!(running.vision(&improve(), &[("file", jpeg(5))]).await["status"], 401);
    assert_eq!(running.vision(&improve(), &[("file", jpeg(5))]).await["status"], 200);
}
