//! One table from imgfactory's errors to ours. Source: seed `000`, "Responses".

use std::time::Duration;

use super::super::{
    error::{Advice, ErrorKind, ProviderError},
    tolerant::excerpt,
};
use super::wire::Refusal;

/// What an error reply means. `status` is the HTTP status; bodies that are not imgfactory's own JSON (a proxy's page)
/// are judged by the status alone.
pub(super) fn parse_error(status: u16, body: &[u8]) -> ProviderError {
    use {Advice as A, ErrorKind as K};
    let refusal: Option<Refusal> = serde_json::from_slice(body).ok();
    let about_image = refusal.as_ref().is_some_and(|refusal| refusal.detail.is_about_the_image());
    let (kind, advice) = match (status, refusal.as_ref().map(|refusal| refusal.kind.as_str())) {
        (_, Some("validation error")) if about_image => (K::UnsuitableImage, A::Reject),
        (_, Some("validation error")) => (K::InvalidRequest, A::Reject),
        (_, Some("search error")) => (K::UnknownTask, A::Reject),
        (401, _) | (_, Some("auth error")) => (K::Credentials, A::Hold),
        (402, _) | (_, Some("payment error")) => (K::Payment, A::Hold),
        (413, _) => (K::UnsuitableImage, A::Reject),
        (429, _) => (K::RateLimited, A::Slow { after: Duration::from_secs(1) }),
        (408 | 500..=599, _) => (K::Unavailable, A::Retry { after: Duration::from_secs(2) }),
        (200..=299, _) => (K::Unreadable, A::Retry { after: Duration::from_secs(2) }),
        _ => (K::InvalidRequest, A::Reject),
    };
    let words = refusal.map_or_else(|| excerpt(body), |refusal| format!("{}: {}", refusal.kind, refusal.detail.text()));
    ProviderError::new(kind, advice, format!("imgfactory answered HTTP {status}: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_error_has_its_row() {
        use {Advice as A, ErrorKind as K};
        let slow = A::Slow { after: Duration::from_secs(1) };
        let retry = A::Retry { after: Duration::from_secs(2) };
        let table = [
            (400, include_str!("fixtures/no_images.json"), K::UnsuitableImage, A::Reject),
            (400, include_str!("fixtures/no_image.json"), K::UnsuitableImage, A::Reject),
            (401, include_str!("fixtures/authorization_required.json"), K::Credentials, A::Hold),
            (401, include_str!("fixtures/invalid_token.json"), K::Credentials, A::Hold),
            (402, include_str!("fixtures/not_paid.json"), K::Payment, A::Hold),
            (400, include_str!("fixtures/task_not_found.json"), K::UnknownTask, A::Reject),
            (400, include_str!("fixtures/task_id_no_uuid.json"), K::InvalidRequest, A::Reject),
            // Not documented, but what stands in front of a service answers so.
            (413, "<html>413 Request Entity Too Large</html>", K::UnsuitableImage, A::Reject),
            (429, "", K::RateLimited, slow),
            (408, "", K::Unavailable, retry),
            (502, "<html>Bad Gateway</html>", K::Unavailable, retry),
            (200, "<html>", K::Unreadable, retry),
        ];
        for (status, body, kind, advice) in table {
            let error = parse_error(status, body.as_bytes());
            assert_eq!((error.kind, error.advice), (kind, advice), "{status} {body}");
        }
    }

    #[test]
    fn the_services_own_words_reach_the_person() {
        let error = parse_error(402, include_bytes!("fixtures/not_paid.json"));
        assert_eq!(error.to_string(), "imgfactory answered HTTP 402: payment error: API не оплачено");
    }

    #[test]
    fn a_breakdown_in_the_middle_of_a_paid_call_is_no_plain_retry() {
        assert_eq!(parse_error(502, b"").of_paid_call().advice, Advice::Unknown);
        assert_eq!(parse_error(429, b"").of_paid_call().advice, Advice::Slow { after: Duration::from_secs(1) });
    }
}
