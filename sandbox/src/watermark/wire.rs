//! The JSON of watermark, field for field as the service sends it. Decides nothing.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::error::SandboxError;

/// What became of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    Done,
    Accepted,
    Unhandled,
    NothingFound,
    TimedOut,
    ServerError,
    WithoutOffset,
    OcrOnly,
}

impl Process {
    fn status(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Accepted => 52_000,
            Self::Unhandled => 52_001,
            Self::NothingFound => 52_002,
            Self::TimedOut => 52_003,
            Self::ServerError => 52_004,
            Self::WithoutOffset => 52_005,
            Self::OcrOnly => 52_006,
        }
    }

    /// The documents give the words for `Done`, `Accepted` and `Unhandled`; the others are made up in their manner.
    fn message(self) -> &'static str {
        match self {
            Self::Done => "SUCCESS::处理成功",
            Self::Accepted => "WAITING::异步请求",
            Self::Unhandled => "UNHANDLED::因其他问题导致未处理",
            Self::NothingFound => "UNHANDLED::未识别到文字水印",
            Self::TimedOut => "FAILED::请求超时",
            Self::ServerError => "FAILED::服务端系统出错",
            Self::WithoutOffset => "SUCCESS::偏移量参数未生效",
            Self::OcrOnly => "SUCCESS::未进行水印去除操作",
        }
    }

    /// Whether it costs a use.
    pub(crate) fn is_charged(self) -> bool {
        matches!(self, Self::Done | Self::WithoutOffset | Self::OcrOnly)
    }
}

/// A whole reply, at once or by callback.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    http_code: u16,
    http_msg: &'static str,
    return_type: &'static str,
    #[serde(flatten)]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_inner_referer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'static str>,
    data: Data,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted_info: Option<EncryptedInfo>,
}

/// What is left of the account.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    pub(crate) remaining_usage: u64,
    pub(crate) long_term_usage_count: u64,
    pub(crate) limited_term_usage_count: u64,
    pub(crate) limited_term_expire_times: &'static str,
    pub(crate) all_used_count: u64,
}

/// What was done to the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Data {
    process_status: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_count: Option<usize>,
    process_msg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_location: Option<Vec<Location>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// A box with text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Location {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
    pub(crate) line_count: u32,
    pub(crate) word: String,
}

/// Our own request, echoed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EncryptedInfo {
    pub(crate) sign: Option<String>,
    pub(crate) image_unique_identification: String,
}

impl Data {
    /// What a status says without any result.
    pub(crate) fn bare(process: Process) -> Self {
        Self {
            process_status: process.status(),
            process_count: None,
            process_msg: process.message().to_owned(),
            process_location: None,
            url: None,
        }
    }

    /// A result.
    pub(crate) fn of_result(process: Process, locations: Vec<Location>, url: Option<String>) -> Self {
        Self { process_count: Some(locations.len()), process_location: Some(locations), url, ..Self::bare(process) }
    }
}

impl Reply {
    /// The request was served.
    pub(crate) fn success(data: Data, usage: Usage, echo: EncryptedInfo) -> Self {
        Self::served(200, "SUCCESS::调用成功", data, usage, echo)
    }

    /// The answer is an old one and costs nothing.
    pub(crate) fn cached(data: Data, usage: Usage, echo: EncryptedInfo) -> Self {
        Self::served(304, "CACHE::本次响应为缓存数据,未作任何修改", data, usage, echo)
    }

    /// The request was served, but nothing came of it.
    pub(crate) fn failure(process_status: u16, usage: Usage, echo: EncryptedInfo) -> Self {
        match process_status {
            52_001 => Self::success(Data::bare(Process::Unhandled), usage, echo),
            52_002 => Self::success(Data::bare(Process::NothingFound), usage, echo),
            52_003 => Self::success(Data::bare(Process::TimedOut), usage, echo),
            _ => Refusal::Crash.reply(),
        }
    }

    fn served(http_code: u16, http_msg: &'static str, data: Data, usage: Usage, echo: EncryptedInfo) -> Self {
        Self {
            http_code,
            http_msg,
            return_type: "json",
            usage: Some(usage),
            msg_inner_referer: None,
            location: None,
            data,
            encrypted_info: Some(echo),
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = if self.http_code == 500 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        (status, Json(self)).into_response()
    }
}

/// A request that is not served.
#[derive(Debug)]
pub(crate) enum Refusal {
    BadParameter,
    Signature,
    Exhausted,
    Method,
    TooLarge,
    WrongType,
    TooFast,
    ShuttingDown,
    /// The service pretends to have crashed.
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
    /// The `httpCode` of the body, its words, and the exception it is blamed on. Only those of `Signature` are
    /// documented; the others are made up in their manner.
    fn words(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadParameter => (400, "FAILED::请求参数错误", "ParameterIncorrectException"),
            Self::WrongType => (400, "FAILED::不支持的图片格式", "ImageTypeNotSupportException"),
            Self::Signature => (401, "FAILED::签名错误", "SignatureFailedException"),
            Self::Exhausted => (403, "FAILED::可使用次数不足", "UsageInsufficientException"),
            Self::Method => (405, "FAILED::请求方法不被允许", "MethodNotAllowedException"),
            Self::TooLarge => (413, "FAILED::上传文件大小超出限制", "MaxUploadSizeExceededException"),
            Self::TooFast => (429, "FAILED::请求频率超出 QPS 限制", "QpsExceededException"),
            Self::ShuttingDown => (503, "SHUTTING::服务正在关闭", "ServiceShuttingException"),
            Self::Crash | Self::Broken(_) => (500, "FAILED::服务端系统出错", "Exception"),
        }
    }

    /// The refusal of this code; an unknown one is a crash.
    pub(crate) fn of_code(code: u16) -> Self {
        match code {
            400 => Self::BadParameter,
            401 => Self::Signature,
            403 => Self::Exhausted,
            405 => Self::Method,
            413 => Self::TooLarge,
            415 => Self::WrongType,
            429 => Self::TooFast,
            503 => Self::ShuttingDown,
            _ => Self::Crash,
        }
    }

    /// Almost everything travels as HTTP 200; the body tells.
    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::WrongType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Crash | Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        }
    }

    /// The code under which the ledger counts it.
    pub(crate) fn counted_as(&self) -> u16 {
        match self {
            Self::WrongType => 415,
            _ => self.words().0,
        }
    }

    /// The body.
    pub(crate) fn reply(&self) -> Reply {
        let (http_code, http_msg, exception) = self.words();
        let process = match self {
            Self::Crash | Self::Broken(_) => Process::ServerError,
            _ => Process::Unhandled,
        };
        Reply {
            http_code,
            http_msg,
            return_type: "json",
            usage: None,
            msg_inner_referer: Some(format!("ExceptionHandler[{exception}.class]")),
            location: Some("127.0.0.1"),
            data: Data::bare(process),
            encrypted_info: None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::Broken(error) = &self {
            tracing::error!(error = error as &dyn std::error::Error, "watermark sandbox failed");
        }
        (self.http_status(), Json(self.reply())).into_response()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn failure_reads_as_documented() {
        assert_eq!(
            to_value(Refusal::Signature.reply()).unwrap(),
            json!({
                "httpCode": 401,
                "httpMsg": "FAILED::签名错误",
                "returnType": "json",
                "msgInnerReferer": "ExceptionHandler[SignatureFailedException.class]",
                "location": "127.0.0.1",
                "data": {"processStatus": 52001, "processMsg": "UNHANDLED::因其他问题导致未处理"}
            })
        );
    }

    #[test]
    fn success_reads_as_documented() {
        let usage = Usage {
            remaining_usage: 411,
            long_term_usage_count: 20,
            limited_term_usage_count: 391,
            limited_term_expire_times: "2024-01-10T17:49:45",
            all_used_count: 9,
        };
        let echo = EncryptedInfo {
            sign: Some("3cf74091cd396bdb3a37ff54c8dea6d5".to_owned()),
            image_unique_identification: "20eecffbd807d6508ac7be5eb083732e".to_owned(),
        };
        assert_eq!(
            to_value(Reply::success(Data::bare(Process::Accepted), usage, echo)).unwrap(),
            json!({
                "httpCode": 200,
                "httpMsg": "SUCCESS::调用成功",
                "returnType": "json",
                "remainingUsage": 411,
                "longTermUsageCount": 20,
                "limitedTermUsageCount": 391,
                "limitedTermExpireTimes": "2024-01-10T17:49:45",
                "allUsedCount": 9,
                "data": {"processStatus": 52000, "processMsg": "WAITING::异步请求"},
                "encryptedInfo": {
                    "sign": "3cf74091cd396bdb3a37ff54c8dea6d5",
                    "imageUniqueIdentification": "20eecffbd807d6508ac7be5eb083732e"
                }
            })
        );
    }
}
