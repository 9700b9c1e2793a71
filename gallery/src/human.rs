//! Times and sizes as people read them at a glance.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::texts::Texts;

/// A time, as how long ago it was (or how soon it is); whole in the title and for machines.
pub(crate) fn time(texts: &Texts, at: Timestamp, now: Timestamp) -> Markup {
    let whole = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time datetime=(at) title=(whole) { (ago(texts, at, now)) } }
}

fn ago(texts: &Texts, at: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(at);
    if passed.abs() < SignedDuration::from_secs(10) {
        return texts.just_now.to_owned();
    }
    let pattern = if passed.is_negative() { texts.in_time } else { texts.ago };
    pattern.replace("{time}", &duration(texts, passed.abs()))
}

/// How long something took.
pub(crate) fn duration(texts: &Texts, duration: SignedDuration) -> String {
    let s = duration.as_secs();
    let (number, unit) = match s {
        ..10 => return format!("{:.1} {}", duration.as_secs_f64(), texts.second),
        10..120 => (s, texts.second),
        120..7_200 => ((s + 30) / 60, texts.minute),
        7_200..172_800 => ((s + 1_800) / 3_600, texts.hour),
        _ => ((s + 43_200) / 86_400, texts.day),
    };
    format!("{number} {unit}")
}

/// A size.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "a glance")]
    let (mut size, mut unit) = (bytes as f64 / 1_000.0, 0);
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1_000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if size < 9.95 { format!("{size:.1} {name}") } else { format!("{size:.0} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{ENGLISH, RUSSIAN};

    #[test]
    fn sizes_and_times_are_read_at_a_glance() {
        for (bytes, expected) in
            [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (15_300_000, "15 MB"), (999_900, "1.0 MB")]
        {
            assert_eq!(size(bytes), expected);
        }
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for (s, expected) in [
            (0, "just now"),
            (9, "just now"),
            (40, "40 s ago"),
            (125, "2 min ago"),
            (7_300, "2 h ago"),
            (-90, "in 90 s"),
        ] {
            assert_eq!(ago(&ENGLISH, now - SignedDuration::from_secs(s), now), expected);
        }
        assert_eq!(ago(&RUSSIAN, now - SignedDuration::from_hours(72), now), "3 дн. назад");
    }
}
