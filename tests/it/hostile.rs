//! Hostile texts in everything that a terminal prints and in the log: none acts, none forges a line of its own.

use std::path::Path;
use std::time::Duration;

use rossum_annex::signature::Algorithm;
use serde_json::{Value, json};

use crate::support::{Annex, Erp, Reply, SECRET, annex_command, eventually, free_port, sign, write};

const LONG: Duration = Duration::from_secs(20);
/// Clears the screen, paints, renames the window, turns the direction, hides, and begins a line.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}[32m\u{9b}31m\u{1b}]0;t\u{7}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}\r\nFORGED\u{2028}FORGED";

/// Nothing acts, nothing stands in a line of its own; and the text did come through, written out.
#[track_caller]
fn is_plain(what: &str, text: &str) {
    let acts = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
    };
    let found: Vec<_> = text.chars().filter(|c| acts(*c)).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("FORGED")), "{what}: {text}");
    assert!(text.contains("FORGED"), "{what}: {text}");
}

fn run_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = annex_command();
    let done =
        command.args(arguments).current_dir(folder).envs(environment.iter().copied()).output().unwrap();
    [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
}

fn payload(value: &str) -> Value {
    json!({"request_id": HOSTILE, "event": "annotation_content", "action": "updated", "annotation": {"id": HOSTILE, "content": [
        {"id": 1, "schema_id": "s", "category": "section", "children": [
            {"id": 2, "schema_id": HOSTILE, "category": "datapoint", "content": {"value": value, "normalized_value": value}},
            {"id": 3, "schema_id": "document_id", "category": "datapoint", "content": {"value": value, "normalized_value": value}}]}]}})
}

#[test]
fn answers_of_a_hook_and_of_the_admin_pages_are_shown_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let answer = json!({"messages": [{"type": HOSTILE, "content": HOSTILE, "id": 2}], "automation_blockers": [{"id": 2, "content": HOSTILE}],
        "operations": [{"op": HOSTILE, "id": 2, "value": {"content": {"value": HOSTILE}, "options": [{"label": HOSTILE}]}}],
        "files": [{"id": HOSTILE}]});
    write(&folder.path().join("p.json"), &payload(HOSTILE).to_string());
    for (name, body) in [("lists", answer.to_string()), ("no JSON", HOSTILE.to_owned())] {
        let server = Erp::start(move |_, _| Reply::ok(&body));
        let to = format!("http://{}/x", server.address);
        for json in [&[][..], &["--json"]] {
            let arguments = [&["send", "--to", &to, "--secret", "s", "p.json"][..], json].concat();
            is_plain(&format!("send, {name}"), &run_in(folder.path(), &arguments, &[]));
        }
    }
    let certificate = json!({"name": HOSTILE, "names": [HOSTILE], "domains": ["a"], "issuer": HOSTILE, "last_error": HOSTILE,
        "source": HOSTILE, "challenge": HOSTILE, "account": HOSTILE, "profile": HOSTILE, "not_after": HOSTILE});
    let status = json!({"version": HOSTILE, "pid": 1, "config": HOSTILE, "https": HOSTILE, "ready": false, "reasons": [HOSTILE],
        "warnings": [HOSTILE], "certificates": [certificate], "exports": {"waiting": 1}});
    let server = Erp::start(move |call, _| match call.line.split('?').next() {
        Some("GET /status") => Reply::ok(&status.to_string()),
        _ => Reply::ok(&json!([{"certificate": HOSTILE, "ok": false, "message": HOSTILE}]).to_string()),
    });
    let config = format!(
        "[server]\ndomains = [\"a.example\"]\nadmin = \"{}\"\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n",
        server.address
    );
    write(&folder.path().join("annex.toml"), &config);
    let commands: [&[&str]; 4] =
        [&["status"], &["cert", "status"], &["cert", "renew"], &["status", "--json"]];
    for command in commands {
        is_plain(command[0], &run_in(folder.path(), command, &[("ROSSUM_SECRET", SECRET)]));
    }
}

#[test]
fn documents_are_shown_plainly() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("p.json"), &payload(HOSTILE).to_string());
    write(
        &folder.path().join("schema.json"),
        r#"{"content": [{"id": "s", "category": "section", "children": [{"id": "document_id", "category": "datapoint", "type": "string"}]}]}"#,
    );
    let code = "show_error(field.document_id, field.document_id)\nautomation_blocker(field.document_id)\nfield.document_id";
    for (code, json) in [
        (code, false),
        (code, true),
        ("field.document_id", false),
        ("raise ValueError(field.document_id)", false),
    ] {
        let mut arguments = vec!["eval", code, "--payload", "p.json", "--schema", "schema.json"];
        arguments.extend(json.then_some("--json"));
        is_plain(code, &run_in(folder.path(), &arguments, &[]));
    }
    write(&folder.path().join("v.jsonl"), &json!({"id": "1", "name": HOSTILE}).to_string());
    run_in(folder.path(), &["data", "import", "v", "v.jsonl", "--state", "state"], &[]);
    for command in
        [&["data", "show", "v", "--state", "state"][..], &["data", "show", "v", "--state", "state", "--json"]]
    {
        is_plain("data show", &run_in(folder.path(), command, &[]));
    }
    let missing = format!("{HOSTILE}.toml");
    is_plain("check", &run_in(folder.path(), &["check", "--config", &missing], &[]));
    is_plain("doctor", &run_in(folder.path(), &["doctor", "--config", &missing], &[]));
    write(
        &folder.path().join("annex.toml"),
        "[server]\n[[hook]]\npath = \"/x\"\nname = \"x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n",
    );
    let case = json!({"hook": "x", "payload": payload(HOSTILE), "answer": {"messages": [{"type": "error", "content": HOSTILE}],
        "operations": [], "automation_blockers": []}});
    std::fs::create_dir(folder.path().join("cases")).unwrap();
    write(&folder.path().join("cases/a.json"), &case.to_string());
    is_plain("test", &run_in(folder.path(), &["test", "cases"], &[("ROSSUM_SECRET", SECRET)]));
}

#[test]
fn exports_are_listed_plainly() {
    let erp = Erp::start(|_, _| Reply::status(422, HOSTILE));
    let annex = Annex::dev_with(&format!(
        "[server]\nstate = \"state\"\n[[target]]\nname = \"erp\"\nurl = \"http://{}/\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\ndeliver = \"queued\"\npath = \"i\"\nshape = \"json\"\nevents = [\"annotation_content.updated\"]\n",
        erp.address
    ));
    let sent = annex.client().deliver("/x", payload(HOSTILE).to_string());
    assert_eq!(sent.status, 200, "{sent:?}");
    erp.called(1);
    let text = |arguments: &[&str]| String::from_utf8(annex.run(arguments).stdout).unwrap();
    eventually("it is given up", LONG, || text(&["outbox", "list"]).contains("dead"));
    is_plain("outbox list", &text(&["outbox", "list"]));
    let listed: Value = serde_json::from_str(&text(&["outbox", "list", "--json"])).unwrap();
    let key = listed[0]["key"].as_str().unwrap().to_owned();
    is_plain("outbox show", &text(&["outbox", "show", &key]));
    is_plain("outbox show", &text(&["outbox", "show", &key, "--json"]));
}

#[test]
fn hooks_and_logs_of_an_account_are_shown_plainly() {
    let one = json!({"id": 12, "url": "http://x/v1/hooks/12", "name": HOSTILE, "type": "webhook", "active": true, "queues": [HOSTILE],
        "events": [HOSTILE], "config": {"url": HOSTILE, "secret": "s"}, "message": HOSTILE, "request_id": HOSTILE, "status": HOSTILE,
        "timestamp": HOSTILE, "log_level": HOSTILE, "action": HOSTILE, "event": HOSTILE, "annotation_id": HOSTILE, "response": HOSTILE});
    let server = Erp::start(move |_, _| {
        Reply::ok(
            &json!({"pagination": {"total": 1, "total_pages": 1, "next": null}, "results": [one]})
                .to_string(),
        )
    });
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("ROSSUM_URL", &*format!("http://{}/v1", server.address)),
        ("ROSSUM_TOKEN", "t"),
        ("HOME", "/nonexistent"),
    ];
    for command in
        [&["hook", "list"][..], &["hook", "logs", "12"], &["queue", "list"], &["hook", "list", "--json"]]
    {
        is_plain(&command.join(" "), &run_in(folder.path(), command, &environment));
    }
}

#[test]
fn what_rossum_refuses_and_what_is_asked_for_is_said_plainly() {
    let folder = tempfile::tempdir().unwrap();
    for body in [
        json!({"detail": HOSTILE}).to_string(),
        json!({HOSTILE: [HOSTILE, "a\nFORGED"]}).to_string(),
        HOSTILE.to_owned(),
    ] {
        let server = Erp::start(move |_, _| Reply::status(403, &body));
        let url = format!("http://{}/v1", server.address);
        let environment = [("ROSSUM_URL", &*url), ("ROSSUM_TOKEN", "t"), ("HOME", "/nonexistent")];
        let commands: [&[&str]; 6] = [
            &["hook", "list"],
            &["queue", "list"],
            &["rule", "list"],
            &["schema", "get", "5"],
            &["hook", "logs"],
            &["hook", "delete", "12", "--yes"],
        ];
        for command in commands {
            is_plain(&command.join(" "), &run_in(folder.path(), command, &environment));
        }
    }
    let commands: [&[&str]; 13] = [
        &[HOSTILE],
        &["status", HOSTILE],
        &["hook", HOSTILE],
        &["completions", HOSTILE],
        &["serve", "--log", HOSTILE],
        &["serve", "--dev-http", "--inspector", HOSTILE],
        &["status", "--admin", HOSTILE],
        &["send", "--to", HOSTILE],
        &["send", HOSTILE, "--to", "http://127.0.0.1:1/"],
        &["data", "drop", HOSTILE, "--state", "state"],
        &["data", "import", "v", HOSTILE, "--state", "state"],
        &["outbox", "show", HOSTILE, "--state", "state"],
        &["test", HOSTILE],
    ];
    for command in commands {
        is_plain(&command.join(" "), &run_in(folder.path(), command, &[]));
    }
    let hook = json!({"id": 12, "name": HOSTILE, "config": {"url": "https://a.example/x"}}).to_string();
    let server = Erp::start(move |_, _| Reply::ok(&hook));
    let url = format!("http://{}/v1", server.address);
    let environment = [("ROSSUM_URL", &*url), ("ROSSUM_TOKEN", "t"), ("HOME", "/nonexistent")];
    let dry = ["hook", "change", "12", "--dry-run", "--name", &format!("{HOSTILE}2")];
    is_plain("a dry run", &run_in(folder.path(), &dry, &environment));
}

/// What a person sees of a document on a terminal does not act, and a pipe has it byte by byte.
#[test]
fn a_dataset_is_exported_as_it_is_and_seen_plainly() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("v.jsonl"), &json!({"id": "1", "name": HOSTILE}).to_string());
    run_in(folder.path(), &["data", "import", "v", "v.jsonl", "--state", "state"], &[]);
    let annex = annex_command().get_program().to_str().unwrap().to_owned();
    for format in ["csv", "jsonl"] {
        let arguments = ["data", "export", "v", "--state", "state", "--format", format];
        let piped = run_in(folder.path(), &arguments, &[]);
        if format == "csv" {
            assert_eq!(piped, format!("id,name\n1,\"{HOSTILE}\"\n"));
        } else {
            let read: Value = serde_json::from_str(&piped).unwrap();
            assert_eq!(read["name"], HOSTILE);
        }
        let command = format!("{annex} {}", arguments.join(" "));
        let seen = std::process::Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(folder.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let seen = String::from_utf8(seen.stdout).unwrap().replace("\r\n", "\n");
        let acts: Vec<char> = seen
            .chars()
            .filter(|c| {
                c.is_control() && *c != '\n'
                    || matches!(c, '\u{202e}' | '\u{2066}' | '\u{200b}' | '\u{feff}' | '\u{2028}')
            })
            .collect();
        assert!(acts.is_empty() && seen.contains("FORGED"), "{format}: {acts:?} in {seen:?}");
    }
}

#[test]
fn the_log_is_plain_as_text_and_as_json() {
    for format in ["text", "json"] {
        let annex = Annex::dev_but(|command| {
            command.args(["--log-format", format, "--log", "debug"]);
        });
        assert_eq!(annex.client().deliver("/invoice_checks", payload("1").to_string()).status, 200);
        annex.logs("FORGED", LONG);
        let log = annex.log();
        is_plain(format, &log);
        if format == "json" {
            let line = log.lines().find(|line| line.contains("FORGED")).unwrap();
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["request_id"], HOSTILE, "it means what was sent");
        }
    }
}

#[test]
fn a_request_names_its_host_once_and_is_signed_once() {
    let annex = Annex::dev();
    let body = "{}";
    let (header, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
    let (old, old_value) = sign(Algorithm::Sha1, SECRET, body.as_bytes());
    let signed = format!("{header}: {value}\r\n");
    let wrong = format!("{header}: sha256={}\r\n", "0".repeat(64));
    for (version, headers, status) in [
        ("1.1", format!("host: x\r\n{signed}"), 200),
        ("1.1", signed.clone(), 400),
        ("1.1", format!("host: x\r\nhost: y\r\n{signed}"), 400),
        ("1.0", signed.clone(), 200),
        ("1.1", format!("host: x\r\n{signed}{wrong}"), 401),
        ("1.1", format!("host: x\r\n{wrong}{signed}"), 401),
        ("1.1", format!("host: x\r\n{signed}{signed}"), 401),
        ("1.1", format!("host: x\r\n{signed}{old}: {old_value}\r\n{old}: {old_value}\r\n"), 401),
        ("1.1", format!("host: x\r\n{signed}{old}: {old_value}\r\n"), 200),
    ] {
        let mut client = annex.client();
        client.send(
            format!("POST /invoice_checks HTTP/{version}\r\ncontent-length: 2\r\n{headers}\r\n{body}")
                .as_bytes(),
        );
        let answer = client.answer().unwrap();
        assert_eq!(answer.status, status, "HTTP/{version} {headers}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{status}");
    }
    annex.logs("no Host header, several, or one that names no host", LONG);
    annex.logs("more than one signature header", LONG);
}

#[test]
fn pages_that_listen_do_not_keep_others_from_the_admin_pages() {
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder.path().join("annex.toml"),
        "[server]\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n",
    );
    let port = free_port();
    let _annex = Annex::dev_inspected(folder, port);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut streams = Vec::new();
    for _ in 0..40 {
        let mut client = crate::support::Client::plain(address);
        client.send(b"GET /inspector/events HTTP/1.1\r\nhost: localhost\r\n\r\n");
        streams.push(client);
        std::thread::sleep(Duration::from_millis(30));
    }
    for page in ["/status", "/inspector/deliveries", "/readyz"] {
        let answer = crate::support::Client::plain(address).request_as("localhost", "GET", page, &[], b"");
        assert_eq!(answer.status, 200, "{page}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{page}");
    }
    assert!(streams[0].is_closed_within(LONG), "the oldest went");
}
