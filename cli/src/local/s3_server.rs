//! The HTTP side of the embedded S3: connections, credentials, and who may send from a browser.

use std::time::Duration;

use http::HeaderValue;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto::Builder as ConnectionBuilder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::watch};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_layer::Layer as _;
use url::{Host, Url};

use super::s3::LocalS3;

/// Whether `origin` is that of pages of ours: the gallery's, under any name of this machine or under its public one.
fn is_gallery(origin: &HeaderValue, http_url: &Url, public_url: &Url) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok()) else { return false };
    let names_this_machine = match origin.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_near = names_this_machine && origin.scheme() == "http" && origin.port() == http_url.port();
    is_near || [http_url, public_url].iter().any(|ours| ours.origin() == origin.origin())
}

/// Serves until `stopping` turns true; the pair is the access key and the secret key.
pub(super) async fn serve(
    listener: TcpListener,
    s3: LocalS3,
    (access_key, secret_key): (String, String),
    (http_url, public_url): (Url, Url),
    mut stopping: watch::Receiver<bool>,
) {
    let mut builder = s3s::service::S3ServiceBuilder::new(s3);
    builder.set_auth(s3s::auth::SimpleAuth::from_single(access_key, secret_key));
    // The gallery's pages come from another address of this machine. Nobody else's may: the usual keys are no secret.
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| is_gallery(origin, &http_url, &public_url)))
        .allow_methods([http::Method::GET, http::Method::HEAD, http::Method::PUT])
        .allow_headers(Any)
        .expose_headers([http::header::ETAG]);
    let service = TowerToHyperService::new(cors.layer(builder.build()));
    let connections = ConnectionBuilder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        let Ok((socket, _)) = accepted else {
            // Out of file descriptors, most likely: let some be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Head and body go out as they come; waiting to join them costs 40 ms an object. Without it, it is only slow.
        let _ = socket.set_nodelay(true);
        let connection = connections.serve_connection(TokioIo::new(socket), service.clone());
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            // A client that goes away is no concern of ours.
            let _ = connection.await;
        });
    }
    graceful.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_gallery_may_speak_to_the_bucket() {
        let (here, public) = ("http://127.0.0.1:9001".parse().unwrap(), "https://darkroom.example".parse().unwrap());
        let may = |origin: &str| is_gallery(&origin.parse().unwrap(), &here, &public);
        for ours in ["http://127.0.0.1:9001", "http://localhost:9001", "http://[::1]:9001", "https://darkroom.example"]
        {
            assert!(may(ours), "{ours}");
        }
        for other in
            ["http://127.0.0.1:8080", "https://evil.example", "http://darkroom.example", "null", "http://localhost"]
        {
            assert!(!may(other), "{other}");
        }
    }
}
