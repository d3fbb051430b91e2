//! The settings of Rossum's Request Processor, run as they are: against an account that speaks Rossum's documented shapes and
//! a customer's system over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, Call, Erp, Reply, SECRET, annex_command, eventually, write};

const TOKEN: &str = "api-token-of-the-configuration";
const CLIENT_SECRET: &str = "secret-of-the-client-of-the-erp";
const SCAN: &str = "%PDF-1.7 the scan";

/// An account: documents, relations, what is attached to the annotation.
fn rossum() -> Erp {
    let address = Arc::new(std::sync::OnceLock::<String>::new());
    let known = Arc::clone(&address);
    let erp = Erp::start(move |call, _| {
        if call.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Reply::status(401, r#"{"detail": "Invalid token."}"#);
        }
        account(call, known.get().unwrap())
    });
    address.set(format!("http://{}/api/v1", erp.address)).unwrap();
    erp
}

fn account(call: &Call, base: &str) -> Reply {
    let json = |json: &Value| Reply::Answer(200, json.to_string(), "content-type: application/json\r\n");
    let document = |id: u64, name: &str| json!({"id": id, "url": format!("{base}/documents/{id}"), "original_file_name": name, "content": format!("{base}/documents/{id}/content"), "mime_type": "application/pdf"});
    let page =
        |results: Vec<Value>, next: Option<String>| json!({"pagination": {"next": next}, "results": results});
    match call.line.as_str() {
        "GET /api/v1/documents/314621/content" => {
            Reply::Answer(200, SCAN.to_owned(), "content-type: application/pdf\r\n")
        }
        "GET /api/v1/documents/50/content" => Reply::Answer(
            200,
            r#"{"number": "INV-1", "lines": 2}"#.to_owned(),
            "content-type: application/json\r\n",
        ),
        "GET /api/v1/documents/50" => json(&document(50, "draft.json")),
        "GET /api/v1/documents/61" => json(&document(61, "one.pdf")),
        "GET /api/v1/documents/62" => json(&document(62, "two \"2\".pdf")),
        "GET /api/v1/documents/61/content" => {
            Reply::Answer(200, "FIRST".to_owned(), "content-type: application/pdf\r\n")
        }
        "GET /api/v1/documents/62/content" => {
            Reply::Answer(200, "SECOND".to_owned(), "content-type: application/pdf\r\n")
        }
        "GET /api/v1/document_relations?annotation=7" => {
            let relation = |id: u64, key: &str, documents: &[u64]| json!({"id": id, "key": key, "type": "export", "documents": documents.iter().map(|id| format!("{base}/documents/{id}")).collect::<Vec<_>>()});
            json(&page(
                vec![relation(1, "create_draft", &[50])],
                Some(format!("{base}/document_relations?annotation=7&page=2")),
            ))
        }
        "GET /api/v1/document_relations?annotation=7&page=2" => {
            let documents = [61, 62].map(|id| format!("{base}/documents/{id}"));
            json(&page(vec![json!({"id": 2, "key": "attachment_12345678", "documents": documents})], None))
        }
        "GET /api/v1/document_relations?type=export&annotation=7&key=erp_answer" => json(&page(vec![], None)),
        "POST /api/v1/documents" => json(&document(99, "erp_answer_response")),
        "POST /api/v1/document_relations" => json(&json!({"id": 9})),
        "POST /api/v1/annotations/7/content/operations" => Reply::ok(r#"{"content": []}"#),
        "GET /api/v1/relations?parent=7&type=attachment" => {
            let annotations = [7, 8].map(|id| format!("{base}/annotations/{id}"));
            json(&page(vec![json!({"id": 3, "type": "attachment", "annotations": annotations})], None))
        }
        "GET /api/v1/annotations/8" => {
            json(&json!({"id": 8, "status": "exported", "document": format!("{base}/documents/61")}))
        }
        _ => Reply::status(404, r#"{"detail": "Not found."}"#),
    }
}

fn document(rossum: &Erp, request_id: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    let line = |id: u64, sku: &str, count: &str| json!({"id": id, "schema_id": "line_item", "category": "tuple", "children": [datapoint(id + 1, "sku", sku), datapoint(id + 2, "count", count)]});
    let base = format!("http://{}/api/v1", rossum.address);
    json!({"request_id": request_id, "event": "annotation_content", "action": "export",
        "rossum_authorization_token": "token-of-the-delivery", "secrets": {"client_secret": CLIENT_SECRET},
        "base_url": format!("http://{}", rossum.address),
        "document": {"id": 314_621, "mime_type": "application/pdf", "original_file_name": "invoice 17.pdf", "content": format!("{base}/documents/314621/content")},
        "annotation": {"id": 7, "document": format!("{base}/documents/314621"), "content": [
            {"id": 100, "schema_id": "header", "category": "section", "children": [
                datapoint(1, "document_id", "INV/1 &x"), datapoint(2, "amount_total", "1234.50"),
                datapoint(3, "erp_id", ""), datapoint(4, "erp_status", ""), datapoint(5, "erp_problem", ""), datapoint(6, "ids", ""),
                datapoint(7, "oauth_url", "")]},
            {"id": 200, "schema_id": "lines", "category": "section", "children": [
                {"id": 201, "schema_id": "line_items", "category": "multivalue", "children": [line(210, "A", "2"), line(220, "B/7", "3")]},
                {"id": 230, "schema_id": "tags", "category": "multivalue", "children": [datapoint(231, "tag", "red"), datapoint(232, "tag", "b?lue")]}]}]}})
}

fn settings(erp: &Erp) -> Value {
    let base = format!("http://{}/", erp.address);
    let auth = json!({"url": format!("{base}token"), "method": "POST", "content_type": "form", "credential_key": "access_token",
        "content": {"grant_type": "client_credentials", "client_id": "annex", "client_secret": "{payload.secrets.client_secret}"}});
    let created = json!([
        {"name": "created", "condition": {"field.erp_status": {"$in": ["200", "201"]}}},
        {"name": "has an id", "condition": {"field.erp_id.value": {"$exists": true, "$ne": ""}}}]);
    json!({"settings": {"stages": [
        {"get_content": [{"name": "draft", "source": "document_relation_content", "query": {"key": {"$eq": "create_draft"}}}],
         "call_api": [{"name": "create_draft", "auth": auth,
            "request": {"url": format!("{base}invoices"), "method": "POST", "content_type": "json", "content": "{property.draft.content.@}",
                "headers": {"Authorization": "Bearer {token}", "Accept": "application/json"}},
            "response_handlers": [
                {"target_type": "schema_id", "target_key": "erp_status", "value": {"response": {"$jmespath": "status_code"}}},
                {"target_type": "schema_id", "target_key": "erp_id", "value": {"response.body": {"$jmespath": "invoice.id"}}},
                {"target_type": "property", "target_key": "vendor", "value": {"response.body": {"$jmespath": "vendor"}}},
                {"target_type": "document_relation", "target_key": "erp_answer"}]}]},
        {"evaluate": created,
         "call_api": [{"name": "upload_scan", "auth": auth,
            "request": {"url": format!("{base}invoices/{{field.erp_id.value}}/scan/{{field.document_id.value}}"), "method": "PUT", "content_type": "files",
                "content": {"file": ["{payload.document.original_file_name}", "{payload.document.content.@}"]},
                "params": {"vendor": "{property.vendor.name}"}, "headers": {"Authorization": "Bearer {token}"}}}]},
        {"evaluate": created,
         "get_content": [{"name": "attachments", "source": "document_relation_content", "query": {"key": {"$regex": "^attachment_\\d{8}$"}}}],
         "call_api": [{"name": "attach", "auth": auth,
            "request": {"url": format!("{base}attachments"), "method": "POST", "iterate_over": "property.attachments", "content_type": "multipart",
                "content": {"attachment[file]": ["{item.original_file_name}", "{item.content.@}", "application/pdf"], "intent": "Supplier {sequence}"},
                "headers": {"Authorization": "Bearer {token}"}}}]},
        {"evaluate": [{"name": "never", "condition": {"field.erp_status": {"$eq": "404"}}}],
         "call_api": [{"name": "never", "request": {"url": format!("{base}never"), "method": "GET"}}]},
        {"call_api": [{"name": "lines",
            "request": {"url": format!("{base}lines/{{line.sku.value}}"), "method": "POST", "iterate_over": "field.line_items", "iteration_item_name": "line",
                "content_type": "json", "content": {"count": "{line.count}", "total": "{field.amount_total}", "text": "{field.amount_total.value}", "index": "{sequence}", "last": "no {sequence}"}},
            "response_handlers": [{"target_type": "schema_id", "target_key": "ids", "value": {"response.body": {"$jmespath": "id"}}}]}]}]}})
}

/// The customer's system: it takes what is sent with its token.
fn erp() -> Erp {
    Erp::start(system)
}

fn system(call: &Call, number: usize) -> Reply {
    let json = |text: String| Reply::Answer(201, text, "content-type: application/json\r\n");
    if call.line == "POST /token" {
        assert!(call.text().contains(&format!("client_secret={CLIENT_SECRET}")), "{}", call.text());
        return Reply::Answer(
            200,
            r#"{"access_token": "T-1", "expires_in": 3600}"#.to_owned(),
            "content-type: application/json\r\n",
        );
    }
    if !call.line.contains("/lines/") && call.header("authorization") != Some("Bearer T-1") {
        return Reply::status(401, "{}");
    }
    match call.line.split(['?', ' ']).nth(1).unwrap() {
        "/invoices" => json(r#"{"invoice": {"id": 4711}, "vendor": {"name": "Ä & Co"}}"#.to_owned()),
        path if path.starts_with("/lines/") => json(json!({"id": format!("L{number}")}).to_string()),
        _ => Reply::Answer(204, String::new(), ""),
    }
}

const NUMBERS: &str = "types = { amount_total = \"number\", count = \"number\" }\n";

fn config(rossum: &Erp, step: &str) -> String {
    format!(
        "[server]\nstate = \"state\"\n[rossum]\nurl = \"http://{}\"\ntoken = \"file:token\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"request_processor\"\nname = \"erp\"\nsettings = \"requests.json\"\n{step}",
        rossum.address
    )
}

fn start(rossum: &Erp, settings: &Value, step: &str) -> Annex {
    let settings = settings.to_string();
    let files = [("token", TOKEN), ("client-secret", CLIENT_SECRET), ("requests.json", settings.as_str())];
    Annex::dev_with_files(&config(rossum, step), &files)
}

#[track_caller]
fn deliver(annex: &Annex, document: &Value) -> Value {
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The values of an answer's operations, by datapoint.
fn values(answer: &Value) -> Vec<(u64, String)> {
    let operations = answer["operations"].as_array().unwrap().iter();
    let text = |value: &Value| value["content"]["value"].as_str().unwrap().to_owned();
    operations.map(|operation| (operation["id"].as_u64().unwrap(), text(&operation["value"]))).collect()
}

fn lines(erp: &Erp) -> Vec<String> {
    erp.calls().into_iter().map(|call| call.line).collect()
}

fn states(annex: &Annex, state: &str) -> usize {
    let output = annex.run(&["outbox", "list", "--json", "--only", state]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().len()
}

#[track_caller]
fn eventually_in(annex: &Annex, state: &str) {
    eventually(state, Duration::from_secs(20), || states(annex, state) == 1);
}

const WHOLE: [&str; 8] = [
    "POST /token",
    "POST /invoices",
    "PUT /invoices/4711/scan/INV%2F1%20%26x?vendor=%C3%84+%26+Co",
    "POST /attachments",
    "POST /attachments",
    "POST /lines/A",
    "POST /lines/B%2F7",
    "",
];

#[track_caller]
fn is_whole(erp: &Erp) {
    let calls = erp.calls();
    assert_eq!(lines(erp), WHOLE[..7], "{:?}", lines(erp));
    assert_eq!(calls[1].json(), json!({"number": "INV-1", "lines": 2}));
    assert_eq!(calls[1].header("content-type"), Some("application/json"));
    assert_eq!(calls[1].header("accept"), Some("application/json"));
    let scan = calls[2].text();
    assert!(scan.contains("name=\"file\"; filename=\"invoice 17.pdf\"") && scan.contains(SCAN), "{scan}");
    let second = calls[4].text();
    for part in [
        "name=\"attachment[file]\"; filename=\"two %222%22.pdf\"",
        "SECOND",
        "name=\"intent\"\r\n\r\nSupplier 1",
    ] {
        assert!(second.contains(part), "{part}\n{second}");
    }
    let total = json!({"count": 2, "total": 1234.5, "text": "1234.50", "index": 0, "last": "no 0"});
    assert_eq!(calls[5].json(), total);
    let mut keys: Vec<_> = calls[1..].iter().map(|call| call.key().to_owned()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 6, "each call has a key of its own");
}

#[test]
fn a_whole_configuration_runs_while_rossum_waits() {
    let (rossum, erp) = (rossum(), erp());
    let annex = start(&rossum, &settings(&erp), NUMBERS);
    let answer = deliver(&annex, &document(&rossum, "r-1"));
    assert_eq!(answer["messages"], json!([]));
    is_whole(&erp);
    let ids = json!([format!("L{}", 5), format!("L{}", 6)]).to_string();
    assert_eq!(values(&answer), [(4, "201".to_owned()), (3, "4711".to_owned()), (6, ids)]);
    let attached: Vec<_> = rossum.calls().into_iter().filter(|call| call.line.starts_with("POST")).collect();
    assert!(attached[0].text().contains(r#""id": 4711"#), "{}", attached[0].text());
    let relation = attached[1].json();
    assert_eq!((&relation["key"], &relation["type"]), (&json!("erp_answer"), &json!("export")));
    // The token is good for the next one too.
    deliver(&annex, &document(&rossum, "r-2"));
    assert_eq!(lines(&erp)[7], "POST /invoices");
    for secret in [TOKEN, CLIENT_SECRET, "T-1", "token-of-the-delivery"] {
        assert!(!annex.log().contains(secret), "{}", annex.log());
    }
}

const QUEUED: &str = "deliver = \"queued\"\nproblem_field = \"erp_problem\"\nproblem = \"/message\"\n\
    secrets = { client_secret = \"file:client-secret\" }\n";

#[test]
fn a_queued_run_is_resumed_at_the_call_that_failed() {
    let rossum = rossum();
    let failures = Arc::new(AtomicUsize::new(0));
    let failed = Arc::clone(&failures);
    let erp = Erp::start(move |call, number| {
        // Each call fails once, in another way.
        let before = failed.load(Ordering::Relaxed);
        let due = ["/token", "/invoices", "/scan/", "/attachments", "/lines/B"];
        if due.get(before).is_some_and(|part| call.line.contains(part)) {
            failed.fetch_add(1, Ordering::Relaxed);
            return match before {
                0 => Reply::status(503, "{}"),
                1 => Reply::Answer(429, "{}".to_owned(), "retry-after: 1\r\n"),
                2 => Reply::Cut,
                3 => Reply::status(500, r#"{"message": "out of order"}"#),
                _ => Reply::Garbage,
            };
        }
        system(call, number)
    });
    let annex = start(&rossum, &settings(&erp), &format!("{NUMBERS}{QUEUED}"));
    let answer = deliver(&annex, &document(&rossum, "r-1"));
    assert_eq!((&answer["messages"], &answer["operations"]), (&json!([]), &json!([])));
    eventually("sent", Duration::from_secs(60), || states(&annex, "sent") == 1);
    assert_eq!(failures.load(Ordering::Relaxed), 5);
    // Every call twice: once failed, once taken, with the same key and the same bytes.
    let calls: Vec<Call> = erp.calls().into_iter().filter(|call| call.line != "POST /token").collect();
    let all: Vec<_> = calls.iter().map(|call| call.line.as_str()).collect();
    assert_eq!(
        all,
        [WHOLE[1], WHOLE[1], WHOLE[2], WHOLE[2], WHOLE[3], WHOLE[3], WHOLE[4], WHOLE[5], WHOLE[6], WHOLE[6]]
    );
    for pair in [[0, 1], [2, 3], [4, 5], [8, 9]] {
        let [first, second] = pair.map(|at| &calls[at]);
        assert_eq!((first.key(), &first.body), (second.key(), &second.body), "{}", first.line);
    }
    let written: Vec<_> =
        rossum.calls().into_iter().filter(|call| call.line.ends_with("/operations")).collect();
    let operations = &written[0].json()["operations"];
    let of = |at: usize| (operations[at]["id"].clone(), operations[at]["value"]["content"]["value"].clone());
    assert_eq!(
        [of(0), of(1), of(3)],
        [(json!(4), json!("201")), (json!(3), json!("4711")), (json!(5), json!(""))]
    );
    annex.logs("stage 3, call attach: the answer has status 500", Duration::from_secs(1));
    let kept = std::fs::read(annex.folder().join("state/outbox.sqlite")).unwrap();
    for secret in [TOKEN, CLIENT_SECRET, "T-1", "token-of-the-delivery"] {
        let found = kept.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found && !annex.log().contains(secret), "{secret}");
    }
}

#[test]
fn kill_9_between_any_two_calls_sends_each_with_one_body() {
    let (rossum, erp) = (
        rossum(),
        Erp::start(|call, number| {
            std::thread::sleep(Duration::from_millis(20));
            system(call, number)
        }),
    );
    let mut annex = start(&rossum, &settings(&erp), &format!("{NUMBERS}{QUEUED}"));
    for number in 0..10 {
        deliver(&annex, &document(&rossum, &format!("r-{number}")));
        std::thread::sleep(Duration::from_millis(40 + number * 23));
        annex = annex.again("KILL");
    }
    eventually("all are sent", Duration::from_secs(60), || states(&annex, "sent") == 10);
    let mut bodies = std::collections::BTreeMap::new();
    for call in erp.calls().into_iter().filter(|call| call.line != "POST /token") {
        let (line, body) = (call.line.clone(), call.body.clone());
        let known = bodies.entry(call.key().to_owned()).or_insert_with(|| (line.clone(), body.clone()));
        assert_eq!(*known, (line, body), "one body for each key");
    }
    assert_eq!(bodies.len(), 60, "six calls of each of ten documents");
}

#[test]
fn an_error_ends_the_run_and_says_which_call_and_what_the_other_side_said() {
    let rossum = rossum();
    let erp = Erp::start(|call, number| match call.line.as_str() {
        line if line.contains("/scan/") => Reply::Answer(
            422,
            r#"{"message": "<b>too dark</b>"}"#.to_owned(),
            "content-type: application/json\r\n",
        ),
        _ => system(call, number),
    });
    let annex = start(&rossum, &settings(&erp), "problem = \"/message\"\n");
    let answer = deliver(&annex, &document(&rossum, "r-1"));
    let text = answer["messages"][0]["content"].as_str().unwrap();
    assert_eq!(
        text,
        "The export did not finish: stage 2, call upload_scan: the answer has status 422: &lt;b&gt;too dark&lt;/b&gt;. \
            Taken already: stage 1, call create_draft (id 4711). Exported again, it is not sent twice while its data stays the same."
    );
    assert_eq!(answer["messages"][0]["type"], "error");
    assert_eq!(
        values(&answer),
        [(4, "201".to_owned()), (3, "4711".to_owned())],
        "what was made is not forgotten"
    );
    assert_eq!(lines(&erp).len(), 3);
    annex.logs("stage 2, call upload_scan: the answer has status 422", Duration::from_secs(1));
    assert!(!annex.log().contains("too dark"), "{}", annex.log());
    // As Rossum's own engine goes on.
    let annex = start(&rossum, &settings(&erp), "problem = \"/message\"\nerrors = \"continue\"\n");
    let answer = deliver(&annex, &document(&rossum, "r-2"));
    assert!(answer["messages"][0]["content"].as_str().unwrap().contains("upload_scan"), "{answer}");
    assert!(lines(&erp).iter().any(|line| line == "POST /lines/A"), "{:?}", lines(&erp));
    // A status that is an answer.
    let annex = start(&rossum, &settings(&erp), "expected = { upload_scan = [422] }\n");
    assert_eq!(deliver(&annex, &document(&rossum, "r-3"))["messages"], json!([]));
}

#[test]
fn a_direct_run_that_failed_halfway_is_resumed_after_a_restart_too() {
    let rossum = rossum();
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let erp = Erp::start(move |call, number| match call.line.as_str() {
        line if line.contains("/scan/") && down.load(Ordering::Relaxed) => Reply::status(503, "{}"),
        _ => system(call, number),
    });
    let annex = start(&rossum, &settings(&erp), NUMBERS);
    let made = |erp: &Erp, line: &str| lines(erp).iter().filter(|known| *known == line).count();
    for request in ["r-1", "r-2"] {
        let text = deliver(&annex, &document(&rossum, request))["messages"][0]["content"].to_string();
        assert!(text.contains("Taken already: stage 1, call create_draft (id 4711)"), "{text}");
        assert!(text.contains("it is not sent twice"), "{text}");
    }
    assert_eq!(made(&erp, "POST /invoices"), 1, "it is taken once: {:?}", lines(&erp));
    let annex = annex.again("KILL");
    is_down.store(false, Ordering::Relaxed);
    let answer = deliver(&annex, &document(&rossum, "r-3"));
    let messages = answer["messages"].as_array().unwrap();
    assert!(messages.len() == 1 && messages[0]["content"].to_string().contains("upload_scan"), "{answer}");
    let scans: Vec<Call> = erp.calls().into_iter().filter(|call| call.line.contains("/scan/")).collect();
    assert!(scans.len() == 3 && scans.iter().all(|call| call.key() == scans[0].key()), "one key");
    assert_eq!(made(&erp, "POST /invoices"), 1, "it is taken once: {:?}", lines(&erp));
    assert_eq!(made(&erp, "POST /lines/A"), 1);
    assert_eq!(
        values(&answer)[..2],
        [(4, "201".to_owned()), (3, "4711".to_owned())],
        "from the answer that was kept"
    );
    // Once it went through, a deliberate export is a new one.
    deliver(&annex, &document(&rossum, "r-4"));
    assert_eq!(made(&erp, "POST /invoices"), 2);
}

#[test]
fn nothing_is_kept_of_a_direct_run_whose_calls_send_a_secret() {
    let rossum = rossum();
    let erp = Erp::start(|call, number| match call.line.as_str() {
        line if line.contains("/scan/") => Reply::status(422, "{}"),
        _ => system(call, number),
    });
    let mut settings = settings(&erp);
    let login = json!({"name": "login", "request": {"url": format!("http://{}/lines/login", erp.address), "method": "POST",
        "content_type": "json", "content": {"secret": "{payload.secrets.client_secret}"}}});
    settings["settings"]["stages"][0]["call_api"].as_array_mut().unwrap().insert(0, login);
    let annex = start(&rossum, &settings, "");
    for request in ["r-1", "r-2"] {
        let text = deliver(&annex, &document(&rossum, request))["messages"][0]["content"].to_string();
        assert!(text.contains("Look there before you export again."), "{text}");
    }
    assert_eq!(lines(&erp).iter().filter(|line| *line == "POST /invoices").count(), 2);
}

#[test]
fn a_queued_run_that_is_given_up_says_so_in_rossum_and_goes_on_at_that_call() {
    let rossum = rossum();
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let erp = Erp::start(move |call, number| {
        if call.line.contains("/scan/") && !mended.load(Ordering::Relaxed) {
            return Reply::Answer(
                422,
                r#"{"message": "too dark"}"#.to_owned(),
                "content-type: application/json\r\n",
            );
        }
        system(call, number)
    });
    let annex = start(&rossum, &settings(&erp), &format!("{NUMBERS}{QUEUED}"));
    deliver(&annex, &document(&rossum, "r-1"));
    eventually_in(&annex, "dead");
    let told = || rossum.calls().into_iter().find(|call| call.line.ends_with("/operations"));
    eventually("it is told", Duration::from_secs(10), || told().is_some());
    let operations = told().unwrap().json()["operations"].clone();
    let problem = operations.as_array().unwrap().iter().find(|one| one["id"] == 5).unwrap();
    assert_eq!(
        problem["value"]["content"]["value"],
        "stage 2, call upload_scan: the answer has status 422: too dark"
    );
    assert_eq!(operations[1]["value"]["content"]["value"], "4711", "the invoice is there");
    is_mended.store(true, Ordering::Relaxed);
    let list: Value =
        serde_json::from_slice(&annex.run(&["outbox", "list", "--json", "--only", "dead"]).stdout).unwrap();
    let key = list[0]["key"].as_str().unwrap();
    let shown = String::from_utf8(annex.run(&["outbox", "show", key]).stdout).unwrap();
    assert!(shown.contains("PUT http://") && shown.contains("/invoices/4711/scan/"), "{shown}");
    assert!(annex.run(&["outbox", "retry", key]).status.success());
    eventually_in(&annex, "sent");
    assert_eq!(lines(&erp).iter().filter(|line| *line == "POST /invoices").count(), 1, "no second invoice");
}

#[test]
fn a_token_that_is_refused_is_fetched_anew_once() {
    let rossum = rossum();
    let tokens = Arc::new(AtomicUsize::new(0));
    let issued = Arc::clone(&tokens);
    let erp = Erp::start(move |call, _| {
        if call.line == "POST /token" {
            let number = issued.fetch_add(1, Ordering::Relaxed);
            return Reply::ok(&json!({"data": {"token": format!("T{number}")}}).to_string());
        }
        let fits = call.header("authorization") == Some("Bearer T1");
        if fits { Reply::ok("{}") } else { Reply::status(401, "{}") }
    });
    let base = format!("http://{}/", erp.address);
    let settings = json!({"stages": [{"call_api": [{"name": "one",
        "auth": {"url": format!("{base}token"), "method": "POST", "content_type": "json", "content": {"a": "{payload.annotation.id}"}, "credential_key": "data.token"},
        "request": {"url": format!("{base}one"), "method": "POST", "content": "{field.document_id.value}", "headers": {"Authorization": "Bearer {token}", "Content-Type": "text/csv"}}}]}]});
    let annex = start(&rossum, &settings, "");
    assert_eq!(deliver(&annex, &document(&rossum, "r-1"))["messages"], json!([]));
    assert_eq!(lines(&erp), ["POST /token", "POST /one", "POST /token", "POST /one"]);
    let calls = erp.calls();
    assert_eq!(calls[0].json(), json!({"a": 7}), "a placeholder that is all of a text keeps its type");
    assert_eq!((calls[3].text().as_str(), calls[3].header("content-type")), ("INV/1 &x", Some("text/csv")));
    tokens.store(50, Ordering::Relaxed);
    deliver(&annex, &document(&rossum, "r-2"));
    assert_eq!(lines(&erp).len(), 5, "the new one is kept");
}

#[test]
fn a_token_that_no_header_can_hold_is_told_and_not_shown() {
    let rossum = rossum();
    let erp = Erp::start(|call, _| match call.line.as_str() {
        "POST /token" => Reply::ok(r#"{"access_token": "FORGED\r\nx: y"}"#),
        _ => Reply::ok("{}"),
    });
    let annex = start(&rossum, &settings(&erp), NUMBERS);
    let told = deliver(&annex, &document(&rossum, "r-1"))["messages"].to_string();
    assert!(told.contains("a token that holds characters which no header can hold"), "{told}");
    assert!(!told.contains("FORGED") && !annex.log().contains("FORGED"), "{told}");
    assert_eq!(lines(&erp), ["POST /token"], "nothing is sent");
}

#[test]
fn signatures_and_assertions_are_what_the_other_side_checks() {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    let rossum = rossum();
    let erp = Erp::start(|call, _| match call.line.as_str() {
        "POST /token" => Reply::ok(r#"{"access_token": "T-9"}"#),
        _ => Reply::ok("{}"),
    });
    let base = format!("http://{}/", erp.address);
    let settings = json!({"stages": [{"call_api": [
        {"name": "signed", "auth": {"type": "oauth1", "consumer_key": "ck", "consumer_secret": "{payload.secrets.client_secret}", "token_key": "tk", "token_secret": "ts", "realm": "R 1"},
         "request": {"url": format!("{base}one"), "method": "GET", "params": {"q": "a b"}}},
        {"name": "asserted", "auth": {"type": "oauth2_private_certificate", "url": format!("{base}token"), "client_id": "annex", "certificate_id": "cert-1", "private_certificate": "{payload.secrets.key}"},
         "request": {"url": format!("{base}two"), "method": "POST", "headers": {"Authorization": "Bearer {token}"}}}]}]});
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let settings = settings.to_string();
    let files = [
        ("token", TOKEN),
        ("client-secret", CLIENT_SECRET),
        ("key.pem", pem.as_str()),
        ("requests.json", settings.as_str()),
    ];
    let step = "secrets = { key = \"file:key.pem\" }\n";
    let annex = Annex::dev_with_files(&config(&rossum, step), &files);
    assert_eq!(deliver(&annex, &document(&rossum, "r-1"))["messages"], json!([]));
    let calls = erp.calls();
    let header = calls[0].header("authorization").unwrap();
    for part in [
        "OAuth realm=\"R%201\", oauth_consumer_key=\"ck\"",
        "oauth_signature_method=\"HMAC-SHA256\"",
        "oauth_signature=\"",
    ] {
        assert!(header.contains(part), "{header}");
    }
    let form = calls[1].text();
    let assertion = form.split("client_assertion=").nth(1).unwrap().split('&').next().unwrap();
    let [head, claims, signature]: [&str; 3] = assertion.split('.').collect::<Vec<_>>().try_into().unwrap();
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!((&read(head)["alg"], &read(head)["kid"]), (&json!("PS256"), &json!("cert-1")));
    assert_eq!(
        (&read(claims)["iss"], &read(claims)["aud"]),
        (&json!("annex"), &json!(format!("{base}token")))
    );
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, pair.public_key().as_ref());
    key.verify(format!("{head}.{claims}").as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    assert_eq!(calls[2].header("authorization"), Some("Bearer T-9"));
}

#[test]
fn answers_are_taken_apart_by_json_xml_and_patterns() {
    let rossum = rossum();
    let erp = Erp::start(|call, _| {
        if call.line.ends_with("/xml") {
            let xml = "<r><order><status>done</status></order><order><status>open</status></order></r>";
            return Reply::Answer(200, xml.to_owned(), "content-type: application/xml; charset=utf-8\r\n");
        }
        Reply::Answer(200, "Order: ABC-7 taken".to_owned(), "content-type: text/plain\r\netag: \"5\"\r\n")
    });
    let base = format!("http://{}/", erp.address);
    let field =
        |key: &str, value: Value| json!({"target_type": "schema_id", "target_key": key, "value": value});
    let settings = json!({"stages": [
        {"get_content": [{"name": "children", "source": "parent_relation_content", "query": {}},
            {"name": "named", "source": "explicit", "query": ["{field.document_id.value}", "{field.nowhere}", "x-{payload.annotation.id}"]}],
         "call_api": [
            {"name": "xml", "request": {"url": format!("{base}xml"), "method": "GET"},
             "response_handlers": [field("erp_id", json!({"response.body": {"$xmlpath": ".//order/status"}}))]},
            {"name": "text", "request": {"url": format!("{base}text/{{item.value}}"), "method": "POST", "iterate_over": "field.tag.all_values", "content_type": "json",
                "content": {"child": "{property.children.document.original_file_name}", "status": "{property.children.annotation.status}", "named": "{property.named}", "file": "{base64(property.children.content.@)}"}},
             "priority_response_handlers": [
                {"condition": {"response.status_code": {"$gte": 400}}, "target_type": "schema_id", "target_key": "erp_problem", "value": {"response.text": {"$regex": ".*"}}},
                {"condition": {"found_value": {"$exists": true}}, "target_type": "property", "target_key": "order_{sequence}", "value": {"response.body": {"$regex": "Order: ([A-Z0-9-]+)"}}}],
             "response_handlers": [field("erp_status", json!({"response": {"$jmespath": "headers.etag"}}))]}]},
        {"evaluate": [{"name": "got it", "condition": {"$or": [{"property.order_1": "{property.order_0}"}, {"field.tags": {"$size": 5}}]}}],
         "call_api": [{"name": "last", "request": {"url": format!("{base}last/{{property.order_1}}"), "method": "DELETE"}}]}]});
    let annex = start(&rossum, &settings, "");
    let answer = deliver(&annex, &document(&rossum, "r-1"));
    assert_eq!(answer["messages"], json!([]));
    assert_eq!(lines(&erp), ["GET /xml", "POST /text/red", "POST /text/b%3Flue", "DELETE /last/ABC-7"]);
    let sent = erp.calls()[1].json();
    assert_eq!(
        sent,
        json!({"child": "one.pdf", "status": "exported", "named": ["INV/1 &x", null, "x-7"], "file": "RklSU1Q="})
    );
    assert_eq!(
        values(&answer),
        [(3, r#"["done","open"]"#.to_owned()), (4, r#"["\"5\"","\"5\""]"#.to_owned())]
    );
}

#[test]
fn what_hangs_or_leads_elsewhere_is_told() {
    let rossum = rossum();
    let erp = Erp::start(|call, _| if call.line.ends_with("/slow") { Reply::Hang } else { Reply::ok("{}") });
    let base = format!("http://{}/", erp.address);
    let call = |name: &str, url: String, more: Value| {
        let mut request = json!({"url": url, "method": "GET", "timeout": 1});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"name": name, "request": request})
    };
    let run = |calls: Value, step: &str| {
        let annex = start(&rossum, &json!({"stages": [{"call_api": calls}]}), step);
        let answer = deliver(&annex, &document(&rossum, "r-1"));
        answer["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["content"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let slow = format!("{base}slow");
    assert_eq!(
        run(json!([call("slow", slow.clone(), json!({}))]), ""),
        [
            "The export did not finish: stage 1, call slow: it did not answer in time. It may have been taken or not: look there before you export again."
        ]
    );
    let fast = call("fast", format!("{base}fast"), json!({}));
    assert_eq!(run(json!([call("slow", slow, json!({"ignore_timeout": true})), fast]), ""), [""; 0]);
    assert_eq!(lines(&erp).last().unwrap(), "GET /fast");
    let foreign = run(
        json!([call("x", "{payload.secrets.client_secret}".to_owned(), json!({}))]),
        "hosts = [\"erp.example.com\"]\n",
    );
    assert!(foreign[0].contains("call x: the `url` that was made is not valid"), "{foreign:?}");
    let foreign = run(json!([call("x", "http://127.0.0.9/{payload.base_url.@}".to_owned(), json!({}))]), "");
    assert!(foreign[0].contains("`{payload.base_url.@}` is not of the account in [rossum]"), "{foreign:?}");
    let missing = run(json!([call("x", format!("{base}{{field.nowhere.value}}"), json!({}))]), "");
    assert!(
        missing[0].contains("stage 1, call x: there is no `{field.nowhere.value}` for this document"),
        "{missing:?}"
    );
    let out = run(json!([call("x", format!("{base}a/{{payload.up}}/b"), json!({}))]), "");
    assert!(out[0].contains("there is no `{payload.up}`"), "{out:?}");
}

#[test]
fn whatever_is_not_understood_is_refused_with_its_path() {
    let (rossum, erp) = (rossum(), erp());
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("token"), TOKEN);
    write(&folder.path().join("client-secret"), CLIENT_SECRET);
    let check = |settings: &Value, step: &str| {
        write(&folder.path().join("requests.json"), &settings.to_string());
        write(&folder.path().join("annex.toml"), &config(&rossum, step));
        let mut command = annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        let output = command.env("ROSSUM_SECRET", SECRET).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let good = settings(&erp);
    assert!(check(&good, QUEUED).contains("annex.toml: ok"), "{}", check(&good, QUEUED));
    let at = |pointer: &str, value: Value| {
        let mut settings = good.clone();
        *settings.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        settings
    };
    let request = "/settings/stages/0/call_api/0/request";
    for (settings, part) in [
        (
            at(&format!("{request}/method"), json!("HEAD")),
            "stages[0].call_api[0].request: there is no method `HEAD`",
        ),
        (
            at(&format!("{request}/content"), json!("{feld.x}")),
            "stages[0].call_api[0].request.content: there is no `{feld…}`",
        ),
        (
            at("/settings/stages/1/evaluate/0/condition", json!({"field.x": {"$get": 1}})),
            "stages[1].evaluate[0].condition.field.x.$get: this is not an operator",
        ),
        (
            at("/settings/stages/0/get_content/0/source", json!("mail")),
            "stages[0].get_content[0]: there is no source `mail`",
        ),
        (
            at(
                "/settings/stages/0/call_api/0/response_handlers/0/value",
                json!({"response": {"$jmespath": "a["}}),
            ),
            "`$jmespath`",
        ),
        (
            at(
                "/settings/stages/0/call_api/0/response_handlers/0/value",
                json!({"response": {"$xmlpath": "/a"}}),
            ),
            "`$xmlpath`: a path begins at the root element",
        ),
        (at("/settings/stages/0", json!({"call_apis": []})), "stages[0]: unknown key `call_apis`"),
        (json!({"stage": []}), "it has no `stages`"),
    ] {
        let text = check(&settings, "");
        assert!(text.contains(part), "{part}\n{text}");
        assert!(text.contains("annex.toml:12:12: requests.json"), "{text}");
    }
    let open = at(&format!("{request}/url"), json!("{property.base}invoices"));
    assert!(
        check(&open, "").contains("the `url` of the call create_draft begins with a placeholder"),
        "{}",
        check(&open, "")
    );
    assert!(check(&open, "hosts = [\"*.example.com\"]\n").contains("annex.toml: ok"));
    let named = "deliver = \"queued\"\n";
    assert!(check(&good, named).contains("`client_secret` is not given here"), "{}", check(&good, named));
    let secret = "{payload.secrets.client_secret}";
    let mut iterates = good.clone();
    iterates.pointer_mut(request).unwrap()["iterate_over"] = json!(secret);
    for (settings, place) in [
        (
            at(&format!("{request}/content"), json!({"key": secret})),
            "the `content` of the call `create_draft`",
        ),
        (
            at(&format!("{request}/url"), json!(format!("https://erp.example.com/{secret}"))),
            "the `url` of the",
        ),
        (
            at(
                "/settings/stages/0/get_content/0",
                json!({"name": "key", "source": "explicit", "query": [secret]}),
            ),
            "the content `key`",
        ),
        (iterates, "the `iterate_over` of the call `create_draft`"),
    ] {
        let text = check(&settings, QUEUED);
        assert!(
            text.contains(place) && text.contains("of a queued run has a token or a secret in it"),
            "{text}"
        );
        assert!(check(&settings, "").contains("annex.toml: ok"), "{}", check(&settings, ""));
    }
    assert!(check(&good, "expected = { create_drafft = [404] }\n").contains("did you mean `create_draft`?"));
}

/// A customer's system that shows the request in its answer: what proves who we are does not get into a field.
#[test]
fn an_answer_that_repeats_the_request_comes_without_what_proves_who_we_are() {
    const OWN: &str = "literal-key-of-the-settings";
    let rossum = rossum();
    for status in [400, 200] {
        let erp = Erp::start(move |call, _| {
            let shown = |name: &str| format!("{name}: {}", call.header(name).unwrap_or_default());
            let all = ["x-api-key", "authorization", "x-own", "x-document"].map(shown).join("; ");
            let encoded = call.header("x-api-key").unwrap_or_default().replace('-', "%2D");
            Reply::status(status, &format!("{all}; url: ?key={encoded}"))
        });
        let headers = json!({"X-Api-Key": "{payload.secrets.client_secret}", "Authorization": format!("Bearer {OWN}"), "X-Own": OWN,
            "X-Document": "{field.document_id.value}"});
        let settings = json!({"settings": {"stages": [{"call_api": [{"name": "echo",
            "request": {"url": format!("http://{}/echo", erp.address), "method": "POST", "content_type": "json", "content": {"a": 1}, "headers": headers},
            "response_handlers": [{"target_type": "schema_id", "target_key": "erp_problem", "value": {"response": {"$jmespath": "text"}}}]}]}]}});
        let annex = start(&rossum, &settings, "");
        let answer = deliver(&annex, &document(&rossum, &format!("r-{status}")));
        let told = values(&answer).into_iter().find(|(id, _)| *id == 5).map(|(_, text)| text);
        let told = told.unwrap_or_else(|| panic!("{answer}"));
        assert!(
            !answer.to_string().contains(CLIENT_SECRET) && told.contains("x-api-key: ***"),
            "{status}: {told}"
        );
        // The document's own values stay: people have to know which one it is about.
        assert!(told.contains("x-document: INV/1 &x"), "{status}: {told}");
        // What the settings hold themselves is hidden in a refusal. In an answer that was asked for it may be data.
        assert_eq!(told.contains(OWN), status == 200, "{status}: {told}");
    }
}
