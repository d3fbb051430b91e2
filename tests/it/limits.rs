//! Deadlines, the drain, overload, and large bodies beside small ones.

use std::time::{Duration, Instant};

use rossum_annex::signature::Algorithm;

use crate::support::{Annex, Client, SECRET, eventually, invoice_with_lines, sign};

const QUICK: &str = r#"
[server.limits]
first_request = "1s"
idle = "2s"
body_grace = "1s"
body_rate = "1MB"
body_memory = "2MB"
drain = "3s"
connections = 20

[[hook]]
path = "/hook"
secrets = ["env:ROSSUM_SECRET"]
"#;

const LONG: Duration = Duration::from_secs(6);

fn request(body: &str, declared: usize) -> String {
    let (header, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
    format!("POST /hook HTTP/1.1\r\nhost: x\r\ncontent-length: {declared}\r\n{header}: {value}\r\n\r\n")
}

#[test]
fn silence_and_half_heads_do_not_hold_a_connection() {
    let annex = Annex::dev_with(QUICK);
    let cases: [&[u8]; 5] =
        [b"", b"P", b"GET / HT", b"PRI * HTTP/2.0\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    for bytes in cases {
        let start = Instant::now();
        let mut client = annex.client();
        client.send(bytes);
        assert!(client.is_closed_within(LONG), "{bytes:?}");
        assert!(start.elapsed() > Duration::from_millis(800), "{bytes:?}");
    }
    let mut idle = annex.client();
    assert_eq!(idle.deliver("/hook", "{}").status, 200);
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(idle.deliver("/hook", "{}").status, 200, "kept between requests");
    assert!(idle.is_closed_within(LONG), "but not for ever");
}

#[test]
fn a_body_that_stalls_or_drips_gets_408() {
    let annex = Annex::dev_with(QUICK);
    let mut stalls = annex.client();
    stalls.send(request("{}", 1_000).as_bytes());
    stalls.send(b"{");
    assert_eq!(stalls.answer().unwrap().status, 408);

    let mut drips = annex.client();
    drips.send(request("{}", 1_000).as_bytes());
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1_500) {
        drips.send(b" ");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(drips.answer().unwrap().status, 408);
}

#[test]
fn bodies_under_way_share_a_bounded_memory_and_one_that_pauses_makes_room() {
    let annex = Annex::dev_with(QUICK);
    let mut holders: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = annex.client();
            client.send(request("{}", 1_000_000).as_bytes());
            client.send(&vec![b' '; 860_000]);
            client
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    let body = format!("{{{}}}", " ".repeat(500_000));
    assert_eq!(annex.client().deliver("/hook", body).status, 200, "one of the others makes room");
    let mut answers: Vec<_> = holders.iter_mut().map(|client| client.answer().unwrap()).collect();
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [408, 503]);
    assert_eq!(answers[1].header("retry-after"), Some("2"));
}

#[test]
fn more_connections_than_allowed_wait_and_are_then_served() {
    let annex = Annex::dev_with(QUICK);
    let _silent: Vec<Client> = (0..20).map(|_| annex.client()).collect();
    let mut client = annex.client();
    assert_eq!(client.deliver("/hook", "{}").status, 200, "once the silent ones were dropped");
}

#[test]
fn sigterm_lets_deliveries_finish_and_ends_with_0() {
    // Time enough for a slow machine: nothing here waits for a deadline.
    let patient = QUICK
        .replace("body_grace = \"1s\"", "body_grace = \"60s\"")
        .replace("drain = \"3s\"", "drain = \"60s\"");
    for signal in ["TERM", "INT"] {
        let mut annex = Annex::dev_with(&patient);
        let mut idle = annex.client();
        assert_eq!(idle.deliver("/hook", "{}").status, 200);
        let mut half = annex.client();
        half.send(request("{\"a\": 1}", 8).as_bytes());
        half.send(b"{\"a\"");
        std::thread::sleep(Duration::from_millis(200));
        annex.signal(signal);
        assert!(idle.is_closed_within(LONG));
        annex.logs("stopping", LONG);
        eventually("takes no new connection", LONG, || std::net::TcpStream::connect(annex.address).is_err());
        half.send(b": 1}");
        assert_eq!(half.answer().unwrap().status, 200, "what was under way is finished");
        let start = Instant::now();
        assert_eq!(annex.ended(LONG).code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(2), "and then nothing holds up the end");
    }
}

#[test]
fn a_delivery_that_never_ends_does_not_hold_up_the_end() {
    let mut annex = Annex::dev_with(&QUICK.replace("body_grace = \"1s\"", "body_grace = \"60s\""));
    let mut stuck = annex.client();
    stuck.send(request("{}", 1_000).as_bytes());
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    annex.signal("TERM");
    assert_eq!(annex.ended(Duration::from_secs(8)).code(), Some(0));
    assert!(start.elapsed() > Duration::from_millis(2_500), "it had its time");
    let log = annex.log();
    assert!(log.contains("hook: bodies cut off by the end of the server before they were there: 1"), "{log}");
    assert!(log.lines().last().unwrap().ends_with("connections or deliveries were still open: 1"), "{log}");
}

#[test]
fn eight_large_bodies_at_once_do_not_make_a_small_delivery_wait() {
    let annex = Annex::dev();
    let large = invoice_with_lines(1_000);
    assert!(large.len() > 3_000_000);
    let small = invoice_with_lines(1);
    let mut client = annex.client();
    let alone = (0..50).map(|_| time(&mut client, &small)).max().unwrap();
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (body, address) = (large.clone(), annex.address);
            std::thread::spawn(move || {
                let mut client = Client::plain(address);
                for _ in 0..5 {
                    assert_eq!(client.deliver("/invoice_checks", &body).status, 200);
                }
            })
        })
        .collect();
    let mut beside = Vec::new();
    while workers.iter().any(|worker| !worker.is_finished()) {
        beside.push(time(&mut client, &small));
    }
    for worker in workers {
        worker.join().unwrap();
    }
    beside.sort_unstable();
    let (median, worst) = (beside[beside.len() / 2], beside.last());
    // Slow calls are few because they are slow: what counts is the share of the time that they took.
    let slow: Duration = beside.iter().filter(|took| **took > alone + Duration::from_millis(35)).sum();
    let share = slow.as_secs_f64() / beside.iter().sum::<Duration>().as_secs_f64();
    println!(
        "small: alone at most {alone:?}; beside eight large ones median {median:?}, worst {worst:?}, slow {share:.2}"
    );
    // With large bodies evaluated on the reactor, it is more than half (tried).
    assert!(beside.len() > 5 && share < 0.25, "{share:.2} of the time was spent in slow calls");
}

fn time(client: &mut Client, body: &[u8]) -> Duration {
    let start = Instant::now();
    assert_eq!(client.deliver("/invoice_checks", body).status, 200);
    start.elapsed()
}

#[test]
fn out_of_descriptors_it_waits_and_serves_afterwards() {
    let annex = Annex::dev_with_descriptors(40);
    let many: Vec<Client> = (0..60).map(|_| annex.client()).collect();
    annex.logs("cannot accept connections", LONG);
    let lines = annex.log().matches("cannot accept").count();
    assert_eq!(lines, 1, "said once, not in a loop");
    drop(many);
    assert_eq!(annex.client().deliver("/invoice_checks", "{}").status, 200);
}

#[test]
fn an_idle_server_is_small_and_ready_at_once() {
    let start = Instant::now();
    let annex = Annex::dev();
    assert_eq!(annex.client().deliver("/invoice_checks", "{}").status, 200);
    println!("first answer after {:?}, {} kB resident", start.elapsed(), annex.memory_kb("VmRSS"));
    assert!(annex.memory_kb("RssAnon") < 15_000, "{} kB", annex.memory_kb("RssAnon"));
}
