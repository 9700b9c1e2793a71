//! The poller: runs, rounds and what they cost. As `flow/poll.rs` and `lambda.rs`: a round takes the first rows of each
//! lane, wakes one job after the other, and at the same time asks each provider for all of its tasks; when they have
//! answered, it writes one row after the other.

use crate::{
    numbers::{LONGEST_PAUSE_S, LONGEST_POLL_S, MOST_REPLY_MIB, POLLER_TIMEOUT_S, TASK_MAY_BE_UNLISTED_S},
    setting::Way,
    world::{Aws, Run, State, What, World, milliseconds, timestamp},
};

/// What an entry of imgfactory's list takes: bytes as in its documents' example.
pub(crate) const LISTED_BYTES: u32 = 300;
/// How fast a list comes and is read: a guess, MB per second.
const LIST_MB_PER_S: u32 = 20;
const DAY_MS: u32 = 86_400_000;

impl World<'_> {
    /// A run begins, and the next is a minute later.
    pub(crate) fn run_of_poller(&mut self, poller: u8) {
        self.after(60_000, What::Run { poller });
        let run = &mut self.runs[usize::from(poller)];
        // One that is still at it goes on until Lambda ends it; ours reads the same rows.
        run.until = self.now + self.layout.run_s * 1000;
        run.killed = run.until + (POLLER_TIMEOUT_S - LONGEST_POLL_S) * 1000;
        run.first_lane = poller;
        self.round(poller);
    }

    /// A round begins.
    pub(crate) fn round(&mut self, poller: u8) {
        let run = self.runs[usize::from(poller)];
        let (now, asked) = (self.now, self.now + Aws::QUERY_MS);
        let (due, next) = self.due(run);
        let Some(next) = (if due.is_empty() { next } else { Some(now) }) else { return };
        if due.is_empty() {
            let pause = (next - now).min(LONGEST_PAUSE_S * 1000);
            self.at(asked.max(now + pause), What::Round { poller });
            return;
        }
        let looked_at = due.len();
        let ends = self.look_at(due, asked, run);
        self.figures.round(ends.min(run.killed) - now, looked_at);
        if ends > run.killed {
            self.figures.killed();
        } else if ends < run.until {
            self.at(ends, What::Round { poller });
        }
    }

    /// What the lanes of a run hold: the jobs that are due, and when the next is.
    fn due(&mut self, run: Run) -> (Vec<u32>, Option<u32>) {
        let (mut due, mut next, mut rows) = (Vec::new(), None, 0);
        let pollers = usize::from(self.layout.pollers);
        for lane in (usize::from(run.first_lane)..self.lanes.len()).step_by(pollers) {
            for (at, job) in self.lanes[lane].iter().take(self.layout.most_per_lane) {
                if *at > run.until {
                    break;
                }
                rows += 1;
                if *at <= self.now {
                    due.push(*job);
                } else {
                    next = Some(next.map_or(*at, |next: u32| next.min(*at)));
                }
            }
        }
        self.figures.rows_read(rows);
        (due, next)
    }

    /// Looks at due jobs from `from` on; returns when it is through. Nothing is written after the run is killed.
    fn look_at(&mut self, mut due: Vec<u32>, from: u32, run: Run) -> u32 {
        due.sort_by_key(|job| (self.expires(*job), self.jobs[*job as usize].due));
        let is_asked = |world: &Self, job: u32| {
            let job = &world.jobs[job as usize];
            let way = world.services[usize::from(job.service)].way;
            job.state == State::Waiting && way != Way::Callback
        };
        let (asks, wakes): (Vec<u32>, Vec<u32>) = due.into_iter().partition(|job| is_asked(self, *job));
        let mut ends = from;
        for (number, job) in (1..).zip(wakes) {
            let at = from + self.spread(number, Aws::WRITE_MS + Aws::SEND_MS);
            if at > run.killed {
                return at;
            }
            self.at(at, What::Woken { job });
            ends = ends.max(at);
        }
        for service in 0..self.services.len() {
            let tasks: Vec<u32> =
                asks.iter().copied().filter(|job| usize::from(self.jobs[*job as usize].service) == service).collect();
            if !tasks.is_empty() {
                ends = ends.max(self.ask_for(service, &tasks, from, run));
            }
        }
        ends
    }

    /// How long it takes to do `number` things of `each_ms`, as many at a time as the layout has it.
    fn spread(&self, number: u32, each_ms: u32) -> u32 {
        number.div_ceil(self.layout.writes_at_once).saturating_mul(each_ms)
    }

    fn expires(&self, job: u32) -> u32 {
        let job = &self.jobs[job as usize];
        let life = self.services[usize::from(job.service)].life_ms;
        match job.state {
            State::Waiting => job.taken.saturating_add(life),
            State::Ready => job.known.saturating_add(life),
            _ => u32::MAX,
        }
    }

    /// Asks a provider for its due tasks, and returns when all that it said is written.
    fn ask_for(&mut self, service: usize, tasks: &[u32], from: u32, run: Run) -> u32 {
        if self.services[service].way == Way::List && self.layout.lists {
            return self.ask_for_list(service, tasks, from, run);
        }
        let at_once = self.layout.asked_at_once;
        let answer = self.services[service].answer_ms;
        // A task that is done is asked for its address beside.
        let mut questions = 0;
        let mut asked = Vec::with_capacity(tasks.len());
        for job in tasks {
            let at = from + (questions / at_once) * answer;
            let done = self.services[service].way == Way::EachTask && self.jobs[*job as usize].made <= at;
            questions += if done { 2 } else { 1 };
            asked.push((*job, from + questions.div_ceil(at_once) * answer));
        }
        let all_answered = asked.last().map_or(from, |(_, at)| *at);
        if self.layout.writes_as_answered {
            // What there is no time for stays due.
            let mut ends = from;
            for (job, at) in asked {
                if at > run.until {
                    break;
                }
                self.figures.asked(service, 1 + u32::from(self.jobs[job as usize].made <= at));
                self.at(at + Aws::WRITE_MS + Aws::SEND_MS, What::Told { job, at });
                ends = at + Aws::WRITE_MS + Aws::SEND_MS;
            }
            return ends;
        }
        self.figures.asked(service, questions);
        if all_answered > run.killed {
            return all_answered;
        }
        self.write_answers(&asked, all_answered, run)
    }

    fn ask_for_list(&mut self, service: usize, tasks: &[u32], from: u32, run: Run) -> u32 {
        let now = self.now;
        let listed = &mut self.rows[service].tasks;
        while listed.front().is_some_and(|at| *at + DAY_MS < now) {
            listed.pop_front();
        }
        let bytes = u64::try_from(listed.len()).unwrap_or(u64::MAX).saturating_mul(u64::from(LISTED_BYTES));
        self.figures.listed(service, listed.len());
        self.figures.asked(service, 1);
        let reading = u32::try_from(bytes / (u64::from(LIST_MB_PER_S) * 1000)).unwrap_or(u32::MAX);
        let at = from.saturating_add(self.services[service].answer_ms).saturating_add(reading);
        if bytes > u64::from(MOST_REPLY_MIB) * 1024 * 1024 {
            // It is refused as too long: nothing is learnt of any task.
            return self.write_answers(&tasks.iter().map(|job| (*job, 0)).collect::<Vec<_>>(), at, run);
        }
        self.write_answers(&tasks.iter().map(|job| (*job, at)).collect::<Vec<_>>(), at, run)
    }

    /// Writes what was said of each task at its time, one row after the other from `from` on.
    fn write_answers(&mut self, answers: &[(u32, u32)], from: u32, run: Run) -> u32 {
        let mut ends = from;
        for (number, (job, at)) in (1..).zip(answers) {
            let done = self.jobs[*job as usize].made <= *at;
            let each = if done { Aws::WRITE_MS + Aws::SEND_MS } else { Aws::WRITE_MS };
            ends = ends.max(from + self.spread(number, each));
            if ends > run.killed {
                return ends;
            }
            self.at(ends, What::Told { job: *job, at: *at });
        }
        ends
    }

    /// A job was woken.
    pub(crate) fn woken(&mut self, job: u32) {
        let now = self.now;
        match self.jobs[job as usize].state {
            State::Queued | State::Submitting => {
                let again = milliseconds(self.schedule.wake_again_at(timestamp(now)));
                self.write(job, Some(again));
                self.send_submit(job);
            }
            State::Ready => {
                let lease = milliseconds(self.schedule.lease_until(timestamp(now)));
                self.write(job, Some(lease));
                self.send_collect(job);
            }
            State::Waiting => {
                // The callback did not come: the request is sent again.
                let waiting = &mut self.jobs[job as usize];
                waiting.state = State::Queued;
                waiting.not_before = now;
                waiting.replays = waiting.replays.saturating_add(1);
                let again = milliseconds(self.schedule.wake_again_at(timestamp(now)));
                self.write(job, Some(again));
                self.send_submit(job);
            }
            State::Uploaded | State::Done | State::Lost => {}
        }
    }

    /// What the provider said at `at` of a task is written.
    pub(crate) fn told(&mut self, job: u32, at: u32) {
        let found = &self.jobs[job as usize];
        if found.state != State::Waiting {
            return;
        }
        let service = &self.services[usize::from(found.service)];
        let forgotten = at > found.made.saturating_add(service.life_ms);
        if forgotten && at > found.taken + TASK_MAY_BE_UNLISTED_S * 1000 {
            self.end(job, State::Lost);
        } else if found.made <= at {
            self.known(job);
            self.send_collect(job);
        } else if self.now.saturating_sub(found.taken) > service.deadline_ms {
            self.end(job, State::Lost);
        } else {
            let polls = found.polls.saturating_add(1);
            let wait = self.poll_waits[usize::from(polls).min(self.poll_waits.len() - 1)];
            self.jobs[job as usize].polls = polls;
            self.write(job, Some(self.now + wait));
        }
    }
}
