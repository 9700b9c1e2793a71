//! What ten million images a day ask of each part, from what an image was seen to take in the widest simulation, beside
//! what the part gives.

use darkroom_shared::store::LANES;

use crate::{
    figures::{Figures, ROW_UNITS},
    numbers::{
        COLLECTOR_MEMORY_MB, MOST_REPLY_MIB, POLLER_MEMORY_MB, SUBMIT_BATCH, SUBMIT_MEMORY_MB, WEBHOOK_MEMORY_MB,
    },
    poller::LISTED_BYTES,
    prices::{PRICES_OF, Usage},
    setting::{DAY_S, Layout, Load, Service, Way},
    tables::Table,
};

/// Write units a second of one partition: AWS, "Partitions and data distribution in DynamoDB".
const PARTITION_WRITES: f64 = 1_000.0;
/// Read units a second of one partition.
const PARTITION_READS: f64 = 3_000.0;
/// Messages in flight of a queue: AWS, "Amazon SQS quotas".
const IN_FLIGHT: f64 = 120_000.0;
/// Invocations at the same time of an account, unless more are asked for: AWS, "Lambda quotas".
const CONCURRENCY: f64 = 1_000.0;
/// Requests a second of a prefix: AWS, "Optimizing Amazon S3 performance".
const PREFIX_PUTS: f64 = 3_500.0;
const PREFIX_GETS: f64 = 5_500.0;
/// What the webhook takes: a guess, milliseconds.
const WEBHOOK_MS: f64 = 20.0;
/// A line of the log: a guess, bytes.
const LINE_BYTES: f64 = 400.0;
/// Copies that an imgfactory job brings.
const COPIES: f64 = 10.0;

/// What an image takes, on average over the providers.
struct Each {
    table_writes: f64,
    index_writes: f64,
    read_units: f64,
    messages: f64,
    puts: f64,
    gets: f64,
    submit_s: f64,
    collect_s: f64,
    poller_s: f64,
}

impl Each {
    fn of(services: &[Service], figures: &Figures) -> Self {
        let done = figures.done().max(1) as f64;
        let each = |many: u64| many as f64 / done;
        let share = 1.0 / services.len() as f64;
        let fetch_s: f64 = services.iter().map(|service| f64::from(service.fetch_ms) / 1000.0 * share).sum();
        let outputs =
            services.iter().map(|service| if service.way == Way::List { COPIES } else { 1.0 }).sum::<f64>() * share;
        Self {
            // A slot is a write as well, and often two: one that fails comes before.
            table_writes: each(figures.writes) * f64::from(ROW_UNITS) + 2.0,
            index_writes: each(figures.index_units),
            // Eventually consistent: half a unit for 4 KB.
            read_units: each(figures.rows_read) * f64::from(ROW_UNITS) / 4.0 / 2.0,
            messages: each(figures.messages),
            puts: outputs + 1.0,
            gets: each(figures.images_read),
            submit_s: each(figures.of.iter().map(|of| of.batch_ms).sum()) / 1000.0,
            collect_s: fetch_s,
            poller_s: each(figures.poller_ms) / 1000.0,
        }
    }

    fn usage(&self, services: &[Service]) -> Usage {
        let share = 1.0 / services.len() as f64;
        let gb = |megabytes: u32| f64::from(megabytes) / 1024.0;
        let called_back = services.iter().filter(|service| service.way == Way::Callback).count() as f64 * share;
        let gb_seconds = self.submit_s * gb(SUBMIT_MEMORY_MB)
            + self.collect_s * gb(COLLECTOR_MEMORY_MB)
            + self.poller_s * gb(POLLER_MEMORY_MB)
            + called_back * WEBHOOK_MS / 1000.0 * gb(WEBHOOK_MEMORY_MB);
        Usage {
            s3_puts: self.puts,
            s3_gets: self.gets,
            write_units: self.table_writes + self.index_writes,
            read_units: self.read_units,
            // Sent, received and deleted, as if no batch held two.
            sqs_requests: self.messages * 3.0,
            invocations: self.messages + called_back,
            gb_seconds,
            // A line for each change of a row.
            log_bytes: self.table_writes / f64::from(ROW_UNITS) * LINE_BYTES,
        }
    }
}

/// The tables.
pub(crate) fn needs(load: &Load, layout: &Layout, services: &[Service], figures: &Figures) -> String {
    let each = Each::of(services, figures);
    let mean = f64::from(load.images_a_day) / f64::from(DAY_S);
    let peak = (0..DAY_S).step_by(60).map(|second| load.images_per_s(second)).fold(0.0, f64::max);
    let mut table = Table::new(&["part", "per image", "mean a second", "peak a second", "limit", "peak of limit"]);
    let mut row = |part: &str, each: f64, limit: &str, of: f64| {
        table.row(&[
            part.to_owned(),
            format!("{each:.2}"),
            format!("{:.0}", each * mean),
            format!("{:.0}", each * peak),
            limit.to_owned(),
            format!("{:.1} %", 100.0 * each * peak / of),
        ]);
    };
    let lanes = f64::from(layout.lanes);
    let share = 1.0 / services.len() as f64;
    row("images", 1.0, "", f64::INFINITY);
    row("a provider's pace", share, "2 to 5 a second each", 2.0);
    row("DynamoDB, table, write units", each.table_writes, "40 000, unless more are asked for", 40_000.0);
    let todays = each.index_writes / f64::from(LANES);
    row(&format!("index, write units, one of today's {LANES} lanes"), todays, "1 000", PARTITION_WRITES);
    row("index, write units, one of 64 lanes", each.index_writes / lanes, "1 000", PARTITION_WRITES);
    row("index, read units, one of 64 lanes", each.read_units / lanes, "3 000", PARTITION_READS);
    row("a provider's row: a slot, after one that fails", 2.0 * share, "1 000", PARTITION_WRITES);
    row("SQS messages", each.messages, "no limit", f64::INFINITY);
    row(
        "SQS in flight: batches at work, all queues",
        each.submit_s * SUBMIT_BATCH as f64,
        "120 000 a queue",
        IN_FLIGHT,
    );
    row("Lambda at once: submit", each.submit_s, "1 000, unless more are asked for", CONCURRENCY);
    row("Lambda at once: collector", each.collect_s, "the same 1 000", CONCURRENCY);
    row("Lambda at once: poller", f64::from(layout.pollers) / peak, "the same 1 000", CONCURRENCY);
    row("S3 PUT", each.puts, "3 500 a prefix", PREFIX_PUTS);
    row("S3 GET", each.gets, "5 500 a prefix", PREFIX_GETS);
    let listed = f64::from(load.images_a_day) * share * f64::from(LISTED_BYTES) / 1_048_576.0;
    table.row(&[
        "imgfactory's list of a day, MiB".to_owned(),
        String::new(),
        format!("{listed:.0}"),
        format!("{listed:.0}"),
        format!("{MOST_REPLY_MIB}"),
        format!("{:.0} %", 100.0 * listed / f64::from(MOST_REPLY_MIB)),
    ]);
    let mut costs = Table::new(&["part", "$ per 1 000 images", "$ a day at 10 million"]);
    let cost = each.usage(services).cost();
    for (part, dollars) in [
        ("S3", cost.s3),
        ("DynamoDB", cost.dynamodb),
        ("SQS", cost.sqs),
        ("Lambda", cost.lambda),
        ("logs", cost.logs),
        ("together", cost.total()),
    ] {
        let a_day = format!("{:.0}", dollars * f64::from(load.images_a_day));
        costs.row(&[part.to_owned(), format!("{:.4}", dollars * 1000.0), a_day]);
    }
    let words = format!("{PRICES_OF}; without transfer and storage.");
    table.under("What ten million images a day ask for", "") + &costs.under("What they cost at AWS", &words)
}
