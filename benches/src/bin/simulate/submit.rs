//! The submit functions: batches of messages, slots, holds, paid calls. As `flow/submit.rs`, `flow/attempt.rs`,
//! `flow/hold.rs` and `store/provider_row.rs`.

use crate::{
    numbers::{LONGEST_SLOT_WAIT_S, MOST_LET_GO, SUBMIT_BATCH},
    random::whole_ms,
    setting::Way,
    world::{Aws, State, What, World, milliseconds, timestamp},
};

/// Of a hundred callbacks, one is lost: a guess.
const LOST_CALLBACKS: f64 = 0.01;

/// A slot, or why there is none.
enum Slot {
    At(u32),
    /// The provider is on hold until then; a job that waits for that is the one that tries.
    Held {
        until: u32,
    },
    Tries,
}

impl World<'_> {
    /// A message for the submit function of the job's service.
    pub(crate) fn send_submit(&mut self, job: u32) {
        let service = usize::from(self.jobs[job as usize].service);
        self.submit[service].messages.push_back(job);
        self.figures.sent();
        self.deliver_submit(service);
    }

    fn deliver_submit(&mut self, service: usize) {
        while self.submit[service].free > 0 && !self.submit[service].messages.is_empty() {
            let inbox = &mut self.submit[service];
            let many = inbox.messages.len().min(SUBMIT_BATCH);
            let messages: Vec<u32> = inbox.messages.drain(..many).collect();
            inbox.free -= 1;
            let batch = u32::try_from(self.batches.len()).unwrap_or(u32::MAX);
            self.batches.push((many, u8::try_from(service).unwrap_or_default()));
            self.figures.batch_began(service, self.now);
            for job in messages {
                self.after(Aws::DELIVERY_MS + Aws::READ_MS, What::Read { job, batch });
            }
        }
    }

    /// A message is done with; the invocation is free when all of its batch are.
    pub(crate) fn message_done(&mut self, batch: u32) {
        let (left, service) = &mut self.batches[batch as usize];
        let service = usize::from(*service);
        *left -= 1;
        if *left == 0 {
            self.submit[service].free += 1;
            self.figures.batch_ended(service, self.now);
            self.deliver_submit(service);
        }
    }

    /// The image has been read: a slot is next.
    pub(crate) fn read(&mut self, job: u32, batch: u32) {
        let now = self.now;
        let found = &mut self.jobs[job as usize];
        let service = usize::from(found.service);
        match found.state {
            State::Uploaded => {
                found.state = State::Queued;
                found.not_before = milliseconds(self.schedule.lease_until(timestamp(now)));
                let lease = found.not_before;
                self.write(job, Some(lease));
            }
            State::Queued if found.not_before <= now && !found.at_work => {}
            _ => return self.after(Aws::NOTHING_MS, What::Nothing { batch }),
        }
        self.figures.image_read();
        match self.slot(job, service) {
            Slot::Held { until } => {
                let jitter = self.schedule.next_day_spread.mul_f64(self.random.share() / 10.0);
                let until = until + whole_ms(jitter.as_secs_f64() * 1000.0);
                self.postpone(job, until, None, true);
                self.message_done(batch);
            }
            Slot::At(slot) if slot.saturating_sub(now) > LONGEST_SLOT_WAIT_S * 1000 => {
                self.postpone(job, slot - self.layout.slot_lead_s * 1000, Some(slot), false);
                self.message_done(batch);
            }
            Slot::At(slot) => self.ask(job, batch, slot.max(now)),
            Slot::Tries => self.ask(job, batch, now),
        }
    }

    /// The paid call, at `slot`.
    fn ask(&mut self, job: u32, batch: u32, slot: u32) {
        let service = &self.services[usize::from(self.jobs[job as usize].service)];
        let work = service.least_work_ms + self.random.exponential_ms(service.more_work_ms);
        let (call, in_reply) = (service.call_ms, service.way == Way::Reply);
        let lease = milliseconds(self.schedule.lease_until(timestamp(self.now)));
        let job_at_work = &mut self.jobs[job as usize];
        job_at_work.at_work = true;
        job_at_work.state = State::Submitting;
        job_at_work.taken = slot;
        // What was made before is answered from the service's cache.
        if job_at_work.made == 0 {
            job_at_work.made = slot + call + work;
        }
        let refused = self.weather.refuses(slot % 86_400_000);
        let wait = if in_reply && !refused { call + work } else { call };
        self.write(job, Some(lease));
        self.at(slot + wait, What::Answered { job, batch });
    }

    fn slot(&mut self, job: u32, service: usize) -> Slot {
        let pace = self.services[service].pace;
        let interval = u32::try_from(pace.interval_ms()).unwrap_or(u32::MAX);
        let now = self.now;
        if let Some(slot) = self.jobs[job as usize].slot.take() {
            if now.saturating_sub(slot) <= interval {
                return Slot::At(slot);
            }
            self.figures.slot_lost(service);
        }
        let row = &mut self.rows[service];
        if let Some((try_at, tries)) = row.hold {
            if now < try_at {
                return Slot::Held { until: try_at };
            }
            row.hold = Some((milliseconds(self.schedule.probe_at(timestamp(now), tries + 1)), tries + 1));
            return Slot::Tries;
        }
        // One that is free at once is taken a little ahead.
        let soonest = now + u32::try_from(pace.claim_lead().as_millis()).unwrap_or_default();
        if row.next_slot <= soonest {
            row.next_slot = soonest + interval + u32::try_from(pace.warm_up_ms()).unwrap_or_default();
            return Slot::At(soonest);
        }
        let slot = row.next_slot;
        row.next_slot += interval;
        Slot::At(slot)
    }

    fn postpone(&mut self, job: u32, until: u32, slot: Option<u32>, held: bool) {
        let postponed = &mut self.jobs[job as usize];
        postponed.state = State::Queued;
        postponed.not_before = until;
        postponed.slot = slot;
        postponed.held = held;
        self.write(job, Some(until));
    }

    /// The provider has answered: it took the work, did it, or refused the account.
    pub(crate) fn answered(&mut self, job: u32, batch: u32) {
        let now = self.now;
        self.jobs[job as usize].at_work = false;
        let service = usize::from(self.jobs[job as usize].service);
        if self.weather.refuses(self.jobs[job as usize].taken % 86_400_000) {
            let hold = milliseconds(self.schedule.probe_at(timestamp(now), 0));
            let (try_at, _) = *self.rows[service].hold.get_or_insert((hold, 0));
            self.jobs[job as usize].made = 0;
            let jitter = self.schedule.next_day_spread.mul_f64(self.random.share() / 10.0);
            self.postpone(job, try_at + whole_ms(jitter.as_secs_f64() * 1000.0), None, true);
        } else {
            if self.rows[service].hold.take().is_some() {
                self.let_go(service);
            }
            self.accepted(job, service);
        }
        self.message_done(batch);
    }

    fn accepted(&mut self, job: u32, service: usize) {
        let now = self.now;
        let (taken, arrived, replays) = {
            let job = &self.jobs[job as usize];
            (job.taken, job.arrived, job.replays)
        };
        if replays == 0 {
            self.figures.taken(service, taken.saturating_sub(arrived));
        }
        let first_poll = self.poll_waits[0];
        match self.services[service].way {
            // The result is in the bucket before the batch is done.
            Way::Reply => {
                // Once as known, once as done.
                self.write(job, Some(now));
                self.end(job, State::Done);
            }
            Way::Callback => {
                let missing = self.schedule.callback_missing_at(timestamp(now), u32::from(replays));
                let missing = missing.unwrap_or_else(|| self.schedule.lease_until(timestamp(now)));
                self.wait(job, milliseconds(missing));
                if self.random.share() >= LOST_CALLBACKS {
                    let at = self.jobs[job as usize].made.max(now + 1_000);
                    self.at(at, What::CalledBack { job });
                }
            }
            Way::List | Way::EachTask => {
                self.rows[service].tasks.push_back(now);
                self.wait(job, now + first_poll);
            }
        }
    }

    fn wait(&mut self, job: u32, due: u32) {
        let waiting = &mut self.jobs[job as usize];
        waiting.state = State::Waiting;
        waiting.taken = self.now;
        waiting.polls = 0;
        self.write(job, Some(due));
    }

    /// A hold has ended: of the first rows of each lane, those that wait for it are due at once.
    fn let_go(&mut self, service: usize) {
        for lane in 0..self.lanes.len() {
            let first: Vec<u32> = self.lanes[lane].iter().take(MOST_LET_GO).map(|(_, job)| *job).collect();
            for job in first {
                let found = &self.jobs[job as usize];
                if usize::from(found.service) == service && found.held && found.state == State::Queued {
                    self.postpone(job, self.now, None, false);
                }
            }
        }
    }

    /// The job ends.
    pub(crate) fn end(&mut self, job: u32, state: State) {
        self.jobs[job as usize].state = state;
        self.write(job, None);
        let now = self.now;
        let services = self.services;
        let ended = &self.jobs[job as usize];
        self.figures.ended(ended, &services[usize::from(ended.service)], now);
    }
}
