//! The client against the documents' own bodies. What becomes of tokens has a file of its own.

#[path = "token_tests.rs"]
mod tokens;

use serde_json::json;
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::{
    environment::Environment,
    provider::{Image, NotesInMemory},
};

const SERVICE_TOKEN: &str = "qh9sdcsX4iuKGFa1sNhhcyBQiJtWrX5TewjPkPf867ad53oFd";

fn client(server: &MockServer) -> Vkcloud {
    let url = format!("{}/api/v1/photo/improve", server.uri()).parse().unwrap();
    let settings = Settings { url, credentials: Credentials::ServiceToken(SERVICE_TOKEN.into()) };
    Vkcloud::new(Http::new().unwrap(), settings, Arc::new(NotesInMemory::default()), Clock::system())
}

fn image() -> Image {
    Image { bytes: "picture".into(), format: ImageFormat::Jpeg }
}

fn request<'a>(image: &'a Image, options: &'a serde_json::Value) -> Request<'a> {
    Request { image, file_name: "0123.jpg", options, callback_url: None, image_url: None }
}

fn json_reply(body: impl AsRef<str>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.as_ref().as_bytes().to_vec(), "application/json")
}

/// What came of sending one image with `options` to a service that answers `reply`.
async fn submitted(options: serde_json::Value, reply: ResponseTemplate) -> Result<Submitted, ProviderError> {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(reply).expect(1).mount(&server).await;
    client(&server).submit(request(&image(), &options)).await
}

/// The documented reply with other pictures, each its own name in base64: those of the page were shortened at random
/// and are no base64 any more.
fn improve_reply() -> String {
    let mut reply: serde_json::Value = serde_json::from_str(include_str!("fixtures/improve.json")).unwrap();
    let image = &mut reply["body"]["improve"][0];
    image["improved"] = "aW1wcm92ZWQ=".into();
    image["colorized_improved"] = "Y29sb3JpemVkX2ltcHJvdmVk".into();
    image["colorized"] = "Y29sb3JpemVk".into();
    reply.to_string()
}

fn resolution() -> serde_json::Value {
    json!({"mode": "resolution", "rfactor": 2, "rtype": "photo"})
}

/// The parts of a form: name, the rest of the head, content.
fn parts(sent: &wiremock::Request) -> Vec<(String, String, String)> {
    let content_type = sent.headers["content-type"].to_str().unwrap();
    let delimiter = format!("--{}", content_type.strip_prefix("multipart/form-data; boundary=").unwrap());
    let body = String::from_utf8_lossy(&sent.body).into_owned();
    let parts = body.split(&delimiter).filter(|part| !matches!(part.trim(), "" | "--"));
    let part = |part: &str| {
        let (head, content) = part.trim_start().split_once("\r\n\r\n").unwrap();
        let head = head.strip_prefix("Content-Disposition: form-data; name=\"").unwrap();
        let (name, rest) = head.split_once('"').unwrap();
        (name.to_owned(), rest.to_owned(), content.trim_end().to_owned())
    };
    parts.map(part).collect()
}

/// The part `meta` that goes out with `options`; everything else about the request is as the page has it.
async fn sent_meta(options: serde_json::Value, reply: &str) -> String {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/v1/photo/improve"))
        .and(header("accept", "application/json"))
        .respond_with(json_reply(reply))
        .expect(1)
        .mount(&server)
        .await;
    client(&server).submit(request(&image(), &options)).await.unwrap();
    let sent = server.received_requests().await.unwrap().remove(0);
    assert_eq!(sent.url.query(), Some(format!("oauth_token={SERVICE_TOKEN}&oauth_provider=mcs").as_str()));
    assert!(!sent.headers.contains_key("authorization"));
    let parts = parts(&sent);
    let [file, (name, rest, meta)] = parts.as_slice() else { panic!("{parts:?}") };
    let head = "; filename=\"0123.jpg\"\r\nContent-Type: image/jpeg";
    assert_eq!(file, &("file".to_owned(), head.to_owned(), "picture".to_owned()));
    assert_eq!((name.as_str(), rest.as_str()), ("meta", ""));
    meta.clone()
}

#[tokio::test]
async fn an_improvement_is_asked_for_as_the_seeds_example_does() {
    let documented = r#"{"mode":["improve"],"images":[{"name":"file"}]}"#;
    let reply = &improve_reply();
    for options in [json!({}), json!({"mode": "improve"}), json!({"output": "colorized"})] {
        assert_eq!(sent_meta(options, reply).await, documented, "which picture is kept is our own business");
    }
}

#[tokio::test]
async fn more_resolution_is_asked_for_as_the_seeds_example_does() {
    let reply = include_str!("fixtures/resolution.json");
    let documented = r#"{"mode":["resolution"],"rfactor":2,"rtype":"photo","images":[{"name":"file"}]}"#;
    assert_eq!(sent_meta(resolution(), reply).await, documented);
    let art = json!({"mode": "resolution", "rfactor": 4, "rtype": "art"});
    let meta = r#"{"mode":["resolution"],"rfactor":4,"rtype":"art","images":[{"name":"file"}]}"#;
    assert_eq!(sent_meta(art, reply).await, meta);
}

#[tokio::test]
async fn the_chosen_picture_is_the_result_and_costs_one() {
    for (options, picture) in [
        (json!({}), "improved"),
        (json!({"output": "improved"}), "improved"),
        (json!({"output": "colorized_improved"}), "colorized_improved"),
        (json!({"output": "colorized"}), "colorized"),
    ] {
        let report = Report { charges: 1, ..Report::default() };
        let expected = Submitted::InHand { bytes: picture.into(), report };
        assert_eq!(submitted(options, json_reply(improve_reply())).await.unwrap(), expected, "{picture}");
    }
    let enlarged = submitted(resolution(), json_reply(include_str!("fixtures/resolution.json"))).await.unwrap();
    assert!(matches!(&enlarged, Submitted::InHand { bytes, .. } if bytes.starts_with(b"\xff\xd8\xff")), "{enlarged:?}");
}

fn improved(image: &serde_json::Value) -> String {
    json!({"status": 200, "body": {"improve": [image]}, "htmlencoded": false, "last_modified": 0}).to_string()
}

#[tokio::test]
async fn a_picture_under_the_name_of_the_table_is_read_too() {
    let reply = improved(&json!({"status": 0, "name": "file", "colored": "cGljdHVyZQ=="}));
    let coloured = submitted(json!({"output": "colorized"}), json_reply(reply)).await.unwrap();
    assert!(matches!(&coloured, Submitted::InHand { bytes, .. } if bytes == "picture"), "{coloured:?}");
}

#[tokio::test]
async fn numbers_that_are_text_a_bare_item_and_another_http_status_are_read() {
    let reply =
        json!({"status": "200", "body": {"improve": {"status": "0", "name": "file", "improved": "cGljdHVyZQ=="}}});
    let reply = ResponseTemplate::new(500).set_body_json(reply);
    assert!(matches!(submitted(json!({}), reply).await.unwrap(), Submitted::InHand { .. }));
}

#[tokio::test]
async fn a_photo_that_is_good_already_is_its_own_result() {
    for (output, image) in [
        ("improved", json!({"status": 0, "name": "file", "bw": false})),
        ("improved", json!({"status": 0, "name": "file", "improved": "", "colorized_improved": "cGljdHVyZQ=="})),
        ("colorized_improved", json!({"status": 0, "name": "file", "improved": "cGljdHVyZQ=="})),
        ("colorized", json!({"status": 0, "name": "file", "improved": "cGljdHVyZQ==", "colorized": null})),
    ] {
        let submitted = submitted(json!({"output": output}), json_reply(improved(&image))).await.unwrap();
        let Submitted::Finished(outcome) = submitted else { panic!("{submitted:?}") };
        assert_eq!(outcome.source, ResultSource::Original);
        assert_eq!(outcome.report.charges, 1, "the price is one for a transaction");
        let [warning] = outcome.report.warnings.as_slice() else { panic!("{:?}", outcome.report) };
        assert!(warning.contains(&format!("no {output} picture")) && warning.contains("original"), "{warning}");
    }
}

async fn refusal(options: serde_json::Value, reply: ResponseTemplate) -> (ErrorKind, Advice, String) {
    let error = submitted(options, reply).await.unwrap_err();
    (error.kind, error.advice, error.to_string())
}

#[tokio::test]
async fn documented_refusals_arrive_as_http_200_and_are_told_apart() {
    use {Advice as A, ErrorKind as K};
    for (body, kind, words) in [
        (include_str!("fixtures/rfactor_1010.json"), K::InvalidRequest, "rfactor must be 2 or 4"),
        (include_str!("fixtures/empty_image.json"), K::UnsuitableImage, "empty image"),
        (include_str!("fixtures/no_such_file.json"), K::InvalidRequest, "could not get image by name file1"),
    ] {
        let (found, advice, said) = refusal(resolution(), json_reply(body)).await;
        assert_eq!((found, advice), (kind, A::Reject), "{body}");
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn an_image_that_failed_for_now_is_tried_again_and_one_that_failed_for_good_is_not() {
    let failed = |status: i64| json_reply(improved(&json!({"status": status, "name": "file", "error": "no face"})));
    let (kind, advice, said) = refusal(json!({}), failed(1)).await;
    assert_eq!((kind, advice), (ErrorKind::UnsuitableImage, Advice::Reject));
    assert!(said.contains("no face"), "{said}");
    let (kind, advice, _) = refusal(json!({}), failed(2)).await;
    assert_eq!((kind, advice), (ErrorKind::Unavailable, Advice::Retry { after: Duration::from_secs(2) }));
}

#[tokio::test]
async fn a_reply_that_says_nothing_of_our_image_leaves_the_outcome_unknown() {
    for (options, body) in [
        (json!({}), r#"{"status":200,"body":{}}"#.to_owned()),
        (json!({}), r#"{"status":200,"body":"ok"}"#.to_owned()),
        (json!({}), r#"{"status":200}"#.to_owned()),
        (json!({}), "<html>".to_owned()),
        (json!({}), include_str!("fixtures/resolution.json").to_owned()),
        (resolution(), include_str!("fixtures/improve.json").to_owned()),
        (json!({}), improved(&json!({"status": 0, "name": "file1", "improved": "cGljdHVyZQ=="}))),
        (json!({}), improved(&json!({"status": 0, "improved": "cGljdHVyZQ=="}))),
        (json!({}), improved(&json!({"name": "file", "improved": "cGljdHVyZQ=="}))),
        (json!({}), improved(&json!({"status": 0, "name": "file", "improved": "<html>"}))),
        (resolution(), r#"{"status":200,"body":{"resolution":[{"status":0,"name":"file"}]}}"#.to_owned()),
    ] {
        let (kind, advice, said) = refusal(options, json_reply(&body)).await;
        assert_eq!((kind, advice), (ErrorKind::Unreadable, Advice::Unknown), "{body}");
        assert!(!said.contains("cGljdHVyZQ"), "no picture is put into a message: {said}");
    }
}

#[tokio::test]
async fn a_lost_reply_is_unknown_a_closed_door_is_a_retry_and_neither_shows_the_token() {
    let server = MockServer::start().await;
    // What a proxy says may hold the whole address.
    let page = format!("<html>502 /api/v1/photo/improve?oauth_token={SERVICE_TOKEN}&oauth_provider=mcs</html>");
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(502).set_body_string(page)).mount(&server).await;
    let (image, options) = (image(), json!({}));
    let broken = client(&server).submit(request(&image, &options)).await.unwrap_err();
    assert_eq!(broken.advice, Advice::Unknown);
    assert!(broken.to_string().contains("oauth_token=…&oauth_provider=mcs"), "{broken}");
    let url = "http://127.0.0.1:9/api/v1/photo/improve".parse().unwrap();
    let settings = Settings { url, credentials: Credentials::ServiceToken(SERVICE_TOKEN.into()) };
    assert!(!format!("{settings:?}").contains(SERVICE_TOKEN));
    let nobody = Vkcloud::new(Http::new().unwrap(), settings, Arc::new(NotesInMemory::default()), Clock::system());
    let unreached = nobody.submit(request(&image, &options)).await.unwrap_err();
    assert!(matches!(unreached.advice, Advice::Retry { .. }), "{unreached:?}");
    for shown in [format!("{broken:?}"), format!("{unreached:?}"), format!("{nobody:?}")] {
        assert!(!shown.contains(SERVICE_TOKEN), "{shown}");
    }
}

#[tokio::test]
async fn a_service_token_that_is_refused_is_not_tried_again() {
    let token = "vMA3Pjyno6tvCdo8MeDQ8xYTbgibiubr9r";
    let server = MockServer::start().await;
    Mock::given(query_param("oauth_token", token))
        .respond_with(json_reply(include_str!("fixtures/unauthorized.json")))
        .expect(1)
        .mount(&server)
        .await;
    let settings =
        Settings { url: server.uri().parse().unwrap(), credentials: Credentials::ServiceToken(token.into()) };
    let client = Vkcloud::new(Http::new().unwrap(), settings, Arc::new(NotesInMemory::default()), Clock::system());
    let error = client.submit(request(&image(), &json!({}))).await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::Credentials, Advice::Hold));
    assert!(error.to_string().contains("Access Token invalid"), "{error}");
    assert!(!format!("{error:?}").contains("vMA3Pjyn"), "the service repeats the token's beginning: {error:?}");
}

#[tokio::test]
async fn nobody_can_tell_whether_a_lost_call_arrived_and_a_repeat_is_cheap() {
    let server = MockServer::start().await;
    let options = json!({});
    let unsettled = Unsettled {
        options: &options,
        submitted_at: "2026-11-20T12:00:00Z".parse().unwrap(),
        now: "2026-11-20T12:03:00Z".parse().unwrap(),
        ruled_out: &[],
        evidence: None,
    };
    let settled = client(&server).settle(unsettled).await.unwrap();
    assert!(matches!(settled, Settled::RepeatIsCheap(cost) if cost.contains("0.06 RUB")), "{settled:?}");
    assert!(matches!(client(&server).account().await.unwrap(), Account::CannotAsk(_)));
    assert!(server.received_requests().await.unwrap().is_empty(), "neither costs anything");
}

#[test]
fn the_result_is_always_in_the_reply_and_a_function_makes_the_client_of_its_environment() {
    let notes = |_| Arc::new(NotesInMemory::default()) as Arc<dyn Notes>;
    let environment: Environment = [("VKCLOUD_TOKEN", SERVICE_TOKEN)].into_iter().collect();
    let http = Http::new().unwrap();
    let equipment = Equipment { environment: &environment, http: &http, notes: &notes };
    let client = make(&equipment).unwrap();
    assert_eq!(client.name(), ProviderName::Vkcloud);
    assert_eq!(client.delivery(&json!({})).unwrap(), Delivery::Reply);
    assert_eq!(client.delivery(&resolution()).unwrap(), Delivery::Reply);
    assert!(client.delivery(&json!({"copies": 3})).is_err());
}
