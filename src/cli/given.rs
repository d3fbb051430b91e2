//! Values of flags: sizes and durations as in annex.toml, addresses to listen at.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config;

/// The port where a dev server listens unless another is named.
const PORT: u16 = 5042;

/// A size as in annex.toml; a bare number is one of bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let bytes = text.parse().ok().or_else(|| u64::try_from(config::bytes(text)?).ok());
    bytes.ok_or_else(|| "give a size such as 500MB, 20KiB or 2GB".to_owned())
}

/// A duration as in annex.toml, within a range; a bare number is one of seconds.
pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let given = text.parse().ok().map(Duration::from_secs).or_else(|| config::duration(text));
        given.filter(|given| range.contains(given)).ok_or_else(|| {
            let [least, most] = [range.start(), range.end()].map(|end| config::written_duration(*end));
            format!("give a duration from {least} to {most}, such as 90s or 5m")
        })
    }
}

/// Where dev mode listens: a port, an address, or both; `localhost` is this host.
pub(super) fn listener(text: &str) -> Result<SocketAddr, String> {
    address(text, PORT)
}

/// An address of this host, where a part that is not given is loopback or this port.
pub(super) fn address(text: &str, port: u16) -> Result<SocketAddr, String> {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let ip = |host: &str| match host.trim_matches(['[', ']']) {
        host if host.eq_ignore_ascii_case("localhost") => Some(here),
        host => host.parse().ok(),
    };
    let both = || {
        let (host, port) = text.rsplit_once(':')?;
        Some(SocketAddr::new(ip(host)?, port.parse().ok()?))
    };
    let found = text.parse().ok().or_else(|| text.parse().ok().map(|port| SocketAddr::new(here, port)));
    let found = found.or_else(|| ip(text).map(|ip| SocketAddr::new(ip, port))).or_else(both);
    found.ok_or_else(|| {
        "give a port from 1 to 65535, or an address of this host such as localhost:8080".to_owned()
    })
}

/// Whether other hosts than those of one's own network may reach it.
pub(super) fn is_exposed(address: IpAddr) -> bool {
    let is_own = match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    };
    !is_own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_listen_is_read_as_people_write_it() {
        for (text, address) in [
            ("8080", "127.0.0.1:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("localhost", "127.0.0.1:5042"),
            ("127.0.0.2", "127.0.0.2:5042"),
            ("[::1]:9", "[::1]:9"),
            ("::1", "[::1]:5042"),
            ("0.0.0.0:1", "0.0.0.0:1"),
        ] {
            assert_eq!(listener(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in ["", "check", "hooks.example.com:80", "99999", "localhost:x"] {
            assert!(listener(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_durations_are_read_as_in_the_file() {
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("7"), Ok(7));
        assert!(size("500 parsecs").is_err());
        let read = duration(Duration::from_secs(1)..=Duration::from_secs(600));
        assert_eq!(read("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(read("5"), Ok(Duration::from_secs(5)));
        assert!(read("11m").is_err() && read("0s").is_err() && read("soon").is_err());
    }

    #[test]
    fn one_s_own_network_is_told_from_others() {
        for (address, is) in [("0.0.0.0", true), ("::", true), ("8.8.8.8", true), ("127.0.0.1", false)] {
            assert_eq!(is_exposed(address.parse().unwrap()), is, "{address}");
        }
        assert!(!is_exposed("172.17.0.1".parse().unwrap()) && !is_exposed("::1".parse().unwrap()));
    }
}
