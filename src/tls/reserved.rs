//! Names that stand in examples and tests (RFC 2606, RFC 6761), and addresses that the Internet does not lead to: no public
//! CA gives a certificate for them.

use std::net::{IpAddr, Ipv6Addr};

use super::{Ca, Settings, Source, identifier};

const TOP: [&str; 4] = ["test", "example", "invalid", "localhost"];
const SECOND: [&str; 3] = ["example.com", "example.net", "example.org"];

/// Whether a name, in lower case, is reserved for examples and tests.
fn is_reserved(name: &str) -> bool {
    let is_below =
        |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    TOP.into_iter().chain(SECOND).any(is_below)
}

/// Why no public CA gives a certificate for it.
fn reserved(name: &str) -> Option<&'static str> {
    match identifier::address(name) {
        None => is_reserved(name).then_some("is a name for examples (RFC 2606)"),
        Some(address) if is_for_examples(address) => Some("is an address for examples (RFC 5737, RFC 3849)"),
        Some(address) => (!is_public(address)).then_some("is not an address of the Internet"),
    }
}

fn is_for_examples(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_documentation(),
        IpAddr::V6(address) => address.segments()[..2] == [0x2001, 0xdb8],
    }
}

/// Whether the Internet may lead to it. Unusual networks are left to the CA.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let is_shared = a == 100 && (64..128).contains(&b); // RFC 6598
            let is_own = address.is_private() || address.is_loopback() || address.is_link_local();
            !(is_own || is_shared || address.is_broadcast() || address.is_multicast() || a == 0)
        }
        IpAddr::V6(address) => {
            let is_of_its_own = address == Ipv6Addr::LOCALHOST || address == Ipv6Addr::UNSPECIFIED;
            !(is_of_its_own
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast())
        }
    }
}

impl Ca {
    /// Whether it is a public one: its own HTTPS is signed by a well-known root, under a public name.
    fn is_public(&self) -> bool {
        let host = self.directory.strip_prefix("https://").unwrap_or_default();
        let host = host.split(['/', '?']).next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let is_name = host.contains('.') && host.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
        self.root.is_none() && is_name && !is_reserved(host)
    }
}

impl Settings {
    /// A name that is to be ordered of a public CA, which can only refuse it; in words, with the reason.
    pub fn never_issued(&self) -> Option<String> {
        let Source::Acme(acme) = &self.source else { return None };
        let mut names = acme.domains.iter().filter(|_| acme.ca.is_public());
        names.find_map(|name| Some(format!("{name} {}", reserved(name)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_examples_are_told_from_others() {
        for name in ["hooks.example.com", "example.org", "a.example", "x.test", "localhost", "b.localhost"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["hooks.acme.com", "myexample.com", "example.com.br", "test.de", "contest"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_told_from_others() {
        for address in [
            "10.1.2.3",
            "127.0.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "192.0.2.7",
            "2001:db8::7",
            "100.64.0.1",
            "0.0.0.0",
        ] {
            assert!(reserved(address).is_some(), "{address}");
        }
        for address in ["8.8.8.8", "100.128.0.1", "2606:4700::1"] {
            assert_eq!(reserved(address), None, "{address}");
        }
    }

    #[test]
    fn a_private_ca_may_give_them() {
        let ca = |directory: &str, root: Option<&str>| Ca {
            directory: directory.to_owned(),
            root: root.map(Into::into),
            external_account: None,
        };
        assert!(ca("https://acme-v02.api.letsencrypt.org/directory", None).is_public());
        for (directory, root) in [
            ("https://acme-v02.api.letsencrypt.org/directory", Some("ca.pem")),
            ("https://127.0.0.1:14000/dir", None),
            ("https://[::1]:14000/dir", None),
            ("https://pebble:14000/dir", None),
            ("https://ca.corp.test/dir", None),
        ] {
            assert!(!ca(directory, root).is_public(), "{directory}");
        }
    }
}
