//! The README and the pages in docs/ are true: their configurations pass `annex check`, their `annex` commands run,
//! their links lead somewhere.
//!
//! A ```toml block is a configuration, or a part of one that is put into its place. In a ```console block the lines
//! that begin with `$ ` are commands; those of `annex` and `cargo run` are run, servers until they answer.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::{Annex, SECRET, annex_command, write};

pub(crate) fn pages() -> Vec<(PathBuf, String)> {
    let docs = std::fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path());
    let texts = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let pages: Vec<_> =
        texts.chain(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from)).collect();
    assert!(pages.len() > 6);
    pages.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The blocks of one kind.
pub(crate) fn blocks<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let fence = format!("```{kind}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// A part of a configuration, put into its place.
pub(crate) fn whole(block: &str) -> String {
    let server = "[server]\ndomains = [\"hooks.example.com\"]\n";
    let hook = "[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    match (block.contains("[server]"), block.contains("[[hook]]")) {
        (true, _) => block.to_owned(),
        (false, true) => format!("{server}{block}"),
        (false, false) => format!("{server}{hook}{block}\n"),
    }
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    let mut command = annex_command();
    command
        .args(arguments)
        .current_dir(folder)
        .env("ROSSUM_SECRET", SECRET)
        .env("CREDENTIALS_DIRECTORY", folder);
    command.output().unwrap()
}

#[test]
fn every_configuration_passes_the_check() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("rossum-secret"), "a secret");
    write(&folder.path().join("eab-key"), crate::support::Pebble::EAB_KEY);
    write(&folder.path().join("erp-database"), "a password");
    write(&folder.path().join("otlp-key"), "a key of a collector");
    let own = rcgen::generate_simple_self_signed(vec!["otlp.example.com".to_owned()]).unwrap();
    write(&folder.path().join("collector.pem"), &own.cert.pem());
    write(&folder.path().join("rules.json"), r#"[{"name": "none", "actions": []}]"#);
    let function = "def rossum_hook_request_handler(payload):\n    return None\n";
    write(&folder.path().join("function.py"), function);
    let rules = std::fs::read_to_string("docs/business-rules.md").unwrap();
    write(&folder.path().join("business_rules.json"), blocks(&rules, "json")[0]);
    let matching = std::fs::read_to_string("docs/master-data-hub.md").unwrap();
    write(&folder.path().join("matching.json"), blocks(&matching, "json")[0]);
    let requests = std::fs::read_to_string("docs/requests.md").unwrap();
    write(&folder.path().join("requests.json"), blocks(&requests, "json")[0]);
    let mut count = 0;
    for (page, text) in pages() {
        for block in blocks(&text, "toml") {
            count += 1;
            // Whoever takes it writes a name of their own.
            let config = whole(block).replace("example.com", "my-company.com");
            write(&folder.path().join("annex.toml"), &config);
            let checked = run(&["check", "--config", "annex.toml"], folder.path());
            assert!(
                checked.status.success(),
                "{}:\n{block}\n{}",
                page.display(),
                String::from_utf8_lossy(&checked.stderr)
            );
        }
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn every_annex_command_runs() {
    let mut count = 0;
    // The commands of the tutorial build on each other: tests/it/tutorial.rs runs them.
    for (page, text) in pages().into_iter().filter(|(page, _)| !page.ends_with("tutorial.md")) {
        // What the page configures is what its commands find; sending goes to a server of our own.
        let folder = tempfile::tempdir().unwrap();
        let config = blocks(&text, "toml").first().map_or_else(|| whole(""), |block| whole(block));
        let config = config.replace("example.com", "my-company.com");
        write(&folder.path().join("annex.toml"), &config);
        write(&folder.path().join("rossum-secret"), "a secret");
        let delivery = format!("{}/payload.json", crate::support::ORACLE_FOLDER);
        std::fs::copy(delivery, folder.path().join("delivery.json")).unwrap();
        std::fs::copy("config/vendors.csv", folder.path().join("vendors.csv")).unwrap();
        let annex = Annex::dev();
        for line in blocks(&text, "console")
            .into_iter()
            .flat_map(str::lines)
            .filter_map(|line| line.strip_prefix("$ "))
        {
            let line = line
                .replace("cargo run --release -- ", "annex ")
                .replace("127.0.0.1:5042", &annex.address.to_string());
            let Some(arguments) = line.strip_prefix("annex ") else {
                continue;
            };
            count += 1;
            let arguments = words(arguments);
            if arguments.first() == Some(&"--dev-http") {
                serves(&arguments, folder.path());
                continue;
            }
            let output = run(&arguments, folder.path());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{}: $ {line}\n{said}", page.display());
        }
    }
    assert!(count >= 6, "{count}");
}

/// The words of a command line; single quotes hold some together.
fn words(line: &str) -> Vec<&str> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(at, part)| if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() })
        .collect()
}

/// Starts a server on a port of its own and waits until it answers.
fn serves(arguments: &[&str], folder: &Path) {
    let port = crate::support::free_port();
    let address = format!("--dev-http=127.0.0.1:{port}");
    let arguments: Vec<&str> =
        arguments.iter().map(|a| if *a == "--dev-http" { address.as_str() } else { a }).collect();
    let mut command = annex_command();
    let mut child = command
        .args(&arguments)
        .current_dir(folder)
        .env("ROSSUM_SECRET", SECRET)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    let answers = loop {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break true;
        }
        if child.try_wait().unwrap().is_some() || start.elapsed().as_secs() > 10 {
            break false;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let _ = child.kill();
    let _ = child.wait();
    assert!(answers, "annex {}", arguments.join(" "));
}

#[test]
fn every_link_and_every_file_named_is_there() {
    for (page, text) in pages() {
        let folder = page.parent().unwrap();
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if !target.starts_with("https://") {
                assert!(folder.join(target).exists(), "{} links to {target}", page.display());
            }
        }
        for name in text.split('`').filter(|name| {
            name.starts_with("src/") || name.starts_with("config/") || name.starts_with("tests/")
        }) {
            if !name.contains("NAME") && !name.contains(char::is_whitespace) {
                assert!(Path::new(name).exists(), "{} names {name}", page.display());
            }
        }
    }
}

#[test]
fn the_limits_in_the_pages_are_the_programs_own() {
    let page = std::fs::read_to_string("docs/behaviour.md").unwrap();
    let config = rossum_annex::config::read(
        Path::new("x"),
        rossum_annex::config::SAMPLE.to_owned(),
        rossum_annex::config::Purpose::DevHttp,
        &|_| Some("x".to_owned()),
    )
    .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let (limits, door, hook) = (config.server.limits, config.server.door, config.hooks[0].settings.limits);
    let rows = [
        format!("`connections` | {} |", limits.connections),
        format!("`handshake` | {} s |", limits.handshake.as_secs()),
        format!("`first_request` | {} s |", limits.first_request.as_secs()),
        format!("`idle` | {} s |", limits.idle.as_secs()),
        format!("`drain` | {} s |", limits.drain.as_secs()),
        format!(
            "`body_grace`, `body_rate` | {} s, {} KiB/s |",
            door.body_grace.as_secs(),
            door.body_rate >> 10
        ),
        format!("`body_memory` | {} MiB |", door.body_memory >> 20),
        format!("`timeout` | {} s |", hook.timeout.as_secs()),
        format!("`repeat_window` | {} h |", hook.repeat_window.as_secs() / 3_600),
        format!("`max_in_flight` | {} |", hook.in_flight),
        format!("`max_body` | {} MB |", hook.body / 1_000_000),
    ];
    for row in rows {
        assert!(page.contains(&row), "docs/behaviour.md lacks {row:?}");
    }
}
