//! What arguments may be, so that a wrong one is refused with the nearest right one, and shells know the right ones.

use clap::{
    Arg, Command, Error,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use darkroom_shared::job::{DEFAULT_PRESET, InvalidJobId, JobId, ProviderName, Route, StateName};

use crate::hint::nearest;

/// A provider's name.
pub(crate) fn provider() -> impl TypedValueParser<Value = ProviderName> {
    PossibleValuesParser::new(ProviderName::ALL.map(ProviderName::as_str)).try_map(|name| name.parse())
}

/// A state's name.
pub(crate) fn state() -> impl TypedValueParser<Value = StateName> {
    PossibleValuesParser::new(StateName::ALL.map(StateName::as_str)).try_map(|name| name.parse())
}

/// Reads `provider/preset`. Which presets there are is known to whoever works on the image; a shell is offered the
/// providers, each of which alone is a route as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteParser;

impl TypedValueParser for RouteParser {
    type Value = Route;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &std::ffi::OsStr) -> Result<Route, Error> {
        let text = value.to_string_lossy();
        text.parse().map_err(|problem| {
            let (provider, preset) = text.split_once('/').unwrap_or((&text, DEFAULT_PRESET));
            let meant = nearest(provider, ProviderName::ALL.map(ProviderName::as_str));
            let hint = match meant {
                Some(meant) if meant != provider => format!("\n\n  hint: was '{meant}/{preset}' meant?"),
                _ => String::new(),
            };
            command.clone().error(ErrorKind::ValueValidation, format!("{problem}{hint}"))
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(ProviderName::ALL.into_iter().map(|name| PossibleValue::new(name.as_str()))))
    }
}

/// What a person calls a job: its id, or as much of its beginning as no other job shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobName {
    /// The whole id.
    Id(JobId),
    /// The beginning of one.
    Beginning(String),
}

/// Shorter beginnings would be slips more often than names.
const SHORTEST_BEGINNING: usize = 4;

impl std::str::FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Id).or_else(|problem: InvalidJobId| {
            let is_beginning = (SHORTEST_BEGINNING..32).contains(&text.len())
                && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if is_beginning {
                return Ok(Self::Beginning(text.to_owned()));
            }
            Err(format!("{problem}; its first characters are enough, {SHORTEST_BEGINNING} at the least"))
        })
    }
}

impl std::fmt::Display for JobName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id.as_str()),
            Self::Beginning(beginning) => f.write_str(beginning),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn a_route_of_an_unknown_provider_is_refused_with_the_nearest() {
        let refused = |route: &str| {
            let put = ["darkroom", "put", route, "a.jpg"];
            Arguments::command().try_get_matches_from(put).map(|_| ()).unwrap_err().to_string()
        };
        let words = refused("imgfactry/ten");
        assert!(words.contains("there is no provider 'imgfactry'"), "{words}");
        assert!(words.contains("hint: was 'imgfactory/ten' meant?"), "{words}");
        assert!(!refused("zzz/ten").contains("hint"));
        assert!(!refused("watermark/a/b").contains("hint"));
    }

    #[test]
    fn a_job_is_named_by_its_id_or_its_beginning() {
        let id = JobId::of_upload("a", "b", "c");
        assert_eq!(id.as_str().parse(), Ok(JobName::Id(id.clone())));
        assert_eq!(id.as_str()[..12].parse(), Ok(JobName::Beginning(id.as_str()[..12].to_owned())));
        for text in ["", "abc", "ABCDEF", "../../etc", "0123456789abcdef0123456789abcdef0"] {
            assert!(text.parse::<JobName>().is_err(), "{text}");
        }
    }
}
