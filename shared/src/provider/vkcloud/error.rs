//! One table from VK Cloud's errors to ours: of a whole reply, of one image in it, of the token service.
//! Source: seed `004`, and the service's page on authorization (see `README.md` beside this file).

use std::time::Duration;

use super::super::{
    error::{Advice, ErrorKind, ProviderError},
    tolerant::excerpt,
};
use super::wire::{Body, Envelope};

const SOON: Advice = Advice::Retry { after: Duration::from_secs(2) };
const SLOWER: Advice = Advice::Slow { after: Duration::from_secs(1) };

/// What a reply means that is no result. `status` is the HTTP status; the reply's own outweighs it.
pub(super) fn parse_error(status: u16, body: &[u8]) -> ProviderError {
    use {Advice as A, ErrorKind as K};
    let envelope: Option<Envelope<'_>> = serde_json::from_slice(body).ok();
    let code = code(status, envelope.as_ref());
    let said = match envelope.as_ref().map(|envelope| &envelope.body) {
        Some(Body::Words(words)) => Some(words.as_ref()),
        _ => None,
    };
    let (kind, advice) = match code {
        400 if said.is_some_and(is_about_the_image) => (K::UnsuitableImage, A::Reject),
        401 | 403 => (K::Credentials, A::Hold),
        402 => (K::Payment, A::Hold),
        413 => (K::UnsuitableImage, A::Reject),
        429 => (K::RateLimited, SLOWER),
        408 | 500..=599 => (K::Unavailable, SOON),
        200..=299 => (K::Unreadable, SOON),
        _ => (K::InvalidRequest, A::Reject),
    };
    let words = match (said, &envelope) {
        (Some(words), _) => excerpt(words.as_bytes()),
        // A beginning of it could be a beginning of the picture.
        (None, Some(Envelope { body: Body::Modes(_), .. })) => "it holds nothing of our image".to_owned(),
        (None, _) => excerpt(body),
    };
    ProviderError::new(kind, advice, format!("vkcloud answered {code}: {words}"))
}

/// Whether the token was not taken. Then no work was done.
pub(super) fn is_unauthorized(status: u16, body: &[u8]) -> bool {
    code(status, serde_json::from_slice(body).ok().as_ref()) == 401
}

fn code(status: u16, envelope: Option<&Envelope<'_>>) -> i64 {
    envelope.and_then(|envelope| envelope.status).unwrap_or(i64::from(status))
}

/// Whether a text of 400 speaks of the image itself ("empty image") and not of how we sent it ("could not get image by
/// name …"). Either way the job ends; this only decides what the person is told.
fn is_about_the_image(words: &str) -> bool {
    words.contains("image") && !words.starts_with("could not get image by name")
}

/// What an image's own status means, other than 0. 2 is known to have failed, so nothing speaks against another try.
pub(super) fn of_image(status: Option<i64>, words: Option<&str>) -> ProviderError {
    use {Advice as A, ErrorKind as K};
    let words =
        words.filter(|words| !words.is_empty()).map_or_else(|| "no reason given".into(), |w| excerpt(w.as_bytes()));
    match status {
        Some(1) => {
            ProviderError::new(K::UnsuitableImage, A::Reject, format!("vkcloud cannot work on this image: {words} (1)"))
        }
        Some(2) => ProviderError::new(K::Unavailable, SOON, format!("vkcloud failed for now: {words} (2)")),
        other => {
            let other = other.map_or_else(|| "none".to_owned(), |status| status.to_string());
            unreadable(&format!("the image's status, {other}, is not documented ({words})"))
        }
    }
}

/// A reply that does not say whether the work was done as asked for. It was a paid call.
pub(super) fn unreadable(problem: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Unreadable, Advice::Unknown, format!("vkcloud's reply cannot be used: {problem}"))
}

/// What a reply of the token service means that is no token. Nothing has been paid for by then.
pub(super) fn parse_token_error(status: u16, body: &[u8]) -> ProviderError {
    use {Advice as A, ErrorKind as K};
    let (kind, advice) = match status {
        429 => (K::RateLimited, SLOWER),
        408 | 500..=599 => (K::Unavailable, SOON),
        200..=299 => (K::Unreadable, SOON),
        _ => (K::Credentials, A::Hold),
    };
    // What looks like no token may hold one all the same.
    let words = if kind == K::Unreadable { "something that is no token".to_owned() } else { excerpt(body) };
    ProviderError::new(kind, advice, format!("vkcloud's token service answered HTTP {status}: {words}"))
}

/// `error` without `secret`: the service repeats the beginning of a token that it refuses, and a proxy in front of it
/// may repeat the whole address.
pub(super) fn without_secret(mut error: ProviderError, secret: &str) -> ProviderError {
    error.message = cut(&error.message, secret);
    error
}

/// `text` without `secret` and without its beginnings of at least eight characters.
fn cut(text: &str, secret: &str) -> String {
    const SHORTEST: usize = 8;
    let end_of_head = secret.char_indices().nth(SHORTEST).map_or(secret.len(), |(at, _)| at);
    let (head, tail) = secret.split_at(end_of_head);
    if head.is_empty() {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(head) {
        kept.push_str(before);
        kept.push('…');
        let same = after.char_indices().zip(tail.chars()).take_while(|((_, found), secret)| found == secret);
        let more = same.last().map_or(0, |((at, found), _)| at + found.len_utf8());
        rest = after.get(more..).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documented failure's form with another status and text.
    fn body(status: u16, words: &str) -> String {
        let documented = include_str!("fixtures/empty_image.json");
        documented.replace("400", &status.to_string()).replace("empty image", words)
    }

    #[test]
    fn every_documented_error_has_its_row() {
        use {Advice as A, ErrorKind as K};
        let table = [
            (200, include_str!("fixtures/rfactor_1010.json").to_owned(), K::InvalidRequest, A::Reject),
            (200, include_str!("fixtures/empty_image.json").to_owned(), K::UnsuitableImage, A::Reject),
            (200, include_str!("fixtures/no_such_file.json").to_owned(), K::InvalidRequest, A::Reject),
            // The body's own status counts, whatever HTTP says.
            (400, include_str!("fixtures/empty_image.json").to_owned(), K::UnsuitableImage, A::Reject),
            (200, include_str!("fixtures/unauthorized.json").to_owned(), K::Credentials, A::Hold),
            (401, include_str!("fixtures/unauthorized.json").to_owned(), K::Credentials, A::Hold),
            // None of these is documented.
            (200, body(402, "no money"), K::Payment, A::Hold),
            (200, body(403, "forbidden"), K::Credentials, A::Hold),
            (200, body(404, "not found"), K::InvalidRequest, A::Reject),
            (200, body(413, "too large"), K::UnsuitableImage, A::Reject),
            (200, body(429, "too many requests"), K::RateLimited, SLOWER),
            (200, body(500, "internal error"), K::Unavailable, SOON),
            (401, String::new(), K::Credentials, A::Hold),
            (413, "<html>413 Request Entity Too Large</html>".to_owned(), K::UnsuitableImage, A::Reject),
            (429, String::new(), K::RateLimited, SLOWER),
            (408, String::new(), K::Unavailable, SOON),
            (502, "<html>Bad Gateway</html>".to_owned(), K::Unavailable, SOON),
            (200, "<html>".to_owned(), K::Unreadable, SOON),
            (200, body(200, "fine"), K::Unreadable, SOON),
        ];
        for (status, body, kind, advice) in table {
            let error = parse_error(status, body.as_bytes());
            assert_eq!((error.kind, error.advice), (kind, advice), "{status} {body}");
        }
    }

    #[test]
    fn the_services_own_words_reach_the_person() {
        let error = parse_error(200, include_bytes!("fixtures/rfactor_1010.json"));
        assert_eq!(error.to_string(), "vkcloud answered 400: rfactor must be 2 or 4");
        let error = of_image(Some(1), Some("cannot decode"));
        assert_eq!(error.to_string(), "vkcloud cannot work on this image: cannot decode (1)");
    }

    #[test]
    fn a_breakdown_in_the_middle_of_a_paid_call_is_no_plain_retry_but_a_known_failure_is() {
        assert_eq!(parse_error(502, b"").of_paid_call().advice, Advice::Unknown);
        assert_eq!(parse_error(200, b"<html>").of_paid_call().advice, Advice::Unknown);
        assert_eq!(parse_error(429, b"").of_paid_call().advice, SLOWER);
        let of_image = |status| of_image(status, None);
        assert_eq!((of_image(Some(1)).kind, of_image(Some(1)).advice), (ErrorKind::UnsuitableImage, Advice::Reject));
        assert_eq!((of_image(Some(2)).kind, of_image(Some(2)).advice), (ErrorKind::Unavailable, SOON));
        for undocumented in [Some(3), Some(-1), None] {
            assert_eq!(of_image(undocumented).advice, Advice::Unknown, "{undocumented:?}");
        }
    }

    #[test]
    fn the_token_service_has_a_table_of_its_own() {
        use {Advice as A, ErrorKind as K};
        for (status, kind, advice) in [
            (400, K::Credentials, A::Hold),
            (401, K::Credentials, A::Hold),
            (403, K::Credentials, A::Hold),
            (404, K::Credentials, A::Hold),
            (429, K::RateLimited, SLOWER),
            (408, K::Unavailable, SOON),
            (500, K::Unavailable, SOON),
            (503, K::Unavailable, SOON),
            (200, K::Unreadable, SOON),
        ] {
            let error = parse_token_error(status, br#"{"access_token": ["s3cr3t"]}"#);
            assert_eq!((error.kind, error.advice), (kind, advice), "{status}");
        }
        assert!(!parse_token_error(200, br#"{"access_token": ["s3cr3t"]}"#).to_string().contains("s3cr3t"));
    }

    #[test]
    fn a_secret_is_cut_out_whole_or_in_part() {
        let secret = "vMA3Pjyno6tvCdo8MeDQ8xYTbgibiubr9r";
        let error = parse_error(200, include_bytes!("fixtures/unauthorized.json"));
        assert!(error.to_string().contains("vMA3Pjyno6tvCdo8MeDQ8xYT"), "the service repeats it");
        let said = without_secret(error, secret).to_string();
        assert!(said.contains("token: …(...), reason: CONDITION/UNAUTHORIZED, Access Token invalid"), "{said}");
        assert_eq!(cut(&format!("a {secret} b {secret}"), secret), "a … b …");
        assert_eq!(cut("vMA3Pjyöx", secret), "vMA3Pjyöx", "seven characters are chance");
        assert_eq!(cut("vMA3Pjynoöx vMA3Pjynöx", secret), "…öx …öx");
        assert_eq!(cut("abc abc", "abc"), "… …");
        assert_eq!(cut("abc", ""), "abc");
    }
}
