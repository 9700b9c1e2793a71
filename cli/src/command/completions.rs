//! `darkroom completions SHELL`: what makes a shell complete this command's words.

use clap::CommandFactory as _;

use crate::{
    Ended,
    arguments::{Arguments, Completions},
    terminal,
};

/// Prints it; where it belongs, the help tells.
pub(crate) fn run(arguments: &Completions) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "darkroom", &mut script);
    terminal::raw(&script);
    Ended::Done
}
