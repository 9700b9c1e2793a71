//! Errors that say what now: a problem, and beside it a hint. It decides nothing and prints nothing.

use std::fmt;

/// A problem with a hint. It shows itself with all its causes, as it may lie beneath a context.
#[derive(Debug)]
struct Hinted {
    problem: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.problem)
    }
}

impl std::error::Error for Hinted {}

/// A problem and what can be done about it.
pub(crate) fn hinted(problem: impl fmt::Display, hint: impl Into<String>) -> anyhow::Error {
    Hinted { problem: anyhow::Error::msg(problem.to_string()), hint: hint.into() }.into()
}

/// Says what can be done about a problem.
pub(crate) trait Hint<T> {
    /// The same, with a hint should it be a problem.
    ///
    /// # Errors
    /// Where it was an error.
    fn hint(self, hint: impl FnOnce() -> String) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl FnOnce() -> String) -> anyhow::Result<T> {
        self.map_err(|problem| Hinted { problem: problem.into(), hint: hint() }.into())
    }
}

/// The hint nearest to where the problem was first told.
pub(crate) fn of(problem: &anyhow::Error) -> Option<&str> {
    let own = problem.chain().filter_map(|cause| cause.downcast_ref::<Hinted>()).last()?;
    Some(of(&own.problem).unwrap_or(&own.hint))
}

/// The word of `known` that `wrong` was most likely meant to be.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    let wrong = wrong.to_lowercase();
    let rated = known.into_iter().map(|word| (strsim::jaro_winkler(&wrong, &word.to_lowercase()), word));
    rated.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_hint_is_found_below_contexts_and_is_no_part_of_the_message() {
        let problem = Err::<(), _>(std::io::Error::other("gone"))
            .context("the file cannot be read")
            .hint(|| "look elsewhere".to_owned())
            .context("nothing was put")
            .unwrap_err();
        assert_eq!(format!("{problem:#}"), "nothing was put: the file cannot be read: gone");
        assert_eq!(of(&problem), Some("look elsewhere"));
        assert_eq!(of(&anyhow::anyhow!("no hint")), None);
    }

    #[test]
    fn of_two_hints_the_one_nearest_to_the_cause_is_told() {
        let problem = Err::<(), _>(hinted("cause", "inner")).context("way").hint(|| "outer".to_owned()).unwrap_err();
        assert_eq!((format!("{problem:#}").as_str(), of(&problem)), ("way: cause", Some("inner")));
    }

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        assert_eq!(nearest("Imgfactry", ["imgfactory", "imageban"]), Some("imgfactory"));
        assert_eq!(nearest("zzz", ["imgfactory", "imageban"]), None);
    }
}
