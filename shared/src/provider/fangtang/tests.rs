//! The client against the documents' own bodies.

use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use serde_json::json;
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::provider::NotesInMemory;

const THIRD_CODE: &str = "hiliad-code";
/// The key and the time of the page's example.
const SECRET_KEY: &str = "hiliad";
const SECOND: i64 = 1_629_962_357;
const TOKEN: &str = "5484490c8e797dabe52af90ab8bd1e50,1629962357";
const MDF: &str = "40b37f58db153e5149f008421797714e";
/// md5 of `picture`, by another program.
const MDF_OF_PICTURE: &str = "5456fc54c74a297ce994998c2873b370";

const UPLOAD: &str = "/api/third/photo/upload";
const STATUS: &str = "/api/third/photo/status";
const DOWNLOAD: &str = "/api/third/photo/download";
const NUMS: &str = "/api/third/company/nums";

fn client(server: &MockServer) -> Fangtang {
    client_at(&server.uri())
}

fn client_at(url: &str) -> Fangtang {
    let url = url.parse().unwrap();
    let settings = Settings { url, third_code: THIRD_CODE.into(), secret_key: SECRET_KEY.into() };
    let clock = Clock::of(|| jiff::Timestamp::from_second(SECOND).unwrap());
    Fangtang::new(Http::new().unwrap(), settings, Arc::new(NotesInMemory::default()), clock)
}

fn image() -> Image {
    Image { bytes: Bytes::from_static(b"picture"), format: ImageFormat::Png }
}

fn request<'a>(image: &'a Image, options: &'a serde_json::Value) -> Request<'a> {
    Request { image, file_name: "0123.png", options, callback_url: None, image_url: None }
}

fn task(mdf: &str) -> TaskId {
    TaskId(mdf.to_owned())
}

fn refusal(errno: i64) -> String {
    json!({"code": 9000, "errno": errno, "msg": "…"}).to_string()
}

/// The service answers `body` at `place`, with HTTP 200 as always.
async fn answers(server: &MockServer, place: &str, body: impl Into<String>) {
    let reply = ResponseTemplate::new(200).set_body_raw(body.into(), "application/json");
    Mock::given(method("POST")).and(path(place)).respond_with(reply).mount(server).await;
}

/// The same about one task only.
async fn answers_of(server: &MockServer, place: &str, mdf: &str, body: impl Into<String>) {
    let reply = ResponseTemplate::new(200).set_body_raw(body.into(), "application/json");
    let of_it = body_string_contains(format!("name=\"mdf\"\r\n\r\n{mdf}\r\n"));
    Mock::given(method("POST")).and(path(place)).and(of_it).respond_with(reply).mount(server).await;
}

/// The form's parts in order: name with file name and type, and value.
fn parts(request: &wiremock::Request) -> Vec<(String, String)> {
    let content_type = request.headers["content-type"].to_str().unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let boundary = format!("--{boundary}");
    let parts = body.split(&boundary).filter_map(|part| part.split_once("\r\n\r\n"));
    let part = |(head, value): (&str, &str)| {
        let head = head.trim().trim_start_matches("Content-Disposition: form-data; ");
        (head.replace("\r\n", "; "), value.trim_end_matches("\r\n").to_owned())
    };
    parts.map(part).collect()
}

fn part(head: &str, value: &str) -> (String, String) {
    (head.to_owned(), value.to_owned())
}

#[test]
fn the_token_is_the_documents_own() {
    assert_eq!(token(SECRET_KEY, SECOND), TOKEN);
}

#[tokio::test]
async fn a_name_or_an_address_without_end_is_none() {
    let server = MockServer::start().await;
    let endless = "x".repeat(9_000);
    answers(&server, UPLOAD, json!({"code": 200, "data": {"mdf": endless}}).to_string()).await;
    answers(&server, STATUS, include_str!("fixtures/status_done.json")).await;
    let url = format!("http://photo.fangtangtv.com/{endless}");
    answers(&server, DOWNLOAD, json!({"code": 200, "data": {"url": url}}).to_string()).await;
    let (image, options) = (image(), json!({}));
    let error = client(&server).submit(request(&image, &options)).await.unwrap_err();
    assert_eq!(error.advice, Advice::Unknown);
    let polled = client(&server).poll(&[task(MDF)]).await.unwrap();
    assert_eq!(polled[&task(MDF)], TaskStatus::Working, "asked for again until its hour is over");
}

#[tokio::test]
async fn an_upload_is_sent_as_the_pages_example_is() {
    let server = MockServer::start().await;
    answers(&server, UPLOAD, include_str!("fixtures/uploaded.json")).await;
    let (image, options) = (image(), json!({"repair_type": "bg", "rgb": "255,255,255"}));
    let submitted = client(&server).submit(request(&image, &options)).await.unwrap();
    assert_eq!(submitted, Submitted::Accepted { task_id: Some(task(MDF)) });
    let sent = server.received_requests().await.unwrap().remove(0);
    assert_eq!(sent.headers["token"], TOKEN);
    let expected = [
        part("name=\"repair_type\"", "bg"),
        part("name=\"third_code\"", THIRD_CODE),
        part("name=\"file\"; filename=\"0123.png\"; Content-Type: image/png", "picture"),
        part("name=\"rgb\"", "255,255,255"),
    ];
    assert_eq!(parts(&sent), expected);
}

#[tokio::test]
async fn every_kind_of_repair_goes_into_the_form_by_its_own_word() {
    for (options, word) in [
        (json!({}), "sr"),
        (json!({"repair_type": "sr,repair"}), "sr,repair"),
        (json!({"repair_type": "sr,repair,colour"}), "sr,repair,colour"),
    ] {
        let server = MockServer::start().await;
        answers(&server, UPLOAD, include_str!("fixtures/uploaded.json")).await;
        let image = image();
        client(&server).submit(request(&image, &options)).await.unwrap();
        let parts = parts(&server.received_requests().await.unwrap()[0]);
        assert_eq!(parts[0], part("name=\"repair_type\"", word));
        assert_eq!(parts.len(), 3, "no rgb");
    }
}

#[tokio::test]
async fn each_request_has_a_token_of_its_own() {
    static NOW: AtomicI64 = AtomicI64::new(SECOND);
    let server = MockServer::start().await;
    answers(&server, NUMS, include_str!("fixtures/nums.json")).await;
    let clock = Clock::of(|| jiff::Timestamp::from_second(NOW.fetch_add(60, Ordering::SeqCst)).unwrap());
    let client = Fangtang { clock, ..client(&server) };
    client.account().await.unwrap();
    client.account().await.unwrap();
    let sent = server.received_requests().await.unwrap();
    assert_eq!(sent[0].headers["token"], TOKEN);
    assert_eq!(sent[1].headers["token"], token(SECRET_KEY, SECOND + 60).as_str());
}

#[tokio::test]
async fn what_the_account_has_left_is_asked_by_its_code() {
    let server = MockServer::start().await;
    answers(&server, NUMS, include_str!("fixtures/nums.json")).await;
    assert_eq!(client(&server).account().await.unwrap(), Account::Left(98));
    let sent = server.received_requests().await.unwrap().remove(0);
    assert_eq!(parts(&sent), [part("name=\"third_code\"", THIRD_CODE)]);
}

#[tokio::test]
async fn a_done_task_is_a_picture_and_one_charge() {
    let server = MockServer::start().await;
    answers(&server, STATUS, include_str!("fixtures/status_done.json")).await;
    answers(&server, DOWNLOAD, include_str!("fixtures/download.json")).await;
    let answered = client(&server).poll(&[task(MDF)]).await.unwrap();
    let url = "https://photo.fangtangtv.com/static/life_img/40b37f58db153e5149f008421797714e01100.jpg".to_owned();
    let report = Report { charges: 1, ..Report::default() };
    let done = TaskStatus::Finished(Outcome { source: ResultSource::Image { url }, report });
    assert_eq!(answered, BTreeMap::from([(task(MDF), done)]));
    for sent in server.received_requests().await.unwrap() {
        assert_eq!(sent.headers["token"], TOKEN);
        assert_eq!(parts(&sent), [part("name=\"mdf\"", MDF), part("name=\"third_code\"", THIRD_CODE)]);
    }
}

#[tokio::test]
async fn many_tasks_are_asked_for_one_by_one_and_one_unknown_hides_no_other() {
    let server = MockServer::start().await;
    let done = include_str!("fixtures/status_done.json");
    let working = done.replace("200\n    }", "100\n    }").replace("图片处理完成", "图片处理中");
    assert!(working.contains("\"status\": 100"));
    answers_of(&server, STATUS, "done", done).await;
    answers_of(&server, DOWNLOAD, "done", include_str!("fixtures/download.json")).await;
    answers_of(&server, STATUS, "expired", done).await;
    answers_of(&server, DOWNLOAD, "expired", include_str!("fixtures/download_expired.json")).await;
    answers_of(&server, STATUS, "working", working).await;
    answers_of(&server, STATUS, "text", r#"{"code":"200","data":[{"status":"100"}]}"#).await;
    answers_of(&server, STATUS, "odd", r#"{"code":200,"data":{"status":300,"msg":"?"}}"#).await;
    answers_of(&server, STATUS, "unknown", include_str!("fixtures/status_unknown.json")).await;
    answers_of(&server, STATUS, "broken", refusal(500)).await;
    answers_of(&server, STATUS, "unreadable", "<html>").await;
    answers_of(&server, STATUS, "no address", done).await;
    answers_of(&server, DOWNLOAD, "no address", r#"{"code":200,"data":{"url":""}}"#).await;
    let names = ["done", "expired", "working", "text", "odd", "unknown", "broken", "unreadable", "no address", "done"];
    let answered = client(&server).poll(&names.map(task)).await.unwrap();
    assert!(matches!(answered[&task("done")], TaskStatus::Finished(_)));
    for name in ["working", "text", "odd", "broken", "unreadable", "no address"] {
        assert_eq!(answered[&task(name)], TaskStatus::Working, "{name}");
    }
    assert_eq!(answered.len(), 7, "what is unknown or expired is missing: {answered:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 12, "each task once, and three results");
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_no_task_s_own_matter() {
    let server = MockServer::start().await;
    answers_of(&server, STATUS, "a", include_str!("fixtures/status_done.json")).await;
    answers_of(&server, DOWNLOAD, "a", include_str!("fixtures/download.json")).await;
    answers(&server, STATUS, refusal(9999)).await;
    let error = client(&server).poll(&[task("a"), task("b")]).await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::Credentials, Advice::Hold));
    assert!(client(&server).poll(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_upload_is_told_from_one_that_may_have_been_charged() {
    use {Advice as A, ErrorKind as K};
    let retry = A::Retry { after: Duration::from_secs(2) };
    for (status, body, kind, advice) in [
        (200, refusal(9999), K::Credentials, A::Hold),
        (200, refusal(9101), K::Payment, A::Hold),
        (200, refusal(9001), K::InvalidRequest, A::Reject),
        (200, include_str!("fixtures/type_not_supported.json").to_owned(), K::UnsuitableImage, A::Reject),
        (200, refusal(9006), K::Unavailable, retry),
        (200, refusal(9009), K::UnsuitableImage, A::Reject),
        (502, "<html>".to_owned(), K::Unavailable, A::Unknown),
        (500, include_str!("fixtures/uploaded.json").to_owned(), K::Unavailable, A::Unknown),
        (200, r#"{"code":200,"data":{}}"#.to_owned(), K::Unreadable, A::Unknown),
        (200, r#"{"code":200,"data":{"mdf":""}}"#.to_owned(), K::Unreadable, A::Unknown),
    ] {
        let server = MockServer::start().await;
        let reply = ResponseTemplate::new(status).set_body_string(body.clone());
        Mock::given(path(UPLOAD)).respond_with(reply).mount(&server).await;
        let (image, options) = (image(), json!({}));
        let error = client(&server).submit(request(&image, &options)).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (kind, advice), "{status} {body}");
    }
}

#[tokio::test]
async fn a_closed_door_is_a_retry_and_no_error_holds_a_secret() {
    let (image, options) = (image(), json!({}));
    let client = client_at("http://127.0.0.1:9");
    let unreached = client.submit(request(&image, &options)).await.unwrap_err();
    assert!(matches!(unreached.advice, Advice::Retry { .. }), "{unreached:?}");
    let settings = Settings { secret_key: "s3cr3t\nkey".into(), ..client.settings.clone() };
    let client = Fangtang { settings, ..client };
    let shown = format!("{client:?} {unreached:?} {unreached}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("5484490c"), "{shown}");
}

async fn evidence(nums: &str) -> Result<serde_json::Value, ProviderError> {
    let server = MockServer::start().await;
    answers(&server, NUMS, nums).await;
    let evidence = client(&server).evidence(&image()).await?;
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "one question, nothing sent");
    Ok(evidence.unwrap().noted)
}

#[tokio::test]
async fn before_an_upload_its_name_and_what_is_left_are_noted() {
    let noted = evidence(include_str!("fixtures/nums.json")).await.unwrap();
    assert_eq!(noted, json!({"mdf": MDF_OF_PICTURE, "nums": 98}));
    let as_text = evidence(r#"{"code":"200","data":{"code":"hiliad","nums":"98"}}"#).await.unwrap();
    assert_eq!(as_text["nums"], 98);
    for passing in [refusal(500), refusal(9002), "<html>".to_owned()] {
        assert_eq!(evidence(&passing).await.unwrap(), json!({"mdf": MDF_OF_PICTURE}), "{passing}");
    }
    let unreached = client_at("http://127.0.0.1:9").evidence(&image()).await.unwrap().unwrap();
    assert_eq!(unreached.noted, json!({"mdf": MDF_OF_PICTURE}));
}

#[tokio::test]
async fn with_nothing_left_nothing_is_sent() {
    let none_left = include_str!("fixtures/nums.json").replace("98", "0");
    for (answer, kind) in
        [(none_left, ErrorKind::Payment), (refusal(9101), ErrorKind::Payment), (refusal(9999), ErrorKind::Credentials)]
    {
        let error = evidence(&answer).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (kind, Advice::Hold), "{answer}");
    }
}

async fn settled(
    status: &str,
    nums: &str,
    evidence: Option<serde_json::Value>,
    ruled_out: &[TaskId],
) -> Result<Settled, ProviderError> {
    let server = MockServer::start().await;
    answers_of(&server, STATUS, MDF_OF_PICTURE, status).await;
    answers(&server, NUMS, nums).await;
    let unsettled = Unsettled {
        options: &json!({}),
        submitted_at: "2026-11-20T12:00:00Z".parse().unwrap(),
        now: "2026-11-20T12:00:15Z".parse().unwrap(),
        ruled_out,
        evidence: evidence.as_ref(),
    };
    client(&server).settle(unsettled).await
}

#[tokio::test]
async fn a_lost_upload_is_found_again_by_the_images_md5() {
    let noted = Some(json!({"mdf": MDF_OF_PICTURE, "nums": 99}));
    for status in [include_str!("fixtures/status_done.json"), r#"{"code":200,"data":{"msg":"…","status":100}}"#] {
        let found = settled(status, include_str!("fixtures/nums.json"), noted.clone(), &[]).await.unwrap();
        assert_eq!(found, Settled::Adopted(task(MDF_OF_PICTURE)));
        // As much is left as before: what is known is an earlier upload of the same image, not this one.
        let earlier = Some(json!({"mdf": MDF_OF_PICTURE, "nums": 98}));
        let found = settled(status, include_str!("fixtures/nums.json"), earlier, &[]).await.unwrap();
        assert_eq!(found, Settled::NeverStarted);
    }
}

#[tokio::test]
async fn an_upload_counts_as_never_started_only_while_nothing_was_charged() {
    let unknown = include_str!("fixtures/status_unknown.json");
    let nums = include_str!("fixtures/nums.json");
    let noted = |left: i64| Some(json!({"mdf": MDF_OF_PICTURE, "nums": left}));
    assert_eq!(settled(unknown, nums, noted(98), &[]).await.unwrap(), Settled::NeverStarted);
    let charged = settled(unknown, nums, noted(99), &[]).await.unwrap();
    assert!(matches!(&charged, Settled::CannotTell(why) if why.contains("99") && why.contains("98")), "{charged:?}");
    let not_counted = settled(unknown, nums, Some(json!({"mdf": MDF_OF_PICTURE})), &[]).await.unwrap();
    assert!(matches!(&not_counted, Settled::CannotTell(why) if why.contains("not known")), "{not_counted:?}");
    let not_noted = settled(unknown, nums, None, &[]).await.unwrap();
    assert!(matches!(&not_noted, Settled::CannotTell(why) if why.contains("noted")), "{not_noted:?}");
    let known = include_str!("fixtures/status_done.json");
    let ruled_out = settled(known, nums, noted(99), &[task(MDF_OF_PICTURE)]).await.unwrap();
    assert!(matches!(ruled_out, Settled::CannotTell(_)), "{ruled_out:?}");
}

#[tokio::test]
async fn what_the_service_names_by_md5_and_does_not_know_was_never_sent() {
    let server = MockServer::start().await;
    answers_of(&server, STATUS, MDF_OF_PICTURE, include_str!("fixtures/status_unknown.json")).await;
    answers(&server, NUMS, include_str!("fixtures/nums.json")).await;
    let client = client(&server);
    let evidence = json!({"mdf": MDF_OF_PICTURE, "nums": 99});
    let (options, client) = (json!({}), &client);
    let settle = |now: &'static str| {
        let (submitted_at, now) = ("2026-11-20T12:00:00Z".parse().unwrap(), now.parse().unwrap());
        let unsettled = Unsettled { options: &options, submitted_at, now, ruled_out: &[], evidence: Some(&evidence) };
        async move { client.settle(unsettled).await.unwrap() }
    };
    let soon = "2026-11-20T12:00:15Z";
    assert!(matches!(settle(soon).await, Settled::CannotTell(_)), "nothing has shown it yet");
    client.learn_name(&image(), &task(MDF_OF_PICTURE)).await;
    assert_eq!(settle(soon).await, Settled::NeverStarted);
    assert!(matches!(settle("2026-11-20T13:00:01Z").await, Settled::CannotTell(_)), "it forgets after an hour");
    client.learn_name(&image(), &task("another-name")).await;
    assert!(matches!(settle(soon).await, Settled::CannotTell(_)), "one other name, and nothing is certain");
    client.learn_name(&image(), &task(MDF_OF_PICTURE)).await;
    assert!(matches!(settle(soon).await, Settled::CannotTell(_)), "for good");
}

#[tokio::test]
async fn where_fangtang_cannot_be_asked_nothing_is_settled() {
    let unknown = include_str!("fixtures/status_unknown.json");
    let noted = Some(json!({"mdf": MDF_OF_PICTURE, "nums": 99}));
    let fine = include_str!("fixtures/nums.json");
    for (status, nums) in [(refusal(500).as_str(), fine), (refusal(9999).as_str(), fine), (unknown, "<html>")] {
        assert!(settled(status, nums, noted.clone(), &[]).await.is_err(), "{status} {nums}");
    }
}
