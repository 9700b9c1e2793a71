//! The webhook: `POST …/callbacks/{provider}/{job_id}/{token}` (the contract, section 4).
//!
//! The token is verified before a byte of the body is read; whoever has no right one learns nothing but 404.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{
    flow::{App, CallbackSecrets, Received, caught, receive_callback},
    job::{JobId, ProviderName},
};

/// A body is no longer than this.
const MOST_BODY_BYTES: usize = 1024 * 1024;

/// Answers one request.
pub async fn handle_callback<B>(app: &App, secrets: &CallbackSecrets, request: Request<B>) -> Response<Bytes>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some((provider, job_id)) = verified(secrets, request.method(), request.uri().path()) else {
        return answer(StatusCode::NOT_FOUND);
    };
    let body = match Limited::new(request.into_body(), MOST_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            tracing::warn!(%job_id, %provider, "callback's body is too long");
            return answer(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(error) => {
            tracing::warn!(%job_id, %provider, %error, "callback broke off");
            return answer(StatusCode::BAD_REQUEST);
        }
    };
    let received = caught(receive_callback(app, provider, &job_id, &body)).await;
    match received.unwrap_or_else(|panicked| Err(panicked.into())) {
        Ok(Received::Taken) => answer(StatusCode::OK),
        Ok(Received::Malformed) => answer(StatusCode::BAD_REQUEST),
        Ok(Received::NoSuchJob) => answer(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::error!(%job_id, %provider, %error, "callback not written down; the provider will call again");
            answer(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Who calls about which job, if the path ends as ours do and the token is right.
fn verified(secrets: &CallbackSecrets, method: &Method, path: &str) -> Option<(ProviderName, JobId)> {
    let mut parts = path.rsplit('/');
    let (token, job_id, provider, callbacks) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let provider: ProviderName = provider.parse().ok()?;
    let right = secrets.verify(provider, job_id, token);
    let expected = callbacks == "callbacks" && method == Method::POST;
    (right && expected).then_some(())?;
    Some((provider, job_id.parse().ok()?))
}

fn answer(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
