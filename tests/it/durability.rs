//! What is kept and what is sent in the running binary while the disk is full, a step fails after another, a run fails halfway,
//! a target is slow.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, Call, Client, Erp, Reply, SmallDisk, eventually, free_port, write};

fn config(erp: &Erp, steps: &str) -> String {
    let address = erp.address;
    format!(
        "[server]\nstate = \"state\"\n\
         [[target]]\nname = \"erp\"\nurl = \"http://{address}/api/\"\ntimeout = \"20s\"\n\
         [[target]]\nname = \"slow\"\nurl = \"http://{address}/slow/\"\ntimeout = \"20s\"\nconcurrency = 2\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{steps}"
    )
}

fn queued(name: &str, target: &str, path: &str) -> String {
    format!(
        "[[hook.step]]\nuse = \"export\"\nname = \"{name}\"\ntarget = \"{target}\"\ndeliver = \"queued\"\npath = \"{path}\"\nshape = \"json\"\n"
    )
}

fn document(request_id: &str, annotation: u64, number: &str, filler: usize) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    json!({"request_id": request_id, "event": "annotation_content", "action": "export",
        "annotation": {"id": annotation, "content": [{"id": 100, "schema_id": "header", "category": "section", "children": [
            datapoint(1, "document_id", number), datapoint(2, "note", &"x".repeat(filler))]}]}})
}

/// The texts of an answer's messages.
#[track_caller]
fn deliver(annex: &Annex, document: &Value) -> Vec<String> {
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    answer["messages"].as_array().unwrap().iter().map(text).collect()
}

fn listed(annex: &Annex, state: &str) -> usize {
    let output = annex.run(&["outbox", "list", "--json", "--only", state, "--limit", "1000"]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().len()
}

fn times(calls: &[Call], line: &str) -> usize {
    calls.iter().filter(|call| call.line == line).count()
}

#[test]
fn a_full_disk_stops_what_cannot_be_noted_and_with_room_again_all_goes_on() {
    // Four are under way when the disk becomes full, and four have not begun.
    let erp = Erp::start(|_, _| {
        std::thread::sleep(Duration::from_secs(2));
        Reply::ok("{}")
    });
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let Some(small) = SmallDisk::mount(&state, "3m") else { return };
    write(&folder.path().join("annex.toml"), &config(&erp, &queued("a", "erp", "a")));
    let admin = free_port();
    let annex = Annex::dev_inspected(folder, admin);
    let page = |path: &str| {
        let mut client = Client::plain(([127, 0, 0, 1], admin).into());
        let answer = client.request_as(&format!("127.0.0.1:{admin}"), "GET", path, &[], b"");
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    assert_eq!(page("/readyz").0, 200);
    for number in 0..8 {
        assert_eq!(
            deliver(&annex, &document(&format!("r-{number}"), number, "INV", 50_000)),
            Vec::<String>::new()
        );
    }
    erp.called(4);
    small.fill();
    let (mut accepted, mut refused) = (0, 0);
    for number in 100..140 {
        match annex
            .client()
            .deliver("/x", document(&format!("r-{number}"), number, "INV", 50_000).to_string())
            .status
        {
            200 => accepted += 1,
            503 => refused += 1,
            status => panic!("{status}"),
        }
    }
    assert!(refused > 0, "{accepted} accepted");
    eventually("it is not ready", Duration::from_secs(20), || {
        let (status, text) = page("/readyz");
        status == 503 && text.contains("cannot write to the outbox")
    });
    assert!(page("/metrics").1.contains("annex_outbox_writable 0"));
    assert!(page("/status").1.contains("\"writable\":false"));
    // What was under way has ended by now, and what cannot be noted is not begun.
    std::thread::sleep(Duration::from_secs(6));
    let made = erp.calls().len();
    assert!(made <= 8 + accepted, "{made} calls for {} jobs", 8 + accepted);
    small.free();
    eventually("all are sent", Duration::from_secs(60), || listed(&annex, "sent") == 8 + accepted);
    eventually("it is ready", Duration::from_secs(20), || page("/readyz").0 == 200);
    assert!(page("/metrics").1.contains("annex_outbox_writable 1"));
    let mut taken: HashMap<String, usize> = HashMap::new();
    for call in erp.calls() {
        *taken.entry(call.key().to_owned()).or_default() += 1;
    }
    let most = taken.values().max().copied().unwrap_or(0);
    println!(
        "{accepted} accepted and {refused} refused while full, {made} calls, one key {most} times at most"
    );
    assert!(most <= 2, "{taken:?}");
    assert_eq!(deliver(&annex, &document("r-200", 200, "INV", 50_000)), Vec::<String>::new());
    eventually("it goes on", Duration::from_secs(20), || listed(&annex, "sent") == 9 + accepted);
    annex.logs("the outbox is writable again", Duration::from_secs(1));
    drop(annex);
    drop(small);
}

/// Somebody who reads the file for long keeps the write-ahead log until it fills the disk. After a kill the next process
/// empties it first.
#[test]
fn a_log_that_fills_a_small_disk_makes_room_at_the_next_start_and_while_it_serves() {
    let erp = Erp::kind();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let Some(small) = SmallDisk::mount(&state, "4m") else { return };
    write(&folder.path().join("annex.toml"), &config(&erp, &queued("a", "erp", "a")));
    let mut annex = Annex::dev_in(folder, free_port());
    let send = |annex: &Annex, number: u64| {
        annex
            .client()
            .deliver("/x", document(&format!("r-{number}"), number, "INV", 50_000).to_string())
            .status
    };
    assert_eq!(send(&annex, 0), 200);
    let log = || std::fs::metadata(state.join("outbox.sqlite-wal")).map_or(0, |known| known.len());
    let mut accepted = 1;
    for (first, ends) in [(1_000, "KILL"), (2_000, "nobody")] {
        let reader = rusqlite::Connection::open(state.join("outbox.sqlite")).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM job").unwrap();
        let refused = (first..first + 300).find(|number| match send(&annex, *number) {
            200 => false,
            status => status == 503,
        });
        accepted += usize::try_from(refused.expect("the disk is full") - first).unwrap();
        println!("full with a log of {} bytes", log());
        drop(reader);
        if ends == "KILL" {
            annex = annex.again(ends);
        }
        eventually("exports are accepted again", Duration::from_secs(20), || {
            let status = send(&annex, first + 999);
            status == 200
        });
        accepted += 1;
        eventually("all are sent", Duration::from_secs(60), || listed(&annex, "sent") == accepted);
        eventually("the log is small", Duration::from_secs(20), || log() < 1_100_000);
    }
    drop(annex);
    drop(small);
}

#[test]
fn queued_steps_of_a_delivery_go_together_or_not_at_all() {
    let erp = Erp::kind();
    let second = queued("b", "erp", "b").replace(
        "shape = \"json\"",
        "content_type = \"text/plain\"\ntemplate = \"{{ field.document_id | money }}\"",
    );
    let annex = Annex::dev_with(&config(&erp, &format!("{}{second}", queued("a", "erp", "a"))));
    let failed = deliver(&annex, &document("r-1", 7, "no amount", 0));
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed[0].contains("is not an amount"), "{failed:?}");
    assert!(failed[1].contains("not sent either"), "{failed:?}");
    assert_eq!(deliver(&annex, &document("r-1", 7, "no amount", 0)), failed, "repeated, it is the same");
    // The person corrects it and exports again.
    assert_eq!(deliver(&annex, &document("r-2", 7, "12.50", 0)), Vec::<String>::new());
    eventually("both are sent", Duration::from_secs(20), || listed(&annex, "sent") == 2);
    let calls = erp.calls();
    assert_eq!((times(&calls, "POST /api/a"), times(&calls, "POST /api/b"), calls.len()), (1, 1, 2));
}

#[test]
fn where_nothing_can_be_kept_nothing_of_a_delivery_is_sent() {
    let erp = Erp::kind();
    let now = queued("a", "erp", "a").replace("deliver = \"queued\"\n", "");
    let text = config(&erp, &format!("{now}{}", queued("b", "erp", "b")));
    let annex = Annex::dev_with_files(&text, &[("state", "no folder")]);
    annex.logs("cannot write to the outbox", Duration::from_secs(10));
    let send = || annex.client().deliver("/x", document("r-1", 7, "INV-1", 0).to_string()).status;
    for _ in 0..3 {
        assert_eq!(send(), 503);
    }
    assert_eq!(erp.calls().len(), 0);
    std::fs::remove_file(annex.folder().join("state")).unwrap();
    eventually("Rossum sends it again, and it is taken", Duration::from_secs(20), || send() == 200);
    eventually("both are sent", Duration::from_secs(20), || erp.calls().len() == 2);
}

const CALLS: &str = "[[hook.step]]\nuse = \"export\"\nname = \"n\"\ntarget = \"erp\"\n\
    [[hook.step.call]]\nname = \"create\"\npath = \"invoices\"\nshape = \"json\"\n\
    [[hook.step.call]]\nname = \"submit\"\nmethod = \"PUT\"\npath = \"invoices/{{ answers.create.body.id }}/submit\"\nshape = \"json\"\n";

#[test]
fn a_run_that_failed_halfway_is_told_and_taken_up_where_it_stood() {
    let erp = Erp::start(|call, number| match (&*call.line, number) {
        ("POST /api/invoices", _) => Reply::ok(&format!(r#"{{"id": "E-{number}"}}"#)),
        (_, 1) => Reply::status(422, "the period is closed"),
        (_, 2) => Reply::Cut,
        _ => Reply::ok("{}"),
    });
    let mut annex = Annex::dev_with(&config(&erp, CALLS));
    let failed = deliver(&annex, &document("r-1", 7, "INV-1", 0));
    assert!(failed[0].contains("the period is closed"), "{failed:?}");
    assert!(failed[0].contains("Taken already: create (id E-0)"), "{failed:?}");
    annex = annex.again("KILL");
    let failed = deliver(&annex, &document("r-2", 7, "INV-1", 0));
    assert!(failed[0].contains("Taken already: create (id E-0)"), "{failed:?}");
    assert!(failed[0].contains("Perhaps taken: submit at erp"), "{failed:?}");
    let through = deliver(&annex, &document("r-3", 7, "INV-1", 0));
    let calls = erp.calls();
    assert_eq!(times(&calls, "POST /api/invoices"), 1, "created once");
    assert_eq!(times(&calls, "PUT /api/invoices/E-0/submit"), 3);
    let cut = format!("submit at erp (Idempotency-Key {})", calls[2].key());
    assert!(through.len() == 1 && through[0].contains(&cut), "{through:?}");
    assert_eq!(calls[2].key(), calls[3].key());
    // A run that went through is forgotten: exported again on purpose, it is sent again.
    assert_eq!(deliver(&annex, &document("r-4", 7, "INV-1", 0)), Vec::<String>::new());
    assert_eq!(times(&erp.calls(), "POST /api/invoices"), 2);
}

/// What is known of a job that was sent is its key and a few words: the file does not keep a page for each.
#[test]
fn exports_that_were_sent_leave_little_behind() {
    let erp = Erp::kind();
    let annex = Annex::dev_with(&config(&erp, &queued("n", "erp", "invoices")));
    let file = annex.folder().join("state/outbox.sqlite");
    for number in 0..150 {
        assert_eq!(
            deliver(&annex, &document(&format!("r-{number}"), number, "INV-1", 3_000)),
            Vec::<String>::new()
        );
    }
    eventually("all are sent", Duration::from_secs(60), || listed(&annex, "sent") == 150);
    let folder = annex.stop("TERM");
    let size = std::fs::metadata(file).unwrap().len();
    assert!(size < 150 * 3_000, "{size} bytes for 150 exports of more than 3000 each");
    drop(folder);
}

/// A login page is no invoice that was made: where the answer was not understood, exporting again sends again.
#[test]
fn a_call_whose_answer_was_not_understood_does_not_count_as_taken() {
    let erp = Erp::start(|call, number| match (&*call.line, number) {
        ("POST /api/invoices", 0) => Reply::ok("<html>Please log in</html>"),
        ("POST /api/invoices", _) => Reply::ok(&format!(r#"{{"id": "E-{number}"}}"#)),
        _ => Reply::ok("{}"),
    });
    let annex = Annex::dev_with(&config(&erp, CALLS));
    let failed = deliver(&annex, &document("r-1", 7, "INV-1", 0));
    assert!(failed.len() == 1 && !failed[0].contains("Taken already"), "{failed:?}");
    assert!(failed[0].contains("look there before you export again"), "{failed:?}");
    let through = deliver(&annex, &document("r-2", 7, "INV-1", 0));
    let keys: Vec<String> = erp.calls().iter().map(|call| call.key().to_owned()).collect();
    assert_eq!(keys[0], keys[1], "it may have been taken: a system that heeds the key takes it once");
    assert!(through.len() == 1 && through[0].contains(&keys[0]), "{through:?}");
    let lines: Vec<String> = erp.calls().into_iter().map(|call| call.line).collect();
    assert_eq!(lines, ["POST /api/invoices", "POST /api/invoices", "PUT /api/invoices/E-1/submit"]);
}

/// Two clicks are one export: runs of one annotation follow each other, and one that waited for another with the same data
/// is that one. Exported again afterwards, on purpose, it is sent again.
#[test]
fn runs_of_one_annotation_follow_each_other_and_the_same_at_the_same_time_is_one() {
    let erp = Erp::start(|call, number| match (&*call.line, number) {
        ("POST /api/invoices", _) => {
            std::thread::sleep(Duration::from_millis(700));
            Reply::ok(&format!(r#"{{"id": "E-{number}"}}"#))
        }
        (_, 1) => Reply::status(422, "the period is closed"),
        _ => Reply::ok("{}"),
    });
    let annex = Annex::dev_with(&config(&erp, CALLS));
    let at_once = |requests: [(&str, u64, &str); 3]| -> Vec<usize> {
        std::thread::scope(|scope| {
            let annex = &annex;
            let all = requests.map(|(id, annotation, number)| {
                scope.spawn(move || deliver(annex, &document(id, annotation, number, 0)).len())
            });
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    };
    let create = |from: usize| times(&erp.calls()[from..], "POST /api/invoices");
    // The first fails halfway; those that waited go on where it stood.
    let failed = at_once([("r-1", 7, "INV-1"), ("r-2", 7, "INV-1"), ("r-3", 7, "INV-1")]);
    assert_eq!((failed.iter().sum::<usize>(), create(0)), (1, 1), "{failed:?}");
    let made = erp.calls().len();
    assert_eq!(deliver(&annex, &document("r-4", 7, "INV-1", 0)), Vec::<String>::new());
    assert_eq!(create(made), 1, "on purpose");
    // Other data is another export, and other annotations wait for none.
    let made = erp.calls().len();
    at_once([("r-5", 7, "INV-1"), ("r-6", 7, "INV-2"), ("r-7", 8, "INV-1")]);
    assert_eq!(create(made), 3);
}

/// Where nobody reads a message, what may pass is sent again by Rossum, and what was taken is not sent twice then. What
/// stays is in the log: sent again, it would fail again.
#[test]
fn an_export_that_fails_for_now_where_nobody_reads_is_sent_again_by_rossum() {
    let erp = Erp::start(|call, number| match (&*call.line, number) {
        ("POST /api/b", 1) => Reply::status(503, "a moment"),
        ("POST /api/b", 2) => Reply::Cut,
        ("POST /api/b", 4) => Reply::status(422, "no such vendor"),
        _ => Reply::ok("{}"),
    });
    let now = |path: &str| {
        let step = queued(path, "erp", path).replace("deliver = \"queued\"\n", "");
        format!("{step}events = [\"annotation_status.changed\"]\n")
    };
    let annex = Annex::dev_with(&config(&erp, &format!("{}{}", now("a"), now("b"))));
    let send = |request_id: &str| {
        let mut told = document(request_id, 7, "INV-1", 0);
        told["event"] = json!("annotation_status");
        told["action"] = json!("changed");
        annex.client().deliver("/x", told.to_string()).status
    };
    assert_eq!([send("r-1"), send("r-1"), send("r-1")], [503, 503, 200]);
    let calls = erp.calls();
    assert_eq!((times(&calls, "POST /api/a"), times(&calls, "POST /api/b")), (1, 3));
    let keys: std::collections::HashSet<_> = calls.iter().skip(1).map(|call| call.key().to_owned()).collect();
    assert_eq!(keys.len(), 1, "the same export");
    // Another one, which the other system refuses for good.
    assert_eq!(erp.calls().len(), 4);
    let mut refused = 0;
    for request_id in ["r-2", "r-2"] {
        refused += usize::from(send(request_id) != 200);
    }
    assert_eq!(refused, 0, "Rossum would try in vain");
    annex.logs("step failed", Duration::from_secs(5));
}

#[test]
fn a_run_with_other_data_is_made_anew_and_says_that_there_may_be_two() {
    let erp = Erp::start(|call, number| match (&*call.line, number) {
        ("POST /api/invoices", _) => Reply::ok(&format!(r#"{{"id": "E-{number}"}}"#)),
        (_, 1) => Reply::status(422, "no such vendor"),
        _ => Reply::ok("{}"),
    });
    let annex = Annex::dev_with(&config(&erp, CALLS));
    assert_eq!(deliver(&annex, &document("r-1", 7, "INV-1", 0)).len(), 1);
    let corrected = deliver(&annex, &document("r-2", 7, "INV-2", 0));
    assert!(corrected.len() == 1 && corrected[0].contains("create (id E-0)"), "{corrected:?}");
    assert!(corrected[0].contains("Look whether it is there twice"), "{corrected:?}");
    let lines: Vec<String> = erp.calls().into_iter().map(|call| call.line).collect();
    let create = "POST /api/invoices";
    assert_eq!(lines, [create, "PUT /api/invoices/E-0/submit", create, "PUT /api/invoices/E-2/submit"]);
}

#[test]
fn a_step_that_was_sent_is_not_sent_again_when_one_after_it_failed() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = Arc::clone(&is_broken);
    let erp = Erp::start(move |call, _| {
        if call.line.ends_with("/b") && broken.load(Ordering::Relaxed) {
            Reply::status(422, "no")
        } else {
            Reply::ok("{}")
        }
    });
    let now = |path: &str| queued(path, "erp", path).replace("deliver = \"queued\"\n", "");
    let annex = Annex::dev_with(&config(&erp, &format!("{}{}", now("a"), now("b"))));
    assert_eq!(deliver(&annex, &document("r-1", 7, "INV-1", 0)).len(), 1);
    is_broken.store(false, Ordering::Relaxed);
    assert_eq!(deliver(&annex, &document("r-2", 7, "INV-1", 0)), Vec::<String>::new());
    let calls = erp.calls();
    assert_eq!((times(&calls, "POST /api/a"), times(&calls, "POST /api/b")), (1, 2));
}

#[test]
fn a_slow_target_does_not_keep_an_instant_one_waiting() {
    let erp = Erp::start(|call, _| {
        if call.line.contains("/slow/") {
            std::thread::sleep(Duration::from_secs(4));
        }
        Reply::ok("{}")
    });
    let steps = format!(
        "{}{}",
        queued("a", "slow", "a"),
        "[[hook]]\npath = \"/y\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n".to_owned() + &queued("b", "erp", "b")
    );
    let annex = Annex::dev_with(&config(&erp, &steps));
    for number in 0..30 {
        deliver(&annex, &document(&format!("r-{number}"), number, "INV-1", 0));
    }
    erp.called(2);
    for number in 0..20 {
        let answer =
            annex.client().deliver("/y", document(&format!("q-{number}"), number, "INV-1", 0).to_string());
        assert_eq!(answer.status, 200);
    }
    eventually("the instant ones are sent", Duration::from_secs(20), || {
        times(&erp.calls(), "POST /api/b") == 20
    });
    // At most two at a time, each for 4 s: what the slow one has taken meanwhile is a part.
    assert!(times(&erp.calls(), "POST /slow/a") < 15, "{}", times(&erp.calls(), "POST /slow/a"));
    let check = |concurrency: &str| {
        let text = config(&erp, &steps).replace("concurrency = 2", &format!("concurrency = {concurrency}"));
        write(&annex.folder().join("annex.toml"), &text);
        String::from_utf8(annex.run(&["check", "--dev-http"]).stderr).unwrap()
    };
    assert!(check("0").contains("`concurrency` is 0, and must be from 1 to 32"));
    assert!(check("33").contains("`concurrency` is 33, and must be from 1 to 32"));
}
