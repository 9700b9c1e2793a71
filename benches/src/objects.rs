//! An S3 in memory, as far as darkroom and the peers use it: it answers at once, and knows what lies in it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Method, Response, StatusCode, header},
};
use md5::{Digest as _, Md5};

/// A bucket's objects, by `/bucket/key` as it stands in the address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objects(Arc<Mutex<BTreeMap<String, Object>>>);

/// An object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// What is in it.
    pub(crate) body: Bytes,
    /// Without quotes.
    pub(crate) etag: String,
}

impl Objects {
    /// Puts an object and returns its entity tag.
    pub(crate) fn put(&self, path: &str, body: Bytes) -> String {
        let etag = hex::encode(Md5::digest(&body));
        self.all().insert(path.to_owned(), Object { body, etag: etag.clone() });
        etag
    }

    /// An object, if it is there.
    pub(crate) fn get(&self, path: &str) -> Option<Object> {
        self.all().get(path).cloned()
    }

    /// Answers a request of an S3 client.
    pub(crate) fn answer(&self, method: &Method, path: &str, headers: &HeaderMap, body: Bytes) -> Response<Body> {
        if *method == Method::PUT {
            let body = if is_chunked(headers) { unchunked(&body) } else { Some(body) };
            return match body {
                Some(body) => reply(StatusCode::OK, &self.put(path, body), Bytes::new()),
                None => refusal(StatusCode::BAD_REQUEST, "IncompleteBody"),
            };
        }
        let Some(object) = self.get(path) else { return refusal(StatusCode::NOT_FOUND, "NoSuchKey") };
        let wanted = headers.get(header::IF_MATCH).and_then(|etag| etag.to_str().ok());
        if wanted.is_some_and(|wanted| wanted.trim_matches('"') != object.etag) {
            return refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        if *method == Method::GET {
            return reply(StatusCode::OK, &object.etag, object.body);
        }
        refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed")
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reply(status: StatusCode, etag: &str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if let Ok(etag) = format!("\"{etag}\"").parse() {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

fn refusal(status: StatusCode, code: &str) -> Response<Body> {
    let mut response =
        Response::new(Body::from(format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>")));
    *response.status_mut() = status;
    response
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let hash = headers.get("x-amz-content-sha256").and_then(|hash| hash.to_str().ok());
    hash.is_some_and(|hash| hash.starts_with("STREAMING-"))
}

/// What a body in AWS's own chunks holds: `<length in hex>[;…]\r\n<bytes>\r\n`, ended by a chunk of nothing.
fn unchunked(body: &[u8]) -> Option<Bytes> {
    let (mut whole, mut rest) = (Vec::with_capacity(body.len()), body);
    loop {
        let line = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (head, after) = rest.split_at_checked(line)?;
        let digits = std::str::from_utf8(head).ok()?.split(';').next()?;
        let length = usize::from_str_radix(digits, 16).ok()?;
        let after = after.get(2..)?;
        if length == 0 {
            return Some(whole.into());
        }
        whole.extend_from_slice(after.get(..length)?);
        rest = after.get(length + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_chunks_is_put_together() {
        let body = b"5;chunk-signature=0\r\nhello\r\n6\r\n there\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        assert_eq!(unchunked(body).unwrap(), "hello there");
        assert_eq!(unchunked(b"5\r\nhel"), None);
    }

    #[test]
    fn an_object_that_was_replaced_is_told() {
        let objects = Objects::default();
        let etag = objects.put("/b/k", Bytes::from_static(b"old"));
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, format!("\"{etag}\"").parse().unwrap());
        let status = || objects.answer(&Method::GET, "/b/k", &headers, Bytes::new()).status();
        assert_eq!(status(), StatusCode::OK);
        objects.put("/b/k", Bytes::from_static(b"new"));
        assert_eq!(status(), StatusCode::PRECONDITION_FAILED);
    }
}
