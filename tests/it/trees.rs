//! Foreign JSON as trees in memory: another system's answer and a delivery that a step reads as a whole have a bound, share
//! their memory, keep nobody waiting, and are gone when they are done with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use rossum_annex::rossum::{Journal, Payload};
use rossum_annex::txscript::{Document, Schema, TooLarge};

use crate::exports::{config, deliver, document, messages};
use crate::support::{Annex, Erp, Reply, eventually};

/// A hook that no other keeps waiting.
const QUICK: &str = "[[hook]]\npath = \"/quick\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"checks\"\n\
    [[hook.step.check]]\nfield = \"document_id\"\npattern = '^[0-9]+$'\nmessage = \"no number\"\n";

/// 840 kB of small objects: a tree of more than 50 MB.
fn small_objects() -> String {
    format!("{{\"id\": \"E-1\", \"list\": [{}]}}", vec!["{\"a\":1}"; 105_000].join(","))
}

/// 840 kB as other systems really answer.
fn records() -> String {
    let record = |id: usize| json!({"id": id, "name": format!("vendor {id} Ltd. of Springfield"), "city": "Springfield", "iban": "CZ6508000000192000145399", "tags": ["a", "b"]});
    json!({"id": "E-1", "list": (0..6_000).map(record).collect::<Vec<_>>()}).to_string()
}

fn json_reply(body: &str) -> Reply {
    Reply::Answer(200, body.to_owned(), "content-type: application/json\r\n")
}

/// A server whose hook sends each export to the other system and reads the answer: by `$jmespath`, or by `write`.
fn server(erp: &Erp, reads: &str) -> Annex {
    if reads == "write" {
        let step = "[[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n\
            write = { erp_id = \"/id\" }\n";
        return Annex::dev_with(&format!("{}{QUICK}", config(erp, step).replace("\"2s\"", "\"20s\"")));
    }
    if reads == "answers" {
        let step = "[[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\n\
            [[hook.step.call]]\nname = \"one\"\npath = \"invoices\"\nshape = \"json\"\n\
            [[hook.step.call]]\nname = \"two\"\npath = \"submitted\"\ntemplate = \"{{ answers.one.body | length }}\"\n";
        return Annex::dev_with(&format!("{}{QUICK}", config(erp, step).replace("\"2s\"", "\"20s\"")));
    }
    let settings = json!({"stages": [{"call_api": [{"name": "create", "request": {"url": format!("http://{}/invoices", erp.address), "method": "POST", "content_type": "json", "content": "{field.document_id}"},
        "response_handlers": [{"target_type": "schema_id", "target_key": "erp_id", "value": {"response.body": {"$jmespath": reads}}, "condition": {"response.body.id": {"$exists": true}}}]}]}]});
    let text = format!(
        "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"request_processor\"\nname = \"erp\"\nsettings = \"requests.json\"\ntypes = {{ amount_total = \"number\" }}\n{QUICK}"
    );
    Annex::dev_with_files(&text, &[("requests.json", settings.to_string().as_str())])
}

/// Sixteen exports at a time, and how long a delivery of another hook takes meanwhile at most; what the exports were told.
fn sixteen_at_once(annex: &Annex) -> (Duration, Vec<Value>) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let exports: Vec<_> = (0..16)
            .map(|number| {
                scope.spawn(move || deliver(annex, &document(&format!("r-{number}"), 7 + number, "INV-1")))
            })
            .collect();
        let quick = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                let body = document("q", 1, "INV-1").to_string();
                assert_eq!(annex.client().deliver("/quick", body).status, 200);
                longest = longest.max(began.elapsed());
                std::thread::sleep(Duration::from_millis(5));
            }
            longest
        });
        let told = exports.into_iter().map(|export| export.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        (quick.join().unwrap(), told)
    })
}

/// The other system answers this to each of sixteen exports at a time: deliveries of another hook are answered meanwhile,
/// memory has a bound, and it is given back.
#[track_caller]
fn sixteen_answers_take_a_bounded_memory(reads: &str, body: String, is_right: impl Fn(&Value)) -> Erp {
    let erp = Erp::start(move |_, _| json_reply(&body));
    let annex = server(&erp, reads);
    deliver(&annex, &document("r-0", 1, "INV-1"));
    let before = annex.memory_kb("RssAnon");
    let (longest, told) = sixteen_at_once(&annex);
    told.iter().for_each(is_right);
    let grown = annex.memory_kb("VmHWM").saturating_sub(before);
    println!("{reads}: others waited {longest:?}, {grown} kB more at most");
    assert!(longest < Duration::from_secs(5), "{reads}: others waited {longest:?}");
    assert!(grown < 230_000, "{reads}: {grown} kB");
    eventually("the memory is given back", Duration::from_secs(20), || {
        annex.memory_kb("RssAnon") < before + 40_000
    });
    println!("{before} kB before, {} kB after", annex.memory_kb("RssAnon"));
    erp
}

#[test]
fn answers_of_small_values_are_refused_and_those_that_are_understood_are_read_in_a_bounded_memory() {
    let refused = |answer: &Value| {
        let [(kind, text)] = &messages(answer)[..] else { panic!("{answer}") };
        assert_eq!(kind, "error", "{text}");
        for part in ["values", "24 MiB", "look there"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(text.contains("create") || text.contains("erp"), "{text}");
    };
    for reads in ["id", "list[?a == `1`] | [0].a", "write"] {
        sixteen_answers_take_a_bounded_memory(reads, small_objects(), refused);
    }
    for reads in ["id", "write"] {
        sixteen_answers_take_a_bounded_memory(reads, records(), |answer| {
            assert!(answer["operations"].to_string().contains("E-1"), "{answer}");
        });
    }
}

/// Sixteen that export in a loop, so that an answer is always being read: the small deliveries of another hook find a core.
#[test]
fn another_hook_is_served_beside_the_worst_answers() {
    let body = small_objects();
    let erp = Erp::start(move |_, _| json_reply(&body));
    let annex = server(&erp, "write");
    let over = AtomicBool::new(false);
    let mut times = std::thread::scope(|scope| {
        for connection in 0..16 {
            let (annex, over) = (&annex, &over);
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    number += 1;
                    deliver(annex, &document(&format!("r-{connection}-{number}"), 7 + connection, "INV-1"));
                }
            });
        }
        let until = Instant::now() + Duration::from_secs(5);
        let mut times = Vec::new();
        while Instant::now() < until {
            let began = Instant::now();
            let body = document("q", 1, "INV-1").to_string();
            assert_eq!(annex.client().deliver("/quick", body).status, 200);
            times.push(began.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
        over.store(true, Ordering::Relaxed);
        times
    });
    times.sort_unstable();
    let (of_ten, worst) = (times[times.len() * 9 / 10], times[times.len() - 1]);
    println!("{} deliveries, nine of ten within {of_ten:?}, all within {worst:?}", times.len());
    assert!(of_ten < Duration::from_millis(250), "{of_ten:?}");
    assert!(worst < Duration::from_millis(1_500), "{worst:?}");
}

/// What a run keeps of an answer until its delivery is kept takes as much as the answer, and no tree of it.
#[test]
fn answers_that_later_calls_read_share_their_memory_too() {
    let body = format!("[{}]", vec!["{}"; 300_000].join(","));
    let erp = sixteen_answers_take_a_bounded_memory("answers", body, |answer| {
        assert_eq!(messages(answer), [], "{answer}");
    });
    let calls = erp.calls();
    let later: Vec<_> = calls.iter().filter(|call| call.line.ends_with("/submitted")).collect();
    assert!(later.len() >= 16 && later.iter().all(|call| call.body == b"300000"));
}

/// A delivery with six million lists somewhere.
fn lists(place: &str) -> String {
    let mut whole = document("r-1", 7, "INV-1");
    let marked = json!("•");
    match place {
        "settings" => whole["settings"] = marked,
        "metadata" => whole["annotation"]["metadata"] = marked,
        _ => whole["annotation"]["content"][0]["grid"] = marked,
    }
    whole.to_string().replace("\"•\"", &format!("[{}[]]", "[],".repeat(6_000_000)))
}

fn template(source: &str) -> String {
    format!(
        "[[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\npath = \"invoices\"\ncontent_type = \"text/plain\"\n\
         template = \"{source}\"\n"
    )
}

#[test]
fn a_template_reads_of_a_delivery_what_it_names_and_no_more_than_fits() {
    let erp = Erp::start(|_, _| Reply::ok("{}"));
    for (source, place, fits) in [
        ("{{ payload.event }}", "settings", true),
        ("{{ payload.annotation.id }}", "content", true),
        ("{{ payload.settings | length }}", "settings", false),
        ("{{ payload.annotation.metadata | length }}", "metadata", false),
        ("{% for key in payload %}{{ key }}{% endfor %}", "settings", false),
    ] {
        let annex = Annex::dev_with(
            &config(&erp, &template(source)).replace("/x\"\n", "/x\"\nmax_body = \"40MB\"\n"),
        );
        deliver(&annex, &document("r-0", 1, "INV-1"));
        let before = annex.memory_kb("RssAnon");
        let sent = erp.calls().len();
        let answer = annex.client().deliver("/x", lists(place));
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = messages(&answer.json());
        if fits {
            assert!(told.is_empty(), "{source}: {told:?}");
            assert_eq!(erp.calls().len(), sent + 1);
        } else {
            let [(kind, text)] = &told[..] else { panic!("{source}: {told:?}") };
            assert!(kind == "error" && text.contains("`payload`") && text.contains("values"), "{text}");
            assert!(
                text.contains("192 MiB") && text.contains("send less") && text.contains("nothing was sent"),
                "{text}"
            );
            assert_eq!(erp.calls().len(), sent, "{source}");
        }
        let grown = annex.memory_kb("VmHWM").saturating_sub(before);
        println!("{source}: {grown} kB more at most");
        // The body twice while its buffer grows, and the largest tree.
        assert!(grown < if fits { 80_000 } else { 320_000 }, "{source}: {grown} kB");
        eventually("the memory is given back", Duration::from_secs(20), || {
            annex.memory_kb("RssAnon") < before + 40_000
        });
    }
}

#[test]
fn code_that_reads_a_delivery_as_a_whole_meets_the_same_bound() {
    let body = lists("content");
    let payload = Payload::read(body.as_bytes()).unwrap();
    let annotation = payload.annotation.as_ref().unwrap();
    let schema = Schema::from_annotation(annotation, &std::collections::HashMap::new());
    let journal = Journal::default();
    let read = |body: &str| {
        let document = Document::new(annotation, &journal, &schema, body.as_bytes());
        document.validation_sources(annotation.first("document_id").unwrap())
    };
    assert_eq!(read(&body), Err(TooLarge));
    assert_eq!(read(&document("r-1", 7, "INV-1").to_string()), Ok(Vec::new()));
    let text = TooLarge.to_string();
    assert!(text.contains("192 MiB") && text.contains("send less"), "{text}");
}
