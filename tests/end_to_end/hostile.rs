//! Results that are no results: what a provider, or whoever speaks for it, can do to the collector.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::world::{Serve, World, picture};

const ACCEPTED: &str = include_str!("../../shared/src/provider/watermark/fixtures/async_accepted.json");
const DONE: &str = include_str!("../../shared/src/provider/watermark/fixtures/sync_done.json");

/// A provider that takes every image, and whose files are not what they should be.
struct Hostile {
    url: String,
    callbacks: mpsc::UnboundedReceiver<String>,
}

impl Hostile {
    async fn open() -> (Self, Serve) {
        let (sender, callbacks) = mpsc::unbounded_channel();
        let submit = move |body: Bytes| async move {
            let body = String::from_utf8_lossy(&body).into_owned();
            let callback = body.split("name=\"callback\"\r\n\r\n").nth(1).unwrap().split("\r\n").next().unwrap();
            sender.send(callback.to_owned()).unwrap();
            ACCEPTED
        };
        let router = Router::new()
            .route("/", post(submit))
            .route("/good.png", get(|| async { picture(9) }))
            .route("/moved.png", get(|| async { redirect("/good.png") }))
            .route("/away.png", get(|| async { redirect("http://169.254.169.254/latest/meta-data/?sig=SECRET") }))
            .route("/page.png", get(|| async { ([(CONTENT_TYPE, "image/png")], "<!DOCTYPE html><html>Pay first!") }))
            .route("/packed.png", get(|| async { ([(CONTENT_ENCODING, "gzip")], picture(9)) }))
            .route("/boast.png", get(|| async { ([(CONTENT_LENGTH, "1099511627776")], slowly()) }))
            .route("/endless.png", get(|| async { endless() }))
            .route("/trickle.png", get(|| async { slowly() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let world = World::new()
            .with_environment("WATERMARK_URL", &url)
            .with_environment("WATERMARK_RATE", "50")
            .with_environment("WATERMARK_APP_ID", "0123456789abcdef")
            .with_environment("WATERMARK_APP_SECRET", "s");
        (Self { url, callbacks }, world.serve())
    }

    /// Has an image worked on whose result is said to lie at `path`. Returns the upload's key.
    async fn work(&mut self, serve: &Serve, name: &str, path: &str) -> String {
        let key = format!("uploads/watermark/{name}.png");
        serve.put(&key, &picture(1)).await;
        let callback = self.callbacks.recv().await.unwrap();
        let mut done: Value = serde_json::from_str(DONE).unwrap();
        done["data"]["url"] = json!(format!("{}{path}?sig=SECRET", self.url));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(client.post(callback).body(done.to_string()).send().await.unwrap().status(), 200);
        key
    }
}

fn redirect(to: &'static str) -> Response {
    (axum::http::StatusCode::FOUND, [(LOCATION, to)]).into_response()
}

/// A picture that has no end.
fn endless() -> Body {
    let zeros = Bytes::from(vec![0; 1024 * 1024]);
    let first = Bytes::from(picture(9));
    Body::from_stream(stream::once(async { first }).chain(stream::repeat(zeros)).map(Ok::<_, Infallible>))
}

/// A picture of which a byte comes now and then.
fn slowly() -> Body {
    let bytes = stream::iter(picture(9)).then(|byte| async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok::<_, Infallible>(Bytes::from(vec![byte]))
    });
    Body::from_stream(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_result_ends_with_a_reason_and_the_next_job_is_done_well() {
    let (mut provider, serve) = Hostile::open().await;
    let mut jobs = Vec::new();
    for (name, reason) in [
        ("away", "sends us on to '169.254.169.254', which is none of the provider's known hosts"),
        ("page", "it is a web page or other markup and no image"),
        ("packed", "a content encoding that was not asked for"),
        ("boast", "is longer than 268435456 bytes"),
        ("endless", "is longer than 268435456 bytes"),
    ] {
        jobs.push((provider.work(&serve, name, &format!("/{name}.png")).await, reason));
    }
    for (name, path) in [("good", "/good.png"), ("moved", "/moved.png")] {
        let key = provider.work(&serve, name, path).await;
        let (_, outputs) = serve.done(&key).await;
        assert_eq!(outputs[0].1, picture(9), "{name}");
    }
    for (key, reason) in jobs {
        let document = serve.ended(&key).await;
        assert_eq!(document["reason"]["kind"], "broken_result", "{document:#}");
        let message = document["reason"]["message"].as_str().unwrap();
        assert!(message.contains(reason) && !message.contains("SECRET"), "{message}");
        assert_eq!(document["outputs"], json!([]));
    }
    assert!(!serve.log().contains("SECRET") && !serve.log().contains("panicked"), "{}", serve.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_trickles_holds_up_nobody() {
    let (mut provider, serve) = Hostile::open().await;
    let slow = provider.work(&serve, "slow", "/trickle.png").await;
    let good = provider.work(&serve, "good", "/good.png").await;
    let (_, outputs) = serve.done(&good).await;
    assert_eq!(outputs[0].1, picture(9));
    let record = format!("{}/job.json", slow.replacen("uploads/", "results/", 1));
    assert!(serve.get(&record).await.is_none(), "the other one is still being fetched");
}
