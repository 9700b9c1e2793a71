//! What is counted while a world lives.

use crate::{
    setting::{Service, Way},
    world::{Job, State},
};

/// What a job's row takes in the table, and once more in the index, in write units of 1 KB. A test below weighs one; with a
/// callback, a longer key or more options it can be twice as much.
pub(crate) const ROW_UNITS: u32 = 1;

/// The counts of one service.
#[derive(Debug, Default)]
pub(crate) struct OfService {
    pub(crate) arrived: u32,
    pub(crate) done: u32,
    /// Paid for, and the result was not fetched in time.
    pub(crate) lost: u32,
    /// Not done at the end.
    pub(crate) left: u32,
    /// Waits from the upload to the paid call, milliseconds.
    waits: Vec<u32>,
    /// Times from the result's being there to its being in the bucket, milliseconds.
    late: Vec<u32>,
    backlog: u32,
    pub(crate) most_backlog: u32,
    /// The least life that was left of a result when it was in the bucket, per cent.
    pub(crate) least_life: f64,
    /// Results with less than half of their life left.
    pub(crate) below_half: u32,
    /// Slots that were reserved and came to nothing.
    pub(crate) slots_lost: u32,
    /// Questions about tasks.
    pub(crate) asked: u64,
    /// The longest list of tasks.
    pub(crate) most_listed: usize,
    batches: u32,
    batches_since: u32,
    pub(crate) most_batches: u32,
    /// Milliseconds that submit functions were at work.
    pub(crate) batch_ms: u64,
}

/// All counts.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) of: Vec<OfService>,
    pub(crate) messages: u64,
    /// How often images were read to be sent.
    pub(crate) images_read: u64,
    pub(crate) rounds: u64,
    pub(crate) longest_round_ms: u32,
    pub(crate) looks: u64,
    pub(crate) poller_ms: u64,
    pub(crate) killed: u32,
    pub(crate) rows_read: u64,
    pub(crate) writes: u64,
    /// Write units of the index by lane and minute.
    index: Vec<Vec<u32>>,
    pub(crate) index_units: u64,
    pub(crate) most_fetches: u32,
    pub(crate) fetches: u64,
    unfinished: u64,
}

impl Figures {
    /// Nothing yet.
    pub(crate) fn new(services: usize, lanes: u8, hours: u32) -> Self {
        let of = (0..services).map(|_| OfService { least_life: 100.0, ..OfService::default() }).collect();
        Self {
            of,
            messages: 0,
            images_read: 0,
            rounds: 0,
            longest_round_ms: 0,
            looks: 0,
            poller_ms: 0,
            killed: 0,
            rows_read: 0,
            writes: 0,
            index: vec![vec![0; hours as usize * 60 + 1]; usize::from(lanes)],
            index_units: 0,
            most_fetches: 0,
            fetches: 0,
            unfinished: 0,
        }
    }

    /// An image came.
    pub(crate) fn arrived(&mut self, service: usize) {
        let of = &mut self.of[service];
        of.arrived += 1;
        of.backlog += 1;
        of.most_backlog = of.most_backlog.max(of.backlog);
        self.unfinished += 1;
    }

    /// Jobs that have not ended.
    pub(crate) fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// A message was sent.
    pub(crate) fn sent(&mut self) {
        self.messages += 1;
    }

    /// A provider took an image so long after its upload.
    pub(crate) fn taken(&mut self, service: usize, wait_ms: u32) {
        let of = &mut self.of[service];
        of.backlog = of.backlog.saturating_sub(1);
        of.waits.push(wait_ms);
    }

    /// An image was read.
    pub(crate) fn image_read(&mut self) {
        self.images_read += 1;
    }

    /// A slot came to nothing.
    pub(crate) fn slot_lost(&mut self, service: usize) {
        self.of[service].slots_lost += 1;
    }

    /// A batch begins.
    pub(crate) fn batch_began(&mut self, service: usize, now: u32) {
        let of = &mut self.of[service];
        of.count_batches(now);
        of.batches += 1;
        of.most_batches = of.most_batches.max(of.batches);
    }

    /// A batch ends.
    pub(crate) fn batch_ended(&mut self, service: usize, now: u32) {
        let of = &mut self.of[service];
        of.count_batches(now);
        of.batches -= 1;
    }

    /// The collector fetches, as one of `many`.
    pub(crate) fn fetch_began(&mut self, many: u32) {
        self.fetches += 1;
        self.most_fetches = self.most_fetches.max(many);
    }

    /// A round of the poller looked at `jobs`.
    pub(crate) fn round(&mut self, took_ms: u32, jobs: usize) {
        self.rounds += 1;
        self.poller_ms += u64::from(took_ms);
        self.longest_round_ms = self.longest_round_ms.max(took_ms);
        self.looks += jobs as u64;
    }

    /// Lambda ended a run.
    pub(crate) fn killed(&mut self) {
        self.killed += 1;
    }

    /// Rows came from the index.
    pub(crate) fn rows_read(&mut self, rows: u32) {
        self.rows_read += u64::from(rows);
    }

    /// Questions were asked.
    pub(crate) fn asked(&mut self, service: usize, many: u32) {
        self.of[service].asked += u64::from(many);
    }

    /// A list came.
    pub(crate) fn listed(&mut self, service: usize, many: usize) {
        let of = &mut self.of[service];
        of.most_listed = of.most_listed.max(many);
    }

    /// A row was written, with so many changes of the index.
    pub(crate) fn written(&mut self, lane: u8, now: u32, changes: u32) {
        self.writes += 1;
        let units = changes * ROW_UNITS;
        self.index_units += u64::from(units);
        if let Some(minute) = self.index[usize::from(lane)].get_mut((now / 60_000) as usize) {
            *minute += units;
        }
    }

    /// A job ended.
    pub(crate) fn ended(&mut self, job: &Job, service: &Service, now: u32) {
        self.unfinished -= 1;
        let of = &mut self.of[usize::from(job.service)];
        if job.state == State::Lost {
            of.lost += 1;
            of.least_life = 0.0;
            return;
        }
        of.done += 1;
        if service.way != Way::Reply {
            let late = now.saturating_sub(job.made);
            let life = 100.0 * (1.0 - f64::from(late) / f64::from(service.life_ms)).max(0.0);
            of.least_life = of.least_life.min(life);
            of.below_half += u32::from(life < 50.0);
            of.late.push(late);
        }
    }

    /// What became of a job when the time was over.
    pub(crate) fn left(&mut self, job: &Job, service: &Service, now: u32) {
        if matches!(job.state, State::Done | State::Lost) {
            return;
        }
        let of = &mut self.of[usize::from(job.service)];
        let is_made = matches!(job.state, State::Waiting | State::Ready) && service.way != Way::Reply;
        if is_made && now > job.made.saturating_add(service.life_ms) {
            of.lost += 1;
            of.least_life = 0.0;
            return;
        }
        of.left += 1;
        if matches!(job.state, State::Uploaded | State::Queued) {
            of.waits.push(now.saturating_sub(job.arrived));
        }
    }

    /// The most write units a second, over a minute, of the busiest lane.
    pub(crate) fn busiest_lane(&self) -> u32 {
        self.index.iter().flatten().max().copied().unwrap_or_default() / 60
    }

    /// Jobs that were done.
    pub(crate) fn done(&self) -> u64 {
        self.of.iter().map(|of| u64::from(of.done)).sum()
    }
}

impl OfService {
    /// Adds up the time since the number of batches last changed.
    fn count_batches(&mut self, now: u32) {
        self.batch_ms += u64::from(self.batches) * u64::from(now - self.batches_since);
        self.batches_since = now;
    }

    /// The wait that `percent` of the images did not exceed; of those that still wait, as long as they have.
    pub(crate) fn wait(&mut self, percent: usize) -> u32 {
        percentile(&mut self.waits, percent)
    }

    /// The same for the time from a result's being there to its being in the bucket.
    pub(crate) fn late(&mut self, percent: usize) -> u32 {
        percentile(&mut self.late, percent)
    }
}

fn percentile(values: &mut [u32], percent: usize) -> u32 {
    let Some(last) = values.len().checked_sub(1) else { return 0 };
    *values.select_nth_unstable(last * percent.min(100) / 100).1
}

#[cfg(test)]
mod tests {
    use darkroom_shared::job::Job;
    use serde_json::{Value, json};

    use super::*;

    /// Names and values as DynamoDB counts them: text as UTF-8, a number about a byte for two digits, a byte and three
    /// more for what holds others.
    fn weight(value: &Value) -> usize {
        match value {
            Value::Null | Value::Bool(_) => 1,
            Value::Number(number) => number.to_string().len() / 2 + 2,
            Value::String(text) => text.len(),
            Value::Array(items) => 3 + items.iter().map(|item| 1 + weight(item)).sum::<usize>(),
            Value::Object(fields) => {
                3 + fields.iter().map(|(name, value)| 1 + name.len() + weight(value)).sum::<usize>()
            }
        }
    }

    #[test]
    fn the_row_of_a_job_that_waits_is_as_long_as_is_counted() {
        let at = "2026-11-21T08:00:00.123456789Z";
        let key = "uploads/imgfactory/ten/autumn/2026-11-21/IMG_20261121_080000.jpg";
        let row = json!({
            "id": "0123456789abcdef0123456789abcdef", "revision": 9, "route": "imgfactory/ten", "created_at": at,
            "upload": {"bucket": "darkroom-123456789012-eu-central-1", "key": key, "bytes": 1_000_000,
                "etag": "d41d8cd98f00b204e9800998ecf8427e", "sha256": "0".repeat(64)},
            "state": {"name": "waiting", "since": at, "due_at": at, "polls": 7},
            "steps": [{"provider": "imgfactory", "preset": "ten", "input": key, "input_bytes": 1_000_000,
                "options": {"copies": 10, "rotate": {"min": 0, "max": 2}, "exif": "random"}, "attempts": 1,
                "submitted_at": at, "may_be_done_since": at, "task_id": "0123456789"}],
        });
        let job: Job = serde_json::from_value(row).unwrap();
        let beside = "due_at".len() + 8 + "lane".len() + 1;
        let bytes = weight(&serde_json::to_value(&job).unwrap()) + beside;
        assert_eq!(bytes.div_ceil(1024), ROW_UNITS as usize, "{bytes} bytes");
    }
}
