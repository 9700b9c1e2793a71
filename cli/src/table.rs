//! Tables that fit the terminal: what is too wide is shortened, not wrapped. It lays out lines and prints none.

use console::{Style, measure_text_width, truncate_str};

/// Between two columns.
const GAP: usize = 2;

/// What a column may lose where the terminal is too narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shrink {
    /// Nothing.
    Never,
    /// All behind so many characters, before any other column loses anything: what is left is enough.
    Cut(usize),
    /// Its end, down to so many characters with `…`.
    Ellipsis(usize),
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) title: &'static str,
    /// What it may lose.
    pub(crate) shrink: Shrink,
}

/// A text in a table, and how it is painted.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A text that is painted.
    pub(crate) fn painted(text: impl Into<String>, style: Style) -> Self {
        let text: String = text.into();
        // A row is a line, and a stranger's control characters are not for this terminal.
        Self { text: text.replace(char::is_control, " "), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::painted(text, Style::new())
    }
}

/// The lines of a table: a header, a rule and a line for each row. With `width`, no line is wider as far as the columns
/// allow; without, everything is there whole.
pub(crate) fn lines(columns: &[Column], rows: &[Vec<Cell>], width: Option<usize>) -> Vec<String> {
    let widths = widths(columns, rows, width);
    let header: Vec<Cell> = columns.iter().map(|column| Cell::painted(column.title, Style::new().bold())).collect();
    let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    let mut lines = vec![line(columns, &header, &widths), "─".repeat(total)];
    lines.extend(rows.iter().map(|row| line(columns, row, &widths)));
    lines
}

fn line(columns: &[Column], row: &[Cell], widths: &[usize]) -> String {
    let mut line = String::new();
    let mut blanks = 0;
    for ((column, cell), &width) in columns.iter().zip(row).zip(widths) {
        let tail = if matches!(column.shrink, Shrink::Cut(_)) { "" } else { "…" };
        let text = truncate_str(&cell.text, width, tail);
        // Blanks come before the next text, so that no line ends with them.
        if !text.is_empty() {
            line.push_str(&" ".repeat(blanks));
            line.push_str(&cell.style.apply_to(&text).to_string());
            blanks = 0;
        }
        blanks += width.saturating_sub(measure_text_width(&text)) + GAP;
    }
    line
}

/// How wide the columns are.
fn widths(columns: &[Column], rows: &[Vec<Cell>], width: Option<usize>) -> Vec<usize> {
    let natural = |number: usize, column: &Column| {
        let cells = rows.iter().filter_map(|row| row.get(number)).map(|cell| measure_text_width(&cell.text));
        cells.max().unwrap_or_default().max(measure_text_width(column.title))
    };
    let mut widths: Vec<usize> = columns.iter().enumerate().map(|(number, column)| natural(number, column)).collect();
    let Some(width) = width else { return widths };
    let for_text = width.saturating_sub(GAP * columns.len().saturating_sub(1));
    if widths.iter().sum::<usize>() > for_text {
        for (width, column) in widths.iter_mut().zip(columns) {
            if let Shrink::Cut(least) = column.shrink {
                *width = (*width).min(least);
            }
        }
    }
    // The widest loses first, so that all that lose are left equally wide.
    while widths.iter().sum::<usize>() > for_text {
        let shrinking = widths.iter_mut().zip(columns).filter(|(width, column)| match column.shrink {
            Shrink::Ellipsis(least) => **width > least,
            Shrink::Never | Shrink::Cut(_) => false,
        });
        let Some((widest, _)) = shrinking.max_by_key(|(width, _)| **width) else { break };
        *widest -= 1;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column { title: "id", shrink: Shrink::Cut(4) },
        Column { title: "image", shrink: Shrink::Ellipsis(5) },
        Column { title: "state", shrink: Shrink::Never },
        Column { title: "reason", shrink: Shrink::Ellipsis(6) },
    ];

    fn shown(width: Option<usize>) -> Vec<String> {
        let row = |cells: [&str; 4]| cells.into_iter().map(Cell::from).collect::<Vec<_>>();
        let rows = [
            row(["0123456789", "照片.jpg", "failed", "no image at all\nin this file"]),
            row(["abcdef0123", "a-rather-long-name.jpg", "done", ""]),
        ];
        lines(&COLUMNS, &rows, width)
    }

    #[test]
    fn where_there_is_room_everything_is_there_and_a_row_is_a_line() {
        let whole = [
            "id          image                   state   reason",
            "────────────────────────────────────────────────────────────────────────",
            "0123456789  照片.jpg                failed  no image at all in this file",
            "abcdef0123  a-rather-long-name.jpg  done",
        ];
        assert_eq!(shown(None), whole);
        assert_eq!(shown(Some(72)), whole);
    }

    #[test]
    fn ids_are_cut_first_then_the_widest_is_shortened() {
        assert_eq!(shown(Some(66))[2], "0123  照片.jpg                failed  no image at all in this file");
        let narrow = shown(Some(40));
        assert_eq!(narrow[0], "id    image         state   reason");
        assert_eq!(narrow[2], "0123  照片.jpg      failed  no image at…");
        assert_eq!(narrow[3], "abcd  a-rather-lo…  done");
        assert!(narrow.iter().all(|line| measure_text_width(line) <= 40), "{narrow:#?}");
    }

    #[test]
    fn a_terminal_narrower_than_all_columns_gets_the_least_of_each() {
        assert_eq!(shown(Some(10))[3], "abcd  a-ra…  done");
    }
}
