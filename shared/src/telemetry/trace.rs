//! Traces: the header by which X-Ray knows that several invocations are one upload's way. Lambda gives one with every
//! invocation, SQS one with every message; a wake-up is sent on with the one that was at work.
//!
//! Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html>

use std::future::Future;

use tracing::Instrument as _;

/// The attribute of an SQS message that carries the header.
pub const MESSAGE_ATTRIBUTE: &str = "AWSTraceHeader";

/// Longer ones are not AWS's.
const MOST_BYTES: usize = 512;
/// `1-`, the time in eight digits, `-`, 24 digits.
const TRACE_ID_BYTES: usize = 35;

/// A tracing header: `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceHeader(String);

impl TraceHeader {
    /// A header that names a trace. `None`: it names none. Whoever may write into a queue may write its headers too, and
    /// SQS takes no message with a malformed one.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let clean = header.len() <= MOST_BYTES && header.chars().all(|c| c.is_ascii_graphic());
        let trace_id = trace_id(header)?;
        let is_id = trace_id.len() == TRACE_ID_BYTES && trace_id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        (clean && is_id).then(|| Self(header.to_owned()))
    }

    /// The whole header, to be passed on.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace's id, as X-Ray shows and finds it.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        trace_id(&self.0).unwrap_or_default()
    }
}

fn trace_id(header: &str) -> Option<&str> {
    header.split(';').find_map(|part| part.strip_prefix("Root="))
}

tokio::task_local! {
    static AT_WORK: Option<TraceHeader>;
}

/// Does `work` as a part of the trace: its lines in the log bear the trace's id, its wake-ups the header.
pub async fn within<W: Future>(header: Option<TraceHeader>, work: W) -> W::Output {
    // At the level of errors, so that no filter takes the field from a line that it lets pass.
    let span = tracing::error_span!("trace", trace_id = header.as_ref().map(TraceHeader::trace_id));
    AT_WORK.scope(header, work.instrument(span)).await
}

/// The trace that is at work.
#[must_use]
pub fn current() -> Option<TraceHeader> {
    AT_WORK.try_with(Clone::clone).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    #[test]
    fn a_header_is_taken_as_it_is_or_not_at_all() {
        let header = TraceHeader::parse(HEADER).unwrap();
        assert_eq!((header.as_str(), header.trace_id()), (HEADER, "1-5759e988-bd862e3fe1be46a994272793"));
        let with_lineage = format!("{HEADER};Lineage=1:a87bd80c:1");
        assert_eq!(TraceHeader::parse(&with_lineage).unwrap().trace_id(), header.trace_id());
        let long = format!("{HEADER};{}", "x".repeat(600));
        for none in ["", "Root=", "Sampled=1", "Root=1-2;Sampled=1", &format!("{HEADER}\n"), &long] {
            assert_eq!(TraceHeader::parse(none), None, "{none}");
        }
    }

    #[tokio::test]
    async fn the_trace_at_work_is_that_of_the_innermost_piece_of_work() {
        assert_eq!(current(), None);
        let header = TraceHeader::parse(HEADER);
        within(header.clone(), async {
            assert_eq!(current(), header);
            within(None, async { assert_eq!(current(), None) }).await;
            assert_eq!(current(), header);
        })
        .await;
    }
}
