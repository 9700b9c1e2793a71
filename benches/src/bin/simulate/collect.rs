//! Callbacks and the collector. As `flow/callback.rs` and `flow/collect.rs`.

use crate::{
    setting::Way,
    world::{Aws, State, What, World, milliseconds, timestamp},
};

impl World<'_> {
    /// A message for the collector.
    pub(crate) fn send_collect(&mut self, job: u32) {
        self.collect.messages.push_back(job);
        self.figures.sent();
        self.deliver_collect();
    }

    fn deliver_collect(&mut self) {
        while self.collect.free > 0
            && let Some(job) = self.collect.messages.pop_front()
        {
            self.collect.free -= 1;
            self.figures.fetch_began(self.layout.collect_concurrency - self.collect.free);
            let found = &self.jobs[job as usize];
            if found.state == State::Ready {
                let fetch = self.services[usize::from(found.service)].fetch_ms;
                let began = self.now + Aws::DELIVERY_MS;
                self.at(began + fetch, What::Fetched { job, began });
            } else {
                self.after(Aws::DELIVERY_MS + Aws::NOTHING_MS, What::NothingToFetch);
            }
        }
    }

    /// An invocation of the collector is free.
    pub(crate) fn collector_free(&mut self) {
        self.collect.free += 1;
        self.deliver_collect();
    }

    /// The webhook writes the callback down and wakes the collector, who reads it.
    pub(crate) fn called_back(&mut self, job: u32) {
        if self.jobs[job as usize].state == State::Waiting {
            // By the webhook, and by the collector when it has read it.
            self.write(job, Some(self.now));
            self.known(job);
            self.send_collect(job);
        }
    }

    /// It is known that the provider has the result.
    pub(crate) fn known(&mut self, job: u32) {
        let lease = milliseconds(self.schedule.lease_until(timestamp(self.now)));
        let ready = &mut self.jobs[job as usize];
        ready.state = State::Ready;
        ready.known = self.now;
        ready.failures = 0;
        self.write(job, Some(lease));
    }

    /// The collector has fetched a result that it began to fetch at `began`, or has failed to.
    pub(crate) fn fetched(&mut self, job: u32, began: u32) {
        let found = &self.jobs[job as usize];
        if found.state == State::Ready {
            let service = &self.services[usize::from(found.service)];
            let gone = service.way != Way::Reply && began > found.made.saturating_add(service.life_ms);
            if gone {
                self.end(job, State::Lost);
            } else if self.weather.hides_results(self.time_of_day()) {
                let expires_at = timestamp(found.known.saturating_add(service.life_ms));
                let failures = u32::from(found.failures);
                let jitter = self.random.share();
                let due = self.schedule.fetch_again_at(timestamp(self.now), failures, expires_at, jitter);
                self.jobs[job as usize].failures = self.jobs[job as usize].failures.saturating_add(1);
                self.write(job, Some(milliseconds(due)));
            } else {
                self.end(job, State::Done);
            }
        }
        self.collector_free();
    }
}
