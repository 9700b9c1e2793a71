//! Medians, percentiles and how numbers are written.

use serde::Serialize;
use serde_json::{Value, json};

/// Some values of one thing, in order.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// The values in any order.
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value below which `percent` of the values are, by the nearest rank; not a number where there are none.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is small and not negative")]
        let rank = (percent / 100.0 * count(self.0.len())).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    /// The value in the middle; of an even number of values, the mean of both.
    pub(crate) fn median(&self) -> f64 {
        let half = self.0.len() / 2;
        let above = self.0.get(half).copied().unwrap_or(f64::NAN);
        if self.0.len() % 2 == 1 { above } else { f64::midpoint(self.percentile(50.0), above) }
    }

    /// The least value.
    pub(crate) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// The greatest value.
    pub(crate) fn greatest(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// Median and spread, with one decimal and a unit: `8.9 ms (8.1–10.2)`.
    pub(crate) fn told(&self, unit: &str) -> String {
        format!("{:.1} {unit} ({:.1}–{:.1})", self.median(), self.least(), self.greatest())
    }

    /// For machines: the values and their median.
    pub(crate) fn json(&self) -> Value {
        json!({"median": self.median(), "least": self.least(), "greatest": self.greatest(), "values": self.0})
    }
}

/// A count, to calculate with.
pub(crate) fn count(number: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no count here needs more than 52 bits")]
    let number = number as f64;
    number
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nobody reads that many digits")]
    let bytes = bytes as f64;
    bytes / 1_048_576.0
}

/// A duration as milliseconds.
pub(crate) fn milliseconds(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_those_of_the_values_in_order() {
        let odd = Sample::new(vec![3.0, 1.0, 2.0]);
        assert_eq!((odd.least(), odd.median(), odd.greatest()), (1.0, 2.0, 3.0));
        let even = Sample::new(vec![4.0, 1.0, 2.0, 3.0]);
        assert!((even.median() - 2.5).abs() < f64::EPSILON);
        let hundred = Sample::new((1..=100).map(f64::from).collect());
        assert_eq!(
            (hundred.percentile(50.0), hundred.percentile(99.0), hundred.percentile(100.0)),
            (50.0, 99.0, 100.0)
        );
        assert!(Sample::new(Vec::new()).median().is_nan());
    }
}
