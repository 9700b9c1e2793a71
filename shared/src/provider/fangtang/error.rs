//! One table from fangtang's errors to ours. Source: seed `003`, the table of `errno` under each endpoint.

use std::time::Duration;

use super::super::{
    error::{Advice, ErrorKind, ProviderError},
    tolerant::excerpt,
};
use super::wire::Message;

const SECOND: Duration = Duration::from_secs(1);
const TWO_SECONDS: Duration = Duration::from_secs(2);
/// "The upload failed": the service says that it took nothing and charges nothing.
const UPLOAD_FAILED: i64 = 9006;

/// What an error reply means. The documents have every reply as HTTP 200; `status` counts where the body is not
/// fangtang's own JSON (a proxy's page).
pub(super) fn parse_error(status: u16, body: &[u8]) -> ProviderError {
    use {Advice as A, ErrorKind as K};
    let message: Option<Message> = serde_json::from_slice(body).ok();
    let (kind, advice) = match (message.as_ref().and_then(|message| message.errno), status) {
        (Some(9999), _) => (K::Credentials, A::Hold),
        (Some(9101), _) => (K::Payment, A::Hold),
        (Some(9001), _) => (K::InvalidRequest, A::Reject),
        (Some(9005 | 9009), _) => (K::UnsuitableImage, A::Reject),
        (Some(9002), _) => (K::UnknownTask, A::Reject),
        (Some(UPLOAD_FAILED | 500), _) => (K::Unavailable, A::Retry { after: TWO_SECONDS }),
        (_, 413) => (K::UnsuitableImage, A::Reject),
        (_, 429) => (K::RateLimited, A::Slow { after: SECOND }),
        (_, 408 | 500..=599) => (K::Unavailable, A::Retry { after: TWO_SECONDS }),
        // Also a number that is not documented: what it means for the account is not known.
        (Some(_), _) | (_, 200..=299) => (K::Unreadable, A::Retry { after: TWO_SECONDS }),
        _ => (K::InvalidRequest, A::Reject),
    };
    ProviderError::new(kind, advice, words(status, message.as_ref(), body))
}

/// The same for an upload, which costs money: what is not clearly a refusal may have been charged.
pub(super) fn parse_upload_error(status: u16, body: &[u8]) -> ProviderError {
    let error = parse_error(status, body);
    let errno = serde_json::from_slice::<Message>(body).ok().and_then(|message| message.errno);
    if errno == Some(UPLOAD_FAILED) { error } else { error.of_paid_call() }
}

fn words(status: u16, message: Option<&Message>, body: &[u8]) -> String {
    match message {
        Some(Message { code: Some(code), errno, msg, .. }) => {
            let errno = errno.map(|errno| format!(" / {errno}")).unwrap_or_default();
            format!("fangtang answered {code}{errno}: {}", msg.as_deref().unwrap_or("no text"))
        }
        _ => format!("fangtang answered HTTP {status}: {}", excerpt(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Advice = Advice::Retry { after: TWO_SECONDS };

    /// The page's failure example with another number.
    fn body(errno: i64) -> String {
        include_str!("fixtures/type_not_supported.json").replace("9005", &errno.to_string())
    }

    #[test]
    fn every_documented_error_has_its_row() {
        use {Advice as A, ErrorKind as K};
        let table = [
            (200, body(9999), K::Credentials, A::Hold, A::Hold),
            (200, body(9101), K::Payment, A::Hold, A::Hold),
            (200, body(9001), K::InvalidRequest, A::Reject, A::Reject),
            (200, include_str!("fixtures/type_not_supported.json").into(), K::UnsuitableImage, A::Reject, A::Reject),
            (200, body(9006), K::Unavailable, RETRY, RETRY),
            (200, body(9009), K::UnsuitableImage, A::Reject, A::Reject),
            (200, include_str!("fixtures/status_unknown.json").into(), K::UnknownTask, A::Reject, A::Reject),
            (200, include_str!("fixtures/download_expired.json").into(), K::UnknownTask, A::Reject, A::Reject),
            (200, include_str!("fixtures/nums_not_found.json").into(), K::UnknownTask, A::Reject, A::Reject),
            (200, body(500), K::Unavailable, RETRY, A::Unknown),
            // Numbers as text.
            (200, r#"{"code":"9000","errno":"9999","msg":null}"#.into(), K::Credentials, A::Hold, A::Hold),
            // A number that is not documented, and none.
            (200, body(9876), K::Unreadable, RETRY, A::Unknown),
            (200, r#"{"code":9000,"data":[]}"#.into(), K::Unreadable, RETRY, A::Unknown),
            // Not documented, but what stands in front of a service answers so.
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
        let error = parse_error(200, include_bytes!("fixtures/type_not_supported.json"));
        assert_eq!(error.to_string(), "fangtang answered 9000 / 9005: 文件上传类型不支持");
    }
}
