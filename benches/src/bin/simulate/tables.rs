//! Tables in Markdown.

/// A table that grows by rows.
pub(crate) struct Table {
    text: String,
    columns: usize,
}

impl Table {
    /// One with these heads.
    pub(crate) fn new(heads: &[&str]) -> Self {
        let text = format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
        Self { text, columns: heads.len() }
    }

    /// One row more; what is missing stays empty.
    pub(crate) fn row(&mut self, cells: &[String]) {
        let empty = (cells.len()..self.columns).map(|_| String::new());
        let cells: Vec<String> = cells.iter().cloned().chain(empty).collect();
        self.text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    /// The whole, under `title`, with what there is to say of it.
    pub(crate) fn under(self, title: &str, words: &str) -> String {
        let words = if words.is_empty() { String::new() } else { format!("{words}\n\n") };
        format!("### {title}\n\n{words}{}\n", self.text)
    }
}

/// A number with spaces between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A time in the unit that suits it.
pub(crate) fn time(ms: u32) -> String {
    let seconds = f64::from(ms) / 1000.0;
    match ms {
        ..10_000 => format!("{seconds:.1} s"),
        10_000..120_000 => format!("{seconds:.0} s"),
        120_000..7_200_000 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_told_as_people_tell_them() {
        assert_eq!([7, 1234, 1_000_000].map(grouped), ["7", "1 234", "1 000 000"]);
        assert_eq!([900, 15_000, 600_000, 86_400_000].map(time), ["0.9 s", "15 s", "10 min", "24.0 h"]);
    }
}
