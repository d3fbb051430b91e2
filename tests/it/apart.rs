//! Trouble stays where it is: what one delivery waits for, or what a stranger does, costs the others nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use rossum_annex::signature::Algorithm;

use crate::support::{Annex, Erp, Reply, SECRET, eventually, sign};

fn annotation_of(request_id: &str) -> u32 {
    request_id.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))
}

/// A document of some size whose `amount_total` is 12.50; each request is about an annotation of its own, since exports of
/// one annotation follow each other.
fn document(request_id: &str, action: &str, size: usize) -> String {
    let annotation = annotation_of(request_id);
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    json!({"request_id": request_id, "event": "annotation_content", "action": action,
        "annotation": {"id": annotation, "content": [
            {"id": 100, "schema_id": "header", "category": "section", "children": [
                datapoint(1, "document_id", "INV-1"), datapoint(2, "amount_total", "12.50"),
                datapoint(3, "notes", &"n".repeat(size))]}]}})
    .to_string()
}

fn config(erp: &Erp, answer: &str) -> String {
    format!(
        "[server]\nstate = \"state\"\n\
         [[target]]\nname = \"erp\"\nurl = \"http://{}/\"\ntimeout = \"20s\"\n\
         [[hook]]\npath = \"/slow\"\nsecrets = [\"env:ROSSUM_SECRET\"]\nanswer = \"{answer}\"\n\
         [[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n\
         [[hook]]\npath = \"/quick\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"checks\"\n\
         [[hook.step.check]]\nfield = \"document_id\"\npattern = '^[0-9]+$'\nmessage = \"no number\"\n",
        erp.address
    )
}

/// Another system that answers once it is allowed to.
fn patient(open: &Arc<AtomicBool>) -> Erp {
    let open = Arc::clone(open);
    Erp::start(move |_, _| {
        let patience = Instant::now();
        while !open.load(Ordering::Relaxed) && patience.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Reply::ok("{}")
    })
}

/// Large deliveries that wait, several at a time, and large ones of another hook that do not.
#[test]
fn a_large_delivery_that_waits_for_its_target_keeps_no_other_from_a_core() {
    for answer in ["direct", "async"] {
        let open = Arc::new(AtomicBool::new(false));
        let erp = patient(&open);
        let annex = Annex::dev_with(&config(&erp, answer));
        let statuses = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in 0..6 {
                let (annex, statuses) = (&annex, &statuses);
                scope.spawn(move || {
                    let body = document(&format!("slow-{number}"), "export", 120_000);
                    let status = annex.client().deliver("/slow", body).status;
                    statuses.lock().unwrap().push(status);
                });
            }
            erp.called(6);
            // All six wait for the other system, and none of these waits for them.
            for number in 0..20 {
                let body = document(&format!("quick-{number}"), "initialize", 120_000);
                let answer = annex.client().deliver("/quick", body);
                assert_eq!(answer.status, 200);
                assert_eq!(answer.json()["messages"][0]["content"], "no number");
            }
            let waiting = statuses.lock().unwrap().iter().filter(|status| **status == 200).count();
            assert_eq!(waiting, 0, "{answer}: the other system has not answered yet");
            open.store(true, Ordering::Relaxed);
        });
        let expected = if answer == "async" { 202 } else { 200 };
        assert_eq!(*statuses.lock().unwrap(), [expected; 6]);
    }
}

/// The hook's `timeout` holds for a large delivery too, wherever it waits.
#[test]
fn a_large_delivery_ends_at_its_hooks_timeout() {
    let erp = patient(&Arc::new(AtomicBool::new(false)));
    let config = config(&erp, "direct").replace("answer = \"direct\"", "timeout = \"1s\"");
    let annex = Annex::dev_with(&config);
    let started = Instant::now();
    let answer = annex.client().deliver("/slow", document("r-1", "export", 120_000));
    assert!(matches!(answer.status, 200 | 504), "{answer:?}");
    if answer.status == 200 {
        assert_eq!(answer.json()["messages"][0]["type"], "error", "{answer:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

/// Rossum was told that it will be done: the end of the server waits for it, and what came of it is in the log.
#[test]
fn the_end_of_the_server_waits_for_deliveries_that_were_promised() {
    let open = Arc::new(AtomicBool::new(false));
    let erp = patient(&open);
    let annex = Annex::dev_with(&config(&erp, "async"));
    assert_eq!(annex.client().deliver("/slow", document("r-1", "export", 10)).status, 202);
    erp.called(1);
    annex.signal("TERM");
    annex.logs("stopping; running deliveries have", Duration::from_secs(10));
    std::thread::sleep(Duration::from_millis(500));
    open.store(true, Ordering::Relaxed);
    annex.logs("/slow", Duration::from_secs(10));
    let said = || annex.log().lines().any(|line| line.contains("r-1") || line.contains("annotation 7"));
    eventually("the delivery is logged", Duration::from_secs(10), said);
    let _: Value = erp.calls()[0].json();
}

/// What the end of the server cuts off is told one by one, and nothing is told after that it stopped.
#[test]
fn each_delivery_and_export_that_the_end_cuts_off_is_told_by_name() {
    for answer in ["direct", "async"] {
        let erp = patient(&Arc::new(AtomicBool::new(false)));
        let config = config(&erp, answer).replace("[server]\n", "[server]\nlimits = { drain = \"1s\" }\n");
        let mut annex = Annex::dev_with(&config);
        let held: Vec<_> = (0..3)
            .map(|number| {
                let mut client = annex.client();
                let body = document(&format!("cut-{number}"), "export", if number == 2 { 120_000 } else { 10 });
                let (header, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
                let length = body.len();
                client.send(
                    format!("POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{header}: {value}\r\n\r\n{body}")
                        .as_bytes(),
                );
                client
            })
            .collect();
        erp.called(3);
        annex.signal("TERM");
        assert_eq!(annex.ended(Duration::from_secs(10)).code(), Some(0));
        let log = annex.log();
        for number in 0..3 {
            let annotation = annotation_of(&format!("cut-{number}"));
            let line = format!("slow annotation {annotation} not answered: the server stopped");
            let told: Vec<_> = log.lines().filter(|one| one.contains(&line)).collect();
            assert_eq!(told.len(), 1, "{answer}: {log}");
            assert!(told[0].ends_with(&format!("request cut-{number}")), "{log}");
        }
        assert!(log.lines().last().unwrap().contains("stopped while"), "{answer}: {log}");
        drop(held);
    }
}

/// Strangers with a well-formed false signature take all the memory of bodies and then bring a byte now and then. Every
/// signed delivery is answered all the same, small and large.
#[test]
fn strangers_whose_bodies_take_all_the_memory_keep_no_signed_delivery_out() {
    let config = "[server.limits]\nbody_memory = \"8MiB\"\n\
        [[hook]]\npath = \"/quick\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
        [[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = [\"document_id\"]\n";
    let annex = Annex::dev_with(config);
    let over = AtomicBool::new(false);
    let over = &over;
    let claim = |length: usize| {
        format!(
            "POST /quick HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\
             x-rossum-signature-sha256: sha256={}\r\n\r\n",
            "0".repeat(64)
        )
    };
    // Large ones to begin with; then small ones as well, which take the reserve.
    let strangers: Vec<(usize, usize)> =
        (0..8).map(|_| (20_000_000, 1_200_000)).chain((0..12).map(|_| (250_000, 249_000))).collect();
    std::thread::scope(|scope| {
        for (length, at_once) in strangers {
            let (claim, annex) = (claim(length), &annex);
            scope.spawn(move || {
                use std::io::Write as _;
                while !over.load(Ordering::Relaxed) {
                    let Ok(mut socket) = std::net::TcpStream::connect(annex.address) else { continue };
                    let began = socket
                        .write_all(claim.as_bytes())
                        .and_then(|()| socket.write_all(&vec![b' '; at_once]));
                    let mut goes_on = began.is_ok();
                    for _ in 0..100 {
                        std::thread::sleep(Duration::from_millis(20));
                        goes_on = goes_on && !over.load(Ordering::Relaxed);
                    }
                    goes_on = goes_on && socket.write_all(b" ").is_ok();
                    let _ = goes_on;
                }
            });
        }
        let started = Instant::now();
        std::thread::sleep(Duration::from_millis(600));
        let mut refused = 0;
        for number in 0..150 {
            let size = if number % 10 == 9 { 400_000 } else { 40_000 };
            let answer =
                annex.client().deliver("/quick", document(&format!("r-{number}"), "initialize", size));
            refused += usize::from(answer.status != 200);
            std::thread::sleep(Duration::from_millis(20));
        }
        over.store(true, Ordering::Relaxed);
        assert_eq!(refused, 0, "of 150, within {:?}", started.elapsed());
    });
    let log = annex.log();
    assert!(
        log.contains("a slow body made room for others"),
        "the memory was never full: the attack attacked nothing"
    );
}

/// The same delivery again gets the place that it was promised, and runs once.
#[test]
fn a_delivery_that_comes_again_is_promised_the_same_place() {
    let open = Arc::new(AtomicBool::new(false));
    let erp = patient(&open);
    let annex = Annex::dev_with(&config(&erp, "async"));
    let deliver = |id: &str| annex.client().deliver("/slow", document(id, "export", 10));
    let place = |id: &str| {
        let answer = deliver(id);
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.header("location").unwrap().to_owned()
    };
    let first = place("r-1");
    erp.called(1);
    for _ in 0..50 {
        assert_eq!(place("r-1"), first);
    }
    assert_ne!(place("r-2"), first);
    open.store(true, Ordering::Relaxed);
    erp.called(2);
    let path = first.split_once("/.annex").map(|(_, path)| format!("/.annex{path}")).unwrap();
    eventually("the result is there", Duration::from_secs(10), || {
        annex.client().request("GET", &path, &[], b"").status == 201
    });
    assert_eq!(erp.calls().len(), 2, "it ran once");
}
