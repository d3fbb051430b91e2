//! What one fault costs an order, at each of its steps; and what a process that is killed leaves to the next.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{Annex, Client, Faults, Once, Pebble, Proxy, eventually, free_port, write};

const NAME: &str = "hooks.example.test";
/// With the tests' binary, which is not optimized, on a machine that does other things.
const SOON: Duration = Duration::from_secs(3);

/// Where pebble answers each step of an order.
const STEPS: [&str; 9] = [
    "/dir",
    "/nonce-plz",
    "/sign-me-up",
    "/order-plz",
    "/authZ/",
    "/chalZ/",
    "/finalize-order/",
    "/my-order/",
    "/certZ/",
];

struct Scene {
    pebble: Pebble,
    proxy: Proxy,
}

impl Scene {
    fn new() -> Self {
        let pebble = Pebble::start();
        let proxy = Proxy::start(&pebble, Faults::default());
        Self { pebble, proxy }
    }

    fn folder(&self, domains: &str, acme: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.configure(&folder, domains, acme);
        folder
    }

    fn configure(&self, folder: &TempDir, domains: &str, acme: &str) {
        let direct = format!("127.0.0.1:{}/dir", self.pebble.port);
        let through = format!("127.0.0.1:{}/dir", self.proxy.port);
        let config = self.pebble.config(domains, acme).replace(&direct, &through);
        write(&folder.path().join("annex.toml"), &config);
    }

    fn once(&self, step: &'static str, once: Once) {
        self.proxy.set(Faults { once: Some((step, once)), ..Faults::default() });
    }

    fn start(&self, folder: TempDir) -> Annex {
        Annex::https(folder, self.pebble.https)
    }

    fn leaf(&self, name: &str) -> Option<Vec<u8>> {
        let address = ([127, 0, 0, 1], self.pebble.https).into();
        let client = Client::tls(address, name, &[self.pebble.issuing_root()], rustls::ALL_VERSIONS).ok()?;
        Some(client.tls?.chain.first()?.to_vec())
    }
}

#[test]
fn one_fault_at_any_step_costs_a_moment_and_neither_the_order_nor_the_pace() {
    let scene = Scene::new();
    for once in [Once::Dropped, Once::Later, Once::AnswerLost] {
        for step in STEPS {
            let before = (scene.pebble.orders(), scene.pebble.certificates());
            scene.once(step, once);
            let start = Instant::now();
            let annex = scene.start(scene.folder(&format!("\"{NAME}\""), ""));
            eventually(&format!("{once:?} at {step}"), SOON, || scene.leaf(NAME).is_some());
            let took = start.elapsed();
            assert!(scene.proxy.has_happened(), "{step}");
            let log = annex.log();
            assert!(!log.contains("failure 1"), "{step}: {log}");
            eprintln!("{once:?} at {step}: {took:?}");
            // One whose answer was lost is found in the account's list.
            assert_eq!(scene.pebble.orders() - before.0, 1, "{once:?} at {step}: {log}");
            assert_eq!(scene.pebble.certificates() - before.1, 1, "{once:?} at {step}: {log}");
        }
    }
}

/// `cargo nextest run --release --run-ignored only --no-capture -E 'test(first_certificate_is_there)'`, on a machine that does
/// nothing else.
#[test]
#[ignore = "a figure of the optimized binary"]
fn the_first_certificate_is_there_within_a_fifth_of_a_second() {
    let pebble = Pebble::start();
    let root = [pebble.issuing_root()];
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
            let start = Instant::now();
            let annex = Annex::https(folder, pebble.https);
            while Client::tls(annex.address, NAME, &root, rustls::ALL_VERSIONS).is_err() {
                assert!(start.elapsed() < SOON, "{}", annex.log());
                std::thread::sleep(Duration::from_millis(2));
            }
            start.elapsed()
        })
        .collect();
    times.sort();
    eprintln!("first certificate: {times:?}");
    assert_eq!(pebble.orders(), 5);
    assert!(times[2] <= Duration::from_millis(200), "{times:?}");
}

#[test]
fn kill_9_at_any_step_costs_no_second_certificate_and_no_wait() {
    let scene = Scene::new();
    for step in STEPS {
        let before = (scene.pebble.orders(), scene.pebble.certificates());
        scene.once(step, Once::Hangs);
        let annex = scene.start(scene.folder(&format!("\"{NAME}\""), ""));
        eventually(step, SOON, || scene.proxy.has_happened());
        std::thread::sleep(Duration::from_millis(100)); // the CA does what it was asked for
        let folder = annex.stop("KILL");
        let annex = scene.start(folder);
        eventually(&format!("a certificate after {step}"), SOON, || scene.leaf(NAME).is_some());
        let log = annex.log();
        assert!(log.contains("the server stopped during the last order"), "{step}: {log}");
        assert_eq!(scene.pebble.certificates() - before.1, 1, "{step}: {log}");
        assert_eq!(scene.pebble.orders() - before.0, 1, "{step}: {log}");
        // The one that was gone on with has come to its end: the next is another.
        if step == "/certZ/" {
            annex.logs("renewal is due from", SOON);
            let first = scene.leaf(NAME);
            let renewed = annex.run(&["cert", "renew"]);
            assert!(renewed.status.success(), "{renewed:?}");
            assert_ne!(scene.leaf(NAME), first);
            assert!(!annex.folder().join("state/acme/server/order.json").exists());
        }
    }
}

#[test]
fn an_order_goes_over_one_connection() {
    let scene = Scene::new();
    let _annex = scene.start(scene.folder(&format!("\"{NAME}\""), ""));
    eventually("a certificate", SOON, || scene.leaf(NAME).is_some());
    assert_eq!(scene.proxy.requests("/nonce-plz"), 1, "nonces come with the answers");
    // One for the order, one for the look at the CA's directory that warns of its clock.
    assert!(scene.proxy.connections() <= 3, "{} connections", scene.proxy.connections());
}

#[test]
fn a_corrected_mistake_is_tried_at_once_and_an_uncorrected_one_says_until_when_it_waits() {
    let scene = Scene::new();
    let wrong = "wrong.example.test";
    scene.pebble.cannot_resolve(wrong);
    let annex = scene.start(scene.folder(&format!("\"{wrong}\""), "retry = [\"1h\"]"));
    annex.logs("failure 1, next try", Duration::from_secs(10));
    let annex = scene.start(annex.stop("TERM"));
    annex.logs("but waits until", SOON);
    let log = annex.log();
    assert!(
        log.contains("the last try failed: ") && log.contains("`annex cert renew` tries at once"),
        "{log}"
    );
    let status = String::from_utf8(annex.run(&["status"]).stdout).unwrap();
    assert!(status.contains("next try") && status.contains("at once: annex cert renew"), "{status}");
    assert_eq!(scene.pebble.orders(), 1);

    let folder = annex.stop("TERM");
    scene.configure(&folder, &format!("\"{NAME}\""), "retry = [\"1h\"]");
    let _annex = scene.start(folder);
    eventually("a certificate at once", SOON, || scene.leaf(NAME).is_some());
}

#[test]
fn a_hundred_names_are_validated_side_by_side_and_the_status_says_how_far_it_is() {
    let scene = Scene::new();
    scene.proxy.set(Faults { slow: Duration::from_millis(150), ..Faults::default() });
    let names: Vec<_> = (0..100).map(|at| format!("\"n{at}.example.test\"")).collect();
    let start = Instant::now();
    let annex = scene.start(scene.folder(&names.join(", "), ""));
    eventually("the status says where the order is", Duration::from_secs(20), || {
        let status = String::from_utf8(annex.run(&["status"]).stdout).unwrap();
        status.contains("ordering   since") && status.contains("waiting for the CA to validate n")
    });
    eventually("a certificate", Duration::from_secs(60), || scene.leaf("n99.example.test").is_some());
    eprintln!("a hundred names: {:?}", start.elapsed());
    let status = String::from_utf8(annex.run(&["status"]).stdout).unwrap();
    assert!(!status.contains("ordering"), "{status}");
}

#[test]
fn a_failure_names_the_step_its_address_the_cas_words_and_the_status() {
    let scene = Scene::new();
    scene.proxy.set(Faults { broken: true, ..Faults::default() });
    let annex = scene.start(scene.folder(&format!("\"{NAME}\""), "retry = [\"1h\"]"));
    annex.logs("failure 1, next try", Duration::from_secs(10));
    let expected = format!(
        "the CA's directory at https://127.0.0.1:{}/dir: The service is down for maintenance (status 500, serverInternal); asked 5 times",
        scene.proxy.port
    );
    assert!(annex.log().contains(&expected), "{}", annex.log());

    // Validated elsewhere than where we listen: the CA's words say where it looked.
    let scene = Scene::new();
    let folder = scene.folder(&format!("\"{NAME}\""), "challenge = \"tls-alpn-01\"\nretry = [\"1h\"]");
    let (path, port) = (folder.path().join("annex.toml"), free_port());
    let config = std::fs::read_to_string(&path).unwrap();
    write(&path, &config.replace(&format!(":{}\"", scene.pebble.https), &format!(":{port}\"")));
    let annex = Annex::https(folder, port);
    annex.logs("failure 1, next try", Duration::from_secs(10));
    let log = annex.log();
    let expected = format!("{NAME}: the CA could not validate it by tls-alpn-01: ");
    assert!(log.contains(&expected), "{log}");
    assert!(
        log.contains("Failed to connect to 127.0.0.1:") && log.contains("(status 403, unauthorized)"),
        "{log}"
    );
}

#[test]
fn of_several_chains_the_preferred_one_is_served() {
    let mut pebble = Pebble::prepare();
    pebble.alternate_roots = 1;
    pebble.run();
    let [first, second] = [0, 1].map(|number| pebble.root_of_chain(number));
    let (_, parsed) = x509_parser::parse_x509_certificate(&second).unwrap();
    let name = parsed.subject().iter_common_name().next().unwrap().as_str().unwrap();
    let preferred = format!("preferred_chain = \"{name}\"");
    let annex = Annex::https(pebble.folder_with(&format!("\"{NAME}\""), &preferred), pebble.https);
    annex.logs("is there, valid until", SOON);
    let address = ([127, 0, 0, 1], pebble.https).into();
    let verifies = |root| Client::tls(address, NAME, &[root], rustls::ALL_VERSIONS).is_ok();
    assert!(verifies(second) && !verifies(first));
}

#[test]
fn whoever_asks_for_a_certificate_while_one_is_ordered_gets_that_one() {
    let scene = Scene::new();
    scene.proxy.set(Faults { slow: Duration::from_millis(200), ..Faults::default() });
    let annex = scene.start(scene.folder(&format!("\"{NAME}\""), ""));
    annex.logs("ordering a certificate", SOON);
    let renewed = annex.run(&["cert", "renew"]);
    let said = String::from_utf8([renewed.stdout, renewed.stderr].concat()).unwrap();
    assert!(renewed.status.success() && said.contains("is there, renewal from"), "{said}");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(scene.pebble.orders(), 1, "{}", annex.log());
}

#[test]
fn status_names_what_the_ca_is_told_to_validate() {
    let scene = Scene::new();
    scene.once("/chalZ/", Once::Hangs);
    let annex = scene.start(scene.folder(&format!("\"{NAME}\""), ""));
    eventually("the challenge", SOON, || scene.proxy.has_happened());
    let said = String::from_utf8(annex.run(&["status"]).stdout).unwrap();
    assert!(said.contains(&format!("waiting for the CA to validate {NAME} by tls-alpn-01")), "{said}");
}

#[test]
fn who_asks_for_a_certificate_waits_for_a_lease_that_is_given_back_in_a_moment() {
    let scene = Scene::new();
    let annex = scene.start(scene.folder(&format!("\"{NAME}\""), ""));
    annex.logs("is there, valid until", SOON);
    let lease = std::fs::File::open(annex.folder().join("state/acme/lease")).unwrap();
    lease.try_lock().unwrap();
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| annex.run(&["cert", "renew"]));
        annex.logs("an operator requested a new certificate", SOON);
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(scene.pebble.orders(), 1, "{}", annex.log());
        lease.unlock().unwrap();
        asked.join().unwrap()
    });
    assert!(asked.status.success(), "{asked:?} {}", annex.log());
    assert_eq!(scene.pebble.orders(), 2);
    // Somebody who keeps it is another order.
    lease.try_lock().unwrap();
    for arguments in [&["cert", "renew"][..], &["cert", "renew", "--dry-run"]] {
        let refused = annex.run(arguments);
        let said = String::from_utf8(refused.stdout).unwrap();
        assert!(
            !refused.status.success() && said.contains("order is running: try again in a minute"),
            "{said}"
        );
    }
    assert_eq!(scene.pebble.orders(), 2);
}
