//! The inspector: the page in a real browser, and what it may and may not show.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rossum_annex::signature::Algorithm;
use serde_json::{Value, json};

use crate::support::{
    Annex, Browser, Client, Erp, Reply, SECRET, annex_command, eventually, free_port, sign, write,
};

pub(crate) const TOKEN: &str = "TOKEN-OF-THE-DELIVERY";
pub(crate) const HOOK_SECRET: &str = "SECRET-OF-THE-HOOK";

pub(crate) const RULES: &str = r#"
[[hook]]
name = "invoice-checks"
path = "/invoice-checks"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  name = "tidy"
  use = "formulas"
  schema = "schema.json"

    [[hook.step.formula]]
    field = "document_id"
    code = "substitute(r'[^0-9]', '', field.document_id)"

  [[hook.step]]
  name = "rules"
  use = "rules"
  schema = "schema.json"

    [[hook.step.rule]]
    name = "Lines add up"
    trigger_condition = "round(sum(default_to(field.item_amount_total.all_values, 0)), 2) != round(field.amount_total, 2)"
    actions = [{ type = "show_message", payload = { type = "error", content = "The lines do <b>not</b> add up.", schema_id = "amount_total" } }]

    [[hook.step.rule]]
    name = "Large amount"
    trigger_condition = "field.item_amount_total > 1000"
    actions = [{ type = "add_automation_blocker", payload = { content = "A large line.", schema_id = "item_amount_total" } }]
"#;

pub(crate) fn schema() -> String {
    let field = |id: &str, label: &str, kind: &str| json!({"id": id, "label": label, "category": "datapoint", "type": kind});
    json!([
        {"id": "basic", "label": "Basic information", "category": "section", "children": [
            field("document_id", "Invoice number", "string"), field("amount_total", "Total amount", "number"),
            field("sender_name", "Vendor", "string")]},
        {"id": "lines", "label": "Lines", "category": "section", "children": [
            {"id": "line_items", "label": "Line items", "category": "multivalue", "children":
                {"id": "line_item", "label": "Line item", "category": "tuple", "children": [
                    field("item_description", "Description", "string"), field("item_quantity", "Quantity", "number"),
                    field("item_amount_total", "Line total", "number")]}}]}
    ])
    .to_string()
}

pub(crate) fn document(request_id: &str, total: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    let row = |id: u64, what: &str, quantity: &str, total: &str| {
        json!({"id": id, "schema_id": "line_item", "category": "tuple", "children": [datapoint(id + 1, "item_description", what),
            datapoint(id + 2, "item_quantity", quantity), datapoint(id + 3, "item_amount_total", total)]})
    };
    json!({"request_id": request_id, "event": "annotation_content", "action": "updated",
        "rossum_authorization_token": TOKEN, "secrets": {"erp": HOOK_SECRET}, "base_url": "https://acme.rossum.app",
        "annotation": {"id": 314_521, "content": [
            {"id": 100, "schema_id": "basic", "category": "section", "children": [
                datapoint(1, "document_id", "INV-2026/0117"), datapoint(2, "amount_total", total), datapoint(3, "sender_name", "Bolts & Nuts s.r.o.")]},
            {"id": 200, "schema_id": "lines", "category": "section", "children": [
                {"id": 201, "schema_id": "line_items", "category": "multivalue", "children": [
                    row(210, "Steel bolts M8", "40", "968"), row(220, "Delivery", "1", "242"), row(230, "A very large crane", "1", "1500")]}]}]}})
}

/// Dev mode with the rules above, and the inspector's port.
pub(crate) fn start() -> (Annex, u16) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), RULES);
    write(&folder.path().join("schema.json"), &schema());
    let port = free_port();
    (Annex::dev_inspected(folder, port), port)
}

pub(crate) fn deliver(annex: &Annex, document: &Value) -> Value {
    let answer = annex.client().deliver("/invoice-checks", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

pub(crate) fn get(port: u16, path: &str) -> (u16, Value) {
    let answer = ask(port, "GET", path, &[]);
    let json = serde_json::from_slice(&answer.1).unwrap_or_default();
    (answer.0, json)
}

pub(crate) fn ask(port: u16, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, Vec<u8>) {
    let mut client = Client::plain(([127, 0, 0, 1], port).into());
    let mut all = vec![("content-length", "0")];
    all.extend_from_slice(headers);
    let answer = client.request_as(&format!("127.0.0.1:{port}"), method, path, &all, b"");
    (answer.status, answer.body)
}

pub(crate) const ASKED: (&str, &str) = ("x-annex-admin", "a test");

/// Waits until so many deliveries are listed; gives the list.
#[track_caller]
pub(crate) fn listed(port: u16, count: usize) -> Value {
    let mut list = Value::Null;
    eventually("they are listed", Duration::from_secs(10), || {
        list = get(port, "/inspector/deliveries").1;
        list["deliveries"].as_array().is_some_and(|all| all.len() == count)
    });
    list
}

pub(crate) fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("inspector")
}

/// A viewport that shows everything without scrolling sideways, and says nothing on the console.
#[track_caller]
pub(crate) fn is_presentable(browser: &Browser, name: &str) {
    let wide = browser.run("return [document.documentElement.scrollWidth, innerWidth, [...document.querySelectorAll('button, .tell, h2, h3, .verdict')].filter(e => e.offsetParent && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))]");
    assert!(wide[0].as_u64() <= wide[1].as_u64() && wide[2] == json!([]), "{name}: {wide}");
    let picture = browser.picture(&pictures().join(format!("{name}.png")));
    assert!(picture.len() > 20_000, "{name}: nearly nothing is drawn");
    assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}");
}

#[test]
fn a_delivery_appears_is_explained_sent_again_and_saved() {
    let (annex, port) = start();
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://127.0.0.1:{port}/"));
    browser.shows("#live", "live");
    browser.shows("#none", "No delivery yet");
    browser.run("window.neverReloaded = true");

    // It appears, with Rossum's labels, the messages where the user sees them, and what changed.
    deliver(&annex, &document("r-1", "1210"));
    browser.shows("#list li", "invoice-checks");
    browser.shows("#verdict", "From Rossum: HMAC-SHA256 over the body fits secret 1 of the hook");
    browser.shows("[data-field=amount_total]", "Total amount");
    browser.shows("[data-field=amount_total]", "The lines do not add up.");
    browser.shows("[data-field=document_id] del", "INV-2026/0117");
    browser.shows("[data-field=document_id] ins", "20260117");
    browser.shows(".items", "Line total");
    browser.shows(".items", "A large line.");
    browser.shows("#times", "rules");
    is_presentable(&browser, "document-1280");

    // The rule that fired, with what it saw; the one that fired in one row.
    browser.press("2");
    let fired = "details.reason[open]";
    browser.shows("#panel", "Lines add up");
    let panel = browser.text("#panel");
    for part in [
        "round(sum(default_to(field.item_amount_total.all_values, 0)), 2) != round(field.amount_total, 2)",
        "round(sum(default_to(field.item_amount_total.all_values, 0)), 2)\n2710",
        "round(field.amount_total, 2)\n1210",
        "row 3",
        "field.item_amount_total\n1500",
        "field.item_amount_total.all_values\n[968.0, 242.0, 1500.0]",
        "field.document_id\n'INV-2026/0117'",
        "substitute(r'[^0-9]', '', field.document_id)",
    ] {
        assert!(panel.contains(part), "{part}\n{panel}");
    }
    assert!(browser.count(fired) >= 3, "{panel}");
    is_presentable(&browser, "steps-1280");
    for (key, part) in
        [("3", "\"rossum_authorization_token\": \"[removed]\""), ("4", "\"automation_blockers\"")]
    {
        browser.press(key);
        browser.shows("#panel pre", part);
    }

    // A wrong signature, with its reason.
    let body = document("r-2", "1").to_string();
    let (name, value) = sign(Algorithm::Sha256, "another secret", body.as_bytes());
    assert_eq!(annex.client().post("/invoice-checks", &[(&name, &value)], &body).status, 401);
    browser.shows("#verdict", "wrong signature: no secret of this hook fits");
    browser.shows("#verdict", "compare the hook's secret in Rossum");
    assert_eq!(browser.count("#again[disabled]"), 1);

    // A mistake in the configuration is shown where one looks; the corrected one counts for what is sent again.
    write(&annex.folder().join("annex.toml"), &RULES.replace("use = \"rules\"", "use = \"rulez\""));
    browser.shows("#mistakes", "did you mean \"rules\"?");
    browser.shows("#mistakes", "annex.toml:");
    let lenient = RULES.replace("!= round(field.amount_total, 2)", "< round(field.amount_total, 2)");
    write(&annex.folder().join("annex.toml"), &lenient);
    eventually("the mistakes are gone", Duration::from_secs(10), || browser.count("#mistakes[hidden]") == 1);
    browser.click("#list li:nth-child(2)");
    browser.shows("#detail h2", "invoice-checks");
    browser.press("r");
    browser.shows("#list li", "(#1 again)");
    browser.press("1");
    browser.shows("#detail", "#1 sent again");
    eventually("its message is gone", Duration::from_secs(10), || {
        !browser.text("[data-field=amount_total]").contains("add up")
    });

    // Saved, it is a case that passes.
    browser.press("s");
    browser.shows("#note", "cases/invoice-checks-annotation_content.updated-314521.json");
    let mut command = annex_command();
    let tested = command.arg("test").current_dir(annex.folder()).output().unwrap();
    let said = String::from_utf8([tested.stdout, tested.stderr].concat()).unwrap();
    assert!(tested.status.success() && said.contains("1 "), "{said}");

    // By keyboard alone: the list, the filter, help.
    browser.press("/401");
    eventually("one is left", Duration::from_secs(10), || browser.count("#list li:not([hidden])") == 1);
    browser.press("\u{E00C}"); // Escape
    eventually("all are back", Duration::from_secs(10), || browser.count("#list li:not([hidden])") == 3);
    browser.press("?");
    assert_eq!(browser.count("dialog[open]"), 1);
    browser.press("\u{E00C}");
    browser.press("j");
    browser.shows("#verdict", "wrong signature");

    // The same page all the time, that asked nobody else, and holds nothing secret.
    assert_eq!(browser.run("return window.neverReloaded"), json!(true));
    let asked = browser.run("return performance.getEntriesByType('resource').map(e => e.name).filter(name => !name.startsWith(location.origin) && !name.startsWith('data:'))");
    assert_eq!(asked, json!([]));
    browser.press("k1");
    for tab in 1..=4 {
        browser.press(&tab.to_string());
        let source = browser.run("return document.documentElement.outerHTML").to_string();
        for secret in [TOKEN, HOOK_SECRET, SECRET] {
            assert!(!source.contains(secret), "{secret} in tab {tab}");
        }
    }

    in_all_sizes_and_colours(&browser);
}

fn in_all_sizes_and_colours(browser: &Browser) {
    browser.press("1");
    browser.coloured("dark");
    is_presentable(browser, "document-1280-dark");
    browser.sized(390, 844);
    browser.run("document.querySelector('#list li').click()");
    browser.shows("#detail h2", "invoice-checks");
    is_presentable(browser, "document-390-dark");
    browser.coloured("light");
    browser.press("2");
    is_presentable(browser, "steps-390");
    browser.click("#back");
    assert_eq!(browser.run("return getComputedStyle(document.getElementById('detail')).display"), "none");
    is_presentable(browser, "list-390");
}

#[test]
fn ten_thousand_deliveries_leave_server_and_page_small_and_quick() {
    let (annex, port) = start();
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://127.0.0.1:{port}/inspector"));
    browser.shows("#live", "live");
    let send = |from: usize, to: usize| {
        std::thread::scope(|scope| {
            for part in 0..4 {
                let annex = &annex;
                scope.spawn(move || {
                    let mut client = annex.client();
                    for number in (from + part..to).step_by(4) {
                        let body = document(&format!("r-{number}"), "1210").to_string();
                        assert_eq!(client.deliver("/invoice-checks", body).status, 200);
                    }
                });
            }
        });
    };
    send(0, 1_000);
    eventually("the page is full", Duration::from_secs(30), || browser.count("#list li") == 500);
    let (server, heap) = (annex.memory_kb("VmRSS"), browser.heap());
    send(1_000, 10_000);
    let last = |list: &Value| list["deliveries"][0]["number"].as_u64();
    eventually("all have come", Duration::from_secs(30), || {
        let list = get(port, "/inspector/deliveries").1;
        last(&list).unwrap_or_default() + list["left_out"].as_u64().unwrap_or_default() >= 10_000
    });
    assert_eq!(listed(port, 500)["most"], 500);
    let grown = annex.memory_kb("VmRSS").saturating_sub(server);
    assert!(grown < 40_000, "the server grew by {grown} kB, from {server} kB");
    eventually("the page has as many", Duration::from_secs(30), || browser.count("#list li") == 500);
    let heap_now = browser.heap();
    assert!(heap_now < heap.max(4e6) * 3.0, "the page grew from {heap} to {heap_now} bytes");
    // It answers at once: a choice by keyboard is drawn within a second, chromedriver's own time included.
    let start = Instant::now();
    browser.click("#list li:nth-child(7)");
    browser.press("2");
    browser.shows("#panel", "Lines add up");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn only_this_host_may_look_and_only_the_page_may_do() {
    let (annex, port) = start();
    deliver(&annex, &document("r-1", "1210"));
    listed(port, 1);
    let mut client = Client::plain(([127, 0, 0, 1], port).into());
    let rebound = client.request_as("evil.example", "GET", "/inspector/deliveries/1", &[], b"");
    assert_eq!(rebound.status, 403, "DNS rebinding");
    for action in ["send", "save"] {
        let path = format!("/inspector/deliveries/1/{action}");
        assert_eq!(ask(port, "POST", &path, &[]).0, 403, "another page cannot set the header");
        assert_eq!(ask(port, "GET", &path, &[ASKED]).0, 405);
        assert_eq!(ask(port, "POST", &path.replace('1', "99"), &[ASKED]).0, 409);
    }
    assert_eq!(get(port, "/inspector/deliveries/99").0, 404);
    assert_eq!(get(port, "/inspector/nothing").0, 404);
    assert_eq!(ask(port, "POST", "/inspector", &[]).0, 405);
    // Nor is it where Rossum calls, which is what a tunnel opens to the world.
    for path in ["/inspector", "/inspector/deliveries"] {
        assert_eq!(annex.client().request("GET", path, &[], b"").status, 404);
    }
    let mut client = Client::plain(([127, 0, 0, 1], port).into());
    let page = client.request_as("localhost", "GET", "/inspector", &[], b"");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = String::from_utf8(page.body).unwrap();
    assert!(!text.contains("://") || !text.contains("src="), "nothing of another server is in it");
    // A repeat is answered from memory, and what is sent again is run.
    let mut exported = document("r-9", "1210");
    exported["action"] = json!("export");
    deliver(&annex, &exported);
    deliver(&annex, &exported);
    // The two requests for the page, at the wrong place, are there too.
    let list = listed(port, 5);
    assert_eq!(list["deliveries"][0]["note"], "repeated: answered again");
    let again = ask(port, "POST", "/inspector/deliveries/4/send", &[ASKED]);
    assert_eq!((again.0, again.1), (200, br#"{"number":6}"#.to_vec()));
    assert_eq!(listed(port, 6)["deliveries"][0]["again"], 4);
    // A hook that is gone, and a secret that changed, are said.
    write(&annex.folder().join("annex.toml"), &RULES.replace("/invoice-checks", "/other"));
    eventually("it is reloaded", Duration::from_secs(10), || {
        let (status, body) = ask(port, "POST", "/inspector/deliveries/4/send", &[ASKED]);
        status == 409
            && String::from_utf8_lossy(&body).contains("there is no hook at /invoice-checks any more")
    });
    // An address of everyone's is refused.
    let mut command = annex_command();
    let refused = command.args(["--dev-http=127.0.0.1:0", "--inspector", "0.0.0.0:5043"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("give a port, or an address of loopback"), "{said}");
}

#[test]
fn in_production_it_is_switched_on_read_only_and_masked() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["hooks.example.test".to_owned()]).unwrap();
    write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    write(&folder.path().join("chain.pem"), &made.cert.pem());
    write(&folder.path().join("schema.json"), &schema());
    let (https, port) = (free_port(), free_port());
    let server = format!(
        "[server]\nhttps = \"127.0.0.1:{https}\"\nhttp = \"off\"\nadmin = \"127.0.0.1:{port}\"\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n"
    );
    write(&folder.path().join("annex.toml"), &format!("{server}inspector = true\n{RULES}"));
    let annex = Annex::https(folder, https);
    let leaf = [made.cert.der().clone()];
    let client = || {
        Client::tls(([127, 0, 0, 1], https).into(), "hooks.example.test", &leaf, rustls::ALL_VERSIONS)
            .unwrap()
    };
    let sent = document("r-1", "1210").to_string();
    assert_eq!(client().deliver("/invoice-checks", &sent).status, 200);
    assert_eq!(client().post("/invoice-checks", &[], &sent).status, 401);
    assert_eq!(client().request("GET", "/inspector", &[], b"").status, 404, "never where Rossum calls");
    assert_eq!(client().request("POST", "/scan.php", &[("content-length", "0")], b"").status, 404);

    let list = listed(port, 2);
    assert_eq!((&list["mode"], &list["counts"][0]["refused"]), (&json!("masked"), &json!(1)), "{list}");
    let detail = ask(port, "GET", "/inspector/deliveries/1", &[]).1;
    let detail = String::from_utf8(detail).unwrap();
    for value in [
        "INV-2026",
        "20260117",
        "1210",
        "2710",
        "1500",
        "crane",
        "Bolts",
        "do <b>",
        TOKEN,
        HOOK_SECRET,
        SECRET,
    ] {
        assert!(!detail.contains(value), "{value}: {detail}");
    }
    for known in ["amount_total", "Lines add up", "fired", "•••"] {
        assert!(detail.contains(known), "{known}: {detail}");
    }
    assert!(
        detail.contains("[\"host\",\"•••\"],[\"content-length\",") && !detail.contains("sha256="),
        "headers of nobody: {detail}"
    );
    for left_out in ["body", "commands"] {
        let (status, said) = ask(port, "GET", &format!("/inspector/deliveries/1/{left_out}"), &[]);
        assert_eq!(status, 404, "{}", String::from_utf8_lossy(&said));
    }
    let hooks = get(port, "/inspector/hooks").1;
    assert_eq!(hooks["hooks"][0]["hook"]["path"], "/invoice-checks", "{hooks}");
    assert_eq!(ask(port, "POST", "/inspector/hooks/invoice-checks/sample", &[ASKED]).0, 409);
    for action in ["send", "save"] {
        let (status, said) = ask(port, "POST", &format!("/inspector/deliveries/1/{action}"), &[ASKED]);
        assert_eq!(status, 409, "{}", String::from_utf8_lossy(&said));
    }

    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://127.0.0.1:{port}/"));
    browser.shows("#mode", "production, masked");
    browser.shows("#chart", "2 in 12 h, 1 refused");
    browser.shows("#certificates", "hooks.example.test");
    browser.shows("#certificates", "days left");
    browser.click("#list li:nth-child(2)");
    browser.shows("[data-field=amount_total]", "Total amount");
    browser.shows("[data-field=amount_total]", "•••");
    assert_eq!(browser.count("#again, #save"), 0);
    is_presentable(&browser, "production-1280");
    browser.sized(390, 844);
    is_presentable(&browser, "production-390");

    // A page that listens keeps no server from stopping.
    let start = Instant::now();
    let folder = annex.stop("TERM");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // Without the switch there is nothing.
    write(&folder.path().join("annex.toml"), &format!("{server}{RULES}"));
    let _annex = Annex::https(folder, https);
    assert_eq!(get(port, "/inspector").0, 404);
}

#[test]
fn a_taken_port_is_no_reason_not_to_serve() {
    // This test's own, or another program's: taken it is.
    let _taken = std::net::TcpListener::bind("127.0.0.1:5043");
    let annex = Annex::dev();
    annex.logs("look    http://127.0.0.1:", Duration::from_secs(5));
    assert!(!annex.log().contains("look    http://127.0.0.1:5043 "), "{}", annex.log());
    let port = free_port();
    let off = Annex::dev_but(|command| {
        command.args(["--inspector", "off"]);
    });
    assert!(!off.log().contains("look    http"), "{}", off.log());
    // One that was asked for is one that is wanted.
    let _other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let asked = format!("--inspector=127.0.0.1:{port}");
    let refused = annex_command().args(["--dev-http=127.0.0.1:0", &asked]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot listen on"), "{refused:?}");
}

/// What is answered without a run has the same account: the page, the metrics and the log.
#[test]
fn what_is_promised_again_and_results_that_are_not_there_are_shown_and_counted() {
    let is_open = Arc::new(AtomicBool::new(false));
    let erp = Erp::start({
        let is_open = Arc::clone(&is_open);
        move |_, _| {
            while !is_open.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            Reply::status(503, "later")
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[server]\nstate = \"state\"\n[[target]]\nname = \"erp\"\nurl = \"http://{}/\"\n\
         [[hook]]\nname = \"later\"\npath = \"/later\"\nsecrets = [\"env:ROSSUM_SECRET\"]\nanswer = \"async\"\n\
         [[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"x\"\nshape = \"json\"\nevents = [\"annotation_status\"]\n",
        erp.address
    );
    write(&folder.path().join("annex.toml"), &config);
    let port = free_port();
    let annex = Annex::dev_inspected(folder, port);
    let body = json!({"request_id": "r-1", "event": "annotation_status", "action": "changed", "annotation": {"id": 7, "content": []}});
    let deliver = || {
        let answer = annex.client().deliver("/later", body.to_string());
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.header("location").unwrap().split_once("hooks.example.test").unwrap().1.to_owned()
    };
    let place = deliver();
    erp.called(1);
    assert_eq!(deliver(), place);
    let again = &listed(port, 1)["deliveries"][0];
    let facts = ["hook", "event", "annotation", "note", "status"].map(|key| again[key].clone());
    assert_eq!(
        json!(facts),
        json!(["later", "annotation_status.changed", "7", "promised before: the same place", 202]),
        "{again}"
    );
    is_open.store(true, Ordering::Relaxed);
    listed(port, 2);
    for (path, status, count) in [(place.as_str(), 410, 3), ("/.annex/results/0123", 404, 4)] {
        assert_eq!(annex.client().request("GET", path, &[], b"").status, status);
        let all = listed(port, count);
        let shown = all["deliveries"].as_array().unwrap().iter().find(|one| one["status"] == status);
        assert_eq!(shown.unwrap_or_else(|| panic!("{all}"))["path"], "/.annex/results/", "{all}");
    }
    let name = place.rsplit('/').next().unwrap();
    assert!(!annex.log().contains(name) && !get(port, "/inspector/deliveries").1.to_string().contains(name));
    let metrics = String::from_utf8(ask(port, "GET", "/metrics", &[]).1).unwrap();
    for counted in [
        "{hook=\"later\",event=\"annotation_status.changed\",verdict=\"verified\"} 1",
        "{hook=\"later\",event=\"annotation_status.changed\",verdict=\"not_sent\"} 1",
        "{hook=\"-\",event=\"-\",verdict=\"broken\"} 1",
        "{hook=\"-\",event=\"-\",verdict=\"no_result\"} 1",
        "delivery_duration_seconds_count{hook=\"later\"} 2",
    ] {
        assert!(metrics.contains(counted), "{counted}: {metrics}");
    }
    let log = annex.log();
    assert!(log.contains("(promised before: the same place) 202") && log.contains("request r-1"), "{log}");
}
