use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::*;

/// A file server that says the same thing to everybody.
struct FileServer {
    url: String,
    asked: Arc<AtomicUsize>,
}

/// What a file server does after the head.
#[derive(Clone, Copy)]
enum Then {
    Close,
    StaySilent,
    /// One byte every 20 ms.
    Trickle,
    Endless,
}

async fn file_server(head: &str, then: Then) -> FileServer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, head) = (Arc::clone(&asked), head.replace("SELF", &url));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(socket, head.clone(), then));
        }
    });
    FileServer { url, asked }
}

async fn answer(mut socket: TcpStream, head: String, then: Then) -> std::io::Result<()> {
    let _ = socket.read(&mut [0; 4096]).await?;
    socket.write_all(head.as_bytes()).await?;
    match then {
        Then::Close => socket.shutdown().await,
        Then::StaySilent => std::future::pending().await,
        Then::Trickle => loop {
            socket.write_all(b"x").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        },
        Then::Endless => loop {
            socket.write_all(&[b'x'; 64 * 1024]).await?;
        },
    }
}

const SHORT: DownloadLimits = DownloadLimits {
    whole: Duration::from_secs(5),
    answer: Duration::from_millis(500),
    window: Duration::from_millis(300),
    least_bytes: 1000,
};
const OK: &str = "HTTP/1.1 200 OK\r\n";

impl FileServer {
    fn hosts(&self, configured: &[&str]) -> ResultHosts {
        let configured: Vec<String> = configured.iter().map(|&host| host.to_owned()).collect();
        ResultHosts::new(&Url::parse(&self.url).unwrap(), &[], &configured)
    }

    /// What comes of fetching at most 1 MiB from it.
    async fn download(&self, limits: DownloadLimits) -> Result<Vec<u8>, DownloadError> {
        fetched(&format!("{}/result?signature=SECRET", self.url), &self.hosts(&[]), limits).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn fetched(url: &str, hosts: &ResultHosts, limits: DownloadLimits) -> Result<Vec<u8>, DownloadError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut open = File::create(file.path()).await.unwrap();
    let http = Http::new().unwrap().with_download_limits(limits);
    let outcome = http.download(url, hosts, 1024 * 1024, &mut open).await;
    let written = std::fs::read(file.path()).unwrap();
    assert!(written.len() <= 1024 * 1024, "never more on our disk than allowed");
    match outcome {
        Ok(bytes) => {
            assert_eq!(bytes, written.len() as u64);
            Ok(written)
        }
        Err(error) => {
            let mut said = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                said = format!("{said}: {error}");
                cause = error.source();
            }
            assert!(!said.contains("SECRET"), "{said}");
            Err(error)
        }
    }
}

#[tokio::test]
async fn a_whole_result_comes_with_and_without_a_length() {
    for head in
        ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "\r\nhello"]
    {
        let server = file_server(&format!("{OK}{head}"), Then::Close).await;
        assert_eq!(server.download(SHORT).await.unwrap(), b"hello", "{head}");
    }
}

#[tokio::test]
async fn a_result_that_breaks_off_is_not_taken_for_a_whole_one() {
    for head in ["Content-Length: 9\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let server = file_server(&format!("{OK}{head}"), Then::Close).await;
        let error = server.download(SHORT).await.unwrap_err();
        assert!(matches!(&error, DownloadError::Broken { host, .. } if host == "127.0.0.1"), "{error:?}");
    }
}

#[tokio::test]
async fn a_length_that_is_too_large_is_refused_before_any_of_it_comes() {
    let server = file_server(&format!("{OK}Content-Length: 1099511627776\r\n\r\n"), Then::StaySilent).await;
    let started = Instant::now();
    let error = server.download(DownloadLimits::default()).await.unwrap_err();
    assert!(matches!(error, DownloadError::TooLong { most_bytes: 1_048_576, .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "nothing was waited for");
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    for head in ["\r\n", "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFF\r\n"] {
        let server = file_server(&format!("{OK}{head}"), Then::Endless).await;
        let error = server.download(SHORT).await.unwrap_err();
        assert!(matches!(error, DownloadError::TooLong { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn whoever_trickles_or_falls_silent_is_left() {
    let long = format!("{OK}Content-Length: 100000\r\n\r\n");
    for (head, then, expected) in [
        ("", Then::StaySilent, "no answer within"),
        (long.as_str(), Then::StaySilent, "only 0 bytes came"),
        (long.as_str(), Then::Trickle, "bytes came within"),
    ] {
        let error = file_server(head, then).await.download(SHORT).await.unwrap_err();
        assert!(matches!(error, DownloadError::Slow { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let in_a_hurry = DownloadLimits { whole: Duration::from_millis(200), least_bytes: 1, ..SHORT };
    let error = file_server(&long, Then::Trickle).await.download(in_a_hurry).await.unwrap_err();
    assert!(error.to_string().contains("not everything came within 200ms"), "{error}");
}

#[tokio::test]
async fn a_body_in_an_encoding_is_neither_unpacked_nor_taken() {
    for encoding in ["gzip", "br", "deflate, gzip", "zstd"] {
        let head = format!("{OK}Content-Encoding: {encoding}\r\nContent-Length: 2\r\n\r\nxx");
        let error = file_server(&head, Then::Close).await.download(SHORT).await.unwrap_err();
        assert!(matches!(error, DownloadError::Encoded { .. }), "{error:?}");
    }
    let plain = format!("{OK}Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nxx");
    assert_eq!(file_server(&plain, Then::Close).await.download(SHORT).await.unwrap(), b"xx");
}

#[tokio::test]
async fn redirects_are_followed_to_known_hosts_only_and_not_for_ever() {
    let elsewhere = file_server(&format!("{OK}Content-Length: 2\r\n\r\nxx"), Then::Close).await;
    for location in [
        format!("{}/?signature=SECRET", elsewhere.url),
        "http://169.254.169.254/latest/meta-data/?SECRET".into(),
        "http://localhost/".into(),
        "//evil.com/SECRET".into(),
        "file:///etc/passwd".into(),
        "http://[SECRET".into(),
        String::new(),
    ] {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let head = if location.is_empty() { head.replace("Location: \r\n", "") } else { head };
        let error = file_server(&head, Then::Close).await.download(SHORT).await.unwrap_err();
        assert!(matches!(error, DownloadError::Redirected { .. }), "{location}: {error:?}");
    }
    assert_eq!(elsewhere.asked(), 0);

    let round = "HTTP/1.1 301 Moved\r\nLocation: /result\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let round = file_server(round, Then::Close).await;
    let error = round.download(SHORT).await.unwrap_err();
    assert!(error.to_string().ends_with("one address after the other"), "{error}");
    assert_eq!(round.asked(), MOST_REDIRECTS + 1);
}

#[tokio::test]
async fn a_redirect_on_the_same_host_leads_to_the_result() {
    let server = wiremock::MockServer::start().await;
    let at = |path: &str| wiremock::Mock::given(wiremock::matchers::path(path.to_owned()));
    let moved = wiremock::ResponseTemplate::new(307).insert_header("Location", "/new?signature=SECRET");
    at("/old").respond_with(moved).mount(&server).await;
    at("/new").respond_with(wiremock::ResponseTemplate::new(200).set_body_string("hello")).mount(&server).await;
    let hosts = ResultHosts::new(&Url::parse(&server.uri()).unwrap(), &[], &[]);
    assert_eq!(fetched(&format!("{}/old", server.uri()), &hosts, SHORT).await.unwrap(), b"hello");
}

#[tokio::test]
async fn an_allowed_name_that_leads_into_our_own_network_is_not_connected_to() {
    let inside = file_server(&format!("{OK}Content-Length: 2\r\n\r\nxx"), Then::Close).await;
    let by_name = inside.url.replace("127.0.0.1", "localhost");
    let (_, place) = by_name.split_once("//").unwrap();
    let provider =
        file_server(&format!("HTTP/1.1 302 Found\r\nLocation: {by_name}/\r\nContent-Length: 0\r\n\r\n"), Then::Close)
            .await;
    let hosts = provider.hosts(&[place]);
    let by_redirect = provider.url.clone();
    for url in [&by_name, &by_redirect] {
        let error = fetched(url, &hosts, SHORT).await.unwrap_err();
        assert!(matches!(&error, DownloadError::PrivateAddress { host } if host == "localhost"), "{error:?}");
    }
    assert_eq!(inside.asked(), 0);
    // The same name is fine where the provider itself was configured there.
    let at_home = ResultHosts::new(&Url::parse(&by_name).unwrap(), &[], &[]);
    assert_eq!(fetched(&by_name, &at_home, SHORT).await.unwrap(), b"xx");
}

#[test]
fn of_a_name_with_many_addresses_only_the_public_ones_are_used() {
    let parse = |text: &str| text.split(' ').map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect::<Vec<_>>();
    assert_eq!(only_public(parse("127.0.0.1 1.1.1.1 ::ffff:10.0.0.1")).unwrap(), parse("1.1.1.1"));
    assert!(only_public(parse("fd00::1 100.64.0.1")).is_err());
    assert!(only_public(Vec::new()).unwrap().is_empty(), "an unknown name is not a private one");
}
