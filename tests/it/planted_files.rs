//! Files, paths and addresses of a configuration that cannot do what they were named for: `annex check` says so, and is silent
//! of those that can.

use std::time::Duration;

use serde_json::{Value, json};

use crate::planted::checked;
use crate::support::{Annex, annex_command, write};

const ASKS: &str = "[[hook.step]]\nuse = \"match\"\ntarget = \"partner\"\ndataset = \"partners\"\nvalue = \"code\"\nlabel = \"{title}\"\n\
    [[hook.step.query]]\nexact = { title = \"reference\" }\n";
const CHECKS: &str = "[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = [\"reference\"]\n";

fn dataset(keys: &str) -> String {
    format!("[[dataset]]\nname = \"partners\"\nfile = \"partners.csv\"\n{keys}\n")
}

fn hook(steps: &str) -> String {
    format!("[[hook]]\npath = \"/x\"\nsecrets = [\"file:s\"]\n{steps}")
}

fn said(tables: &str, steps: &str, files: &[(&str, Value)]) -> (bool, String) {
    checked(&format!("{tables}\n{}", hook(steps)), files)
}

#[test]
fn a_file_without_records_is_refused_unless_that_is_allowed() {
    let header = json!("code,title\n");
    let (is_well, text) = said(&dataset(""), ASKS, &[("partners.csv", header.clone())]);
    let says = "partners.csv has no records: it would not be imported";
    assert!(!is_well && text.contains("annex.toml:3:") && text.contains(says), "{text}");
    for (keys, file) in [("allow_empty = true", header), ("", json!("code,title\n1,One\n"))] {
        let (is_well, text) = said(&dataset(keys), ASKS, &[("partners.csv", file)]);
        assert!(is_well && !text.contains("no records") && !text.contains("note: "), "{text}");
    }
}

#[test]
fn a_file_is_compared_with_what_was_imported_before() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let records = |count: usize| {
        let rows: Vec<String> = (0..count).map(|at| format!("{at},Partner {at}\n")).collect();
        format!("code,title\n{}", rows.concat())
    };
    write(&at("s"), "0123456789abcdef0123456789abcdef");
    write(&at("partners.csv"), &records(1000));
    write(&at("annex.toml"), &format!("[server]\nstate = \"state\"\n{}{}", dataset(""), hook(ASKS)));
    let annex = |arguments: &[&str]| {
        let done = annex_command().current_dir(folder.path()).args(arguments).output().unwrap();
        let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (done.status.success(), text)
    };
    let check = ["check", "--dev-http", "--config", "annex.toml"];
    assert!(annex(&check).0, "nothing was imported yet: there is nothing to compare with");
    let (is_imported, text) =
        annex(&["data", "import", "partners", "partners.csv", "--config", "annex.toml"]);
    assert!(is_imported, "{text}");
    assert!(annex(&check).0);
    write(&at("partners.csv"), &records(950));
    assert!(annex(&check).0, "a few may go");
    write(&at("partners.csv"), &records(100));
    let (is_well, text) = annex(&check);
    let says = "partners.csv has 100 records, and the dataset has 1000: it would not be imported";
    assert!(!is_well && text.contains(says) && text.contains("allow_shrink = 100"), "{text}");
}

#[test]
fn what_no_step_asks_is_noted() {
    let database = "[[database]]\nname = \"erp\"\nurl = \"postgres://annex@127.0.0.1:1/erp\"\n";
    let file = [("partners.csv", json!("code,title\n1,One\n"))];
    let tables = format!("{}{database}", dataset(""));
    let (is_well, text) = said(&tables, CHECKS, &file);
    assert!(is_well && text.contains("note: annex.toml:2: no step uses the dataset `partners`"), "{text}");
    assert!(text.contains("note: annex.toml:6: no step uses the database `erp`"), "{text}");
    let sql = "[[hook.step]]\nuse = \"match\"\ntarget = \"partner\"\nvalue = \"code\"\nlabel = \"{title}\"\n\
        queries = [\"SELECT code, title FROM Partners WHERE title = :reference\"]\n";
    for step in [ASKS, sql] {
        let (is_well, text) = said(&dataset(""), step, &file);
        assert!(is_well && !text.contains("no step uses"), "{text}");
    }
}

#[test]
fn entries_of_no_proxy_are_hosts_and_networks() {
    let proxy = |entries: &str| {
        format!("[server]\nproxy = \"http://proxy.my-company.com:3128\"\nno_proxy = [{entries}]\n")
    };
    for (entry, says) in [
        ("10.0.0.0/99", "write a host as `erp.example.com`"),
        ("http://erp.my-company.com/api", "write the host alone: `erp.my-company.com`"),
        ("erp.my-company.com:8443", "no host and no network"),
        ("erp.my-company.com/api", "no host and no network"),
        ("erp my", "no host and no network"),
        ("*.my-company.com", "write `my-company.com`: names below it are meant too"),
        ("a.example,,b.example", "between the commas"),
    ] {
        let (is_well, text) = said(&proxy(&format!("\"{entry}\"")), CHECKS, &[]);
        assert!(!is_well && text.contains("annex.toml:3:") && text.contains(says), "{entry}\n{text}");
    }
    let right = "\"*\", \"10.0.0.0/8\", \"fd00::/8\", \"::1\", \".my-company.com\", \"erp\", \"a.example, b.example\", \"my_host.example.\"";
    let (is_well, text) = said(&proxy(right), CHECKS, &[]);
    assert!(is_well, "{text}");
}

#[test]
fn paths_that_lead_out_of_their_target_are_refused() {
    let target = |url: &str| format!("[[target]]\nname = \"erp\"\nurl = \"{url}\"\n");
    let step = |path: &str| {
        format!(
            "[[hook.step]]\nuse = \"export\"\nname = \"n\"\ntarget = \"erp\"\nshape = \"json\"\npath = \"{path}\"\n"
        )
    };
    for path in ["/../x", "../x", "a/../x", "a/..", "./../{{ field.id }}", "%2e%2e/x"] {
        let (is_well, text) = said(&target("https://erp.my-company.com/api/"), &step(path), &[]);
        assert!(!is_well && text.contains("leads out of"), "{path}\n{text}");
    }
    for path in ["x", "/x", "a/b.c/..x", "{{ field.id }}/x?y=../z", "a..b"] {
        let (is_well, text) = said(&target("https://erp.my-company.com/api/"), &step(path), &[]);
        assert!(is_well, "{path}\n{text}");
    }
    let (is_well, text) = said(&target("https://erp.my-company.com/api/../v2/"), &step("x"), &[]);
    let note = text.lines().find(|line| line.contains("note: ") && line.contains("annex.toml:3"));
    assert!(is_well && note.is_some_and(|note| note.contains("https://erp.my-company.com/v2/")), "{text}");
}

#[test]
fn templates_are_tried_without_a_schema_too() {
    let target = "[[target]]\nname = \"f\"\nfolder = \"out\"\n";
    let step = |template: &str| {
        format!(
            "[[hook.step]]\nuse = \"export\"\nname = \"n\"\ntarget = \"f\"\npath = \"{{{{ field.id }}}}.txt\"\ntemplate = '''{template}'''\n"
        )
    };
    for (template, says) in [
        (
            "{{ field.a | replace('x') }}",
            "`replace('x')` fails whatever the fields contain: an argument is missing",
        ),
        ("{{ loop.index }}", "there is no `loop` here"),
        ("{{ line_items | sum(attribute='x') }}", "can only sum numbers"),
    ] {
        let (is_well, text) = said(target, &step(template), &[]);
        assert!(!is_well && text.contains("annex.toml:") && text.contains(says), "{template}\n{text}");
    }
    for template in [
        "{{ field.a | float + 1 }}{{ field.b | date('%d') }}{{ field.c | length }}{{ field.d | join(',') }}",
        "{{ (field.a | split(';'))[3] | int }}{{ field.a[2:5] | int }}{% for x in field.b %}{{ x }}{% endfor %}",
        "{% for row in field.rows %}{{ row.x | float + 1 }}{% endfor %}{{ field.rows[0].x | float }}",
    ] {
        let (is_well, text) = said(target, &step(template), &[]);
        assert!(is_well && !text.contains("note: "), "{template}\n{text}");
    }
}

#[test]
fn a_file_of_another_format_is_told_what_to_become() {
    for (name, file, says) in [
        ("partners.json", json!([{"code": "1"}]), "`format = \"jsonl\"` where each line is a record"),
        ("partners.xls", json!("x"), "save it as .xlsx"),
        ("partners.xml", json!("<x/>"), "save it as CSV"),
        ("partners", json!("code\n1\n"), "write `format = \"csv\"`"),
    ] {
        let table = format!("[[dataset]]\nname = \"partners\"\nfile = \"{name}\"\n");
        let (is_well, text) = said(&table, CHECKS, &[(name, file)]);
        assert!(!is_well && text.contains(says), "{name}\n{text}");
    }
    let list = |file: &str| {
        format!(
            "[[hook.step]]\nuse = \"match\"\nfield = \"reference\"\ntarget = \"partner\"\nfile = \"{file}\"\n"
        )
    };
    let (is_well, text) =
        said("", &list("list.json"), &[("list.json", json!([{"value": "1", "label": "One"}]))]);
    assert!(!is_well && text.contains("`format = \"jsonl\"`"), "{text}");
    for (name, file) in [("list.txt", "value,label\n1,One\n"), ("list.json", "value,label\n1,One\n")] {
        let (is_well, text) = said("", &list(name), &[(name, json!(file))]);
        assert!(is_well, "{name}\n{text}");
    }
}

#[test]
fn a_file_that_is_refused_at_the_start_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("partners.csv"), "code,title\n1,One\n1\n\"x\n");
    let config = format!("[server]\nstate = \"state\"\n{}{}", dataset("key = \"code\""), hook(ASKS));
    let config = config
        .replace("file:s", "env:ROSSUM_SECRET")
        .replace("partners.csv", &folder.path().join("partners.csv").display().to_string());
    let annex = Annex::dev_with(&config);
    annex.logs("not imported, its records stay", Duration::from_secs(20));
    let log = annex.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("partners.csv")).collect();
    assert_eq!(lines.len(), 1, "{log}");
}
