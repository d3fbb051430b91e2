//! A network that is closed but for a proxy: certificates come through it.

use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Annex, Client, Forward, Pebble, SECRET, annex_command, eventually, free_port, write};

const NAME: &str = "hooks.example.test";
/// With the tests' binary, which is not optimized, on a machine that does other things.
const SOON: Duration = Duration::from_secs(5);
const LOGIN: &str = "annex:hunter2";

/// The CA has a name that only the proxy can resolve.
fn folder(pebble: &Pebble, server: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let here = format!("127.0.0.1:{}/dir", pebble.port);
    let config = pebble
        .config(&format!("\"{NAME}\""), "")
        .replace(&here, &format!("ca.example.test:{}/dir", pebble.port));
    let config = config.replace("state = \"state\"", &format!("state = \"state\"\n{server}"));
    write(&folder.path().join("annex.toml"), &config);
    folder
}

fn serves(pebble: &Pebble) -> bool {
    let address = ([127, 0, 0, 1], pebble.https).into();
    Client::tls(address, NAME, &[pebble.issuing_root()], rustls::ALL_VERSIONS).is_ok()
}

#[test]
fn a_certificate_comes_through_the_proxy_of_annex_toml_or_of_the_environment() {
    let pebble = Pebble::start();
    let proxy = Forward::start(Some(LOGIN));
    let url = format!("http://{LOGIN}@127.0.0.1:{}", proxy.port);
    let of_file = folder(&pebble, "proxy = \"file:proxy.url\"");
    write(&of_file.path().join("proxy.url"), &url);
    for (folder, variable) in [(of_file, "NONE"), (folder(&pebble, ""), "HTTPS_PROXY")] {
        let before = proxy.asked().len();
        let annex = Annex::https_under(folder, pebble.https, |command| _ = command.env(variable, &url));
        eventually(&format!("a certificate: {}", annex.log()), SOON, || serves(&pebble));
        let asked = proxy.asked().split_off(before);
        let ca = format!("ca.example.test:{}", pebble.port);
        assert!(!asked.is_empty() && asked.iter().all(|target| *target == ca), "{asked:?}");
        let mut doctor = annex_command();
        doctor.args(["doctor", "--config"]).arg(annex.folder().join("annex.toml")).env(variable, &url);
        doctor.env("ROSSUM_SECRET", SECRET);
        let said = String::from_utf8(doctor.output().unwrap().stdout).unwrap();
        assert!(said.contains(&format!("✓ the CA answers: https://{ca}/dir")), "{said}");
        assert!(!annex.log().contains("hunter2") && !said.contains("hunter2"));
    }
}

#[test]
fn what_the_proxy_says_is_told_with_its_name_and_without_a_password() {
    let pebble = Pebble::start();
    let proxy = Forward::start(Some(LOGIN));
    let nobody = free_port();
    for (port, login, said) in [
        (proxy.port, "annex:wrong1", "it wants a user and a password, or others than these (status 407)"),
        (nobody, LOGIN, "Connection refused"),
    ] {
        let folder = folder(&pebble, "proxy = \"file:proxy.url\"");
        write(&folder.path().join("proxy.url"), &format!("http://{login}@127.0.0.1:{port}"));
        let annex = Annex::https(folder, pebble.https);
        annex.logs("no certificate for", Duration::from_secs(15));
        let log = annex.log();
        let words = format!("through the proxy http://127.0.0.1:{port}: {said}");
        assert!(log.contains(&words), "{words}: {log}");
        assert!(!log.contains("hunter2") && !log.contains("wrong1"), "{log}");
    }
}

#[test]
fn what_is_no_proxy_is_refused_and_never_shown() {
    let check = |line: &str, variable: &str, value: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("annex.toml");
        let hook = "[[hook]]\npath = \"/x\"\nsecrets = [\"file:secret\"]\n[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = \"a\"\n";
        write(&path, &format!("[server]\ndomains = [\"hooks.acme.com\"]\nstate = \"state\"\n{line}\n{hook}"));
        write(&folder.path().join("secret"), &"s".repeat(40));
        let done =
            annex_command().args(["check", "--config"]).arg(path).env(variable, value).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(said).unwrap())
    };
    for (line, variable, value, said) in [
        ("proxy = \"http://u:hunter2@10.0.0.1\"", "NONE", "", "a password must not be in the configuration"),
        (
            "proxy = \"socks5://u:hunter2@10.0.0.1\"",
            "NONE",
            "",
            "`proxy` is no proxy that Annex can go through",
        ),
        ("proxy = \"10.0.0.1 hunter2\"", "NONE", "", "`proxy` is not a URL of a proxy"),
        ("", "HTTPS_PROXY", "socks5://u:hunter2@10.0.0.1", "HTTPS_PROXY in the environment is no proxy"),
    ] {
        let (is_good, output) = check(line, variable, value);
        assert!(!is_good && output.contains(said), "{line} {value}: {output}");
        assert!(!output.contains("hunter2"), "{output}");
    }
    for (line, value) in [
        ("proxy = \"http://10.0.0.1:3128\"\nno_proxy = [\"corp.example\"]", ""),
        ("proxy = \"off\"", "socks5://10.0.0.1"),
        ("", "http://u:hunter2@10.0.0.1:3128"),
    ] {
        let (is_good, output) = check(line, "HTTPS_PROXY", value);
        assert!(is_good && !output.contains("proxy"), "{line} {value}: {output}");
    }
    let (_, output) = check("no_proxy = [\"corp.example\"]", "NONE", "");
    assert!(output.contains("`no_proxy` has no effect"), "{output}");
}
