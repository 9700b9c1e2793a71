//! The JSON of imgfactory, exactly as the service sends it: numbers as strings, times of Moscow. Decides nothing.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::SandboxError;
use crate::imgfactory::options::Refusals;

/// One task in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TaskLine {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) files: String,
    pub(crate) copies: String,
    pub(crate) percent: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// A request that is not served.
#[derive(Debug)]
pub(crate) enum Refusal {
    Validation(Refusals),
    MissingToken,
    WrongToken,
    NotPaid,
    TaskNotFound,
    NoSuchFile,
    /// The service pretends to have crashed.
    Crash,
    /// The sandbox itself failed. What the real service says then is not known.
    Broken(SandboxError),
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        Self::Broken(error)
    }
}

impl Refusal {
    /// A refusal of one field.
    pub(crate) fn of_field(field: &str, message: &str) -> Self {
        Self::Validation(Refusals::from([(field.to_owned(), vec![message.to_owned()])]))
    }

    /// The HTTP status it is sent with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Validation(_) | Self::TaskNotFound => StatusCode::BAD_REQUEST,
            Self::MissingToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::NotPaid => StatusCode::PAYMENT_REQUIRED,
            Self::NoSuchFile => StatusCode::NOT_FOUND,
            Self::Crash | Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn body(&self) -> Value {
        let body = |kind: &str, detail: &str| json!({"type": kind, "detail": detail});
        match self {
            Self::Validation(refusals) => json!({"type": "validation error", "detail": refusals}),
            Self::MissingToken => body("auth error", "Authorization required"),
            Self::WrongToken => body("auth error", "Invalid token"),
            Self::NotPaid => body("payment error", "API не оплачено"),
            Self::TaskNotFound => body("search error", "Task not found"),
            Self::NoSuchFile => json!({"message": ""}),
            Self::Crash | Self::Broken(_) => json!({"message": "Server Error"}),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::Broken(error) = &self {
            tracing::error!(error = error as &dyn std::error::Error, "imgfactory sandbox failed");
        }
        (self.status(), Json(self.body())).into_response()
    }
}

/// The reply to an accepted task.
pub(crate) fn accepted(task_id: &str) -> Response {
    Json(json!({"type": "success", "task_id": task_id})).into_response()
}

/// The reply that lists tasks.
pub(crate) fn listed(tasks: &[TaskLine]) -> Response {
    Json(json!({"type": "success", "detail": tasks})).into_response()
}

/// A time as the service writes it: Moscow time, without saying so.
pub(crate) fn moscow_time(at_ms: u64) -> String {
    const MOSCOW_HOURS_AHEAD: i8 = 3;
    let at = i64::try_from(at_ms).ok().and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok());
    let local = Offset::constant(MOSCOW_HOURS_AHEAD).to_datetime(at.unwrap_or(Timestamp::UNIX_EPOCH));
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_moscow() {
        assert_eq!(moscow_time(1_647_076_655_000), "2022-03-12 12:17:35");
    }

    #[test]
    fn refusals_read_as_documented() {
        let body = |refusal: Refusal| refusal.body().to_string();
        assert_eq!(
            body(Refusal::of_field("images", "Поле images обязательно для заполнения.")),
            r#"{"detail":{"images":["Поле images обязательно для заполнения."]},"type":"validation error"}"#
        );
        assert_eq!(body(Refusal::NotPaid), r#"{"detail":"API не оплачено","type":"payment error"}"#);
    }
}
