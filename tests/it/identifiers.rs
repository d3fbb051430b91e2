//! Certificates for what is no plain DNS name: IP addresses, and wildcards by a record in the DNS.

use std::time::Duration;

use tempfile::TempDir;

use crate::support::{
    Annex, Client, Faults, ISSUER, Pebble, Proxy, SECRET, annex_command, eventually, write,
};

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

#[test]
fn a_wildcard_comes_by_the_record_that_annex_cert_dns_prints() {
    let mut pebble = Pebble::prepare();
    pebble.always_valid = true;
    pebble.run();
    let proxy = Proxy::start(&pebble, Faults { persist: Some(pebble.dns()), ..Faults::default() });
    let domains = "\"*.example.test\", \"example.test\"";
    let folder = through(&proxy, &pebble, domains, "challenge = \"dns-persist-01\"");
    let mut before = annex_command();
    before
        .args(["cert", "dns", "--config"])
        .arg(folder.path().join("annex.toml"))
        .env("ROSSUM_SECRET", SECRET);
    let before = before.output().unwrap();
    let printed = String::from_utf8(before.stdout).unwrap();
    let account = format!("https://127.0.0.1:{}/my-account/", proxy.port);
    let begins = format!("_validation-persist.example.test. IN TXT \"{ISSUER}; accounturi={account}");
    assert!(printed.starts_with(&begins), "{printed}{}", String::from_utf8_lossy(&before.stderr));
    assert!(printed.ends_with("; policy=wildcard\"\n") && printed.lines().count() == 1, "{printed}");
    let value = printed.split('"').nth(1).unwrap();
    // Without the policy, the record is for the name alone.
    let place = "_validation-persist.example.test";
    pebble.set_txt(place, value.strip_suffix("; policy=wildcard").unwrap());
    let annex = Annex::https(folder, pebble.https);
    annex.logs("no certificate for", SOON);
    let log = annex.log();
    let words = "*.example.test: the CA could not validate it by dns-persist-01: no TXT record at _validation-persist.example.test lets this account";
    assert!(log.contains(words), "{log}");
    assert!(log.contains("`annex cert dns` prints the record that the CA looks for"), "{log}");
    pebble.set_txt(place, value);
    let renewed = annex.run(&["cert", "renew"]);
    assert!(renewed.status.success(), "{renewed:?} {}", annex.log());
    for host in ["hooks.example.test", "example.test"] {
        assert!(serves(&pebble, host), "{host}: {}", annex.log());
    }
    assert!(!serves(&pebble, "a.b.example.test"));
    let identifiers = proxy.payloads("/order-plz").pop().unwrap()["identifiers"].clone();
    assert_eq!(identifiers[0]["value"], "*.example.test");
    // While the server runs the record is the same, and nothing is ordered for it.
    let orders = pebble.orders();
    let again = annex.run(&["cert", "dns"]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), printed);
    assert_eq!(pebble.orders(), orders);
    // The host's own name servers know nothing of it: the doctor prints the record once more. This CA says its name in CAA.
    let doctor = annex.run(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains(&format!("{place} has no TXT record\n    add: {printed}")), "{said}");
    assert!(!said.contains("not checked: CAA records"), "{said}");
    let rehearsed = annex.run(&["cert", "renew", "--dry-run"]);
    assert!(!rehearsed.status.success());
}

#[test]
fn what_a_ca_cannot_validate_is_refused_at_check() {
    let check = |domains: &str, acme: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("annex.toml");
        let hook = "[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = \"a\"\n";
        write(
            &path,
            &format!("[server]\ndomains = [{domains}]\nstate = \"state\"\n[server.acme]\n{acme}\n{hook}"),
        );
        let done = annex_command()
            .args(["check", "--config"])
            .arg(path)
            .env("ROSSUM_SECRET", SECRET)
            .output()
            .unwrap();
        (done.status.success(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
    };
    let by_dns = "challenge = \"dns-persist-01\"";
    for (domains, acme, said) in [
        ("\"*.acme.com\"", "", "is a wildcard, which a CA validates by dns-persist-01 only"),
        ("\"*.acme.com\", \"a.acme.com\"", by_dns, "`a.acme.com` is in `*.acme.com`"),
        ("\"8.8.8.8\"", by_dns, "is an IP address: dns-persist-01 is not for these"),
        ("\"*.*.acme.com\"", by_dns, "`*.*.acme.com` has a `*` in the wrong place"),
        ("\"*.*.acme.com\"", "", "before the domain: \"*.example.com\" is for each name right below"),
        ("\"a*.acme.com\"", "", "has a `*` in the wrong place"),
        ("\"*.com\"", by_dns, "is not a public domain name"),
        ("\"0.0.0.0\"", "", "is not an address of a host"),
        ("\"127.1\"", "", "is not a public domain name"),
        ("\"256.1.1.1\"", "", "is not a public domain name"),
    ] {
        let (is_good, output) = check(domains, acme);
        assert!(!is_good && output.contains(said), "{domains}: {output}");
    }
    for (domains, acme) in [
        ("\"*.acme.com\", \"acme.com\", \"a.b.acme.com\"", by_dns),
        ("\"8.8.8.8\", \"[2606:4700::1]\"", "profile = \"shortlived\""),
    ] {
        let (is_good, output) = check(domains, acme);
        let fields = "whether documents have the field that its steps use";
        let lines = output.lines().filter(|line| !line.contains(fields)).count();
        assert!(is_good && lines == 2, "{domains}: {output}");
    }
}
