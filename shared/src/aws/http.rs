//! How the AWS clients send: over the same HTTP and TLS as everything else (reqwest), so that a function holds, and at its
//! start sets up, one of each. It repeats nothing; that is the clients' own business.

use std::time::Duration;

use aws_sdk_s3::{
    config::{
        RuntimeComponents,
        http::{HttpRequest, HttpResponse},
    },
    primitives::SdkBody,
};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    result::ConnectorError,
};

/// What the clients' own senders take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);
/// An endpoint closes what nobody uses; a connection is given up sooner than that.
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// The sender of the AWS clients. Clones share their connections.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    client: reqwest::Client,
    read_timeout: Option<Duration>,
}

impl Sender {
    /// # Errors
    /// When the TLS set-up of the machine is unusable.
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        crate::tls::install();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .build()?;
        Ok(Self { client, read_timeout: None })
    }
}

impl HttpClient for Sender {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self { read_timeout: settings.read_timeout(), ..self.clone() })
    }
}

impl HttpConnector for Sender {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sender = self.clone();
        HttpConnectorFuture::new(async move { sender.send(request).await })
    }
}

impl Sender {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?;
        let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap)).map_err(connector_error)?;
        let answer = self.client.execute(request);
        let response = match self.read_timeout {
            Some(read_timeout) => {
                tokio::time::timeout(read_timeout, answer).await.map_err(|e| ConnectorError::timeout(e.into()))?
            }
            None => answer.await,
        };
        let response = http::Response::from(response.map_err(connector_error)?);
        HttpResponse::try_from(response.map(SdkBody::from_body_1_x)).map_err(|e| ConnectorError::other(e.into(), None))
    }
}

/// What kind of failure it was, by which the client decides whether to try again. The address is left out: it may be
/// signed.
fn connector_error(error: reqwest::Error) -> ConnectorError {
    let kind = if error.is_timeout() {
        ConnectorError::timeout
    } else if error.is_builder() {
        ConnectorError::user
    } else {
        ConnectorError::io
    };
    kind(error.without_url().into())
}
