//! The inspector for who sees it for the first time: URLs and samples, kinds of deliveries, links, copies, what is different.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rossum_annex::signature::Algorithm;
use serde_json::{Value, json};

use crate::inspector::{
    ASKED, HOOK_SECRET, RULES, TOKEN, ask, deliver, document, get, is_presentable, listed, schema, start,
};
use crate::support::{Annex, Browser, Client, SECRET, eventually, free_port, sign, write};

const CHECKS: &str = r#"
  [[hook.step]]
  name = "amounts"
  use = "checks"

    [[hook.step.check]]
    product = ["item_quantity"]
    equals = "item_amount_total"
    message = "{item_amount_total} is not {item_quantity} (difference {difference})."

    [[hook.step.check]]
    required = ["sender_name"]
"#;

#[test]
fn the_empty_page_has_urls_and_sends_a_sample_through_the_door() {
    let (annex, port) = start();
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://127.0.0.1:{port}/inspector"));
    browser.shows("#hooks", "No delivery yet");
    browser.shows("[data-hook=invoice-checks] code", &format!("http://{}/invoice-checks", annex.address));
    browser.shows(
        "[data-hook=invoice-checks]",
        "The sample is annotation_content.initialize, with the fields of its schema.",
    );
    is_presentable(&browser, "hooks-1280");
    browser.sized(390, 844);
    is_presentable(&browser, "hooks-390");
    browser.click("[data-sample=invoice-checks]");
    browser.shows("#verdict", "From Rossum: HMAC-SHA256 over the body fits secret 1 of the hook");
    browser.shows("[data-field=document_id]", "Invoice number");
    browser.shows("[data-field=document_id] del", "Invoice number 1");
    is_presentable(&browser, "sample-390");
    // Back, as a phone has it, leads to the list.
    browser.run("history.back()");
    eventually("the list is there", Duration::from_secs(10), || {
        browser.run("return getComputedStyle(document.getElementById('detail')).display") == "none"
    });
    let list = listed(port, 1);
    let line = &list["deliveries"][0];
    assert_eq!(
        (&line["hook"], &line["event"], &line["status"], &line["verdict"]["verified"]),
        (&json!("invoice-checks"), &json!("annotation_content.initialize"), &json!(200), &json!(true)),
        "{list}"
    );
    assert!(annex.log().contains("invoice-checks"), "it has a line in the log as any other: {}", annex.log());
    // Another sample is another delivery: it is not answered from memory.
    assert_eq!(
        get_json(&ask(port, "POST", "/inspector/hooks/invoice-checks/sample", &[ASKED])),
        json!({"status": 200})
    );
    assert_eq!(listed(port, 2)["deliveries"][0]["note"], Value::Null);
    assert_eq!(ask(port, "POST", "/inspector/hooks/invoice-checks/sample", &[]).0, 403, "another page");
    assert_eq!(ask(port, "GET", "/inspector/hooks/invoice-checks/sample", &[ASKED]).0, 405);
    assert_eq!(ask(port, "POST", "/inspector/hooks/other/sample", &[ASKED]).0, 404);
}

fn get_json((status, body): &(u16, Vec<u8>)) -> Value {
    assert_eq!(*status, 200, "{}", String::from_utf8_lossy(body));
    serde_json::from_slice(body).unwrap()
}

#[test]
fn the_front_page_leads_there_from_this_host_and_what_browsers_ask_for_is_no_delivery() {
    let (annex, port) = start();
    let page = |host: &str| {
        let mut client = Client::plain(annex.address);
        String::from_utf8(client.request_as(host, "GET", "/", &[], b"").body).unwrap()
    };
    let link = format!("href=\"http://127.0.0.1:{port}/inspector\"");
    for host in [annex.address.to_string(), format!("localhost:{}", annex.address.port())] {
        assert!(page(&host).contains(&link), "{host}");
    }
    for host in ["acme.ngrok.app", "hooks.example.test"] {
        assert!(!page(host).contains("inspector"), "{host}: a tunnel leads strangers here");
    }
    for path in ["/favicon.ico", "/robots.txt", "/apple-touch-icon-precomposed.png"] {
        assert_eq!(annex.client().request("GET", path, &[], b"").status, 404, "{path}");
    }
    deliver(&annex, &document("r-1", "1210"));
    assert_eq!(listed(port, 1)["deliveries"][0]["hook"], "invoice-checks");
    let metrics = String::from_utf8(ask(port, "GET", "/metrics", &[]).1).unwrap();
    assert!(!metrics.contains("verdict=\"no_hook\""), "{metrics}");
    // Who calls a path where nothing is, is shown: a hook's URL may be misspelt.
    assert_eq!(annex.client().request("POST", "/favicon.ico", &[("content-length", "0")], b"").status, 404);
    listed(port, 2);
}

/// Dev mode with checks after the rules.
fn start_with(steps: &str) -> (Annex, u16) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &format!("{RULES}{steps}"));
    write(&folder.path().join("schema.json"), &schema());
    let port = free_port();
    (Annex::dev_inspected(folder, port), port)
}

#[test]
fn checks_are_explained_with_rows_values_and_differences() {
    let (annex, port) = start_with(CHECKS);
    deliver(&annex, &document("r-1", "1210"));
    listed(port, 1);
    let detail = get(port, "/inspector/deliveries/1").1;
    let steps = detail["more"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "amounts").unwrap();
    let [product, required] = &step["reasons"].as_array().unwrap()[..] else { panic!("{step}") };
    assert_eq!(product["what"], "item_quantity = item_amount_total");
    let places = product["places"].as_array().unwrap();
    assert_eq!(places.len(), 3, "{product}");
    let saw = |place: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = place["saw"].as_array().unwrap();
        all.iter().map(|saw| (text(&saw["name"]), text(&saw["value"]))).collect()
    };
    let expected = [
        ("item_quantity", "40"),
        ("item_amount_total", "968"),
        ("calculated", "40"),
        ("difference", "928"),
        ("tolerance", "0"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((&places[0]["row"], &places[0]["came"]), (&json!(0), &json!("acted")), "{product}");
    assert_eq!(saw(&places[0])[..4], expected[..4], "{product}");
    assert_eq!((&places[2]["row"], &places[2]["says"]), (&json!(2), &json!("does not hold")));
    assert_eq!(
        (&required["places"][0]["says"], required["places"].as_array().unwrap().len()),
        (&json!("holds"), 1)
    );
    assert_eq!(saw(&required["places"][0]), [("sender_name".to_owned(), "Bolts & Nuts s.r.o.".to_owned())]);
}

#[test]
fn what_failed_is_red_what_users_see_is_amber_and_links_and_copies_lead_back() {
    // Nobody listens there.
    let failing = "\n  [[hook.step]]\n  name = \"crm\"\n  use = \"forward\"\n  to = \"http://127.0.0.1:9\"\n";
    let (annex, port) = start_with(failing);
    let browser = Browser::open(1280, 900);
    let answer = annex.client().deliver("/invoice-checks", document("r-1", "1210").to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    listed(port, 1);
    let detail = get(port, "/inspector/deliveries/1").1;
    assert_eq!(detail["line"]["failures"], 1, "{detail}");
    browser.go(&format!("http://127.0.0.1:{port}/inspector"));
    browser.shows("#failures", "1 step failed: crm");
    browser.press("2");
    browser.shows("[data-step=crm]", "failed");
    let colour = |selector: &str, property: &str| {
        let code = format!("return getComputedStyle(document.querySelector('{selector}')).{property}");
        browser.run(&code).as_str().unwrap_or_default().to_owned()
    };
    let red = colour("#failures", "color");
    assert_eq!(colour("[data-step=crm] .came", "color"), red);
    assert_eq!(colour("#list .mark.failed", "backgroundColor"), red);
    assert_ne!(colour("[data-step=tidy] .came", "color"), red);
    is_presentable(&browser, "failed-1280");

    // Without that step: errors for the user are amber; a refused one is red; chips choose.
    write(&annex.folder().join("annex.toml"), RULES);
    browser.shows("#note", "Configuration reloaded.");
    browser.press("1r");
    browser.shows("#changed", "What is different from #1");
    browser.shows("#changed", "step crm: failed");
    browser.shows("#errors", "The user sees 1 error.");
    browser.sized(390, 844);
    browser.coloured("dark");
    browser.click("#list li:first-child");
    is_presentable(&browser, "again-390-dark");
    browser.coloured("light");
    browser.sized(1280, 900);
    assert_eq!(browser.count("#list .mark.errors"), 1);
    let body = document("r-2", "1").to_string();
    let (name, value) = sign(Algorithm::Sha256, "another secret", body.as_bytes());
    assert_eq!(annex.client().post("/invoice-checks", &[(&name, &value)], &body).status, 401);
    browser.shows("#verdict", "wrong signature");
    assert_eq!(colour("#list .mark.refused", "borderTopColor"), red);
    browser.press("3");
    browser.shows(".headers", "x-rossum-signature-sha256");
    browser.click(".chip.failed");
    eventually("those that failed are left", Duration::from_secs(10), || {
        browser.count("#list li:not([hidden])") == 1
    });
    browser.click(".chip.all");
    eventually("all are back", Duration::from_secs(10), || browser.count("#list li:not([hidden])") == 3);
    is_presentable(&browser, "kinds-1280");

    // A link leads to the delivery and its part; the body is as it came, to the byte but for the secrets.
    browser.click("#list li:last-child");
    browser.press("3");
    browser.shows(".headers", "content-length");
    browser.shows("#raw-request", "\"rossum_authorization_token\": \"[removed]\"");
    is_presentable(&browser, "request-1280");
    let hash = browser.run("return location.hash");
    let hash = hash.as_str().unwrap();
    assert!(hash.starts_with("#1.") && hash.ends_with("/request"), "{hash}");
    let link = format!("http://127.0.0.1:{port}/inspector{hash}");
    browser.go("about:blank");
    browser.go(&link);
    browser.shows("#raw-request", "\"rossum_authorization_token\": \"[removed]\"");
    browser.sized(390, 844);
    is_presentable(&browser, "request-390");
    browser.run("[...document.querySelectorAll('.ways button')].at(-1).click()");
    browser.shows("#raw-request", "{\"request_id\":\"r-1\",\"event\":\"annotation_content\",");
    let sent = document("r-1", "1210").to_string();
    let removed = |text: &str, with: &str| text.replace(with, "\"[removed]\"");
    let expected =
        removed(&removed(&sent, &format!("\"{TOKEN}\"")), &format!("{{\"erp\":\"{HOOK_SECRET}\"}}"));
    assert_eq!(String::from_utf8(ask(port, "GET", "/inspector/deliveries/1/body", &[]).1).unwrap(), expected);
    browser.go("about:blank");
    browser.go(&format!("http://127.0.0.1:{port}/inspector#1.old/steps"));
    browser.shows("#detail", "earlier run of the server");
    browser.go("about:blank");
    browser.go(&format!("http://127.0.0.1:{port}/inspector#99.old"));
    browser.shows("#detail", "It is not kept any more.");
}

/// Runs a command as somebody does who pasted it into a shell.
fn pasted(command: &str) -> Output {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_annex")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).env("PATH", path).env("ROSSUM_SECRET", SECRET).stdin(Stdio::null());
    shell.output().unwrap()
}

#[test]
fn copied_commands_send_it_once_more_and_hold_no_secret() {
    let (annex, port) = start();
    let mut sent = document("r-1", "1210");
    sent["annotation"]["note"] = json!("it's a $HOME `x` \\ \"y\"\nBODY\n");
    deliver(&annex, &sent);
    listed(port, 1);
    let commands = get(port, "/inspector/deliveries/1/commands").1;
    let mut count = 1;
    for name in ["send", "curl"] {
        let command = commands[name].as_str().unwrap();
        for secret in [TOKEN, HOOK_SECRET, SECRET] {
            assert!(!command.contains(secret), "{secret}: {command}");
        }
        let ran = pasted(command);
        if name == "curl" && ran.status.code() == Some(127) {
            println!("skipped: there is no curl");
            continue;
        }
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success() && said.contains("not</b> add up"), "{said} {ran:?}");
        count += 1;
        let line = listed(port, count)["deliveries"][0].clone();
        assert_eq!((&line["status"], &line["verdict"]["verified"]), (&json!(200), &json!(true)), "{line}");
    }
    assert_eq!(ask(port, "GET", "/inspector/deliveries/99/commands", &[]).0, 404);
}
