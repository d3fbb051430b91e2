//! What exports ask of Rossum's REST API: the original document, values written back, the data of an annotation whose event
//! brings none; against a server that speaks Rossum's documented shapes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Annex, Call, Erp, Reply, eventually, write};

const TOKEN: &str = "api-token-of-the-configuration";
const ORIGINAL: &str = "%PDF-1.7 <the \"original\" file>";

/// An account: documents, annotations, and a token that must be right.
fn rossum() -> Erp {
    Erp::start(|call, _| {
        if call.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Reply::status(401, r#"{"detail": "Invalid token."}"#);
        }
        answer(call)
    })
}

fn answer(call: &Call) -> Reply {
    match call.line.as_str() {
        "GET /api/v1/documents/314621/content" => {
            Reply::Answer(200, ORIGINAL.to_owned(), "content-type: application/pdf\r\n")
        }
        "GET /api/v1/annotations/7/content" => {
            let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "url": "https://x/1", "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
            let section = json!({"id": 100, "schema_id": "header", "category": "section", "children": [
                datapoint(1, "document_id", "INV-9"), datapoint(3, "erp_id", ""), datapoint(4, "erp_problem", "old")]});
            Reply::ok(&json!({"content": [section]}).to_string())
        }
        "POST /api/v1/annotations/7/content/operations" => Reply::ok(r#"{"content": []}"#),
        "GET /api/v1/auth/user" => Reply::ok("{}"),
        _ => Reply::status(404, r#"{"detail": "Not found."}"#),
    }
}

fn config(rossum: &Erp, erp: &Erp, step: &str) -> String {
    format!(
        "[server]\nstate = \"state\"\n[rossum]\nurl = \"http://{}\"\ntoken = \"file:token\"\n\
         [[target]]\nname = \"erp\"\nurl = \"http://{}/api/\"\ntimeout = \"2s\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\n{step}",
        rossum.address, erp.address
    )
}

fn start(rossum: &Erp, erp: &Erp, step: &str) -> Annex {
    Annex::dev_with_files(&config(rossum, erp, step), &[("token", TOKEN)])
}

fn document(request_id: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    json!({"request_id": request_id, "event": "annotation_content", "action": "export",
        "document": {"id": 314_621, "mime_type": "application/pdf", "original_file_name": "invoice 17.pdf"},
        "annotation": {"id": 7, "document": "https://acme.rossum.app/api/v1/documents/314621", "content": [
            {"id": 100, "schema_id": "header", "category": "section", "children": [
                datapoint(1, "document_id", "INV-1"), datapoint(3, "erp_id", ""), datapoint(4, "erp_problem", "")]}]}})
}

#[track_caller]
fn deliver(annex: &Annex, document: &Value) -> Value {
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn states(annex: &Annex, state: &str) -> usize {
    let output = annex.run(&["outbox", "list", "--json", "--only", state]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().len()
}

#[track_caller]
fn eventually_in(annex: &Annex, state: &str) {
    eventually(state, Duration::from_secs(20), || states(annex, state) == 1);
}

/// The values that were written back, by datapoint.
fn written(rossum: &Erp) -> Vec<(u64, String)> {
    let posts = rossum.calls().into_iter().filter(|call| call.line.starts_with("POST"));
    let of = |call: Call| {
        let operations = call.json()["operations"].as_array().unwrap().clone();
        operations
            .into_iter()
            .map(|operation| {
                assert_eq!(
                    (&operation["op"], &operation["value"]["validation_sources"]),
                    (&json!("replace"), &json!(["connector"]))
                );
                (
                    operation["id"].as_u64().unwrap(),
                    operation["value"]["content"]["value"].as_str().unwrap().to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    posts.flat_map(of).collect()
}

#[test]
fn the_original_document_is_sent_as_it_is_in_a_form_and_in_a_template() {
    let (rossum, erp) = (rossum(), Erp::kind());
    let step = "deliver = \"now\"\n[[hook.step.call]]\nname = \"raw\"\npath = \"raw\"\nshape = \"original\"\n\
        [[hook.step.call]]\nname = \"form\"\npath = \"form\"\nshape = \"original\"\nmultipart = \"scan\"\nparts = { number = \"{{ field.document_id }}\" }\n\
        [[hook.step.call]]\nname = \"json\"\npath = \"json\"\ncontent_type = \"application/json\"\n\
        template = '{\"name\": \"{{ original_file_name }}\", \"file\": \"{{ original_file | b64encode }}\"}'\n";
    let annex = start(&rossum, &erp, step);
    assert_eq!(deliver(&annex, &document("r-1"))["messages"], json!([]));
    let calls = erp.called(3);
    assert_eq!(
        (calls[0].text().as_str(), calls[0].header("content-type")),
        (ORIGINAL, Some("application/pdf"))
    );
    let form = calls[1].text();
    assert!(
        form.contains("name=\"scan\"; filename=\"invoice 17.pdf\"")
            && form.contains(ORIGINAL)
            && form.contains("INV-1"),
        "{form}"
    );
    assert_eq!(calls[2].json()["name"], "invoice 17.pdf");
    assert_eq!(calls[2].json()["file"], "JVBERi0xLjcgPHRoZSAib3JpZ2luYWwiIGZpbGU+");
    // Queued, it is fetched by the worker: Rossum is not waited for.
    let queued = start(&rossum, &erp, &step.replace("\"now\"", "\"queued\""));
    deliver(&queued, &document("r-2"));
    assert_eq!(erp.called(6)[3].text(), ORIGINAL);
    eventually_in(&queued, "sent");
    for annex in [annex, queued] {
        assert!(!annex.log().contains(TOKEN), "{}", annex.log());
    }
}

#[test]
fn what_the_target_answered_is_written_back_when_it_was_sent_later() {
    let rossum = {
        let busy = std::sync::atomic::AtomicUsize::new(0);
        Erp::start(move |call, _| {
            if call.line.starts_with("POST") && busy.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
                return Reply::Answer(429, "{}".to_owned(), "retry-after: 1\r\n");
            }
            answer(call)
        })
    };
    let erp = Erp::start(|_, _| Reply::status(201, r#"{"id": "E-1"}"#));
    let step = "deliver = \"queued\"\npath = \"invoices\"\nshape = \"json\"\nwrite = { erp_id = \"/id\" }\nproblem_field = \"erp_problem\"\n";
    let annex = start(&rossum, &erp, step);
    deliver(&annex, &document("r-1"));
    eventually_in(&annex, "sent");
    let expected = [(3, "E-1".to_owned()), (4, String::new())];
    assert_eq!(written(&rossum), [expected.clone(), expected].concat(), "once busy, once taken");
    assert_eq!(erp.calls().len(), 1, "the export itself is not sent again");
    annex.logs(
        "sent, and its values are not written back yet: Rossum's API is busy (status 429)",
        Duration::from_secs(1),
    );
}

/// It was sent, so nobody is stopped: what `write` did not find is with the export and in the metrics.
#[test]
fn a_queued_write_that_finds_nothing_is_kept_with_the_export() {
    let (rossum, erp) = (rossum(), Erp::start(|_, _| Reply::status(201, r#"{"number": "E-1"}"#)));
    let step = "deliver = \"queued\"\npath = \"invoices\"\nshape = \"json\"\nwrite = { erp_id = \"/id\" }\n";
    let annex = start(&rossum, &erp, step);
    deliver(&annex, &document("r-1"));
    eventually_in(&annex, "sent");
    let run = |arguments: &[&str]| String::from_utf8(annex.run(arguments).stdout).unwrap();
    let list: Value = serde_json::from_str(&run(&["outbox", "list", "--json", "--only", "sent"])).unwrap();
    let shown = run(&["outbox", "show", list[0]["key"].as_str().unwrap()]);
    assert!(shown.contains("note        sent, and what `write` was to bring back is not in the answer: call erp: nothing at /id"), "{shown}");
    assert!(run(&["outbox", "list", "--only", "sent"]).contains("nothing at /id"));
    assert!(written(&rossum).is_empty());
}

#[test]
fn an_export_that_is_given_up_says_so_in_rossum() {
    let (rossum, erp) = (
        rossum(),
        Erp::start(|_, number| {
            if number == 0 { Reply::status(422, r#"{"message": "No such vendor"}"#) } else { Reply::ok("{}") }
        }),
    );
    let step = "deliver = \"queued\"\npath = \"invoices\"\nshape = \"json\"\nproblem = \"/message\"\nproblem_field = \"erp_problem\"\n";
    let annex = start(&rossum, &erp, step);
    deliver(&annex, &document("r-1"));
    eventually_in(&annex, "dead");
    eventually("it is told", Duration::from_secs(10), || !written(&rossum).is_empty());
    assert_eq!(written(&rossum), [(4, "call erp: erp answered with status 422: No such vendor".to_owned())]);
    let list: Value =
        serde_json::from_slice(&annex.run(&["outbox", "list", "--json", "--only", "dead"]).stdout).unwrap();
    assert!(annex.run(&["outbox", "retry", list[0]["key"].as_str().unwrap()]).status.success());
    eventually_in(&annex, "sent");
    assert_eq!(written(&rossum)[1], (4, String::new()), "what was wrong is gone");
}

#[test]
fn an_event_that_brings_no_data_is_exported_with_the_data_of_the_api() {
    let (rossum, erp) = (rossum(), Erp::start(|_, _| Reply::status(201, r#"{"id": "E-1"}"#)));
    let step = "deliver = \"now\"\npath = \"invoices\"\nshape = \"json\"\nwrite = { erp_id = \"/id\" }\nevents = [\"annotation_status.changed\"]\n";
    let annex = start(&rossum, &erp, step);
    let status = |status: &str| {
        json!({"request_id": status, "event": "annotation_status", "action": "changed",
        "annotation": {"id": 7, "status": status, "previous_status": "exporting", "content": "https://acme.rossum.app/api/v1/annotations/7/content"}})
    };
    deliver(&annex, &status("confirmed"));
    deliver(&annex, &status("exported"));
    let calls = erp.called(1);
    assert_eq!(calls.len(), 1, "only what is exported is sent");
    assert_eq!(calls[0].json()["document_id"], "INV-9");
    assert_eq!(written(&rossum), [(3, "E-1".to_owned())]);
}

/// Nobody reads a message there: what cannot be accepted is refused, so that Rossum sends it again.
#[test]
fn a_queued_export_whose_data_cannot_be_fetched_is_refused_where_nobody_reads() {
    for (status, body) in [
        (503, "{}"),
        (401, "{}"),
        (200, "<html>log in</html>"),
        (200, "[1, 2]"),
        (200, r#"{"content": []}"#),
        (200, r#"{"content": {"a": 1}}"#),
        (200, r#"{"content": null}"#),
    ] {
        let (rossum, erp) = (Erp::start(move |_, _| Reply::status(status, body)), Erp::kind());
        let step = "deliver = \"queued\"\npath = \"invoices\"\nshape = \"json\"\nevents = [\"annotation_status.changed\"]\n";
        let annex = start(&rossum, &erp, step);
        let told = json!({"request_id": "r-1", "event": "annotation_status", "action": "changed",
            "annotation": {"id": 7, "status": "exported", "previous_status": "exporting"}});
        let answer = annex.client().deliver("/x", told.to_string());
        assert_eq!(answer.status, 503, "{status} {body}: {answer:?}");
        annex.logs("step failed", Duration::from_secs(5));
        assert_eq!(erp.calls().len(), 0, "{status} {body}");
    }
}

#[test]
fn an_api_that_is_away_or_refuses_loses_nothing() {
    let erp = Erp::kind();
    let away = Erp::start(|_, number| if number == 0 { Reply::Cut } else { Reply::status(401, "{}") });
    let step = "deliver = \"queued\"\npath = \"invoices\"\nshape = \"original\"\n";
    let annex = start(&away, &erp, step);
    let start_of = Instant::now();
    deliver(&annex, &document("r-1"));
    assert!(start_of.elapsed() < Duration::from_secs(2), "it is accepted without the API");
    annex.logs("the original document: Rossum's API cannot be reached: ", Duration::from_secs(10));
    annex.logs("Rossum's API does not take the token (status 401)", Duration::from_secs(15));
    assert_eq!(states(&annex, "waiting"), 1);
    assert!(!annex.log().contains(TOKEN));
    let gone = Erp::start(|_, _| Reply::status(404, r#"{"detail": "Not found."}"#));
    let annex = start(&gone, &erp, step);
    deliver(&annex, &document("r-1"));
    eventually_in(&annex, "dead");
    annex.logs("Rossum's API refuses documents (status 404)", Duration::from_secs(1));
    let annex = start(&gone, &erp, &step.replace("queued", "now"));
    let answer = deliver(&annex, &document("r-1"));
    let text = answer["messages"][0]["content"].as_str().unwrap();
    assert!(
        text.starts_with("The original document could not be fetched from Rossum. Nothing was sent."),
        "{text}"
    );
    assert_eq!(erp.calls().len(), 0);
}

#[test]
fn mistakes_are_told_at_load() {
    let (rossum, erp) = (rossum(), Erp::kind());
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("token"), TOKEN);
    let check = |config: &str| {
        write(&folder.path().join("annex.toml"), config);
        let mut command = crate::support::annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        let output = command.env("ROSSUM_SECRET", crate::support::SECRET).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let queued = "deliver = \"queued\"\npath = \"i\"\nshape = \"json\"\nwrite = { erp_id = \"/id\" }\n";
    let good = config(&rossum, &erp, queued);
    assert!(check(&good).contains("annex.toml: ok"), "{}", check(&good));
    let start = good.find("[rossum]").unwrap();
    let end = good.find("[[target]]").unwrap();
    let without = format!("{}{}", &good[..start], &good[end..]);
    assert!(
        check(&without).contains("what a queued export writes back goes through Rossum's API"),
        "{}",
        check(&without)
    );
    let original = without.replace("shape = \"json\"\nwrite = { erp_id = \"/id\" }", "shape = \"original\"");
    assert!(
        check(&original).contains("the original document is fetched from Rossum's API"),
        "{}",
        check(&original)
    );
    for (from, to, part) in [
        ("http://127", "http://198", "the token must not travel unencrypted"),
        ("file:token", "abc", "a secret must not be in the configuration"),
        ("[rossum]\n", "[rossum]\nuser = \"x\"\n", "unknown key `user`"),
        (
            "deliver = \"queued\"",
            "deliver = \"now\"\nproblem_field = \"x\"",
            "`problem_field` is for a queued export",
        ),
    ] {
        let text = check(&good.replacen(from, to, 1));
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Nobody reads an answer then, so what Rossum is likely to ignore of the values is in the log alone.
#[test]
fn a_queued_write_that_rossum_would_ignore_is_said_with_its_hook_and_step() {
    let (rossum, erp) =
        (rossum(), Erp::start(|_, _| Reply::status(201, r#"{"day": "31.12.2026", "id": "E-1"}"#)));
    let step = "deliver = \"queued\"\npath = \"invoices\"\nshape = \"json\"\nwrite = { erp_id = \"/day\", erp_problem = \"/id\" }\n";
    let config =
        config(&rossum, &erp, step).replace("path = \"/x\"", "path = \"/x\"\nschema = \"schema.json\"");
    let fields = [("document_id", "string"), ("erp_id", "date"), ("erp_problem", "string")];
    let fields = fields.map(|(id, kind)| json!({"id": id, "category": "datapoint", "type": kind}));
    let schema = json!([{"id": "header", "category": "section", "children": fields}]).to_string();
    let annex = Annex::dev_with_files(&config, &[("token", TOKEN), ("schema.json", &schema)]);
    deliver(&annex, &document("r-1"));
    eventually_in(&annex, "sent");
    assert_eq!(written(&rossum), [(3, "31.12.2026".to_owned()), (4, "E-1".to_owned())], "Rossum decides");
    let log = annex.log();
    assert!(
        log.contains("is likely to ignore what is written back to `erp_id`: its value is not a date"),
        "{log}"
    );
    assert!(log.contains("courier=x/erp") && !log.contains("2026-12") && !log.contains("31.12"), "{log}");
    assert!(!log.contains("written back to `erp_problem`"), "{log}");
}

#[test]
fn a_queued_write_to_a_field_with_several_values_goes_to_the_first_and_says_so() {
    let (rossum, erp) = (rossum(), Erp::start(|_, _| Reply::status(201, r#"{"id": "E-1"}"#)));
    let step = "deliver = \"queued\"\npath = \"invoices\"\nshape = \"json\"\nwrite = { tag = \"/id\" }\n";
    let annex = start(&rossum, &erp, step);
    let tag = |id: u64, value: &str| json!({"id": id, "schema_id": "tag", "category": "datapoint", "content": {"value": value}});
    let mut document = document("r-1");
    document["annotation"]["content"][0]["children"][1] = json!({"id": 10, "schema_id": "tags", "category": "multivalue", "children": [tag(11, "a"), tag(12, "b")]});
    deliver(&annex, &document);
    eventually_in(&annex, "sent");
    assert_eq!(written(&rossum), [(11, "E-1".to_owned())]);
    assert!(annex.log().contains("takes the first of 2 values of tag"), "{}", annex.log());
}
