//! What is simulated: how many images come when, how the services behave, and how darkroom is laid out.

use darkroom_shared::{
    job::{Pace, ProviderName},
    provider::facts,
    store::LANES,
};

use crate::numbers::{
    AT_ONCE, COLLECT_CONCURRENCY, LONGEST_POLL_S, LONGEST_SLOT_WAIT_S, MOST_PER_LANE, POLLED_AT_ONCE, SLOT_LEAD_S,
    SUBMIT_CONCURRENCY,
};

/// Seconds of a day.
pub(crate) const DAY_S: u32 = 24 * 3600;
/// Images a day today.
pub(crate) const TODAY: u32 = 10_000;

/// How many images come, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Images a day, a fifth of them to each provider.
    pub(crate) images_a_day: u32,
    /// The first hour of the day that is simulated.
    pub(crate) from_hour: u32,
    /// The hour at which no more images come.
    pub(crate) until_hour: u32,
    /// How long what is left may take after that, hours.
    pub(crate) drain_hours: u32,
}

impl Load {
    /// A whole day, and another one for what it leaves.
    pub(crate) fn of_day(images_a_day: u32) -> Self {
        Self { images_a_day, from_hour: 0, until_hour: 24, drain_hours: 24 }
    }

    /// The hours around noon, in which somebody uploads a large folder, without time to recover.
    pub(crate) fn of_noon(images_a_day: u32) -> Self {
        Self { images_a_day, from_hour: 11, until_hour: 13, drain_hours: 0 }
    }

    /// Images per second at `second` of the day: a curve with its height at three in the afternoon and its depth at three
    /// in the night (1.8 and 0.2 times the mean), and a twentieth of the day's images within half an hour from noon.
    pub(crate) fn images_per_s(&self, second: u32) -> f64 {
        const FOLDER: f64 = 0.05;
        let mean = f64::from(self.images_a_day) / f64::from(DAY_S);
        let hour = f64::from(second % DAY_S) / 3600.0;
        let curve = 1.0 + 0.8 * ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos();
        let folder = if (12.0..12.5).contains(&hour) { 48.0 } else { 0.0 };
        mean * ((1.0 - FOLDER) * curve + FOLDER * folder)
    }
}

/// What goes wrong at the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing but a callback in a hundred that is lost.
    Calm,
    /// From 14:00 to 16:00 every account is refused (402), and from 18:00 to 18:20 no result can be fetched.
    Bad,
}

impl Weather {
    /// Whether accounts are refused at `at_ms` of the day.
    pub(crate) fn refuses(self, at_ms: u32) -> bool {
        self == Self::Bad && (14 * 60..16 * 60).contains(&(at_ms / 60_000))
    }

    /// Whether no result can be fetched at `at_ms` of the day.
    pub(crate) fn hides_results(self, at_ms: u32) -> bool {
        self == Self::Bad && (18 * 60..18 * 60 + 20).contains(&(at_ms / 60_000))
    }
}

/// How a provider's result comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One list answers for all tasks.
    List,
    /// Each task is asked for.
    EachTask,
    /// It calls back.
    Callback,
    /// In the reply.
    Reply,
}

/// A service. What no document states is a guess, and marked.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: ProviderName,
    pub(crate) way: Way,
    pub(crate) pace: Pace,
    /// A guess: no image is done sooner.
    pub(crate) least_work_ms: u32,
    /// A guess: beyond that, on average, exponentially spread.
    pub(crate) more_work_ms: f64,
    /// A guess: the call that hands over the image; what comes in the reply takes its work beside.
    pub(crate) call_ms: u32,
    /// A guess: the answer to a question.
    pub(crate) answer_ms: u32,
    /// A guess: fetching and storing a result.
    pub(crate) fetch_ms: u32,
    /// The life of a result.
    pub(crate) life_ms: u32,
    /// The longest that work may take.
    pub(crate) deadline_ms: u32,
}

/// The five services with their paces as darkroom has them.
pub(crate) fn services() -> Vec<Service> {
    let service = |name, way, [least_work_ms, more_work_ms, call_ms, answer_ms, fetch_ms]: [u32; 5]| {
        let facts = facts(name);
        let ms = |duration: std::time::Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Service {
            name,
            way,
            pace: Pace { rate_per_s: facts.rate_per_s, most_per_day: None },
            least_work_ms,
            more_work_ms: f64::from(more_work_ms),
            call_ms,
            answer_ms,
            fetch_ms,
            life_ms: ms(facts.result_life),
            deadline_ms: ms(facts.deadline),
        }
    };
    vec![
        // Ten copies; the zip has some 5 MB.
        service(ProviderName::Imgfactory, Way::List, [20_000, 20_000, 800, 200, 2_000]),
        service(ProviderName::Watermark, Way::Callback, [3_000, 5_000, 800, 250, 600]),
        // It stands in China.
        service(ProviderName::Fangtang, Way::EachTask, [15_000, 15_000, 1_000, 250, 800]),
        service(ProviderName::Vkcloud, Way::Reply, [3_000, 3_000, 500, 100, 0]),
        service(ProviderName::Imageban, Way::Reply, [500, 500, 500, 100, 0]),
    ]
}

/// How darkroom is laid out.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Partitions of the index. Ids spread evenly over them.
    pub(crate) lanes: u8,
    /// Rows that a round takes from a lane.
    pub(crate) most_per_lane: usize,
    /// Invocations of the poller that share the lanes.
    pub(crate) pollers: u8,
    /// Rows that a poller writes at the same time.
    pub(crate) writes_at_once: usize,
    /// Tasks that are asked for at the same time, of a service that is asked for each.
    pub(crate) asked_at_once: usize,
    /// Whether imgfactory's list is asked for; else each task.
    pub(crate) lists: bool,
    /// Batches of each submit function at the same time.
    pub(crate) submit_concurrency: u32,
    /// Results that are fetched at the same time.
    pub(crate) collect_concurrency: u32,
    /// So long before its slot a job is woken, seconds.
    pub(crate) slot_lead_s: u32,
    /// A run of the poller goes round for so long of its minute, seconds.
    pub(crate) run_s: u32,
}

impl Layout {
    /// As it is.
    pub(crate) fn today() -> Self {
        Self {
            lanes: LANES,
            most_per_lane: MOST_PER_LANE,
            pollers: 1,
            writes_at_once: AT_ONCE,
            asked_at_once: POLLED_AT_ONCE,
            lists: true,
            submit_concurrency: SUBMIT_CONCURRENCY,
            collect_concurrency: COLLECT_CONCURRENCY,
            slot_lead_s: SLOT_LEAD_S,
            run_s: LONGEST_POLL_S,
        }
    }

    /// As it is, but with jobs woken as long before their slots as they may wait for them.
    pub(crate) fn only_sooner_woken() -> Self {
        Self { slot_lead_s: LONGEST_SLOT_WAIT_S, ..Self::today() }
    }

    /// As it is, with more functions at a time.
    pub(crate) fn more_functions() -> Self {
        Self { submit_concurrency: 20, collect_concurrency: 20, ..Self::today() }
    }

    /// The same, with jobs woken as long before their slots as they may wait for them.
    pub(crate) fn sooner_woken() -> Self {
        Self { slot_lead_s: LONGEST_SLOT_WAIT_S, ..Self::more_functions() }
    }

    /// The same, with runs of the poller that leave no gap.
    pub(crate) fn without_a_gap() -> Self {
        Self { run_s: 60, ..Self::sooner_woken() }
    }

    /// The same with a poller that asks for more tasks at a time, and still more functions.
    pub(crate) fn busier() -> Self {
        Self { asked_at_once: 32, submit_concurrency: 40, collect_concurrency: 80, ..Self::without_a_gap() }
    }

    /// What ten million images a day ask for.
    pub(crate) fn wide() -> Self {
        Self {
            lanes: 64,
            pollers: 16,
            lists: false,
            submit_concurrency: 200,
            collect_concurrency: 600,
            ..Self::busier()
        }
    }
}
