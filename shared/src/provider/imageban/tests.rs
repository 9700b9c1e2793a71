//! The client against the documents' own bodies.

use bytes::Bytes;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::provider::{Image, NotesError, NotesInMemory};

const CLIENT_ID: &str = "cl13nt1d";
const SECRET_KEY: &str = "s3cr3tk3y";
const IMAGE_URL: &str = "https://darkroom.s3.example/uploads/a.png?X-Amz-Signature=f00f";

fn settings(url: &str, client_id: Option<&str>, secret_key: Option<&str>) -> Settings {
    let url = url.parse().unwrap();
    Settings { url, client_id: client_id.map(Into::into), secret_key: secret_key.map(Into::into) }
}

fn client_of(settings: Settings) -> Imageban {
    Imageban::new(Http::new().unwrap(), settings, Arc::new(NotesInMemory::default()))
}

fn client(server: &MockServer) -> Imageban {
    client_of(settings(&format!("{}/v1", server.uri()), Some(CLIENT_ID), Some(SECRET_KEY)))
}

fn guest(server: &MockServer) -> Imageban {
    client_of(settings(&format!("{}/v1", server.uri()), Some(CLIENT_ID), None))
}

fn image() -> Image {
    Image { bytes: Bytes::from_static(b"picture"), format: ImageFormat::Png }
}

async fn submit(client: &Imageban, options: serde_json::Value) -> Result<Submitted, ProviderError> {
    let image = image();
    let request = Request {
        image: &image,
        file_name: "0123.png",
        options: &options,
        callback_url: None,
        image_url: client.fetches_itself(&options).then_some(IMAGE_URL),
    };
    client.submit(request).await
}

async fn answers(server: &MockServer, verb: &str, place: &str, status: u16, body: impl Into<String>) {
    let reply = ResponseTemplate::new(status).set_body_raw(body.into(), "application/json");
    Mock::given(method(verb)).and(path(place)).respond_with(reply).mount(server).await;
}

async fn taking_uploads() -> MockServer {
    let server = MockServer::start().await;
    answers(&server, "POST", "/v1", 200, include_str!("fixtures/uploaded.json")).await;
    server
}

/// The form's parts in order: head and value.
fn parts(request: &wiremock::Request) -> Vec<(String, String)> {
    let content_type = request.headers["content-type"].to_str().unwrap();
    let boundary = format!("--{}", content_type.strip_prefix("multipart/form-data; boundary=").unwrap());
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let part = |part: &str| {
        let (head, value) = part.split_once("\r\n\r\n")?;
        let head = head.trim().trim_start_matches("Content-Disposition: form-data; ").replace("\r\n", "; ");
        Some((head, value.trim_end_matches("\r\n").to_owned()))
    };
    body.split(&boundary).filter_map(part).collect()
}

fn part(head: &str, value: &str) -> (String, String) {
    (head.to_owned(), value.to_owned())
}

/// What was sent: verb, path, authorization and parts of each request.
async fn sent(server: &MockServer) -> Vec<(String, String, String, Vec<(String, String)>)> {
    let requests = server.received_requests().await.unwrap().into_iter();
    let told = |request: wiremock::Request| {
        let parts = if request.method == "POST" { parts(&request) } else { Vec::new() };
        let authorization = request.headers["authorization"].to_str().unwrap().to_owned();
        (request.method.to_string(), request.url.path().to_owned(), authorization, parts)
    };
    requests.map(told).collect()
}

fn link() -> Link {
    Link {
        link: "https://i5.imageban.ru/out/2022/07/13/8b2313babd49d05ff36b8165845fc615.jpeg".into(),
        short_link: Some("http://ibn.im/i/JTXBeN4".into()),
        delete_hash: None,
        id: "JTXBeN4".into(),
    }
}

fn hosted(link: Link) -> Submitted {
    let report = Report { links: vec![link], charges: 1, ..Report::default() };
    Submitted::Finished(Outcome { source: ResultSource::Original, report })
}

const FILE: &str = "name=\"image\"; filename=\"0123.png\"; Content-Type: image/png";

#[tokio::test]
async fn a_guests_file_is_sent_as_the_pages_first_example_is() {
    let server = taking_uploads().await;
    assert_eq!(submit(&guest(&server), json!({})).await.unwrap(), hosted(link()));
    let expected = ("POST".into(), "/v1".into(), format!("TOKEN {CLIENT_ID}"), vec![part(FILE, "picture")]);
    assert_eq!(sent(&server).await, [expected]);
}

#[tokio::test]
async fn an_account_s_file_is_sent_as_the_pages_second_example_is() {
    let server = taking_uploads().await;
    submit(&client(&server), json!({})).await.unwrap();
    submit(&client(&server), json!({"auth": "guest"})).await.unwrap();
    let sent = sent(&server).await;
    assert_eq!(sent[0].2, format!("Bearer {SECRET_KEY}"));
    assert_eq!(sent[0].3, [part(FILE, "picture")]);
    assert_eq!(sent[1].2, format!("TOKEN {CLIENT_ID}"), "a guest where the preset says so");
}

#[tokio::test]
async fn an_address_is_sent_into_an_album_as_the_pages_fourth_example_is() {
    let server = taking_uploads().await;
    submit(&client(&server), json!({"send": "url", "album": "srXiv43"})).await.unwrap();
    let expected = [part("name=\"url\"", IMAGE_URL), part("name=\"album\"", "srXiv43")];
    assert_eq!(sent(&server).await[0].3, expected);
}

#[tokio::test]
async fn a_name_and_an_album_go_into_the_form_under_their_own_names() {
    let server = taking_uploads().await;
    submit(&client(&server), json!({"name": "кошка.png", "album": "srXiv43"})).await.unwrap();
    let expected = [part(FILE, "picture"), part("name=\"name\"", "кошка.png"), part("name=\"album\"", "srXiv43")];
    assert_eq!(sent(&server).await[0].3, expected);
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_address_is_not_sent() {
    let server = taking_uploads().await;
    let client = client_of(settings(&format!("{}/v1/", server.uri()), Some(CLIENT_ID), None));
    submit(&client, json!({})).await.unwrap();
    assert_eq!(sent(&server).await[0].1, "/v1");
}

#[tokio::test]
async fn one_object_is_read_as_well_as_a_list_and_what_deletes_is_kept() {
    for (body, id) in [
        (r#"{"data":{"id":"a","link":"https://i.imageban.ru/a.png","delete_hash":"d"},"success":true}"#, "a"),
        (r#"{"data":{"id":7,"link":"https://i.imageban.ru/a.png","delete_hash":"d","error":null}}"#, "7"),
        (
            r#"{"error":null,"data":[{"id":"a","link":"https://i.imageban.ru/a.png","delete_hash":"d","short_link":null}]}"#,
            "a",
        ),
    ] {
        let server = MockServer::start().await;
        answers(&server, "POST", "/v1", 200, body).await;
        let expected = Link {
            link: "https://i.imageban.ru/a.png".into(),
            short_link: None,
            delete_hash: Some("d".into()),
            id: id.into(),
        };
        assert_eq!(submit(&guest(&server), json!({})).await.unwrap(), hosted(expected), "{body}");
    }
}

#[test]
fn the_end_is_in_the_reply_and_only_addresses_are_fetched_by_the_service() {
    let client = client_of(settings("https://api.imageban.ru/v1", Some(CLIENT_ID), None));
    assert_eq!(client.delivery(&json!({})).unwrap(), Delivery::Reply);
    assert!(client.delivery(&json!({"copies": 3})).is_err());
    assert!(client.fetches_itself(&json!({"send": "url"})) && !client.fetches_itself(&json!({})));
}

#[tokio::test]
async fn an_address_that_nobody_gave_is_told() {
    let server = taking_uploads().await;
    let (image, options) = (image(), json!({"send": "url"}));
    let request =
        Request { image: &image, file_name: "0123.png", options: &options, callback_url: None, image_url: None };
    let error = client(&server).submit(request).await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::InvalidRequest, Advice::Reject));
    assert!(sent(&server).await.is_empty());
}

#[tokio::test]
async fn what_the_keys_do_not_allow_is_refused_before_anything_is_sent() {
    let server = taking_uploads().await;
    let account = client_of(settings(&format!("{}/v1", server.uri()), None, Some(SECRET_KEY)));
    for (client, options, word) in [
        (guest(&server), json!({"album": "srXiv43"}), "albums need an account"),
        (guest(&server), json!({"album_name": "cats"}), "albums need an account"),
        (guest(&server), json!({"auth": "account"}), "IMAGEBAN_SECRET_KEY"),
        (account, json!({"auth": "guest"}), "IMAGEBAN_CLIENT_ID"),
    ] {
        assert!(client.check(&options).unwrap_err().contains(word), "{options}");
        let error = submit(&client, options.clone()).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (ErrorKind::Credentials, Advice::Hold), "{options}");
        assert!(error.message.contains(word), "{error}");
    }
    assert!(sent(&server).await.is_empty());
    assert_eq!(client(&server).check(&json!({"album_name": "cats"})), Ok(()));
    assert!(guest(&server).check(&json!({"copies": 3})).is_err());
}

#[tokio::test]
async fn a_refused_upload_is_told_from_one_that_may_be_hosted() {
    use {Advice as A, ErrorKind as K};
    let refusal = |code: &str| include_str!("fixtures/invalid_secret_key.json").replace("105", code);
    let retry = A::Retry { after: Duration::from_secs(2) };
    for (status, body, kind, advice) in [
        (200, refusal("103"), K::UnsuitableImage, A::Reject),
        (200, refusal("104"), K::Unavailable, retry),
        (200, refusal("109"), K::RateLimited, A::NextDay { zone_hours: 3 }),
        (403, refusal("105"), K::Credentials, A::Hold),
        (502, "<html>".to_owned(), K::Unavailable, A::Unknown),
        (200, r#"{"data":[],"success":true}"#.to_owned(), K::Unreadable, A::Unknown),
        (200, r#"{"data":[{"id":"a"}]}"#.to_owned(), K::Unreadable, A::Unknown),
        (500, include_str!("fixtures/uploaded.json").to_owned(), K::Unavailable, A::Unknown),
    ] {
        let server = MockServer::start().await;
        answers(&server, "POST", "/v1", status, body.clone()).await;
        let error = submit(&client(&server), json!({})).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (kind, advice), "{status} {body}");
    }
}

#[tokio::test]
async fn no_error_holds_a_secret() {
    let nobody = client_of(settings("http://127.0.0.1:9/v1", Some(CLIENT_ID), Some(SECRET_KEY)));
    let unreached = submit(&nobody, json!({"send": "url"})).await.unwrap_err();
    assert!(matches!(unreached.advice, Advice::Retry { .. }), "{unreached:?}");
    let mut shown = format!("{nobody:?} {unreached:?}");
    for body in [
        json!({"error": {"code": "106", "message": format!("Wrong URL {IMAGE_URL}")}}).to_string(),
        format!("<html>{IMAGE_URL}").replace('/', "\\/"),
    ] {
        let server = MockServer::start().await;
        answers(&server, "POST", "/v1", 200, body).await;
        let error = submit(&client(&server), json!({"send": "url"})).await.unwrap_err();
        assert!(error.message.ends_with('…'), "{error}");
        shown += &format!("{error:?}");
    }
    for secret in [CLIENT_ID, SECRET_KEY, "f00f"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

const CATS: &str = r#"{"data":{"id":"srXiv43","album_name":"cats"},"success":true,"status":200}"#;
const TAKEN: &str = r#"{"error":{"code":"400","message":"There is an album of this name"}}"#;

#[tokio::test]
async fn an_album_is_made_once_and_shared_by_all() {
    let server = taking_uploads().await;
    answers(&server, "POST", "/v1/album", 200, CATS).await;
    let first = client(&server);
    let second = Imageban::new(first.http.clone(), first.settings.clone(), first.notes.clone());
    let options = json!({"album_name": "cats", "album_desc": "of cats", "album_type": "hidden", "album_pass": "meow"});
    submit(&first, options.clone()).await.unwrap();
    submit(&second, options).await.unwrap();
    let bearer = format!("Bearer {SECRET_KEY}");
    let made = vec![
        part("name=\"album_name\"", "cats"),
        part("name=\"album_desc\"", "of cats"),
        part("name=\"album_type\"", "hidden"),
        part("name=\"album_pass\"", "meow"),
    ];
    let upload = (
        "POST".to_owned(),
        "/v1".to_owned(),
        bearer.clone(),
        vec![part(FILE, "picture"), part("name=\"album\"", "srXiv43")],
    );
    assert_eq!(sent(&server).await, [("POST".into(), "/v1/album".into(), bearer, made), upload.clone(), upload]);
    assert_eq!(first.notes.get(&first.note_name("cats")).await.unwrap().as_deref(), Some("srXiv43"));
}

#[tokio::test]
async fn of_an_album_only_what_the_preset_says_is_sent() {
    let server = taking_uploads().await;
    answers(&server, "POST", "/v1/album", 200, CATS).await;
    submit(&client(&server), json!({"album_name": "cats"})).await.unwrap();
    assert_eq!(sent(&server).await[0].3, [part("name=\"album_name\"", "cats")]);
}

#[tokio::test]
async fn an_album_whose_name_is_taken_is_looked_for_in_the_account() {
    for (status, ids) in [
        (400, r#"{"data":["one","broken","srXiv43"],"success":true,"status":200}"#),
        (200, r#"{"data":[{"id":"one"},{"id":"broken"},{"id":"srXiv43"}]}"#),
    ] {
        let server = taking_uploads().await;
        answers(&server, "POST", "/v1/album", status, TAKEN).await;
        answers(&server, "GET", "/v1/account/me/albums/ids", 200, ids).await;
        answers(&server, "GET", "/v1/album/one", 200, r#"{"data":[{"id":"one","name":"dogs"}]}"#).await;
        answers(&server, "GET", "/v1/album/broken", 502, "<html>").await;
        answers(&server, "GET", "/v1/album/srXiv43", 200, r#"{"data":{"id":"srXiv43","name":"cats"}}"#).await;
        let client = client(&server);
        submit(&client, json!({"album_name": "cats"})).await.unwrap();
        assert_eq!(client.notes.get(&client.note_name("cats")).await.unwrap().as_deref(), Some("srXiv43"));
        let sent = sent(&server).await;
        assert_eq!(sent.last().unwrap().3[1], part("name=\"album\"", "srXiv43"));
        assert!(sent.iter().all(|(_, _, authorization, _)| *authorization == format!("Bearer {SECRET_KEY}")));
        let before = sent.len();
        submit(&client, json!({"album_name": "cats"})).await.unwrap();
        assert_eq!(server.received_requests().await.unwrap().len(), before + 1, "noted, so only the upload");
    }
}

/// Notes in which another function notes the album at the very moment when we make it.
#[derive(Debug, Default)]
struct AnotherIsQuicker(std::sync::atomic::AtomicUsize);

#[async_trait]
impl Notes for AnotherIsQuicker {
    async fn get(&self, _: &str) -> Result<Option<String>, NotesError> {
        let first = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        Ok((!first).then(|| "of another".to_owned()))
    }
    async fn replace(&self, _: &str, _: Option<&str>, _: &str) -> Result<bool, NotesError> {
        Ok(false)
    }
}

#[tokio::test]
async fn an_album_that_another_function_just_made_is_used() {
    for (status, body) in [(400, TAKEN), (200, CATS)] {
        let server = taking_uploads().await;
        answers(&server, "POST", "/v1/album", status, body).await;
        let client = Imageban { notes: Arc::new(AnotherIsQuicker::default()), ..client(&server) };
        submit(&client, json!({"album_name": "cats"})).await.unwrap();
        let sent = sent(&server).await;
        assert_eq!(sent.len(), 2, "nothing is looked for: {sent:?}");
        assert_eq!(sent[1].3[1], part("name=\"album\"", "of another"));
    }
}

#[tokio::test]
async fn an_album_that_can_neither_be_made_nor_found_stops_the_upload() {
    use {Advice as A, ErrorKind as K};
    let retry = A::Retry { after: Duration::from_secs(2) };
    let ids = r#"{"data":["one"]}"#;
    let invalid = include_str!("fixtures/invalid_secret_key.json");
    for (made, ids, one, kind, advice) in [
        ((400, TAKEN), (200, ids), (200, r#"{"data":{"name":"dogs"}}"#), K::InvalidRequest, A::Reject),
        ((400, TAKEN), (200, r#"{"data":[]}"#), (200, "{}"), K::InvalidRequest, A::Reject),
        ((400, TAKEN), (200, ids), (404, ""), K::InvalidRequest, A::Reject),
        ((400, TAKEN), (200, ids), (502, ""), K::Unavailable, retry),
        ((400, TAKEN), (200, ids), (200, invalid), K::Credentials, A::Hold),
        ((400, TAKEN), (502, ""), (200, "{}"), K::Unavailable, retry),
        (
            (401, r#"{"error":{"code":"401","message":"No name"}}"#),
            (200, ids),
            (200, "{}"),
            K::InvalidRequest,
            A::Reject,
        ),
        ((200, invalid), (200, ids), (200, "{}"), K::Credentials, A::Hold),
        ((502, ""), (200, ids), (200, "{}"), K::Unavailable, retry),
    ] {
        let server = taking_uploads().await;
        answers(&server, "POST", "/v1/album", made.0, made.1).await;
        answers(&server, "GET", "/v1/account/me/albums/ids", ids.0, ids.1).await;
        answers(&server, "GET", "/v1/album/one", one.0, one.1).await;
        let error = submit(&client(&server), json!({"album_name": "cats"})).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (kind, advice), "{made:?} {ids:?} {one:?}: {error}");
        let sent = sent(&server).await;
        assert!(sent.iter().all(|(_, path, ..)| path != "/v1"), "nothing is uploaded");
        if sent.len() > 1 && advice == A::Reject {
            assert!(error.message.contains("put its id into the preset as album"), "{error}");
        }
    }
}

/// Notes that cannot be reached.
#[derive(Debug)]
struct Unreachable;

#[async_trait]
impl Notes for Unreachable {
    async fn get(&self, _: &str) -> Result<Option<String>, NotesError> {
        Err(NotesError("the table is away".into()))
    }
    async fn replace(&self, _: &str, _: Option<&str>, _: &str) -> Result<bool, NotesError> {
        Err(NotesError("the table is away".into()))
    }
}

#[tokio::test]
async fn without_the_common_memory_no_album_is_made() {
    let server = taking_uploads().await;
    let client = Imageban { notes: Arc::new(Unreachable), ..client(&server) };
    let error = submit(&client, json!({"album_name": "cats"})).await.unwrap_err();
    assert!(matches!(error.advice, Advice::Retry { .. }) && error.message.contains("away"), "{error:?}");
    assert!(sent(&server).await.is_empty());
}

#[tokio::test]
async fn a_repeat_is_cheap_and_the_account_cannot_be_asked() {
    let server = MockServer::start().await;
    let client = client(&server);
    let unsettled = Unsettled {
        options: &json!({}),
        submitted_at: "2026-11-20T12:00:00Z".parse().unwrap(),
        now: "2026-11-20T12:00:15Z".parse().unwrap(),
        ruled_out: &[],
        evidence: None,
    };
    assert_eq!(client.settle(unsettled).await.unwrap(), Settled::RepeatIsCheap("a second copy may be hosted"));
    assert!(matches!(client.account().await.unwrap(), Account::CannotAsk(_)));
    assert_eq!(client.evidence(&image()).await.unwrap(), None);
    assert!(server.received_requests().await.unwrap().is_empty());
}
