//! The five services, as far as a first event needs them: they answer at once and do nothing. Where the measure is of the
//! whole way, the services are those of `darkroom sandbox`.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Multipart, Path, State},
    http::header,
    response::IntoResponse,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::stores::listen;

/// The services.
#[derive(Debug, Clone)]
pub(crate) struct Providers {
    url: String,
    callback_url: Arc<Mutex<Option<String>>>,
    picture: Bytes,
}

impl Providers {
    /// Opens them; `picture` is what their results are.
    pub(crate) async fn open(picture: Bytes) -> anyhow::Result<Self> {
        let callback_url = Arc::<Mutex<Option<String>>>::default();
        let router = Router::new()
            .route("/watermark", post(watermark))
            .route("/imgfactory/async/unique", post(imgfactory))
            .route("/fangtang/api/third/{about}/{method}", post(fangtang))
            .route("/vkcloud", post(vkcloud))
            .route("/imageban", post(imageban))
            .route("/picture.jpg", get(picture_of))
            .with_state((Arc::clone(&callback_url), picture.clone()));
        Ok(Self { url: listen(router).await?, callback_url, picture })
    }

    /// The variables with which functions find them.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut pairs = credentials();
        for name in ["watermark", "imgfactory", "fangtang", "vkcloud", "imageban"] {
            pairs.push((format!("{}_URL", name.to_uppercase()), format!("{}/{name}", self.url)));
        }
        pairs
    }

    /// The address that the watermark service was last asked to call back.
    pub(crate) fn take_callback_url(&self) -> Option<String> {
        self.callback_url.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the watermark service then says.
    pub(crate) fn callback(&self) -> Value {
        let url = format!("{}/picture.jpg", self.url);
        json!({"httpCode": 200, "httpMsg": "SUCCESS", "returnType": "json", "remainingUsage": 411, "data": {
            "processStatus": 0, "processCount": 1, "processMsg": "SUCCESS", "url": url,
            "processLocation": [{"x": 241, "y": 624, "w": 595, "h": 135, "lineCount": 1, "word": "watermark"}],
        }})
    }

    /// The picture that results are.
    pub(crate) fn picture(&self) -> &Bytes {
        &self.picture
    }
}

/// What stands for secrets at services that check none.
fn credentials() -> Vec<(String, String)> {
    let pairs = [
        ("WATERMARK_APP_ID", "0123456789abcdef"),
        ("WATERMARK_APP_SECRET", "secret"),
        ("IMGFACTORY_TOKEN", "token"),
        ("FANGTANG_THIRD_CODE", "code"),
        ("FANGTANG_SECRET_KEY", "secret"),
        ("VKCLOUD_TOKEN", "token"),
        ("IMAGEBAN_CLIENT_ID", "client"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

type Shared = State<(Arc<Mutex<Option<String>>>, Bytes)>;

async fn watermark(State((callback_url, _)): Shared, mut form: Multipart) -> Json<Value> {
    while let Ok(Some(field)) = form.next_field().await {
        if field.name() == Some("callback") {
            *callback_url.lock().unwrap_or_else(PoisonError::into_inner) = field.text().await.ok();
        } else {
            let _ = field.bytes().await;
        }
    }
    let data = json!({"processStatus": 52000, "processMsg": "WAITING"});
    Json(json!({"httpCode": 200, "httpMsg": "SUCCESS", "returnType": "json", "remainingUsage": 411, "data": data}))
}

async fn imgfactory(_: Bytes) -> Json<Value> {
    Json(json!({"type": "success", "task_id": uuid::Uuid::new_v4().to_string()}))
}

async fn fangtang(Path((_, method)): Path<(String, String)>, _: Bytes) -> Json<Value> {
    let data = match method.as_str() {
        "nums" => json!({"nums": 1000}),
        "upload" => json!({"mdf": uuid::Uuid::new_v4().simple().to_string()}),
        _ => json!({"status": 100}),
    };
    Json(json!({"code": 200, "data": data}))
}

async fn vkcloud(State((_, picture)): Shared, _: Bytes) -> Json<Value> {
    let picture = json!({"status": 0, "name": "file", "improved": STANDARD.encode(&picture)});
    Json(json!({"status": 200, "body": {"improve": [picture]}}))
}

async fn imageban(_: Bytes) -> Json<Value> {
    let hosted = json!({"id": "srXiv43", "name": "image.jpg", "type": "image/jpeg", "deletehash": "hash",
        "link": "https://i1.imageban.ru/out/2026/01/01/srXiv43.jpg", "short_link": "https://ibn.im/srXiv43"});
    Json(json!({"data": [hosted], "success": true, "status": 200}))
}

async fn picture_of(State((_, picture)): Shared) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/jpeg")], picture)
}
