//! One table from imageban's errors to ours. Source: seed `002`, "Возвращаемые ошибки", and its page on albums.

use std::time::Duration;

use super::super::{
    error::{Advice, ErrorKind, ProviderError},
    tolerant::excerpt,
};
use super::wire::{Message, Refusal};

const SECOND: Duration = Duration::from_secs(1);
const TWO_SECONDS: Duration = Duration::from_secs(2);
/// The service is in Moscow, where its day most likely begins.
const ZONE_HOURS: i8 = 3;

/// What an error reply means. The body's own code outweighs `status`: errors can come with HTTP 200.
pub(super) fn parse_error(status: u16, body: &[u8]) -> ProviderError {
    use {Advice as A, ErrorKind as K};
    let refusal = refusal(body);
    let code = refusal.as_ref().and_then(|refusal| refusal.code);
    // Of codes that look like a status (an album's 400 and 401 do), those that are not documented count as one.
    let like_status = code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..=599).contains(code));
    let (kind, advice) = match (code, like_status.unwrap_or(status)) {
        (Some(100 | 105 | 110), _) => (K::Credentials, A::Hold),
        (Some(101 | 103), _) => (K::UnsuitableImage, A::Reject),
        // 400 and 401 are of a new album: its name is taken, or it has none.
        (Some(102 | 106 | 400 | 401), _) => (K::InvalidRequest, A::Reject),
        (Some(104 | 107), _) => (K::Unavailable, A::Retry { after: TWO_SECONDS }),
        (Some(108 | 109), _) => (K::RateLimited, A::NextDay { zone_hours: ZONE_HOURS }),
        (_, 401 | 403) => (K::Credentials, A::Hold),
        (_, 413) => (K::UnsuitableImage, A::Reject),
        (_, 429) => (K::RateLimited, A::Slow { after: SECOND }),
        (_, 408 | 500..=599) => (K::Unavailable, A::Retry { after: TWO_SECONDS }),
        (_, 200..=299) => (K::Unreadable, A::Retry { after: TWO_SECONDS }),
        _ => (K::InvalidRequest, A::Reject),
    };
    ProviderError::new(kind, advice, words(status, refusal, body))
}

/// The same for an upload: what is not clearly a refusal may have hosted the image.
pub(super) fn parse_upload_error(status: u16, body: &[u8]) -> ProviderError {
    let error = parse_error(status, body);
    // Here the service says itself that nothing came of it.
    let failed = refusal(body).and_then(|refusal| refusal.code).is_some_and(|code| matches!(code, 104 | 107));
    if failed { error } else { error.of_paid_call() }
}

/// Whether an album was refused because there is one of that name.
pub(super) fn is_name_taken(status: u16, body: &[u8]) -> bool {
    match refusal(body).and_then(|refusal| refusal.code) {
        Some(code) => code == 400,
        None => status == 400,
    }
}

fn refusal(body: &[u8]) -> Option<Refusal> {
    serde_json::from_slice::<Message>(body).ok()?.refusal()
}

fn words(status: u16, refusal: Option<Refusal>, body: &[u8]) -> String {
    let Some(Refusal { code, message }) = refusal else {
        return format!("imageban answered HTTP {status}: {}", excerpt(body));
    };
    let message = message.as_deref().unwrap_or("no text");
    match code {
        Some(code) => format!("imageban answered {code}: {message}"),
        None => format!("imageban answered HTTP {status}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Advice = Advice::Retry { after: TWO_SECONDS };

    /// The page's example of an error with another code.
    fn body(code: i64) -> String {
        include_str!("fixtures/invalid_secret_key.json").replace("105", &code.to_string())
    }

    #[test]
    fn every_documented_error_has_its_row() {
        use {Advice as A, ErrorKind as K};
        let next_day = A::NextDay { zone_hours: 3 };
        let table = [
            (200, body(100), K::Credentials, A::Hold, A::Hold),
            (200, body(101), K::UnsuitableImage, A::Reject, A::Reject),
            (200, body(102), K::InvalidRequest, A::Reject, A::Reject),
            (200, body(103), K::UnsuitableImage, A::Reject, A::Reject),
            (200, body(104), K::Unavailable, RETRY, RETRY),
            (200, include_str!("fixtures/invalid_secret_key.json").into(), K::Credentials, A::Hold, A::Hold),
            (200, body(106), K::InvalidRequest, A::Reject, A::Reject),
            (200, body(107), K::Unavailable, RETRY, RETRY),
            (200, body(108), K::RateLimited, next_day, next_day),
            (200, body(109), K::RateLimited, next_day, next_day),
            (200, body(110), K::Credentials, A::Hold, A::Hold),
            (400, body(400), K::InvalidRequest, A::Reject, A::Reject),
            (401, body(401), K::InvalidRequest, A::Reject, A::Reject),
            // The code counts, whatever the HTTP status; it can be a number.
            (500, body(103), K::UnsuitableImage, A::Reject, A::Reject),
            (
                403,
                r#"{"error":{"code":109,"message":null},"success":false}"#.into(),
                K::RateLimited,
                next_day,
                next_day,
            ),
            // Not documented.
            (200, body(404), K::InvalidRequest, A::Reject, A::Reject),
            (200, body(503), K::Unavailable, RETRY, A::Unknown),
            (200, body(111), K::Unreadable, RETRY, A::Unknown),
            (200, r#"{"error":"something"}"#.into(), K::Unreadable, RETRY, A::Unknown),
            (401, String::new(), K::Credentials, A::Hold, A::Hold),
            (413, "<html>".into(), K::UnsuitableImage, A::Reject, A::Reject),
            (429, String::new(), K::RateLimited, A::Slow { after: SECOND }, A::Slow { after: SECOND }),
            (408, String::new(), K::Unavailable, RETRY, A::Unknown),
            (502, "<html>Bad Gateway</html>".into(), K::Unavailable, RETRY, A::Unknown),
            (200, "<html>".into(), K::Unreadable, RETRY, A::Unknown),
            (404, String::new(), K::InvalidRequest, A::Reject, A::Reject),
        ];
        for (status, body, kind, advice, advice_of_upload) in table {
            let error = parse_error(status, body.as_bytes());
            assert_eq!((error.kind, error.advice), (kind, advice), "{status} {body}");
            let error = parse_upload_error(status, body.as_bytes());
            assert_eq!((error.kind, error.advice), (kind, advice_of_upload), "upload: {status} {body}");
        }
    }

    #[test]
    fn the_services_own_words_reach_the_person() {
        let error = parse_error(200, include_bytes!("fixtures/invalid_secret_key.json"));
        assert_eq!(error.to_string(), "imageban answered 105: Invalid secret key");
    }
}
