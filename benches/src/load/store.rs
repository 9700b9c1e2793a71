//! S3 and DynamoDB as the load speaks to them: S3 through addresses that were signed before the clock starts, DynamoDB in
//! bare JSON. What the load costs is taken from whom it measures.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation},
    presigning::PresigningConfig,
};
use axum::body::Bytes;
use serde_json::Value;

use super::Host;

/// The bucket and the table of a host.
pub(crate) const BUCKET: &str = "darkroom";
/// The embedded DynamoDB looks whether there is a signature, not at it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=darkroom/20260101/us-east-1/dynamodb/aws4_request, \
                             SignedHeaders=host, Signature=0";

/// The stores of a host, from outside.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    s3: Client,
    dynamodb_url: String,
    client: reqwest::Client,
}

impl Store {
    /// The stores of `host`.
    pub(crate) fn of(host: &Host) -> anyhow::Result<Self> {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&host.s3_url)
            .force_path_style(true)
            .credentials_provider(Credentials::new("darkroom", "darkroom-secret", None, None, "benches"))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        Ok(Self { s3: Client::from_conf(config), dynamodb_url: host.dynamodb_url.clone(), client: client()? })
    }

    /// An address at which `key` can be put.
    pub(crate) async fn address_to_put(&self, key: &str) -> anyhow::Result<String> {
        let life = PresigningConfig::expires_in(Duration::from_secs(3600))?;
        Ok(self.s3.put_object().bucket(BUCKET).key(key).presigned(life).await?.uri().to_owned())
    }

    /// Puts an object at such an address.
    pub(crate) async fn put(&self, address: &str, body: Bytes) -> anyhow::Result<()> {
        let answer = self.client.put(address).body(body).send().await?;
        let status = answer.status();
        let said = answer.text().await?;
        ensure!(status.is_success(), "S3 says {status}: {said}");
        Ok(())
    }

    /// One request to DynamoDB.
    pub(crate) async fn dynamodb(&self, operation: &str, request: &Value) -> anyhow::Result<Value> {
        let answer = self
            .client
            .post(&self.dynamodb_url)
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", AUTHORIZATION)
            .header("content-type", "application/x-amz-json-1.0")
            .body(request.to_string())
            .send()
            .await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "DynamoDB says {status} to {operation}: {body}");
        serde_json::from_str(&body).with_context(|| format!("DynamoDB's answer to {operation} is no JSON"))
    }
}

/// An HTTP client that asks no proxy.
pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    // It fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().build()?)
}
