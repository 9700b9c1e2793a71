//! A line of the log as one flat JSON object: what the line says, and what every line within its spans has in common, side
//! by side, so that a query names a field and not a place. A name is there once: the line's own word counts, then the
//! innermost span's. (`tracing-subscriber` itself keeps spans apart; `json-subscriber` joins them and may write a
//! name twice; `tracing-flat-json` drops the target.)

use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields as _, FormattedFields,
        format::{JsonFields, Writer},
    },
    registry::{LookupSpan, Scope},
};

/// No time in it: `CloudWatch` stamps every line when it takes it.
pub(super) struct FlatJson;

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = Map::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                line.extend(read(fields));
            }
        }
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        line.extend(read(&own));
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("target".into(), event.metadata().target().into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Fields as `JsonFields` has written them; a span without fields has written nothing.
fn read(fields: &str) -> Map<String, Value> {
    serde_json::from_str(fields).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, work: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(super::super::json(filter, move || writer.clone()), work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_has_the_fields_of_its_spans_beside_its_own_and_each_name_once() {
        let lines = logged("info", || {
            let _function = tracing::error_span!("outer", trace_id = "1-2", step = 1).entered();
            let job = tracing::error_span!("job", job_id = "a", step = 2, attempt = 0, key = tracing::field::Empty);
            let _job = job.enter();
            job.record("attempt", 1);
            tracing::info!(job_id = "b", "job moved");
        });
        let expected = serde_json::json!({
            "level": "INFO", "target": "darkroom_shared::telemetry::json::tests", "message": "job moved",
            "trace_id": "1-2", "job_id": "b", "step": 2, "attempt": 1,
        });
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((lines.len(), &line), (1, &expected));
        assert_eq!(lines[0].matches("job_id").count(), 1, "{}", lines[0]);
    }

    #[test]
    fn a_warning_tells_of_its_job_where_only_warnings_are_wanted_and_strange_words_stay_on_one_line() {
        let lines = logged("warn", || {
            let _job = tracing::error_span!("job", job_id = "a").entered();
            tracing::info!("not wanted");
            tracing::warn!(reason = "two\nlines \"quoted\"", "job failed");
        });
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((lines.len(), line["job_id"].as_str()), (1, Some("a")));
        assert_eq!(line["reason"], "two\nlines \"quoted\"");
    }
}
