//! The world: jobs, what happens to them when, and the index that the poller reads. An event is a moment at which a
//! function has done something; what it does takes the times of [`Aws`].

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, VecDeque},
};

use darkroom_shared::job::Schedule;
use jiff::Timestamp;

use crate::{
    figures::Figures,
    random::Random,
    setting::{DAY_S, Layout, Load, Service, Weather},
};

/// How long AWS takes: guesses, after "single-digit milliseconds" in its documents. Milliseconds.
pub(crate) struct Aws;

impl Aws {
    /// A row is written.
    pub(crate) const WRITE_MS: u32 = 5;
    /// All lanes are asked for what is due.
    pub(crate) const QUERY_MS: u32 = 20;
    /// A message is sent.
    pub(crate) const SEND_MS: u32 = 8;
    /// A message that was sent is in a function's hands.
    pub(crate) const DELIVERY_MS: u32 = 50;
    /// The image is read and looked at, and the row is written.
    pub(crate) const READ_MS: u32 = 100;
    /// A message that has nothing to say.
    pub(crate) const NOTHING_MS: u32 = 15;
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its upload's message has not been read.
    Uploaded,
    Queued,
    Submitting,
    Waiting,
    Ready,
    Done,
    Lost,
}

/// An image on its way. Times are milliseconds since the day began.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) state: State,
    /// Index of the service.
    pub(crate) service: u8,
    pub(crate) lane: u8,
    pub(crate) polls: u8,
    pub(crate) failures: u8,
    pub(crate) replays: u8,
    pub(crate) held: bool,
    /// A function has it in its hands.
    pub(crate) at_work: bool,
    /// Where the index has it; `None`: it is not there.
    pub(crate) due: Option<u32>,
    /// When the state may go on.
    pub(crate) not_before: u32,
    pub(crate) slot: Option<u32>,
    pub(crate) arrived: u32,
    /// When the provider took it.
    pub(crate) taken: u32,
    /// When the provider has its result.
    pub(crate) made: u32,
    /// When we learnt that.
    pub(crate) known: u32,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// An image is uploaded.
    Upload,
    /// A submit function has read the image of a message.
    Read { job: u32, batch: u32 },
    /// A message was of no consequence.
    Nothing { batch: u32 },
    /// The provider has answered a paid call.
    Answered { job: u32, batch: u32 },
    /// The provider calls back.
    CalledBack { job: u32 },
    /// A run of a poller begins.
    Run { poller: u8 },
    /// A round of it begins.
    Round { poller: u8 },
    /// The poller has written that a job was woken, and sent the message.
    Woken { job: u32 },
    /// The poller has written what the provider said of a task.
    Told { job: u32, at: u32 },
    /// The collector has fetched a result and stored it, or has failed to.
    Fetched { job: u32, began: u32 },
    /// The collector had nothing to do.
    NothingToFetch,
}

/// Messages, and the functions that read them.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) messages: VecDeque<u32>,
    /// Invocations that are free.
    pub(crate) free: u32,
}

/// A provider's row, and what is going on there.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// The first free slot.
    pub(crate) next_slot: u32,
    /// On hold: when the next try may be, and how many there were.
    pub(crate) hold: Option<(u32, u32)>,
    /// When tasks were made, for the list of the last day.
    pub(crate) tasks: VecDeque<u32>,
}

/// What a poller is at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    pub(crate) until: u32,
    pub(crate) killed: u32,
    pub(crate) first_lane: u8,
}

/// Everything.
pub(crate) struct World<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) load: &'a Load,
    pub(crate) weather: Weather,
    pub(crate) services: &'a [Service],
    pub(crate) schedule: Schedule,
    pub(crate) now: u32,
    pub(crate) jobs: Vec<Job>,
    /// The index: by lane, in order of `due`.
    pub(crate) lanes: Vec<BTreeSet<(u32, u32)>>,
    pub(crate) rows: Vec<Row>,
    pub(crate) submit: Vec<Inbox>,
    pub(crate) collect: Inbox,
    /// Messages of each batch that are not done, by number of the batch, and its service.
    pub(crate) batches: Vec<(usize, u8)>,
    pub(crate) runs: Vec<Run>,
    /// The wait after each number of polls.
    pub(crate) poll_waits: Vec<u32>,
    pub(crate) random: Random,
    pub(crate) figures: Figures,
    events: BinaryHeap<Reverse<(u32, u32)>>,
    whats: Vec<What>,
    unused: Vec<u32>,
}

/// The time of `at` milliseconds, for what counts in timestamps.
pub(crate) fn timestamp(at: u32) -> Timestamp {
    Timestamp::from_millisecond(i64::from(at)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Milliseconds of a time.
pub(crate) fn milliseconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_millisecond().max(0)).unwrap_or(u32::MAX)
}

impl<'a> World<'a> {
    /// A world in which nothing has happened.
    pub(crate) fn new(layout: &'a Layout, load: &'a Load, weather: Weather, services: &'a [Service]) -> Self {
        let schedule = Schedule::default();
        let inbox = |free| Inbox { messages: VecDeque::new(), free };
        let hours = load.until_hour + load.drain_hours;
        Self {
            layout,
            load,
            weather,
            services,
            now: load.from_hour * 3_600_000,
            jobs: Vec::new(),
            lanes: vec![BTreeSet::new(); usize::from(layout.lanes)],
            rows: services.iter().map(|_| Row::default()).collect(),
            submit: services.iter().map(|_| inbox(layout.submit_concurrency)).collect(),
            collect: inbox(layout.collect_concurrency),
            batches: Vec::new(),
            runs: vec![Run::default(); usize::from(layout.pollers)],
            poll_waits: (0..=64).map(|polls| milliseconds(schedule.poll_at(timestamp(0), polls))).collect(),
            random: Random::new(u64::from(load.images_a_day)),
            figures: Figures::new(services.len(), layout.lanes, hours),
            events: BinaryHeap::new(),
            whats: Vec::new(),
            unused: Vec::new(),
            schedule,
        }
    }

    /// Lets the time pass.
    pub(crate) fn run(mut self) -> Figures {
        let hours = self.load.until_hour + self.load.drain_hours;
        for poller in 0..self.layout.pollers {
            // A schedule of its own for each, spread over the minute.
            let offset = u32::from(poller) * 60_000 / u32::from(self.layout.pollers);
            self.at(self.now + offset, What::Run { poller });
        }
        if self.load.images_a_day > 0 {
            self.at(self.now, What::Upload);
        }
        while let Some(Reverse((at, number))) = self.events.pop() {
            if at >= hours * 3_600_000 {
                break;
            }
            self.now = at;
            let what = self.whats[number as usize];
            self.unused.push(number);
            self.happen(what);
            if self.is_over() {
                break;
            }
        }
        for job in &self.jobs {
            self.figures.left(job, &self.services[usize::from(job.service)], self.now);
        }
        self.figures
    }

    fn is_over(&self) -> bool {
        self.now >= self.load.until_hour * 3_600_000 && self.figures.unfinished() == 0
    }

    /// Has `what` happen at a time.
    pub(crate) fn at(&mut self, at: u32, what: What) {
        let number = match self.unused.pop() {
            Some(number) => {
                self.whats[number as usize] = what;
                number
            }
            None => {
                self.whats.push(what);
                u32::try_from(self.whats.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.events.push(Reverse((at, number)));
    }

    /// Has `what` happen in a while.
    pub(crate) fn after(&mut self, wait: u32, what: What) {
        self.at(self.now + wait, what);
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Upload => self.upload(),
            What::Read { job, batch } => self.read(job, batch),
            What::Nothing { batch } => self.message_done(batch),
            What::Answered { job, batch } => self.answered(job, batch),
            What::CalledBack { job } => self.called_back(job),
            What::Run { poller } => self.run_of_poller(poller),
            What::Round { poller } => self.round(poller),
            What::Woken { job } => self.woken(job),
            What::Told { job, at } => self.told(job, at),
            What::Fetched { job, began } => self.fetched(job, began),
            What::NothingToFetch => self.collector_free(),
        }
    }

    /// An image comes, and with it the time of the next is known: a second's images are spread evenly over it by chance.
    fn upload(&mut self) {
        let second = self.now / 1000;
        if second >= self.load.until_hour * 3600 {
            return;
        }
        let rate = self.load.images_per_s(second).max(f64::MIN_POSITIVE);
        // Not so far that a change of the rate is passed over.
        let wait = self.random.exponential_ms(1000.0 / rate).min(60_000);
        if wait < 60_000 {
            let service = self.random.one_of(self.services.len());
            let lane = self.lane_by_chance();
            let job = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
            self.jobs.push(Job {
                state: State::Uploaded,
                service: u8::try_from(service).unwrap_or_default(),
                lane,
                polls: 0,
                failures: 0,
                replays: 0,
                held: false,
                at_work: false,
                due: None,
                not_before: 0,
                slot: None,
                arrived: self.now,
                taken: 0,
                made: 0,
                known: 0,
            });
            self.figures.arrived(service);
            self.send_submit(job);
        }
        self.after(wait, What::Upload);
    }

    pub(crate) fn lane_by_chance(&mut self) -> u8 {
        u8::try_from(self.random.one_of(usize::from(self.layout.lanes))).unwrap_or_default()
    }

    /// Writes the row of a job that is due at `due` now; `None`: it has ended. Counts what the index pays.
    pub(crate) fn write(&mut self, job: u32, due: Option<u32>) {
        let (lane, before) = (self.jobs[job as usize].lane, self.jobs[job as usize].due);
        let index = &mut self.lanes[usize::from(lane)];
        if let Some(before) = before {
            index.remove(&(before, job));
        }
        if let Some(due) = due {
            index.insert((due, job));
        }
        self.jobs[job as usize].due = due;
        // A changed sort key is a deletion and a new entry.
        self.figures.written(lane, self.now, u32::from(before.is_some()) + u32::from(due.is_some()));
    }

    /// The millisecond of the day's `second`, beyond the first day as well.
    pub(crate) fn time_of_day(&self) -> u32 {
        self.now % (DAY_S * 1000)
    }
}
