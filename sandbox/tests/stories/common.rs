//! A sandbox on a real port, pictures to send, and somebody who takes callbacks.

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use darkroom_sandbox::{Latency, Sandbox, Settings};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use md5::{Digest, Md5};
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

/// A sandbox that is reachable below `/sandbox`. Dropped, it is gone as after a kill.
pub(crate) struct Running {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    server: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Running {
    pub(crate) async fn start(data_dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sandbox = Sandbox::open(Settings {
            public_url: Url::parse(&format!("http://127.0.0.1:{port}/sandbox")).unwrap(),
            data_dir: data_dir.to_owned(),
            latency: Latency {
                imgfactory_ms_per_copy: 5,
                watermark_ms: 20,
                fangtang_ms: 20,
                vkcloud_ms: 5,
                imageban_ms: 5,
            },
        })
        .unwrap();
        let router = Router::new().nest("/sandbox", sandbox.router()).nest("/control", sandbox.control_router());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { sandbox, client, server }
    }

    /// A variable of the environment that points a client here.
    pub(crate) fn variable(&self, name: &str) -> String {
        let variables = Sandbox::PROVIDERS.iter().flat_map(|provider| self.sandbox.environment(provider));
        variables.into_iter().find(|(variable, _)| *variable == name).unwrap().1
    }

    /// What lies at a URL: the HTTP status and the content.
    pub(crate) async fn fetch(&self, url: &str) -> (u16, Vec<u8>) {
        let reply = self.client.get(url).send().await.unwrap();
        (reply.status().as_u16(), reply.bytes().await.unwrap().to_vec())
    }

    /// How often something was asked.
    pub(crate) fn asked(&self, what: &str) -> u64 {
        self.sandbox.ledger().requests.get(what).copied().unwrap_or(0)
    }

    pub(crate) fn charges(&self) -> usize {
        self.sandbox.ledger().charges.len()
    }
}

/// A picture with some texture.
pub(crate) fn picture(width: u32, height: u32, seed: u8) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let grain = u8::try_from((x * 31 + y * 17 + x * y % 7) % 9).unwrap();
        let red = u8::try_from(40 + x * 120 / width).unwrap();
        let green = u8::try_from(60 + y * 90 / height).unwrap();
        Rgb([red + grain, green + grain, seed.wrapping_add(50) + grain])
    })
}

pub(crate) fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut content = Cursor::new(Vec::new());
    image.write_to(&mut content, format).unwrap();
    content.into_inner()
}

pub(crate) fn jpeg(seed: u8) -> Vec<u8> {
    encoded(&picture(96, 64, seed), ImageFormat::Jpeg)
}

/// A grey picture with some texture.
pub(crate) fn grey_jpeg() -> Vec<u8> {
    let grey = DynamicImage::ImageRgb8(picture(96, 64, 1)).grayscale().into_rgb8();
    encoded(&grey, ImageFormat::Jpeg)
}

/// How far the channels of the most colourful pixel lie apart.
pub(crate) fn colourfulness(content: &[u8]) -> u8 {
    let image = image::load_from_memory(content).unwrap().into_rgb8();
    image.pixels().map(|pixel| pixel.0.iter().max().unwrap() - pixel.0.iter().min().unwrap()).max().unwrap()
}

/// The width and height of an encoded picture.
pub(crate) fn size(content: &[u8]) -> (u32, u32) {
    let image = image::load_from_memory(content).unwrap();
    (image.width(), image.height())
}

pub(crate) fn md5_hex(content: &[u8]) -> String {
    Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to be so");
}

/// Takes callbacks and answers with the statuses given, then with 200.
pub(crate) struct Mailbox {
    pub(crate) url: Url,
    letters: Arc<Mutex<Vec<Value>>>,
}

type MailboxState = (Arc<Mutex<Vec<Value>>>, Arc<Mutex<Vec<u16>>>);

impl Mailbox {
    pub(crate) async fn open(statuses: &[u16]) -> Self {
        let letters = Arc::new(Mutex::new(Vec::new()));
        let statuses = Arc::new(Mutex::new(statuses.iter().rev().copied().collect()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/callback", listener.local_addr().unwrap());
        let router = Router::new().route("/callback", post(take)).with_state((Arc::clone(&letters), statuses));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url: Url::parse(&url).unwrap(), letters }
    }

    pub(crate) fn letters(&self) -> Vec<Value> {
        self.letters.lock().unwrap().clone()
    }
}

async fn take(State((letters, statuses)): State<MailboxState>, body: String) -> StatusCode {
    letters.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    let status = statuses.lock().unwrap().pop().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}
