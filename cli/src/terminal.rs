//! What people see: the only place that prints, and the only one that decides on colours.

use std::{io::Write as _, process::ExitCode};

use clap::builder::StyledStr;
use console::{Style, Term};
use darkroom_shared::{environment::Environment, job::StateName};
use serde::Serialize;

use crate::{
    hint,
    table::{self, Cell, Column},
};

/// Decides on colours, once and for all that is printed.
pub(crate) fn start(environment: &Environment) {
    console::set_colors_enabled(has_colours(environment, Term::stdout().is_term()));
    console::set_colors_enabled_stderr(has_colours(environment, Term::stderr().is_term()));
}

/// Whether what is logged may be coloured.
pub(crate) fn log_has_colours() -> bool {
    console::colors_enabled_stderr()
}

/// What the parser of arguments has to say: help that was asked for, or what was wrong, with the exit code that is for it.
/// It is not left to print by itself, because it decides on colours by rules of its own.
pub(crate) fn help_or_wrong_arguments(told: &clap::Error) -> ExitCode {
    let words = told.render();
    if told.use_stderr() {
        let _ = write!(std::io::stderr(), "{}", painted_or_plain(&words, console::colors_enabled_stderr()));
    } else {
        raw(painted_or_plain(&words, console::colors_enabled()).as_bytes());
    }
    u8::try_from(told.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn painted_or_plain(words: &StyledStr, has_colours: bool) -> String {
    if has_colours { words.ansi().to_string() } else { words.to_string() }
}

/// Colours are for terminals that can show them, and for whoever has not said no (<https://no-color.org>).
fn has_colours(environment: &Environment, is_terminal: bool) -> bool {
    if environment.get("NO_COLOR").is_some() {
        return false;
    }
    let forced = environment.get("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    // Windows sets no TERM.
    let can_show = environment.get("TERM").map_or(cfg!(windows), |terminal| terminal != "dumb");
    forced || (is_terminal && can_show)
}

/// How wide standard output is, where it is a terminal.
pub(crate) fn width() -> Option<usize> {
    let terminal = Term::stdout();
    terminal.is_term().then(|| usize::from(terminal.size().1))
}

/// Whether lines on standard output can be drawn over.
pub(crate) fn can_redraw() -> bool {
    Term::stdout().is_term() && !console::is_dumb()
}

/// A line on standard output.
pub(crate) fn line(text: impl std::fmt::Display) {
    // Who reads may have gone away (`| head -1`); that is no failure of ours.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The same for lines without end. False: nobody reads them any more.
#[must_use]
pub(crate) fn line_is_read(text: impl std::fmt::Display) -> bool {
    let mut out = std::io::stdout();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// A text as it is, on standard output.
pub(crate) fn raw(text: &[u8]) {
    let _ = std::io::stdout().write_all(text);
}

/// A line for a person on standard error, where standard output is for programs.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Why a command could not do what was asked, with all causes, and what can be done about it.
pub(crate) fn problem(problem: &anyhow::Error) {
    let style = Style::new().for_stderr();
    note(format!("{} {problem:#}", style.clone().red().bold().apply_to("darkroom:")));
    if let Some(hint) = hint::of(problem) {
        note(format!("  {} {hint}", style.cyan().apply_to("hint:")));
    }
}

/// A value as JSON, on standard output.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A table, on standard output; on a terminal it fits.
pub(crate) fn table(columns: &[Column], rows: &[Vec<Cell>]) {
    for text in table::lines(columns, rows, width()) {
        line(text);
    }
}

/// How a state is painted, everywhere.
pub(crate) fn style_of(state: StateName) -> Style {
    match state {
        StateName::Done => Style::new().green(),
        StateName::Failed => Style::new().red(),
        StateName::Queued | StateName::Submitting | StateName::Waiting | StateName::Ready => Style::new().yellow(),
    }
}

/// A state, painted for standard output.
pub(crate) fn state(state: StateName) -> String {
    style_of(state).apply_to(state).to_string()
}

/// The terminal's other screen, drawn over again and again. Dropped, it leaves the terminal as it was.
#[derive(Debug)]
pub(crate) struct Screen(Term);

impl Screen {
    /// Goes to the other screen.
    pub(crate) fn open() -> Self {
        let screen = Self(Term::buffered_stdout());
        screen.send("\x1b[?1049h\x1b[?25l");
        screen
    }

    /// How many lines there are.
    pub(crate) fn height(&self) -> usize {
        usize::from(self.0.size().0)
    }

    /// Draws these lines and nothing else. All at once, and line over line, so that nothing flickers.
    pub(crate) fn draw(&self, lines: &[String]) {
        let lines = lines.iter().take(self.height());
        let lines: Vec<String> = lines.map(|line| format!("{line}\x1b[K")).collect();
        self.send(&format!("\x1b[H{}\x1b[J", lines.join("\r\n")));
    }

    fn send(&self, text: &str) {
        let _ = self.0.write_str(text).and_then(|()| self.0.flush());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.send("\x1b[?25h\x1b[?1049l");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_show_them_and_for_whoever_has_not_said_no() {
        let colours = |variables: &[(&str, &str)], is_terminal| {
            has_colours(&Environment::from_iter(variables.iter().copied()), is_terminal)
        };
        let xterm = ("TERM", "xterm-256color");
        assert!(colours(&[xterm], true));
        assert!(colours(&[xterm, ("NO_COLOR", "")], true), "an empty value says nothing");
        assert!(!colours(&[xterm, ("NO_COLOR", "1")], true));
        assert!(!colours(&[xterm, ("NO_COLOR", "0"), ("CLICOLOR_FORCE", "1")], true), "any other value says no");
        assert!(!colours(&[("TERM", "dumb")], true));
        assert!(!colours(&[xterm], false));
        assert!(colours(&[("CLICOLOR_FORCE", "1")], false));
        assert!(!colours(&[xterm, ("CLICOLOR_FORCE", "0")], false));
    }
}
