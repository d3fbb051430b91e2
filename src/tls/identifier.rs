//! What a certificate is for: a DNS name (RFC 8555 section 7.1.4) or an IP address (RFC 8738). Both are texts: a name in lower
//! case, an address as Rust writes it, without brackets.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const REVERSE_4: &str = ".in-addr.arpa";
const REVERSE_6: &str = ".ip6.arpa";

/// The address, where it is one.
pub fn address(name: &str) -> Option<IpAddr> {
    name.parse().ok()
}

/// The host as a URL and a `Host` header have it: an IPv6 address in brackets.
pub fn in_url(name: &str) -> Cow<'_, str> {
    match address(name) {
        Some(IpAddr::V6(address)) => Cow::Owned(format!("[{address}]")),
        _ => Cow::Borrowed(name),
    }
}

/// A wildcard without its `*.`, and whether it was one.
pub fn without_wildcard(name: &str) -> (&str, bool) {
    name.strip_prefix("*.").map_or((name, false), |name| (name, true))
}

/// The wildcard that covers a name: `*.example.com` covers `hooks.example.com`, and nothing below it.
pub fn wildcard_of(name: &str) -> Option<String> {
    let (label, parent) = name.split_once('.')?;
    (label != "*" && !label.is_empty() && parent.contains('.')).then(|| format!("*.{parent}"))
}

/// Whether a certificate for these names is one for that name.
pub fn covers(names: &[String], name: &str) -> bool {
    names.iter().any(|one| one == name) || wildcard_of(name).is_some_and(|wildcard| names.contains(&wildcard))
}

/// The `type` of its identifier in an order.
pub(super) fn kind(name: &str) -> &'static str {
    if address(name).is_some() { "ip" } else { "dns" }
}

/// The name that a CA asks for in the handshake of TLS-ALPN-01: of an address the one for reverse look-ups, since a client
/// names no address there (RFC 8738 section 6).
pub(super) fn server_name(name: &str) -> String {
    match address(name) {
        None => name.to_ascii_lowercase(),
        Some(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}{REVERSE_4}")
        }
        Some(IpAddr::V6(address)) => {
            let mut reverse = String::with_capacity(72);
            for byte in address.octets().into_iter().rev() {
                let _ = write!(reverse, "{:x}.{:x}.", byte & 15, byte >> 4);
            }
            reverse.pop();
            reverse + REVERSE_6
        }
    }
}

/// What a handshake of TLS-ALPN-01 is about.
pub(super) fn of_server_name(asked: &str) -> String {
    let address = match (asked.strip_suffix(REVERSE_4), asked.strip_suffix(REVERSE_6)) {
        (Some(reverse), _) => address_4(reverse).map(IpAddr::V4),
        (_, Some(reverse)) => address_6(reverse).map(IpAddr::V6),
        _ => None,
    };
    address.map_or_else(|| asked.to_owned(), |address| address.to_string())
}

fn address_4(reverse: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = reverse.rsplit('.').collect();
    parts.join(".").parse().ok()
}

fn address_6(reverse: &str) -> Option<Ipv6Addr> {
    let digits =
        reverse.rsplit('.').map(|digit| u128::from_str_radix(digit, 16).ok().filter(|one| *one < 16));
    let digits: Vec<u128> = digits.collect::<Option<_>>()?;
    (digits.len() == 32).then(|| Ipv6Addr::from(digits.into_iter().fold(0, |all, digit| all << 4 | digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8738 section 6 has the first one.
    #[test]
    fn an_address_is_asked_for_by_its_reverse_name_and_found_by_it() {
        let rows = [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
            ("hooks.example.com", "hooks.example.com"),
        ];
        for (name, asked) in rows {
            assert_eq!(server_name(name), asked);
            assert_eq!(of_server_name(asked), name);
        }
        for no_address in ["1.2.3.in-addr.arpa", "a.in-addr.arpa", "1.0.ip6.arpa", "ip6.arpa", ".ip6.arpa"] {
            assert_eq!(of_server_name(no_address), no_address);
        }
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        let names = ["*.example.com".to_owned(), "a.test".to_owned()];
        for name in ["hooks.example.com", "*.example.com", "a.test"] {
            assert!(covers(&names, name), "{name}");
        }
        for name in ["example.com", "a.b.example.com", "b.test", ".example.com"] {
            assert!(!covers(&names, name), "{name}");
        }
        assert_eq!(wildcard_of("example.com"), None, "no CA gives *.com");
    }

    #[test]
    fn a_url_has_an_address_of_ipv6_in_brackets() {
        assert_eq!(in_url("2001:db8::1"), "[2001:db8::1]");
        assert_eq!(in_url("192.0.2.1"), "192.0.2.1");
        assert_eq!(in_url("a.example"), "a.example");
    }
}
