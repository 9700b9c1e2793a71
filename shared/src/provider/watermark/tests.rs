//! The client against the documents' own bodies.

use bytes::Bytes;
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use super::*;
use crate::provider::{Image, PresetOptions as _};

const APP_ID: &str = "aB3dE6gH9jK2mN5p";
const APP_SECRET: &str = "s3cr3t!s3cr3t!s3cr3t!s3cr3t!1234";

fn client(server: &MockServer) -> Watermark {
    let credentials = Credentials::Sign { app_id: APP_ID.into(), app_secret: APP_SECRET.into() };
    let url = server.uri().parse().unwrap();
    let settings = Settings { url, credentials, file_field: DEFAULT_FILE_FIELD.into() };
    Watermark::new(Http::new().unwrap(), settings)
}

fn image() -> Image {
    Image { bytes: Bytes::from_static(b"picture"), format: ImageFormat::Png }
}

async fn sent(options: serde_json::Value, callback_url: Option<&str>) -> (String, String) {
    let server = MockServer::start().await;
    let body = match callback_url {
        Some(_) => include_str!("fixtures/async_accepted.json"),
        None => include_str!("fixtures/sync_done.json"),
    };
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_string(body)).mount(&server).await;
    let image = image();
    let request = Request { image: &image, file_name: "a.png", options: &options, callback_url, image_url: None };
    client(&server).submit(request).await.unwrap();
    let request = server.received_requests().await.unwrap().remove(0);
    let sign = request.headers.get("x-access-api-sign").unwrap().to_str().unwrap().to_owned();
    (String::from_utf8_lossy(&request.body).into_owned(), sign)
}

fn field(body: &str, name: &str) -> Option<String> {
    let start = body.find(&format!("name=\"{name}\"\r\n"))?;
    let value = body[start..].split("\r\n\r\n").nth(1)?;
    Some(value.split("\r\n--").next()?.to_owned())
}

#[tokio::test]
async fn every_documented_option_goes_into_the_form_under_its_own_name() {
    let callback = "https://hooks.example/callbacks/watermark/1/x";
    let options = json!({
        "exclude_keywords": [{"value": "our brand", "rule": "similar"}, {"value": "我们"}],
        "offset": {"+x": 5, "-y": 8, "-w": 3, "+h": 4}, "ocr_only": false, "show": true,
    });
    let (body, _) = sent(options, Some(callback)).await;
    assert_eq!(field(&body, "sync").as_deref(), Some("true"), "asynchronous is called sync=true there");
    assert_eq!(field(&body, "callback").as_deref(), Some(callback));
    assert_eq!(
        field(&body, "excludeKeywords").unwrap(),
        r#"{"items":[{"value":"our brand","rule":"similar"},{"value":"我们","rule":"default"}]}"#
    );
    let offset: serde_json::Value = serde_json::from_str(&field(&body, "offset").unwrap()).unwrap();
    assert_eq!(offset, json!({"+x": 5, "-y": 8, "-w": 3, "+h": 4}));
    assert_eq!(field(&body, "ocrOnly").as_deref(), Some("false"));
    assert_eq!(field(&body, "show").as_deref(), Some("true"));
    assert!(body.contains("name=\"uploadFile\"; filename=\"a.png\"\r\nContent-Type: image/png"), "{body}");
    assert!(!body.contains(APP_SECRET));

    let rectangles = json!({"rectangles": [{"x": 120, "y": 76, "w": 100, "h": 173}], "mode": "sync"});
    let (body, _) = sent(rectangles, None).await;
    assert_eq!(field(&body, "rectangles").unwrap(), r#"[{"x":120,"y":76,"w":100,"h":173}]"#);
    assert_eq!(field(&body, "sync").as_deref(), Some("false"));
    assert_eq!(field(&body, "callback"), None);

    let (body, _) = sent(json!({"watermark_names": [{"value": "a", "rule": "absolute"}]}), Some(callback)).await;
    assert_eq!(field(&body, "watermarkNames").unwrap(), r#"{"items":[{"value":"a","rule":"absolute"}]}"#);
}

#[tokio::test]
async fn the_signature_is_made_of_id_image_salt_and_secret() {
    let (body, signed) = sent(json!({}), Some("https://hooks.example/x")).await;
    let salt: u32 = field(&body, "salt").unwrap().parse().unwrap();
    assert!((10_000_000..=99_999_999).contains(&salt));
    assert_eq!(field(&body, "appId").as_deref(), Some(APP_ID));
    assert_eq!(signed, sign(APP_ID, b"picture", salt, APP_SECRET));
}

#[test]
fn the_signature_agrees_with_one_made_by_another_program() {
    // Python: m(id + m(b'picture') + b'12345678' + secret) with m = hashlib.md5(…).hexdigest()
    assert_eq!(sign(APP_ID, b"picture", 12_345_678, APP_SECRET), "c1f3970e24140d7adaa845fa840b270d");
}

#[test]
fn a_callback_is_the_same_object_as_a_reply() {
    let done = read_callback(&serde_json::Value::Null, include_bytes!("fixtures/sync_done.json")).unwrap();
    assert!(matches!(done, Called::Finished(Outcome { source: ResultSource::Image { .. }, .. })));
    let failed = read_callback(&serde_json::Value::Null, include_bytes!("fixtures/signature_failed.json")).unwrap();
    assert!(matches!(failed, Called::Failed(error) if error.kind == ErrorKind::Credentials));
    let no_picture = read_callback(&json!({}), include_bytes!("fixtures/ocr_only.json")).unwrap();
    assert!(matches!(no_picture, Called::Failed(error) if error.message.contains("no picture")));
    let only_words = read_callback(&json!({"ocr_only": true}), include_bytes!("fixtures/ocr_only.json")).unwrap();
    assert!(matches!(only_words, Called::Finished(Outcome { source: ResultSource::Record, .. })));
    for nonsense in ["", "{}", "[]", "null", include_str!("fixtures/async_accepted.json")] {
        assert!(read_callback(&serde_json::Value::Null, nonsense.as_bytes()).is_err(), "{nonsense}");
    }
}

#[test]
fn a_callback_with_more_than_a_row_can_hold_is_cut_and_says_so() {
    let mut message: serde_json::Value = serde_json::from_str(include_str!("fixtures/sync_done.json")).unwrap();
    message["data"]["processLocation"] =
        vec![json!({"x": 1, "y": 2, "w": 3, "h": 4, "word": "字".repeat(100)}); 600].into();
    let called = read_callback(&json!({}), message.to_string().as_bytes()).unwrap();
    let Called::Finished(Outcome { report, .. }) = called else { panic!("it is done") };
    assert_eq!(report.rectangles.len(), 245);
    assert!(report.warnings[0].contains("600 places") && report.warnings[0].contains("first 245"), "{report:?}");

    message["data"]["processLocation"] = json!([]);
    message["data"]["url"] = format!("https://www.processimage.cn/{}", "x".repeat(9_000)).into();
    let called = read_callback(&json!({}), message.to_string().as_bytes()).unwrap();
    assert!(matches!(called, Called::Failed(error) if error.message.contains("no picture")));
}

#[tokio::test]
async fn a_token_and_another_name_for_the_file_are_settings() {
    let server = MockServer::start().await;
    let body = include_str!("fixtures/sync_done.json");
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_string(body)).mount(&server).await;
    let credentials = Credentials::Token("0123456789abcdef0123456789abcdef".into());
    let url = server.uri().parse().unwrap();
    let settings = Settings { url, credentials, file_field: "imageFile".into() };
    let (image, options) = (image(), json!({"mode": "sync"}));
    let request = Request { image: &image, file_name: "a.png", options: &options, callback_url: None, image_url: None };
    Watermark::new(Http::new().unwrap(), settings).submit(request).await.unwrap();
    let sent = server.received_requests().await.unwrap().remove(0);
    assert_eq!(sent.headers["x-access-api-token"], "0123456789abcdef0123456789abcdef");
    assert!(!sent.headers.contains_key("x-access-api-sign"));
    let body = String::from_utf8_lossy(&sent.body).into_owned();
    assert!(body.contains("name=\"imageFile\"; filename=\"a.png\""), "{body}");
    assert_eq!((field(&body, "appId"), field(&body, "salt")), (None, None));
}

#[tokio::test]
async fn a_promise_to_call_back_where_none_was_asked_for_is_no_answer() {
    let server = MockServer::start().await;
    let body = include_str!("fixtures/async_accepted.json");
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_string(body)).mount(&server).await;
    let image = image();
    let options = json!({"mode": "sync"});
    let request = Request { image: &image, file_name: "a.png", options: &options, callback_url: None, image_url: None };
    assert!(client(&server).submit(request).await.is_err());
}

#[tokio::test]
async fn a_repeat_is_free_for_five_hours_and_nobody_knows_after() {
    let server = MockServer::start().await;
    let settled = async |now: &str| {
        let unsettled = Unsettled {
            options: &json!({}),
            submitted_at: "2026-11-20T12:00:00Z".parse().unwrap(),
            now: now.parse().unwrap(),
            ruled_out: &[],
            evidence: None,
        };
        client(&server).settle(unsettled).await.unwrap()
    };
    assert_eq!(settled("2026-11-20T16:59:00Z").await, Settled::RepeatIsFree);
    assert!(matches!(settled("2026-11-20T17:01:00Z").await, Settled::CannotTell(_)));
}

#[test]
fn what_cannot_be_is_refused_with_what_would_be_right() {
    for (wrong, word) in [
        (json!({"watermark_names": [{"value": "a"}], "exclude_keywords": [{"value": "b"}]}), "exclude each other"),
        (json!({"rectangles": [{"x": 1, "y": 1, "w": 1, "h": 1}], "offset": {"+x": 1}}), "rectangles"),
        (json!({"rectangles": [{"x": 1, "y": 1, "w": 0, "h": 1}]}), "width"),
        (json!({"offset": {"+x": 1, "-x": 1}}), "+x"),
    ] {
        let error = parse(&wrong).unwrap().check().unwrap_err();
        assert!(error.contains(word), "{wrong}: {error}");
    }
    assert!(parse(&json!({"offset": {"x": 1}})).is_err());
    assert!(parse(&json!({"rule": "x"})).is_err());
}
