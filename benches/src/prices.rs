//! What AWS asks for, and how the cost of an image follows from what was counted. The only place with prices.

use serde::Serialize;

/// Where and when these were the list prices, without the free tier. DynamoDB's were checked against a published page of that
/// month; the others are as they have been for years and were not looked up.
pub(crate) const PRICES_OF: &str = "us-east-1, list prices of July 2025 (DynamoDB's since November 2024)";

const S3_PUT: f64 = 0.005 / 1_000.0;
const S3_GET: f64 = 0.0004 / 1_000.0;
const DYNAMODB_WRITE_UNIT: f64 = 0.625 / 1e6;
const DYNAMODB_READ_UNIT: f64 = 0.125 / 1e6;
const SQS_REQUEST: f64 = 0.40 / 1e6;
const LAMBDA_REQUEST: f64 = 0.20 / 1e6;
const LAMBDA_GB_SECOND: f64 = 0.000_016_666_7;
const LOGS_BYTE: f64 = 0.50 / 1_073_741_824.0;

/// The prices and the formula, for people.
pub(crate) const FORMULA: &str = "$0.005/1000 S3 PUT + $0.0004/1000 S3 GET + $0.625/10⁶ DynamoDB write units (1 KB each; \
    table and index, whose entry is deleted and put anew when due_at changes) + $0.125/10⁶ read units + $0.40/10⁶ SQS \
    requests (each message is sent, received and deleted by itself) + $0.20/10⁶ invocations + $0.0000166667/GB-s of \
    x86_64 (each duration in whole ms × the memory of infra/sam/template.yaml; measured here, where a function has a \
    whole core and the service is the sandbox) + $0.50/GiB of logs";

/// What was used, for one image or for a thousand.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Usage {
    pub(crate) s3_puts: f64,
    pub(crate) s3_gets: f64,
    pub(crate) write_units: f64,
    pub(crate) read_units: f64,
    pub(crate) sqs_requests: f64,
    pub(crate) invocations: f64,
    pub(crate) gb_seconds: f64,
    pub(crate) log_bytes: f64,
}

/// Dollars, by service.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Cost {
    pub(crate) s3: f64,
    pub(crate) dynamodb: f64,
    pub(crate) sqs: f64,
    pub(crate) lambda: f64,
    pub(crate) logs: f64,
}

impl Usage {
    /// `times` of it.
    pub(crate) fn times(self, times: f64) -> Self {
        Self {
            s3_puts: self.s3_puts * times,
            s3_gets: self.s3_gets * times,
            write_units: self.write_units * times,
            read_units: self.read_units * times,
            sqs_requests: self.sqs_requests * times,
            invocations: self.invocations * times,
            gb_seconds: self.gb_seconds * times,
            log_bytes: self.log_bytes * times,
        }
    }

    /// What it costs.
    pub(crate) fn cost(self) -> Cost {
        Cost {
            s3: self.s3_puts * S3_PUT + self.s3_gets * S3_GET,
            dynamodb: self.write_units * DYNAMODB_WRITE_UNIT + self.read_units * DYNAMODB_READ_UNIT,
            sqs: self.sqs_requests * SQS_REQUEST,
            lambda: self.invocations * LAMBDA_REQUEST + self.gb_seconds * LAMBDA_GB_SECOND,
            logs: self.log_bytes * LOGS_BYTE,
        }
    }
}

impl Cost {
    /// All of it.
    pub(crate) fn total(self) -> f64 {
        self.s3 + self.dynamodb + self.sqs + self.lambda + self.logs
    }

    /// The sum and its parts.
    pub(crate) fn told(self) -> String {
        let Self { s3, dynamodb, sqs, lambda, logs } = self;
        let total = self.total();
        format!("${total:.4}: S3 {s3:.4}, DynamoDB {dynamodb:.4}, SQS {sqs:.4}, Lambda {lambda:.4}, logs {logs:.4}")
    }
}
