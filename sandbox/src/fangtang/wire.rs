//! The JSON of fangtang, field for field as the service sends it. Decides nothing.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::SandboxError;

#[derive(Serialize)]
struct Success<T> {
    code: u16,
    data: T,
}

#[derive(Serialize)]
struct Failure {
    code: u16,
    errno: u16,
    msg: &'static str,
}

/// The reply to an accepted upload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Uploaded {
    pub(crate) img_url: String,
    pub(crate) mdf: String,
}

/// How far the work is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Progress {
    msg: &'static str,
    status: u16,
}

/// Where the result is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Download {
    pub(crate) url: String,
}

/// How many uploads are left.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Nums {
    pub(crate) code: String,
    pub(crate) nums: u64,
}

impl Progress {
    /// The words for work still going on are made up in the manner of the others.
    pub(crate) fn of(is_done: bool) -> Self {
        if is_done {
            Self { msg: "图片处理完成", status: 200 }
        } else {
            Self { msg: "图片处理中", status: 100 }
        }
    }
}

/// A request that is not served.
#[derive(Debug)]
pub(crate) enum Refusal {
    Token,
    NothingLeft,
    BadParameter,
    WrongType,
    UploadFailed,
    CannotBeProcessed,
    UnknownPhoto,
    PhotoGone,
    UnknownCompany,
    /// The service pretends to have failed.
    Crash,
    /// The sandbox itself failed.
    Broken(SandboxError),
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        Self::Broken(error)
    }
}

impl Refusal {
    /// The `errno` and its words, all documented.
    fn words(&self) -> (u16, &'static str) {
        match self {
            Self::Token => (9999, "请求参数token不合法"),
            Self::NothingLeft => (9101, "剩余下载次数为0"),
            Self::BadParameter => (9001, "传入参数错误"),
            Self::WrongType => (9005, "文件上传类型不支持"),
            Self::UploadFailed => (9006, "上传失败"),
            Self::CannotBeProcessed => (9009, "图片异常,处理失败"),
            Self::UnknownPhoto => (9002, "图片不存在,请确认图片是否上传成功"),
            Self::PhotoGone => (9002, "数据已失效,请重新上传"),
            Self::UnknownCompany => (9002, "数据未找到"),
            Self::Crash | Self::Broken(_) => (500, "其他错误"),
        }
    }

    /// The code under which the ledger counts it.
    pub(crate) fn errno(&self) -> u16 {
        self.words().0
    }
}

/// A reply. Its HTTP status is 200 whatever it says.
pub(crate) fn success(data: impl Serialize) -> Response {
    Json(Success { code: 200, data }).into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::Broken(error) = &self {
            tracing::error!(error = error as &dyn std::error::Error, "fangtang sandbox failed");
        }
        let (errno, msg) = self.words();
        Json(Failure { code: 9000, errno, msg }).into_response()
    }
}
