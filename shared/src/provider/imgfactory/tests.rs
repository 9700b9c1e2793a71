//! The client against the documents' own bodies.

use bytes::Bytes;
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::job::{ImageFormat, Outcome, ResultSource};
use crate::provider::Image;

const TOKEN: &str = "ysEaAb4LzzBwUkIDdaGGbd6eUq9EZaecvk412q0kx3K4BBUwtEuOdZmcfBro";

fn client(server: &MockServer) -> Imgfactory {
    let url = format!("{}/api/v1", server.uri()).parse().unwrap();
    Imgfactory::new(Http::new().unwrap(), Settings { url, token: TOKEN.into() })
}

fn image() -> Image {
    Image { bytes: Bytes::from_static(b"picture"), format: ImageFormat::Jpeg }
}

fn request<'a>(image: &'a Image, options: &'a serde_json::Value) -> Request<'a> {
    Request { image, file_name: "0123.jpg", options, callback_url: None, image_url: None }
}

fn json(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.as_bytes().to_vec(), "application/json")
}

fn task(id: &str) -> TaskId {
    TaskId(id.to_owned())
}

#[tokio::test]
async fn a_task_is_started_as_the_seeds_example_does() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/v1/async/unique"))
        .and(query_param("copies", "1"))
        .and(header("authorization", TOKEN))
        .respond_with(json(200, include_str!("fixtures/accepted.json")))
        .expect(1)
        .mount(&server)
        .await;
    let (image, options) = (image(), serde_json::json!({"copies": 1}));
    let submitted = client(&server).submit(request(&image, &options)).await.unwrap();
    let task_id = Some(task("d4ea7250-a1ea-11ec-9001-8bb6308e00c9"));
    assert_eq!(submitted, Submitted::Accepted { task_id });
    let sent = &server.received_requests().await.unwrap()[0];
    let body = String::from_utf8_lossy(&sent.body).into_owned();
    assert!(body.contains(r#"name="images[]"; filename="0123.jpg""#), "{body}");
    assert!(body.contains("Content-Type: image/jpeg"), "{body}");
}

/// Otherwise a task that was paid for would wait under a name by which nobody finds it, or that no row can hold.
#[tokio::test]
async fn a_task_without_a_usable_name_is_looked_for_and_not_lost() {
    for name in [String::new(), "x".repeat(300)] {
        let server = MockServer::start().await;
        let body = serde_json::json!({"task_id": name}).to_string();
        Mock::given(method("POST")).respond_with(json(200, &body)).mount(&server).await;
        let (image, options) = (image(), serde_json::json!({}));
        let error = client(&server).submit(request(&image, &options)).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (ErrorKind::Unreadable, Advice::Unknown));
    }
}

#[tokio::test]
async fn one_copy_comes_at_once() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/v1/sync/single/unique"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(b"copy".to_vec(), "image/jpeg"))
        .mount(&server)
        .await;
    let (image, options) = (image(), serde_json::json!({"mode": "sync"}));
    let submitted = client(&server).submit(request(&image, &options)).await.unwrap();
    assert_eq!(submitted, Submitted::InHand { bytes: Bytes::from_static(b"copy"), report: Report::default() });
    let body = String::from_utf8_lossy(&server.received_requests().await.unwrap()[0].body).into_owned();
    assert!(body.contains(r#"name="image"; filename="0123.jpg""#), "{body}");
}

#[tokio::test]
async fn one_list_answers_for_many_tasks_and_reads_numbers_that_are_text_or_null() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/tasks"))
        .and(query_param_is_missing("task_id"))
        .respond_with(json(200, include_str!("fixtures/tasks.json")))
        .expect(1)
        .mount(&server)
        .await;
    let pending = task("467668e0-a17d-11ec-b2c3-a73bc049c5f6");
    let started = task("7bab5ad0-a1e0-11ec-80a4-2d8155d1e15d");
    let done = task("d4ea7250-a1ea-11ec-9001-8bb6308e00c9");
    let unknown = task("00000000-0000-0000-0000-000000000000");
    Mock::given(query_param("task_id", unknown.0.as_str()))
        .respond_with(json(400, include_str!("fixtures/task_not_found.json")))
        .expect(1)
        .mount(&server)
        .await;
    let asked = [pending.clone(), started.clone(), done.clone(), unknown.clone()];
    let answered = client(&server).poll(&asked).await.unwrap();
    assert_eq!(answered[&pending], TaskStatus::Working);
    assert_eq!(answered[&started], TaskStatus::Working);
    let url = "https://imgfactory.ru/storage/uploads/api/d4ea7250-a1ea-11ec-9001-8bb6308e00c9.zip".to_owned();
    assert_eq!(answered[&done], TaskStatus::Finished(Outcome::of(ResultSource::Archive { url })));
    assert!(!answered.contains_key(&unknown));
}

#[tokio::test]
async fn one_task_is_asked_for_by_name_and_may_be_unknown() {
    let server = MockServer::start().await;
    let known = task("41572e60-a1e5-11ec-84ce-cb7091c1043d");
    Mock::given(query_param("task_id", known.0.as_str()))
        .respond_with(json(200, include_str!("fixtures/task_done.json")))
        .mount(&server)
        .await;
    Mock::given(query_param("task_id", "gone"))
        .respond_with(json(400, include_str!("fixtures/task_not_found.json")))
        .mount(&server)
        .await;
    let client = client(&server);
    assert_eq!(client.poll(std::slice::from_ref(&known)).await.unwrap().len(), 1);
    assert!(client.poll(&[task("gone")]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_a_closed_door_is_a_retry() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(json(502, "<html>")).mount(&server).await;
    let (image, options) = (image(), serde_json::json!({}));
    let broken = client(&server).submit(request(&image, &options)).await.unwrap_err();
    assert_eq!(broken.advice, Advice::Unknown);
    let nobody = Settings { url: "http://127.0.0.1:9/api/v1".parse().unwrap(), token: TOKEN.into() };
    let unreached = Imgfactory::new(Http::new().unwrap(), nobody).submit(request(&image, &options)).await.unwrap_err();
    assert!(matches!(unreached.advice, Advice::Retry { .. }), "{unreached:?}");
    assert!(!format!("{unreached:?}").contains(TOKEN));
}

#[tokio::test]
async fn one_odd_entry_does_not_hide_the_others_and_a_result_under_another_word_counts() {
    let server = MockServer::start().await;
    let body = r#"{"type":"success","detail":[{"status":null},{"id":"a","status":null,"result":null},
        {"id":"b","status":"FINISHED","result":"https://imgfactory.ru/b.zip"},{"id":"c","status":"BROKEN"}]}"#;
    Mock::given(path("/api/v1/tasks")).respond_with(json(200, body)).mount(&server).await;
    let answered = client(&server).poll(&[task("a"), task("b"), task("c")]).await.unwrap();
    assert_eq!(answered[&task("a")], TaskStatus::Working);
    assert!(matches!(answered[&task("b")], TaskStatus::Finished(_)));
    assert_eq!(answered[&task("c")], TaskStatus::Working);
}

async fn settled(created_at: &str, copies: &str, options: serde_json::Value, ruled_out: &[TaskId]) -> Settled {
    let server = MockServer::start().await;
    let body = serde_json::json!({"type": "success", "detail": [
        {"id": "t", "status": "STARTED", "files": "1", "copies": copies, "percent": "20", "result": null,
         "created_at": created_at, "updated_at": created_at}]});
    Mock::given(path("/api/v1/tasks")).respond_with(json(200, &body.to_string())).mount(&server).await;
    let unsettled = Unsettled {
        options: &options,
        submitted_at: "2022-03-12T09:17:30Z".parse().unwrap(),
        now: "2022-03-12T09:20:30Z".parse().unwrap(),
        ruled_out,
        evidence: None,
    };
    client(&server).settle(unsettled).await.unwrap()
}

#[tokio::test]
async fn a_lost_task_is_found_again_by_its_counts_and_birth_whatever_zone_the_clock_shows() {
    let ten = serde_json::json!({});
    // 09:17:30 UTC is 12:17:30 in Moscow.
    assert_eq!(settled("2022-03-12 12:17:35", "10", ten.clone(), &[]).await, Settled::Adopted(task("t")));
    assert_eq!(settled("2022-03-12 09:17:29", "10", ten.clone(), &[]).await, Settled::Adopted(task("t")));
    assert_eq!(settled("2022-03-12 12:09:00", "10", ten.clone(), &[]).await, Settled::NeverStarted);
    assert_eq!(settled("2022-03-12 12:17:35", "3", ten.clone(), &[]).await, Settled::NeverStarted);
    assert_eq!(settled("2022-03-12 12:17:35", "10", ten, &[task("t")]).await, Settled::NeverStarted);
}

#[tokio::test]
async fn without_a_proof_nothing_is_adopted() {
    let hashed = serde_json::json!({"names": "hashed"});
    assert!(matches!(settled("2022-03-12 12:17:35", "10", hashed, &[]).await, Settled::CannotTell(_)));
    let sync = serde_json::json!({"mode": "sync"});
    assert!(matches!(settled("2022-03-12 12:17:35", "10", sync, &[]).await, Settled::CannotTell(_)));
}
