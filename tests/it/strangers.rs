//! Calls that anybody can make: the log sums them up, and loses no line of a delivery for them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Annex, Client, SECRET, eventually, free_port, sign, write};
use rossum_annex::signature::Algorithm;

const CONFIG: &str = r#"
[server]
proxy_protocol_from = ["127.0.0.1"]

[[hook]]
name = "a"
path = "/a"
secrets = ["env:ROSSUM_SECRET"]
max_body = "1KiB"

[[hook]]
name = "b"
path = "/b"
secrets = ["env:ROSSUM_SECRET"]
"#;

/// A call, from one of twelve addresses, over a connection of its own; its status.
fn call(server: SocketAddr, number: usize, head: &str) -> u16 {
    let mut client = Client::plain(server);
    client.send(
        format!("PROXY TCP4 192.0.2.{} 192.0.2.100 1000 443\r\n{head}\r\n\r\n", number % 12).as_bytes(),
    );
    client.answer().expect("an answer").status
}

/// Calls by kind and hook, as the metrics know them too: what is sent, and the status of the answer.
fn calls() -> Vec<(&'static str, &'static str, String, u16)> {
    let (name, wrong) = sign(Algorithm::Sha256, "wrong", b"{}");
    let signed = |path: &str, length: usize, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\n{name}: {wrong}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let get = |head: &str| format!("{head} HTTP/1.1\r\nhost: x");
    vec![
        ("forged", "a", signed("/a", 2, "{}"), 401),
        ("forged", "b", get("POST /b"), 401),
        ("too_large", "a", signed("/a", 5_000, ""), 413),
        ("no_hook", "", get("POST /wp-login.php"), 404),
        ("method", "", get("PUT /a"), 405),
        ("no_host", "", "GET / HTTP/1.1\r\nhost: a, b".to_owned(), 400),
        ("no_result", "", get("GET /.annex/results/0123"), 404),
        ("front_page", "", get("GET /"), 200),
    ]
}

/// The lines of a log in JSON.
fn lines(log: &str) -> Vec<Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Which kind a line of one call is of.
fn kind(line: &Value) -> Option<&'static str> {
    let text = line["message"].as_str()?;
    let kinds = [
        ("GET / 200", "front_page"),
        ("no hook at this path", "no_hook"),
        ("method not allowed", "method"),
        ("no Host header", "no_host"),
        ("nothing was promised", "no_result"),
        ("body larger than", "too_large"),
        ("signature", "forged"),
    ];
    kinds.iter().find(|(part, _)| text.contains(part)).map(|(_, kind)| *kind)
}

#[test]
fn a_flood_of_strangers_calls_is_a_few_lines_whose_sums_are_right() {
    const CALLS: usize = 5_000;
    const DELIVERIES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), CONFIG);
    let port = free_port();
    let annex = Annex::dev_in_but(folder, |command| {
        command.args(["--log-format", "json", "--inspector", &format!("127.0.0.1:{port}")]);
    });
    let (server, all, next, start) = (annex.address, calls(), AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= CALLS {
                        return;
                    }
                    let (kind, _, head, status) = &all[number % all.len()];
                    assert_eq!(call(server, number / all.len(), head), *status, "{kind}");
                    if number % (CALLS / DELIVERIES) == 0 {
                        let body = format!("{{\"request_id\": \"good-{number}\"}}");
                        let (name, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
                        let length = body.len();
                        let head = format!(
                            "POST /b HTTP/1.1\r\nhost: x\r\n{name}: {value}\r\ncontent-length: {length}\r\n\r\n{body}"
                        );
                        assert_eq!(call(server, number, &head), 200);
                    }
                }
            });
        }
    });
    let periods = usize::try_from(start.elapsed().as_secs()).unwrap() / 10 + 2;
    let mut client = Client::plain(([127, 0, 0, 1], port).into());
    let metrics = client.request_as(&format!("127.0.0.1:{port}"), "GET", "/metrics", &[], b"");
    let metrics = String::from_utf8(metrics.body).unwrap();
    let folder = annex.stop("TERM");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();

    let (mut own, mut summed) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, usize>::new());
    let (mut good, mut sums) = (BTreeSet::new(), 0);
    for line in lines(&log) {
        let hook = line["hook"].as_str().unwrap_or_default().to_owned();
        if let Some(calls) = line["calls"].as_u64() {
            sums += 1;
            let kind = line["kind"].as_str().unwrap().to_owned();
            *summed.entry((kind, hook)).or_default() += usize::try_from(calls).unwrap();
            assert!((1..=12).contains(&line["addresses"].as_u64().unwrap()), "{line}");
            assert!(line["message"].as_str().unwrap().contains(", one is 192.0.2."), "{line}");
        } else if line["request_id"].as_str().is_some_and(|id| id.starts_with("good-")) {
            good.insert(line["request_id"].as_str().unwrap().to_owned());
        } else if let Some(kind) = kind(&line) {
            *own.entry((kind.to_owned(), hook)).or_default() += 1;
        }
    }
    assert_eq!(good.len(), DELIVERIES, "each delivery has its line");
    for (at, (kind, hook, ..)) in all.iter().enumerate() {
        let of = ((*kind).to_owned(), (*hook).to_owned());
        let (own, summed) =
            (own.get(&of).copied().unwrap_or_default(), summed.get(&of).copied().unwrap_or_default());
        let made = (CALLS - at).div_ceil(all.len());
        assert!(own > 0, "the first {of:?} has a line");
        assert_eq!(own + summed, made, "{of:?}");
        if *kind != "front_page" {
            let hook = if hook.is_empty() { "-" } else { hook };
            let counted = format!("{{hook=\"{hook}\",event=\"-\",verdict=\"{kind}\"}} {made}");
            assert!(metrics.contains(&counted), "{counted}: {metrics}");
        }
    }
    let (written, groups) = (own.values().sum::<usize>(), all.len());
    println!("{CALLS} calls in {:?}: {written} lines and {sums} sums", start.elapsed());
    assert!(written <= periods * (20 + groups) && sums <= periods * groups, "{written} and {sums}: {log}");
}

#[test]
fn sums_are_told_while_the_server_runs_and_deliveries_are_never_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), CONFIG);
    let annex = Annex::dev_in_but(folder, |_| {});
    for number in 0..40 {
        assert_eq!(call(annex.address, 7, &calls()[0].2), 401);
        // Signed, and refused: that is no stranger's.
        let body = format!("{{\"request_id\": \"bad-{number}\", \"annotation\": 1");
        let (name, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
        let length = body.len();
        let head = format!(
            "POST /b HTTP/1.1\r\nhost: x\r\n{name}: {value}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        assert_eq!(call(annex.address, 7, &head), 400);
    }
    let sum = "calls of a without a line of their own: 35 forged; addresses: 1, one is 192.0.2.7";
    annex.logs(sum, Duration::from_secs(15));
    let log = annex.log();
    assert_eq!(log.matches("a refused: ").count(), 5, "{log}");
    assert_eq!(log.matches("b verified failed: ").count(), 40, "{log}");
}

#[test]
fn handshakes_that_fail_are_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["hooks.example.test".to_owned()]).unwrap();
    write(&folder.path().join("chain.pem"), &made.cert.pem());
    write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    let port = free_port();
    let config = format!(
        "[server]\nhttps = \"127.0.0.1:{port}\"\nhttp = \"off\"\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n\
         [[hook]]\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"
    );
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::https(folder, port);
    let before = annex.log().matches("TLS handshake with").count(); // the support's own look at the port
    for _ in 0..100 {
        let mut stream = TcpStream::connect(annex.address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    }
    annex.logs("calls without a line of their own: ", Duration::from_secs(20));
    let mut sum = 0;
    eventually("all are there", Duration::from_secs(20), || {
        let log = annex.log();
        let told = log.lines().filter_map(|line| line.split_once("without a line of their own: "));
        sum = told.filter_map(|(_, rest)| rest.split_once(" handshake")?.0.parse::<usize>().ok()).sum();
        sum + log.matches("TLS handshake with").count() >= 100 + before
    });
    assert!(annex.log().matches("TLS handshake with").count() <= 15 + before, "{}", annex.log());
}
