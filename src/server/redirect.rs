//! Plain HTTP beside HTTPS: HTTP-01 challenges are answered, everything else is sent to HTTPS.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};

use crate::tls::{Challenges, identifier};
use crate::webhook::names_its_host;

/// Where the CA looks (RFC 8555 section 8.3).
const CHALLENGE_PATH: &str = "/.well-known/acme-challenge/";

pub struct Redirect {
    /// Names that are ours; a request for another goes to the first of them.
    pub domains: ArcSwap<Vec<String>>,
    pub https_port: u16,
    pub challenges: Arc<Challenges>,
}

impl Redirect {
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if let Some(token) = request.uri().path().strip_prefix(CHALLENGE_PATH) {
            return match self.challenges.key_authorization(token) {
                Some(authorization) => plain(StatusCode::OK, authorization),
                None => plain(StatusCode::NOT_FOUND, "no such challenge\n"),
            };
        }
        let Some(location) = self.location(request) else {
            return plain(StatusCode::BAD_REQUEST, "this server speaks HTTPS\n");
        };
        let mut response = plain(StatusCode::PERMANENT_REDIRECT, "this server speaks HTTPS\n");
        response.headers_mut().insert(LOCATION, location);
        response
    }

    fn location<B>(&self, request: &Request<B>) -> Option<HeaderValue> {
        if !names_its_host(request.version(), request.uri(), request.headers()) {
            return None;
        }
        let asked = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let asked = asked
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(asked, |(host, _)| host);
        let asked = asked.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(asked);
        let domains = self.domains.load();
        let asked = &*asked.to_ascii_lowercase();
        // One that a wildcard is for stands there as it was asked for.
        let ours = identifier::covers(&domains, asked).then_some(asked);
        let named = domains.iter().find(|domain| !identifier::without_wildcard(domain).1);
        let host = match (ours, named) {
            (Some(ours), _) => ours,
            (None, Some(named)) => named,
            (None, None) if domains.is_empty() && !asked.is_empty() => asked,
            (None, None) => return None,
        };
        let port = if self.https_port == 443 { String::new() } else { format!(":{}", self.https_port) };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        HeaderValue::try_from(format!("https://{}{port}{path}", identifier::in_url(host))).ok()
    }
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(domains: &[&str], port: u16, host: &str, path: &str) -> Option<String> {
        let redirect = Redirect {
            domains: ArcSwap::from_pointee(domains.iter().map(|d| (*d).to_owned()).collect()),
            https_port: port,
            challenges: Arc::default(),
        };
        let request = Request::builder().uri(path).header(HOST, host).body(()).unwrap();
        let response = redirect.answer(&request);
        response.headers().get(LOCATION).map(|location| location.to_str().unwrap().to_owned())
    }

    #[test]
    fn goes_to_the_same_place_on_https_and_to_no_other_host() {
        let ours = ["hooks.example.com", "b.example.com"];
        assert_eq!(
            location(&ours, 443, "B.example.com:80", "/x?y=1").as_deref(),
            Some("https://b.example.com/x?y=1")
        );
        assert_eq!(
            location(&ours, 8443, "evil.example", "/x").as_deref(),
            Some("https://hooks.example.com:8443/x")
        );
        assert_eq!(location(&[], 443, "a.example", "/").as_deref(), Some("https://a.example/"));
        let ours = ["a.example.com", "2001:db8::1", "192.0.2.1"];
        for (host, to) in [
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:80", "[2001:db8::1]"),
        ] {
            assert_eq!(location(&ours, 443, host, "/x"), Some(format!("https://{to}/x")));
        }
        let wild = ["*.example.com", "example.com"];
        assert_eq!(location(&wild, 443, "A.example.com", "/").as_deref(), Some("https://a.example.com/"));
        assert_eq!(location(&wild, 443, "a.b.example.com", "/").as_deref(), Some("https://example.com/"));
        assert_eq!(location(&wild[..1], 443, "evil.example", "/"), None);
        for host in ["a/../@b", "", "a, b"] {
            assert_eq!(location(&[], 443, host, "/"), None);
            assert_eq!(location(&ours, 443, host, "/"), None);
        }
    }
}
