//! One table from the watermark service's two codes (`httpCode`, then `processStatus`) to our words.
//! Source: seed `001`, the two tables of codes, and the service's published code.

use std::time::Duration;

use super::super::{
    error::{Advice, ErrorKind, ProviderError},
    tolerant::excerpt,
};
use super::wire::{Data, Location, Message};
use crate::job::{Outcome, Rectangle, Report, ResultSource};

/// What a message that is no error says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// 52000: the result will come by callback.
    Accepted,
    /// The work is done.
    Finished(Outcome),
}

const SECOND: Duration = Duration::from_secs(1);
/// A cached failure stays cached for five hours; asking again every second would change nothing.
const CACHED_FAILURE: Duration = Duration::from_secs(600);

/// So much of all rectangles is kept: a row holds 400 KB, and of that a callback's body may take 256.
const MOST_RECTANGLES_BYTES: usize = 96 * 1024;
/// What one of them takes beside its words.
const RECTANGLE_BYTES: usize = 100;

/// What a reply or a callback says. `status` is the HTTP status, 200 for a callback; the body's own code outweighs
/// it, since the service sends most errors as HTTP 200.
///
/// # Errors
/// As the two tables say.
pub(super) fn read(status: u16, body: &[u8]) -> Result<Said, ProviderError> {
    let Ok(message) = serde_json::from_slice::<Message>(body) else { return Err(parse_error(status, body)) };
    let http_code = message.http_code.unwrap_or(i64::from(status));
    let Some(data) = message.data.filter(|_| matches!(http_code, 200 | 304)) else {
        return Err(parse_error(status, body));
    };
    let cached = http_code == 304;
    let report = Report { charges: u32::from(!cached), balance: message.remaining_usage, ..Report::default() };
    match data.process_status {
        Some(52000) => Ok(Said::Accepted),
        Some(0) if data.url.as_deref().is_none_or(str::is_empty) => {
            Ok(Said::Finished(outcome(data, ResultSource::Record, report, None)))
        }
        Some(0) => Ok(Said::Finished(done(data, report, None))),
        Some(52002) => {
            let note = "no watermark was found; the original is the result (52002)";
            Ok(Said::Finished(outcome(data, ResultSource::Original, Report { charges: 0, ..report }, Some(note))))
        }
        Some(52005) if data.url.as_deref().is_none_or(str::is_empty) => Err(parse_error(status, body)),
        Some(52005) => {
            let note = "the offset would leave the image; the watermark was removed without it (52005)";
            Ok(Said::Finished(done(data, report, Some(note))))
        }
        Some(52006) => Ok(Said::Finished(outcome(data, ResultSource::Record, report, None))),
        _ => Err(parse_error(status, body)),
    }
}

fn done(data: Data, report: Report, note: Option<&str>) -> Outcome {
    let url = data.url.clone().unwrap_or_default();
    outcome(data, ResultSource::Image { url }, report, note)
}

fn outcome(data: Data, source: ResultSource, report: Report, note: Option<&str>) -> Outcome {
    let mut warnings: Vec<String> = note.map(str::to_owned).into_iter().collect();
    let told = data.process_location.len();
    let rectangles = kept(data.process_location);
    if rectangles.len() < told {
        let kept = rectangles.len();
        warnings.push(format!("the service tells of {told} places in the image; the first {kept} are recorded"));
    }
    Outcome { source, report: Report { warnings, rectangles, ..report } }
}

/// The first rectangles, as many as the job's row has room for.
fn kept(locations: Vec<Location>) -> Vec<Rectangle> {
    let mut bytes = 0;
    let rectangles = locations.into_iter().map(Rectangle::from);
    let fits = rectangles.take_while(|rectangle| {
        bytes += RECTANGLE_BYTES + rectangle.word.as_ref().map_or(0, String::len);
        bytes <= MOST_RECTANGLES_BYTES
    });
    fits.collect()
}

/// What an error reply means.
pub(super) fn parse_error(status: u16, body: &[u8]) -> ProviderError {
    use {Advice as A, ErrorKind as K};
    let message: Option<Message> = serde_json::from_slice(body).ok();
    let http_code = message.as_ref().and_then(|message| message.http_code);
    let process_status = message.as_ref().and_then(|message| message.data.as_ref()?.process_status);
    let (kind, advice) = match (http_code.unwrap_or(i64::from(status)), process_status) {
        // A wrong type is HTTP 415 with 400 in the body.
        _ if status == 415 => (K::UnsuitableImage, A::Reject),
        (400 | 405, _) => (K::InvalidRequest, A::Reject),
        (401, _) => (K::Credentials, A::Hold),
        (403, _) => (K::Payment, A::Hold),
        (413 | 415, _) => (K::UnsuitableImage, A::Reject),
        (429, _) => (K::RateLimited, A::Slow { after: SECOND }),
        (304, Some(52003 | 52004)) => (K::Unavailable, A::Retry { after: CACHED_FAILURE }),
        (503, _) => (K::Unavailable, A::Retry { after: Duration::from_secs(30) }),
        (408 | 500..=599, _) | (_, Some(52003 | 52004)) => (K::Unavailable, A::Retry { after: SECOND }),
        (_, Some(52001)) => (K::InvalidRequest, A::Reject),
        (200 | 304, _) => (K::Unreadable, A::Retry { after: SECOND }),
        _ => (K::InvalidRequest, A::Reject),
    };
    ProviderError::new(kind, advice, words(status, message.as_ref(), body))
}

fn words(status: u16, message: Option<&Message>, body: &[u8]) -> String {
    let Some(message) = message else {
        return format!("the watermark service answered HTTP {status}: {}", excerpt(body));
    };
    let code = message.http_code.unwrap_or(i64::from(status));
    let text = message.http_msg.as_deref().unwrap_or("no text");
    let Some(data) = &message.data else { return format!("the watermark service answered {code}: {text}") };
    let process = data.process_status.map(|status| status.to_string()).unwrap_or_default();
    let process_text = data.process_msg.as_deref().unwrap_or("no text");
    format!("the watermark service answered {code}: {text} / {process}: {process_text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(http_code: u16, process_status: u32) -> String {
        // The seed's failure example with other codes.
        include_str!("fixtures/signature_failed.json")
            .replace("401", &http_code.to_string())
            .replace("52001", &process_status.to_string())
    }

    #[test]
    fn every_documented_error_has_its_row() {
        use {Advice as A, ErrorKind as K};
        let second = A::Retry { after: SECOND };
        let table = [
            (200, include_str!("fixtures/signature_failed.json").to_owned(), K::Credentials, A::Hold),
            (200, body(400, 52001), K::InvalidRequest, A::Reject),
            (200, body(401, 52001), K::Credentials, A::Hold),
            (200, body(403, 52001), K::Payment, A::Hold),
            (200, body(405, 52001), K::InvalidRequest, A::Reject),
            (200, body(413, 52001), K::UnsuitableImage, A::Reject),
            (415, body(400, 52001), K::UnsuitableImage, A::Reject),
            (200, body(429, 52001), K::RateLimited, A::Slow { after: SECOND }),
            (500, body(500, 52004), K::Unavailable, second),
            (200, body(500, 52004), K::Unavailable, second),
            (200, body(503, 52001), K::Unavailable, A::Retry { after: Duration::from_secs(30) }),
            (200, body(200, 52001), K::InvalidRequest, A::Reject),
            (200, body(200, 52003), K::Unavailable, second),
            (200, body(200, 52004), K::Unavailable, second),
            (200, body(304, 52004), K::Unavailable, A::Retry { after: CACHED_FAILURE }),
            (408, String::new(), K::Unavailable, second),
            (502, "<html>Bad Gateway</html>".to_owned(), K::Unavailable, second),
            (200, "<html>".to_owned(), K::Unreadable, second),
            (200, body(200, 59999), K::Unreadable, second),
        ];
        for (status, body, kind, advice) in table {
            let error = read(status, body.as_bytes()).unwrap_err();
            assert_eq!((error.kind, error.advice), (kind, advice), "{status} {body}");
        }
    }

    #[test]
    fn the_documented_successes_are_told_apart() {
        let read = |body: &str| read(200, body.as_bytes()).unwrap();
        let Said::Finished(done) = read(include_str!("fixtures/sync_done.json")) else { panic!("not done") };
        let url = "https://www.processimage.cn/watermark/targetImages/054cd3de-471d-4379-be88-67d531b3244f.jpeg";
        assert_eq!((done.source, done.report.charges), (ResultSource::Image { url: url.into() }, 1));
        assert_eq!((done.report.rectangles[1].x, done.report.rectangles[1].line_count), (305, Some(2)));
        assert_eq!(done.report.rectangles[1].word.as_deref(), Some("VA 抖音号*******"));

        assert_eq!(read(include_str!("fixtures/async_accepted.json")), Said::Accepted);

        let Said::Finished(cached) = read(include_str!("fixtures/cached.json")) else { panic!("not done") };
        assert_eq!(cached.report.charges, 0, "a cached result costs nothing");

        let Said::Finished(found) = read(include_str!("fixtures/ocr_only.json")) else { panic!("not done") };
        assert_eq!((found.source, found.report.rectangles.len()), (ResultSource::Record, 2));
    }

    #[test]
    fn nothing_to_remove_is_no_failure_and_costs_nothing() {
        let Said::Finished(outcome) = read(200, body(200, 52002).as_bytes()).unwrap() else { panic!("not done") };
        assert_eq!(
            (outcome.source, outcome.report.charges, outcome.report.warnings.len()),
            (ResultSource::Original, 0, 1)
        );
    }

    #[test]
    fn only_reading_is_done_too() {
        let body = include_str!("fixtures/ocr_only.json").replace("\"processStatus\": 0", "\"processStatus\": 52006");
        let Said::Finished(outcome) = read(200, body.as_bytes()).unwrap() else { panic!("not done") };
        assert_eq!(
            (outcome.source, outcome.report.charges, outcome.report.rectangles.len()),
            (ResultSource::Record, 1, 2)
        );
    }

    #[test]
    fn an_offset_out_of_the_image_is_a_warning() {
        let body = include_str!("fixtures/sync_done.json").replace("\"processStatus\": 0", "\"processStatus\": 52005");
        let Said::Finished(outcome) = read(200, body.as_bytes()).unwrap() else { panic!("not done") };
        assert!(matches!(outcome.source, ResultSource::Image { .. }));
        assert_eq!((outcome.report.charges, outcome.report.warnings.len()), (1, 1));
    }
}
