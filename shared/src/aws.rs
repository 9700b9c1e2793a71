//! The AWS clients, all over one TLS stack (rustls with ring).

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

/// The configuration of all clients, from the environment and the usual files.
pub async fn load() -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await
}

/// The configuration for a host on this machine, or one that is reached like it.
#[must_use]
pub fn local(access_key: &str, secret_key: &str) -> SdkConfig {
    let credentials = aws_sdk_s3::config::Credentials::new(access_key, secret_key, None, None, "darkroom");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(credentials))
        .region(aws_config::Region::new("us-east-1"))
        .build()
}

/// An S3 client. An endpoint that is not AWS's own is spoken to with the bucket in the path.
#[must_use]
pub fn s3(config: &SdkConfig, endpoint: Option<&str>) -> aws_sdk_s3::Client {
    let mut builder = aws_sdk_s3::config::Builder::from(config);
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint_url(endpoint).force_path_style(true);
    }
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// A DynamoDB client.
#[must_use]
pub fn dynamodb(config: &SdkConfig, endpoint: Option<&str>) -> aws_sdk_dynamodb::Client {
    let mut builder = aws_sdk_dynamodb::config::Builder::from(config);
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    aws_sdk_dynamodb::Client::from_conf(builder.build())
}

/// An SQS client.
#[must_use]
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}
