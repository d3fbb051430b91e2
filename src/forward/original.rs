//! The headers of a delivery, as they came and as they go on (RFC 9110, sections 7.6.1 and 7.6.3).

use std::net::IpAddr;
use std::sync::LazyLock;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Headers that are of one connection, or that follow from it.
const OF_CONNECTION: [HeaderName; 13] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
    HOST,
    CONTENT_LENGTH,
    // What comes back is read here, and nothing is unpacked.
    ACCEPT_ENCODING,
];
/// What proxies say of the caller: only ours counts.
const OF_PROXIES: [&str; 6] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-real-ip",
];

/// How this server names itself to those behind it, by which it knows its own requests.
static NAME: LazyLock<String> = LazyLock::new(|| {
    let mut random = [0_u8; 6];
    match getrandom::fill(&mut random) {
        Ok(()) => format!("annex-{}", hex::encode(random)),
        Err(_) => "annex".to_owned(),
    }
});

/// A delivery as it came.
#[derive(Debug, Clone)]
pub struct Original {
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Path and query.
    pub target: String,
    /// The host that it was called under; empty where that is not known.
    pub host: String,
    pub from: IpAddr,
    pub is_secure: bool,
}

impl Original {
    /// Whether it went out from here before.
    pub fn came_from_here(&self) -> bool {
        let name = NAME.as_str();
        let names_it = |via: &HeaderValue| {
            via.to_str().is_ok_and(|via| name.len() > "annex".len() && via.contains(name))
        };
        self.headers.get_all(VIA).iter().any(names_it)
    }

    /// The headers that go on: all but those of the connection, with those that say who called.
    pub(super) fn forwarded(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        let named: Vec<HeaderName> = self
            .headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        for name in OF_CONNECTION.iter().chain(&named) {
            headers.remove(name);
        }
        for name in OF_PROXIES {
            headers.remove(name);
        }
        headers.remove(FORWARDED);
        let protocol = if self.is_secure { "https" } else { "http" };
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(protocol));
        let texts = [(FORWARDED_FOR, self.from.to_string()), (FORWARDED_HOST, self.host.clone())];
        for (name, text) in texts {
            if let Some(value) = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty()) {
                headers.insert(name, value);
            }
        }
        if let Ok(via) = HeaderValue::try_from(format!("1.1 {}", NAME.as_str())) {
            headers.append(VIA, via);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&'static str, &'static str)]) -> Original {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let (target, host) = ("/hook".to_owned(), "hooks.example.com".to_owned());
        Original {
            headers,
            body: Bytes::new(),
            target,
            host,
            from: IpAddr::from([192, 0, 2, 7]),
            is_secure: true,
        }
    }

    #[test]
    fn headers_of_a_connection_stay_behind_and_all_others_go_on() {
        let head = head(&[
            ("host", "hooks.example.com"),
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("accept-encoding", "gzip"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("x-rossum-signature-sha256", "sha256=00"),
            ("x-elis-signature", "sha1=00"),
            ("content-type", "application/json"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
        ]);
        let headers = head.forwarded();
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "content-type",
                "cookie",
                "via",
                "x-elis-signature",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto",
                "x-rossum-signature-sha256"
            ]
        );
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers.get_all("cookie").iter().count(), 2);
        assert!(!head.came_from_here());
        assert!(Original { headers, ..head }.came_from_here());
    }
}
