//! What the process has of the system: descriptors, signals and its terminal, a probe that may be public, rules for Prometheus.

use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Annex, Client, SECRET, eventually, free_port, write};

const SOON: Duration = Duration::from_secs(10);

/// The same command under another one that becomes it.
fn under(command: &mut Command, program: &str, arguments: &[&str]) {
    let mut wrapped = Command::new(program);
    wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    *command = wrapped;
}

const CONFIG: &str =
    "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";

#[test]
fn the_limit_of_files_is_raised_and_connections_stay_within_it() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), CONFIG);
    let annex = Annex::dev_under(folder, |command| under(command, "prlimit", &["--nofile=128:400"]));
    annex.logs("`connections` is 4096, and this process may open 400 files: it takes 300 connections", SOON);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", annex.pid())).unwrap();
    let files: Vec<&str> = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(files[..2], ["400", "400"]);
    // More silent callers than there are places: deliveries are answered all the same.
    let silent: Vec<TcpStream> =
        (0..380).map_while(|_| TcpStream::connect_timeout(&annex.address, SOON).ok()).collect();
    assert!(silent.len() > 350);
    let answer =
        annex.client().deliver("/x", "{\"event\": \"annotation_content\", \"action\": \"initialize\"}");
    assert!(answer.status < 500, "{answer:?}");
    assert!(!annex.log().contains("Too many open files"), "{}", annex.log());
}

#[test]
fn dev_mode_ends_with_its_terminal_and_a_hangup_that_is_asked_for_reloads() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), CONFIG);
    let port = free_port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let line = format!(
        "exec {} --dev-http=127.0.0.1:{port} --config annex.toml >log 2>&1",
        env!("CARGO_BIN_EXE_annex")
    );
    let mut terminal = Command::new("script")
        .args(["-qfc", &line, "/dev/null"])
        .env("ROSSUM_SECRET", SECRET)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("script: apt-get install bsdutils");
    eventually("the port is open", SOON, || TcpStream::connect(address).is_ok());
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let found =
        Command::new("pgrep").args(["-f", &format!("annex --dev-http=127.0.0.1:{port}")]).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let is_annex = |pid: &&str| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "annex")
    };
    let pid = found.lines().find(is_annex).expect("annex runs").to_owned();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    eventually("it reloads", SOON, || log().contains("configuration reloaded"));
    assert!(TcpStream::connect(address).is_ok());
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    eventually("it ends", SOON, || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert!(log().contains("the terminal was closed: stopping"), "{}", log());
}

#[test]
fn the_probe_says_health_and_readiness_to_everyone_and_nothing_else() {
    let [https, admin, probe] = [free_port(), free_port(), free_port()];
    let ask = |method: &str, path: &str| {
        let mut client = Client::plain(SocketAddr::from(([127, 0, 0, 1], probe)));
        let answer = client.request_as("lb.example.com", method, path, &[], b"");
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    let server = format!(
        "https = \"127.0.0.1:{https}\"\nhttp = \"off\"\nadmin = \"127.0.0.1:{admin}\"\nprobe = \"127.0.0.1:{probe}\"\nstate = \"state\"\n"
    );
    let hook = "[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["hooks.example.com".to_owned()]).unwrap();
    write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    write(&folder.path().join("chain.pem"), &made.cert.pem());
    write(
        &folder.path().join("annex.toml"),
        &format!("[server]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n{server}{hook}"),
    );
    let annex = Annex::https(folder, https);
    assert_eq!(ask("GET", "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(ask("GET", "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(ask("POST", "/readyz").0, 405);
    for path in ["/", "/metrics", "/status", "/inspector", "/x", "/readyz/x"] {
        assert_eq!(ask("GET", path), (404, "/healthz /readyz\n".to_owned()), "{path}");
    }
    let page = Client::plain(SocketAddr::from(([127, 0, 0, 1], admin))).request_as(
        &format!("127.0.0.1:{admin}"),
        "GET",
        "/metrics",
        &[],
        b"",
    );
    let page = String::from_utf8(page.body).unwrap();
    for line in [
        "annex_ready 1",
        "annex_certificate_served{certificate=\"server\"} 1",
        "annex_certificate_not_before_seconds{",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    // Without a certificate it is not ready; why is not for strangers.
    let folder = annex.stop("TERM");
    write(
        &folder.path().join("annex.toml"),
        &format!(
            "[server]\ndomains = [\"a.example.com\"]\n{server}[server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n{hook}"
        ),
    );
    let annex = Annex::https(folder, https);
    assert_eq!(ask("GET", "/readyz"), (503, "not ready\n".to_owned()));
    assert_eq!(ask("GET", "/healthz").0, 200);
    // Another address needs a restart, as the others do.
    let text = std::fs::read_to_string(annex.folder().join("annex.toml")).unwrap();
    let other = text.replace(&format!("probe = \"127.0.0.1:{probe}\""), "probe = \"127.0.0.1:1\"");
    write(&annex.folder().join("annex.toml"), &other);
    annex.signal("HUP");
    annex.logs("`probe`", SOON);
}

#[test]
fn prometheus_takes_the_alert_rules() {
    let output =
        match Command::new("promtool").args(["check", "rules", "config/prometheus-rules.yaml"]).output() {
            Ok(output) => output,
            Err(error) => return println!("skipped: promtool: {error}; apt-get install prometheus"),
        };
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.contains("SUCCESS"), "{said}");
}

/// While developing no CA is asked, whatever is saved: the same file serves in production.
#[test]
fn a_reload_in_dev_mode_orders_no_certificate() {
    let config = "[server]\ndomains = [\"hooks.annex-test.eu\"]\nstate = \"state\"\n[server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n\
                  [[hook]]\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    let annex = Annex::dev_with(config);
    let path = annex.folder().join("annex.toml");
    write(&path, &format!("{config}[[hook]]\npath = \"/new\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"));
    annex.logs("configuration reloaded", Duration::from_secs(10));
    std::thread::sleep(Duration::from_millis(500));
    assert!(!annex.log().contains("ordering a certificate"), "{}", annex.log());
    assert!(!annex.folder().join("state/acme").exists());
}
