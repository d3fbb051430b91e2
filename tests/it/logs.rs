//! The log of the running binary: whose delivery or job each line is about.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, Erp, Reply, eventually, write};

/// The steps of each hook: a line of a step that goes on, one of a step that fails, one from each room that logs.
const STEPS: &str = r#"
  [[hook.step]]
  use = "function"
  name = "fails"
  file = "fails.py"
  events = ["annotation_content"]

  [[hook.step]]
  use = "checks"
  name = "misses"
  events = ["annotation_content"]

    [[hook.step.check]]
    required = ["FIELD"]

  [[hook.step]]
  use = "match"
  name = "looks"
  run = "always"
  events = ["annotation_content"]
  target = "vendor"
  dataset = "vendors"
  value = "id"
  label = "{id}"
  time = "300ms"
  queries = ["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS id FROM n WHERE :document_id <> ''"]

  [[hook.step]]
  use = "export"
  name = "now"
  target = "erp"
  path = "refused"
  shape = "json"
"#;

const QUEUED: &str = r#"
[[hook]]
name = "exports"
path = "/queued"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  use = "export"
  name = "send"
  target = "erp"
  path = "refused"
  shape = "json"
  deliver = "queued"
"#;

const FAILS: &str = "def rossum_hook_request_handler(payload):\n    return {'operations': 7}\n";

/// Texts of the lines that there are of deliveries to each of the first two hooks.
const LINES: [&str; 4] =
    ["step failed: the function", "the document has no field", "took too long", "status 400"];

/// Deliveries by annotation: whose they are, and how they are answered.
fn sent(annotation: u64) -> (&'static str, &'static str, u16) {
    match annotation {
        20.. => ("exports", "/queued", 200),
        _ if annotation.is_multiple_of(2) => ("one hook", "/direct", 200),
        _ => ("later", "/async", 202),
    }
}

fn configured(folder: &Path, erp: &Erp) {
    let mut config = format!(
        "[server]\nstate = \"state\"\n[[target]]\nname = \"erp\"\nurl = \"http://{}/api/\"\ntimeout = \"2s\"\n",
        erp.address
    );
    for (name, answer) in [("one hook", "direct"), ("later", "async")] {
        let _ = writeln!(
            config,
            "[[hook]]\nname = \"{name}\"\npath = \"/{answer}\"\nsecrets = [\"env:ROSSUM_SECRET\"]\nanswer = \"{answer}\""
        );
        config += &STEPS.replace("FIELD", &format!("{answer}_none"));
    }
    config += QUEUED;
    write(&folder.join("annex.toml"), &config);
    write(&folder.join("fails.py"), FAILS);
    write(&folder.join("vendors.csv"), "id\n1\n");
}

/// Every other one is so large that it runs in slices.
fn document(annotation: u64) -> Value {
    let notes = "n".repeat(if annotation % 4 < 2 { 120_000 } else { 0 });
    json!({"request_id": format!("r-{annotation}"), "event": "annotation_content", "action": "export", "annotation": {
        "id": annotation, "content": [{"id": 100, "schema_id": "header", "category": "section", "children": [
            {"id": 1, "schema_id": "document_id", "category": "datapoint", "content": {"value": "7"}},
            {"id": 3, "schema_id": "notes", "category": "datapoint", "content": {"value": notes}},
            {"id": 2, "schema_id": "vendor", "category": "datapoint", "content": {"value": ""}}]}]}})
}

/// Delivers documents to both hooks at the same time, and waits for the last of their jobs.
fn deliver_to_both(annex: &Annex) {
    let imported = annex.run(&["data", "import", "vendors", "vendors.csv", "--index", "id"]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    std::thread::scope(|scope| {
        for annotation in (1..=8).chain(20..=23) {
            scope.spawn(move || {
                let (_, path, status) = sent(annotation);
                let answer = annex.client().deliver(path, document(annotation).to_string());
                assert_eq!(answer.status, status, "{answer:?}");
            });
        }
    });
    eventually("all is done", Duration::from_secs(20), || {
        let log = annex.log();
        log.matches("export given up").count() == 4 && log.matches("status 400").count() == 12
    });
}

#[test]
fn each_line_of_a_delivery_and_of_a_job_says_whose_it_is() {
    let erp = Erp::start(|_, _| Reply::status(400, "no"));
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path(), &erp);
    let annex = Annex::dev_in_but(folder, |command| {
        command.args(["--log-format", "json"]);
    });
    deliver_to_both(&annex);
    let log = annex.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let about = |line: &Value| -> (String, u64) {
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}")).to_owned();
        let annotation: u64 = text("annotation").parse().unwrap();
        assert_eq!(text("request_id"), format!("r-{annotation}"), "{line}");
        assert_eq!(text("hook"), sent(annotation).0, "{line}");
        (text("message"), annotation)
    };
    let told: Vec<_> =
        lines.iter().filter(|line| line["level"] == "warn" || line["level"] == "error").collect();
    assert!(told.len() >= 3 * 8 + 2 + 4, "{log}");
    let told: Vec<_> = told.into_iter().map(about).collect();
    for text in LINES {
        // Each delivery has its own, and that of no other.
        let all: Vec<u64> = told.iter().filter(|(said, _)| said.contains(text)).map(|(_, id)| *id).collect();
        let own: BTreeSet<u64> = all.iter().copied().collect();
        assert!(all.len() == own.len(), "{text}: {all:?}: {log}");
        for hook in ["one hook", "later"] {
            let is_there = told.iter().any(|(message, id)| sent(*id).0 == hook && message.contains(text));
            assert!(is_there, "no line of {hook} says {text}: {log}");
        }
    }
    let step = |text: &str| {
        let line = lines.iter().find(|line| line["message"].as_str().is_some_and(|said| said.contains(text)));
        line.map(|line| line["step"].clone()).unwrap_or_default()
    };
    assert_eq!((step("the function"), step("took too long")), (json!("fails"), json!("looks")));
}

#[test]
fn lines_of_text_say_whose_they_are_in_the_journal_too() {
    let erp = Erp::start(|_, _| Reply::status(400, "no"));
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path(), &erp);
    let annex = Annex::dev_in_but(folder, |command| {
        command.env("JOURNAL_STREAM", "8:1");
    });
    deliver_to_both(&annex);
    let log = annex.log();
    let told: Vec<_> =
        log.lines().filter(|line| line.starts_with("<4>") || line.starts_with("<3>")).collect();
    assert!(told.len() >= 3 * 8 + 2 + 4, "{log}");
    for line in told {
        let value = |name: &str| line.split_once(&format!(" {name}=")).map(|(_, rest)| rest);
        let annotation = value("annotation").unwrap_or_else(|| panic!("no annotation: {line}"));
        let id = annotation.split(' ').next().unwrap();
        let hook = match sent(id.parse().unwrap()).0 {
            "one hook" => "\"one hook\"", // two words
            hook => hook,
        };
        assert!(value("hook").is_some_and(|rest| rest.starts_with(hook)), "{line}");
        assert!(value("request_id").is_some_and(|rest| rest.starts_with(&format!("r-{id}"))), "{line}");
    }
}
