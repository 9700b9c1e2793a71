//! The same throughput with ever more jobs in the table.

use serde_json::{Value, json};

use crate::{
    bench::Bench,
    load::{Flow, Host, Provider, Took, run},
    numbers::Sample,
    report::Line,
};

use super::{WARM_UP, WAYS, limit, rates, rows::Rows};

/// How many jobs are in the table.
const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// The slowest size may do so much less than the fastest.
const GOAL: f64 = 0.2;

/// Measures every size, in turn.
pub(super) async fn measure(bench: &Bench, provider: &Provider) -> anyhow::Result<Line> {
    let (rounds, many) = (bench.count(5, 2), bench.count(1000, 200));
    let sizes = SIZES.get(..bench.count(4, 3)).unwrap_or(&SIZES);
    let both = WAYS.map(|(name, _)| Flow::of(name));
    let rows = Rows::make(bench, provider).await?;
    let mut hosts = Vec::new();
    for &size in sizes {
        let host = Host::without_thumbnails(bench, provider).await?;
        rows.fill(&host, size).await?;
        run(&host, &both, "warm", 2 * WARM_UP).await?;
        hosts.push((size, host, Vec::new()));
    }
    for round in 0..rounds {
        for (_, host, runs) in &mut hosts {
            runs.push(run(host, &both, &format!("round{round}"), many).await?);
        }
    }
    let measured: Vec<(usize, Vec<Took>)> = hosts.into_iter().map(|(size, _, runs)| (size, runs)).collect();
    Ok(line(&measured, many))
}

fn line(measured: &[(usize, Vec<Took>)], many: usize) -> Line {
    let by_size: Vec<(usize, Sample)> = measured.iter().map(|(size, runs)| (*size, rates(runs, many))).collect();
    let medians = Sample::new(by_size.iter().map(|(_, rates)| rates.median()).collect());
    let spread = 1.0 - medians.least() / medians.greatest();
    let told: Vec<String> = by_size.iter().map(|(size, rates)| format!("{size}: {:.1}/s", rates.median())).collect();
    let all: Vec<Took> = measured.iter().flat_map(|(_, runs)| runs).copied().collect();
    let numbers: Vec<Value> =
        by_size.iter().map(|(size, rates)| json!({"jobs": size, "images_per_s": rates.json()})).collect();
    Line {
        measure: "throughput",
        what: "the same by jobs in the table, both providers in turn".into(),
        goal: "flat within 20 %".into(),
        result: format!("{}; {:.0} % apart", told.join(", "), spread * 100.0),
        peer: None,
        limit: limit(&all, many),
        met: spread <= GOAL,
        numbers: json!({"images_of_a_run": many, "apart": spread, "sizes": numbers}),
    }
}
