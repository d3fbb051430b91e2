//! Which host a request is for, and whether it says so as HTTP wants it (RFC 9112, 3.2; RFC 9110, 7.2).

use std::net::Ipv6Addr;

use hyper::header::HOST;
use hyper::{HeaderMap, Uri, Version};

/// The host that a request is for; it may carry a port. Nothing where it names none.
pub(super) fn host<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> &'r str {
    uri.authority().map_or_else(
        || headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
        |authority| authority.as_str(),
    )
}

/// Whether it names one host that can be: by one `Host` header where it is HTTP/1.1, by `:authority` or one header at most
/// elsewhere. No name, a list of them and foreign characters are none.
pub fn names_its_host(version: Version, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let is_named = match (hosts.next(), hosts.next()) {
        (None, _) => version != Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    };
    is_named && uri.authority().is_none_or(|authority| is_host(authority.as_str()))
}

/// A name or address, perhaps with a port.
fn is_host(text: &str) -> bool {
    let (is_name, rest) = match text.strip_prefix('[').map(|inside| inside.split_once(']')) {
        Some(Some((address, rest))) => (address.parse::<Ipv6Addr>().is_ok(), rest),
        Some(None) => return false,
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            (!name.is_empty() && name.len() <= LONGEST && name.bytes().all(fits), rest)
        }
    };
    let is_port = |port: &str| {
        port.is_empty() || port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
    };
    is_name && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

/// Bytes of a name in the DNS, with a dot at its end.
const LONGEST: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_pass_with_a_port_or_without() {
        let right = [
            "hooks.example.com",
            "h:443",
            "a-b.ngrok-free.app",
            "my_host",
            "127.0.0.1:5042",
            "[::1]:8443",
            "[::1]",
            "x.",
            "x:",
        ];
        for host in right {
            assert!(is_host(host), "{host}");
        }
        let long = "x".repeat(300);
        let wrong = [
            "", ":443", "a, b", "a,b", "a b", "a/b", "u@a", "a:b", "a:99999", "a:+1", "a:1:2", "[::1", "[x]",
            "[::1]x", "::1", "a%b", "é", &long,
        ];
        for host in wrong {
            assert!(!is_host(host), "{host}");
        }
    }
}
