//! Death behind every durable effect: each way that an image can take is gone once to see which failpoints it passes, then
//! again and again, and each time the whole process gets SIGKILL at one of them and is started anew. Afterwards every
//! image is done, or its job says that the outcome is unknown, and the books of the services show nothing paid twice.
//!
//! `cargo test` dies once behind every kind of effect; the long form (docs/TESTING.md) behind every single one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use darkroom_shared::failpoint::NAMES;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::{
    providers::QUICK,
    world::{Outside, Serve, World, picture},
};

/// Processes that live and die at the same time; most of the time they wait.
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(120);

/// One way that an image takes.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    config: &'static str,
    upload: &'static str,
    /// What goes wrong at the services meanwhile.
    trouble: fn(&Outside),
    /// What is uploaded.
    image: fn() -> Vec<u8>,
    /// Why the job fails, if it is to.
    fails: Option<&'static str>,
    /// What it costs when nobody dies.
    charges: &'static [(&'static str, usize)],
}

const fn no_trouble(_: &Outside) {}

fn good() -> Vec<u8> {
    picture(1)
}

/// Every service by itself, and the ways that only trouble and chains lead to.
const WAYS: [Way; 12] = [
    Way {
        name: "imgfactory",
        config: "",
        upload: "uploads/imgfactory/a.png",
        trouble: no_trouble,
        image: good,
        fails: None,
        charges: &[("imgfactory", 1)],
    },
    Way {
        name: "watermark",
        config: "",
        upload: "uploads/watermark/a.png",
        trouble: no_trouble,
        image: good,
        fails: None,
        charges: &[("watermark", 1)],
    },
    Way {
        name: "fangtang",
        config: "",
        upload: "uploads/fangtang/a.png",
        trouble: no_trouble,
        image: good,
        fails: None,
        charges: &[("fangtang", 1)],
    },
    Way {
        name: "vkcloud",
        config: "",
        upload: "uploads/vkcloud/a.png",
        trouble: no_trouble,
        image: good,
        fails: None,
        charges: &[("vkcloud", 1)],
    },
    Way {
        name: "imageban",
        config: "",
        upload: "uploads/imageban/a.png",
        trouble: no_trouble,
        image: good,
        fails: None,
        charges: &[("imageban", 1)],
    },
    Way {
        name: "imgfactory, its answer lost",
        config: "",
        upload: "uploads/imgfactory/a.png",
        trouble: |outside| outside.sandbox.faults().imgfactory.break_next_response(1),
        image: good,
        fails: None,
        charges: &[("imgfactory", 1)],
    },
    Way {
        name: "watermark, its answer lost",
        config: "",
        upload: "uploads/watermark/a.png",
        trouble: |outside| outside.sandbox.faults().watermark.break_next_response(1),
        image: good,
        fails: None,
        charges: &[("watermark", 1)],
    },
    Way {
        // How many uploads are left is asked first, and that answer is lost as well.
        name: "fangtang, its answers lost",
        config: "",
        upload: "uploads/fangtang/a.png",
        trouble: |outside| outside.sandbox.faults().fangtang.break_next_response(2),
        image: good,
        fails: None,
        charges: &[("fangtang", 1)],
    },
    Way {
        name: "watermark, put on hold",
        config: "[watermark]\nmin_balance = 1000000000\n[watermark.keep]\n",
        upload: "uploads/watermark/keep/a.png",
        trouble: no_trouble,
        image: good,
        fails: None,
        charges: &[("watermark", 1)],
    },
    Way {
        name: "a chain of three",
        config: "[watermark.publish]\nthen = [\"vkcloud.double\", \"imageban.public\"]\n\
                 [vkcloud.double]\nmode = \"resolution\"\nrfactor = 2\nrtype = \"photo\"\n[imageban.public]\n",
        upload: "uploads/watermark/publish/a.png",
        trouble: no_trouble,
        image: good,
        fails: None,
        charges: &[("watermark", 1), ("vkcloud", 1), ("imageban", 1)],
    },
    Way {
        name: "branches",
        config: "[imgfactory.two]\ncopies = 2\nthen = [\"imageban.public\"]\n[imageban.public]\n",
        upload: "uploads/imgfactory/two/a.png",
        trouble: no_trouble,
        image: good,
        fails: None,
        charges: &[("imgfactory", 1), ("imageban", 2)],
    },
    Way {
        name: "no image",
        config: "",
        upload: "uploads/vkcloud/a.png",
        trouble: no_trouble,
        image: || b"no image at all".to_vec(),
        fails: Some("unsuitable_image"),
        charges: &[("vkcloud", 0)],
    },
];

/// A place to die: the n-th time that a failpoint is passed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    failpoint: String,
    /// Counted from 0.
    nth: usize,
}

impl Place {
    fn armed(&self) -> String {
        match self.nth {
            0 => format!("{}=return(die)", self.failpoint),
            nth => format!("{}={nth}*off->return(die)", self.failpoint),
        }
    }
}

/// What became of an image whose process died.
#[derive(Debug, Default)]
struct Fate {
    deaths: usize,
    /// What is wrong, in words.
    wrong: Vec<String>,
    unknown: bool,
    /// Calls that cost next to nothing and were made again because nobody could tell (DESIGN 5: vkcloud, imageban).
    cheap_repeats: usize,
}

async fn world_of(way: &Way) -> (Outside, World) {
    let outside = Outside::open(QUICK).await;
    (way.trouble)(&outside);
    let world = World::new().with_fixed_http_port().with_providers(&outside).with_config(way.config);
    (outside, world)
}

/// Goes the whole way and returns each place that it passes.
async fn places(way: &Way) -> Vec<Place> {
    let (_outside, world) = world_of(way).await;
    let all_tell: Vec<String> = NAMES.iter().map(|name| format!("{name}=return(tell)")).collect();
    let serve = world.with_environment("FAILPOINTS", all_tell.join(";")).serve();
    serve.put(way.upload, &(way.image)()).await;
    serve.ended(way.upload).await;
    // What is done behind the end of the job.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut passed = BTreeMap::<String, usize>::new();
    for line in serve.log().lines().filter(|line| line.contains("failpoint passed")) {
        let name = NAMES.into_iter().find(|name| line.contains(&format!("\"{name}\"")));
        *passed.entry(name.unwrap_or_else(|| panic!("{line}")).to_owned()).or_default() += 1;
    }
    let places = passed
        .into_iter()
        .flat_map(|(failpoint, times)| (0..times).map(move |nth| Place { failpoint: failpoint.clone(), nth }));
    places.collect()
}

/// Waits for the process to die or the job to end. True: it died.
async fn died_before_the_end(serve: &mut Serve, upload: &str) -> bool {
    let document = format!("{}/job.json", upload.replacen("uploads/", "results/", 1));
    let patience = Instant::now() + PATIENCE;
    let mut ended_since = None;
    while Instant::now() < patience {
        if serve.has_died() {
            return true;
        }
        // The row is written after the record.
        let ended = ended_since.is_some() || serve.get(&document).await.is_some();
        if ended && ended_since.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(500) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

/// Dies at each of `places`, one after the other, and then lives on until the job has ended.
async fn die_at(way: &Way, places: &[Place]) -> Fate {
    let (outside, world) = world_of(way).await;
    let world = Arc::new(world);
    let mut fate = Fate::default();
    for (life, place) in places.iter().enumerate() {
        let Some(mut serve) = world.try_serve(&[("FAILPOINTS", &place.armed())]) else {
            fate.deaths += 1;
            continue;
        };
        if life == 0 {
            serve.try_to_put(way.upload, &(way.image)()).await;
        }
        if died_before_the_end(&mut serve, way.upload).await {
            fate.deaths += 1;
        }
    }
    let serve = world.serve();
    let document = serve.ended(way.upload).await;
    judge(&mut fate, &document, way, &outside);
    only_finished_jobs(&mut fate, &serve).await;
    fate
}

fn judge(fate: &mut Fate, document: &Value, way: &Way, outside: &Outside) {
    let kind = document["reason"]["kind"].as_str();
    fate.unknown = kind == Some("outcome_unknown");
    if kind != way.fails && !fate.unknown {
        fate.wrong.push(format!("ended as {document:#}"));
    }
    for &(provider, expected) in way.charges {
        let charges = outside.charges(provider);
        let is_cheap = ["vkcloud", "imageban"].contains(&provider);
        if is_cheap && charges > expected && charges <= expected + fate.deaths {
            fate.cheap_repeats += charges - expected;
        } else if charges > expected || (charges < expected && !fate.unknown) {
            fate.wrong.push(format!("{provider}: {charges} charges instead of {expected}"));
        }
    }
}

async fn only_finished_jobs(fate: &mut Fate, serve: &Serve) {
    let patience = Instant::now() + Duration::from_secs(40);
    loop {
        let listed: Value = serde_json::from_slice(&serve.run(&["jobs", "--json"]).stdout).unwrap();
        let states: Vec<&str> = listed.as_array().unwrap().iter().map(|job| job["state"].as_str().unwrap()).collect();
        match states.as_slice() {
            ["done" | "failed"] => return,
            [_] if Instant::now() < patience => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => return fate.wrong.push(format!("the jobs are {states:?}")),
        }
    }
}

/// Every death of one kind of run, side by side.
async fn fates(runs: Vec<(Way, Vec<Place>)>) -> Vec<(Way, Vec<Place>, Fate)> {
    let runs = stream::iter(runs).map(|(way, places)| async move {
        let told = places.clone();
        let fate = tokio::spawn(async move { die_at(&way, &places).await }).await;
        let fate = fate.unwrap_or_else(|panic| Fate { wrong: vec![panic.to_string()], ..Fate::default() });
        (way, told, fate)
    });
    runs.buffer_unordered(AT_ONCE).collect().await
}

fn assert_nothing_wrong(fates: &[(Way, Vec<Place>, Fate)]) {
    let wrong: Vec<String> = fates
        .iter()
        .filter(|(_, _, fate)| !fate.wrong.is_empty())
        .map(|(way, places, fate)| format!("{}, died at {places:?}: {}", way.name, fate.wrong.join("; ")))
        .collect();
    assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), fates.len(), wrong.join("\n"));
}

async fn all_places() -> Vec<(Way, Place)> {
    let ways = stream::iter(WAYS).map(|way| async move { (way, places(&way).await) });
    let ways: Vec<(Way, Vec<Place>)> = ways.buffered(AT_ONCE).collect().await;
    ways.into_iter().flat_map(|(way, places)| places.into_iter().map(move |place| (way, place))).collect()
}

/// Every kind of effect once, each on the way that has not had its turn for longest.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn dying_behind_every_kind_of_effect_loses_no_image_and_pays_for_none_twice() {
    let mut left = all_places().await;
    let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
    let mut runs = Vec::new();
    for name in NAMES {
        let candidates = left.iter().enumerate().filter(|(_, (_, place))| place.failpoint == name);
        let rarest = candidates.min_by_key(|(_, (way, _))| turns.get(way.name).copied().unwrap_or_default());
        let (chosen, _) = rarest.unwrap_or_else(|| panic!("no way passes {name}"));
        let (way, place) = left.swap_remove(chosen);
        *turns.entry(way.name).or_default() += 1;
        runs.push((way, vec![place]));
    }
    let fates = fates(runs).await;
    assert_nothing_wrong(&fates);
    let deaths: usize = fates.iter().map(|(_, _, fate)| fate.deaths).sum();
    assert!(deaths + 2 >= NAMES.len(), "only {deaths} of {} died: the places are not where they were", NAMES.len());
}

/// What is counted of each run.
type Count = fn(&Fate) -> usize;

/// Every single effect on every way, once and then twice in a row. `cargo test` leaves it out: it takes minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
#[ignore = "takes long; docs/TESTING.md has the command"]
async fn dying_behind_every_effect_on_every_way_loses_no_image_and_pays_for_none_twice() {
    let places = all_places().await;
    let passed: BTreeSet<&str> = places.iter().map(|(_, place)| place.failpoint.as_str()).collect();
    assert_eq!(passed, NAMES.into_iter().collect(), "each failpoint lies on some way");
    let again = |place: &Place| Place { nth: 0, ..place.clone() };
    let once = places.iter().map(|(way, place)| (*way, vec![place.clone()]));
    let twice = places.iter().map(|(way, place)| (*way, vec![place.clone(), again(place)]));
    let fates = fates(once.chain(twice).collect()).await;
    let sum = |count: Count, way: &Way| -> usize {
        fates.iter().filter(|(of, _, _)| of.name == way.name).map(|(_, _, fate)| count(fate)).sum()
    };
    let counts: [(&str, Count); 5] = [
        ("runs", |_| 1),
        ("deaths", |fate| fate.deaths),
        ("lost or paid twice", |fate| usize::from(!fate.wrong.is_empty())),
        ("unknown", |fate| usize::from(fate.unknown)),
        ("cheap repeats", |fate| fate.cheap_repeats),
    ];
    eprintln!("{:<32}{}", "way", counts.map(|(name, _)| format!("{name:>20}")).concat());
    for way in &WAYS {
        eprintln!("{:<32}{}", way.name, counts.map(|(_, count)| format!("{:>20}", sum(count, way))).concat());
    }
    assert_nothing_wrong(&fates);
}
