//! The HTTP side of the embedded S3: connections, credentials, and who may send from a browser.

use std::time::Duration;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto::Builder as ConnectionBuilder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::watch};
use tower_http::cors::{Any, CorsLayer};
use tower_layer::Layer as _;

use super::s3::LocalS3;

/// Serves until `stopping` turns true; the pair is the access key and the secret key.
pub(super) async fn serve(
    listener: TcpListener,
    s3: LocalS3,
    (access_key, secret_key): (String, String),
    mut stopping: watch::Receiver<bool>,
) {
    let mut builder = s3s::service::S3ServiceBuilder::new(s3);
    builder.set_auth(s3s::auth::SimpleAuth::from_single(access_key, secret_key));
    // The gallery's pages come from another address of this machine; its uploads are signed, whoever sends them.
    let cors = CorsLayer::new()
        .allow_origin(Any)
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
