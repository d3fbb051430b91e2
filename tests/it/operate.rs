//! Operating a server: reload, admin pages, `annex status` and `doctor`, what systemd gives and hears.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Annex, Client, SECRET, annex_command, denied, eventually, free_port, write};

const SOON: Duration = Duration::from_secs(10);

/// HTTPS with certificate files, and one hook.
struct Server {
    https: u16,
    admin: u16,
    leaf: rustls::pki_types::CertificateDer<'static>,
}

const NAME: &str = "hooks.example.test";

impl Server {
    fn prepare() -> (Self, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let server = Self { https: free_port(), admin: free_port(), leaf: certificate(&folder) };
        write(&folder.path().join("annex.toml"), &server.config(""));
        (server, folder)
    }

    fn start() -> (Self, Annex) {
        let (server, folder) = Self::prepare();
        let annex = Annex::https(folder, server.https);
        // The admin pages open a moment after the door.
        let opens = || std::net::TcpStream::connect(("127.0.0.1", server.admin)).is_ok();
        eventually("admin pages", Duration::from_secs(5), opens);
        (server, annex)
    }

    fn config(&self, more: &str) -> String {
        format!(
            "[server]\nhttps = \"127.0.0.1:{}\"\nhttp = \"off\"\nadmin = \"127.0.0.1:{}\"\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n\
             [[hook]]\nname = \"checks\"\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\", \"file:second\"]\n{more}",
            self.https, self.admin
        )
    }

    fn client(&self) -> Client {
        let address = ([127, 0, 0, 1], self.https).into();
        Client::tls(address, NAME, std::slice::from_ref(&self.leaf), rustls::ALL_VERSIONS).unwrap()
    }

    fn page(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut client = Client::plain(([127, 0, 0, 1], self.admin).into());
        let host = format!("127.0.0.1:{}", self.admin);
        let answer = client.request_as(&host, method, path, headers, b"");
        (answer.status, String::from_utf8(answer.body).unwrap())
    }
}

/// Writes a self-signed certificate and a second secret into the folder.
fn certificate(folder: &TempDir) -> rustls::pki_types::CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    write(&folder.path().join("chain.pem"), &made.cert.pem());
    write(&folder.path().join("second"), "an older secret, long enough");
    made.cert.der().clone()
}

#[test]
fn sighup_takes_a_new_configuration_while_a_delivery_is_under_way() {
    let (server, annex) = Server::start();
    let mut under_way = server.client();
    let (header, value) =
        crate::support::sign(rossum_annex::signature::Algorithm::Sha256, SECRET, b"{\"a\": 1}");
    under_way.send(
        format!("POST /checks HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n{header}: {value}\r\n\r\n{{\"a\"")
            .as_bytes(),
    );
    std::thread::sleep(Duration::from_millis(200));
    let new = "[[hook]]\nname = \"new\"\npath = \"/new\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    write(&annex.folder().join("annex.toml"), &server.config(new));
    assert_eq!(server.client().deliver("/new", "{}").status, 404);
    annex.signal("HUP");
    annex.logs("configuration reloaded", SOON);
    assert_eq!(server.client().deliver("/new", "{}").status, 200);
    under_way.send(b": 1}");
    assert_eq!(under_way.answer().unwrap().status, 200, "it goes on with what it began with");
    assert_eq!(under_way.deliver("/new", "{}").status, 200, "on the same connection");
}

#[test]
fn a_bad_configuration_is_refused_as_a_whole_and_every_mistake_is_in_the_log() {
    let (server, annex) = Server::start();
    let bad = "[[hook]]\npath = \"/new\"\nsecrets = [\"env:ROSSUM_SECRET\"]\ntimeout = \"soon\"\nmax_bodi = \"1MB\"\n";
    write(&annex.folder().join("annex.toml"), &server.config(bad));
    annex.signal("HUP");
    annex.logs("the new configuration is refused; the server keeps the previous one", SOON);
    let log = annex.log();
    assert!(log.contains("`soon` is no duration") && log.contains("did you mean `max_body`?"), "{log}");
    assert_eq!(server.client().deliver("/new", "{}").status, 404);
    assert_eq!(server.client().deliver("/checks", "{}").status, 200);
    let (_, metrics) = server.page("GET", "/metrics", &[]);
    assert!(metrics.contains("annex_configuration_last_reload_successful 0"));

    write(&annex.folder().join("annex.toml"), &server.config("").replace("http = \"off\"", ""));
    annex.signal("HUP");
    annex.logs("they need a restart", SOON);
    write(&annex.folder().join("annex.toml"), &server.config("").replace("key.pem", "missing.pem"));
    annex.signal("HUP");
    annex.logs("missing.pem", SOON);
    assert_eq!(server.client().deliver("/checks", "{}").status, 200);
}

#[test]
fn a_secret_is_replaced_by_adding_one_and_reloading() {
    let (server, annex) = Server::start();
    let sign = |secret: &str| crate::support::sign(rossum_annex::signature::Algorithm::Sha256, secret, b"{}");
    let call = |secret: &str| {
        let (header, value) = sign(secret);
        server.client().post("/checks", &[(&header, &value)], "{}").status
    };
    assert_eq!((call(SECRET), call("a newer secret, long enough")), (200, 401));
    write(&annex.folder().join("second"), "a newer secret, long enough\n");
    annex.signal("HUP");
    annex.logs("configuration reloaded", SOON);
    assert_eq!((call(SECRET), call("a newer secret, long enough")), (200, 200));
    assert_eq!(call("an older secret, long enough"), 401);
}

#[test]
fn own_certificate_files_are_read_again_when_they_change() {
    let (mut server, annex) = Server::start();
    let mut old = server.client();
    assert_eq!(old.deliver("/checks", "{}").status, 200);
    let folder = tempfile::tempdir().unwrap();
    write(&annex.folder().join("chain.pem"), "garbage");
    annex.logs("the new certificate is unusable", Duration::from_secs(20));
    assert_eq!(server.client().deliver("/checks", "{}").status, 200, "the one before stays");
    let (_, ready) = server.page("GET", "/readyz", &[]);
    assert!(ready.starts_with("ready"), "{ready}");
    server.leaf = certificate(&folder);
    for name in ["key.pem", "chain.pem"] {
        write(&annex.folder().join(name), &std::fs::read_to_string(folder.path().join(name)).unwrap());
    }
    annex.logs("changed: serving it", Duration::from_secs(20));
    assert_eq!(server.client().deliver("/checks", "{}").status, 200);
    assert_eq!(old.deliver("/checks", "{}").status, 200, "the old connection lives on");
}

#[test]
fn the_admin_pages_say_how_it_is_and_only_to_this_host() {
    let (server, annex) = Server::start();
    assert_eq!(server.client().deliver("/checks", "{}").status, 200);
    assert_eq!(server.client().deliver("/checks", "").status, 400);
    server.client().post("/checks", &[], "{}");
    assert_eq!(server.page("GET", "/healthz", &[]), (200, "ok\n".to_owned()));
    let (status, ready) = server.page("GET", "/readyz", &[]);
    assert_eq!((status, ready.lines().next()), (200, Some("ready")));
    let (_, metrics) = server.page("GET", "/metrics", &[]);
    for line in [
        "annex_deliveries_total{hook=\"checks\",event=\"other\",verdict=\"verified\"} 1",
        "annex_deliveries_total{hook=\"checks\",event=\"other\",verdict=\"unreadable\"} 1",
        "annex_deliveries_total{hook=\"checks\",event=\"-\",verdict=\"forged\"} 1",
        "annex_tls_handshakes_total{version=\"1.3\",kind=\"full\"} 3",
        "annex_delivery_body_bytes_count{hook=\"checks\"} 2",
        "annex_certificate_not_after_seconds{certificate=\"server\"}",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    let (_, status) = server.page("GET", "/status", &[]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["certificates"][0]["names"][0], NAME);

    assert_eq!(server.page("POST", "/certificates/renew", &[]).0, 403, "a browser cannot ask");
    let (code, text) = server.page("POST", "/certificates/renew", &[("x-annex-admin", "1")]);
    assert!(code == 502 && text.contains("comes from files"), "{text}");
    assert_eq!(server.page("POST", "/metrics", &[]).0, 405);
    assert_eq!(server.page("GET", "/checks", &[]).0, 404);
    let mut rebound = Client::plain(([127, 0, 0, 1], server.admin).into());
    assert_eq!(rebound.request_as("evil.example", "GET", "/status", &[], b"").status, 403);

    let output = annex.run(&["status"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("is ready") && said.contains(NAME), "{said}");
    let output = annex.run(&["status", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["ready"], true);
    let output = annex.run(&["cert", "status"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("expires"));
}

#[test]
fn the_admin_socket_is_its_owners_alone_and_one_left_by_a_dead_server_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let (server, folder) = Server::prepare();
    let config = server.config("").replace(&format!("127.0.0.1:{}", server.admin), "unix:admin.sock");
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::https(folder, server.https);
    assert!(annex.run(&["status"]).status.success());
    let socket = annex.folder().join("admin.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let annex = Annex::https(annex.stop("KILL"), server.https);
    assert!(annex.run(&["status"]).status.success());
}

#[test]
fn without_a_certificate_it_is_not_ready_and_says_why() {
    let (https, http) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[server]\ndomains = [\"{NAME}\"]\nhttps = \"127.0.0.1:{https}\"\nhttp = \"127.0.0.1:{http}\"\nadmin = \"unix:admin.sock\"\nstate = \"state\"\n\
         [server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n[[hook]]\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"
    );
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::https(folder, https);
    annex.logs("failure 1", SOON);
    annex.logs("before the first certificate: the CA does not answer", SOON);
    annex.logs(&format!("before the first certificate: {NAME} does not resolve; add an A record"), SOON);
    let output = annex.run(&["status"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("Connection refused"), "{said}");
    denied("Mark::Good", &said, "not ready");
    let output = annex.run(&["doctor"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    denied("the server runs and is ready", &said, "✗ the server is not ready: ");
}

#[test]
fn the_doctor_finds_what_is_wrong_and_says_what_to_do() {
    let (server, annex) = Server::start();
    let output = annex.run(&["doctor"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("✓ annex.toml is right") && said.contains("✓ the server runs and is ready"),
        "{said}"
    );
    assert!(
        said.contains("! other users than the owner can access second") && said.contains("chmod 600 second"),
        "{said}"
    );

    let acme = format!(
        "[server]\ndomains = [\"does-not-exist.invalid\"]\nhttps = \"127.0.0.1:{}\"\nhttp = \"127.0.0.1:{}\"\nadmin = \"off\"\nstate = \"nowhere\"\n\
         [server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n[[hook]]\npath = \"/checks\"\nsecrets = [\"file:short\"]\n",
        server.https,
        free_port()
    );
    write(&annex.folder().join("annex.toml"), &acme);
    write(&annex.folder().join("short"), "hunter2");
    let output = annex.run(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = json.to_string();
    assert!(!text.contains("hunter2"));
    for what in [
        "the server does not run",
        "shorter than 16 characters",
        "the state folder nowhere is not there yet",
        "the CA does not answer",
        "does-not-exist.invalid does not resolve",
        " (https): Address already in use",
        "http is free",
    ] {
        assert!(text.contains(what), "{what} in {text}");
    }
    denied("the CA answers: {directory}", &text, "the CA does not answer");
    write(&annex.folder().join("annex.toml"), "[server]\ndomain = 1\n");
    let output = annex.run(&["doctor"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("annex.toml:2: unknown key `domain`"));
}

#[test]
fn systemd_hears_of_readiness_status_reloads_and_the_end_and_its_watchdog_is_fed() {
    let (server, folder) = Server::prepare();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let path = folder.path().join("notify");
    let mut annex = Annex::https_under(folder, server.https, |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000000");
    });
    let mut heard = String::new();
    let mut hears = |what: &str| {
        while !heard.contains(what) {
            let mut bytes = [0; 1024];
            let length = socket.recv(&mut bytes).unwrap_or_else(|e| panic!("{what}: {e}; heard {heard}"));
            heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    };
    hears("READY=1");
    hears("STATUS=serving; certificate valid until");
    hears("WATCHDOG=1");
    annex.signal("HUP");
    hears("RELOADING=1");
    annex.signal("TERM");
    hears("STOPPING=1");
    assert_eq!(annex.ended(SOON).code(), Some(0));
}

#[test]
fn sockets_that_systemd_passes_are_used() {
    let (server, folder) = Server::prepare();
    let annex = env!("CARGO_BIN_EXE_annex");
    let mut child = Command::new("systemd-socket-activate")
        .args(["-l", &format!("127.0.0.1:{}", server.https)])
        .args(["-E", &format!("ROSSUM_SECRET={SECRET}"), annex, "serve", "--config", "annex.toml"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("systemd-socket-activate: apt-get install systemd");
    let address = ([127, 0, 0, 1], server.https).into();
    eventually("the socket is open", SOON, || std::net::TcpStream::connect(address).is_ok());
    let mut status = 0;
    eventually("a delivery is answered", SOON, || {
        status = Client::tls(address, NAME, std::slice::from_ref(&server.leaf), rustls::ALL_VERSIONS)
            .map_or(0, |mut client| client.deliver("/checks", "{}").status);
        status != 0
    });
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(status, 200);
}

#[test]
fn the_log_is_json_on_request_and_has_the_journals_levels_under_systemd() {
    let (server, folder) = Server::prepare();
    let annex = Annex::https_under(folder, server.https, |command| {
        command.args(["--log-format", "json"]);
    });
    assert_eq!(server.client().deliver("/checks", "{}").status, 200);
    annex.logs("\"hook\":\"checks\"", SOON);
    let lines: Vec<Value> = annex.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["hook"] == "checks").unwrap();
    assert_eq!((&line["status"], &line["level"]), (&200.into(), &"info".into()));
    assert!(line["milliseconds"].as_f64().is_some_and(|ms| ms > 0.0) && line["time"].is_string());

    let (server, folder) = Server::prepare();
    let annex = Annex::https_under(folder, server.https, |command| {
        command.env("JOURNAL_STREAM", "1:2");
    });
    server.client().post("/checks", &[], "{}");
    annex.logs("<6>checks refused", SOON);
}

#[test]
fn completions_and_the_manual_page_know_every_command() {
    let man = annex_command().arg("man").output().unwrap();
    let page = String::from_utf8(man.stdout).unwrap();
    let shell = annex_command().args(["completions", "bash"]).output().unwrap();
    let script = String::from_utf8(shell.stdout).unwrap();
    for command in ["serve", "check", "status", "doctor", "cert", "send", "secret", "completions"] {
        assert!(page.contains(command) && script.contains(command), "{command}");
    }
    for section in
        ["TEST", "INIT", "CONFIG SCHEMA", "HOOK ROTATE", "QUEUE CHANGE", "SCHEMA VALIDATE", "RULE GET"]
    {
        assert!(page.contains(&format!(".SH \"ANNEX {section}\"\n")), "{section}");
    }
    assert!(
        page.contains("\\-\\-inspector") && page.contains("\\-\\-quiet"),
        "options of commands within commands"
    );
}

#[test]
fn a_load_balancer_says_who_calls_and_nobody_else_is_believed() {
    let (server, folder) = Server::prepare();
    let balanced = server.config("").replace("[server]", "[server]\nproxy_protocol_from = [\"127.0.0.1\"]");
    write(&folder.path().join("annex.toml"), &balanced);
    let annex = Annex::https(folder, server.https);
    let roots = [server.leaf.clone()];
    let v1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n".to_vec();
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\xc6\x33\x64\x01\x9c\x40\x01\xbb".to_vec();
    for (header, address) in [(v1, "192.0.2.7"), (v2, "192.0.2.8")] {
        let mut client = Client::tls_after(annex.address, &header, NAME, &roots).unwrap();
        assert_eq!(client.deliver("/checks", "{}").status, 200);
        client.post("/checks", &[], "{}");
        annex.logs(&format!("from {address}"), SOON);
    }
    assert!(
        Client::tls_after(annex.address, b"", NAME, &roots).is_err(),
        "from a balancer the header must be there"
    );
    assert!(Client::tls_after(annex.address, b"PROXY TCP4 x\r\n", NAME, &roots).is_err());

    // No balancer any more: the header is garbage before a handshake, and a header of HTTP's is never believed.
    write(&annex.folder().join("annex.toml"), &server.config(""));
    annex.signal("HUP");
    annex.logs("configuration reloaded", SOON);
    assert!(
        Client::tls_after(annex.address, b"PROXY TCP4 192.0.2.9 198.51.100.1 1 443\r\n", NAME, &roots)
            .is_err()
    );
    server.client().post("/checks", &[("x-forwarded-for", "192.0.2.9")], "{}");
    annex.logs("from 127.0.0.1", SOON);
    assert!(!annex.log().contains("192.0.2.9"));
}

#[test]
fn a_hook_may_demand_a_client_certificate() {
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};
    let authority = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        (params.self_signed(&key).unwrap(), key)
    };
    let client = |(ca, ca_key): &(rcgen::Certificate, KeyPair)| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["rossum.example".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (params.signed_by(&key, ca, ca_key).unwrap().der().clone(), key.serialize_der())
    };
    let (ours, other) = (authority("ours"), authority("other"));
    let (server, folder) = Server::prepare();
    let strict =
        "[[hook]]\npath = \"/strict\"\nsecrets = [\"env:ROSSUM_SECRET\"]\nclient_certificate = true\n";
    write(&folder.path().join("annex.toml"), &server.config(strict));
    write(&folder.path().join("ca.pem"), &ours.0.pem());
    let check = annex_command()
        .args(["check", "--config", "annex.toml"])
        .current_dir(folder.path())
        .env("ROSSUM_SECRET", SECRET)
        .output()
        .unwrap();
    assert!(String::from_utf8(check.stderr).unwrap().contains("no CA for it is named"));
    let config = server.config(strict).replace("[server]", "[server]\nclient_ca = \"ca.pem\"");
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::https(folder, server.https);
    let roots = [server.leaf.clone()];

    let mut without = server.client();
    assert_eq!(without.deliver("/strict", "{}").status, 401);
    annex.logs("no client certificate, which this hook demands", SOON);
    assert_eq!(server.client().deliver("/checks", "{}").status, 200, "others do not ask");
    let mut with = Client::tls_as(annex.address, NAME, &roots, client(&ours)).unwrap();
    assert_eq!(with.deliver("/strict", "{}").status, 200);
    assert_eq!(with.post("/strict", &[], "{}").status, 401, "the signature counts all the same");
    let foreign = Client::tls_as(annex.address, NAME, &roots, client(&other));
    assert!(
        foreign.map_or(true, |mut client| client.is_closed_within(SOON)),
        "another CA's ends the connection"
    );
}

#[test]
fn alert_rules_and_dashboard_name_metrics_that_are_there() {
    let (server, folder) = Server::prepare();
    let step = "  [[hook.step]]\n  use = \"checks\"\n    [[hook.step.check]]\n    required = \"x\"\n";
    // A metric of datasets is there where one is declared.
    let dataset = "[[dataset]]\nname = \"v\"\nfile = \"v.csv\"\n";
    // One of services where deliveries are forwarded.
    let kept = "[[hook]]\npath = \"/kept\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"forward\"\nto = \"http://127.0.0.1:9\"\n";
    write(&folder.path().join("annex.toml"), &format!("{}{kept}{dataset}", server.config(step)));
    let _annex = Annex::https(folder, server.https);
    server.client().deliver("/checks", "{}");
    let page = || server.page("GET", "/metrics", &[]).1;
    eventually("the dataset is known", SOON, || page().contains("{dataset=\"v\"}"));
    let metrics = page();
    let declared: Vec<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut count = 0;
    for file in ["config/prometheus-rules.yaml", "config/grafana-dashboard.json"] {
        let text = std::fs::read_to_string(file).unwrap();
        for rest in text.split("annex_").skip(1) {
            let name = rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap();
            let name = format!("annex_{name}");
            let known = declared.iter().any(|metric| {
                let suffix = name.strip_prefix(metric);
                suffix.is_some_and(|suffix| ["", "_total", "_bucket"].contains(&suffix))
            });
            assert!(known, "{file} names {name}");
            count += 1;
        }
    }
    assert!(count > 20);
    serde_json::from_str::<Value>(&std::fs::read_to_string("config/grafana-dashboard.json").unwrap())
        .unwrap();
}

#[test]
fn the_service_is_as_tight_as_promised() {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=13", "--no-pager", "systemd/annex.service"])
        .output()
        .expect("systemd-analyze: apt-get install systemd");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("Overall exposure level"), "{said}{output:?}");
}

#[test]
fn in_dev_mode_what_is_saved_counts_at_once_and_mistakes_are_told() {
    let rules = |text: &str| {
        json!([{"name": "r", "enabled": true, "trigger_condition": "True",
        "actions": [{"id": "a", "enabled": true, "type": "show_message", "event": "validation", "payload": {"type": "info", "content": text}}]}]).to_string()
    };
    let config = "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"rules\"\nfile = \"rules.json\"\ntypes = {}\n";
    let annex = Annex::dev_with_files(config, &[("rules.json", &rules("first"))]);
    let document =
        json!({"event": "annotation_content", "action": "updated", "annotation": {"id": 1, "content": []}})
            .to_string();
    let says = |text: &str| annex.client().deliver("/x", document.clone()).json().to_string().contains(text);
    assert!(says("first"));
    write(&annex.folder().join("rules.json"), &rules("second, longer"));
    eventually("the saved rule counts", Duration::from_secs(5), || says("second, longer"));
    write(&annex.folder().join("rules.json"), "[{");
    annex.logs("the new configuration is refused; the server keeps the previous one", Duration::from_secs(5));
    assert!(annex.log().contains("rules.json") && says("second, longer"), "{}", annex.log());
    write(&annex.folder().join("rules.json"), &rules("third"));
    eventually("it is mended", Duration::from_secs(5), || says("third"));
    write(&annex.folder().join("annex.toml"), &config.replace("/x", "/y"));
    eventually("the configuration too", Duration::from_secs(5), || {
        annex.client().deliver("/y", document.clone()).json().to_string().contains("third")
    });
}

/// Half a request, a whole one that was answered, or nothing at all: none of them keeps an operator out.
#[test]
fn connections_that_are_held_open_do_not_shut_the_admin_pages_out() {
    use std::io::{Read as _, Write as _};
    let (server, _annex) = Server::start();
    let host = format!("127.0.0.1:{}", server.admin);
    let held: Vec<_> = ["", "GET /hea", "GET /healthz HTTP/1.1\r\nhost: HOST\r\n\r\n"]
        .iter()
        .cycle()
        .take(100)
        .map(|sent| {
            let mut socket = std::net::TcpStream::connect(&host).unwrap();
            let _ = socket.write_all(sent.replace("HOST", &host).as_bytes()); // it may have to go already
            socket
        })
        .collect();
    let start = std::time::Instant::now();
    for page in ["/healthz", "/readyz", "/metrics", "/status"] {
        assert_eq!(server.page("GET", page, &[]).0, 200, "{page}");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let closed = |socket: &std::net::TcpStream| {
        let mut socket = socket;
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut part = [0; 4096];
        loop {
            match socket.read(&mut part) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    };
    let closed = held.iter().filter(|socket| closed(socket)).count();
    assert!((69..=75).contains(&closed), "the idlest made room, and no more than had to: {closed}");
}
