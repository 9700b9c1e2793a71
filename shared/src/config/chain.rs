//! Chains: which steps follow a preset. A preset that follows another brings along those that follow it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    nearest::nearest,
    presets::{Preset, Problem},
};
use crate::job::{DEFAULT_PRESET, ProviderName, Route};

/// A chain has no more steps than this: what is longer was not meant.
pub(super) const MOST_STEPS: usize = 16;

type Table = BTreeMap<Route, Preset>;

/// Reads `provider.preset` as it stands in a `then`.
///
/// # Errors
/// With words for the person who wrote it.
pub(super) fn read_route(text: &str) -> Result<Route, String> {
    let (provider, preset) = text.split_once('.').unwrap_or((text, DEFAULT_PRESET));
    if text.contains('/') {
        return Err(format!("'{text}': write provider.preset with a dot, as in \"vkcloud.double\""));
    }
    let provider: ProviderName = provider.parse().map_err(|problem| {
        let known = ProviderName::ALL.map(ProviderName::as_str);
        let meant = nearest(provider, known).map(|word| format!("; did you mean '{word}'?")).unwrap_or_default();
        format!("{problem}{meant}")
    })?;
    Route::new(provider, preset).map_err(|problem| problem.to_string())
}

/// The steps of `route`, itself first. `None` when a preset is missing. It stops where a chain would go round.
pub(super) fn expand(table: &Table, route: &Route) -> Option<Vec<Route>> {
    let mut steps = Vec::new();
    follow(table, route, &mut BTreeSet::new(), &mut steps)?;
    Some(steps)
}

fn follow<'a>(
    table: &'a Table,
    route: &'a Route,
    above: &mut BTreeSet<&'a Route>,
    steps: &mut Vec<Route>,
) -> Option<()> {
    if steps.len() > MOST_STEPS || !above.insert(route) {
        return Some(());
    }
    steps.push(route.clone());
    for next in &table.get(route)?.then {
        follow(table, next.get_ref(), above, steps)?;
    }
    above.remove(route);
    Some(())
}

/// What is wrong with the chains: a `then` that names no preset, loops, is too long, or follows a step without image.
/// `unreadable` are presets that are there and wrong in themselves, which has been told already.
pub(super) fn problems(table: &Table, unreadable: &BTreeSet<Route>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (route, preset) in table {
        let header = format!("[{}.{}] then:", route.provider, route.preset);
        let Some(first) = preset.then.first() else { continue };
        let mut wrong = |at, message: String| problems.push(Problem { at, message: format!("{header} {message}") });
        let mut found = false;
        for next in &preset.then {
            let known = unreadable.contains(next.get_ref());
            let problem =
                missing(table, next.get_ref()).filter(|_| !known).or_else(|| loops(table, route, next.get_ref()));
            found |= problem.is_some() || known;
            problem.into_iter().for_each(|message| wrong(next.span(), message));
        }
        let steps = if found { Vec::new() } else { expand(table, route).unwrap_or_default() };
        if steps.len() > MOST_STEPS {
            wrong(first.span(), format!("the chain has more than {MOST_STEPS} steps"));
        }
        let followed = steps.split_last().map_or(&[][..], |(_, before)| before);
        if let Some(blind) = followed.iter().find(|step| table.get(step).is_some_and(|preset| !preset.gives_image)) {
            let message = format!(
                "nothing can follow {}.{}: its options give no image to go on with",
                blind.provider, blind.preset
            );
            wrong(first.span(), message);
        }
    }
    problems
}

fn missing(table: &Table, next: &Route) -> Option<String> {
    if table.contains_key(next) {
        return None;
    }
    let names: Vec<&str> =
        table.keys().filter(|known| known.provider == next.provider).map(|known| known.preset.as_str()).collect();
    let meant = nearest(&next.preset, names.iter().copied()).map(|word| format!("; did you mean '{word}'?"));
    Some(format!(
        "there is no preset '{}' of {}{} There are: {}",
        next.preset,
        next.provider,
        meant.unwrap_or_else(|| ".".into()),
        names.join(", ")
    ))
}

/// The way from `next` back to `route`, if there is one.
fn loops(table: &Table, route: &Route, next: &Route) -> Option<String> {
    let way = way(table, next, route, &mut BTreeSet::new())?;
    let shown: Vec<String> =
        std::iter::once(route).chain(&way).map(|step| format!("{}.{}", step.provider, step.preset)).collect();
    Some(format!("it loops: {}", shown.join(" → ")))
}

fn way(table: &Table, from: &Route, to: &Route, seen: &mut BTreeSet<Route>) -> Option<Vec<Route>> {
    if from == to {
        return Some(vec![to.clone()]);
    }
    if !seen.insert(from.clone()) {
        return None;
    }
    let next = &table.get(from)?.then;
    next.iter().find_map(|next| {
        let mut rest = way(table, next.get_ref(), to, seen)?;
        rest.insert(0, from.clone());
        Some(rest)
    })
}
