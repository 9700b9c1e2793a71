//! Metrics: numbers that an operator draws and is woken by. In a function each record is one line in `CloudWatch`'s
//! Embedded Metric Format, from which `CloudWatch` makes the metric without a call of ours; on one machine it is a line of
//! the log. To add one is to add a [`Metric`] and a call of [`Metrics::record`] where the number is known.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of all of them.
pub const NAMESPACE: &str = "darkroom";

/// Uploads whose results lie in the bucket.
pub const JOBS_DONE: Metric = Metric { name: "JobsDone", unit: Unit::Count };
/// Uploads that somebody has to look at. One that another upload took the place of is none.
pub const JOBS_FAILED: Metric = Metric { name: "JobsFailed", unit: Unit::Count };
/// How long a provider took to answer when it was asked to work, or how its tasks are.
pub const PROVIDER_LATENCY_MS: Metric = Metric { name: "ProviderLatencyMs", unit: Unit::Milliseconds };
/// Answers of a provider, callbacks too, that were not what was asked for.
pub const PROVIDER_ERRORS: Metric = Metric { name: "ProviderErrors", unit: Unit::Count };
/// What a provider charged for a step, in its own unit (images).
pub const CHARGES: Metric = Metric { name: "Charges", unit: Unit::Count };
/// What is left on the account at a provider, in its own unit, as it said last.
pub const BALANCE: Metric = Metric { name: "Balance", unit: Unit::Count };
/// 1 while a provider is on hold, else 0.
pub const PROVIDERS_ON_HOLD: Metric = Metric { name: "ProvidersOnHold", unit: Unit::Count };
/// The age of the oldest job among those that are due while a run of the poller lasts.
pub const OLDEST_UNFINISHED_JOB_AGE_S: Metric = Metric { name: "OldestUnfinishedJobAgeS", unit: Unit::Seconds };
/// How much of a result's life was left when it was fetched, or is left while that keeps failing.
pub const RESULT_LIFE_LEFT_PERCENT: Metric = Metric { name: "ResultLifeLeftPercent", unit: Unit::Percent };

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, with the unit in it.
    pub name: &'static str,
    /// The unit, as `CloudWatch` has to know it.
    pub unit: Unit,
}

/// `CloudWatch`'s units, as far as darkroom measures in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A length of time.
    Milliseconds,
    /// A share.
    Percent,
    /// A length of time.
    Seconds,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Percent => "Percent",
            Self::Seconds => "Seconds",
        }
    }
}

/// What a metric is told apart by. Each set of values is a metric of its own, and is paid for: no ids here, and nothing
/// that a stranger can make up. Five providers times nine kinds is the most that there can be of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dimensions<'a> {
    /// Whose work is measured; `None`: everybody's.
    pub provider: Option<&'a str>,
    /// What kind of error it was.
    pub kind: Option<&'a str>,
}

impl<'a> Dimensions<'a> {
    /// Of one provider.
    #[must_use]
    pub fn of_provider(provider: &'a str) -> Self {
        Self { provider: Some(provider), kind: None }
    }

    fn all(self) -> impl Iterator<Item = (&'static str, &'a str)> {
        [("provider", self.provider), ("kind", self.kind)].into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

/// Where numbers go.
#[derive(Clone)]
pub struct Metrics(Sink);

#[derive(Clone)]
enum Sink {
    Embedded(Arc<Mutex<dyn Write + Send>>),
    Logged,
}

impl Metrics {
    /// As a line on standard output in the Embedded Metric Format, for a function.
    #[must_use]
    pub fn embedded() -> Self {
        Self::embedded_in(std::io::stdout())
    }

    /// The same into `writer`.
    #[must_use]
    pub fn embedded_in(writer: impl Write + Send + 'static) -> Self {
        Self(Sink::Embedded(Arc::new(Mutex::new(writer))))
    }

    /// As lines of the log, for one machine.
    #[must_use]
    pub fn logged() -> Self {
        Self(Sink::Logged)
    }

    /// Whether anybody sees what is recorded, for what has to be read first.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        match &self.0 {
            Sink::Embedded(_) => true,
            Sink::Logged => tracing::event_enabled!(tracing::Level::DEBUG),
        }
    }

    /// Records what was measured at `at`. A line that cannot be written is told and not passed on: no job may fail for
    /// its metrics.
    pub fn record(&self, at: Timestamp, dimensions: Dimensions<'_>, values: &[(Metric, f64)]) {
        match &self.0 {
            Sink::Embedded(writer) => {
                let line = format!("{}\n", embedded(at, dimensions, values));
                let mut writer = writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                // In one piece: lines of the log come from elsewhere at the same time.
                if let Err(error) = writer.write_all(line.as_bytes()).and_then(|()| writer.flush()) {
                    tracing::warn!(%error, "a metric could not be written");
                }
            }
            Sink::Logged => {
                for (metric, value) in values {
                    let (name, unit) = (metric.name, metric.unit.as_str());
                    let Dimensions { provider, kind } = dimensions;
                    tracing::debug!(metric = name, value, unit, provider, kind, "measured");
                }
            }
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Sink::Embedded(_) => "Metrics(embedded)",
            Sink::Logged => "Metrics(logged)",
        })
    }
}

fn embedded(at: Timestamp, dimensions: Dimensions<'_>, values: &[(Metric, f64)]) -> Value {
    // What is no number is no JSON either, and would take the whole line with it.
    let values = values.iter().filter(|(_, value)| value.is_finite());
    let metrics: Vec<Value> =
        values.clone().map(|(metric, _)| json!({"Name": metric.name, "Unit": metric.unit.as_str()})).collect();
    let mut line: Map<String, Value> = values.map(|(metric, value)| (metric.name.to_owned(), json!(value))).collect();
    line.extend(dimensions.all().map(|(name, value)| (name.to_owned(), json!(value))));
    let names: Vec<&str> = dimensions.all().map(|(name, _)| name).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics});
    line.insert("_aws".into(), json!({"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]}));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer whose content a test can read.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    const OTHER_S: Metric = OLDEST_UNFINISHED_JOB_AGE_S;

    fn recorded(values: &[(Metric, f64)]) -> Vec<Value> {
        recorded_of(Dimensions::of_provider("fangtang"), values)
    }

    fn recorded_of(dimensions: Dimensions<'_>, values: &[(Metric, f64)]) -> Vec<Value> {
        let written = Written::default();
        let metrics = Metrics::embedded_in(written.clone());
        metrics.record("2026-11-21T12:00:00.5Z".parse().unwrap(), dimensions, values);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_record_is_one_line_that_cloudwatch_makes_a_metric_of() {
        let expected = json!({
            "_aws": {
                "Timestamp": 1_795_262_400_500_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "darkroom",
                    "Dimensions": [["provider"]],
                    "Metrics": [{"Name": "ResultLifeLeftPercent", "Unit": "Percent"}],
                }],
            },
            "provider": "fangtang",
            "ResultLifeLeftPercent": 12.5,
        });
        assert_eq!(recorded(&[(RESULT_LIFE_LEFT_PERCENT, 12.5)]), [expected]);
    }

    #[test]
    fn a_metric_is_told_apart_by_what_it_is_of_and_by_nothing_where_it_is_of_everything() {
        let of = |dimensions| {
            let line = recorded_of(dimensions, &[(PROVIDER_ERRORS, 1.0)]).remove(0);
            (line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone(), line["provider"].clone(), line["kind"].clone())
        };
        assert_eq!(of(Dimensions::default()), (json!([[]]), json!(null), json!(null)));
        let both = Dimensions { provider: Some("fangtang"), kind: Some("network") };
        assert_eq!(of(both), (json!([["provider", "kind"]]), json!("fangtang"), json!("network")));
    }

    #[test]
    fn several_numbers_of_one_moment_are_one_line_and_what_is_no_number_is_left_out() {
        let lines = recorded(&[(RESULT_LIFE_LEFT_PERCENT, f64::NAN), (OTHER_S, 3.0)]);
        assert_eq!(lines.len(), 1);
        let names = &lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"];
        assert_eq!(names, &json!([{"Name": "OldestUnfinishedJobAgeS", "Unit": "Seconds"}]));
        assert_eq!((&lines[0]["OldestUnfinishedJobAgeS"], lines[0].get("ResultLifeLeftPercent")), (&json!(3.0), None));
    }

    #[test]
    fn a_line_that_cannot_be_written_fails_nothing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let metrics = Metrics::embedded_in(Full);
        metrics.record(Timestamp::UNIX_EPOCH, Dimensions::of_provider("fangtang"), &[(OTHER_S, 1.0)]);
    }
}
