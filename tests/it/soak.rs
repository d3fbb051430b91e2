//! A long run with 90-second certificates and each fault switched in turn: how long was there no valid certificate, how
//! many orders and failed validations did each fault cost?
//!
//!     cargo nextest run --run-ignored only --no-capture -E 'test(soak)'
//!
//! Some ten minutes a round; `SOAK_ROUNDS` makes it hours. The certificate that handshakes get is looked at four times a
//! second.

use std::time::{Duration, Instant};

use crate::support::{
    Annex, Client, Faults, Pebble, Proxy, Relay, eventually, free_port, libfaketime, write,
};

const NAME: &str = "hooks.example.test";
/// Seconds that a fault lasts: a certificate has 45 left when its renewal falls due.
const LASTS: u64 = 30;

#[test]
#[ignore = "ten minutes"]
#[expect(clippy::too_many_lines, reason = "one phase after the other")]
fn soak_with_faults_never_leaves_the_server_without_a_valid_certificate() {
    let mut pebble = Pebble::prepare();
    pebble.validity = 90;
    pebble.run();
    let proxy = Proxy::start(&pebble, Faults::default());
    let direct = format!("127.0.0.1:{}/dir", pebble.port);
    let through = format!("127.0.0.1:{}/dir", proxy.port);
    // What the CA looks at can be shut; we look at the server itself.
    let (https, http) = (free_port(), free_port());
    let relays = [Relay::start(pebble.https, https), Relay::start(pebble.http, http)];
    let node = |domains: &str, https: u16, http: u16| {
        pebble
            .config(domains, "retry = [\"5s\"]")
            .replace(&direct, &through)
            .replace(&format!("127.0.0.1:{}\"", pebble.https), &format!("127.0.0.1:{https}\""))
            .replace(&format!("127.0.0.1:{}\"", pebble.http), &format!("127.0.0.1:{http}\""))
    };
    let config = |domains: &str| node(domains, https, http);
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    write(&clock, "+0");
    write(&folder.path().join("annex.toml"), &config(&format!("\"{NAME}\"")));
    let run = |folder| {
        Annex::https_under(folder, https, |command| {
            command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("LD_PRELOAD", libfaketime());
        })
    };
    let start = Instant::now();
    let mut annex = Some(run(folder));
    let root = pebble.issuing_root();
    let address = ([127, 0, 0, 1], https).into();
    let valid = || Client::tls(address, NAME, std::slice::from_ref(&root), rustls::ALL_VERSIONS).is_ok();
    while !valid() {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("first certificate after {:?}", start.elapsed());

    let limited = Some((429, Some("20"), "rateLimited", "too many new orders"));
    let now = Some(("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", None));
    let phases: [(&str, Faults); 6] = [
        ("none", Faults::default()),
        ("every second nonce refused", Faults { stale_nonces: true, ..Faults::default() }),
        ("the CA hangs", Faults { silent: true, ..Faults::default() }),
        ("the CA answers 500", Faults { broken: true, ..Faults::default() }),
        ("rate limited, Retry-After 20", Faults { new_order: limited, ..Faults::default() }),
        ("renewal information moved to now", Faults { renewal: now, ..Faults::default() }),
    ];
    let mut longest = Duration::ZERO;
    let mut watch = |name: &str, seconds: u64, act: &mut dyn FnMut(u64)| {
        let (orders, failed) = (pebble.orders(), failures(&pebble));
        let (phase, mut gap, mut worst) = (Instant::now(), None::<Instant>, Duration::ZERO);
        while phase.elapsed() < Duration::from_secs(seconds) {
            act(phase.elapsed().as_secs());
            if valid() {
                gap = None;
            } else {
                worst =
                    worst.max(gap.get_or_insert_with(Instant::now).elapsed() + Duration::from_millis(250));
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        println!(
            "{name}: {} orders, {} failed validations, longest without a certificate {worst:?}",
            pebble.orders() - orders,
            failures(&pebble) - failed
        );
        longest = longest.max(worst);
    };
    let rounds = std::env::var("SOAK_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    for round in 1..=rounds {
        println!("round {round}");
        for (name, faults) in &phases {
            watch(name, LASTS + 20, &mut |second| {
                proxy.set(if second < LASTS { faults.clone() } else { Faults::default() });
            });
        }
        watch("the ports where the CA looks are shut", LASTS + 20, &mut |second| {
            for relay in &relays {
                relay.set(second >= LASTS);
            }
        });
        watch("the clock a day ahead", LASTS + 20, &mut |second| {
            write(&clock, if second < LASTS { "+1d" } else { "+0" });
        });
        let mut done = false;
        watch("the store emptied and a domain added", 30, &mut |_| {
            if !std::mem::replace(&mut done, true) {
                let folder = annex.as_ref().unwrap().folder();
                eventually("the store is gone", Duration::from_secs(5), || {
                    std::fs::remove_dir_all(folder.join("state/acme")).is_ok()
                });
                let domains = format!("\"{NAME}\", \"new-{round}.example.test\"");
                write(&folder.join("annex.toml"), &config(&domains));
                annex.as_ref().unwrap().signal("HUP");
            }
        });
        let mut restarts = 0;
        watch("kill -9 and start again, ten times (the gaps are the starts)", 20, &mut |_| {
            if restarts < 10 {
                restarts += 1;
                annex = Some(run(annex.take().unwrap().stop("KILL")));
            }
        });
        let (other_https, other_http) = (free_port(), free_port());
        let mut other = None::<Annex>;
        let mut restarts = 0;
        watch("two nodes with one store, killed and started together five times", 20, &mut |_| {
            if restarts < 5 {
                restarts += 1;
                let state = annex.as_ref().unwrap().folder().join("state");
                let second =
                    other.take().map_or_else(|| tempfile::tempdir().unwrap(), |node| node.stop("KILL"));
                let first = annex.take().unwrap().stop("KILL");
                let domains = format!("\"{NAME}\", \"new-{round}.example.test\"");
                let text = node(&domains, other_https, other_http);
                let text = text.replace("\"state\"", &format!("\"{}\"", state.display()));
                write(&second.path().join("annex.toml"), &text);
                other = Some(Annex::https(second, other_https));
                annex = Some(run(first));
            }
        });
    }
    println!("in all {} orders in {:?}", pebble.orders(), start.elapsed());
    assert!(longest < Duration::from_secs(1), "{longest:?} without a valid certificate");
    drop(annex);
}

/// Authorizations that the CA found invalid.
fn failures(pebble: &Pebble) -> usize {
    pebble.log().matches("set INVALID").count()
}
