//! The poller: runs, rounds and what they cost. As `flow/poll.rs` and `lambda.rs`: a round takes the first rows of each
//! lane, wakes a few jobs at a time, and at the same time asks each provider for its tasks, as many as it answers for
//! together; when they are answered, it writes a few rows at a time, and asks for the next.

use crate::{
    numbers::{
        LONGEST_PAUSE_S, LONGEST_POLL_S, MOST_REPLY_MIB, POLLED_IN_TURN, POLLER_TIMEOUT_S, TASK_MAY_BE_UNLISTED_S,
    },
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
        for jobs in wakes.chunks(self.layout.writes_at_once) {
            ends += Aws::WRITE_MS + Aws::SEND_MS;
            if ends > run.killed {
                return ends;
            }
            for job in jobs {
                self.at(ends, What::Woken { job: *job });
            }
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

    fn expires(&self, job: u32) -> u32 {
        let job = &self.jobs[job as usize];
        let life = self.services[usize::from(job.service)].life_ms;
        match job.state {
            State::Waiting => job.taken.saturating_add(life),
            State::Ready => job.known.saturating_add(life),
            _ => u32::MAX,
        }
    }

    /// Asks a provider for its due tasks until the run's end, and returns when all that it said is written.
    fn ask_for(&mut self, service: usize, tasks: &[u32], from: u32, run: Run) -> u32 {
        if self.services[service].way == Way::List && self.layout.lists {
            return self.ask_for_list(service, tasks, from, run);
        }
        let mut ends = from;
        for tasks in tasks.chunks(POLLED_IN_TURN * self.layout.asked_at_once) {
            ends = self.ask_for_each(service, tasks, ends, run);
            // What there is no time for stays due.
            if ends >= run.until {
                break;
            }
        }
        ends
    }

    /// Asks for each task, a few at the same time.
    fn ask_for_each(&mut self, service: usize, tasks: &[u32], from: u32, run: Run) -> u32 {
        let answer = self.services[service].answer_ms;
        let by_two = self.services[service].way == Way::EachTask;
        let mut free_at = vec![from; self.layout.asked_at_once];
        let mut answers = Vec::with_capacity(tasks.len());
        for job in tasks {
            let Some(free_at) = free_at.iter_mut().min() else { break };
            let asked_at = *free_at;
            // A task that is done is asked for its address beside.
            let questions = if by_two && self.jobs[*job as usize].made <= asked_at { 2 } else { 1 };
            *free_at += questions * answer;
            answers.push((*job, asked_at));
            self.figures.asked(service, questions);
        }
        let all_answered = free_at.into_iter().max().unwrap_or(from);
        self.write_answers(&answers, all_answered, run)
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
        let shown_at = from + self.services[service].answer_ms;
        self.write_answers(&tasks.iter().map(|job| (*job, shown_at)).collect::<Vec<_>>(), at, run)
    }

    /// Writes what was said of each task at its time, a few rows at a time from `from` on.
    fn write_answers(&mut self, answers: &[(u32, u32)], from: u32, run: Run) -> u32 {
        let mut ends = from;
        for answers in answers.chunks(self.layout.writes_at_once) {
            let any_done = answers.iter().any(|(job, at)| self.jobs[*job as usize].made <= *at);
            ends += if any_done { Aws::WRITE_MS + Aws::SEND_MS } else { Aws::WRITE_MS };
            if ends > run.killed {
                return ends;
            }
            for (job, at) in answers {
                self.at(ends, What::Told { job: *job, at: *at });
            }
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
