//! The scenes that are simulated, two at a time, and the tables made of them.

use std::thread;

use anyhow::anyhow;

use crate::{
    figures::Figures,
    needs::needs,
    setting::{DAY_S, Layout, Load, Service, TODAY, Way, Weather, services},
    tables::{Table, grouped, time},
    world::World,
};

/// A world to be.
struct Scene {
    name: String,
    layout: Layout,
    load: Load,
    weather: Weather,
    services: Vec<Service>,
    /// Jobs that wait at the beginning: of which service, how many, and over how long their results come, milliseconds.
    waiting: Option<(u8, u32, u32)>,
}

impl Scene {
    fn new(name: String, layout: Layout, load: Load, weather: Weather) -> Self {
        Self { name, layout, load, weather, services: services(), waiting: None }
    }

    fn live(&self) -> Figures {
        let world = World::new(&self.layout, &self.load, self.weather, &self.services);
        match self.waiting {
            Some((service, many, within_ms)) => world.with_waiting(service, many, within_ms).run(),
            None => world.run(),
        }
    }
}

/// All tables.
pub(crate) fn all() -> anyhow::Result<String> {
    let parts: [fn() -> anyhow::Result<String>; 4] = [days, steps, queues_of_tasks, ten_million];
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
            "From 14:00 to 16:00 every account is refused (402: a hold), from 18:00 to 18:20 no file server answers.",
        ),
    ] {
        let day = |times: u32| {
            let name = format!("{times}×: {}", grouped(u64::from(times * TODAY)));
            Scene::new(name, Layout::today(), Load::of_day(times * TODAY), weather)
        };
        let mut lived = live(vec![day(100), day(1), day(10)])?;
        lived.sort_by_key(|(scene, _)| scene.load.images_a_day);
        text.push_str(&both(lived, title, words));
    }
    Ok(text)
}

fn table_of_services() -> Table {
    Table::new(&[
        "images a day",
        "provider",
        "pace allows a day",
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
        "left at the end",
    ])
}

fn rows_of_services(table: &mut Table, scene: &Scene, figures: &mut Figures) {
    for (service, of) in scene.services.iter().zip(&mut figures.of).filter(|(_, of)| of.arrived > 0) {
        let a_day = u64::from(DAY_S) * 1000 / u64::try_from(service.pace.interval_ms()).unwrap_or(1);
        let (late_50, late_99) = (of.late(50), of.late(99));
        // Of what comes in a reply nothing can expire.
        let fetched = |told: String| if service.way == Way::Reply { "–".to_owned() } else { told };
        table.row(&[
            scene.name.clone(),
            service.name.to_string(),
            grouped(a_day),
            grouped(u64::from(of.most_backlog)),
            time(of.wait(50)),
            time(of.wait(99)),
            time(of.wait(100)),
            fetched(time(late_50)),
            fetched(time(late_99)),
            fetched(format!("{:.1} %", of.least_life)),
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
        "longest round",
        "runs that Lambda ended",
        "looks per image",
        "questions per image",
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

/// A hundred times as many images, and what each change brings.
fn steps() -> anyhow::Result<String> {
    let day = |name: &str, layout, weather| Scene::new(name.to_owned(), layout, Load::of_day(100 * TODAY), weather);
    let calm = live(vec![
        day("today, but woken 5 s before", Layout::only_sooner_woken(), Weather::Calm),
        day("20 batches, 20 collectors", Layout::more_functions(), Weather::Calm),
        day("and woken 5 s before", Layout::sooner_woken(), Weather::Calm),
        day("and runs without a gap", Layout::without_a_gap(), Weather::Calm),
        day("and busier", Layout::busier(), Weather::Calm),
    ])?;
    let bad = live(vec![
        day("20 batches, 20 collectors", Layout::more_functions(), Weather::Bad),
        day("and woken 5 s before, without a gap", Layout::without_a_gap(), Weather::Bad),
        day("and busier", Layout::busier(), Weather::Bad),
    ])?;
    let busier = "*Busier*: 32 questions at a time to fangtang, 40 batches for each provider, 80 collectors.";
    Ok(both(calm, "1 000 000 on a calm day, changed step by step", busier)
        + &both(bad, "1 000 000 on a bad day, changed step by step", ""))
}

/// Images a day at which pace is no limit any more, and then something else is, in the two hours around noon.
fn ten_million() -> anyhow::Result<String> {
    const MILLION: u32 = 1_000_000;
    let noon = |name: &str, layout: Layout, agreed: bool, images: u32| {
        let mut scene = Scene::new(name.to_owned(), layout, Load::of_noon(images), Weather::Calm);
        // Noon is four times the mean.
        let rate_per_s = 5.0 * f64::from(images) / 5.0 / f64::from(DAY_S);
        for service in scene.services.iter_mut().filter(|_| agreed) {
            service.pace.rate_per_s = service.pace.rate_per_s.max(rate_per_s);
        }
        scene
    };
    let lived = live(vec![
        noon("10 M, all as today", Layout::today(), false, 10 * MILLION),
        noon("10 M, paces agreed", Layout::today(), true, 10 * MILLION),
        noon("10 M, paces agreed, wide", Layout::wide(), true, 10 * MILLION),
        noon("300 000, paces agreed", Layout::today(), true, 3 * MILLION / 10),
        noon("500 000, paces agreed", Layout::today(), true, MILLION / 2),
        noon("1 M, paces agreed", Layout::today(), true, MILLION),
        noon("1 M, paces agreed, busier", Layout::busier(), true, MILLION),
        noon("3 M, paces agreed, busier", Layout::busier(), true, 3 * MILLION),
        noon("3 M, paces agreed, wide", Layout::wide(), true, 3 * MILLION),
    ])?;
    let wide = lived.iter().find(|(scene, _)| scene.name == "10 M, paces agreed, wide");
    let (scene, figures) = wide.ok_or_else(|| anyhow!("the widest scene is not there"))?;
    let needs = needs(&scene.load, &scene.layout, &scene.services, figures);
    let words = "*Paces agreed*: each provider takes five times the mean of its share. *Busier* and *wide* are explained above.";
    Ok(both(lived, "Ten million a day", words) + &needs)
}

/// The two tables of some scenes.
fn both(lived: Vec<(Scene, Figures)>, title: &str, words: &str) -> String {
    let (mut of_services, mut of_poller) = (table_of_services(), table_of_poller());
    for (scene, mut figures) in lived {
        rows_of_services(&mut of_services, &scene, &mut figures);
        row_of_poller(&mut of_poller, &scene, &figures);
    }
    of_services.under(&format!("{title}: images"), words)
        + &of_poller.under(&format!("{title}: the poller and the index"), "")
}

/// Ten thousand tasks that wait already, all due at once; their results come one after the other within half an hour.
fn queues_of_tasks() -> anyhow::Result<String> {
    const JOBS: u32 = 10_000;
    const WITHIN_MS: u32 = 30 * 60_000;
    let mut scenes = Vec::new();
    for (name, layout) in [("today", Layout::today()), ("busier", Layout::busier())] {
        for (service, answers_ms) in [(0_u8, &[200][..]), (2, &[100, 250, 500, 1_000, 2_000, 10_000])] {
            for answer_ms in answers_ms {
                let load = Load { images_a_day: 0, from_hour: 0, until_hour: 0, drain_hours: 6 };
                let mut scene =
                    Scene::new(format!("{name}, an answer after {answer_ms} ms"), layout.clone(), load, Weather::Calm);
                scene.services[usize::from(service)].answer_ms = *answer_ms;
                scene.waiting = Some((service, JOBS, WITHIN_MS));
                scenes.push(scene);
            }
        }
    }
    let mut table = Table::new(&[
        "layout",
        "provider",
        "longest round",
        "runs that Lambda ended",
        "questions per task",
        "result to bucket p50",
        "p99",
        "least life left",
        "below half",
        "lost",
    ]);
    for (scene, mut figures) in live(scenes)? {
        let (longest, killed) = (figures.longest_round_ms, figures.killed);
        for (service, of) in scene.services.iter().zip(&mut figures.of).filter(|(_, of)| of.arrived > 0) {
            let none = of.done == 0;
            let fetched = |told: String| if none { "–".to_owned() } else { told };
            let (late_50, late_99) = (of.late(50), of.late(99));
            table.row(&[
                scene.name.clone(),
                service.name.to_string(),
                time(longest),
                killed.to_string(),
                format!("{:.1}", of.asked as f64 / f64::from(JOBS)),
                fetched(time(late_50)),
                fetched(time(late_99)),
                format!("{:.1} %", of.least_life),
                grouped(u64::from(of.below_half)),
                grouped(u64::from(of.lost)),
            ]);
        }
    }
    let words = "No images come. The results are there one after the other within half an hour. Life counts from then on; \
                 fangtang's is an hour.";
    Ok(table.under("10 000 tasks that wait, all due at once", words) + &beside_a_queue(JOBS, WITHIN_MS)?)
}

/// The same tasks of fangtang, while images come, to see what becomes of the others.
fn beside_a_queue(jobs: u32, within_ms: u32) -> anyhow::Result<String> {
    let scene = |name: &str, layout: Layout, answer_ms: u32| {
        let name = format!("{name}, an answer after {answer_ms} ms");
        let mut scene = Scene::new(name, layout, Load::of_noon(10 * TODAY), Weather::Calm);
        scene.services[2].answer_ms = answer_ms;
        scene.waiting = Some((2, jobs, within_ms));
        scene
    };
    let lived = live(vec![
        scene("today", Layout::today(), 250),
        scene("today", Layout::today(), 1_000),
        scene("busier", Layout::busier(), 250),
        scene("busier", Layout::busier(), 1_000),
    ])?;
    Ok(both(lived, "10 000 tasks that wait for fangtang, beside 100 000 images a day, from 11:00 to 13:00", ""))
}
