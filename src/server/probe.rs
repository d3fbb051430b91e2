//! Health for everyone: what a load balancer or Kubernetes asks, and nothing else. Why the server is not ready is on the admin
//! pages: it is not for strangers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::admin::Pages;

pub(super) fn answer<B>(pages: &Pages, request: &Request<B>) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, "ok\n"),
        (&Method::GET | &Method::HEAD, "/readyz") => readiness(pages.is_ready()),
        (_, "/healthz" | "/readyz") => (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD\n"),
        _ => (StatusCode::NOT_FOUND, "/healthz /readyz\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// What `/readyz` begins with, here and on the admin pages.
pub(super) fn readiness(is_ready: bool) -> (StatusCode, &'static str) {
    if is_ready { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
