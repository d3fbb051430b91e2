//! The command line: words, exit codes, and what a script reads.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use rossum_annex::config::{self, Mistakes, Purpose};

use crate::support::{Annex, SECRET, annex_command, write};

fn run(arguments: &[&str]) -> Output {
    annex_command().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_finds_all_mistakes_of_every_bad_configuration() {
    let mut cases = 0;
    for entry in std::fs::read_dir("tests/config").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        cases += 1;
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
        let output = run(&["check", "--config", path.to_str().unwrap()]);
        assert_eq!(text(&output.stderr), expected, "{}", path.display());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));

        let json = run(&["check", "--json", "--config", path.to_str().unwrap()]);
        let json: Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json["ok"], false);
        assert_eq!(
            expected.lines().filter(|l| l.starts_with("tests/")).count(),
            json["mistakes"].as_array().unwrap().len()
        );
    }
    assert!(cases >= 4);
}

/// Each key of the sections that several readers share, with a value of a kind that no key takes.
#[test]
fn a_mistake_is_told_once() {
    let server = [
        "domains",
        "contact",
        "https",
        "http",
        "inspector",
        "admin",
        "state",
        "schema",
        "client_ca",
        "proxy_protocol_from",
        "certificate",
        "key",
        "acme",
        "limits",
    ];
    let hook = ["name", "path", "domain", "secrets", "timeout", "schema", "record", "record_max", "answer"];
    let lines = |keys: &[&str]| keys.iter().map(|key| [key, " = 1.5\n"].concat()).collect::<String>();
    let [server, hook] = [lines(&server), lines(&hook)];
    let texts = [format!("[server]\n{server}[[hook]]\n{hook}"), "server = 1.5\n".to_owned()];
    for text in texts {
        for purpose in [Purpose::Serve, Purpose::DevHttp] {
            let read = config::read(Path::new("annex.toml"), text.clone(), purpose, &|_| None);
            let Err(Mistakes(mistakes)) = read else { panic!("it is wrong") };
            assert!(mistakes.len() > 1, "{mistakes:?}");
            for (at, mistake) in mistakes.iter().enumerate() {
                assert!(!mistakes[..at].contains(mistake), "told twice: {mistake:?}");
            }
        }
    }
}

#[test]
fn what_keeps_the_server_from_starting_is_an_error_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("--dev-http={}", taken.local_addr().unwrap());
    let missing = folder.path().join("nowhere.toml");
    for arguments in [
        vec!["serve", "--config", missing.to_str().unwrap()],
        vec!["serve", "--config", "tests/config/names.toml"],
        vec![port.as_str(), "--inspector", "off"],
    ] {
        let start = |journal: bool| {
            let mut command = annex_command();
            command.args(&arguments).env("ROSSUM_SECRET", "a secret, long enough");
            if journal {
                command.env("JOURNAL_STREAM", "8:12345");
            }
            let output = command.output().unwrap();
            assert!(!output.status.success(), "{arguments:?}");
            text(&output.stderr)
        };
        let (said, plain) = (start(true), start(false));
        assert!(
            !said.is_empty() && said.lines().all(|line| line.starts_with("<3>")),
            "{arguments:?}: {said}"
        );
        assert!(!plain.contains("<3>"), "{plain}");
    }
}

#[test]
fn the_configurations_that_come_with_annex_are_right() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rossum-secret", "rossum-secret-old"] {
        write(&folder.path().join(name), "a secret\n");
    }
    let output = annex_command()
        .args(["check", "--dev-http", "--config", "config/annex.toml"])
        .env("CREDENTIALS_DIRECTORY", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.starts_with("config/annex.toml: ok\n") && said.contains("\n  /invoice_checks  "), "{said}");
    let sample = annex_command()
        .args(["check", "--dev-http", "--config", "config/sample.toml"])
        .env("ROSSUM_SECRET", "x")
        .output()
        .unwrap();
    assert_eq!(sample.status.code(), Some(0), "{sample:?}");
}

#[test]
fn without_a_configuration_start_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = annex_command().current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains("annex.toml: cannot read the configuration") && error.contains("annex --dev-http"),
        "{error}"
    );
}

#[test]
fn a_port_that_is_taken_is_an_error_with_a_remedy() {
    let annex = Annex::dev();
    let output = run(&[&format!("--dev-http={}", annex.address)]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains(&format!("cannot listen on {}", annex.address))
            && error.contains("hint: find the process that uses the port"),
        "{error}"
    );
}

#[test]
fn dev_mode_makes_a_secret_and_the_line_that_it_prints_works() {
    use std::io::{BufRead as _, BufReader};
    let port = crate::support::free_port();
    let mut child =
        annex_command().arg(format!("--dev-http=127.0.0.1:{port}")).stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .take_while(|line| !line.is_empty())
        .collect();
    let banner = lines.join("\n");
    let line = lines.iter().find_map(|line| line.trim().strip_prefix("try ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let sent = run(&words);
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(sent.status.code(), Some(0), "{banner}\n{}", text(&sent.stderr));
    assert!(text(&sent.stdout).starts_with("200 OK in "), "{sent:?}");
    for part in [
        "/vendor_matching",
        "/check_vat_amounts",
        "/invoice_checks",
        "(kept in ",
        &format!("ngrok http {port}"),
    ] {
        assert!(banner.contains(part), "{part}: {banner}");
    }
}

#[test]
fn send_shows_the_answer_with_its_fields_and_tells_success_by_its_exit_code() {
    let annex = Annex::dev();
    let to = format!("http://{}/vendor_matching", annex.address);
    let sent = run(&["send", "--to", &to, "--secret", SECRET, "--sha1", "--repeat", "3"]);
    let shown = text(&sent.stdout);
    assert_eq!(sent.status.code(), Some(0), "{shown}");
    assert!(shown.contains("3 calls, 0 failed"), "{shown}");
    assert!(shown.contains("warning  order_id (") && shown.contains("Invalid order_id format."), "{shown}");
    assert!(shown.contains("\"INV-2026/0117\" → \"20260117\"") && shown.contains("(of Rossum)"), "{shown}");

    let wrong = run(&["send", "--to", &to, "--secret", "wrong"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stdout).starts_with("401 Unauthorized in "), "{wrong:?}");

    let json = run(&[
        "send",
        "config/sample_delivery.json",
        "--to",
        &to,
        "--secret",
        SECRET,
        "--event",
        "annotation_status.changed",
        "--json",
    ]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["status"], &json["answer"]["messages"]), (&json!(200), &json!([])));

    let nobody = run(&["send", "--to", "http://127.0.0.1:9/x"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("hint: check that Annex runs there"), "{nobody:?}");
    assert_eq!(run(&["send"]).status.code(), Some(2));
}

#[test]
fn secrets_and_completions_are_printed() {
    let secrets = [run(&["secret", "new"]), run(&["secret", "new"])].map(|output| text(&output.stdout));
    assert!(secrets[0] != secrets[1] && secrets[0].trim().len() == 64);
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&run(&["completions", shell]).stdout).contains("dev-http"), "{shell}");
    }
    let help = text(&run(&["--help"]).stdout);
    assert!(
        ["serve", "check", "send", "secret", "--dev-http"].iter().all(|word| help.contains(word)),
        "{help}"
    );
}
