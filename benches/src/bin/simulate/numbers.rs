//! darkroom's own numbers. What `darkroom-shared` makes public is taken from there (`Schedule`, `Pace`, `LANES`, the
//! providers' facts); what it keeps to itself stands here with its file, and a test below reads that file.

/// Rows that a round of the poller takes from a lane: `flow/poll.rs`.
pub(crate) const MOST_PER_LANE: usize = 250;
/// Rows that the poller writes at the same time: `flow/poll.rs`.
pub(crate) const AT_ONCE: usize = 16;
/// The longest pause between rounds, seconds: `flow/poll.rs`.
pub(crate) const LONGEST_PAUSE_S: u32 = 2;
/// A task that the provider no longer knows counts as lost after so long, seconds: `flow/poll.rs`.
pub(crate) const TASK_MAY_BE_UNLISTED_S: u32 = 120;
/// A run of the poller goes round for so long, seconds: `lambda.rs`.
pub(crate) const LONGEST_POLL_S: u32 = 55;
/// Statuses that fangtang is asked for at a time: `provider/fangtang/mod.rs`.
pub(crate) const POLLED_AT_ONCE: usize = 4;
/// Tasks that fangtang is asked for before what was said of them is written, for each that is asked for at a time:
/// `provider/fangtang/mod.rs`.
pub(crate) const POLLED_IN_TURN: usize = 4;
/// The longest reply of a provider, MiB: `provider/http/mod.rs`.
pub(crate) const MOST_REPLY_MIB: u32 = 128;
/// A slot nearer than this is waited for, seconds: `flow/attempt.rs`.
pub(crate) const LONGEST_SLOT_WAIT_S: u32 = 5;
/// So long before its slot a job is woken, seconds: `flow/attempt.rs`.
pub(crate) const SLOT_LEAD_S: u32 = 2;
/// Jobs that the end of a hold lets go from each lane: `flow/hold.rs`.
pub(crate) const MOST_LET_GO: usize = 250;
/// Messages of a batch of a submit function: `infra/sam/template.yaml`.
pub(crate) const SUBMIT_BATCH: usize = 10;
/// Batches of each submit function at the same time: `SubmitConcurrency` of `infra/sam/template.yaml`.
pub(crate) const SUBMIT_CONCURRENCY: u32 = 4;
/// Results that are fetched at the same time: `CollectConcurrency` of `infra/sam/template.yaml`.
pub(crate) const COLLECT_CONCURRENCY: u32 = 10;
/// When Lambda ends a run of the poller, seconds: its `Timeout` in `infra/sam/template.yaml`.
pub(crate) const POLLER_TIMEOUT_S: u32 = 65;
/// The memory of a function, MB: `MemorySize` in `infra/sam/template.yaml`.
pub(crate) const SUBMIT_MEMORY_MB: u32 = 1024;
/// See [`SUBMIT_MEMORY_MB`].
pub(crate) const COLLECTOR_MEMORY_MB: u32 = 512;
/// See [`SUBMIT_MEMORY_MB`].
pub(crate) const POLLER_MEMORY_MB: u32 = 256;
/// See [`SUBMIT_MEMORY_MB`].
pub(crate) const WEBHOOK_MEMORY_MB: u32 = 256;

#[cfg(test)]
mod tests {
    use darkroom_shared::store::LANES;

    use super::*;

    const TEMPLATE: &str = include_str!("../../../../infra/sam/template.yaml");

    #[test]
    fn what_is_not_public_stands_in_the_source_as_it_stands_here() {
        let poll = include_str!("../../../../shared/src/flow/poll.rs");
        let lambda = include_str!("../../../../shared/src/lambda.rs");
        let attempt = include_str!("../../../../shared/src/flow/attempt.rs");
        let http = include_str!("../../../../shared/src/provider/http/mod.rs");
        let fangtang = include_str!("../../../../shared/src/provider/fangtang/mod.rs");
        let hold = include_str!("../../../../shared/src/flow/hold.rs");
        let row_of_job = include_str!("../../../../shared/src/store/row.rs");
        for (source, line) in [
            (poll, format!("MOST_PER_LANE: u16 = {MOST_PER_LANE};")),
            (poll, format!("AT_ONCE: usize = {AT_ONCE};")),
            (poll, format!("LONGEST_PAUSE: Duration = Duration::from_secs({LONGEST_PAUSE_S});")),
            (
                poll,
                format!("TASK_MAY_BE_UNLISTED: SignedDuration = SignedDuration::from_secs({TASK_MAY_BE_UNLISTED_S});"),
            ),
            (lambda, format!("LONGEST_POLL: Duration = Duration::from_secs({LONGEST_POLL_S});")),
            (lambda, format!("POLL_RESERVE: Duration = Duration::from_secs({});", POLLER_TIMEOUT_S - LONGEST_POLL_S)),
            (fangtang, format!("POLLED_AT_ONCE: usize = {POLLED_AT_ONCE};")),
            (fangtang, format!("        {POLLED_IN_TURN} * POLLED_AT_ONCE\n")),
            (http, format!("MOST_REPLY_BYTES: usize = {MOST_REPLY_MIB} * 1024 * 1024;")),
            (attempt, format!("LONGEST_SLOT_WAIT: SignedDuration = SignedDuration::from_secs({LONGEST_SLOT_WAIT_S});")),
            (attempt, format!("SLOT_LEAD: SignedDuration = SignedDuration::from_secs({SLOT_LEAD_S});")),
            (hold, format!("MOST_LET_GO: u16 = {MOST_LET_GO};")),
            (
                row_of_job,
                "id.as_str().chars().last().and_then(|last| last.to_digit(16)).unwrap_or_default();".to_owned(),
            ),
            (row_of_job, "u8::try_from(digit).unwrap_or_default() % LANES".to_owned()),
        ] {
            assert!(source.contains(&line), "the source no longer says '{line}'");
        }
    }

    #[test]
    fn the_functions_are_as_large_and_as_many_as_in_the_template() {
        for (place, expected) in [
            ("  SubmitFangtangFunction:", format!("MemorySize: {SUBMIT_MEMORY_MB}")),
            ("  SubmitFangtangFunction:", format!("BatchSize: {SUBMIT_BATCH}")),
            ("  CollectorFunction:", format!("MemorySize: {COLLECTOR_MEMORY_MB}")),
            ("  CollectorFunction:", "BatchSize: 1".to_owned()),
            ("  PollerFunction:", format!("MemorySize: {POLLER_MEMORY_MB}")),
            ("  PollerFunction:", format!("Timeout: {POLLER_TIMEOUT_S}")),
            ("  PollerFunction:", "Schedule: rate(1 minute)".to_owned()),
            ("  WebhookFunction:", format!("MemorySize: {WEBHOOK_MEMORY_MB}")),
            ("  SubmitConcurrency:", format!("Default: {SUBMIT_CONCURRENCY}")),
            ("  CollectConcurrency:", format!("Default: {COLLECT_CONCURRENCY}")),
        ] {
            let block = TEMPLATE.split_once(&format!("\n{place}\n")).unwrap().1;
            let block: Vec<&str> =
                block.lines().take_while(|line| line.starts_with("    ") || line.is_empty()).collect();
            assert!(block.iter().any(|line| line.trim() == expected), "{place} no longer says '{expected}'");
        }
    }

    #[test]
    fn the_values_of_a_hexadecimal_digit_spread_evenly_over_the_lanes() {
        assert_eq!(16 % LANES, 0, "if lanes are no longer even, the simulation has to know");
    }
}
