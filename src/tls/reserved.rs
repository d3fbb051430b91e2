//! Names that stand in examples and tests: no public CA gives a certificate for them (RFC 2606, RFC 6761).

use std::net::IpAddr;

use super::{Ca, Settings, Source};

const TOP: [&str; 4] = ["test", "example", "invalid", "localhost"];
const SECOND: [&str; 3] = ["example.com", "example.net", "example.org"];

/// Whether a name, in lower case, is reserved for examples and tests.
fn is_reserved(name: &str) -> bool {
    let is_below =
        |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    TOP.into_iter().chain(SECOND).any(is_below)
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
    /// A name that is to be ordered of a public CA, which can only refuse it.
    pub fn name_for_examples(&self) -> Option<&str> {
        let Source::Acme(acme) = &self.source else { return None };
        let mut names = acme.domains.iter().map(String::as_str);
        names.find(|name| is_reserved(name)).filter(|_| acme.ca.is_public())
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
