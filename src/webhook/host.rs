//! Which host a request is for, and whether it says so as HTTP wants it (RFC 9112, 3.2; RFC 9110, 7.2).

use std::net::{IpAddr, Ipv6Addr};

use hyper::header::HOST;
use hyper::{HeaderMap, Uri, Version};

/// The host that a request is for; it may carry a port. Nothing where it names none.
pub(super) fn host<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> &'r str {
    uri.authority().map_or_else(
        || headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
        |authority| authority.as_str(),
    )
}

/// Whether a host, perhaps with a port, is a name that only this machine gives to itself.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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

/// A name or address, perhaps with a port, which may be empty after its colon (RFC 3986, 3.2.3).
fn is_host(text: &str) -> bool {
    let (is_name, rest) = match text.strip_prefix('[').map(|inside| inside.split_once(']')) {
        Some(Some((address, rest))) => (address.parse::<Ipv6Addr>().is_ok(), rest),
        Some(None) => return false,
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            (is_name(name), rest)
        }
    };
    let is_port = |port: &str| {
        port.is_empty() || port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
    };
    is_name && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

/// Bytes of a name in the DNS, without a dot at its end, and of one of its labels.
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A name as the DNS has them (RFC 3986, 3.2.2, by RFC 1034, 3.5 and RFC 1123, 2.1): labels of letters, digits and hyphens,
/// none of them empty, no hyphen at an end; perhaps a dot after the last. Underscores are there too: names within a company
/// have them. An IPv4 address is such a name.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= LONGEST && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_host_are_answered() {
        for good in ["127.0.0.1:5043", "localhost", "[::1]:5043", "127.0.0.7"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in ["", "evil.example:5043", "10.0.0.1", "localhost.evil.example", "::"] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

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
            "a.b.:443",
            "_dmarc.my_host.local",
            "xn--bcher-kva.example",
            "[::ffff:127.0.0.1]",
        ];
        for host in right {
            assert!(is_host(host), "{host}");
        }
        let [long, label] = ["x".repeat(300), "x".repeat(64)];
        let labels = "x.".repeat(128);
        let wrong = [
            "",
            ":443",
            "a, b",
            "a,b",
            "a b",
            "a/b",
            "u@a",
            "a:b",
            "a:99999",
            "a:+1",
            "a:1:2",
            "[::1",
            "[x]",
            "[::1]x",
            "::1",
            "a%b",
            "é",
            &long,
            ".",
            "-",
            "..",
            "a..b",
            ".a",
            "a..",
            "-a",
            "a-",
            "a.-b",
            "a-.b",
            "a~b",
            "[]",
            "[::1%25eth0]",
            "a:65536",
            &label,
            &labels,
        ];
        for host in wrong {
            assert!(!is_host(host), "{host}");
        }
    }
}
