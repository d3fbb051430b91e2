//! Recording deliveries, and answering them again with `annex test`.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, SECRET, annex_command, eventually, write};

const CHECKS: &str = "[server]\nstate = \"state\"\n[[hook]]\npath = \"/checks\"\nsecrets = [\"file:secret\"]\nrecord = \"cases\"\n\
    [[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nsum = [\"base\", \"tax\"]\nequals = \"amount_total\"\nmessage = \"Total is wrong by {difference}\"\n";

fn document(request_id: &str, total: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    json!({"request_id": request_id, "event": "annotation_content", "action": "updated",
        "rossum_authorization_token": "TOKEN-OF-THE-DELIVERY", "secrets": {"erp": "SECRET-OF-THE-HOOK"},
        "annotation": {"id": 7, "content": [{"id": 100, "schema_id": "header", "category": "section", "children": [
            datapoint(1, "base", "10"), datapoint(2, "tax", "2"), datapoint(3, "amount_total", total)]}]}})
}

fn start(config: &str) -> Annex {
    Annex::dev_with_files(config, &[("secret", SECRET)])
}

fn deliver(annex: &Annex, document: &Value) {
    let answer = annex.client().deliver("/checks", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        std::fs::read_dir(folder.join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[track_caller]
fn recorded(annex: &Annex, count: usize) -> Vec<PathBuf> {
    eventually("they are recorded", Duration::from_secs(10), || {
        cases(annex.folder()).iter().filter(|path| !path.to_string_lossy().ends_with(".part")).count()
            == count
    });
    cases(annex.folder())
}

/// Neither secret nor server is needed.
fn test(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = annex_command();
    let Output { status, stdout, stderr } =
        command.arg("test").args(arguments).current_dir(folder).env_clear().output().unwrap();
    (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn what_was_recorded_is_answered_again_and_a_changed_configuration_tells_what_it_changes() {
    let annex = start(CHECKS);
    deliver(&annex, &document("r-1", "12"));
    deliver(&annex, &document("r-2", "13"));
    let files = recorded(&annex, 2);
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(
            !text.contains("TOKEN-OF") && !text.contains("SECRET-OF") && !text.contains(SECRET),
            "{text}"
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.ends_with("-checks-annotation_content.updated-7.json"), "{name}");
    }
    let folder = annex.stop("TERM");
    let folder = folder.path();
    std::fs::remove_file(folder.join("secret")).unwrap();
    let (code, said) = test(folder, &[]);
    assert_eq!((code, said.matches('✓').count()), (0, 2), "{said}");
    assert!(said.ends_with("2 cases, 0 differ or failed\n"), "{said}");

    // The rule is changed: one of the two would be answered differently.
    let changed = CHECKS.replace("message = ", "tolerance = 1\nmessage = ");
    write(&folder.join("changed.toml"), &changed);
    let (code, said) = test(folder, &["--against", "changed.toml"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("- error on amount_total: Total is wrong by 1"), "{said}");
    assert!(said.ends_with("2 cases, 1 would be answered differently\n"), "{said}");

    // The new answers are accepted, and hold from then on.
    let (code, said) = test(folder, &["--config", "changed.toml", "--json", "--junit", "report.xml"]);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (code, &lines[1]["missing"]),
        (1, &json!(["error on amount_total: Total is wrong by 1"])),
        "{said}"
    );
    let report = std::fs::read_to_string(folder.join("report.xml")).unwrap();
    let report = roxmltree::Document::parse(&report).unwrap();
    assert_eq!(report.root_element().attribute("failures"), Some("1"));
    assert_eq!(report.descendants().filter(|node| node.has_tag_name("testcase")).count(), 2);
    assert!(test(folder, &["--config", "changed.toml", "--update"]).1.contains("accepted"));
    assert_eq!(test(folder, &["--config", "changed.toml"]).0, 0);
    assert_eq!(test(folder, &[]).0, 1);

    // Mistakes are told.
    write(&files[0].with_file_name("x.json"), "{\"hook\": \"other\", \"payload\": {}, \"answer\": {}}");
    write(&files[0].with_file_name("y.json"), "{");
    write(&files[0].with_file_name("z.json"), "{\"hook\": \"checks\", \"payload\": {\"event\": 5}}");
    let (code, said) = test(folder, &["--config", "changed.toml"]);
    assert_eq!(code, 1);
    assert!(said.contains("x.json: the configuration has no hook `other`; it has checks"), "{said}");
    assert!(said.contains("y.json: it is no case: "), "{said}");
    assert!(said.contains("✗ z.json: "), "{said}");
    assert!(test(folder, &["nowhere"]).1.contains("record some with `annex serve --record cases`"));
}

#[test]
fn steps_that_call_other_systems_are_left_out_and_named() {
    let erp = crate::support::Erp::kind();
    let config = format!(
        "{CHECKS}[[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\nevents = [\"annotation_content\"]\nshape = \"json\"\n[[target]]\nname = \"erp\"\nurl = \"http://{}/\"\n",
        erp.address
    );
    let annex = start(&config);
    deliver(&annex, &document("r-1", "12"));
    recorded(&annex, 1);
    let folder = annex.stop("TERM");
    let (code, said) = test(folder.path(), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("not run, because it calls another system: erp of checks"), "{said}");
    assert_eq!(erp.calls().len(), 1, "only Rossum's delivery was sent on");
}

#[test]
fn recording_is_bounded_and_keeps_the_newest() {
    let config = CHECKS.replace("record = \"cases\"", "record = \"cases\"\nrecord_max = \"20KB\"");
    let annex = start(&config);
    for number in 0..60 {
        deliver(&annex, &document(&format!("r-{number}"), &number.to_string()));
    }
    let last = || {
        let files = cases(annex.folder());
        let newest = files.iter().rfind(|path| path.extension().is_some_and(|one| one == "json"));
        newest.is_some_and(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("\"r-59\"")))
    };
    eventually("the last one is there", Duration::from_secs(10), last);
    let bytes: u64 = cases(annex.folder()).iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 20_000 && cases(annex.folder()).len() > 5, "{bytes}");
    // A folder that cannot be written to is said, and keeps nobody from an answer.
    let config = CHECKS.replace("record = \"cases\"", "record = \"secret/cases\"");
    let annex = start(&config);
    deliver(&annex, &document("r-1", "12"));
    annex.logs("cannot record deliveries in ", Duration::from_secs(1));
}

#[test]
fn the_command_records_every_hook() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &CHECKS.replace("record = \"cases\"\n", ""));
    write(&folder.path().join("secret"), SECRET);
    let annex = Annex::dev_recording(folder, "cases");
    deliver(&annex, &document("r-1", "12"));
    let files = recorded(&annex, 1);
    let case: Value = serde_json::from_slice(&std::fs::read(&files[0]).unwrap()).unwrap();
    assert_eq!((&case["hook"], &case["payload"]["request_id"]), (&json!("checks"), &json!("r-1")));
}

#[test]
fn init_writes_a_configuration_a_schema_and_a_case_that_pass() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let init = |arguments: &[&str]| {
        let mut command = annex_command();
        let output = command.arg("init").args(arguments).current_dir(here).env_clear().output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    for step in ["checks", "rules", "match"] {
        let (good, said) = init(&[step, "--step", step, "--hook", "mine"]);
        assert!(
            good && said.contains(&format!("next: cd {step} && annex check --dev-http && annex test")),
            "{said}"
        );
        let (code, said) = test(&here.join(step), &[]);
        assert_eq!((code, said.as_str()), (0, "✓ first.json\n1 case, 0 differ or failed\n"));
        let mut command = annex_command();
        let output = command.args(["check", "--dev-http"]).current_dir(here.join(step)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let (good, said) = init(&["checks"]);
    assert!(!good && said.contains("exists already: no file is overwritten"), "{said}");
    // A schema of one's own: the first case has its tables, and the rule speaks of its first field.
    write(&here.join("own.json"), &json!({"content": [{"id": "s", "category": "section", "label": "S", "children": [
        {"id": "number", "category": "datapoint", "type": "string", "label": "Number"},
        {"id": "lines", "category": "multivalue", "label": "L", "children": {"id": "line", "category": "tuple", "label": "l", "children": [
            {"id": "sku", "category": "datapoint", "type": "string", "label": "SKU"}, {"id": "price", "category": "datapoint", "type": "number", "label": "P"}]}}]}]}).to_string());
    let (good, said) = init(&["own", "--schema", "own.json", "--step", "rules"]);
    assert!(good, "{said}");
    let case: Value =
        serde_json::from_slice(&std::fs::read(here.join("own/cases/first.json")).unwrap()).unwrap();
    let lines = &case["payload"]["annotation"]["content"][0]["children"][1]["children"];
    assert_eq!(
        (lines.as_array().unwrap().len(), &lines[1]["children"][1]["content"]["value"]),
        (2, &json!("20"))
    );
    assert!(std::fs::read_to_string(here.join("own/rules.json")).unwrap().contains("is_empty(field.number)"));
    assert_eq!(test(&here.join("own"), &[]).0, 0);
    assert!(!init(&["bad", "--schema", "nowhere.json"]).0);
}
