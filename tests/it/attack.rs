//! Under attack: what a hostile peer can send costs it more than us. After each, a signed delivery is answered at once,
//! and memory stays below a bound.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Annex, Client, Flood, Over, Shape, eventually, invoice_with_lines, sign, tls_config};

use rossum_annex::signature::Algorithm;

/// Memory that no attack here may drive the server beyond, in kB: 256 MiB of bodies are allowed by default, and nothing
/// here is signed.
const BOUND: usize = 120_000;

/// What may stay of a flood of bodies, in kB, however many and however large they were.
const LEFT: usize = 40_000;

#[track_caller]
fn still_serves(annex: &Annex) {
    let start = Instant::now();
    assert_eq!(annex.client().deliver("/invoice_checks", "{}").status, 200);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let memory = annex.memory_kb("VmRSS");
    assert!(memory < BOUND, "{memory} kB");
}

/// An HTTP/2 connection by hand: nothing between the test and the frames.
struct Frames(TcpStream);

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:method GET`, `:scheme http`, `:path /`, `:authority x`, by HPACK's static table.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'x'];

impl Frames {
    fn open(annex: &Annex) -> Self {
        let mut stream = TcpStream::connect(annex.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut frames = Self(stream);
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    /// Whether the peer still takes it.
    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).is_ok()
    }

    /// Whether the peer closes, perhaps after saying why.
    fn is_closed(&mut self) -> bool {
        let mut part = [0; 16_384];
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            match self.0.read(&mut part) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
        false
    }
}

#[test]
fn http2_rapid_reset_ends_the_connection() {
    let annex = Annex::dev();
    let mut frames = Frames::open(&annex);
    for stream in (1..200_000).step_by(2) {
        if !frames.send(HEADERS, END_HEADERS | END_STREAM, stream, GET)
            || !frames.send(RST_STREAM, 0, stream, &[0, 0, 0, 8])
        {
            break;
        }
    }
    assert!(frames.is_closed());
    still_serves(&annex);
}

#[test]
fn http2_continuation_flood_ends_the_connection() {
    let annex = Annex::dev();
    let mut frames = Frames::open(&annex);
    frames.send(HEADERS, END_STREAM, 1, GET);
    // A header without indexing, again and again: "x-a: aaaa…".
    let mut header = vec![0, 3];
    header.extend_from_slice(b"x-a");
    header.push(100);
    header.extend_from_slice(&[b'a'; 100]);
    let payload = header.repeat(100);
    for _ in 0..10_000 {
        if !frames.send(CONTINUATION, 0, 1, &payload) {
            break;
        }
    }
    assert!(frames.is_closed());
    still_serves(&annex);
}

#[test]
fn http2_settings_and_ping_floods_that_nobody_reads_the_answers_of_are_bounded() {
    let annex = Annex::dev();
    for (kind, payload) in [(SETTINGS, &[][..]), (PING, &[0; 8][..])] {
        let mut frames = Frames::open(&annex);
        frames.0.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        for _ in 0..2_000_000 {
            if !frames.send(kind, 0, 0, payload) {
                break; // it is not read any more, or closed
            }
        }
        still_serves(&annex);
    }
}

#[test]
fn heads_that_are_too_large_or_too_many_get_431() {
    let annex = Annex::dev();
    let long = "a".repeat(60_000);
    let many: Vec<(String, &str)> = (0..500).map(|n| (format!("x-{n}"), "y")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    for headers in [vec![("x-long", long.as_str())], many] {
        assert_eq!(annex.client().request("GET", "/", &headers, b"").status, 431);
        still_serves(&annex);
    }
}

#[test]
fn lies_about_the_length_are_refused() {
    let annex = Annex::dev();
    let (header, value) = sign(Algorithm::Sha256, crate::support::SECRET, b"{}");
    let head =
        |more: &str| format!("POST /invoice_checks HTTP/1.1\r\nhost: x\r\n{header}: {value}\r\n{more}");
    let cases = [
        // A chunk longer than it says; a size that is no number; a size beyond every integer.
        (head("transfer-encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n"), 400),
        (head("transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), 400),
        (head("transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n"), 400),
        // Two lengths: what a smuggler sends.
        (head("content-length: 2\r\ncontent-length: 3\r\n\r\n{}x"), 400),
        (head("content-length: -2\r\n\r\n{}"), 400),
        (head("content-length: 18446744073709551616\r\n\r\n{}"), 400),
    ];
    for (request, status) in cases {
        let mut client = annex.client();
        client.send(request.as_bytes());
        let answer = client.answer();
        assert!(answer.as_ref().is_none_or(|answer| answer.status == status), "{request}: {answer:?}");
        still_serves(&annex);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let annex = Annex::dev();
    let (header, value) = sign(Algorithm::Sha256, crate::support::SECRET, b"{}");
    let good = format!(
        "POST /invoice_checks HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n{header}: {value}\r\n\r\n{{}}"
    );
    let mut client = annex.client();
    client.send(format!("{good}GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n{good}").as_bytes());
    let statuses = [(); 3].map(|()| client.answer().unwrap().status);
    assert_eq!(statuses, [200, 404, 200]);
}

#[test]
fn signed_json_that_is_deep_wide_or_doubled_costs_an_answer_and_no_more() {
    let annex = Annex::dev();
    let deep = "{\"annotation\":{\"content\":".to_owned() + &"[".repeat(200_000);
    assert_eq!(annex.client().deliver("/invoice_checks", deep).status, 400);
    let doubled = r#"{"event": "x", "event": "annotation_content", "annotation": {"id": 1, "id": 2, "content": [], "content": []}}"#;
    assert_eq!(annex.client().deliver("/invoice_checks", doubled).status, 200);
    let wide = format!("{{\"annotation\":{{\"content\":[{}0]}}}}", "{},".repeat(200_000));
    assert_eq!(annex.client().deliver("/invoice_checks", wide).status, 200);
    let keys = format!(
        "{{{}\"a\":1}}",
        (0..100_000).fold(String::new(), |keys, n| keys + &format!("\"k{n}\":{n},"))
    );
    assert_eq!(annex.client().deliver("/invoice_checks", keys).status, 200);
    still_serves(&annex);
}

#[test]
fn a_flood_of_unsigned_large_bodies_costs_no_memory() {
    let annex = Annex::dev();
    let body = vec![b' '; 20_000_000];
    let senders: Vec<_> = (0..24)
        .map(|at| {
            let (body, address) = (body.clone(), annex.address);
            std::thread::spawn(move || {
                // Half without a signature, half with a wrong one, which is known only at the end.
                let (header, value) = sign(Algorithm::Sha256, "another", b"");
                let headers = [(header.as_str(), value.as_str())];
                let headers = if at % 2 == 0 { &headers[..] } else { &[] };
                Client::plain(address).post("/invoice_checks", headers, &body).status
            })
        })
        .collect();
    let mut peak = 0;
    while senders.iter().any(|sender| !sender.is_finished()) {
        assert_eq!(annex.client().deliver("/invoice_checks", "{}").status, 200);
        peak = peak.max(annex.memory_kb("VmRSS"));
    }
    for sender in senders {
        let status = sender.join().unwrap();
        assert!(status == 401 || status == 503, "{status}");
    }
    println!("peak {peak} kB");
    assert!(peak < 400_000, "256 MiB of bodies, twice while a buffer grows, and no more: {peak} kB");
}

#[test]
fn thousands_of_idle_connections_do_not_keep_a_delivery_out() {
    let config = "[server.limits]\nconnections = 300\nfirst_request = \"10m\"\nidle = \"10m\"\n[[hook]]\npath = \"/invoice_checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    let annex = Annex::dev_with(config);
    let mut good = annex.client();
    assert_eq!(good.deliver("/invoice_checks", "{}").status, 200);
    let idle: Vec<TcpStream> = (0..2_000).map(|_| TcpStream::connect(annex.address).unwrap()).collect();
    eventually("the flood is in", Duration::from_secs(10), || {
        let start = Instant::now();
        annex.client().deliver("/invoice_checks", "{}").status == 200
            && start.elapsed() < Duration::from_millis(500)
    });
    still_serves(&annex);
    drop(idle);
}

#[test]
fn a_flood_of_heads_whose_bodies_never_come_does_not_keep_a_delivery_out() {
    let config = "[server.limits]\nconnections = 300\nbody_grace = \"10m\"\n[[hook]]\npath = \"/invoice_checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    let annex = Annex::dev_with(config);
    // A signature that is well-formed; whether it is right is known at the end of a body that does not come.
    let (header, value) = sign(Algorithm::Sha256, "another", b"");
    let head = format!(
        "POST /invoice_checks HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n{header}: {value}\r\n\r\n{{"
    );
    let flood: Vec<TcpStream> = (0..2_000)
        .map(|_| {
            let mut stream = TcpStream::connect(annex.address).unwrap();
            // It may be asked to go before it has said a word.
            let _ = stream.write_all(head.as_bytes());
            stream
        })
        .collect();
    for _ in 0..20 {
        still_serves(&annex);
    }
    drop(flood);
}

#[test]
fn a_peer_that_never_reads_its_answers_is_dropped() {
    let config = "[server.limits]\nfirst_request = \"1s\"\nidle = \"1s\"\n[[hook]]\npath = \"/invoice_checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    let annex = Annex::dev_with(config);
    let mut stream = TcpStream::connect(annex.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    // Each answer is some hundred bytes; the kernel's buffers hold a few MB of them.
    let request = "GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let start = Instant::now();
    let mut sent = 0;
    while stream.write_all(request.as_bytes()).is_ok() {
        sent += 100;
        assert!(start.elapsed() < Duration::from_secs(60), "still taking after {sent}");
    }
    println!("closed after {sent} requests, {:?}", start.elapsed());
    still_serves(&annex);
}

/// How many signed deliveries the tests of body attacks send; `DELIVERIES=1000` for more.
fn deliveries() -> usize {
    std::env::var("DELIVERIES").ok().and_then(|count| count.parse().ok()).unwrap_or(150)
}

/// Signed deliveries while strangers hold the memory of bodies: all are answered, and what the strangers took is given
/// back. Gives the peak in kB.
#[track_caller]
fn all_signed_deliveries_are_answered(
    annex: &Annex,
    mut client: impl FnMut() -> Client,
    path: &str,
    shape: Shape,
    over: &Over,
) -> usize {
    let bodies = [invoice_with_lines(20), invoice_with_lines(150)];
    assert_eq!(client().deliver(path, &bodies[1]).status, 200);
    let before = annex.memory_kb("RssAnon");
    let flood = Flood::begin(annex.address, path, shape, over);
    std::thread::sleep(Duration::from_secs(2));
    let (mut refused, mut peak, mut slowest, start) = (0, 0, Duration::ZERO, Instant::now());
    for number in 0..deliveries() {
        let at = Instant::now();
        let answer = client().deliver(path, &bodies[usize::from(number % 10 == 9)]);
        refused += usize::from(answer.status != 200);
        slowest = slowest.max(at.elapsed());
        peak = peak.max(annex.memory_kb("VmRSS"));
    }
    let took = start.elapsed();
    let begun = flood.end();
    let full = annex.log().matches("made room for others").count();
    println!(
        "{shape:?}: {refused} refused in {took:?}, slowest {slowest:?}; {begun} begun, {full} sent away; peak {peak} kB"
    );
    assert_eq!(refused, 0, "{shape:?}: of {}", deliveries());
    assert!(full > 0, "the memory was never full: the attack attacked nothing");
    eventually("the memory is given back", Duration::from_secs(20), || {
        annex.memory_kb("RssAnon") < before + LEFT
    });
    println!("{before} kB before, {} kB after", annex.memory_kb("RssAnon"));
    peak
}

const SHAPES: [Shape; 5] = [
    // Drop by drop, without a pause.
    Shape {
        connections: 400,
        declared: 1_200_000,
        at_once: 1_100_000,
        drop: 60,
        every: Duration::from_millis(45),
    },
    // Large, and as fast as they can.
    Shape { connections: 100, declared: 20_000_000, at_once: 20_000_000, drop: 0, every: Duration::ZERO },
    // Bodies that are small.
    Shape {
        connections: 2_000,
        declared: 200_000,
        at_once: 190_000,
        drop: 10,
        every: Duration::from_millis(200),
    },
    // At the least rate that is allowed.
    Shape {
        connections: 400,
        declared: 20_000_000,
        at_once: 700_000,
        drop: 7_000,
        every: Duration::from_millis(100),
    },
    // Begun anew again and again, without an end.
    Shape { connections: 800, declared: 1_200_000, at_once: 600_000, drop: 1, every: Duration::from_secs(4) },
];

fn shape(number: usize) {
    let annex = Annex::dev_but(|command| {
        command.args(["--inspector", "off"]); // it keeps deliveries
    });
    let peak = all_signed_deliveries_are_answered(
        &annex,
        || annex.client(),
        "/invoice_checks",
        SHAPES[number],
        &Over::Plain,
    );
    // Beside the bodies there are the connections.
    let bound = if SHAPES[number].connections > 1_000 { 640_000 } else { 520_000 };
    assert!(peak < bound, "docs/security.md names the worst: {peak} kB");
}

#[test]
fn bodies_that_never_pause_keep_no_signed_delivery_out() {
    shape(0);
}

#[test]
fn large_bodies_at_full_speed_keep_no_signed_delivery_out() {
    shape(1);
}

#[test]
fn thousands_of_small_bodies_keep_no_signed_delivery_out() {
    shape(2);
}

#[test]
fn bodies_at_the_least_rate_keep_no_signed_delivery_out() {
    shape(3);
}

#[test]
fn bodies_begun_again_and_again_keep_no_signed_delivery_out() {
    shape(4);
}

#[test]
fn bodies_over_tls_keep_no_signed_delivery_out() {
    let (annex, leaf) = https("[server.limits]\nbody_memory = \"32MiB\"\n");
    let roots = [leaf];
    let client = || Client::tls(annex.address, NAME, &roots, rustls::ALL_VERSIONS).unwrap();
    let shape = Shape { connections: 60, ..SHAPES[0] };
    let peak =
        all_signed_deliveries_are_answered(&annex, client, "/x", shape, &Over::Tls(tls_config(&roots), NAME));
    assert!(peak < 100_000, "{peak} kB");
}

const NAME: &str = "hooks.example.test";

/// HTTPS with a certificate of its own.
fn https(limits: &str) -> (Annex, rustls::pki_types::CertificateDer<'static>) {
    let (https, folder) = (crate::support::free_port(), tempfile::tempdir().unwrap());
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    crate::support::write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    crate::support::write(&folder.path().join("chain.pem"), &made.cert.pem());
    crate::support::write(
        &folder.path().join("annex.toml"),
        &format!(
            "[server]\nhttps = \"127.0.0.1:{https}\"\nhttp = \"off\"\nadmin = \"off\"\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n{limits}[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"
        ),
    );
    (Annex::https(folder, https), made.cert.der().clone())
}

#[test]
fn tls_1_0_and_garbage_get_an_alert() {
    let (annex, leaf) = https("");
    // A ClientHello of TLS 1.0: version 3.1, 32 bytes of randomness, one cipher suite, no extensions.
    let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0, 2, 0, 0x2f, 1, 0]);
    for bytes in [&hello[..], b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", &[0xff; 64]] {
        let mut stream = TcpStream::connect(annex.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.first().is_none_or(|kind| *kind == 0x15), "an alert or nothing: {answer:?}");
    }
    let mut client = Client::tls(annex.address, NAME, &[leaf], rustls::ALL_VERSIONS).unwrap();
    assert_eq!(client.deliver("/x", "{}").status, 200);
}
