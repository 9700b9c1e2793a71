//! The scenes that are simulated, two at a time, and the tables made of them.

use std::thread;

use anyhow::anyhow;

use crate::{
    figures::Figures,
    setting::{DAY_S, Layout, Load, Service, TODAY, Weather, services},
    tables::{Table, grouped, slots_lost, time},
    world::World,
};

/// A world to be.
struct Scene {
    name: String,
    layout: Layout,
    load: Load,
    weather: Weather,
    services: Vec<Service>,
}

impl Scene {
    fn new(name: String, layout: Layout, load: Load, weather: Weather) -> Self {
        Self { name, layout, load, weather, services: services() }
    }

    fn live(&self) -> Figures {
        World::new(&self.layout, &self.load, self.weather, &self.services).run()
    }
}

/// All tables.
pub(crate) fn all() -> anyhow::Result<String> {
    let parts: [fn() -> anyhow::Result<String>; 3] = [days, ten_million, queues_of_tasks];
    parts.into_iter().map(|part| part()).collect()
}

/// Lets scenes live, two at a time.
fn live(scenes: Vec<Scene>) -> anyhow::Result<Vec<(Scene, Figures)>> {
    let mut lived = Vec::new();
    let mut scenes = scenes.into_iter().rev().collect::<Vec<_>>();
    while let Some(first) = scenes.pop() {
        let pair: Vec<Scene> = [Some(first), scenes.pop()].into_iter().flatten().collect();
        let threads: Vec<_> = pair
            .into_iter()
            .map(|scene| {
                thread::spawn(move || {
                    let figures = scene.live();
                    (scene, figures)
                })
            })
            .collect();
        for thread in threads {
            lived.push(thread.join().map_err(|_| anyhow!("a scene fell over"))?);
        }
    }
    Ok(lived)
}

/// Today's load, ten times and a hundred times as much, on a good day and a bad one.
fn days() -> anyhow::Result<String> {
    let mut text = String::new();
    for (weather, title, words) in [
        (Weather::Calm, "A calm day", ""),
        (
            Weather::Bad,
            "A bad day",
            "From 14:00 to 16:00 every account is refused (402: a hold), from 18:00 to 18:40 no file server answers.",
        ),
    ] {
        let day = |times: u32| {
            let name = format!("{times}×: {}", grouped(u64::from(times * TODAY)));
            Scene::new(name, Layout::today(), Load::of_day(times * TODAY), weather)
        };
        let mut lived = live(vec![day(100), day(1), day(10)])?;
        lived.sort_by_key(|(scene, _)| scene.load.images_a_day);
        let mut of_services = table_of_services();
        let mut of_poller = table_of_poller();
        for (scene, mut figures) in lived {
            rows_of_services(&mut of_services, &scene, &mut figures);
            row_of_poller(&mut of_poller, &scene, &figures);
        }
        let words = format!("{words}\n\n{}", slots_lost());
        text.push_str(&of_services.under(&format!("{title}: images"), words.trim()));
        text.push_str(&of_poller.under(&format!("{title}: the poller and the index"), ""));
    }
    Ok(text)
}

fn table_of_services() -> Table {
    Table::new(&[
        "images a day",
        "provider",
        "its pace allows a day",
        "most waiting",
        "wait p50",
        "p99",
        "longest",
        "result to bucket p50",
        "p99",
        "least life left",
        "below half",
        "lost",
        "slots lost",
        "not done a day later",
    ])
}

fn rows_of_services(table: &mut Table, scene: &Scene, figures: &mut Figures) {
    for (service, of) in scene.services.iter().zip(&mut figures.of) {
        let a_day = u64::from(DAY_S) * 1000 / u64::try_from(service.pace.interval_ms()).unwrap_or(1);
        let polled = of.late(100) > 0;
        let late = |of: u32| if polled { time(of) } else { "–".to_owned() };
        let (median, late_99) = (of.late(50), of.late(99));
        table.row(&[
            scene.name.clone(),
            service.name.to_string(),
            grouped(a_day),
            grouped(u64::from(of.most_backlog)),
            time(of.wait(50)),
            time(of.wait(99)),
            time(of.wait(100)),
            late(median),
            late(late_99),
            if polled { format!("{:.1} %", of.least_life) } else { "–".to_owned() },
            grouped(u64::from(of.below_half)),
            grouped(u64::from(of.lost)),
            grouped(u64::from(of.slots_lost)),
            grouped(u64::from(of.left)),
        ]);
    }
}

fn table_of_poller() -> Table {
    Table::new(&[
        "images a day",
        "layout",
        "rounds",
        "longest round",
        "runs that Lambda ended",
        "looks per image",
        "questions to providers per image",
        "longest list of imgfactory",
        "index, busiest lane (of 1 000 WCU)",
        "row writes per image",
        "rows read per image",
        "most collectors at once",
        "most batches at once, of one provider",
    ])
}

fn row_of_poller(table: &mut Table, scene: &Scene, figures: &Figures) {
    let done = figures.done().max(1) as f64;
    let each = |many: u64| format!("{:.1}", many as f64 / done);
    table.row(&[
        scene.name.clone(),
        format!("{} × {} lanes", scene.layout.pollers, scene.layout.lanes),
        grouped(figures.rounds),
        time(figures.longest_round_ms),
        grouped(u64::from(figures.killed)),
        each(figures.looks),
        each(figures.of.iter().map(|of| of.asked).sum()),
        grouped(figures.of.iter().map(|of| of.most_listed as u64).max().unwrap_or_default()),
        grouped(u64::from(figures.busiest_lane())),
        each(figures.writes),
        each(figures.rows_read),
        grouped(u64::from(figures.most_fetches)),
        grouped(u64::from(figures.of.iter().map(|of| of.most_batches).max().unwrap_or_default())),
    ]);
}

/// Ten million images a day, in the two hours around noon.
fn ten_million() -> anyhow::Result<String> {
    const IMAGES: u32 = 10_000_000;
    let noon = |name: &str, layout: Layout, rate_per_s: Option<f64>, images: u32| {
        let mut scene = Scene::new(name.to_owned(), layout, Load::of_noon(images), Weather::Calm);
        for service in &mut scene.services {
            service.pace.rate_per_s = rate_per_s.unwrap_or(service.pace.rate_per_s);
        }
        scene
    };
    // Where pace is no limit: three times the mean of each provider's share.
    let agreed = |images: u32| Some(3.0 * f64::from(images) / 5.0 / f64::from(DAY_S));
    let lived = live(vec![
        noon("10 M, all as today", Layout::today(), None, IMAGES),
        noon("10 M, paces agreed", Layout::today(), agreed(IMAGES), IMAGES),
        noon("10 M, paces agreed, wide", Layout::wide(), agreed(IMAGES), IMAGES),
        noon("1 M, paces agreed", Layout::today(), agreed(IMAGES / 10), IMAGES / 10),
        noon("1 M, paces agreed, busier poller", Layout::busier_poller(), agreed(IMAGES / 10), IMAGES / 10),
        noon("1 M, paces agreed, wide", Layout::wide(), agreed(IMAGES / 10), IMAGES / 10),
        noon("100 000, paces agreed", Layout::today(), agreed(IMAGES / 100), IMAGES / 100),
        noon("300 000, paces agreed", Layout::today(), agreed(300_000), 300_000),
    ])?;
    let (mut of_services, mut of_poller) = (table_of_services(), table_of_poller());
    for (scene, mut figures) in lived {
        rows_of_services(&mut of_services, &scene, &mut figures);
        row_of_poller(&mut of_poller, &scene, &figures);
    }
    Ok(of_services.under("Ten million a day: images", "") + &of_poller.under("Ten million a day: the poller and the index", ""))
}

/// Many tasks that wait already.
fn queues_of_tasks() -> anyhow::Result<String> {
    Ok(String::new())
}
