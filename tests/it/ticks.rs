//! Every tick that a person is shown is earned: for each there is a test in which what it says is not so, and it is not shown.
//! The table is the one of the source, both ways.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use serde_json::{Value, json};

use crate::support::{
    Annex, Client, Datapoint, Erp, Reply, SECRET, annex_command, denied, eventually, free_port, tree, write,
};

/// The file that shows it, its words there, and a test that sees it denied. `check` says `ok`, the doctor and `status` show
/// ✓, the inspector says of each step and of each thing in it how it came out.
const TICKS: [(&str, &str, &str); 33] = [
    ("src/cli/check.rs", "{}: ok", "what_contradicts_the_data_is_refused_by_check_and_told_by_the_server"),
    ("src/cli/status.rs", "Mark::Good", "without_a_certificate_it_is_not_ready_and_says_why"),
    ("src/cli/cert.rs", "Mark::Good", "a_renewal_that_fails_has_no_tick"),
    ("src/cli/test.rs", "Mark::Good", "a_case_whose_answer_differs_has_no_tick"),
    (
        "src/cli/account/hook/sync.rs",
        "Mark::Good",
        "what_rossum_knows_is_compared_with_the_configuration_and_changed_when_asked",
    ),
    ("src/cli/doctor.rs", "Mark::Good", "what_others_answer_decides_their_ticks"),
    (
        "src/cli/doctor.rs",
        "{} is right",
        "what_contradicts_the_data_is_refused_by_check_and_told_by_the_server",
    ),
    (
        "src/cli/doctor.rs",
        "the server runs and is ready",
        "without_a_certificate_it_is_not_ready_and_says_why",
    ),
    (
        "src/doctor/authority.rs",
        "the CA answers: {directory}",
        "the_doctor_finds_what_is_wrong_and_says_what_to_do",
    ),
    ("src/doctor/authority.rs", "this host's clock agrees with the CA's", "a_wrong_clock_is_named_as_such"),
    (
        "src/doctor/caa.rs",
        "no CAA record keeps a CA from issuing for {domain}",
        "what_the_records_say_decides_and_no_answer_is_no_absence",
    ),
    (
        "src/doctor/caa.rs",
        "the CAA records of {name} keep no CA from issuing",
        "what_the_records_say_decides_and_no_answer_is_no_absence",
    ),
    (
        "src/doctor/caa.rs",
        "the CAA records of {name} allow {identity}",
        "what_the_records_say_decides_and_no_answer_is_no_absence",
    ),
    (
        "src/doctor/databases.rs",
        "the database {name}, {place}, answers (PostgreSQL {version})",
        "what_others_answer_decides_their_ticks",
    ),
    (
        "src/doctor/exports.rs",
        "{user} can write to the target {name}, the folder {place}{other}",
        "a_folder_has_its_tick_only_where_it_can_be_written",
    ),
    (
        "src/doctor/exports.rs",
        "the target {name} is the folder {place}",
        "files_are_whole_replaced_and_stay_in_their_folder",
    ),
    (
        "src/doctor/exports.rs",
        "the target {name}, {place}, answers (status {status})",
        "what_others_answer_decides_their_ticks",
    ),
    (
        "src/doctor/exports.rs",
        "a service listens at {place}, the target of forwarded deliveries",
        "the_doctor_connects_and_sends_nothing",
    ),
    ("src/doctor/exports.rs", "{host} answers (status {status})", "what_others_answer_decides_their_ticks"),
    (
        "src/doctor/exports.rs",
        "Rossum's API at {} accepts the token",
        "what_others_answer_decides_their_ticks",
    ),
    (
        "src/doctor/exports.rs",
        "no export has failed; {waiting} wait",
        "the_doctor_asks_the_targets_and_sends_nothing",
    ),
    ("src/doctor/files.rs", "{} is accessible to its owner only", "what_others_answer_decides_their_ticks"),
    (
        "src/doctor/files.rs",
        "the certificate {shown} has its key and is valid until {until}",
        "certificate_files_are_looked_at",
    ),
    (
        "src/doctor/files.rs",
        "{shown} is writable; {} MiB are free",
        "a_fresh_install_is_no_error_and_a_full_disk_is_one",
    ),
    (
        "src/doctor/files.rs",
        "{limit} file descriptors are enough for {connections} connections",
        "descriptors_are_compared_with_connections",
    ),
    (
        "src/doctor/names.rs",
        "{address} is an address of this host",
        "an_address_of_this_host_is_told_from_another",
    ),
    (
        "src/doctor/persist.rs",
        "the TXT record of {place} lets the CA issue to our account",
        "the_record_decides_and_no_answer_is_no_absence",
    ),
    (
        "src/doctor/names.rs",
        "{domain} is {list}, which is this host",
        "an_address_of_this_host_is_told_from_another",
    ),
    (
        "src/doctor/ports.rs",
        "systemd holds {address} for the service",
        "what_systemd_holds_and_lacks_is_seen",
    ),
    ("src/doctor/ports.rs", "{name} is free: {address}", "what_systemd_holds_and_lacks_is_seen"),
    (
        "src/doctor/ports.rs",
        "{domain} leads here {place}. This was checked from this host, which cannot see a firewall in front of it",
        "a_name_leads_here_only_where_our_own_server_answers",
    ),
    ("src/inspector/page.js", "✓ From Rossum: ", "a_delivery_that_is_not_from_rossum_has_no_tick"),
    ("src/webhook/witness.rs", "done", "how_a_step_came_out_is_what_the_inspector_says"),
];

/// What the inspector says of a check, a rule or a formula of which nothing came.
const QUIET: [(&str, &str, &str); 4] = [
    ("src/steps/checks/looked.rs", "holds", "how_a_step_came_out_is_what_the_inspector_says"),
    ("src/steps/formulas.rs", "as it was", "how_a_step_came_out_is_what_the_inspector_says"),
    ("src/steps/formulas.rs", "set by hand: left as it is", "how_a_step_came_out_is_what_the_inspector_says"),
    ("src/steps/rules.rs", "did not fire", "how_a_step_came_out_is_what_the_inspector_says"),
];

fn files(folder: &str, ends: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut found) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// The ticks that stand in the source, each with its file.
fn shown(patterns: &[&str]) -> BTreeSet<(String, String)> {
    let patterns: Vec<Regex> = patterns.iter().map(|pattern| Regex::new(pattern).unwrap()).collect();
    let broken = Regex::new(r"\\\n\s*").unwrap();
    let mut all = BTreeSet::new();
    for (file, text) in files("src", &[".rs", ".js"]) {
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for found in patterns.iter().flat_map(|pattern| pattern.captures_iter(code)) {
            let words = broken.replace_all(&found[1], "").into_owned();
            all.insert((file.clone(), words));
        }
    }
    all
}

/// Whether a source has this test, and in it the call that fails where this tick is shown.
fn denies(source: &str, test: &str, words: &str) -> bool {
    let Some(start) = source.find(&format!("fn {test}()")) else { return false };
    // Another test begins, or the end of the module.
    let body = &source[start..];
    let end = Regex::new(r"\n *#\[(?:tokio::)?test|\n}\n").unwrap();
    let body = &body[..end.find(body).map_or(body.len(), |found| found.start())];
    Regex::new(&format!(r#"\bdenied\(\s*"{}""#, regex::escape(words))).unwrap().is_match(body)
}

#[test]
fn a_test_that_names_a_tick_and_does_not_deny_it_is_found() {
    let source = "#[test]\nfn one() {\n    denied(\n        \"a {b}\", &said, \"c\");\n}\n\n#[test]\nfn two() {\n    denied(\"d\", &said, \"c\");\n}\n";
    assert!(denies(source, "one", "a {b}") && denies(source, "two", "d"));
    assert!(!denies(source, "one", "d") && !denies(source, "two", "a {b}") && !denies(source, "three", "d"));
}

#[test]
fn every_tick_has_a_test_that_sees_it_denied() {
    let table = |ticks: &[(&str, &str, &str)]| -> BTreeSet<(String, String)> {
        ticks.iter().map(|(file, words, _)| ((*file).to_owned(), (*words).to_owned())).collect()
    };
    let ticks = [
        r#"Finding::good\((?:format!\()?\s*"((?:[^"\\]|\\.|\\\n)*)""#,
        r"[^\w](Mark::Good)\b[^,]*(?:,|\}|;)",
        r#"format_args!\("(\{\}: ok)""#,
        r"'(✓ [^']*)'",
        r#"\("(done)", None\)"#,
    ];
    assert_eq!(shown(&ticks), table(&TICKS), "left: shown, right: in the table");
    let quiet = [r#"Came::Quiet(?:,| =>)\s*"([^"]+)""#];
    assert_eq!(shown(&quiet), table(&QUIET), "left: shown, right: in the table");
    let sources: Vec<String> = [files("tests/it", &[".rs"]), files("src", &[".rs"])]
        .concat()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let undenied: Vec<_> = TICKS
        .iter()
        .chain(&QUIET)
        .filter(|(_, words, test)| !sources.iter().any(|source| denies(source, test, words)))
        .collect();
    assert_eq!(undenied, Vec::<&(&str, &str, &str)>::new(), "these tests do not call `denied` for the tick");
    // None is made otherwise.
    let others = files("src", &[".rs", ".js", ".html"]);
    let others = others.iter().filter(|(file, text)| {
        text.split("#[cfg(test)]").next().unwrap().contains('✓')
            && !["src/cli/exit.rs", "src/inspector/page.js"].contains(&&**file)
    });
    assert_eq!(others.map(|(file, _)| file).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// What the doctor says in a folder, of a configuration with these tables and steps.
fn doctor(folder: &Path, tables: &str, steps: &str) -> Vec<String> {
    let config = format!(
        "[server]\ndomains = [\"x.invalid\"]\nadmin = \"off\"\nstate = \"state\"\n[server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n\
         {tables}\n[[hook]]\npath = \"/x\"\nsecrets = [\"file:secret\"]\n{steps}"
    );
    write(&folder.join("annex.toml"), &config);
    let output =
        annex_command().args(["doctor", "--config", "annex.toml"]).current_dir(folder).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The mark of the line that says something.
#[track_caller]
fn mark(said: &[String], what: &str) -> char {
    line_of(said, what).chars().next().unwrap()
}

/// The line that says something, alone.
#[track_caller]
fn line_of(said: &[String], what: &str) -> String {
    let line = said.iter().find(|line| line.contains(what));
    line.unwrap_or_else(|| panic!("nothing says {what}: {said:#?}")).clone()
}

#[test]
fn what_others_answer_decides_their_ticks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(&path.join("secret"), "0123456789abcdef0123456789abcdef");
    write(&path.join("token"), "token-of-the-tests");
    std::fs::set_permissions(path.join("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::set_permissions(path.join("secret"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let well = Erp::start(|_, _| Reply::ok("{}"));
    let failing = Erp::start(|_, _| Reply::status(503, "{}"));
    let refusing = Erp::start(|_, _| Reply::status(401, "{}"));
    let closed = format!("127.0.0.1:{}", free_port());
    let others = [
        ("well", well.address.to_string(), '✓'),
        ("failing", failing.address.to_string(), '!'),
        ("refusing", refusing.address.to_string(), '!'),
        ("closed", closed.clone(), '✗'),
    ];
    let (mut tables, mut steps) = (String::new(), String::new());
    for (name, address, _) in &others {
        write!(tables, "[[target]]\nname = \"{name}\"\nurl = \"http://{address}/\"\n").unwrap();
        write!(
            steps,
            "[[hook.step]]\nuse = \"export\"\nname = \"{name}\"\ntarget = \"{name}\"\nshape = \"json\"\n\
             [[hook.step]]\nuse = \"request_processor\"\nname = \"of {name}\"\nsettings = \"{name}.json\"\n"
        )
        .unwrap();
        let call = json!({"name": "x", "request": {"url": format!("http://{address}/a"), "method": "GET"}});
        let settings = json!({"settings": {"stages": [{"call_api": [call]}]}});
        write(&path.join(format!("{name}.json")), &settings.to_string());
    }
    write!(tables, "[rossum]\nurl = \"http://{}\"\ntoken = \"file:token\"\n", refusing.address).unwrap();
    write!(tables, "[[database]]\nname = \"db\"\nurl = \"postgres://a@{closed}/erp\"\n").unwrap();
    steps += "[[hook.step]]\nuse = \"match\"\ntarget = \"v\"\ndatabase = \"db\"\nvalue = \"id\"\nlabel = \"{id}\"\n\
        queries = [\"SELECT id FROM v WHERE a = :a\"]\n";
    let said = doctor(path, &tables, &steps);
    for (name, address, expected) in &others {
        assert_eq!(mark(&said, &format!("the target {name}, ")), *expected, "{said:#?}");
        // That nobody is let in without a token says nothing of a whole host.
        let of_host = if *name == "refusing" { '✓' } else { *expected };
        let line = said.iter().find(|line| {
            line.contains(address)
                && !line.contains("target")
                && !line.contains("database")
                && !line.contains("token")
        });
        assert_eq!(line.and_then(|line| line.chars().next()), Some(of_host), "{name}: {said:#?}");
    }
    assert_eq!(mark(&said, "the database db, "), '✗');
    assert!(said.iter().any(|line| line.starts_with('✗') && line.contains("/api/v1")), "{said:#?}");
    let all = said.join("\n");
    denied("Mark::Good", &line_of(&said, "the target closed, "), "refused");
    denied("{host} answers (status {status})", &line_of(&said, &format!("✗ {closed}")), &closed);
    denied("Rossum's API at {} accepts the token", &all, "/api/v1");
    denied(
        "{} is accessible to its owner only",
        &line_of(&said, "access secret"),
        "other users than the owner can access secret",
    );
    let target = "the target closed, ";
    denied("the target {name}, {place}, answers (status {status})", &line_of(&said, target), target);
    denied("the database {name}, {place}, answers (PostgreSQL {version})", &all, "the database db, ");
    assert_eq!(mark(&said, "token is accessible to its owner only"), '✓');
    assert_eq!(mark(&said, "other users than the owner can access secret"), '!');

    // The same in order: what is right has its tick.
    let tables = format!(
        "[[target]]\nname = \"files\"\nfolder = \"out\"\n[rossum]\nurl = \"http://{}\"\ntoken = \"file:token\"\n",
        well.address
    );
    let step = "[[hook.step]]\nuse = \"export\"\nname = \"files\"\ntarget = \"files\"\nshape = \"json\"\npath = \"{{ field.a }}.json\"\n";
    let said = doctor(path, &tables, step);
    assert_eq!(mark(&said, "can write to the target files, the folder "), '✓', "{said:#?}");
    assert_eq!(mark(&said, "accepts the token"), '✓', "{said:#?}");
    write(&path.join("out"), "a file");
    let said = doctor(path, &tables, step);
    assert_eq!(mark(&said, "`folder` must be a folder"), '!', "{said:#?}");
    assert_eq!(mark(&said, "the target files, out: "), '✗', "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("annex.toml is right")));
    assert!(!said.iter().any(|line| line.contains("can write to the target files")));
}

#[test]
fn a_folder_has_its_tick_only_where_it_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    if std::fs::metadata(path).unwrap().uid() != 0 {
        return; // only root can run it as somebody else
    }
    let config = "[server]\ndomains = [\"x.invalid\"]\nadmin = \"off\"\nstate = \"state\"\n[server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n\
         [[target]]\nname = \"files\"\nfolder = \"out\"\n[[target]]\nname = \"to come\"\nfolder = \"out/2026/11\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"file:secret\"]\n";
    let step = |name: &str| {
        format!(
            "[[hook.step]]\nuse = \"export\"\nname = \"{name}\"\ntarget = \"{name}\"\nshape = \"json\"\npath = \"{{{{ field.a }}}}.json\"\n"
        )
    };
    write(&path.join("annex.toml"), &format!("{config}{}{}", step("files"), step("to come")));
    write(&path.join("secret"), "0123456789abcdef0123456789abcdef");
    std::fs::create_dir(path.join("out")).unwrap();
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(path.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (name, to) in [("", 0o755), ("secret", 0o644), ("annex.toml", 0o644), ("out", 0o755)] {
        mode(name, to);
    }
    let run = |user: u32, command: &[&str]| {
        let mut annex = annex_command();
        annex.args(command).args(["--config", "annex.toml"]).current_dir(path).uid(user).gid(user);
        let said = String::from_utf8(annex.output().unwrap().stdout).unwrap();
        said.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let doctor = |user: u32| run(user, &["doctor"]);
    let unchecked = |user: u32| {
        let said = run(user, &["check", "--dev-http"]);
        assert!(said[0].contains("annex.toml: ok"), "{said:#?}");
        let is_of =
            |line: &&String| line.contains("not checked: whether the server can write to the target ");
        said.iter().filter(is_of).count()
    };
    assert_eq!(unchecked(65_534), 2, "`check` does not say that it is right");
    let said = doctor(65_534);
    for name in ["files", "to come"] {
        assert_eq!(mark(&said, &format!("the target {name}, ")), '✗', "{said:#?}");
        assert!(!said.iter().any(|line| line.contains(&format!("can write to the target {name}"))));
    }
    denied(
        "{user} can write to the target {name}, the folder {place}{other}",
        &said.join("\n"),
        "cannot write to out",
    );
    mode("out", 0o777);
    assert_eq!(unchecked(65_534), 0);
    let said = doctor(65_534);
    assert_eq!(mark(&said, "can write to the target files, the folder out"), '✓', "{said:#?}");
    assert_eq!(mark(&said, "can write to the target to come, the folder out/2026/11"), '✓', "{said:#?}");
    // Root can write everywhere, and says who the server is.
    mode("out", 0o755);
    std::fs::create_dir(path.join("state")).unwrap();
    std::os::unix::fs::chown(path.join("state"), Some(65_534), Some(65_534)).unwrap();
    let said = doctor(0);
    let line = said.iter().find(|line| line.contains("can write to the target files"));
    assert!(
        line.is_some_and(|line| line.contains("root can") && line.contains("the server runs as ")),
        "{said:#?}"
    );
    assert_eq!(std::fs::read_dir(path.join("out")).unwrap().count(), 0, "nothing is left there");
}

#[test]
fn a_renewal_that_fails_has_no_tick() {
    let (https, folder) = (free_port(), tempfile::tempdir().unwrap());
    let config = format!(
        "[server]\ndomains = [\"hooks.example.test\"]\nhttps = \"127.0.0.1:{https}\"\nhttp = \"off\"\nadmin = \"unix:admin.sock\"\nstate = \"state\"\n\
         [server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n[[hook]]\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"
    );
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::https(folder, https);
    let renewed = annex.run(&["cert", "renew"]);
    let said = String::from_utf8([renewed.stdout, renewed.stderr].concat()).unwrap();
    denied("Mark::Good", &said, "✗ server: ");
}

#[test]
fn names_that_no_schema_knows_are_not_said_to_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let schema = json!([{"id": "s", "category": "section", "children": [
        {"id": "document_id", "category": "datapoint", "type": "string"}, {"id": "note", "category": "datapoint", "type": "string"}]}]);
    write(&folder.path().join("schema.json"), &schema.to_string());
    let check = |config: &str| {
        write(&folder.path().join("annex.toml"), config);
        let mut command = annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        String::from_utf8(command.env("ROSSUM_SECRET", SECRET).output().unwrap().stdout).unwrap()
    };
    let said = check(INSPECTED);
    let line = "annex.toml: ok\n  not checked: steps: whether documents have the 2 fields that its steps use: the configuration has no `schema`\n";
    assert!(said.starts_with(line), "{said}");
    let known = INSPECTED.replace("path = \"/x\"", "path = \"/x\"\nschema = \"schema.json\"");
    let known = known.lines().filter(|line| !line.trim().starts_with("types")).collect::<Vec<_>>().join("\n");
    assert!(check(&known).starts_with("annex.toml: ok\n  /x"), "{}", check(&known));
    let bare = &INSPECTED[..INSPECTED.find("  [[hook.step]]").unwrap()];
    assert_eq!(check(bare), "annex.toml: ok\n  /x  steps  no steps\n");
}

/// What the inspector shows of the deliveries so far, the first of them first.
fn inspected(port: u16, count: usize) -> Vec<Value> {
    let mut all = Vec::new();
    eventually("the inspector has them", Duration::from_secs(10), || {
        let page = |number: usize| {
            let mut client = Client::plain(([127, 0, 0, 1], port).into());
            let path = format!("/inspector/deliveries/{number}");
            let page = client.request_as(&format!("127.0.0.1:{port}"), "GET", &path, &[], b"");
            serde_json::from_slice::<Value>(&page.body).unwrap_or_default()
        };
        all = (1..=count).map(page).collect();
        all.iter().all(|detail| detail["line"].is_object())
    });
    all
}

const INSPECTED: &str = r#"
[[hook]]
name = "steps"
path = "/x"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  name = "checks"
  use = "checks"

    [[hook.step.check]]
    required = ["document_id"]

  [[hook.step]]
  name = "rules"
  use = "rules"
  types = { document_id = "string" }

    [[hook.step.rule]]
    name = "seven"
    trigger_condition = 'field.document_id == "7"'
    actions = [{ type = "show_message", payload = { type = "info", content = "seven" } }]

  [[hook.step]]
  name = "formulas"
  use = "formulas"
  types = { document_id = "string", note = "string" }

    [[hook.step.formula]]
    field = "note"
    code = '"of " + field.document_id'
"#;

const LOOKUP: &str = r#"
[[hook]]
path = "/lookup"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  use = "match"
  target = "note"
  dataset = "vendors"
  value = "id"
  label = "{id}"

    [[hook.step.query]]
    exact = { id = "document_id" }
"#;

#[test]
fn how_a_step_came_out_is_what_the_inspector_says() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &format!("{INSPECTED}{LOOKUP}"));
    let port = free_port();
    let annex = Annex::dev_inspected(folder, port);
    let document = |id: &str, note: &str, by_hand: bool| {
        let mut document = tree(
            "initialize",
            &[Datapoint("document_id", json!(id), json!(id)), Datapoint("note", json!(note), json!(note))],
            &[],
        );
        document["annotation"]["content"][0]["children"][1]["no_recalculation"] = json!(by_hand);
        document.to_string()
    };
    for (id, note, by_hand) in [("8", "of 8", false), ("", "x", false), ("7", "mine", true), ("7", "", false)]
    {
        assert_eq!(annex.client().deliver("/x", document(id, note, by_hand)).status, 200);
    }
    // There is no such dataset.
    assert_eq!(annex.client().deliver("/lookup", document("7", "", false)).status, 200);
    let all = inspected(port, 5);
    let says = |delivery: usize, step: usize| {
        let step = &all[delivery]["more"]["steps"][step];
        (step["came"].as_str().unwrap(), step["reasons"][0]["places"][0]["says"].as_str().unwrap_or("-"))
    };
    assert_eq!(
        [says(0, 0), says(0, 1), says(0, 2)],
        [("done", "holds"), ("done", "did not fire"), ("done", "as it was")]
    );
    assert_eq!([says(1, 0), says(1, 2)], [("done", "does not hold"), ("done", "changed")]);
    assert_eq!([says(2, 1), says(2, 2)], [("done", "fired"), ("done", "set by hand: left as it is")]);
    assert_eq!(says(3, 2), ("done", "changed"));
    denied("done", says(4, 0).0, "failed");
    denied("holds", says(1, 0).1, "does not hold");
    denied("did not fire", says(2, 1).1, "fired");
    denied("as it was", says(1, 2).1, "changed");
    denied("set by hand: left as it is", says(3, 2).1, "changed");
}

#[test]
fn a_delivery_that_is_not_from_rossum_has_no_tick() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), INSPECTED);
    let port = free_port();
    let annex = Annex::dev_inspected(folder, port);
    let body = tree("initialize", &[], &[]).to_string();
    assert_eq!(annex.client().deliver("/x", &body).status, 200);
    let wrong = [("X-Elis-Signature-SHA256", "sha256=0000")];
    let refused = annex.client().request_as("127.0.0.1", "POST", "/x", &wrong, body.as_bytes());
    assert_eq!(refused.status, 401, "{refused:?}");
    let verified: Vec<Value> =
        inspected(port, 2).iter().map(|detail| detail["line"]["verdict"]["verified"].clone()).collect();
    // What the page makes of it.
    let page = Regex::new(r"line\.verdict\.verified \? '(✓ [^']*)' : '([^']*)'").unwrap();
    let page = page.captures(include_str!("../../src/inspector/page.js")).unwrap();
    let said = |verified: &Value| &page[if *verified == true { 1 } else { 2 }];
    assert_eq!(said(&verified[0]), "✓ From Rossum: ");
    denied("✓ From Rossum: ", said(&verified[1]), "✗ Turned away: ");
}

#[test]
fn a_case_whose_answer_differs_has_no_tick() {
    let folder = tempfile::tempdir().unwrap();
    let config = INSPECTED.replace("env:ROSSUM_SECRET", "file:secret");
    write(&folder.path().join("secret"), SECRET);
    write(&folder.path().join("annex.toml"), &config);
    let document = tree("initialize", &[Datapoint("document_id", json!("8"), json!("8"))], &[]);
    write(&folder.path().join("case.json"), &json!({"hook": "steps", "payload": document}).to_string());
    let test = |more: &[&str]| {
        let arguments = [&["test", "case.json"], more].concat();
        let output = annex_command().args(arguments).current_dir(folder.path()).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert!(test(&["--update"]).contains("accepted"));
    assert!(test(&[]).starts_with("✓ case.json"), "{}", test(&[]));
    write(&folder.path().join("annex.toml"), &config.replace("== \"7\"", "== \"8\""));
    denied("Mark::Good", &test(&[]), "✗ case.json");
}
