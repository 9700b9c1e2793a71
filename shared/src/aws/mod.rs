//! The AWS clients, all over one HTTP and TLS stack ([`http`]).

mod http;

use aws_config::{BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};

use self::http::Sender;
use crate::environment::{ConfigError, Environment};

/// The configuration of the command's clients, from the environment and the usual files, profiles and machine roles.
///
/// # Errors
/// When the TLS set-up of the machine is unusable.
pub async fn load() -> Result<SdkConfig, reqwest::Error> {
    Ok(aws_config::defaults(BehaviorVersion::latest()).http_client(Sender::new()?).load().await)
}

/// The configuration of a function's clients: Lambda puts all there is to know into the environment, so what looks for
/// it elsewhere is neither part of a function nor of its start.
///
/// # Errors
/// When the region is missing, or the TLS set-up of the machine is unusable.
pub fn of_function(environment: &Environment) -> Result<SdkConfig, FunctionError> {
    let region = environment.get("AWS_REGION").or_else(|| environment.get("AWS_DEFAULT_REGION"));
    let is_set = |name: &str| environment.get(name).map(|value| value.eq_ignore_ascii_case("true"));
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(Sender::new()?))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .region(Region::new(region.ok_or_else(|| ConfigError::Missing("AWS_REGION".into()))?));
    config.set_use_fips(is_set("AWS_USE_FIPS_ENDPOINT"));
    config.set_use_dual_stack(is_set("AWS_USE_DUALSTACK_ENDPOINT"));
    Ok(config.build())
}

/// Why a function has no clients.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The environment.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The machine.
    #[error("the TLS set-up of this machine is unusable")]
    Tls(#[from] reqwest::Error),
}

/// The configuration for a host on this machine, or one that is reached like it.
///
/// # Errors
/// When the TLS set-up of the machine is unusable.
pub fn local(access_key: &str, secret_key: &str) -> Result<SdkConfig, reqwest::Error> {
    let credentials = Credentials::new(access_key, secret_key, None, None, "darkroom");
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(Sender::new()?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(Region::new("us-east-1"))
        .build())
}

/// The address that the environment names in place of AWS's own for `service`, which is `S3`, `DYNAMODB`, `SQS` or `SSM`
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
#[must_use]
pub fn endpoint(environment: &Environment, service: &str) -> Option<String> {
    environment.get(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| environment.get("AWS_ENDPOINT_URL"))
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
pub fn sqs(config: &SdkConfig, endpoint: Option<&str>) -> aws_sdk_sqs::Client {
    let mut builder = aws_sdk_sqs::config::Builder::from(config);
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    aws_sdk_sqs::Client::from_conf(builder.build())
}
