//! Nothing secret gets out: everything that a long mixed run wrote, answered or showed is searched for secrets, tokens and
//! values of documents.

use std::path::Path;
use std::time::Duration;

use rossum_annex::signature::Algorithm;

use crate::support::{Annex, Client, Pebble, eventually, sign, write};

const NAME: &str = "hooks.example.test";
const FIRST: &str = "first-secret-0a1b2c3d4e5f";
const SECOND: &str = "second-secret-5f4e3d2c1b0a";
const TOKEN: &str = "token-9f8e7d6c5b4a39281706";
const ERP_KEY: &str = "erp-key-112233445566778899";
const VALUE: &str = "private-value-of-a-document";

fn delivery(more: &str) -> String {
    format!(
        r#"{{"request_id": "r-1", "event": "annotation_content", "action": "updated", "rossum_authorization_token": "{TOKEN}",
            "secrets": {{"erp_key": "{ERP_KEY}"}}, "settings": {{"x": "{ERP_KEY}"}},
            "annotation": {{"id": 7, "content": [{{"id": 1, "schema_id": "amount_total", "category": "datapoint", "content": {{"value": "{VALUE}", "normalized_value": "{VALUE}"}}}}]}}{more}"#
    )
}

#[test]
fn a_long_mixed_run_shows_no_secret_anywhere() {
    let mut pebble = Pebble::prepare();
    pebble.external_accounts = true;
    pebble.run();
    let acme = "eab_key_id = \"kid-1\"\neab_key = \"file:secrets/eab\"\nretry = [\"1s\"]";
    let steps = "\n  [[hook.step]]\n  use = \"checks\"\n    [[hook.step.check]]\n    sum = [\"amount_total\", \"missing\"]\n    equals = \"amount_total\"\n    empty = \"fail\"\n  [[hook.step]]\n  use = \"match\"\n  field = \"amount_total\"\n  target = \"missing\"\n  run = \"always\"\n  records = [{ value = \"1\", label = \"x\" }]\n";
    let config = pebble
        .config(&format!("\"{NAME}\""), acme)
        .replace("[\"env:ROSSUM_SECRET\"]", "[\"file:secrets/first\", \"file:secrets/second\"]")
        + steps;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    for (name, secret) in [("first", FIRST), ("second", SECOND), ("eab", Pebble::EAB_KEY)] {
        write(&folder.path().join("secrets").join(name), secret);
    }
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::https(folder, pebble.https);
    let address = ([127, 0, 0, 1], pebble.https).into();
    let roots = [pebble.issuing_root()];
    let connect = || Client::tls(address, NAME, &roots, rustls::ALL_VERSIONS);
    eventually("a certificate", Duration::from_secs(20), || connect().is_ok());

    let good = delivery("}");
    let bodies = [
        good.clone(),
        delivery(", broken"),
        delivery("}")[..200].to_owned(),
        format!("[{good}]"),
        TOKEN.to_owned(),
    ];
    let mut shown = String::new();
    for round in 0..3 {
        for body in &bodies {
            for secret in [FIRST, SECOND, "wrong"] {
                for algorithm in [Algorithm::Sha256, Algorithm::Sha1] {
                    let (header, value) = sign(algorithm, secret, body.as_bytes());
                    let answer = connect().unwrap().post("/checks", &[(&header, &value)], body);
                    shown.push_str(&answer.head);
                    // The answer may quote the document to the person who works on it, but nothing else.
                    shown.push_str(&String::from_utf8_lossy(&answer.body).replace(VALUE, ""));
                }
            }
        }
        let header = [("x-rossum-signature-sha256", FIRST), ("authorization", TOKEN)];
        shown.push_str(&connect().unwrap().post("/checks", &header, &good).head);
        connect().unwrap().request("GET", &format!("/?secret={FIRST}"), &[], b"");
        let broken = config.replace("use = \"checks\"", "use = \"chekcs\"");
        write(&annex.folder().join("annex.toml"), if round % 2 == 0 { &broken } else { &config });
        annex.signal("HUP");
        std::thread::sleep(Duration::from_millis(200));
        for command in [
            &["status", "--json"][..],
            &["doctor", "--json"],
            &["cert", "status"],
            &["check", "--json"],
            &["cert", "renew"],
        ] {
            let output = annex.run(command);
            shown.push_str(&String::from_utf8_lossy(&output.stdout));
            shown.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    let socket = std::os::unix::net::UnixStream::connect(annex.folder().join("admin.sock")).unwrap();
    shown.push_str(&page(socket, "/metrics"));
    assert!(shown.contains("annex_deliveries_total") && shown.contains("messages"), "the run did something");
    shown.push_str(&annex.log());
    assert!(annex.log().contains("verified (secret 2)") && annex.log().contains("wrong signature"));
    collect(annex.folder(), &mut shown);
    for (what, secret) in [
        ("the first secret", FIRST),
        ("the second secret", SECOND),
        ("the token", TOKEN),
        ("a hook's secret", ERP_KEY),
        ("the EAB key", Pebble::EAB_KEY),
    ] {
        // A query string that holds one is the caller's own mistake, and is not logged either.
        assert!(!shown.contains(secret), "{what} got out: {}", around(&shown, secret));
    }
    assert!(!annex.log().contains(VALUE), "a document's value is in the log");
}

fn page(mut socket: std::os::unix::net::UnixStream, path: &str) -> String {
    use std::io::{Read, Write};
    socket
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Every file that the run wrote; the secrets' own files are not its work.
fn collect(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("secrets") {
            collect(&path, into);
        } else if path.is_file() {
            into.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
}

fn around<'t>(text: &'t str, needle: &str) -> &'t str {
    let at = text.find(needle).unwrap_or(0);
    let (from, to) = (at.saturating_sub(200), (at + 200).min(text.len()));
    text.get(from..to).unwrap_or("…")
}
