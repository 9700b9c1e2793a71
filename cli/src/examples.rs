//! The examples at the end of each command's help. Every line of them is parsed by a test, so that none can rot.

use std::fmt::Write as _;

use clap::builder::{StyledStr, Styles};

/// A line to type and what it does.
type Example = (&'static str, &'static str);

/// For `darkroom` itself.
pub(crate) const ALL: &[Example] = &[
    ("darkroom demo", "see everything, for free"),
    ("darkroom serve", "run it here; stop with Ctrl-C"),
    ("darkroom put watermark/default photo.jpg --out results", "one image there and back"),
    ("darkroom jobs --watch", "see how all images are"),
];

/// For `darkroom demo`.
pub(crate) const DEMO: &[Example] =
    &[("darkroom demo", "with four sample photos"), ("darkroom demo my.jpg other.png --out results", "with your own")];

/// For `darkroom serve`.
pub(crate) const SERVE: &[Example] = &[
    ("darkroom serve", "with ./darkroom.toml, data in ./darkroom-data"),
    ("darkroom serve --data /srv/darkroom --config presets.toml", "with everything elsewhere"),
    ("darkroom serve --http 0.0.0.0:9001 --public-url https://photos.example.org", "reached by callbacks"),
];

/// For `darkroom put`.
pub(crate) const PUT: &[Example] = &[
    ("darkroom put watermark/default photo.jpg", "put it, and go on"),
    ("darkroom put imgfactory/ten *.jpg --wait", "wait until all are done"),
    ("darkroom put watermark/publish photo.jpg --out results", "wait, and fetch what came of it"),
    ("darkroom put vkcloud/default photo.jpg --wait --json", "the same for a script"),
];

/// For `darkroom jobs`.
pub(crate) const JOBS: &[Example] = &[
    ("darkroom jobs", "the newest fifty"),
    ("darkroom jobs --state failed --provider imgfactory", "what imgfactory could not do"),
    ("darkroom jobs --watch", "the list, drawn again as it changes"),
    ("darkroom jobs --watch --json", "a line of JSON for each change"),
];

/// For `darkroom job`.
pub(crate) const JOB: &[Example] = &[
    ("darkroom job 3f2a9c1d0b4e", "the beginning of an id is enough"),
    ("darkroom job 3f2a9c1d0b4e --json", "what job.json holds"),
    ("darkroom job 3f2a9c1d0b4e --callback", "what the provider called back"),
];

/// For `darkroom retry`.
pub(crate) const RETRY: &[Example] = &[
    ("darkroom retry 3f2a9c1d0b4e", "goes on from the step that failed"),
    ("darkroom retry --failed", "all that failed"),
];

/// For `darkroom backfill`.
pub(crate) const BACKFILL: &[Example] = &[
    ("darkroom backfill uploads/watermark/", "all uploads for one provider"),
    ("darkroom backfill uploads/ --min-age-s 0", "all uploads, however young"),
];

/// For `darkroom release`.
pub(crate) const RELEASE: &[Example] = &[("darkroom release imgfactory", "its account was topped up")];

/// For `darkroom check`.
pub(crate) const CHECK: &[Example] = &[
    ("darkroom check", "before the first image, and when something is odd"),
    ("darkroom check --config presets.toml --json", "for a script"),
];

/// For `darkroom sandbox`.
pub(crate) const SANDBOX: &[Example] = &[
    ("darkroom sandbox", "prints the variables that lead to it"),
    ("darkroom sandbox --listen 127.0.0.1:9100", "at another port"),
];

/// For `darkroom completions`.
pub(crate) const COMPLETIONS: &[Example] = &[
    ("darkroom completions bash > ~/.local/share/bash-completion/completions/darkroom", "from the next shell on"),
    ("darkroom completions zsh > ~/.zfunc/_darkroom", "with ~/.zfunc in fpath"),
    ("darkroom completions fish > ~/.config/fish/completions/darkroom.fish", "from the next shell on"),
];

/// Examples as the end of a help text: each with what it does beside it, or above it where one is long.
pub(crate) fn help(examples: &[Example]) -> StyledStr {
    /// Beside longer lines there is no room.
    const LONGEST: usize = 50;
    let heading = *Styles::styled().get_header();
    let mut text = StyledStr::new();
    // Writing into a text does not fail.
    let _ = write!(text, "{heading}Examples:{heading:#}");
    let width = examples.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
    for (line, what) in examples {
        let _ = if width <= LONGEST {
            write!(text, "\n  {line:<width$}  # {what}")
        } else {
            write!(text, "\n  # {what}\n  {line}")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use crate::arguments::Arguments;

    /// The lines to type, out of a help text.
    fn typed(help: &str) -> Vec<String> {
        let examples = help.split_once("Examples:").unwrap_or_else(|| panic!("no examples in: {help}")).1;
        let lines = examples.lines().map(str::trim).filter(|line| line.starts_with("darkroom"));
        let line = |line: &str| line.split(['#', '>']).next().unwrap_or_default().trim().to_owned();
        lines.map(line).collect()
    }

    #[test]
    fn every_command_has_examples_and_every_example_can_be_typed() {
        let mut command = Arguments::command();
        command.build();
        let mut helps = vec![("darkroom".to_owned(), command.render_long_help().to_string())];
        let commands = command.get_subcommands_mut().filter(|command| command.get_name() != "help");
        helps.extend(commands.map(|command| (command.get_name().to_owned(), command.render_long_help().to_string())));
        assert!(helps.len() > 10, "{helps:?}");
        for (name, help) in helps {
            let lines = typed(&help);
            assert!(!lines.is_empty(), "{name}: {help}");
            for line in lines {
                assert!(name == "darkroom" || line.split(' ').nth(1) == Some(&name), "{line} is no example of {name}");
                Arguments::try_parse_from(line.split_whitespace()).unwrap_or_else(|e| panic!("{line}: {e}"));
            }
        }
    }
}
