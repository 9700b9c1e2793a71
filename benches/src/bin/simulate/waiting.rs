//! A beginning in which many jobs wait already: all of them are due at once, as after an hour in which nobody polled.

use crate::world::{Job, State, World};

impl World<'_> {
    /// Has `many` jobs wait for service number `service`, which has their results one after the other over `made_within_ms`.
    pub(crate) fn with_waiting(mut self, service: u8, many: u32, made_within_ms: u32) -> Self {
        let now = self.now;
        for number in 0..many {
            let lane = self.lane_by_chance();
            let made =
                now + u32::try_from(u64::from(made_within_ms) * u64::from(number) / u64::from(many)).unwrap_or(0);
            self.jobs.push(Job {
                state: State::Waiting,
                service,
                lane,
                polls: 20,
                failures: 0,
                replays: 0,
                held: false,
                at_work: false,
                due: None,
                not_before: 0,
                slot: None,
                arrived: now,
                taken: now,
                made,
                known: 0,
            });
            self.rows[usize::from(service)].tasks.push_back(now);
            self.figures.arrived(usize::from(service));
            self.figures.taken(usize::from(service), 0);
            let job = u32::try_from(self.jobs.len() - 1).unwrap_or(u32::MAX);
            self.write(job, Some(now));
        }
        self
    }
}
