//! The presets of `darkroom.toml`: `[provider.preset]` tables of typed options, refused at start when anything in
//! them is wrong. Some keys are the same for every provider (`then`, `fit`, `on_unknown`); all others are the provider's
//! own. Beside its presets, a provider's table may hold `min_balance`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::{Deserialize as _, de::IntoDeserializer as _};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    chain::{self, MOST_STEPS},
    nearest::{nearest, with_nearest},
};
use crate::{
    job::{DEFAULT_PRESET, OnUnknown, PlannedStep, ProviderName, Route},
    provider::{CheckedOptions, Definition, Delivery, Provider, definition},
};

/// Every preset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Presets {
    presets: BTreeMap<Route, Preset>,
    /// So much is to be left on a provider's account.
    min_balances: BTreeMap<ProviderName, i64>,
    warnings: Vec<String>,
}

/// One preset.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Preset {
    /// In the provider's own shape.
    pub(super) options: serde_json::Value,
    /// Which presets follow, as the table names them.
    pub(super) then: Vec<Spanned<Route>>,
    /// Whether an image beyond the provider's limits is made to fit.
    pub(super) fit: bool,
    /// What is done where nobody can tell whether a paid call was carried out.
    on_unknown: OnUnknown,
    /// Whether the work ends in an image.
    pub(super) gives_image: bool,
    /// Where its table begins in the text; `None` for a preset that exists without a file.
    at: Option<usize>,
    /// File and line of that, for messages; empty for a preset that exists without a file.
    place: String,
}

/// A `darkroom.toml` that cannot be used: everything that is wrong with it, a line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PresetError(String);

/// The keys that every provider's presets have.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Common {
    then: Vec<Spanned<String>>,
    fit: bool,
    on_unknown: OnUnknown,
}

const COMMON_KEYS: [&str; 3] = ["then", "fit", "on_unknown"];

/// The key of a provider's own table, for all of its presets.
const MIN_BALANCE: &str = "min_balance";

/// Something wrong at a place of the text.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

impl Presets {
    /// The presets that exist without a file: `default` of every provider.
    #[must_use]
    pub fn built_in() -> Self {
        let default = |provider| {
            let options = (definition(provider).options.defaults)();
            (
                Route { provider, preset: DEFAULT_PRESET.to_owned() },
                Preset::new(options, Vec::new(), &Common::default(), None),
            )
        };
        Self { presets: ProviderName::ALL.map(default).into_iter().collect(), ..Self::default() }
    }

    /// Reads a file's `text`; `file` is its name in messages.
    ///
    /// # Errors
    /// With everything that is wrong: file, line, the offending text and the nearest right word.
    pub fn parse(file: &str, text: &str) -> Result<Self, PresetError> {
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let told = |problem: &Problem| {
            let line = line(problem.at.start);
            let written = text.lines().nth(line - 1).unwrap_or_default().trim();
            format!("{file}: line {line}: {} (in: {written})", problem.message)
        };
        let mut reader = Reader { presets: Self::built_in(), ..Reader::default() };
        match DeTable::parse(text) {
            Ok(document) => reader.document(document.into_inner()),
            Err(error) => reader.wrong(error.span().unwrap_or_default(), error.message()),
        }
        let Reader { mut presets, mut problems, warnings, unreadable } = reader;
        problems.extend(chain::problems(&presets.presets, &unreadable));
        if problems.is_empty() {
            presets.warnings = warnings.iter().map(told).collect();
            for preset in presets.presets.values_mut() {
                preset.place = preset.at.map(|at| format!("{file}: line {}: ", line(at))).unwrap_or_default();
            }
            return Ok(presets);
        }
        problems.sort_by_key(|problem| problem.at.start);
        Err(PresetError(problems.iter().map(told).collect::<Vec<_>>().join("\n")))
    }

    /// What is allowed and unwise, with file and line.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The steps that an upload under `route` asks for, in order; `None` when there is no such preset.
    #[must_use]
    pub fn plan(&self, route: &Route) -> Option<Vec<PlannedStep>> {
        let routes = chain::expand(&self.presets, route)?;
        let planned = |route: Route| {
            let preset = self.presets.get(&route)?;
            Some(PlannedStep {
                options: preset.options.clone(),
                fit: preset.fit,
                min_balance: self.min_balances.get(&route.provider).copied(),
                on_unknown: preset.on_unknown,
                route,
            })
        };
        routes.into_iter().take(MOST_STEPS).map(planned).collect()
    }

    /// So much is to be left on the account of `provider`, if the file says so.
    #[must_use]
    pub fn min_balance(&self, provider: ProviderName) -> Option<i64> {
        self.min_balances.get(&provider).copied()
    }

    /// Whether a preset of `provider` has its end told by callback.
    #[must_use]
    pub fn calls_back(&self, provider: &dyn Provider) -> bool {
        let mut deliveries = self.of(provider.name()).map(|(_, preset)| provider.delivery(&preset.options));
        deliveries.any(|delivery| matches!(delivery, Ok(Delivery::Callback)))
    }

    /// The presets of `provider` that cannot work with the credentials that there are: each with the reason.
    #[must_use]
    pub fn unusable(&self, provider: &dyn Provider) -> Vec<String> {
        let checked = self.of(provider.name()).map(|(route, preset)| {
            let problem = provider.check(&preset.options).err()?;
            Some(format!("{}[{}.{}] {problem}", preset.place, route.provider, route.preset))
        });
        checked.flatten().collect()
    }

    /// The names of a provider's presets.
    pub fn names(&self, provider: ProviderName) -> impl Iterator<Item = &str> {
        self.of(provider).map(|(route, _)| route.preset.as_str())
    }

    /// Every route that there is, each with those that follow.
    pub fn routes(&self) -> impl Iterator<Item = (&Route, Vec<Route>)> {
        self.presets.keys().map(|route| {
            let chain = chain::expand(&self.presets, route).unwrap_or_default();
            (route, chain.into_iter().skip(1).collect())
        })
    }

    /// The name of the preset of `route`'s provider that was most likely meant.
    #[must_use]
    pub fn nearest(&self, route: &Route) -> Option<&str> {
        nearest(&route.preset, self.names(route.provider))
    }

    fn of(&self, provider: ProviderName) -> impl Iterator<Item = (&Route, &Preset)> {
        self.presets.iter().filter(move |(route, _)| route.provider == provider)
    }
}

impl Preset {
    fn new(checked: CheckedOptions, then: Vec<Spanned<Route>>, common: &Common, at: Option<usize>) -> Self {
        Self {
            options: checked.options,
            then,
            fit: common.fit,
            on_unknown: common.on_unknown,
            gives_image: checked.gives_image,
            at,
            place: String::new(),
        }
    }
}

/// Goes through the file; collects what is right and what is wrong.
#[derive(Default)]
struct Reader {
    presets: Presets,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Presets that are there and cannot be used.
    unreadable: BTreeSet<Route>,
}

impl Reader {
    fn wrong(&mut self, at: Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem { at, message: message.into() });
    }

    fn document(&mut self, document: DeTable<'_>) {
        for (name, value) in document {
            let Ok(provider) = name.get_ref().parse::<ProviderName>() else {
                let known = ProviderName::ALL.map(ProviderName::as_str);
                let meant = nearest(name.get_ref(), known).map(|word| format!("; did you mean '{word}'?"));
                let meant = meant.unwrap_or_default();
                self.wrong(
                    name.span(),
                    format!("there is no provider '{}'; there are: {}{meant}", name.get_ref(), ProviderName::known()),
                );
                continue;
            };
            let at = value.span();
            match value.into_inner() {
                DeValue::Table(tables) => self.provider(provider, tables),
                _ => self.wrong(at, format!("'{provider}' has to be a table of presets, as in [{provider}.default]")),
            }
        }
    }

    fn provider(&mut self, provider: ProviderName, tables: DeTable<'_>) {
        for (name, value) in tables {
            let at = value.span();
            if name.get_ref() == MIN_BALANCE {
                match i64::deserialize(value.into_deserializer()) {
                    Ok(least) => {
                        self.presets.min_balances.insert(provider, least);
                    }
                    Err(error) => self.wrong(at, format!("[{provider}] {MIN_BALANCE}: {}", error.message())),
                }
                continue;
            }
            let DeValue::Table(table) = value.into_inner() else {
                let message = format!(
                    "[{provider}] holds presets and no options: '{}' belongs into a preset's table, as in \
                     [{provider}.default]",
                    name.get_ref()
                );
                self.wrong(name.span(), message);
                continue;
            };
            match Route::new(provider, name.get_ref()) {
                Ok(route) => self.preset(route, Spanned::new(at, table)),
                Err(problem) => self.wrong(name.span(), problem.to_string()),
            }
        }
    }

    fn preset(&mut self, route: Route, table: Spanned<DeTable<'_>>) {
        let definition = definition(route.provider);
        let header = format!("[{}.{}]", route.provider, route.preset);
        let at = table.span();
        let mut own = table.into_inner();
        let common_keys: DeTable<'_> =
            COMMON_KEYS.iter().filter_map(|key| own.remove_entry(&Spanned::new(0..0, (*key).into()))).collect();
        let unknown = unknown_keys(definition, &own);
        for (key_at, message) in unknown.iter().cloned() {
            self.wrong(key_at, format!("{header} {message}"));
        }
        let common = Common::deserialize(Spanned::new(at.clone(), common_keys).into_deserializer());
        let common = common.unwrap_or_else(|error| {
            self.wrong(error.span().unwrap_or(at.clone()), format!("{header} {}", with_nearest(error.message())));
            Common::default()
        });
        let then = self.then(&header, &common.then);
        if !unknown.is_empty() {
            self.unreadable.insert(route);
            return;
        }
        match (definition.options.read)(Spanned::new(at.clone(), own)) {
            Ok(checked) => {
                let warned = checked.warnings.iter();
                let warned = warned.map(|warning| Problem { at: at.clone(), message: format!("{header} {warning}") });
                self.warnings.extend(warned);
                self.presets.presets.insert(route, Preset::new(checked, then, &common, Some(at.start)));
            }
            Err(error) => {
                let message = format!("{header} {}", with_nearest(&error.message));
                self.wrong(error.span.unwrap_or(at), message);
                self.unreadable.insert(route);
            }
        }
    }

    fn then(&mut self, header: &str, then: &[Spanned<String>]) -> Vec<Spanned<Route>> {
        let mut routes = Vec::new();
        for named in then {
            let at = named.span();
            match chain::read_route(named.get_ref()) {
                Ok(route) => routes.push(Spanned::new(at, route)),
                Err(problem) => self.wrong(at, format!("{header} then: {problem}")),
            }
        }
        routes
    }
}

/// The keys of a table that are no options of the provider, each with words about it.
fn unknown_keys(definition: &Definition, table: &DeTable<'_>) -> Vec<(Range<usize>, String)> {
    let known = (definition.options.keys)();
    let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
    let told = unknown.map(|key| {
        let name = key.get_ref();
        let others = ProviderName::ALL.into_iter().filter(|other| *other != definition.name);
        let of_another = others.into_iter().find(|other| {
            let keys = (crate::provider::definition(*other).options.keys)();
            keys.contains(&name.as_ref())
        });
        let meant = match (nearest(name, known.iter().chain(&COMMON_KEYS).copied()), of_another) {
            (_, Some(other)) => format!("; it is one of {other}."),
            (Some(word), None) => format!("; did you mean '{word}'?"),
            (None, None) => ".".to_owned(),
        };
        let all = known.iter().chain(&COMMON_KEYS).copied().collect::<Vec<_>>().join(", ");
        (key.span(), format!("'{name}' is no option of {}{meant} There are: {all}", definition.name))
    });
    told.collect()
}

#[cfg(test)]
mod tests;
