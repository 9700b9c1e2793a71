//! A `darkroom.toml`, whatever is in it: either every route has a plan that its clients can carry out, or each mistake is
//! told with its line.
#![no_main]

use std::sync::LazyLock;

use darkroom_fuzz::{client, settings};
use darkroom_shared::{
    config::Presets,
    job::{ProviderName, Route},
    provider::{Http, Providers},
};
use libfuzzer_sys::fuzz_target;

const FILE: &str = "darkroom.toml";
/// A chain has no more steps.
const MOST_STEPS: usize = 16;

static PROVIDERS: LazyLock<Providers> = LazyLock::new(|| {
    let (http, settings) = (Http::new().expect("a sender"), settings());
    ProviderName::ALL.into_iter().map(|name| client(name, &http, &settings)).collect()
});

fuzz_target!(|text: &str| match Presets::parse(FILE, text) {
    Ok(presets) => {
        let routes: Vec<Route> = presets.routes().map(|(route, _)| route.clone()).collect();
        for route in &routes {
            check_plan(&presets, route);
        }
        for told in presets.warnings() {
            check_line(told, text);
        }
        for provider in PROVIDERS.iter() {
            let _ = presets.calls_back(provider.as_ref());
            for told in presets.unusable(provider.as_ref()) {
                check_line(&told, text);
            }
        }
    }
    Err(mistakes) => {
        let told = mistakes.to_string();
        assert!(told.starts_with(FILE), "{told}");
        told.lines().filter(|line| line.starts_with(FILE)).for_each(|line| check_line(line, text));
    }
});

fn check_plan(presets: &Presets, route: &Route) {
    let Some(plan) = presets.plan(route) else { panic!("{route} has no plan") };
    assert!((1..=MOST_STEPS).contains(&plan.len()), "{} steps", plan.len());
    assert_eq!(&plan[0].route, route);
    for step in plan {
        let Some(client) = PROVIDERS.get(step.route.provider) else { panic!("{} has no client", step.route) };
        // The client reads what the preset has written.
        let delivery = client.delivery(&step.options);
        assert!(delivery.is_ok(), "{}: {delivery:?}", step.options);
    }
}

/// It names a line that is there.
fn check_line(told: &str, text: &str) {
    let number = told.strip_prefix(FILE).and_then(|told| told.strip_prefix(": line ")?.split(':').next());
    let Some(Ok(number)) = number.map(str::parse::<usize>) else { panic!("no line is named: {told:?}") };
    assert!(number >= 1 && number <= text.matches('\n').count() + 1, "{told:?}");
}
