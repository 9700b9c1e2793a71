//! What becomes of access tokens: fetched once, shared, refreshed, replaced when they are refused, never shown.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use wiremock::matchers::body_json;

use super::*;
use crate::provider::NotesError;

const ID: &str = "mcs1017666666.ml.vision.f7kk1rmajnhfy";
const SECRET: &str = "5FYLyJoex37xw45TJShx6dGifnouhdsOIndbsyg78ejnbs";
/// Those of the page's example.
const ACCESS: &str = "vMA3Pjyno6tvCdo8MeDQ8xfgbibiubr9r";
const REFRESH: &str = "Q9fdfT49CZ19rfohBC4y8Du6PE89989898hghgh";
const SECOND_ACCESS: &str = "aZ81Kq0secondAccessToken";
const SECOND_REFRESH: &str = "pL55Xu2secondRefreshToken";

const NOW: &str = "2026-11-20T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn account(server: &MockServer) -> Credentials {
    let auth_url = format!("{}/token", server.uri()).parse().unwrap();
    Credentials::Client(ClientCredentials { auth_url, client_id: ID.into(), client_secret: SECRET.into() })
}

fn tokens(server: &MockServer, notes: &Arc<dyn Notes>) -> Tokens {
    Tokens::new(Http::new().unwrap(), account(server), Arc::clone(notes))
}

fn client(server: &MockServer, notes: &Arc<dyn Notes>) -> Vkcloud {
    let url = format!("{}/improve", server.uri()).parse().unwrap();
    let settings = Settings { url, credentials: account(server) };
    Vkcloud::new(Http::new().unwrap(), settings, Arc::clone(notes), Clock::system())
}

fn memory() -> Arc<dyn Notes> {
    Arc::new(NotesInMemory::default())
}

fn first_grant() -> serde_json::Value {
    json!({"client_id": ID, "client_secret": SECRET, "grant_type": "client_credentials"})
}

fn refresh_grant(refresh_token: &str) -> serde_json::Value {
    json!({"client_id": ID, "refresh_token": refresh_token, "grant_type": "refresh_token"})
}

fn second_token() -> ResponseTemplate {
    json_reply(include_str!("fixtures/token.json").replace(ACCESS, SECOND_ACCESS).replace(REFRESH, SECOND_REFRESH))
}

fn refused() -> ResponseTemplate {
    ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_grant"}))
}

/// The token service answers this `grant` with `reply`, and is asked just so many `times`.
async fn granted(server: &MockServer, grant: serde_json::Value, reply: ResponseTemplate, times: u64) {
    let asked = Mock::given(method("POST")).and(path("/token")).and(header("content-type", "application/json"));
    asked.and(body_json(grant)).respond_with(reply).expect(times).mount(server).await;
}

/// A call with this `token` is answered with `reply`, and made just so many `times`.
async fn called(server: &MockServer, token: &str, reply: &str, times: u64) {
    let called = Mock::given(path("/improve")).and(query_param("oauth_token", token));
    called.respond_with(json_reply(reply)).expect(times).mount(server).await;
}

fn token_reply() -> ResponseTemplate {
    json_reply(include_str!("fixtures/token.json"))
}

async fn get(tokens: &Tokens, now: &str) -> String {
    tokens.get(at(now)).await.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_shared_by_all_clients() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply(), 1).await;
    let (one, other) = (tokens(&server, &notes), tokens(&server, &notes));
    assert_eq!(get(&one, NOW).await, ACCESS);
    assert_eq!(get(&one, "2026-11-20T12:58:59Z").await, ACCESS);
    assert_eq!(get(&other, "2026-11-20T12:58:59Z").await, ACCESS);
}

#[tokio::test]
async fn calls_of_one_process_wait_for_one_token() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply().set_delay(Duration::from_millis(50)), 1).await;
    let tokens = tokens(&server, &notes);
    let (one, other, third) = tokio::join!(get(&tokens, NOW), get(&tokens, NOW), get(&tokens, NOW));
    assert_eq!([one, other, third], [ACCESS; 3]);
}

#[tokio::test]
async fn clients_that_race_for_the_first_token_end_with_the_same_one() {
    let (server, notes) = (MockServer::start().await, memory());
    let count = AtomicUsize::new(0);
    let each_another = move |_: &wiremock::Request| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let body = include_str!("fixtures/token.json").replace(ACCESS, &format!("access-token-{number}"));
        json_reply(body).set_delay(Duration::from_millis(50))
    };
    Mock::given(path("/token")).respond_with(each_another).expect(2).mount(&server).await;
    let (one, other) = (tokens(&server, &notes), tokens(&server, &notes));
    let (first, second) = tokio::join!(get(&one, NOW), get(&other, NOW));
    assert_eq!(first, second, "whoever was quicker");
    assert!(notes.get("token").await.unwrap().unwrap().contains(&first));
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_refreshed_without_the_secret() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply(), 1).await;
    granted(&server, refresh_grant(REFRESH), second_token(), 1).await;
    let (one, other) = (tokens(&server, &notes), tokens(&server, &notes));
    assert_eq!(get(&one, NOW).await, ACCESS);
    assert_eq!(get(&other, "2026-11-20T12:59:00Z").await, SECOND_ACCESS, "60 s before its end");
    assert_eq!(get(&one, "2026-11-20T12:59:00Z").await, SECOND_ACCESS, "from the note");
    let sent = server.received_requests().await.unwrap();
    assert!(!String::from_utf8_lossy(&sent[1].body).contains("client_secret"));
}

#[tokio::test]
async fn where_the_refresh_token_is_refused_id_and_secret_are_sent() {
    for status in [400, 401, 403] {
        let (server, notes) = (MockServer::start().await, memory());
        granted(&server, refresh_grant(REFRESH), ResponseTemplate::new(status), 1).await;
        Mock::given(body_json(first_grant())).respond_with(token_reply()).up_to_n_times(1).mount(&server).await;
        let tokens = tokens(&server, &notes);
        assert_eq!(get(&tokens, NOW).await, ACCESS);
        granted(&server, first_grant(), second_token(), 1).await;
        assert_eq!(get(&tokens, "2026-11-20T13:00:00Z").await, SECOND_ACCESS, "{status}");
    }
}

/// Notes into which another writes while we ask for a token: the second reading finds what `then` says.
#[derive(Debug)]
struct Overtaken {
    before: String,
    then: String,
    reads: AtomicUsize,
}

#[async_trait]
impl Notes for Overtaken {
    async fn get(&self, _: &str) -> Result<Option<String>, NotesError> {
        let first = self.reads.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(Some(if first { &self.before } else { &self.then }.clone()))
    }

    async fn replace(&self, _: &str, old: Option<&str>, _: &str) -> Result<bool, NotesError> {
        Ok(old == Some(&self.then))
    }
}

/// The note after a first token at `NOW`, and the one after its refresh an hour later.
async fn two_notes(server: &MockServer) -> (String, String) {
    let notes = memory();
    let elsewhere = tokens(server, &notes);
    Mock::given(body_json(first_grant())).respond_with(token_reply()).up_to_n_times(1).mount(server).await;
    Mock::given(body_json(refresh_grant(REFRESH))).respond_with(second_token()).up_to_n_times(1).mount(server).await;
    get(&elsewhere, NOW).await;
    let before = notes.get("token").await.unwrap().unwrap();
    get(&elsewhere, "2026-11-20T13:00:00Z").await;
    (before, notes.get("token").await.unwrap().unwrap())
}

#[tokio::test]
async fn the_token_of_whoever_refreshed_first_is_taken() {
    let server = MockServer::start().await;
    let (before, then) = two_notes(&server).await;
    // A refresh token is good for one use, and the other has used it; the secret is not needed for that.
    granted(&server, refresh_grant(REFRESH), refused(), 1).await;
    granted(&server, first_grant(), ResponseTemplate::new(500), 0).await;
    let notes: Arc<dyn Notes> = Arc::new(Overtaken { before, then, reads: AtomicUsize::new(0) });
    assert_eq!(get(&tokens(&server, &notes), "2026-11-20T13:00:00Z").await, SECOND_ACCESS);
}

#[tokio::test]
async fn the_token_of_whoever_wrote_first_is_taken() {
    let server = MockServer::start().await;
    let (before, then) = two_notes(&server).await;
    let third = include_str!("fixtures/token.json").replace(ACCESS, "third-access-token");
    granted(&server, refresh_grant(REFRESH), json_reply(third), 1).await;
    let notes: Arc<dyn Notes> = Arc::new(Overtaken { before, then, reads: AtomicUsize::new(0) });
    assert_eq!(get(&tokens(&server, &notes), "2026-11-20T13:00:00Z").await, SECOND_ACCESS);
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_call_repeated_once() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply(), 1).await;
    granted(&server, refresh_grant(REFRESH), second_token(), 1).await;
    called(&server, ACCESS, include_str!("fixtures/unauthorized.json"), 1).await;
    called(&server, SECOND_ACCESS, &improve_reply(), 2).await;
    let (one, other) = (client(&server, &notes), client(&server, &notes));
    let (image, options) = (image(), json!({}));
    assert!(matches!(one.submit(request(&image, &options)).await.unwrap(), Submitted::InHand { .. }));
    assert!(matches!(other.submit(request(&image, &options)).await.unwrap(), Submitted::InHand { .. }));
}

#[tokio::test]
async fn in_place_of_a_refused_token_a_newer_one_of_another_client_is_taken() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply(), 1).await;
    granted(&server, refresh_grant(REFRESH), second_token(), 1).await;
    let (one, other) = (tokens(&server, &notes), tokens(&server, &notes));
    assert_eq!((get(&one, NOW).await, get(&other, NOW).await), (ACCESS.to_owned(), ACCESS.to_owned()));
    for tokens in [&one, &other, &one] {
        let fresh = tokens.in_place_of(&ACCESS.into(), at(NOW)).await.unwrap().unwrap();
        assert_eq!(fresh.expose_secret(), SECOND_ACCESS);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_twice_is_about_the_account() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply(), 1).await;
    granted(&server, refresh_grant(REFRESH), second_token(), 1).await;
    let unauthorized = |token: &str| {
        include_str!("fixtures/unauthorized.json").replace("vMA3Pjyno6tvCdo8MeDQ8xYT", token.split_at(20).0)
    };
    called(&server, ACCESS, &unauthorized(ACCESS), 1).await;
    called(&server, SECOND_ACCESS, &unauthorized(SECOND_ACCESS), 1).await;
    let client = client(&server, &notes);
    let error = client.submit(request(&image(), &json!({}))).await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::Credentials, Advice::Hold));
    let shown = format!("{error} {error:?} {client:?} {notes:?}");
    for secret in [ACCESS, REFRESH, SECOND_ACCESS, SECOND_REFRESH, SECRET] {
        assert!(!shown.contains(secret.split_at(8).0), "{shown}");
    }
}

#[tokio::test]
async fn only_a_refused_token_is_replaced() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply(), 1).await;
    let forbidden = include_str!("fixtures/empty_image.json").replace("400", "403");
    called(&server, ACCESS, &forbidden, 1).await;
    let error = client(&server, &notes).submit(request(&image(), &json!({}))).await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::Credentials, Advice::Hold));
}

#[tokio::test]
async fn credentials_that_are_refused_hold_and_a_breakdown_of_the_token_service_is_tried_again() {
    use {Advice as A, ErrorKind as K};
    let soon = A::Retry { after: Duration::from_secs(2) };
    for (status, kind, advice) in [
        (400, K::Credentials, A::Hold),
        (401, K::Credentials, A::Hold),
        (403, K::Credentials, A::Hold),
        (429, K::RateLimited, A::Slow { after: Duration::from_secs(1) }),
        (500, K::Unavailable, soon),
        (503, K::Unavailable, soon),
        (200, K::Unreadable, soon),
    ] {
        let (server, notes) = (MockServer::start().await, memory());
        let reply = ResponseTemplate::new(status).set_body_string(format!("bad: {SECRET}"));
        granted(&server, first_grant(), reply, 1).await;
        let error = client(&server, &notes).submit(request(&image(), &json!({}))).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (kind, advice), "{status}");
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
    let nobody = ClientCredentials {
        auth_url: "http://127.0.0.1:9/token".parse().unwrap(),
        client_id: ID.into(),
        client_secret: SECRET.into(),
    };
    let tokens = Tokens::new(Http::new().unwrap(), Credentials::Client(nobody), memory());
    let error = tokens.get(at(NOW)).await.unwrap_err();
    assert!(matches!((error.kind, error.advice), (K::Network, A::Retry { .. })), "{error:?}");
    assert!(error.to_string().contains("token service"), "{error}");
}

#[tokio::test]
async fn a_breakdown_while_refreshing_does_not_use_up_the_account() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply(), 1).await;
    granted(&server, refresh_grant(REFRESH), ResponseTemplate::new(503), 1).await;
    let tokens = tokens(&server, &notes);
    get(&tokens, NOW).await;
    let error = tokens.get(at("2026-11-20T13:00:00Z")).await.unwrap_err();
    assert!(matches!(error.advice, Advice::Retry { .. }), "{error:?}");
}

#[tokio::test]
async fn a_token_of_other_credentials_and_a_note_that_cannot_be_read_count_for_nothing() {
    let server = MockServer::start().await;
    let other = ClientCredentials {
        auth_url: format!("{}/token", server.uri()).parse().unwrap(),
        client_id: ID.into(),
        client_secret: "another secret".into(),
    };
    for old in [two_notes(&server).await.1, "nonsense".to_owned()] {
        let notes = memory();
        assert!(notes.replace("token", None, &old).await.unwrap());
        let server = MockServer::start().await;
        let grant = json!({"client_id": ID, "client_secret": "another secret", "grant_type": "client_credentials"});
        Mock::given(path("/token")).and(body_json(grant)).respond_with(token_reply()).expect(1).mount(&server).await;
        let auth_url = format!("{}/token", server.uri()).parse().unwrap();
        let credentials = Credentials::Client(ClientCredentials { auth_url, ..other.clone() });
        let tokens = Tokens::new(Http::new().unwrap(), credentials, Arc::clone(&notes));
        assert_eq!(get(&tokens, "2026-11-20T13:00:00Z").await, ACCESS);
        assert!(notes.get("token").await.unwrap().unwrap().contains(ACCESS), "written over");
    }
}

#[tokio::test]
async fn credentials_are_tried_for_free() {
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), token_reply(), 1).await;
    assert_eq!(client(&server, &notes).account().await.unwrap(), Account::Valid);
    let (server, notes) = (MockServer::start().await, memory());
    granted(&server, first_grant(), refused(), 1).await;
    assert_eq!(client(&server, &notes).account().await.unwrap_err().kind, ErrorKind::Credentials);
}
