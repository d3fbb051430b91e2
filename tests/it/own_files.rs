//! Certificate files of one's own: what is served and said when they no longer fit.

use std::net::TcpStream;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use rcgen::{Certificate, CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use serde_json::Value;

use crate::support::{Annex, Client, eventually, free_port, write};

const NAME: &str = "hooks.example.test";
/// The files are looked at every two seconds.
const SOON: Duration = Duration::from_secs(15);

struct Server {
    annex: Annex,
    admin: u16,
}

struct Pair {
    certificate: Certificate,
    key: KeyPair,
}

impl Pair {
    fn new(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    fn good() -> Self {
        Self::new(&[NAME], |_| {})
    }

    fn write(&self, folder: &Path) {
        write(&folder.join("key.pem"), &self.key.serialize_pem());
        write(&folder.join("chain.pem"), &self.certificate.pem());
    }

    fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }
}

impl Server {
    fn start(pair: &Pair, domains: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (https, admin) = (free_port(), free_port());
        pair.write(folder.path());
        let config = format!(
            "[server]\n{domains}https = \"[::]:{https}\"\nhttp = \"off\"\nadmin = \"127.0.0.1:{admin}\"\nstate = \"state\"\n\
             certificate = \"chain.pem\"\nkey = \"key.pem\"\n[[hook]]\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"
        );
        write(&folder.path().join("annex.toml"), &config);
        let annex = Annex::https(folder, https);
        // The admin pages open a moment after the door.
        eventually("admin pages", SOON, || TcpStream::connect(("127.0.0.1", admin)).is_ok());
        Self { annex, admin }
    }

    /// Whether clients get this one.
    fn serves(&self, pair: &Pair) -> bool {
        let address = ([127, 0, 0, 1], self.annex.address.port()).into();
        Client::tls(address, NAME, &[pair.der()], rustls::ALL_VERSIONS).is_ok()
    }

    fn page(&self, path: &str) -> (u16, String) {
        let mut client = Client::plain(([127, 0, 0, 1], self.admin).into());
        let host = format!("127.0.0.1:{}", self.admin);
        let answer = client.request_as(&host, "GET", path, &[], b"");
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    fn status(&self) -> Output {
        self.annex.run(&["status"])
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn files_that_no_longer_fit_are_told_everywhere_and_the_certificate_before_them_is_served() {
    let (good, other) = (Pair::good(), Pair::good());
    let server = Server::start(&good, "");
    let folder = server.annex.folder();
    let metric = |value: u8| format!("annex_certificate_refused{{certificate=\"server\"}} {value}");
    assert!(server.page("/metrics").1.contains(&metric(0)));

    let expired = Pair::new(&[NAME], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2025, 6, 1));
    });
    let early = Pair::new(&[NAME], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2090, 6, 1));
    });
    let swap = |pair: &Pair| pair.write(folder);
    let garbage = || write(&folder.join("chain.pem"), "-----BEGIN CERTIFICATE-----\nnone\n");
    // Without Rust's list of the line's bytes.
    let end = "the line -----END CERTIFICATE----- is missing";
    let cases: [(&str, &dyn Fn(), &str); 5] = [
        (
            "another key",
            &|| write(&folder.join("key.pem"), &other.key.serialize_pem()),
            "the key does not fit",
        ),
        ("garbage", &garbage, end),
        ("expired", &|| swap(&expired), "is valid from 2025-01-01"),
        ("not yet valid", &|| swap(&early), "is valid from 2090-01-01"),
        ("gone", &|| std::fs::remove_file(folder.join("key.pem")).unwrap(), "cannot read key.pem"),
    ];
    for (case, break_it, because) in cases {
        good.write(folder);
        eventually(&format!("{case}: right again"), SOON, || server.page("/readyz").1 == "ready\n");
        break_it();
        server.annex.signal("HUP");
        eventually(case, SOON, || server.page("/metrics").1.contains(&metric(1)));
        assert!(server.serves(&good), "{case}");
        let (code, ready) = server.page("/readyz");
        assert_eq!(code, 200, "{case}: calls are answered: {ready}");
        for told in [ready, said(&server.status())] {
            let line = told.lines().find(|line| line.contains("the certificate files are unusable"));
            let line = line.unwrap_or_else(|| panic!("{case}: {told}"));
            assert!(
                line.contains("still uses the previous certificate, which expires on")
                    && line.contains(because),
                "{case}: {line}"
            );
        }
        assert!(server.status().status.success(), "{case}");
        // A reload that is refused for the same reason is told as well, until one is taken.
        good.write(folder);
        eventually(case, SOON, || server.page("/metrics").1.contains(&metric(0)));
        server.annex.signal("HUP");
    }
    // A right one that is new is served at once, and nothing is said.
    other.write(folder);
    eventually("the new one", SOON, || server.serves(&other));
    assert_eq!(server.page("/readyz"), (200, "ready\n".to_owned()));
    let status: Value = serde_json::from_str(&server.page("/status").1).unwrap();
    assert!(status["certificates"][0]["refused"].is_null(), "{status}");
}

#[test]
fn a_certificate_for_another_name_does_not_replace_one_that_clients_take() {
    let (good, other) = (Pair::good(), Pair::new(&["else.example.test"], |_| {}));
    let server = Server::start(&good, &format!("domains = [\"{NAME}\"]\n"));
    other.write(server.annex.folder());
    let refused = "annex_certificate_refused{certificate=\"server\"} 1";
    eventually("it is refused", SOON, || server.page("/metrics").1.contains(refused));
    assert!(server.serves(&good));
    let why = "is for else.example.test, and not for hooks.example.test, which stands in `domains`";
    for told in [server.page("/readyz").1, said(&server.status())] {
        assert!(told.contains(why), "{told}");
    }
    let wild = Pair::new(&["*.example.test"], |_| {});
    wild.write(server.annex.folder());
    eventually("a wildcard is for it", SOON, || server.serves(&wild));
    assert_eq!(server.page("/readyz"), (200, "ready\n".to_owned()));
}

#[test]
fn names_that_the_files_lack_are_told_and_another_order_of_them_is_not() {
    let wanted = "domains = [\"b.example.org\", \"a.example.org\", \"c.example.com\"]\n";
    let sorted = Pair::new(&["a.example.org", "b.example.org", "c.example.com"], |_| {});
    let wild = Pair::new(&["*.example.org", "c.example.com"], |_| {});
    for (pair, shows_wanted) in [(&sorted, false), (&wild, true)] {
        let server = Server::start(pair, wanted);
        let told = said(&server.status());
        assert_eq!(told.lines().any(|line| line.starts_with("  wanted ")), shows_wanted, "{told}");
        assert_eq!(server.page("/readyz"), (200, "ready\n".to_owned()));
    }
    let server = Server::start(&Pair::new(&["*.example.org"], |_| {}), wanted);
    let (code, told) = server.page("/readyz");
    assert!(code == 200 && told.contains("warning: the certificate does not cover c.example.com"), "{told}");
}
