//! The supervisor against a CA that misbehaves: pebble, and a proxy in front of it that makes the faults.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{
    Annex, Client, Faults, Pebble, Proxy, annex_command, eventually, free_port, libfaketime, write,
};

const NAME: &str = "hooks.example.test";
const BODY: &[u8] = br#"{"annotation": {"id": 1, "content": [{"id": 7, "schema_id": "document_id", "content": {"value": ""}}]}}"#;
const SOON: Duration = Duration::from_secs(20);

/// pebble, the proxy in front of it, and a configuration that leads through the proxy.
struct Scene {
    pebble: Pebble,
    proxy: Proxy,
}

impl Scene {
    fn new(faults: Faults) -> Self {
        Self::with(Pebble::start(), faults)
    }

    fn with(pebble: Pebble, faults: Faults) -> Self {
        let proxy = Proxy::start(&pebble, faults);
        Self { pebble, proxy }
    }

    fn config(&self, acme: &str) -> String {
        let direct = format!("127.0.0.1:{}/dir", self.pebble.port);
        let through = format!("127.0.0.1:{}/dir", self.proxy.port);
        self.pebble.config(&format!("\"{NAME}\""), acme).replace(&direct, &through)
    }

    fn folder(&self, acme: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("annex.toml"), &self.config(acme));
        folder
    }

    fn start(&self, acme: &str) -> Annex {
        Annex::https(self.folder(acme), self.pebble.https)
    }

    fn connect(&self, name: &str) -> Result<Client, String> {
        let address = ([127, 0, 0, 1], self.pebble.https).into();
        Client::tls(address, name, &[self.pebble.issuing_root()], rustls::ALL_VERSIONS)
    }

    #[track_caller]
    fn serves(&self, name: &str) -> Client {
        let mut client = None;
        eventually("a certificate that verifies", SOON, || {
            client = self.connect(name).ok();
            client.is_some()
        });
        let mut client = client.unwrap();
        assert_eq!(client.deliver("/checks", BODY).status, 200);
        client
    }
}

/// A server whose HTTPS is not where the CA looks.
fn elsewhere(config: &str, pebble: &Pebble) -> (TempDir, u16) {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let config = config.replace(&format!(":{}\"", pebble.https), &format!(":{port}\""));
    write(&folder.path().join("annex.toml"), &config);
    (folder, port)
}

#[test]
fn a_rate_limit_is_waited_for_as_long_as_the_ca_says() {
    let limited =
        "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s";
    let faults =
        Faults { new_order: Some((429, Some("122400"), "rateLimited", limited)), ..Faults::default() };
    let scene = Scene::new(faults);
    let annex = scene.start("retry = [\"1s\"]");
    annex.logs("failure 1, next try", SOON);
    std::thread::sleep(Duration::from_secs(3));
    let log = annex.log();
    assert_eq!(scene.proxy.payloads("/order-plz").len(), 1, "{log}");
    assert!(log.contains("too many certificates") && log.contains("rateLimited"), "{log}");
    let pace = std::fs::read_to_string(annex.folder().join("state/acme/server/pace.json")).unwrap();
    let next = serde_json::from_str::<serde_json::Value>(&pace).unwrap()["next_try"].as_u64().unwrap();
    let now = rossum_annex::clock::unix_seconds(rossum_annex::clock::now());
    assert!((next - now).abs_diff(122_400) < 60, "34 hours, not {}", next - now);
}

#[test]
fn a_date_in_the_cas_text_counts_as_its_retry_after_does() {
    let moment = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(5 * 24);
    let date = moment.strftime("%Y-%m-%d %H:%M").to_string();
    // A CA that asks for a century is asked again after eight days, and not before.
    for (asked, next) in [(format!("{date}:05"), date), ("2099-01-02 03:04:05".to_owned(), "20".to_owned())] {
        let detail =
            format!("too many failed authorizations, retry after {asked} UTC: see https://ca.example");
        let faults =
            Faults { new_order: Some((429, None, "rateLimited", detail.leak())), ..Faults::default() };
        let scene = Scene::new(faults);
        let annex = scene.start("retry = [\"1s\"]");
        annex.logs(&format!("next try {next}"), SOON);
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(annex.log().matches("next try ").count(), 1, "{}", annex.log());
    }
}

#[test]
fn a_silent_ca_costs_a_deadline_and_not_the_server() {
    let scene = Scene::new(Faults { silent: true, ..Faults::default() });
    let start = Instant::now();
    let annex = scene.start("order_timeout = \"2s\"\nretry = [\"1s\"]");
    annex.logs("the CA did not finish within 2 s", SOON);
    assert!(start.elapsed() < Duration::from_secs(8));
    scene.proxy.set(Faults::default());
    scene.serves(NAME);
}

#[test]
fn a_ca_that_breaks_down_is_quoted_and_asked_again() {
    let scene = Scene::new(Faults { broken: true, ..Faults::default() });
    let annex = scene.start("retry = [\"1s\", \"1s\", \"1s\"]");
    annex.logs("The service is down for maintenance (status 500, serverInternal)", SOON);
    scene.proxy.set(Faults::default());
    scene.serves(NAME);
}

#[test]
fn a_deactivated_account_is_replaced_and_its_key_set_aside() {
    let scene = Scene::new(Faults { deactivated: true, ..Faults::default() });
    let annex = scene.start("");
    scene.serves(NAME);
    assert!(annex.log().contains("no longer takes our account"), "{}", annex.log());
    let accounts: Vec<_> = std::fs::read_dir(annex.folder().join("state/acme"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("account-"))
        .collect();
    assert_eq!(accounts.len(), 2, "the old one beside the new one: {accounts:?}");
}

#[test]
fn a_ca_that_forgot_us_gets_the_same_key_again() {
    let mut scene = Scene::new(Faults::default());
    let annex = scene.start("retry = [\"1s\"]");
    scene.serves(NAME);
    scene.pebble.stop();
    scene.pebble.run();
    let renewed = annex.run(&["cert", "renew"]);
    assert!(renewed.status.success(), "{renewed:?}\n{}", annex.log());
    scene.serves(NAME);
}

#[test]
fn a_certificate_that_is_renewed_by_hand_too_often_warns() {
    let scene = Scene::new(Faults::default());
    let annex = scene.start("retry = [\"1s\"]");
    scene.serves(NAME);
    for times in 1..=6 {
        let renewed = annex.run(&["cert", "renew"]);
        assert!(renewed.status.success(), "{renewed:?}\n{}", annex.log());
        let said = String::from_utf8([renewed.stdout, renewed.stderr].concat()).unwrap();
        let warns =
            said.contains("asked for 6 times within a week: Let's Encrypt issues 5 certificates a week");
        assert_eq!(warns, times == 6, "{said}");
    }
    annex.logs("asked for 6 times within a week", Duration::from_secs(1));
}

#[test]
fn an_external_account_is_bound_and_asked_for_where_it_is_missing() {
    let mut pebble = Pebble::prepare();
    pebble.external_accounts = true;
    pebble.run();
    let bound = "eab_key_id = \"kid-1\"\neab_key = \"file:eab\"";
    let folder = pebble.folder_with(&format!("\"{NAME}\""), bound);
    write(&folder.path().join("eab"), Pebble::EAB_KEY);
    let _annex = Annex::https(folder, pebble.https);
    let scene = Scene::with(pebble, Faults::default());
    scene.serves(NAME);

    let without_plain = scene.config("").replace(&format!("\"127.0.0.1:{}\"", scene.pebble.http), "\"off\"");
    let (folder, port) = elsewhere(&without_plain, &scene.pebble);
    let without = Annex::https(folder, port);
    without.logs("the CA asks for an external account: set `eab_key_id` and `eab_key`", SOON);
}

#[test]
fn a_profile_is_ordered_and_one_that_the_ca_lacks_is_named() {
    let scene = Scene::new(Faults { profiles: &["classic", "shortlived"], ..Faults::default() });
    let annex = scene.start("profile = \"shortlived\"");
    scene.serves(NAME);
    assert_eq!(scene.proxy.payloads("/order-plz")[0]["profile"], "shortlived");
    drop(annex);
    let annex = scene.start("profile = \"tlsserver\"");
    annex.logs("the CA has no profile `tlsserver`; it has: classic, shortlived", SOON);
    assert_eq!(scene.pebble.orders(), 1);
}

#[test]
fn renewal_information_in_the_past_renews_now_and_names_what_it_replaces() {
    let past = Some(("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", Some("https://ca.example/revoked")));
    let scene = Scene::new(Faults { renewal: past, ..Faults::default() });
    let annex = scene.start("");
    let first = scene.serves(NAME).tls.unwrap().chain[0].clone();
    annex.logs("the CA explains its advice to renew at https://ca.example/revoked", SOON);
    eventually("a new certificate", SOON, || {
        scene.connect(NAME).is_ok_and(|client| client.tls.unwrap().chain[0] != first)
    });
    let orders = scene.proxy.payloads("/order-plz");
    assert!(orders[0].get("replaces").is_none());
    assert!(orders[1]["replaces"].as_str().is_some_and(|id| id.contains('.')), "{orders:?}");
    assert!(annex.log().contains("ordering a certificate"));
}

#[test]
fn where_replaces_is_refused_the_order_is_made_without_it() {
    let past = Some(("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", None));
    let scene = Scene::new(Faults { renewal: past, refuse_replaces: true, ..Faults::default() });
    let annex = scene.start("");
    scene.serves(NAME);
    annex.logs("the CA takes no `replaces`", SOON);
    eventually("an order without it", SOON, || scene.pebble.orders() >= 2);
    assert!(!annex.log().contains("failure 1"), "{}", annex.log());
}

#[test]
fn renewal_information_in_the_future_waits() {
    let future = Some(("2098-01-01T00:00:00Z", "2099-01-02T00:00:00Z", None));
    let scene = Scene::new(Faults { renewal: future, ..Faults::default() });
    let annex = scene.start("");
    scene.serves(NAME);
    let advice = annex.folder().join("state/acme/server/advice.json");
    eventually("the advice is kept", SOON, || advice.exists());
    let before = std::fs::read_to_string(&advice).unwrap();
    let annex = Annex::https(annex.stop("TERM"), scene.pebble.https);
    scene.serves(NAME);
    std::thread::sleep(Duration::from_secs(1));
    let kept = std::fs::read_to_string(annex.folder().join("state/acme/server/advice.json")).unwrap();
    assert_eq!(kept, before, "the same moment after a restart");
    assert_eq!(scene.pebble.orders(), 1);
}

#[test]
fn the_other_challenge_comes_next_and_the_one_that_worked_is_remembered() {
    let pebble = Pebble::start();
    // TLS-ALPN-01 cannot work, HTTP-01 can.
    let (folder, port) = elsewhere(&pebble.config(&format!("\"{NAME}\""), "retry = [\"1s\"]"), &pebble);
    let annex = Annex::https(folder, port);
    annex.logs("by tls-alpn-01", SOON);
    annex.logs("by http-01", SOON);
    annex.logs("is there, valid until", SOON);
    assert_eq!(pebble.orders(), 2);
    assert!(annex.run(&["cert", "renew"]).status.success());
    assert_eq!(annex.log().matches("by http-01").count(), 2, "{}", annex.log());
}

#[test]
fn staging_is_asked_first_after_failures_and_spares_the_ca() {
    let production = Scene::new(Faults::default());
    let staging = Pebble::start();
    let acme = format!(
        "retry = [\"1s\", \"1s\"]\nstaging = \"https://127.0.0.1:{}/dir\"\nstaging_root = \"{}\"\nchallenge = \"tls-alpn-01\"",
        staging.port,
        staging.root.display()
    );
    let (folder, port) = elsewhere(&production.config(&acme), &production.pebble);
    let annex = Annex::https(folder, port);
    annex.logs("failure 3", SOON);
    let orders = production.pebble.orders();
    assert_eq!(orders, 1, "only the first one; the others failed at staging");
    assert!(staging.orders() >= 2);
}

#[test]
fn a_second_ca_is_asked_when_the_first_one_fails_for_long() {
    let scene = Scene::new(Faults { broken: true, ..Faults::default() });
    let second = Pebble::start();
    let acme = format!(
        "retry = [\"1s\"]\n[server.acme.second]\ndirectory = \"https://127.0.0.1:{}/dir\"\nroot = \"{}\"\nafter = \"1s\"",
        second.port,
        second.root.display()
    );
    // It validates where we listen.
    let folder = tempfile::tempdir().unwrap();
    let config = scene
        .config(&acme)
        .replace(&format!(":{}\"", scene.pebble.https), &format!(":{}\"", second.https))
        .replace(&format!(":{}\"", scene.pebble.http), &format!(":{}\"", second.http));
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::https(folder, second.https);
    annex.logs("is there, valid until", SOON);
    assert_eq!(second.orders(), 1, "{}", annex.log());
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(second.orders(), 1, "its certificate is as good as the first one's");
}

#[test]
fn one_bad_name_is_said_and_skipped_where_the_configuration_wants_it() {
    let pebble = Pebble::start();
    pebble.cannot_resolve("bad.example.test");
    let names = format!("\"{NAME}\", \"bad.example.test\"");
    let annex = Annex::https(pebble.folder_with(&names, "on_bad_name = \"skip\""), pebble.https);
    annex.logs("bad.example.test: ", SOON);
    annex.logs("it does not cover", SOON);
    let address = ([127, 0, 0, 1], pebble.https).into();
    assert!(Client::tls(address, NAME, &[pebble.issuing_root()], rustls::ALL_VERSIONS).is_ok());
    let status = annex.run(&["status"]);
    let said = String::from_utf8(status.stdout).unwrap();
    assert!(status.status.success() && said.contains("does not cover bad.example.test"), "{said}");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(pebble.orders(), 2, "and is not tried again at once");
}

#[test]
fn two_processes_with_one_state_folder_make_one_order() {
    let pebble = Pebble::start();
    let state = tempfile::tempdir().unwrap();
    let shared = format!("state = \"{}\"", state.path().display());
    let config = pebble.config(&format!("\"{NAME}\""), "").replace("state = \"state\"", &shared);
    let one = tempfile::tempdir().unwrap();
    write(&one.path().join("annex.toml"), &config);
    let http = free_port();
    let (two, port) =
        elsewhere(&config.replace(&format!(":{}\"", pebble.http), &format!(":{http}\"")), &pebble);
    let _one = Annex::https(one, pebble.https);
    let two = Annex::https(two, port);
    two.logs("certificate for", Duration::from_secs(40));
    assert_eq!(pebble.orders(), 1, "{}", two.log());
    let address = ([127, 0, 0, 1], port).into();
    assert!(Client::tls(address, NAME, &[pebble.issuing_root()], rustls::ALL_VERSIONS).is_ok());
}

#[test]
fn the_ca_may_ask_another_node_than_the_one_that_orders() {
    for challenge in ["tls-alpn-01", "http-01"] {
        let pebble = Pebble::start();
        let state = tempfile::tempdir().unwrap();
        let shared = format!("state = \"{}\"", state.path().display());
        let config =
            pebble.config(&format!("\"{NAME}\""), &format!("challenge = \"{challenge}\"\nretry = [\"1s\"]"));
        let config = config.replace("state = \"state\"", &shared);
        // The one that the CA asks cannot order: its own CA is not there.
        let asked = tempfile::tempdir().unwrap();
        let dead = free_port();
        let elsewhere_ca = config.replacen(
            "directory = \"https://127.0.0.1:",
            &format!("directory = \"https://127.0.0.1:{dead}/"),
            1,
        );
        write(&asked.path().join("annex.toml"), &elsewhere_ca);
        let asked = Annex::https(asked, pebble.https);
        asked.logs("cannot reach", Duration::from_secs(20));
        // The one that orders is where the CA does not look.
        let http = free_port();
        let (orders, port) =
            elsewhere(&config.replace(&format!(":{}\"", pebble.http), &format!(":{http}\"")), &pebble);
        let orders = Annex::https(orders, port);
        orders.logs("renewal is due from", Duration::from_secs(60));
        assert_eq!(pebble.orders(), 1, "{}", orders.log());
        let left = std::fs::read_dir(state.path().join("acme/.challenges")).unwrap().count();
        assert_eq!(left, 0, "answers of orders that are over");
    }
}

#[test]
fn a_hook_under_its_own_domain_has_its_own_certificate_and_is_found_there_only() {
    let scene = Scene::new(Faults::default());
    let own = "\n[[hook]]\nname = \"erp\"\npath = \"/erp\"\ndomain = \"erp.example.test\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &(scene.config("") + own));
    let annex = Annex::https(folder, scene.pebble.https);
    let first = scene.serves(NAME).tls.unwrap().chain[0].clone();
    scene.serves("erp.example.test");
    let mut erp = scene.connect("erp.example.test").unwrap();
    assert_ne!(erp.tls.as_ref().unwrap().chain[0], first);
    assert_eq!(scene.pebble.orders(), 2);
    assert_eq!(erp.deliver("/erp", "{}").status, 404, "the host header names another");
    let (header, value) =
        crate::support::sign(rossum_annex::signature::Algorithm::Sha256, crate::support::SECRET, b"{}");
    erp.send(format!("POST /erp HTTP/1.1\r\nhost: ERP.example.test:{}\r\ncontent-length: 2\r\n{header}: {value}\r\n\r\n{{}}", scene.pebble.https).as_bytes());
    assert_eq!(erp.answer().unwrap().status, 200);
    // A client that asks for a name that nobody has gets the first certificate, and refuses it.
    assert!(scene.connect("other.example.test").is_err());
    assert!(annex.log().contains("erp.example.test"));
}

#[test]
fn a_store_that_is_emptied_or_damaged_while_running_is_filled_again() {
    let scene = Scene::new(Faults::default());
    let annex = scene.start("");
    scene.serves(NAME);
    annex.logs("renewal is due from", SOON); // served first, stored a moment later
    let stored = annex.folder().join("state/acme/server/certificate.pem");
    let whole = std::fs::read(&stored).unwrap();
    empty(&annex.folder().join("state/acme"));
    eventually("it is stored again", Duration::from_secs(40), || {
        std::fs::read(&stored).is_ok_and(|bytes| bytes == whole)
    });
    write(&stored, "garbage");
    eventually("and again", Duration::from_secs(40), || {
        std::fs::read(&stored).is_ok_and(|bytes| bytes == whole)
    });
    assert_eq!(scene.pebble.orders(), 1);
}

/// Removes a folder into which the server may be writing at this moment.
fn empty(folder: &std::path::Path) {
    eventually("the folder is gone", SOON, || std::fs::remove_dir_all(folder).is_ok());
}

#[test]
fn kill_9_in_the_middle_of_an_order_ten_times_makes_one_order_more_at_most() {
    let pebble = Pebble::start();
    let mut folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    for _ in 0..10 {
        let annex = Annex::https(folder, pebble.https);
        std::thread::sleep(Duration::from_millis(120));
        folder = annex.stop("KILL");
    }
    assert!(pebble.orders() <= 1, "{} orders", pebble.orders());
    // The operator does not want to wait for the pace.
    let annex = Annex::https(folder, pebble.https);
    let renewed = annex.run(&["cert", "renew"]);
    assert!(renewed.status.success(), "{}", annex.log());
    assert!(pebble.orders() <= 2);
}

#[test]
fn a_clock_that_jumps_two_months_renews_without_a_timer() {
    let scene = Scene::new(Faults::default());
    let folder = scene.folder("");
    let clock = folder.path().join("clock");
    write(&clock, "+0");
    let annex = Annex::https_under(folder, scene.pebble.https, |command| {
        command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("LD_PRELOAD", libfaketime());
    });
    let first = scene.serves(NAME).tls.unwrap().chain[0].clone();
    write(&clock, "+62d");
    eventually("a new certificate", Duration::from_secs(60), || {
        scene.connect(NAME).is_ok_and(|client| client.tls.unwrap().chain[0] != first)
    });
    assert_eq!(scene.pebble.orders(), 2, "{}", annex.log());
}

#[test]
fn a_clock_that_is_a_year_ahead_costs_one_order_and_not_one_after_the_other() {
    let scene = Scene::new(Faults::default());
    let folder = scene.folder("");
    let clock = folder.path().join("clock");
    write(&clock, "+0");
    let annex = Annex::https_under(folder, scene.pebble.https, |command| {
        command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("LD_PRELOAD", libfaketime());
    });
    let first = scene.serves(NAME).tls.unwrap().chain[0].clone();
    write(&clock, "+400d");
    eventually("a new certificate", Duration::from_secs(60), || {
        scene.connect(NAME).is_ok_and(|client| client.tls.unwrap().chain[0] != first)
    });
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(scene.pebble.orders(), 2, "each new one looks old: {}", annex.log());
    let status = String::from_utf8(annex.run(&["cert", "status"]).stdout).unwrap();
    assert!(status.contains("is the clock right?"), "{status}");
}

#[test]
fn a_rehearsal_orders_nothing_and_tells_what_the_ca_saw() {
    let scene = Scene::new(Faults::default());
    let staging = format!("staging = \"https://127.0.0.1:{}/dir\"", scene.proxy.port);
    let annex = scene.start(&staging);
    let leaf = scene.serves(NAME).tls.unwrap().chain[0].clone();
    let rehearsed = annex.run(&["cert", "renew", "--dry-run"]);
    let said = String::from_utf8_lossy(&rehearsed.stdout).into_owned();
    assert!(
        rehearsed.status.success() && said.contains("validated hooks.example.test by tls-alpn-01"),
        "{said}"
    );
    assert_eq!(scene.connect(NAME).unwrap().tls.unwrap().chain[0], leaf, "nothing changed");
    let nobody = annex_command().args(["cert", "renew", "--admin", "127.0.0.1:1"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("cannot reach the running server"));
}
