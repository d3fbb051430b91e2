//! A message names the place, the cause and a cure that works as it is written.

use std::path::Path;
use std::process::{Output, Stdio};

use crate::support::{Annex, SECRET, annex_command, write, write_bytes};

const SERVER: &str = "[server]\ndomains = [\"hooks.acme.io\"]\n";
const HOOK: &str = "[[hook]]\npath = \"/a\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";

fn run(arguments: &[&str]) -> Output {
    annex_command().args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `annex check` says of a configuration in this folder, and whether it is content.
fn checked(folder: &Path, text: impl AsRef<[u8]>) -> (bool, String) {
    let file = folder.join("annex.toml");
    write_bytes(&file, text.as_ref());
    let output = run(&["check", file.to_str().unwrap()]);
    (output.status.success(), said(&output))
}

#[test]
fn what_the_hint_says_is_what_the_file_wants() {
    let folder = tempfile::tempdir().unwrap();
    let named = "[[hook]]\npath = \"/b\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    let target = "[[target]]\nname = \"erp\"\nurl = \"URL\"\n";
    for (before, after, hint) in [
        (
            format!("{SERVER}{HOOK}timeout = 25\n"),
            format!("{SERVER}{HOOK}timeout = \"25s\"\n"),
            "annex.toml:6:11: `timeout` is a whole number, but must be a text in quotes, with a unit\n  hint: write `timeout = \"25s\"`",
        ),
        (
            format!("{SERVER}{}", HOOK.replace("[[hook]]", "[hook]")),
            format!("{SERVER}{HOOK}"),
            "annex.toml:3:1: `hook` is a table, but must be a list of tables\n  hint: write `[[hook]]` for `[hook]`: there may be several",
        ),
        (
            format!("{SERVER}{HOOK}{HOOK}"),
            format!("{SERVER}{HOOK}{named}"),
            "annex.toml:7:8: two hooks have the path `/a`: the first is at ",
        ),
        (
            format!("{SERVER}{target}{HOOK}").replace("URL", "erp.acme.io/api"),
            format!("{SERVER}{target}{HOOK}").replace("URL", "https://erp.acme.io/api"),
            "`erp.acme.io/api` has no `https://` in front\n  hint: write `https://erp.acme.io/api`",
        ),
    ] {
        let (is_good, text) = checked(folder.path(), &before);
        assert!(!is_good && text.contains(hint) && text.contains("\n1 mistake\n"), "{text}");
        let (is_good, text) = checked(folder.path(), &after);
        assert!(is_good, "{text}");
    }
    let (_, text) = checked(folder.path(), "\n# nothing yet\n");
    let says = "annex.toml:1:1: the file is empty\n  hint: `annex init` asks a few questions and writes one";
    assert!(text.contains(says), "{text}");
}

#[test]
fn a_second_kind_in_a_check_is_the_only_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let check = "[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = [\"a\"]\nsum = [\"b\", \"c\"]\nequals = \"d\"\n";
    let (_, text) = checked(folder.path(), format!("{SERVER}{HOOK}{check}"));
    assert!(
        text.contains(
            "this check has sum and required\n  hint: make a `[[hook.step.check]]` of each\n1 mistake"
        ),
        "{text}"
    );
}

#[test]
fn a_list_and_queries_in_one_step_are_two_forms() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("v.csv"), "id,name\n1,Acme\n");
    let dataset = "[[dataset]]\nname = \"v\"\nfile = \"v.csv\"\n";
    let step = "[[hook.step]]\nuse = \"match\"\ntarget = \"vendor\"\nqueries = [\"SELECT id, name FROM v WHERE name = :vendor_name\"]\n";
    let text = format!("{SERVER}{dataset}{HOOK}{step}");
    let (is_good, said) = checked(folder.path(), &text);
    assert!(is_good, "{said}");
    let (_, said) = checked(folder.path(), format!("{text}field = \"vendor_name\"\n"));
    let wanted = "these are two forms\n  hint: with queries, take out `field`: ";
    assert!(said.contains(wanted) && said.contains("\n1 mistake\n"), "{said}");
}

#[test]
fn a_file_in_another_encoding_is_saved_by_the_command_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!("{SERVER}{HOOK}# café\n");
    let latin: Vec<u8> = toml.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(toml.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for bytes in [latin, wide] {
        let (is_good, text) = checked(folder.path(), &bytes);
        let command = text.split_once("save it as UTF-8: ").map(|(_, rest)| rest.lines().next().unwrap());
        let command = command.unwrap_or_else(|| panic!("{text}"));
        assert!(!is_good);
        let shell =
            std::process::Command::new("sh").args(["-c", command]).current_dir(folder.path()).status();
        assert!(shell.unwrap().success(), "{command}");
        assert_eq!(std::fs::read_to_string(folder.path().join("annex.toml")).unwrap(), toml, "{command}");
    }
}

#[test]
fn all_mistakes_of_a_function_are_told_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let code = "import csv\nimport requests\nimport os\n\ndef rossum_hook_request_handler(payload):\n    rows = csv.reader(payload)\n    with rows:\n        pass\n    if totl:\n        undefined_name()\n    return {}\n";
    write(&folder.path().join("f.py"), code);
    let step = "[[hook.step]]\nuse = \"function\"\nfile = \"f.py\"\n";
    let (_, text) = checked(folder.path(), format!("{SERVER}{HOOK}{step}"));
    for part in [
        "f.py:1:8: there is no module `csv` here\n    import csv\n           ^\n  hint: code opens no files: name the file in `[[dataset]]`",
        "f.py:2:8: there is no module `requests` here",
        "ask APIs with `use = \"request_processor\"`",
        "f.py:3:8: there is no module `os` here",
        "f.py:7:5: `with` is not supported\n    with rows:\n    ^\n",
        "f.py:9:8: unknown name `totl`\n    if totl:\n       ^\n",
        "f.py:10:9: unknown name `undefined_name`",
        "\n6 mistakes\n",
    ] {
        assert!(text.contains(part), "{part}\n---\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colour is for terminals: {text}");
    write(
        &folder.path().join("f.py"),
        "import json\n\ndef rossum_hook_request_handler(payload):\n    return {}\n",
    );
    let (is_good, text) = checked(folder.path(), format!("{SERVER}{HOOK}{step}"));
    assert!(is_good, "{text}");
}

#[test]
fn send_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let annex = Annex::dev();
    let url = format!("http://{}/invoice_checks", annex.address);
    let unsigned = annex_command().args(["send", "--to", &url]).output().unwrap();
    assert!(
        said(&unsigned).contains("the payload was not signed: no secret is given"),
        "{}",
        said(&unsigned)
    );
    let send = |more: &[&str]| run(&[&["send", "--to", &url, "--secret", SECRET], more].concat());
    let right = send(&[]);
    assert!(right.status.success() && said(&right).is_empty(), "{}", said(&right));
    let action = send(&["--event", "initialize"]);
    assert!(said(&action).contains("hint: write --event annotation_content.initialize"), "{}", said(&action));
    let unknown = send(&["--event", "annotation_content.initialise"]);
    assert!(
        said(&unknown).contains("Rossum documents no event annotation_content.initialise"),
        "{}",
        said(&unknown)
    );
    let sample = std::fs::read_to_string("config/sample_delivery.json").unwrap();
    let case = folder.path().join("case.json");
    write(&case, &format!("{{\"hook\": \"invoice_checks\", \"payload\": {sample}}}"));
    let sent = send(&[case.to_str().unwrap()]);
    assert!(sent.status.success() && said(&sent).contains("the file is a case"), "{}", said(&sent));
    let tls = run(&["send", "--to", &url.replace("http:", "https:"), "--secret", "x"]);
    assert!(
        said(&tls).contains("hint: for plain HTTP, as in development mode, write --to http://"),
        "{}",
        said(&tls)
    );
}

#[test]
fn a_line_of_code_is_shown_to_who_checks_and_stands_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let code =
        "def rossum_hook_request_handler(payload):\n    key = 'a-key-in-code' + unknwon\n    return {}\n";
    write(&folder.path().join("f.py"), code);
    let step = "[[hook.step]]\nuse = \"function\"\nfile = \"f.py\"\n";
    let (is_good, text) = checked(folder.path(), format!("{SERVER}{HOOK}{step}"));
    assert!(!is_good && text.contains("f.py:2:29: ") && text.contains("a-key-in-code"), "{text}");
    assert!(text.contains(&format!("\n{}^\n", " ".repeat(4 + 24))), "{text}");
    let file = folder.path().join("annex.toml");
    for arguments in [&["serve", "--config"][..], &["--dev-http=127.0.0.1:0", "--config"]] {
        let mut command = annex_command();
        let output = command.args(arguments).arg(&file).env("ROSSUM_SECRET", SECRET).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert!(!output.status.success() && text.contains("f.py:2:29: "), "{text}");
        assert!(!text.contains("a-key-in-code"), "{text}");
    }
}
