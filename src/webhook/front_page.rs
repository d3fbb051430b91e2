//! What a browser sees: that Annex runs, and nothing about what it does.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

const PAGE: &str = include_str!("front_page.html");

/// Stands in the page where a link may be.
const PLACE: &str = "<!-- inspector -->";

/// Paths that a browser asks for on its own, beside those of `apple-touch-icon`.
const BY_ITSELF: [&str; 3] = ["/favicon.ico", "/robots.txt", "/site.webmanifest"];

/// Whether a browser asks for it although no page names it.
pub(super) fn is_asked_by_itself(path: &str) -> bool {
    BY_ITSELF.contains(&path) || path.starts_with("/apple-touch-icon")
}

/// That there is no such thing.
pub(super) fn nothing() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// With a link to the inspector, where there is one for this caller.
pub(super) fn response(inspector: Option<&SocketAddr>) -> Response<Full<Bytes>> {
    let link = inspector.map_or_else(String::new, |address| {
        format!(
            "<p><a href=\"http://{address}/inspector\">Open the inspector</a>: each delivery, what the steps did and why. \
             It has the hooks' URLs, and sends a sample.</p>"
        )
    });
    let mut response = Response::new(Full::new(Bytes::from(PAGE.replace(PLACE, &link))));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
        ),
    );
    response
}
