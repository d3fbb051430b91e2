//! The step `export` and the outbox in the running binary, against another system that takes everything, fails, hangs,
//! cuts connections; with `kill -9` under load, a full disk and deliveries that come again.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Annex, Call, Client, Erp, Reply, denied, eventually, free_port, write};

pub(crate) fn config(erp: &Erp, steps: &str) -> String {
    let address = erp.address;
    format!(
        "[server]\nstate = \"state\"\n\
         [[target]]\nname = \"erp\"\nurl = \"http://{address}/api/\"\ntimeout = \"2s\"\n\
         [[target]]\nname = \"files\"\nfolder = \"out\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{steps}"
    )
}

const QUEUED: &str = "[[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\ndeliver = \"queued\"\n\
    path = \"invoices\"\nshape = \"json\"\nnumbers = [\"amount_total\"]\n";

const NOW: &str = "[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n\
    problem = \"/message\"\nwarning = [202]\nwrite = { erp_id = \"/invoice/id\", erp_status = \"status\" }\n";

pub(crate) fn document(request_id: &str, annotation: u64, number: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    json!({"request_id": request_id, "event": "annotation_content", "action": "export",
        "rossum_authorization_token": "TOKEN-OF-THE-DELIVERY", "secrets": {"erp_key": "SECRET-OF-THE-HOOK"},
        "annotation": {"id": annotation, "content": [
            {"id": 100, "schema_id": "header", "category": "section", "children": [
                datapoint(1, "document_id", number), datapoint(2, "amount_total", "12.50"),
                datapoint(3, "erp_id", ""), datapoint(4, "erp_status", "")]},
            {"id": 200, "schema_id": "lines", "category": "section", "children": [
                {"id": 201, "schema_id": "line_items", "category": "multivalue", "children": [
                    {"id": 202, "schema_id": "line_item", "category": "tuple", "children": [
                        datapoint(203, "item_description", "bolts; \"M8\""), datapoint(204, "item_amount", "3.5")]}]}]}]}})
}

#[track_caller]
pub(crate) fn deliver(annex: &Annex, document: &Value) -> Value {
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

pub(crate) fn messages(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = answer["messages"].as_array().unwrap();
    list.iter().map(|message| (text(&message["type"]), text(&message["content"]))).collect()
}

/// What a refusal says.
fn messages_of(refusal: &Value) -> String {
    refusal["messages"][0]["content"].as_str().unwrap_or_default().to_owned()
}

/// Exports in a state, as the command line lists them.
pub(crate) fn listed(annex: &Annex, state: &str) -> Vec<Value> {
    let output = annex.run(&["outbox", "list", "--json", "--only", state]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().clone()
}

#[track_caller]
pub(crate) fn eventually_listed(annex: &Annex, state: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} exports are {state}"), Duration::from_secs(20), || {
        listed(annex, state).len() == count
    });
    listed(annex, state)
}

#[test]
fn a_retried_export_is_sent_once_and_a_new_one_again() {
    let erp = Erp::kind();
    let annex = Annex::dev_with(&config(&erp, QUEUED));
    let first = deliver(&annex, &document("r-1", 7, "INV-1"));
    assert_eq!(deliver(&annex, &document("r-1", 7, "INV-1")), first);
    erp.called(1);
    deliver(&annex, &document("r-2", 7, "INV-1"));
    let calls = erp.called(2);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(erp.calls().len(), 2, "the retried one is not sent again");
    assert_eq!(calls[0].line, "POST /api/invoices");
    assert_eq!(calls[0].header("content-type"), Some("application/json"));
    assert!(calls[0].text().contains("\"amount_total\":12.50"), "{}", calls[0].text());
    assert_eq!(calls[0].json()["line_items"][0]["item_description"], "bolts; \"M8\"");
    assert_ne!(calls[0].key(), calls[1].key());
    let sent = eventually_listed(&annex, "sent", 2);
    assert_eq!((&sent[0]["annotation"], &sent[0]["courier"]), (&json!("7"), &json!("x/erp")));
    let requests: HashSet<_> = sent.iter().map(|job| job["request_id"].as_str().unwrap()).collect();
    assert_eq!(requests, HashSet::from(["r-1", "r-2"]));
    annex.logs("(repeated: answered again)", Duration::from_secs(1));
}

#[test]
fn what_fails_is_tried_again_with_the_same_key_and_body_when_the_target_says() {
    let erp = Erp::start(|_, number| match number {
        0 => Reply::Answer(503, "later".to_owned(), "retry-after: 1\r\n"),
        1 => Reply::Cut,
        _ => Reply::ok("{}"),
    });
    let annex = Annex::dev_with(&config(&erp, QUEUED));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    let start = Instant::now();
    let calls = erp.called(2);
    assert!(start.elapsed() > Duration::from_millis(800), "it asked for a second: {:?}", start.elapsed());
    eventually("both failures are noted", Duration::from_secs(20), || {
        listed(&annex, "waiting").first().is_some_and(|job| job["attempts"] == 2)
    });
    let waiting = eventually_listed(&annex, "waiting", 1);
    assert!(waiting[0]["problem"].as_str().unwrap().contains("the connection broke"), "{waiting:?}");
    let calls = [calls, erp.called(3)].concat();
    let same = |call: &Call| (call.key().to_owned(), call.body.clone());
    assert_eq!(calls.iter().map(same).collect::<HashSet<_>>().len(), 1);
    eventually_listed(&annex, "sent", 1);
}

#[test]
fn what_can_never_succeed_is_given_up_with_the_targets_words_and_retried_by_a_person() {
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let erp = Erp::start(move |_, _| {
        if state.load(Ordering::Relaxed) {
            Reply::status(422, r#"{"message": "unknown supplier"}"#)
        } else {
            Reply::ok("{}")
        }
    });
    let annex = Annex::dev_with(&config(&erp, &format!("{QUEUED}problem = \"/message\"\n")));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    let dead = eventually_listed(&annex, "dead", 1);
    assert_eq!(dead[0]["problem"], "call erp: erp answered with status 422: unknown supplier");
    let key = dead[0]["key"].as_str().unwrap();
    let show = annex.run(&["outbox", "show", &key[..8]]);
    let text = String::from_utf8(show.stdout).unwrap();
    assert!(text.contains("POST invoices") && text.contains("unknown supplier"), "{text}");
    let body = annex.run(&["outbox", "show", key, "--body"]).stdout;
    assert_eq!(body, erp.calls()[0].body);
    broken.store(false, Ordering::Relaxed);
    assert!(annex.run(&["outbox", "retry", key]).status.success());
    let calls = erp.called(2);
    assert_eq!((calls[0].key(), &calls[0].body), (calls[1].key(), &calls[1].body));
    eventually_listed(&annex, "sent", 1);
    let again = annex.run(&["outbox", "retry", key]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("is sent: there is nothing to retry"));
    let none = annex.run(&["outbox", "show", "nothing"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no export nothing"));
}

const CALLS: &str = r#"
[[hook.step]]
use = "export"
name = "erp"
target = "erp"
deliver = "queued"
[[hook.step.call]]
name = "create"
path = "invoices"
shape = "json"
[[hook.step.call]]
name = "skipped"
when = "{{ field.amount_total | float > 1000 }}"
path = "large"
[[hook.step.call]]
name = "attach"
method = "PUT"
path = "invoices/{{ answers.create.body.id }}/lines"
headers = { "X-Document" = "{{ field.document_id }}" }
template = "{% for line in line_items %}{{ line.item_description }};{{ line.item_amount | money }}\n{% endfor %}"
content_type = "text/csv"
escape = "csv"
separator = ";"
"#;

#[test]
fn an_export_of_several_calls_goes_on_at_the_one_that_failed() {
    let erp = Erp::start(|call, number| match (&*call.line, number) {
        ("POST /api/invoices", _) => Reply::ok(r#"{"id": "E 1/2"}"#),
        (_, 1) => Reply::status(500, "down"),
        (_, 2) => Reply::Hang,
        _ => Reply::status(204, ""),
    });
    let mut annex = Annex::dev_with(&config(&erp, CALLS));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    erp.called(3);
    // While the second call hangs.
    annex = annex.again("KILL");
    let calls = erp.called(4);
    let lines: Vec<_> = calls.iter().map(|call| call.line.as_str()).collect();
    assert_eq!(lines[0], "POST /api/invoices");
    assert!(lines[1..].iter().all(|line| *line == "PUT /api/invoices/E%201%2F2/lines"), "{lines:?}");
    assert_eq!(calls[3].text(), "\"bolts; \"\"M8\"\"\";3.50\n");
    assert_eq!(calls[3].header("x-document"), Some("INV-1"));
    assert_eq!(calls[1..].iter().map(Call::key).collect::<HashSet<_>>().len(), 1);
    assert_ne!(calls[0].key(), calls[1].key());
    eventually_listed(&annex, "sent", 1);
}

#[test]
fn exports_of_one_annotation_keep_their_order_and_others_do_not_wait_for_them() {
    let erp = Erp::start(|call, number| match number {
        0 => Reply::status(503, ""),
        _ if call.text().contains("INV-1") => Reply::ok("{}"),
        _ => Reply::ok("{}"),
    });
    let annex = Annex::dev_with(&config(&erp, QUEUED));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    erp.called(1);
    deliver(&annex, &document("r-2", 7, "INV-1b"));
    deliver(&annex, &document("r-3", 8, "INV-2"));
    let calls = erp.called(4);
    let order: Vec<_> =
        calls.iter().map(|call| call.json()["document_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(order, ["INV-1", "INV-2", "INV-1", "INV-1b"]);
}

#[test]
fn while_rossum_waits_the_status_decides_and_the_answer_is_written_back() {
    let erp = Erp::start(|_, number| match number {
        0 => Reply::status(201, r#"{"invoice": {"id": 17}}"#),
        1 => Reply::status(202, r#"{"message": "needs <approval>", "invoice": {"id": "E-2"}}"#),
        2 => Reply::status(422, r#"{"message": "unknown supplier"}"#),
        3 => Reply::Hang,
        4 => Reply::Cut,
        _ => Reply::Garbage,
    });
    let annex = Annex::dev_with(&config(&erp, NOW));
    let of = |number: usize| deliver(&annex, &document(&format!("r-{number}"), 7, "INV-1"));
    let first = of(0);
    assert_eq!(messages(&first), []);
    let written = |answer: &Value| {
        let list = answer["operations"].as_array().unwrap().clone();
        list.iter().map(|o| (o["id"].clone(), o["value"]["content"]["value"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(written(&first), [(json!(3), json!("17")), (json!(4), json!("201"))]);
    let warned = of(1);
    let text = "erp answered with status 202: needs &lt;approval&gt;".to_owned();
    assert_eq!(messages(&warned), [("warning".to_owned(), text)]);
    assert_eq!(written(&warned)[0], (json!(3), json!("E-2")));
    let refused = of(2);
    assert_eq!(
        messages(&refused),
        [("error".to_owned(), "erp answered with status 422: unknown supplier".to_owned())]
    );
    assert_eq!(written(&refused), []);
    let start = Instant::now();
    let hung = messages(&of(3));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(hung[0].1.contains("erp did not answer in time. It may have taken the export"), "{hung:?}");
    let cut = messages(&of(4));
    assert!(cut[0].1.contains("The connection to erp broke"), "{cut:?}");
    let garbage = messages(&of(5));
    assert!(garbage[0].1.contains("The connection to erp broke"), "{garbage:?}");
    let log = annex.log();
    assert!(log.contains("step failed: call 1: erp answered with status 422"), "{log}");
}

#[test]
fn a_target_that_is_down_costs_no_delivery_its_time_out_for_long() {
    let erp = Erp::start(|_, _| Reply::Hang);
    let text = config(&erp, NOW).replace("\"2s\"", "\"300ms\"");
    let annex = Annex::dev_with(&text);
    for number in 0..5 {
        deliver(&annex, &document(&format!("r-{number}"), 7, "INV-1"));
    }
    let start = Instant::now();
    let answer = messages(&deliver(&annex, &document("r-6", 7, "INV-1")));
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    assert!(answer[0].1.contains("Nothing was sent: export again later."), "{answer:?}");
    assert_eq!(erp.calls().len(), 5);
    annex.logs("it failed several times in a row and is left alone", Duration::from_secs(1));
}

#[test]
fn a_delivery_that_comes_while_the_same_one_runs_waits_for_its_answer() {
    let erp = Erp::start(|_, _| {
        std::thread::sleep(Duration::from_millis(700));
        Reply::ok(r#"{"invoice": {"id": "E-1"}}"#)
    });
    let annex = Annex::dev_with(&config(&erp, NOW));
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..4).map(|_| scope.spawn(|| deliver(&annex, &document("r-1", 7, "INV-1")))).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0] && !answer["operations"][0].is_null()));
    assert_eq!(erp.calls().len(), 1);
}

#[test]
fn an_answer_is_known_after_a_kill_and_forgotten_after_its_window() {
    let erp = Erp::start(|_, number| Reply::ok(&format!("{{\"invoice\": {{\"id\": \"E-{number}\"}}}}")));
    let text = config(&erp, NOW).replace("path = \"/x\"", "path = \"/x\"\nrepeat_window = \"2s\"");
    let mut annex = Annex::dev_with(&text);
    let first = deliver(&annex, &document("r-1", 7, "INV-1"));
    annex = annex.again("KILL");
    assert_eq!(deliver(&annex, &document("r-1", 7, "INV-1")), first);
    assert_eq!(erp.calls().len(), 1);
    std::thread::sleep(Duration::from_millis(2_300));
    assert_ne!(deliver(&annex, &document("r-1", 7, "INV-1")), first);
    let calls = erp.calls();
    assert_eq!((calls.len(), calls[0].key()), (2, calls[1].key()), "the target still knows it");
}

#[test]
fn what_takes_long_is_promised_and_found_at_its_place_and_a_person_never_waits_twice() {
    let erp = Erp::start(|call, _| {
        if call.text().contains("INV-BAD") {
            return Reply::Hang;
        }
        std::thread::sleep(Duration::from_millis(600));
        Reply::ok(r#"{"invoice": {"id": "E-1"}}"#)
    });
    let step = format!("answer = \"async\"\n{NOW}events = [\"annotation_content\"]\n");
    let annex = Annex::dev_with(&config(&erp, &step));
    let poll = |place: &str| {
        let path = place.split_once("hooks.example.test").unwrap().1.to_owned();
        annex.client().request("GET", &path, &[], b"")
    };
    let start = Instant::now();
    let promised = annex.client().deliver("/x", document("r-1", 7, "INV-1").to_string());
    assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
    let place = promised.header("location").unwrap().to_owned();
    assert_eq!(promised.status, 202);
    assert!(place.starts_with("http://hooks.example.test/.annex/results/"), "{place}");
    assert_eq!(poll(&place).status, 202);
    eventually("the result is there", Duration::from_secs(5), || poll(&place).status == 201);
    assert_eq!(poll(&place).json()["operations"][0]["value"]["content"]["value"], "E-1");
    // The same one again has the same place.
    let again = annex.client().deliver("/x", document("r-1", 7, "INV-1").to_string());
    let other = again.header("location").unwrap().to_owned();
    assert_eq!((other, erp.calls().len()), (place.clone(), 1));
    // Where a person waits, the answer is direct.
    let mut interactive = document("r-2", 7, "INV-1");
    interactive["action"] = json!("updated");
    let answer = annex.client().deliver("/x", interactive.to_string());
    assert_eq!((answer.status, answer.header("location")), (200, None));
    assert_eq!(poll("hooks.example.test/.annex/results/0123").status, 404);
    assert!(!annex.log().contains(place.rsplit('/').next().unwrap()), "the place is for Rossum only");
}

#[test]
fn nothing_is_accepted_that_cannot_be_kept_and_other_hooks_go_on() {
    let erp = Erp::kind();
    let other = "[[hook]]\npath = \"/y\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = [\"document_id\"]\n";
    let annex = Annex::dev_with_files(
        &format!("{}events = [\"annotation_content\"]\n{other}", config(&erp, QUEUED)),
        &[("state", "no folder")],
    );
    let refused = annex.client().deliver("/x", document("r-1", 7, "INV-1").to_string());
    assert_eq!(refused.status, 503, "Rossum sends it again: {refused:?}");
    assert!(messages_of(&refused.json()).contains("it was not accepted"), "{refused:?}");
    assert!(refused.header("retry-after").is_some());
    // Nobody sends again what a person waits for.
    let mut interactive = document("r-1", 7, "INV-1");
    interactive["action"] = json!("started");
    let answer = messages(&deliver(&annex, &interactive));
    assert!(answer[0].0 == "error" && answer[0].1.contains("it was not accepted"), "{answer:?}");
    let checked = annex.client().deliver("/y", document("r-2", 7, "INV-1").to_string());
    assert_eq!((checked.status, messages(&checked.json())), (200, vec![]));
    annex.logs(
        "cannot write to the outbox, so Annex accepts and sends no exports: the state folder",
        Duration::from_secs(3),
    );
    std::fs::remove_file(annex.folder().join("state")).unwrap();
    std::thread::sleep(Duration::from_millis(2_100));
    assert_eq!(messages(&deliver(&annex, &document("r-3", 7, "INV-1"))), []);
    erp.called(1);
}

#[test]
fn a_full_disk_accepts_nothing_and_loses_nothing() {
    let erp = Erp::start(|_, _| Reply::status(503, ""));
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
        .arg(&state)
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("NOT RUN: it needs the right to mount a file system");
        return;
    }
    write(&folder.path().join("annex.toml"), &config(&erp, QUEUED));
    let annex = Annex::dev_in(folder, free_port());
    let (mut accepted, mut refused) = (0, 0);
    for number in 0..150 {
        let mut document = document(&format!("r-{number}"), number, "INV-1");
        document["annotation"]["content"][0]["children"][0]["content"]["normalized_value"] =
            json!("x".repeat(30_000));
        let answer = annex.client().deliver("/x", document.to_string());
        match answer.status {
            200 => accepted += 1,
            503 => refused += 1,
            _ => panic!("{answer:?}"),
        }
    }
    let kept = listed(&annex, "waiting").len();
    annex.logs("the disk is full", Duration::from_secs(1));
    let folder = annex.stop("TERM");
    let unmounted = std::process::Command::new("umount").arg(folder.path().join("state")).status().unwrap();
    assert!(unmounted.success());
    assert!(accepted > 3 && refused > 3, "{accepted} accepted, {refused} refused");
    assert_eq!(kept, accepted);
}

#[test]
fn the_doctor_asks_the_targets_and_sends_nothing() {
    let erp = Erp::start(|call, _| {
        if call.line.starts_with("HEAD") { Reply::status(404, "") } else { Reply::status(422, "") }
    });
    let annex = Annex::dev_with(&config(&erp, QUEUED));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    eventually_listed(&annex, "dead", 1);
    let text = config(&erp, QUEUED)
        .replace("state = \"state\"", "state = \"state\"\ndomains = [\"x.invalid\"]\nadmin = \"off\"");
    write(&annex.folder().join("annex.toml"), &text);
    let said = String::from_utf8(annex.run(&["doctor"]).stdout).unwrap();
    assert!(said.contains("api/, answers (status 404)"), "{said}");
    denied("no export has failed; {waiting} wait", &said, "1 exports have failed and were given up");
    assert_eq!(erp.calls().iter().filter(|call| call.line.starts_with("POST")).count(), 1);
}

#[test]
fn exports_of_one_delivery_have_keys_of_their_own() {
    let erp = Erp::kind();
    // Without names, and with the same target.
    let now = "[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"a\"\nshape = \"json\"\n";
    let annex = Annex::dev_with(&config(&erp, &format!("{now}{}", now.replace("\"a\"", "\"b\""))));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    let calls = erp.called(2);
    assert_ne!(calls[0].key(), calls[1].key());
    // Two that would take each other's jobs are refused.
    let annex = Annex::dev();
    write(&annex.folder().join("annex.toml"), &config(&erp, &format!("{QUEUED}{QUEUED}")));
    let said = String::from_utf8(annex.run(&["check", "--dev-http"]).stderr).unwrap();
    assert!(said.contains("two exports have the name `x/erp`"), "{said}");
}

#[test]
fn no_value_of_a_document_and_no_word_of_the_target_is_in_the_log() {
    let erp =
        Erp::start(|call, _| Reply::status(422, &format!("{{\"message\": \"what is {}?\"}}", call.text())));
    let step =
        |name: &str, rest: &str| format!("[[hook.step]]\nuse = \"export\"\nname = \"{name}\"\n{rest}\n");
    let steps = [
        step("a", "target = \"erp\"\nshape = \"json\""),
        step("c", "target = \"erp\"\ntemplate = \"{{ field.document_id | money }}\""),
        step("d", "target = \"erp\"\ntemplate = \"{{ field.document_id | float }}\""),
        step(
            "e",
            "target = \"erp\"\npath = \"{% if field.document_id != 'x' %}../../{% endif %}{{ field.document_id }}\"\nshape = \"json\"",
        ),
        // A path that no document can have is refused at load: this one leads out with some values only.
        step(
            "f",
            "target = \"files\"\npath = \"{{ '../' if field.document_id != 'x' }}{{ field.document_id }}\"\nshape = \"json\"",
        ),
    ];
    let annex = Annex::dev_with(&config(&erp, &steps.concat()));
    let answer = messages(&deliver(&annex, &document("r-1", 7, "VALUE-OF-A-DOCUMENT")));
    assert_eq!(answer.len(), 5, "{answer:?}");
    assert!(answer[0].1.contains("what is"), "the person reads it: {answer:?}");
    let first = annex.log();
    let queued = step("b", "target = \"erp\"\nshape = \"json\"\ndeliver = \"queued\"");
    let annex = Annex::dev_with(&config(&erp, &queued));
    deliver(&annex, &document("r-1", 7, "VALUE-OF-A-DOCUMENT"));
    let dead = eventually_listed(&annex, "dead", 1);
    assert!(dead[0]["problem"].as_str().unwrap().contains("VALUE-OF-A-DOCUMENT"), "so does the operator");
    let log = first + &annex.log();
    assert!(!log.contains("VALUE-OF-A-DOCUMENT") && !log.contains("what is"), "{log}");
    assert!(log.contains("export given up: call b: erp answered with status 422"), "{log}");
}

#[test]
fn changed_calls_send_nothing_that_was_not_accepted() {
    let erp = Erp::start(
        |_, number| if number == 1 { Reply::status(503, "") } else { Reply::ok(r#"{"id": "E-1"}"#) },
    );
    let annex = Annex::dev_with(&config(&erp, CALLS));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    erp.called(2);
    // The first call is gone: what was the third is the second now.
    let (before, after) = CALLS.split_once("[[hook.step.call]]\nname = \"skipped\"").unwrap();
    let head = before.split("[[hook.step.call]]").next().unwrap();
    let less = format!("{head}[[hook.step.call]]\nname = \"skipped\"{after}")
        .replace("answers.create.body.id", "field.document_id");
    write(&annex.folder().join("annex.toml"), &config(&erp, &less));
    annex.signal("HUP");
    let dead = eventually_listed(&annex, "dead", 1);
    let problem = dead[0]["problem"].as_str().unwrap();
    assert!(problem.contains("its calls were create, skipped, attach"), "{problem}");
    // Dev mode sees what is saved by itself, beside the signals.
    let reloads = || annex.log().matches("configuration reloaded").count();
    let before = reloads();
    write(&annex.folder().join("annex.toml"), &config(&erp, CALLS));
    eventually("reloaded", Duration::from_secs(5), || reloads() > before);
    assert!(annex.run(&["outbox", "retry", dead[0]["key"].as_str().unwrap()]).status.success());
    let calls = erp.called(3);
    assert_eq!((calls[1].key(), &calls[1].line), (calls[2].key(), &calls[2].line));
    eventually_listed(&annex, "sent", 1);
}

#[test]
fn files_are_whole_and_stay_in_their_folder() {
    let erp = Erp::kind();
    let step = "[[hook.step]]\nuse = \"export\"\ntarget = \"files\"\npath = \"{{ field.document_id }}.xml\"\nshape = \"ubl\"\n";
    let step = step.to_owned()
        + "values = { issue_date = \"2026-11-05\", currency = \"EUR\", supplier_name = \"A\", customer_name = \"B\", total = \"3.5\" }\n\
        fields = { line_total = \"item_amount\", total = \"\" }\n";
    let annex = Annex::dev_with(&config(&erp, &step));
    assert_eq!(messages(&deliver(&annex, &document("r-1", 7, "2026/INV-1"))), []);
    let text = std::fs::read_to_string(annex.folder().join("out/2026/INV-1.xml")).unwrap();
    assert!(
        text.contains("<cbc:Name>bolts; &quot;M8&quot;</cbc:Name>") && text.ends_with("</Invoice>\n"),
        "{text}"
    );
    for name in ["../escape", "/etc/escape", "a/../../b", ".hidden"] {
        let answer = messages(&deliver(&annex, &document(&format!("r-{name}"), 7, name)));
        assert!(answer[0].1.contains("could not be sent to files"), "{name}: {answer:?}");
    }
    let left: Vec<_> = std::fs::read_dir(annex.folder().join("out/2026")).unwrap().collect();
    assert_eq!(left.len(), 1, "no drafts are left: {left:?}");
}

#[test]
fn a_token_is_fetched_once_kept_and_fetched_anew_when_it_is_refused() {
    let erp = Erp::start(|call, number| {
        if call.line == "POST /token" {
            return Reply::ok(&format!("{{\"access_token\": \"token-{number}\", \"expires_in\": 3600}}"));
        }
        // The first token is good for two calls.
        match (call.header("authorization"), number) {
            (Some("Bearer token-0"), 0..3) => Reply::ok(r#"{"invoice": {"id": 1}}"#),
            (Some("Bearer token-0") | None, _) => Reply::status(401, ""),
            _ => Reply::ok(r#"{"invoice": {"id": 1}}"#),
        }
    });
    let auth = format!(
        "timeout = \"2s\"\nauth = {{ token_url = \"http://{}/token\", client_id = \"annex\", client_secret = \"env:ROSSUM_SECRET\", scope = \"invoices\" }}",
        erp.address
    );
    let annex = Annex::dev_with(&config(&erp, NOW).replace("timeout = \"2s\"", &auth));
    for number in 0..3 {
        let answer = deliver(&annex, &document(&format!("r-{number}"), 7, "INV-1"));
        assert_eq!(messages(&answer), [], "{number}");
    }
    let calls = erp.calls();
    let lines: Vec<_> = calls.iter().map(|call| call.line.trim_start_matches("POST ")).collect();
    assert_eq!(
        lines,
        ["/token", "/api/invoices", "/api/invoices", "/api/invoices", "/token", "/api/invoices"]
    );
    assert_eq!(calls[0].text(), "grant_type=client_credentials&scope=invoices");
    assert!(calls[0].header("authorization").unwrap().starts_with("Basic "));
    assert!(!annex.log().contains("token-"), "no token in the log");
}

#[test]
fn a_form_has_the_document_as_a_part() {
    let erp = Erp::kind();
    let step = format!("{NOW}multipart = \"file\"\nparts = {{ kind = \"{{{{ field.document_id }}}}\" }}\n");
    let annex = Annex::dev_with(&config(&erp, &step));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    let call = &erp.called(1)[0];
    assert!(call.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
    let text = call.text();
    assert!(text.contains("name=\"kind\"\r\n\r\nINV-1\r\n"), "{text}");
    assert!(
        text.contains("name=\"file\"; filename=\"document.json\"\r\nContent-Type: application/json\r\n"),
        "{text}"
    );
}

#[test]
fn a_changed_configuration_carries_on_what_was_accepted_and_a_field_leads_nowhere_else() {
    let erp = Erp::start(|_, number| if number == 0 { Reply::status(503, "") } else { Reply::ok("{}") });
    let annex = Annex::dev_with(&config(&erp, QUEUED));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    erp.called(1);
    let moved = config(&erp, QUEUED).replace("/api/", "/v2/");
    write(&annex.folder().join("annex.toml"), &moved);
    annex.signal("HUP");
    annex.logs("configuration reloaded", Duration::from_secs(5));
    assert_eq!(erp.called(2)[1].line, "POST /v2/invoices");
    let away = "[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"{{ field.document_id }}\"\nshape = \"json\"\n";
    let reloads = || annex.log().matches("configuration reloaded").count();
    let before = reloads();
    write(&annex.folder().join("annex.toml"), &config(&erp, away));
    eventually("reloaded", Duration::from_secs(5), || reloads() > before);
    for path in ["../../admin", "http://127.0.0.1:1/x", "//127.0.0.1:1/x", "..\\..\\admin", "%2e%2e/admin"] {
        let answer = messages(&deliver(&annex, &document(&format!("r-{path}"), 7, path)));
        for call in erp.calls() {
            assert!(call.line.starts_with("POST /api/") || call.line == "POST /v2/invoices", "{}", call.line);
        }
        assert!(answer.len() <= 1);
    }
}

#[test]
fn what_is_kept_holds_no_token_and_no_secret_and_nothing_once_it_is_sent() {
    let erp = Erp::start(|_, number| if number == 0 { Reply::status(503, "") } else { Reply::ok("{}") });
    let step = format!("{QUEUED}headers = {{ x = \"{{{{ payload.annotation.id }}}}\" }}\n");
    let annex = Annex::dev_with(&config(&erp, &step));
    deliver(&annex, &document("r-1", 7, "INV-VERY-SECRET"));
    erp.called(1);
    let kept = || -> Vec<u8> {
        let files = std::fs::read_dir(annex.folder().join("state")).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    };
    let holds = |text: &str| kept().windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("INV-VERY-SECRET"), "else this test looks in the wrong place");
    for secret in ["TOKEN-OF-THE-DELIVERY", "SECRET-OF-THE-HOOK"] {
        assert!(!holds(secret), "{secret}");
        assert!(!annex.log().contains(secret));
    }
    assert_eq!(erp.called(2)[1].header("x"), Some("7"));
    eventually_listed(&annex, "sent", 1);
    let sent = listed(&annex, "sent");
    let shown = annex.run(&["outbox", "show", sent[0]["key"].as_str().unwrap(), "--body"]);
    assert_eq!(shown.stdout, b"");
}

#[test]
fn the_page_about_exports_is_true() {
    let page = std::fs::read_to_string("docs/export.md").unwrap();
    let block = page.split("```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
    let erp = Erp::kind();
    let annex =
        Annex::dev_with(&block.replace("https://erp.example.com", &format!("http://{}", erp.address)));
    let answer = annex.client().deliver("/export", document("r-1", 7, "INV/1").to_string());
    assert_eq!((answer.status, messages(&answer.json())), (200, vec![("error".to_owned(),
        "The export could not be made (call 1): line 1: undefined value: `line.item_code` is undefined. Tell the people who run this extension.".to_owned()),
        ("error".to_owned(), "The other exports of this document were not sent either: they go together. Export again.".to_owned())]));
    let mut complete = document("r-2", 7, "INV/2");
    for (id, schema_id, value) in [(205, "item_code", "A,1"), (206, "item_total", "7")] {
        let cell = json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
        complete["annotation"]["content"][1]["children"][0]["children"][0]["children"]
            .as_array_mut()
            .unwrap()
            .push(cell);
    }
    let answer = annex.client().deliver("/export", complete.to_string());
    assert_eq!((answer.status, messages(&answer.json())), (200, vec![]));
    let call = &erp.called(1)[0];
    assert_eq!(
        (call.line.as_str(), call.header("authorization")),
        ("POST /api/invoices", Some("Bearer a secret of the tests"))
    );
    assert!(call.text().contains("\"amount_total\":12.50"));
    let lines = std::fs::read_to_string(annex.folder().join("exported/INV%2F2.csv")).unwrap();
    assert_eq!(lines, "INV/2,\"A,1\",7.00\n");
}

/// What the other system saw, by key.
type Seen = HashMap<String, HashSet<Vec<u8>>>;

#[test]
fn every_accepted_export_arrives_whatever_is_killed_and_no_key_has_two_bodies() {
    let kills: usize = std::env::var("EXPORT_KILLS").map_or(15, |text| text.parse().unwrap());
    // It fails now and then, and is slow; later it is well.
    let failing = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&failing);
    let erp = Erp::start(move |_, number| match number % 23 {
        3 if fails.load(Ordering::Relaxed) => Reply::status(500, ""),
        14 if fails.load(Ordering::Relaxed) => Reply::Cut,
        _ => {
            std::thread::sleep(Duration::from_millis(u64::try_from(number % 3).unwrap()));
            Reply::ok("{}")
        }
    });
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &config(&erp, QUEUED));
    let start = |folder| Annex::dev_in(folder, port);
    let mut annex = start(folder);
    let stop = Arc::new(AtomicBool::new(false));
    let accepted = Arc::new(Mutex::new(HashSet::new()));
    let address = annex.address;
    let senders: Vec<_> = (0..3)
        .map(|sender| {
            let (stop, accepted) = (Arc::clone(&stop), Arc::clone(&accepted));
            std::thread::spawn(move || {
                let mut number = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let id = format!("r-{sender}-{number}");
                    let body = document(&id, sender * 1_000 + number % 97, &id).to_string();
                    // As Rossum: what is not answered is sent again.
                    for _ in 0..200 {
                        if let Some(answer) = Client::try_deliver(address, "/x", &body)
                            && answer.status == 200
                            && answer.json()["messages"].as_array().is_some_and(Vec::is_empty)
                        {
                            accepted.lock().unwrap().insert(id);
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    std::thread::sleep(Duration::from_millis(8));
                }
            })
        })
        .collect();
    for kill in 0..kills {
        // Random enough: it meets accepting, sending, noting and starting.
        std::thread::sleep(Duration::from_millis(40 + u64::try_from(kill * 37 % 211).unwrap()));
        annex = start(annex.stop("KILL"));
    }
    stop.store(true, Ordering::Relaxed);
    failing.store(false, Ordering::Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }
    let accepted = accepted.lock().unwrap().clone();
    let seen = || {
        let mut seen = Seen::new();
        let mut documents = HashSet::new();
        for call in erp.calls() {
            documents.insert(call.json()["document_id"].as_str().unwrap().to_owned());
            seen.entry(call.key().to_owned()).or_default().insert(call.body);
        }
        (seen, documents)
    };
    let limit = Duration::from_secs(60) + Duration::from_millis(500) * u32::try_from(kills).unwrap();
    eventually("all exports are sent", limit, || listed(&annex, "waiting").is_empty());
    assert_eq!(listed(&annex, "dead").len(), 0);
    let (seen, documents) = seen();
    let calls = erp.calls().len();
    println!("{kills} kills: {} accepted, {} keys seen in {calls} calls", accepted.len(), seen.len());
    let lost: Vec<_> = accepted.difference(&documents).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(seen.values().all(|bodies| bodies.len() == 1), "a key with two bodies");
    assert_eq!(seen.len(), documents.len(), "a document under two keys");
    assert!(accepted.len() > kills, "{} accepted", accepted.len());
}

#[test]
fn an_older_export_is_not_sent_over_a_newer_one_by_mistake() {
    let erp = Erp::start(|_, number| if number == 0 { Reply::status(422, "no") } else { Reply::ok("{}") });
    let annex = Annex::dev_with(&config(&erp, QUEUED));
    deliver(&annex, &document("r-1", 7, "INV-old"));
    let dead = eventually_listed(&annex, "dead", 1);
    deliver(&annex, &document("r-2", 7, "INV-new"));
    eventually_listed(&annex, "sent", 1);
    let key = dead[0]["key"].as_str().unwrap();
    let refused = annex.run(&["outbox", "retry", key]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && text.contains("a later export of annotation 7 was already sent"),
        "{text}"
    );
    assert_eq!(erp.calls().len(), 2);
    assert!(annex.run(&["outbox", "retry", key, "--force"]).status.success());
    eventually_listed(&annex, "sent", 2);
}

#[test]
fn a_call_that_is_under_way_is_finished_before_the_server_ends() {
    let erp = Erp::start(|_, _| {
        std::thread::sleep(Duration::from_millis(1_500));
        Reply::ok("{}")
    });
    let annex = Annex::dev_with(&config(&erp, QUEUED));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    erp.called(1);
    let annex = annex.again("TERM");
    eventually_listed(&annex, "sent", 1);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(erp.calls().len(), 1, "it was sent again: {:?}", erp.calls().len());
    annex.logs("export sent", Duration::from_secs(1));
}

#[test]
fn an_answer_that_repeats_what_proves_who_we_are_comes_without_it() {
    const TOKEN: &str = "token-0123456789abcdef";
    // A page for debugging: it shows the request.
    let erp = Erp::start(|call, _| {
        let shown = call.header("authorization").or(call.header("x-key")).unwrap_or_default();
        Reply::status(400, &format!("you sent: {shown}"))
    });
    let step = "[[hook.step]]\nuse = \"export\"\ntarget = \"own\"\npath = \"invoices\"\nshape = \"json\"\n";
    for (auth, says) in [
        ("{ bearer = \"file:token\" }", "you sent: Bearer ***"),
        ("{ header = \"X-Key\", value = \"file:token\" }", "you sent: ***"),
        ("{ user = \"annex\", password = \"file:token\" }", "you sent: Basic ***"),
    ] {
        let target =
            format!("[[target]]\nname = \"own\"\nurl = \"http://{}/\"\nauth = {auth}\n", erp.address);
        let text = config(&erp, step).replace("[[hook]]", &format!("{target}[[hook]]"));
        let annex = Annex::dev_with_files(&text, &[("token", TOKEN)]);
        let said = deliver(&annex, &document("r-1", 7, "INV-1")).to_string();
        assert!(said.contains(says) && !said.contains(TOKEN), "{said}");
    }
}
