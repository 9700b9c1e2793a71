//! Stories of watermark, told over HTTP.

use std::time::Duration;

use crate::common::{Mailbox, Running, encoded, jpeg, md5_hex, picture, until};
use darkroom_sandbox::credentials::{WATERMARK_APP_ID, WATERMARK_APP_SECRET, WATERMARK_TOKEN};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Long enough for the limit of requests per second to forget what was.
const BREATH: Duration = Duration::from_millis(1050);

fn sign(content: &[u8], salt: &str) -> String {
    let parts = [WATERMARK_APP_ID, &md5_hex(content), salt, WATERMARK_APP_SECRET].concat();
    md5_hex(parts.as_bytes())
}

fn form(content: &[u8], salt: &str, fields: &[(&'static str, String)]) -> Form {
    let file = Part::bytes(content.to_vec()).file_name("photo.jpg");
    let form = Form::new().part("uploadFile", file).text("appId", WATERMARK_APP_ID).text("salt", salt.to_owned());
    fields.iter().fold(form, |form, (name, value)| form.text(*name, value.clone()))
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let reply = request.send().await.unwrap();
    (reply.status(), reply.json().await.unwrap())
}

impl Running {
    fn request(&self, content: &[u8], fields: &[(&'static str, String)]) -> RequestBuilder {
        const SALT: &str = "12345678";
        self.client
            .post(self.sandbox.watermark_url())
            .header("x-access-api-sign", sign(content, SALT))
            .multipart(form(content, SALT, fields))
    }

    pub(crate) async fn watermark_ask(&self, content: &[u8], fields: &[(&'static str, String)]) -> Value {
        let (status, reply) = answer(self.request(content, fields)).await;
        assert_eq!(status, 200, "{reply}");
        reply
    }
}

fn codes(reply: &Value) -> (u64, u64) {
    let code = |value: &Value| value.as_u64().unwrap();
    (code(&reply["httpCode"]), code(&reply["data"]["processStatus"]))
}

#[tokio::test]
async fn text_box_is_removed_and_the_second_time_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let mut marked = picture(160, 120, 0);
    for (x, y) in (90..140).flat_map(|x| (80..95).map(move |y| (x, y))) {
        marked.put_pixel(x, y, Rgb([255, 255, 255]));
    }
    let content = encoded(&marked, ImageFormat::Png);
    let fields = [("rectangles", r#"[{"x":88,"y":78,"w":54,"h":19}]"#.to_owned())];

    let reply = running.watermark_ask(&content, &fields).await;
    assert_eq!(codes(&reply), (200, 0));
    assert_eq!(reply["httpMsg"], "SUCCESS::调用成功");
    assert_eq!(reply["data"]["processCount"], 1);
    assert_eq!(reply["data"]["processLocation"][0]["w"], 54);
    assert_eq!(reply["encryptedInfo"]["sign"], sign(&content, "12345678"));
    assert_eq!(reply["encryptedInfo"]["imageUniqueIdentification"], md5_hex(&content));
    assert_eq!(reply["allUsedCount"], 1);

    let url = reply["data"]["url"].as_str().unwrap();
    let result = running.client.get(url).send().await.unwrap();
    assert_eq!(result.headers()["content-type"], "image/png");
    let cleaned = image::load_from_memory(&result.bytes().await.unwrap()).unwrap().into_rgb8();
    let truth = picture(160, 120, 0);
    for (x, y) in [(100, 85), (120, 90), (139, 94)] {
        let off = cleaned.get_pixel(x, y)[0].abs_diff(truth.get_pixel(x, y)[0]);
        assert!(off < 25, "{x},{y} is off by {off}");
    }

    let again = running.watermark_ask(&content, &fields).await;
    assert_eq!(codes(&again), (304, 0));
    assert_eq!(again["httpMsg"], "CACHE::本次响应为缓存数据,未作任何修改");
    assert_eq!(again["data"], reply["data"]);
    assert_eq!(again["remainingUsage"], reply["remainingUsage"]);
    assert_eq!((running.charges(), running.asked("watermark 304")), (1, 1));

    // A restart remembers the answer, the image and the charge; five hours do not.
    let url = url.to_owned();
    drop(running);
    let running = Running::start(folder.path()).await;
    assert_eq!(codes(&running.watermark_ask(&content, &fields).await), (304, 0));
    assert_eq!(running.charges(), 1);
    let path = url.rsplit_once("/targetImages/").unwrap().1;
    let moved = format!("{}/../targetImages/{path}", running.sandbox.watermark_url());
    assert_eq!(running.client.get(&moved).send().await.unwrap().status(), 200);
    running.sandbox.advance_clock(Duration::from_hours(6));
    assert_eq!(running.client.get(&moved).send().await.unwrap().status(), 404);
    assert_eq!(codes(&running.watermark_ask(&content, &fields).await), (200, 0));
    assert_eq!(running.charges(), 2);
}

#[tokio::test]
async fn callback_brings_the_result_and_is_tried_twice() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let mailbox = Mailbox::open(&[204]).await;
    let fields = [("sync", "true".to_owned()), ("callback", mailbox.url.to_string())];

    let reply = running.watermark_ask(&jpeg(1), &fields).await;
    assert_eq!(codes(&reply), (200, 52000));
    assert_eq!(reply["data"], json!({"processStatus": 52000, "processMsg": "WAITING::异步请求"}));
    until(|| mailbox.letters().len() == 2).await;
    let letters = mailbox.letters();
    assert_eq!(letters[0], letters[1], "204 does not count, so it came again");
    assert_eq!(codes(&letters[0]), (200, 0));
    assert_eq!(letters[0]["encryptedInfo"]["sign"], sign(&jpeg(1), "12345678"));
    assert!(letters[0]["data"]["url"].as_str().unwrap().ends_with(".jpeg"));

    let reply = running.watermark_ask(&jpeg(1), &fields).await;
    assert_eq!(codes(&reply), (200, 52000), "what is cached is told by the callback only");
    until(|| mailbox.letters().len() == 3).await;
    assert_eq!(codes(&mailbox.letters()[2]), (304, 0));
    assert_eq!((running.charges(), running.asked("watermark async")), (1, 2));
    assert_eq!(running.asked("watermark callback"), 3);
}

#[tokio::test]
async fn callbacks_are_lost_and_doubled_as_switched() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let mailbox = Mailbox::open(&[]).await;
    let fields = [("sync", "true".to_owned()), ("callback", mailbox.url.to_string())];
    running.sandbox.faults().watermark.lose_callbacks(true);
    running.watermark_ask(&jpeg(1), &fields).await;
    until(|| running.charges() == 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(mailbox.letters().is_empty());

    running.sandbox.faults().watermark.lose_callbacks(false);
    running.sandbox.faults().watermark.double_callbacks(true);
    running.watermark_ask(&jpeg(2), &fields).await;
    until(|| mailbox.letters().len() == 2).await;
    assert_eq!(running.charges(), 2);
}

#[tokio::test]
async fn third_request_within_a_second_is_too_fast() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let (first, second, third) = (jpeg(1), jpeg(2), jpeg(3));
    let replies = tokio::join!(
        running.watermark_ask(&first, &[]),
        running.watermark_ask(&second, &[]),
        running.watermark_ask(&third, &[])
    );
    let mut codes: Vec<_> = [replies.0, replies.1, replies.2].iter().map(codes).collect();
    codes.sort_unstable();
    assert_eq!(codes, [(200, 0), (200, 0), (429, 52001)]);
    assert_eq!((running.charges(), running.asked("watermark 429")), (2, 1));
    tokio::time::sleep(BREATH).await;
    assert_eq!(running.watermark_ask(&jpeg(4), &[]).await["httpCode"], 200);
}

#[tokio::test]
async fn access_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let url = running.sandbox.watermark_url();
    let post = || running.client.post(url.clone()).multipart(form(&jpeg(1), "12345678", &[]));
    let (status, reply) = answer(post().header("x-access-api-sign", "0".repeat(32))).await;
    assert_eq!(status, 200);
    assert_eq!(
        reply,
        json!({
            "httpCode": 401,
            "httpMsg": "FAILED::签名错误",
            "returnType": "json",
            "msgInnerReferer": "ExceptionHandler[SignatureFailedException.class]",
            "location": "127.0.0.1",
            "data": {"processStatus": 52001, "processMsg": "UNHANDLED::因其他问题导致未处理"}
        })
    );
    assert_eq!(codes(&answer(post()).await.1), (401, 52001));
    tokio::time::sleep(BREATH).await;
    let (_, reply) = answer(post().header("x-access-api-token", WATERMARK_TOKEN)).await;
    assert_eq!(codes(&reply), (200, 0));
    assert_eq!(reply["encryptedInfo"]["sign"], Value::Null);

    running.sandbox.faults().watermark.exhausted(true);
    assert_eq!(codes(&running.watermark_ask(&jpeg(2), &[]).await), (403, 52001));
    assert_eq!(running.charges(), 1);
}

#[tokio::test]
async fn files_that_do_not_suit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let mut large = jpeg(1);
    large.resize(4_194_305, 0);
    assert_eq!(codes(&running.watermark_ask(&large, &[]).await), (413, 52001));
    let (status, reply) = answer(running.request(b"GIF89a, not taken here", &[])).await;
    assert_eq!((status, codes(&reply)), (StatusCode::UNSUPPORTED_MEDIA_TYPE, (400, 52001)));
    tokio::time::sleep(BREATH).await;

    let part = Part::bytes(jpeg(1)).file_name("photo.jpg");
    let unseen = Form::new().part("imageFile", part).text("appId", WATERMARK_APP_ID);
    let request = running.client.post(running.sandbox.watermark_url()).multipart(unseen);
    assert_eq!(codes(&answer(request).await.1), (400, 52001));
    let url = running.sandbox.watermark_url();
    assert_eq!(codes(&answer(running.client.get(url.clone())).await.1), (400, 52001));
    let request = running.client.request(Method::PUT, url);
    assert_eq!(codes(&answer(request).await.1), (405, 52001));
    tokio::time::sleep(BREATH).await;

    let outside = [("rectangles", r#"[{"x":90,"y":0,"w":7,"h":9}]"#.to_owned())];
    assert_eq!(codes(&running.watermark_ask(&jpeg(1), &outside).await), (400, 52001));
    assert_eq!((running.charges(), running.asked("watermark 415")), (0, 1));
}

#[tokio::test]
async fn every_process_status_can_come() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let flat = encoded(&RgbImage::from_pixel(80, 60, Rgb([90, 90, 90])), ImageFormat::Bmp);
    let reply = running.watermark_ask(&flat, &[]).await;
    assert_eq!(codes(&reply), (200, 52002));
    assert_eq!((&reply["data"]["url"], running.charges()), (&Value::Null, 0));

    let reply = running.watermark_ask(&jpeg(1), &[("ocrOnly", "true".to_owned())]).await;
    assert_eq!(codes(&reply), (200, 52006));
    assert_eq!(reply["data"]["processLocation"][0]["word"], "SAMPLE");
    assert_eq!((&reply["data"]["url"], running.charges()), (&Value::Null, 1));
    tokio::time::sleep(BREATH).await;

    let reply = running.watermark_ask(&jpeg(1), &[("offset", r#"{"+w":500}"#.to_owned())]).await;
    assert_eq!(codes(&reply), (200, 52005));
    assert!(reply["data"]["url"].is_string());
    assert_eq!(running.charges(), 2);

    let excluded = r#"{"items":[{"value":"SAMPLES","rule":"similar"}]}"#.to_owned();
    let reply = running.watermark_ask(&jpeg(1), &[("excludeKeywords", excluded)]).await;
    assert_eq!((codes(&reply), running.charges()), ((200, 52002), 2));
    tokio::time::sleep(BREATH).await;

    running.sandbox.faults().watermark.server_error(true);
    let (status, reply) = answer(running.request(&jpeg(1), &[])).await;
    assert_eq!((status, codes(&reply)), (StatusCode::INTERNAL_SERVER_ERROR, (500, 52004)));
}

#[tokio::test]
async fn dropped_response_is_free_to_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    running.sandbox.faults().watermark.drop_next_response(1);
    let request = running.request(&jpeg(1), &[]).timeout(Duration::from_millis(300));
    assert!(request.send().await.unwrap_err().is_timeout());
    until(|| running.charges() == 1).await;
    assert_eq!(codes(&running.watermark_ask(&jpeg(1), &[]).await), (304, 0));
    assert_eq!(running.charges(), 1);
}
