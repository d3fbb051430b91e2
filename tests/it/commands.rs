//! Every command that the help lists: its help, wrong options, errors as JSON, readers that go away, exit codes.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{annex_command, write};

/// A command of the tree that the help shows, by its words.
struct Listed {
    words: Vec<String>,
    help: String,
    has_commands: bool,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs in a folder where nothing is, in an environment where nothing is set.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = annex_command();
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.env("HOME", folder).output().unwrap()
}

/// All commands, found as a person finds them: by the help of each.
fn all(folder: &Path) -> Vec<Listed> {
    let mut all = Vec::new();
    let mut next: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(words) = next.pop() {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.push("--help");
        let output = run(folder, &arguments);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
        let help = text(&output.stdout);
        let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let lines = lines.take_while(|line| !line.is_empty());
        let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
        let names = names.into_iter().filter(|name| *name != "help");
        let below: Vec<_> = names.map(|name| [&words[..], &[name.to_owned()]].concat()).collect();
        all.push(Listed { words, has_commands: !below.is_empty(), help });
        next.extend(below);
    }
    assert!(all.len() > 45, "{}", all.len());
    all
}

/// What every command with `--json` prints where it fails: one object, and nothing else says it.
fn is_error(output: &Output, what: &str) -> Value {
    let (said, beside) = (text(&output.stdout), text(&output.stderr));
    let last = said.lines().last().unwrap_or_default();
    let json: Value =
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{what}: {error}: {said}{beside}"));
    assert_eq!(json["ok"], false, "{what}: {json}");
    assert!(json["error"].as_str().is_some_and(|error| error.len() > 5), "{what}: {json}");
    assert!(json["hint"].is_null() || json["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{json}");
    assert!(json["mistakes"].is_array(), "{what}: {json}");
    assert!(!beside.contains("error:"), "{what}: it is said twice: {beside}");
    json
}

#[test]
fn every_command_has_help_and_refuses_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    for Listed { words, help, .. } in all(folder.path()) {
        assert!(help.contains("Usage: annex") && help.contains("Examples:\n  annex"), "{words:?}: {help}");
        let first = help.lines().next().unwrap_or_default();
        assert!(first.starts_with(|c: char| c.is_ascii_uppercase()), "{words:?}: {first}");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let wrong = [&words[..], &["--no-such-option"]].concat();
        let output = run(folder.path(), &wrong);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{wrong:?}");
        let said = text(&output.stderr);
        assert!(said.starts_with("error: ") && said.contains("--no-such-option"), "{wrong:?}: {said}");
        let output = run(folder.path(), &[&wrong[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        let json = is_error(&output, &wrong.join(" "));
        assert!(json["error"].as_str().unwrap().contains("--no-such-option"), "{json}");
    }
}

/// The arguments that the usage line of a help demands, with values that lead nowhere.
fn demanded(help: &str) -> Vec<String> {
    let usage = help.lines().find_map(|line| line.strip_prefix("Usage: annex ")).unwrap_or_default();
    let usage = usage.split_whitespace().skip_while(|word| !word.starts_with(['[', '<', '-']));
    let value = |word: &str| match word.trim_matches(['<', '>', '.']) {
        "ID" | "IDS" => "1".to_owned(),
        "URL" => "http://127.0.0.1:9/x".to_owned(),
        "FILE" => "nowhere.csv".to_owned(),
        word => word.to_ascii_lowercase(),
    };
    let demanded = usage.filter(|word| !word.starts_with('['));
    demanded.map(|word| if word.starts_with('<') { value(word) } else { word.to_owned() }).collect()
}

#[test]
fn errors_of_every_command_with_json_are_json_of_one_shape() {
    let folder = tempfile::tempdir().unwrap();
    let (mut tried, mut failed) = (0, 0);
    for Listed { words, help, has_commands } in all(folder.path()) {
        if has_commands || !help.contains("--json") {
            continue;
        }
        tried += 1;
        let all = [words.clone(), demanded(&help), vec!["--json".to_owned()]].concat();
        let arguments: Vec<&str> = all.iter().map(String::as_str).collect();
        let what = all.join(" ");
        let output = run(folder.path(), &arguments);
        let said = text(&output.stdout);
        let json = serde_json::from_str::<Value>(said.lines().last().unwrap_or_default());
        let json = json.unwrap_or_else(|error| panic!("{what}: {error}: {said}{}", text(&output.stderr)));
        match (output.status.code(), words.join(" ").as_str()) {
            (Some(0), _) => {}
            (Some(1), "doctor") => assert!(json["findings"].is_array(), "{json}"),
            (Some(1 | 2), _) => {
                failed += 1;
                is_error(&output, &what);
            }
            (code, _) => panic!("{what}: {code:?}"),
        }
    }
    assert!(tried > 25 && failed > 20, "{tried} {failed}");
}

#[test]
fn a_configuration_that_is_named_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("po.csv"), "number\n1\n");
    for command in
        ["status", "outbox list", "data list", "data import x po.csv", "cert status", "check", "serve"]
    {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["-c", "typo.toml"]);
        let output = run(folder.path(), &arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("typo.toml"), "{command}: {said}");
    }
}

const RIGHT: &str =
    "[server]\ndomains = [\"hooks.my-company.com\"]\n[[hook]]\npath = \"/x\"\nsecrets = [\"file:secret\"]\n";

#[test]
fn exit_codes_are_those_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(&here.join("right.toml"), RIGHT);
    write(&here.join("wrong.toml"), &RIGHT.replace("path", "pfad"));
    write(&here.join("secret"), "a secret, long enough");
    write(&here.join("v.csv"), "id,name\n1,Acme\n");
    write(&here.join("v.dat"), "id,name\n1,Acme\n");
    write(&here.join("payload.json"), "{}");
    for (code, lines) in [
        (
            0,
            &[
                "check right.toml",
                "-c right.toml check",
                "-c right.toml check right.toml",
                "check right.toml --config right.toml",
                "check right.toml --json",
                "data list --state state",
                "data import v v.csv --state state",
                "data import v v.dat --format csv --separator , --encoding utf-8 --state state",
                "config explain hook.path",
                "completions zsh",
                "--version",
            ][..],
        ),
        (
            1,
            &[
                "check wrong.toml",
                "check nowhere.toml",
                "serve --config nowhere.toml",
                "data import v nowhere.csv --state state",
                "data drop nothing --state state",
                "outbox retry 3f9c --state state",
                "test nowhere",
                "status --admin 127.0.0.1:9",
                "send --to http://127.0.0.1:9/x",
                "eval 1 --payload nowhere.json",
                "config explain no.such.key",
                "hook list",
            ],
        ),
        (
            2,
            &[
                "no-such-command",
                "-c right.toml check wrong.toml",
                "send",
                "send --to http://127.0.0.1:9/x --event initialize",
                "data import v v.dat --state state",
                "data import v v.csv --separator ;; --state state",
                "data import v v.csv --encoding no-such --state state",
                "data import v v.csv --sheet 1 --state state",
                "data export v --format xlsx --state state",
                "status --admin nowhere",
                "status --admin unix:",
                "init new --domain no_name",
                "init new --hook two\"words",
                "init new --secret hunter2-is-my-secret",
                "init new --to http://127.0.0.1:1",
                "init new --step forward --to my-service",
                "--dev-http --inspector 8.8.8.8:1",
                "--dev-http --inspector here",
            ],
        ),
    ] {
        for line in lines {
            let output = run(here, &line.split(' ').collect::<Vec<_>>());
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "annex {line}: {said}");
            assert_eq!(said.is_empty(), code == 0, "annex {line}: {said}");
        }
    }
    let help = text(&run(here, &["--help"]).stdout);
    let codes = help.split_once("Exit codes:\n").unwrap().1;
    let page = std::fs::read_to_string("docs/commands.md").unwrap();
    let rows: Vec<_> = codes.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(rows.len(), 3, "{codes}");
    for row in rows {
        let (code, meaning) = row.trim().split_once("  ").unwrap();
        assert!(page.contains(&format!("| {code} | {meaning} |")), "{row}");
    }
}

#[test]
fn mistakes_of_a_configuration_are_told_to_a_program_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("wrong.toml"), &RIGHT.replace("path", "pfad"));
    for arguments in [
        &["check", "wrong.toml", "--json"][..],
        &["test", "payload.json", "--config", "wrong.toml", "--json"],
    ] {
        write(&folder.path().join("payload.json"), "{}");
        let output = run(folder.path(), arguments);
        let json = is_error(&output, &arguments.join(" "));
        let mistakes = json["mistakes"].as_array().unwrap();
        assert!(mistakes.iter().any(|one| one["line"] == 4 && one["hint"].is_string()), "{json}");
        assert!(json["error"].as_str().unwrap().ends_with("mistakes"), "{json}");
    }
    let output = run(folder.path(), &["-c", "a.toml", "check", "b.toml"]);
    let said = text(&output.stderr);
    assert!(said.contains("two configurations are named: b.toml and a.toml"), "{said}");
}

#[test]
fn what_cannot_be_written_is_an_error_and_a_reader_that_goes_is_none() {
    let annex = env!("CARGO_BIN_EXE_annex");
    let shell = |line: &str| Command::new("bash").args(["-c", line]).output().unwrap();
    for command in
        ["--help", "data import --help", "--version", "config reference", "secret new", "completions bash"]
    {
        let full = shell(&format!("{annex} {command} > /dev/full"));
        assert_eq!(full.status.code(), Some(1), "{command}");
        assert!(text(&full.stderr).contains("No space left"), "{command}: {full:?}");
        let gone = shell(&format!("set -o pipefail; {annex} {command} | true"));
        assert!(gone.stderr.is_empty() && gone.status.success(), "{command}: {gone:?}");
    }
}

/// On a terminal an import shows each part of its work; elsewhere it shows none.
#[test]
fn an_import_shows_its_progress_until_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let rows = (0..3000).map(|id| format!("{id},Vendor number {id} Limited\n")).collect::<Vec<_>>().concat();
    write(&folder.path().join("v.csv"), &format!("id,name\n{rows}"));
    let line =
        format!("{} data import v v.csv --key id --near name --state state", env!("CARGO_BIN_EXE_annex"));
    let mut command = Command::new("script");
    let output = command.args(["-qec", &line, "/dev/null"]).current_dir(folder.path()).output().unwrap();
    let said = text(&output.stdout);
    let mut rest = said.as_str();
    for part in [
        "reading v.csv …",
        "index of similar texts in name: 0 records",
        "writing to the disk …",
        "3000 records read from v.csv",
    ] {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("{part}: {said:?}"));
        rest = after;
    }
    let line = ["data", "import", "v", "v.csv", "--key", "id", "--near", "name", "--state", "state"];
    let output = run(folder.path(), &line);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
