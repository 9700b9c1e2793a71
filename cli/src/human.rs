//! Times and sizes as a person reads them at a glance. Pure: the time comes in as an argument, and nothing is printed
//! here.

use jiff::{SignedDuration, Timestamp};

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;
const DAY_S: i64 = 24 * HOUR_S;

/// A size: `1.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// How long something took: `1.4 s`, `2 min 5 s`, `3 h 20 min`, `2 days 4 h`.
pub(crate) fn duration(duration: SignedDuration) -> String {
    let tenths = (duration.as_millis().max(0) + 50) / 100;
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = SignedDuration::from_millis(500).saturating_add(duration).as_secs();
    let (large, small) = match seconds {
        ..HOUR_S => ((seconds / MINUTE_S, "min"), (seconds % MINUTE_S, "s")),
        HOUR_S..DAY_S => ((seconds / HOUR_S, "h"), (seconds % HOUR_S / MINUTE_S, "min")),
        _ => ((seconds / DAY_S, days(seconds / DAY_S)), (seconds % DAY_S / HOUR_S, "h")),
    };
    match small {
        (0, _) => format!("{} {}", large.0, large.1),
        (count, unit) => format!("{} {} {count} {unit}", large.0, large.1),
    }
}

/// The same for the standard library's durations.
pub(crate) fn elapsed(elapsed: std::time::Duration) -> String {
    duration(SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX))
}

/// When something was: `just now`, `5 s ago`, `3 min ago`, `2 h ago`, `4 days ago`.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.duration_since(at).as_secs() {
        // Another machine's clock may be a little ahead of ours.
        ..=1 => "just now".to_owned(),
        seconds => format!("{} ago", roughly(seconds)),
    }
}

/// When something will be: `now`, `in 5 s`, `in 3 min`, `in 2 h`.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> String {
    match at.duration_since(now).as_secs() {
        ..=0 => "now".to_owned(),
        seconds => format!("in {}", roughly(seconds)),
    }
}

/// A time with what it means now: `2024-05-06 07:08:09 UTC (3 min ago)`.
pub(crate) fn moment(at: Timestamp, now: Timestamp) -> String {
    format!("{} UTC ({})", at.strftime("%Y-%m-%d %H:%M:%S"), ago(at, now))
}

/// `1 file`, `3 files`.
pub(crate) fn count(many: usize, what: &str) -> String {
    format!("{many} {what}{}", if many == 1 { "" } else { "s" })
}

fn roughly(seconds: i64) -> String {
    match seconds {
        ..MINUTE_S => format!("{seconds} s"),
        MINUTE_S..HOUR_S => format!("{} min", seconds / MINUTE_S),
        HOUR_S..DAY_S => format!("{} h", seconds / HOUR_S),
        _ => format!("{} {}", seconds / DAY_S, days(seconds / DAY_S)),
    }
}

fn days(many: i64) -> &'static str {
    if many == 1 { "day" } else { "days" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_grow_coarser_as_they_grow_longer() {
        let told = |milliseconds| duration(SignedDuration::from_millis(milliseconds));
        assert_eq!([0, 49, 1_449, 59_949].map(told), ["0.0 s", "0.0 s", "1.4 s", "59.9 s"]);
        assert_eq!([59_950, 125_000, 3_599_499].map(told), ["1 min", "2 min 5 s", "59 min 59 s"]);
        assert_eq!([3_599_500, 12_000_000, 86_400_000].map(told), ["1 h", "3 h 20 min", "1 day"]);
        assert_eq!(told(187_200_000), "2 days 4 h");
        assert_eq!(told(-5), "0.0 s", "clocks of two machines differ");
        assert_eq!(elapsed(std::time::Duration::from_millis(2_050)), "2.1 s");
    }

    #[test]
    fn moments_are_told_from_now() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let at = |seconds: i64| Timestamp::from_second(1_000_000 - seconds).unwrap();
        let told = [-3, 1, 5, 60, 3_599, 7_200, 86_400, 259_200].map(|seconds| ago(at(seconds), now));
        let right =
            ["just now", "just now", "5 s ago", "1 min ago", "59 min ago", "2 h ago", "1 day ago", "3 days ago"];
        assert_eq!(told, right);
        assert_eq!([5, 0, -5, -600].map(|seconds| until(at(seconds), now)), ["now", "now", "in 5 s", "in 10 min"]);
        assert_eq!(moment(at(180), now), "1970-01-12 13:43:40 UTC (3 min ago)");
    }

    #[test]
    fn sizes_and_counts_have_units() {
        assert_eq!([512, 1_258_291].map(size), ["512 B", "1.20 MiB"]);
        assert_eq!([count(1, "file"), count(0, "file"), count(3, "link")], ["1 file", "0 files", "3 links"]);
    }
}
