//! Certificates from a real CA, and what happens when things go wrong.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Annex, Client, Pebble, annex_command, eventually};

const NAME: &str = "hooks.example.test";
const BODY: &[u8] = br#"{"annotation": {"id": 1, "content": [{"id": 7, "schema_id": "document_id", "content": {"value": ""}}]}}"#;
const SOON: Duration = Duration::from_secs(20);

fn connect(pebble: &Pebble, name: &str) -> Result<Client, String> {
    let address = ([127, 0, 0, 1], pebble.https).into();
    Client::tls(address, name, &[pebble.issuing_root()], rustls::ALL_VERSIONS)
}

/// Waits for a certificate that verifies, and delivers through it.
#[track_caller]
fn serves(pebble: &Pebble, name: &str) -> Client {
    let mut client = None;
    eventually("a certificate that verifies", SOON, || {
        client = connect(pebble, name).ok();
        client.is_some()
    });
    let mut client = client.unwrap();
    let answer = client.deliver("/checks", BODY);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["messages"][0]["id"], 7);
    client
}

fn start(pebble: &Pebble, folder: TempDir) -> Annex {
    Annex::https(folder, pebble.https)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn first_certificate_by_tls_alpn_01_and_a_restart_that_orders_nothing() {
    let pebble = Pebble::start();
    let annex = start(&pebble, pebble.folder_with(&format!("\"{NAME}\", \"b.example.test\""), ""));
    serves(&pebble, NAME);
    let client = serves(&pebble, "b.example.test");
    let tls = client.tls.as_ref().unwrap();
    assert_eq!(tls.version, rustls::ProtocolVersion::TLSv1_3);
    assert_eq!(tls.group, rustls::NamedGroup::X25519MLKEM768, "post-quantum first");
    let leaf = tls.chain[0].clone();
    assert_eq!(pebble.orders(), 1);

    let state = annex.folder().join("state/acme");
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("server")), 0o700);
    let files = [&state, &state.join("server")].map(|folder| std::fs::read_dir(folder).unwrap());
    let files: Vec<_> = files.into_iter().flatten().map(|file| file.unwrap().path()).collect();
    for file in files.iter().filter(|file| file.is_file()) {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }

    let folder = annex.stop("TERM");
    let _annex = start(&pebble, folder);
    let client = serves(&pebble, NAME);
    assert_eq!(client.tls.unwrap().chain[0], leaf, "the same certificate");
    assert_eq!(pebble.orders(), 1, "no new order");
}

#[test]
fn first_certificate_by_http_01_and_the_plain_port_redirects() {
    let pebble = Pebble::start();
    let _annex = start(&pebble, pebble.folder_with(&format!("\"{NAME}\""), "challenge = \"http-01\""));
    serves(&pebble, NAME);

    let mut plain = Client::plain(([127, 0, 0, 1], pebble.http).into());
    let answer = plain.request("GET", "/checks?x=1", &[], b"");
    assert_eq!(answer.status, 308);
    assert_eq!(answer.header("location"), Some(&*format!("https://{NAME}:{}/checks?x=1", pebble.https)));
    assert_eq!(plain.request("GET", "/.well-known/acme-challenge/x", &[], b"").status, 404);
}

#[test]
fn both_tls_versions_both_http_versions() {
    let pebble = Pebble::start();
    let _annex = start(&pebble, pebble.folder_with(&format!("\"{NAME}\""), ""));
    serves(&pebble, NAME);
    let roots = [pebble.issuing_root()];
    let address = ([127, 0, 0, 1], pebble.https).into();
    let mut old = Client::tls(address, NAME, &roots, &[&rustls::version::TLS12]).unwrap();
    let agreed = old.tls.as_ref().unwrap();
    assert_eq!(agreed.version, rustls::ProtocolVersion::TLSv1_2);
    // The client names AES-256 first.
    assert_eq!(agreed.suite, rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    assert_eq!(old.deliver("/checks", BODY).status, 200);

    let url = format!("https://{NAME}:{}/", pebble.https);
    let resolve = format!("{NAME}:{}:127.0.0.1", pebble.https);
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let curl = std::process::Command::new("curl")
            .args([
                "-sk",
                "-o",
                "/dev/null",
                "-w",
                "%{http_version} %{http_code}",
                flag,
                "--resolve",
                &resolve,
                &url,
            ])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&curl.stdout), format!("{version} 200"));
    }
}

#[test]
fn a_ca_that_is_down_at_start_is_asked_again_and_no_sooner_than_configured() {
    let mut pebble = Pebble::prepare();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "retry = [\"3s\", \"1h\"]");
    let annex = start(&pebble, folder);
    annex.logs("next try", Duration::from_secs(5));
    let log = annex.log();
    assert_eq!(log.matches("ordering a certificate").count(), 1, "{log}");
    assert!(
        log.contains("failure 1, next try")
            && log.contains("the server cannot serve HTTPS until there is one"),
        "{log}"
    );
    pebble.run();
    serves(&pebble, NAME);
    assert_eq!(pebble.orders(), 1);
}

#[test]
fn a_name_that_cannot_be_validated_fails_once_in_the_cas_words_and_a_restart_does_not_try_again() {
    let pebble = Pebble::start();
    let folder = tempfile::tempdir().unwrap();
    // Listens elsewhere than where the CA looks.
    let (elsewhere, plain) = (crate::support::free_port(), crate::support::free_port());
    let config = pebble
        .config(&format!("\"{NAME}\""), "")
        .replace(&format!(":{}\"", pebble.https), &format!(":{elsewhere}\""))
        .replace(&format!(":{}\"", pebble.http), &format!(":{plain}\""));
    crate::support::write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::https(folder, elsewhere);
    annex.logs("failure 1, next try", SOON);
    let log = annex.log();
    assert!(
        log.contains(NAME)
            && log.contains("Failed to connect to 127.0.0.1")
            && log.contains("by tls-alpn-01"),
        "{log}"
    );

    let _annex = Annex::https(annex.stop("KILL"), elsewhere);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(pebble.orders(), 1, "the pace survives kill -9");
}

#[test]
fn damaged_files_are_set_aside_and_replaced_by_one_order() {
    let pebble = Pebble::start();
    let annex = start(&pebble, pebble.folder_with(&format!("\"{NAME}\""), ""));
    serves(&pebble, NAME);
    let folder = annex.stop("TERM");
    let state = folder.path().join("state/acme");
    let certificate = std::fs::read_to_string(state.join("server/certificate.pem")).unwrap();
    // Cut inside the last certificate: rustls-acme alone would serve the rest.
    crate::support::write(&state.join("server/certificate.pem"), &certificate[..certificate.len() - 200]);
    let account = std::fs::read_dir(&state)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_string_lossy().contains("account-"))
        .unwrap();
    crate::support::write(&account, "not a key");

    let annex = start(&pebble, folder);
    serves(&pebble, NAME);
    let log = annex.log();
    assert!(
        log.contains("the stored certificate is damaged") && log.contains("the account's key is damaged"),
        "{log}"
    );
    assert_eq!(pebble.orders(), 2);
    let names: Vec<_> = std::fs::read_dir(state_of(&annex).join("server"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().any(|n| n.starts_with("certificate.pem.damaged-")),
        "kept for a person to look at: {names:?}"
    );
}

fn state_of(annex: &Annex) -> std::path::PathBuf {
    annex.folder().join("state/acme")
}

#[test]
fn a_store_that_cannot_be_read_is_asked_again_and_never_taken_for_empty() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    // Root reads everything, whatever the mode: a folder in the file's place is what even root cannot read.
    std::fs::create_dir_all(folder.path().join("state/acme/server/certificate.pem")).unwrap();
    let annex = start(&pebble, folder);
    annex.logs("cannot read", Duration::from_secs(5));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(pebble.orders(), 0);
}

#[test]
fn a_certificate_that_cannot_be_stored_is_served_and_stored_later_without_another_order() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "retry = [\"1s\"]");
    // A folder in the file's place, made when the order has begun: before, it would be what cannot be read.
    let place = folder.path().join("state/acme/server");
    let in_the_way = place.join("certificate.pem");
    let maker = std::thread::spawn({
        let in_the_way = in_the_way.clone();
        move || {
            eventually("the order begins", SOON, || place.join("pace.json").exists());
            std::fs::create_dir(in_the_way).unwrap();
        }
    });
    let annex = start(&pebble, folder);
    maker.join().unwrap();
    serves(&pebble, NAME);
    annex.logs("cannot write", SOON);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(pebble.orders(), 1);
    std::fs::remove_dir(&in_the_way).unwrap();
    eventually("it is stored", Duration::from_secs(40), || in_the_way.is_file());
    assert_eq!(pebble.orders(), 1);
}

#[test]
fn a_handshake_that_never_ends_and_silence_after_one_are_cut() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    let config = pebble.config(&format!("\"{NAME}\""), "")
        + "\n[server.limits]\nhandshake = \"1s\"\nfirst_request = \"1s\"\n";
    crate::support::write(&folder.path().join("annex.toml"), &config);
    let _annex = start(&pebble, folder);
    serves(&pebble, NAME);
    let mut silent = Client::plain(([127, 0, 0, 1], pebble.https).into());
    assert!(silent.is_closed_within(Duration::from_secs(4)));
    let mut shaken = connect(&pebble, NAME).unwrap();
    assert!(shaken.is_closed_within(Duration::from_secs(4)));
}

#[test]
fn short_lived_certificates_are_renewed_under_running_connections() {
    let mut pebble = Pebble::prepare();
    pebble.validity = 20;
    pebble.run();
    let _annex = start(&pebble, pebble.folder_with(&format!("\"{NAME}\""), ""));
    let mut first = serves(&pebble, NAME);
    let leaf = first.tls.as_ref().unwrap().chain[0].clone();
    eventually("a new certificate", Duration::from_secs(30), || {
        assert_eq!(first.deliver("/checks", BODY).status, 200, "the first connection lives on");
        let now = connect(&pebble, NAME).expect("never without a valid certificate");
        std::thread::sleep(Duration::from_millis(200));
        now.tls.unwrap().chain[0] != leaf
    });
    assert_eq!(pebble.orders(), 2);
}

#[test]
fn half_of_the_nonces_refused_costs_no_extra_order() {
    let mut pebble = Pebble::prepare();
    pebble.refused_nonces = 50;
    pebble.run();
    let _annex = start(&pebble, pebble.folder_with(&format!("\"{NAME}\", \"b.example.test\""), ""));
    serves(&pebble, NAME);
    assert_eq!(pebble.orders(), 1);
}

#[test]
fn a_new_name_is_ordered_while_the_old_certificate_is_served() {
    let pebble = Pebble::start();
    let annex = start(&pebble, pebble.folder_with(&format!("\"{NAME}\""), ""));
    serves(&pebble, NAME);
    let folder = annex.stop("TERM");
    crate::support::write(
        &folder.path().join("annex.toml"),
        &pebble.config(&format!("\"{NAME}\", \"new.example.test\""), ""),
    );
    let annex = start(&pebble, folder);
    assert!(connect(&pebble, NAME).is_ok(), "no gap");
    annex.logs("serving it until a new one is there", SOON);
    serves(&pebble, "new.example.test");
    assert_eq!(pebble.orders(), 2);
}

#[test]
fn own_certificate_files_work_and_bad_ones_are_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    let path = |name: &str| folder.path().join(name);
    crate::support::write(&path("chain.pem"), &made.cert.pem());
    crate::support::write(&path("key.pem"), &made.key_pair.serialize_pem());
    crate::support::write(&path("other.pem"), &other.key_pair.serialize_pem());
    let port = crate::support::free_port();
    let config = |key: &str| {
        format!(
            "[server]\nhttps = \"127.0.0.1:{port}\"\nhttp = \"off\"\ncertificate = \"chain.pem\"\nkey = \"{key}\"\n\
             [[hook]]\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"
        )
    };
    crate::support::write(&path("annex.toml"), &config("other.pem"));
    for arguments in [["check", "--config"], ["serve", "--config"]] {
        let bad = annex_command()
            .args(arguments)
            .arg(path("annex.toml"))
            .env("ROSSUM_SECRET", "x")
            .output()
            .unwrap();
        assert_eq!(bad.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&bad.stderr).contains("the key does not fit"), "{bad:?}");
    }
    crate::support::write(&path("annex.toml"), &config("key.pem"));
    let annex = Annex::https(folder, port);
    let mut client =
        Client::tls(annex.address, NAME, &[made.cert.der().clone()], rustls::ALL_VERSIONS).unwrap();
    assert_eq!(client.deliver("/checks", BODY).status, 200);
}
