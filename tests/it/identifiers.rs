//! Certificates for what is no plain DNS name: IP addresses.

use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Annex, Client, Faults, Pebble, Proxy, eventually, write};

/// With the tests' binary, which is not optimized, on a machine that does other things.
const SOON: Duration = Duration::from_secs(5);

/// A folder whose server orders through the proxy.
fn through(proxy: &Proxy, pebble: &Pebble, domains: &str, acme: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let direct = format!("127.0.0.1:{}/dir", pebble.port);
    let to = format!("127.0.0.1:{}/dir", proxy.port);
    // One socket for both families.
    let https = format!("https = \"127.0.0.1:{}\"", pebble.https);
    let both = format!("https = \"[::]:{}\"", pebble.https);
    let plain = format!("http = \"127.0.0.1:{}\"", pebble.http);
    let plain_both = format!("http = \"[::]:{}\"", pebble.http);
    let config = pebble.config(domains, acme).replace(&direct, &to);
    write(&folder.path().join("annex.toml"), &config.replace(&https, &both).replace(&plain, &plain_both));
    folder
}

/// Whether a client of this host gets a certificate for it. Of an address it names none in its handshake.
fn serves(pebble: &Pebble, host: &str) -> bool {
    let address = match host {
        "::1" => ([0, 0, 0, 0, 0, 0, 0, 1], pebble.https).into(),
        _ => ([127, 0, 0, 1], pebble.https).into(),
    };
    Client::tls(address, host, &[pebble.issuing_root()], rustls::ALL_VERSIONS).is_ok()
}

#[test]
fn addresses_get_a_certificate_by_either_challenge_and_by_the_profile_for_them() {
    let pebble = Pebble::start();
    let offers = Faults { profiles: &["classic", "shortlived"], ..Faults::default() };
    let proxy = Proxy::start(&pebble, offers);
    let domains = "\"hooks.example.test\", \"127.0.0.1\", \"[::1]\"";
    for challenge in ["tls-alpn-01", "http-01"] {
        let before = pebble.orders();
        let folder = through(&proxy, &pebble, domains, &format!("challenge = \"{challenge}\""));
        let annex = Annex::https(folder, pebble.https);
        for host in ["hooks.example.test", "127.0.0.1", "::1"] {
            eventually(&format!("{host} by {challenge}: {}", annex.log()), SOON, || serves(&pebble, host));
        }
        assert_eq!(pebble.orders() - before, 1, "{}", annex.log());
        let payload = proxy.payloads("/order-plz").pop().unwrap();
        assert_eq!(payload["profile"], "shortlived");
        assert_eq!(payload["identifiers"][1], serde_json::json!({"type": "ip", "value": "127.0.0.1"}));
        assert_eq!(payload["identifiers"][2], serde_json::json!({"type": "ip", "value": "::1"}));
        // A certificate that is there covers them: a restart orders none.
        let annex = Annex::https(annex.stop("TERM"), pebble.https);
        eventually("served again", SOON, || serves(&pebble, "::1"));
        assert_eq!(pebble.orders() - before, 1, "{}", annex.log());
        let doctor = annex.run(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout);
        for host in ["127.0.0.1", "::1"] {
            for port in [pebble.https, pebble.http] {
                let leads = format!("✓ {host} leads here on port {port} ({host})");
                assert!(said.contains(&leads), "{leads}: {said}");
            }
            assert!(said.contains(&format!("✓ {host} is an address of this host")), "{said}");
        }
    }
}

/// A name needs no short life; a profile that is set is taken.
#[test]
fn the_profile_for_addresses_is_for_addresses_only() {
    let pebble = Pebble::start();
    let offers = Faults { profiles: &["classic", "shortlived"], ..Faults::default() };
    let proxy = Proxy::start(&pebble, offers);
    for (domain, acme, profile) in
        [("hooks.example.test", "", None), ("127.0.0.1", "profile = \"classic\"", Some("classic"))]
    {
        let annex = Annex::https(through(&proxy, &pebble, &format!("\"{domain}\""), acme), pebble.https);
        eventually(domain, SOON, || serves(&pebble, domain));
        let payload = proxy.payloads("/order-plz").pop().unwrap();
        assert_eq!(payload["profile"].as_str(), profile, "{}", annex.log());
    }
}
