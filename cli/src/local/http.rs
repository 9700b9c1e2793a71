//! The HTTP side of one machine: the gallery, the webhook, a health page and, below `/sandbox`, the services that are not
//! real.

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::Response,
    routing::{any, get},
    serve::ListenerExt as _,
};
use darkroom_sandbox::Sandbox;
use darkroom_shared::{
    flow::{App, CallbackSecrets},
    handler,
};
use tokio::{net::TcpListener, sync::watch};

/// Where the sandbox lies below the HTTP address.
pub(super) const SANDBOX_PATH: &str = "/sandbox";

/// Serves until `stopping` turns true.
pub(super) async fn serve(
    app: App,
    secrets: CallbackSecrets,
    sandbox: Option<Sandbox>,
    gallery: Router,
    listener: TcpListener,
    mut stopping: watch::Receiver<bool>,
) {
    let callback = move |request: Request| {
        let (app, secrets) = (app.clone(), secrets.clone());
        async move { handler::handle_callback(&app, &secrets, request).await.map(Body::from) as Response }
    };
    // What is no callback's path gets the webhook's own answer; everything else is the gallery's.
    let mut router = Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/callbacks/{*rest}", any(callback.clone()))
        .route("/callbacks", any(callback.clone()))
        .route("/callbacks/", any(callback))
        .merge(gallery);
    if let Some(sandbox) = sandbox {
        router = router.nest(SANDBOX_PATH, sandbox.router());
    }
    // See `s3_server`.
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    let stopped = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(problem) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        tracing::error!(%problem, "the HTTP server stopped");
    }
}
