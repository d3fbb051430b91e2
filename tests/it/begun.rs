//! Exports that are made while Rossum waits, and that end without a known verdict: the server is killed in the middle of a
//! call, the answer is lost, the disk takes no note. What the other system sees, and what the person reads.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rossum_annex::signature::Algorithm;
use serde_json::{Value, json};

use crate::support::{Annex, Call, Client, Erp, Reply, SECRET, SmallDisk, sign, write};

const HOOK: &str = "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\n";

/// One direct call, which has two seconds.
fn config(erp: &Erp) -> String {
    format!(
        "{HOOK}use = \"export\"\nname = \"invoice\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n\
         [[target]]\nname = \"erp\"\nurl = \"http://{}/api/\"\ntimeout = \"2s\"\n",
        erp.address
    )
}

fn document(request_id: &str, number: &str) -> Value {
    let datapoint = json!({"id": 1, "schema_id": "document_id", "category": "datapoint",
        "content": {"value": number, "normalized_value": number}});
    json!({"request_id": request_id, "event": "annotation_content", "action": "export",
        "secrets": {"client_secret": "secret-of-the-client"},
        "annotation": {"id": 7, "content": [
            {"id": 100, "schema_id": "header", "category": "section", "children": [datapoint]}]}})
}

/// Exports it; the texts of the answer's messages.
#[track_caller]
fn export(annex: &Annex, request_id: &str, number: &str) -> Vec<String> {
    let answer = annex.client().deliver("/x", document(request_id, number).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    answer.json()["messages"].as_array().unwrap().iter().map(text).collect()
}

/// Exports it, and kills the server while the call that was the `calls`th hangs; starts it again.
#[track_caller]
fn kill_in_the_middle(annex: Annex, erp: &Erp, calls: usize, request_id: &str, number: &str) -> Annex {
    let body = document(request_id, number).to_string();
    let mut client = annex.client();
    let (name, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
    let length = body.len();
    let head = format!("POST /x HTTP/1.1\r\nhost: x\r\n{name}: {value}\r\ncontent-length: {length}\r\n\r\n");
    client.send((head + &body).as_bytes());
    erp.called(calls);
    annex.again("KILL")
}

fn keys(erp: &Erp) -> Vec<String> {
    erp.calls().iter().map(|call| call.key().to_owned()).collect()
}

/// Whether there is one message, with all of these words.
#[track_caller]
fn says(messages: &[String], words: &[&str]) {
    let all = messages.len() == 1 && words.iter().all(|word| messages[0].contains(word));
    assert!(all, "{words:?} in {messages:?}");
}

const NOTHING: [String; 0] = [];

#[test]
fn a_call_that_kill_9_cut_off_is_made_again_under_its_key_and_the_person_is_told() {
    let erp = Erp::start(|_, number| if number == 0 { Reply::Hang } else { Reply::ok("{}") });
    let annex = kill_in_the_middle(Annex::dev_with(&config(&erp)), &erp, 1, "r-1", "INV-1");
    let again = export(&annex, "r-2", "INV-1");
    let known = keys(&erp);
    assert_eq!(known[0], known[1], "another `request_id`, and the same key");
    assert_eq!(erp.calls()[0].body, erp.calls()[1].body);
    says(&again, &["may have been taken: invoice at erp", &known[0], "look whether it is there twice"]);
    annex.logs(&known[0], Duration::from_secs(1));
    // It went through: exported once more, on purpose, it is a new export, and nothing is said.
    assert_eq!(export(&annex, "r-3", "INV-1"), NOTHING);
    assert_ne!(keys(&erp)[2], known[0]);
}

#[test]
fn with_other_data_it_has_another_key_and_the_person_reads_the_old_one() {
    let erp = Erp::start(|_, number| if number == 0 { Reply::Hang } else { Reply::ok("{}") });
    let annex = kill_in_the_middle(Annex::dev_with(&config(&erp)), &erp, 1, "r-1", "INV-1");
    let changed = export(&annex, "r-2", "INV-2");
    let known = keys(&erp);
    assert_ne!(known[0], known[1], "a key has one body");
    says(&changed, &["This one has another key", "invoice at erp", &known[0]]);
    assert!(!changed[0].contains(&known[1]), "{changed:?}");
    assert_eq!(export(&annex, "r-3", "INV-2"), NOTHING);
    // Rossum may send other data under the same `request_id`.
    let erp = Erp::start(|_, number| if number == 0 { Reply::Hang } else { Reply::ok("{}") });
    let annex = kill_in_the_middle(Annex::dev_with(&config(&erp)), &erp, 1, "r-1", "INV-1");
    export(&annex, "r-1", "INV-2");
    assert_ne!(keys(&erp)[0], keys(&erp)[1], "a key has one body");
}

#[test]
fn what_ended_without_a_verdict_is_made_again_under_its_key() {
    for lost in [500, 503, 302, 408, 0, 1] {
        let erp = Erp::start(move |_, number| match (number, lost) {
            (2.., _) => Reply::ok("{}"),
            (_, 0) => Reply::Cut,
            (_, 1) => Reply::Hang,
            (_, status) => Reply::status(status, "oh"),
        });
        let annex = Annex::dev_with(&config(&erp));
        for request_id in ["r-1", "r-2"] {
            let failed = export(&annex, request_id, "INV-1");
            says(&failed, &["Perhaps taken: invoice at erp", &keys(&erp)[0], "under the same key"]);
        }
        let through = export(&annex, "r-3", "INV-1");
        let known = keys(&erp);
        assert!(known.len() == 3 && known.iter().all(|key| *key == known[0]), "{lost}: {known:?}");
        says(&through, &["invoice at erp", &known[0]]);
        assert_eq!(export(&annex, "r-4", "INV-1"), NOTHING);
        assert_ne!(keys(&erp)[3], known[0]);
    }
}

/// Nothing was taken, and everyone knows it: nothing is said of it afterwards.
#[test]
fn what_was_refused_for_good_is_another_call_the_next_time() {
    for status in [400, 401, 404, 409, 422, 429] {
        let erp = Erp::start(move |_, number| match number {
            0 => Reply::status(status, "no"),
            _ => Reply::ok("{}"),
        });
        let annex = Annex::dev_with(&config(&erp));
        let failed = export(&annex, "r-1", "INV-1");
        assert!(failed.len() == 1 && !failed[0].contains("erhaps"), "{status}: {failed:?}");
        assert_eq!(export(&annex, "r-2", "INV-1"), NOTHING, "{status}");
        assert_ne!(keys(&erp)[0], keys(&erp)[1]);
    }
}

#[test]
fn while_the_token_does_not_come_nothing_is_sent_and_nothing_said_afterwards() {
    let erp = Erp::start(|_, number| match number {
        0 => Reply::Hang,
        1 => Reply::ok(r#"{"access_token": "T-1"}"#),
        _ => Reply::ok("{}"),
    });
    let auth = format!(
        "timeout = \"2s\"\nauth = {{ token_url = \"http://{}/token\", client_id = \"annex\", client_secret = \"env:ROSSUM_SECRET\" }}",
        erp.address
    );
    let annex = Annex::dev_with(&config(&erp).replace("timeout = \"2s\"", &auth));
    let failed = export(&annex, "r-1", "INV-1");
    says(&failed, &["Nothing was sent to erp: Annex cannot get its token: "]);
    assert!(!failed[0].contains("erhaps"), "{failed:?}");
    assert_eq!(export(&annex, "r-2", "INV-1"), NOTHING);
}

/// A 422 says that a system which heeds the key took nothing under it; a 409, that the first try may be in work still; a 401,
/// nothing of it.
#[test]
fn a_second_try_that_is_refused_leaves_the_first_one_open() {
    for (refused, is_same) in [(422, false), (409, true), (401, true)] {
        let erp = Erp::start(move |_, number| match number {
            0 => Reply::Cut,
            1 => Reply::status(refused, "no"),
            _ => Reply::ok("{}"),
        });
        let annex = Annex::dev_with(&config(&erp));
        export(&annex, "r-1", "INV-1");
        let failed = export(&annex, "r-2", "INV-1");
        let first = keys(&erp)[0].clone();
        says(&failed, &["Perhaps taken: invoice at erp", &first]);
        assert_eq!(failed[0].contains("under the same key"), is_same, "{failed:?}");
        let through = export(&annex, "r-3", "INV-1");
        says(&through, &["may have been taken", &first]);
        let known = keys(&erp);
        assert_eq!(known[0], known[1]);
        assert_eq!(known[2] == first, is_same, "{refused}: {known:?}");
        assert_eq!(export(&annex, "r-4", "INV-1"), NOTHING);
    }
}

#[test]
fn a_run_of_several_calls_goes_on_at_the_one_that_was_cut_off() {
    let erp = Erp::start(|call, number| match (&*call.line, number) {
        ("POST /api/invoices", _) => Reply::ok(&format!(r#"{{"id": "E-{number}"}}"#)),
        (_, 1) => Reply::Hang,
        _ => Reply::ok("{}"),
    });
    let calls = "[[hook.step.call]]\nname = \"create\"\npath = \"invoices\"\nshape = \"json\"\n\
        [[hook.step.call]]\nname = \"submit\"\nmethod = \"PUT\"\npath = \"{{ answers.create.body.id }}\"\n[[target]]";
    let config = config(&erp).replace("path = \"invoices\"\nshape = \"json\"\n[[target]]", calls);
    let annex = kill_in_the_middle(Annex::dev_with(&config), &erp, 2, "r-1", "INV-1");
    let again = export(&annex, "r-2", "INV-1");
    let lines: Vec<String> = erp.calls().into_iter().map(|call| call.line).collect();
    assert_eq!(lines, ["POST /api/invoices", "PUT /api/E-0", "PUT /api/E-0"], "it was created once");
    says(&again, &["submit at erp", &keys(&erp)[1]]);
    assert_eq!(keys(&erp)[1], keys(&erp)[2]);
}

/// A login whose body has a secret, and what is sent after it.
fn processor(erp: &Erp, sends_secret: bool) -> Annex {
    processor_with(erp, sends_secret, "")
}

/// The same, with more keys of the step.
fn processor_with(erp: &Erp, sends_secret: bool, keys: &str) -> Annex {
    let base = format!("http://{}/", erp.address);
    let secret = if sends_secret { "{payload.secrets.client_secret}" } else { "none" };
    let call = |name: &str, content: Value| {
        json!({"name": name, "request": {"url": format!("{base}{name}"), "method": "POST",
            "content_type": "json", "content": content, "timeout": 1, "ignore_timeout": name == "login"}})
    };
    let settings = json!({"settings": {"stages": [{"call_api": [
        call("login", json!({"secret": secret})), call("create", json!({"number": "{field.document_id.value}"}))]}]}});
    let config =
        format!("{HOOK}use = \"request_processor\"\nname = \"erp\"\nsettings = \"requests.json\"\n{keys}");
    Annex::dev_with_files(&config, &[("requests.json", &settings.to_string())])
}

fn made(erp: &Erp, line: &str) -> Vec<Call> {
    erp.calls().into_iter().filter(|call| call.line == line).collect()
}

#[test]
fn a_run_of_the_request_processor_that_was_cut_off_has_the_same_keys() {
    for sends_secret in [false, true] {
        let creates = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&creates);
        let erp = Erp::start(move |call, _| match &*call.line {
            "POST /create" => match count.fetch_add(1, Ordering::Relaxed) {
                0 => Reply::Hang,
                1 => Reply::status(500, "oh"),
                2 => Reply::Cut,
                _ => Reply::ok(r#"{"id": "E-1"}"#),
            },
            _ => Reply::ok(r#"{"id": "token-of-the-session"}"#),
        });
        let annex = kill_in_the_middle(processor(&erp, sends_secret), &erp, 2, "r-1", "INV-1");
        let first = made(&erp, "POST /create")[0].key().to_owned();
        for request_id in ["r-2", "r-3"] {
            let failed = export(&annex, request_id, "INV-1");
            says(&failed, &["Perhaps taken: stage 1, call create at 127.0.0.1", &first]);
        }
        let kept = std::fs::read(annex.folder().join("state/outbox.sqlite-wal")).unwrap();
        for secret in ["secret-of-the-client", "token-of-the-session"] {
            let is_kept = kept.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_kept || !sends_secret, "{secret}");
            assert!(!annex.log().contains(secret), "{secret}");
        }
        let through = export(&annex, "r-4", "INV-1");
        says(&through, &["may have been taken", "call create at 127.0.0.1", &first]);
        let [creates, logins] = ["POST /create", "POST /login"].map(|line| made(&erp, line));
        assert!(creates.len() == 4 && creates.iter().all(|call| call.key() == first));
        // Its answer is kept, or it is asked for again, as the same.
        assert_eq!(logins.len(), if sends_secret { 4 } else { 1 });
        assert!(logins.iter().all(|call| call.key() == logins[0].key()));
        assert_eq!(export(&annex, "r-5", "INV-1"), NOTHING);
        assert_ne!(made(&erp, "POST /create")[4].key(), first);
    }
}

#[test]
fn a_run_of_the_request_processor_with_other_data_has_another_key() {
    let erp = Erp::start(|_, number| if number == 1 { Reply::Hang } else { Reply::ok("{}") });
    let annex = kill_in_the_middle(processor(&erp, false), &erp, 2, "r-1", "INV-1");
    let changed = export(&annex, "r-2", "INV-2");
    let creates = made(&erp, "POST /create");
    says(&changed, &["This one has another key", "call create at 127.0.0.1", creates[0].key()]);
    assert_ne!(creates[0].key(), creates[1].key());
    assert_eq!(export(&annex, "r-3", "INV-2"), NOTHING);
}

#[test]
fn a_run_that_goes_on_after_an_error_tells_the_key_too() {
    let erp = Erp::start(|_, number| match number {
        0 | 2 => Reply::status(500, "oh"),
        _ => Reply::ok("{}"),
    });
    let annex = processor_with(&erp, false, "errors = \"continue\"\n");
    let failed = export(&annex, "r-1", "INV-1");
    let first = keys(&erp)[0].clone();
    assert!(failed.iter().any(|text| text.contains("login: the answer has status 500")), "{failed:?}");
    assert!(failed.iter().any(|text| text.contains("Perhaps taken") && text.contains(&first)), "{failed:?}");
    export(&annex, "r-2", "INV-1");
    says(&export(&annex, "r-3", "INV-1"), &["may have been taken", &first]);
    let lines: Vec<String> = erp.calls().into_iter().map(|call| call.line).collect();
    assert_eq!(
        lines,
        ["POST /login", "POST /create", "POST /login", "POST /login"],
        "what was taken is not made again"
    );
    assert!([0, 2, 3].iter().all(|at| keys(&erp)[*at] == first));
}

/// Who passes over a time-out need not read of it, and yet what was sent has its key the next time.
#[test]
fn a_time_out_that_is_passed_over_is_told_only_where_the_call_is_made_again() {
    let erp = Erp::start(|_, number| match number {
        0 => Reply::Hang,
        1 => Reply::status(422, "no"),
        _ => Reply::ok("{}"),
    });
    let annex = processor(&erp, false);
    let failed = export(&annex, "r-1", "INV-1");
    assert!(failed.len() == 1 && !failed[0].contains("erhaps"), "{failed:?}");
    says(&export(&annex, "r-2", "INV-1"), &["login at 127.0.0.1", &keys(&erp)[0]]);
    assert_eq!(keys(&erp)[0], keys(&erp)[2]);
}

/// A file has no key: the same file is the same. With other data, two may be there.
#[test]
fn a_file_that_may_be_there_is_told_without_a_key() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "{HOOK}use = \"export\"\nname = \"lines\"\ntarget = \"bank\"\npath = \"{{{{ field.document_id }}}}.json\"\nshape = \"json\"\n\
         [[target]]\nname = \"bank\"\nurl = \"sftp://annex@{}/in\"\ntimeout = \"1s\"\nauth = {{ password = \"env:ROSSUM_SECRET\" }}\n\
         host_key = \"SHA256:uNiVztksCsDhcc0u9e8BrPqrvVYXkEJkuHDhzV0Uj7M\"\n",
        silent.local_addr().unwrap()
    );
    let annex = Annex::dev_with(&config);
    says(&export(&annex, "r-1", "INV-1"), &["Perhaps taken: lines at bank. Look there"]);
    says(&export(&annex, "r-2", "INV-1"), &["Perhaps taken: lines at bank. Look there"]);
    says(&export(&annex, "r-3", "INV-2"), &["Perhaps taken: lines at bank, lines at bank. Look there"]);
}

#[test]
fn where_the_disk_is_full_nothing_is_sent() {
    let erp = Erp::kind();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let Some(small) = SmallDisk::mount(&state, "3m") else { return };
    write(&folder.path().join("annex.toml"), &config(&erp));
    let annex = Annex::dev_in(folder, crate::support::free_port());
    assert_eq!(export(&annex, "r-0", "INV-0"), NOTHING);
    small.fill();
    let mut refused = 0;
    for number in 1..40 {
        let before = erp.calls().len();
        let told = export(&annex, &format!("r-{number}"), &format!("INV-{number}"));
        // What stands in the file's free pages is room still.
        if erp.calls().len() == before {
            says(&told, &["Nothing was sent", "cannot be noted"]);
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused} were refused");
    small.free();
    let sent = erp.calls().len();
    crate::support::eventually("it is sent again", Duration::from_secs(20), || {
        export(&annex, "r-100", "INV-100");
        erp.calls().len() > sent
    });
    drop(annex);
    drop(small);
}

#[test]
fn a_run_that_can_note_no_more_says_that_no_more_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let Some(small) = SmallDisk::mount(&folder.path().join("state"), "3m") else { return };
    let small = Arc::new(small);
    let filled = Arc::clone(&small);
    let erp = Erp::start(move |_, number| {
        if number == 0 {
            filled.fill();
        }
        // It is kept with the note of the next call, for which there is no room.
        Reply::ok(&json!({"id": "E-1", "all": "x".repeat(400_000)}).to_string())
    });
    let call =
        |name: &str| format!("[[hook.step.call]]\nname = \"{name}\"\npath = \"{name}\"\nshape = \"json\"\n");
    let step = "use = \"export\"\nname = \"invoice\"\ntarget = \"erp\"\n";
    let target = format!("[[target]]\nname = \"erp\"\nurl = \"http://{}/api/\"\n", erp.address);
    let config = format!("{HOOK}{step}{}{}{target}", call("head"), call("lines"));
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::dev_in(folder, crate::support::free_port());
    let told = export(&annex, "r-1", "INV-1");
    says(&told, &["No more was sent, since it cannot be noted", "Taken already: head (id E-1)"]);
    says(&told, &["That could not be noted on the server&#39;s disk: look there before you export again."]);
    assert!(!told.concat().contains("Nothing was sent"), "{told:?}");
    assert_eq!(erp.calls().len(), 1, "the second call was not made");
    drop(annex);
}

#[test]
fn where_no_note_can_be_read_or_written_nothing_is_sent() {
    let erp = Erp::kind();
    let annex = Annex::dev_with_files(&config(&erp), &[("state", "no folder")]);
    says(&export(&annex, "r-1", "INV-1"), &["Nothing was sent", "cannot be noted"]);
    assert_eq!(erp.calls().len(), 0);
    std::fs::remove_file(annex.folder().join("state")).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(export(&annex, "r-2", "INV-1"), NOTHING);
    // Where nobody reads a message, Rossum sends it again.
    let erp = Erp::kind();
    let text = config(&erp).replace("shape =", "events = [\"annotation_status.changed\"]\nshape =");
    let annex = Annex::dev_with_files(&text, &[("state", "no folder")]);
    let mut told = document("r-1", "INV-1");
    (told["event"], told["action"]) = (json!("annotation_status"), json!("changed"));
    let answer = Client::plain(annex.address).deliver("/x", told.to_string());
    assert_eq!((answer.status, erp.calls().len()), (503, 0));
}

/// Who tries it out as nobody in particular has no folder for it, and names none.
#[test]
fn in_dev_mode_without_a_state_folder_calls_are_made_and_the_log_says_what_is_not_known() {
    let erp = Erp::kind();
    let text = config(&erp).replace("state = \"state\"\n", "");
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &text);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let annex = Annex::dev_under(folder, |command| {
        command.env_remove("STATE_DIRECTORY");
        if is_root {
            command.uid(65_534); // who may make no folder in /var/lib
        }
    });
    assert_eq!(export(&annex, "r-1", "INV-1"), NOTHING);
    assert_eq!(erp.calls().len(), 1);
    annex.logs("what is sent is not noted", Duration::from_secs(1));
}

#[test]
fn a_call_that_was_made_again_is_told_where_its_run_fails_later() {
    let erp = Erp::start(|_, number| match number {
        0 => Reply::Cut,
        2 => Reply::status(422, "no"),
        _ => Reply::ok("{}"),
    });
    let annex = processor(&erp, false);
    export(&annex, "r-1", "INV-1");
    let first = keys(&erp)[0].clone();
    let failed = export(&annex, "r-2", "INV-1");
    let is_told =
        |text: &String| text.contains("It was sent again under the same key") && text.contains(&first);
    assert!(failed.iter().any(is_told), "{failed:?}");
    annex.logs(
        &format!("perhaps taken before: stage 1, call login at 127.0.0.1 (Idempotency-Key {first})"),
        Duration::from_secs(1),
    );
}

#[test]
fn a_caller_that_goes_away_is_in_the_log_the_metrics_and_the_inspector_and_leaves_a_note() {
    let erp = Erp::start(|_, number| if number == 0 { Reply::Hang } else { Reply::ok("{}") });
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &config(&erp));
    let port = crate::support::free_port();
    let annex = Annex::dev_inspected(folder, port);
    let body = document("r-1", "INV-1").to_string();
    let mut client = annex.client();
    let (name, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
    let length = body.len();
    let head = format!("POST /x HTTP/1.1\r\nhost: x\r\n{name}: {value}\r\ncontent-length: {length}\r\n\r\n");
    client.send((head + &body).as_bytes());
    erp.called(1);
    drop(client);
    annex.logs(
        "annotation 7 not answered: the caller closed the connection; request r-1",
        Duration::from_secs(10),
    );
    let get = |path: &str| {
        let mut client = Client::plain(([127, 0, 0, 1], port).into());
        let page = client.request_as(&format!("127.0.0.1:{port}"), "GET", path, &[], b"");
        String::from_utf8(page.body).unwrap()
    };
    let counted = "event=\"annotation_content.export\",verdict=\"caller_gone\"} 1";
    let metrics = get("/metrics");
    assert!(metrics.contains(counted), "{metrics}");
    let mut detail = Value::Null;
    crate::support::eventually("the inspector has it", Duration::from_secs(10), || {
        detail = serde_json::from_str(&get("/inspector/deliveries/1")).unwrap_or_default();
        detail["line"]["problem"].is_string()
    });
    let line = &detail["line"];
    assert_eq!(line["problem"], "the caller closed the connection before the answer", "{detail}");
    assert_eq!((&detail["more"]["request_id"], &line["status"]), (&json!("r-1"), &json!(499)), "{detail}");
    says(&export(&annex, "r-2", "INV-1"), &["may have been taken: invoice at erp", &keys(&erp)[0]]);
    assert_eq!(keys(&erp)[0], keys(&erp)[1]);
}
