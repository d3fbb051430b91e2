//! Systems that answer something else than what is asked, and values of documents that would lead a call elsewhere: nothing is
//! called with what was not said, and nothing happens twice for it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::exports::{config, deliver, document, eventually_listed, messages};
use crate::support::{Annex, Erp, Reply, SECRET, eventually, write};

/// Two calls, the second with what the first answered.
fn two_calls(deliver: &str) -> String {
    format!(
        "[[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\ndeliver = \"{deliver}\"\n\
         [[hook.step.call]]\nname = \"create\"\npath = \"invoices\"\nshape = \"json\"\n\
         [[hook.step.call]]\nname = \"submit\"\nmethod = \"PUT\"\n\
         path = \"invoices/{{{{ answers.create.body.id | segment }}}}/submitted\"\n"
    )
}

fn lines(erp: &Erp) -> Vec<String> {
    erp.calls().into_iter().map(|call| call.line).collect()
}

/// Answers that say no id.
fn not_understood() -> Vec<(&'static str, Reply)> {
    let large = format!("{{\"id\": \"{}\"}}", "7".repeat(1_000_001));
    vec![
        (
            "HTML",
            Reply::Answer(
                200,
                "<!doctype html><title>Login</title>".to_owned(),
                "content-type: text/html\r\n",
            ),
        ),
        ("no JSON", Reply::Answer(200, "{\"id\": 7".to_owned(), "content-type: application/json\r\n")),
        ("a text", Reply::Answer(200, "<html>".to_owned(), "")),
        ("no id", Reply::ok("{}")),
        ("null", Reply::ok(r#"{"id": null}"#)),
        ("empty", Reply::ok(r#"{"id": ""}"#)),
        ("a list", Reply::ok("[1, 2]")),
        ("nothing", Reply::ok("")),
        ("dots", Reply::ok(r#"{"id": "..%2f.."}"#)),
        ("large", Reply::ok(&large)),
    ]
}

#[test]
fn an_answer_that_was_not_understood_calls_nothing_and_is_told() {
    for (name, reply) in not_understood() {
        let reply = std::sync::Mutex::new(Some(reply));
        let erp = Erp::start(move |_, _| reply.lock().unwrap().take().unwrap_or_else(|| Reply::ok("{}")));
        let annex = Annex::dev_with(&config(&erp, &two_calls("now")));
        let told = messages(&deliver(&annex, &document("r-1", 7, "INV-1")));
        assert!(matches!(&told[..], [(kind, _)] if kind == "error"), "{name}: {told:?}");
        assert_eq!(lines(&erp), ["POST /api/invoices"], "{name}");
    }
}

#[test]
fn a_queued_export_ends_where_an_answer_was_not_understood() {
    let mut replies: Vec<_> = not_understood().into_iter().map(|(_, reply)| reply).collect();
    let count = replies.len();
    let replies = std::sync::Mutex::new(std::mem::take(&mut replies).into_iter());
    let erp = Erp::start(move |_, _| replies.lock().unwrap().next().unwrap_or_else(|| Reply::ok("{}")));
    let annex = Annex::dev_with(&config(&erp, &two_calls("queued")));
    for number in 0..count {
        deliver(&annex, &document(&format!("r-{number}"), 7 + number as u64, "INV-1"));
    }
    eventually_listed(&annex, "dead", count);
    assert!(lines(&erp).iter().all(|line| line == "POST /api/invoices"), "{:?}", lines(&erp));
    assert_eq!(lines(&erp).len(), count, "each was sent once");
}

#[test]
fn numbers_of_others_keep_their_digits() {
    let erp = Erp::start(|_, number| {
        Reply::ok(if number == 0 { r#"{"id": 12345678901234567890123, "total": 1.10}"# } else { "{}" })
    });
    let steps = two_calls("now").replace(
        "shape = \"json\"",
        "shape = \"json\"\nwrite = { erp_id = \"/id\", erp_status = \"/total\" }",
    );
    let annex = Annex::dev_with(&config(&erp, &steps));
    let answer = deliver(&annex, &document("r-1", 7, "INV-1"));
    assert_eq!(messages(&answer), []);
    assert_eq!(lines(&erp)[1], "PUT /api/invoices/12345678901234567890123/submitted");
    let written: Vec<_> = answer["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["value"]["content"]["value"].clone())
        .collect();
    assert_eq!(written, [json!("12345678901234567890123"), json!("1.10")]);
}

#[test]
fn what_cannot_be_kept_is_known_before_anything_is_sent() {
    for deliver_word in ["now", "queued"] {
        let erp = Erp::kind();
        let step = format!(
            "[[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\ndeliver = \"{deliver_word}\"\npath = \"invoices\"\nshape = \"json\"\n\
             write = {{ erp_id = \"/id\", nowhere = \"/id\" }}\n"
        );
        let rossum = if deliver_word == "queued" {
            format!("\n[rossum]\nurl = \"http://{}\"\ntoken = \"env:ROSSUM_SECRET\"\n", erp.address)
        } else {
            String::new()
        };
        let annex = Annex::dev_with(&(config(&erp, &step) + &rossum));
        let told = messages(&deliver(&annex, &document("r-1", 7, "INV-1")));
        assert!(told[0].1.contains("no field nowhere") && told[0].1.contains("nothing was sent"), "{told:?}");
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(lines(&erp), [""; 0], "{deliver_word}");
    }
}

#[test]
fn a_write_that_finds_nothing_is_said_and_the_export_stays_sent() {
    let erp = Erp::kind();
    let step = "[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\nwrite = { erp_id = \"/number\" }\n";
    let annex = Annex::dev_with(&config(&erp, step));
    let told = messages(&deliver(&annex, &document("r-1", 7, "INV-1")));
    assert!(
        matches!(&told[..], [(kind, text)] if kind == "warning" && text.contains("was sent") && text.contains("/number")),
        "{told:?}"
    );
    assert_eq!(lines(&erp).len(), 1);
}

#[test]
fn values_lead_no_call_elsewhere() {
    let erp = Erp::kind();
    let step = |path: &str| {
        format!("[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"{path}\"\nshape = \"json\"\n")
    };
    let steps =
        [step("invoices/{{ field.document_id }}/scan"), step("invoices?id={{ field.document_id }}&keep=1")]
            .concat();
    let annex = Annex::dev_with(&config(&erp, &steps));
    for (number, value) in [
        "%2e%2e/%2e%2e/admin/delete",
        ".%2E/.%2E/admin",
        "../../admin",
        "..",
        "%252e%252e%252fadmin",
        "a?force=true#",
        "1&admin=1",
        "a/b",
    ]
    .into_iter()
    .enumerate()
    {
        deliver(&annex, &document(&format!("r-{number}"), 7, value));
    }
    let lines = lines(&erp);
    for line in &lines {
        let path = line.strip_prefix("POST /api/invoices").unwrap_or_else(|| panic!("{lines:#?}"));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if query.is_empty() {
            assert!(path.ends_with("/scan") && path.matches('/').count() == 2, "{lines:#?}");
        } else {
            assert!(
                path.is_empty() && query.ends_with("&keep=1") && query.matches('&').count() == 1,
                "{lines:#?}"
            );
        }
    }
    assert_eq!(lines.iter().filter(|line| line.contains('?')).count(), 8, "a query takes whatever it is");
    assert_eq!(lines.iter().filter(|line| line.ends_with("/scan")).count(), 3, "{lines:#?}");
}

#[test]
fn a_tokens_life_and_size_are_the_issuers_word_and_not_our_end() {
    let life = ["18446744073709551615", "1e300", "\"18446744073709551600\"", "-5", "[]"];
    for life in life {
        let erp = Erp::start(move |call, _| {
            Reply::ok(&if call.line == "POST /token" {
                format!("{{\"access_token\": \"t\", \"expires_in\": {life}}}")
            } else {
                "{}".to_owned()
            })
        });
        let annex = Annex::dev_with(&with_token(&erp));
        assert_eq!(messages(&deliver(&annex, &document("r-1", 7, "INV-1"))), [], "{life}");
        assert!(!annex.log().contains("panic"), "{}", annex.log());
    }
    let erp = Erp::start(|call, _| {
        Reply::ok(&if call.line == "POST /token" {
            format!("{{\"access_token\": \"t\", \"more\": \"{}\"}}", "x".repeat(200_000))
        } else {
            "{}".to_owned()
        })
    });
    let annex = Annex::dev_with(&with_token(&erp));
    let told = messages(&deliver(&annex, &document("r-1", 7, "INV-1")));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(annex.log().contains("answered 200 OK with more than 100000 bytes"), "{}", annex.log());
}

#[test]
fn a_token_endpoint_that_gives_none_is_told_as_what_it_is() {
    let answers: [(u16, &str, String); 12] = [
        (200, "200 OK with a list, and no `access_token` in it", "[]".to_owned()),
        (200, "200 OK with `null`, and no `access_token` in it", "null".to_owned()),
        (200, "200 OK with an object, and no `access_token` in it", "{\"access_token\": 7}".to_owned()),
        (200, "200 OK with an object, and no `access_token` in it", "{\"access_token\": \" \"}".to_owned()),
        (200, "200 OK with what is not JSON, and no `access_token` in it", "<html>FORGED</html>".to_owned()),
        (200, "200 OK with more than 100000 bytes", "x".repeat(9_000_000)),
        (401, "401 Unauthorized", "{}".to_owned()),
        (
            401,
            "401 Unauthorized: invalid_client: The password &#39;***&#39; is wrong",
            format!(
                "{{\"error\": \"invalid_client\", \"error_description\": \"The password '{SECRET}' is\\nwrong\"}}"
            ),
        ),
        (
            401,
            "401 Unauthorized: invalid_client: what it says besides repeats a part of our own secret",
            format!(
                "{{\"error\": \"invalid_client\", \"error_description\": \"FORGED {}\"}}",
                SECRET.to_uppercase()
            ),
        ),
        (
            200,
            "200 OK with a token that holds characters which no header can hold",
            "{\"access_token\": \"FORGED\\r\\nx: y\"}".to_owned(),
        ),
        (503, "503 Service Unavailable", "{}".to_owned()),
        (503, "503 Service Unavailable: busy", "{\"error_description\": \"busy\"}".to_owned()),
    ];
    for (status, words, body) in answers {
        let erp = Erp::start(move |call, _| match &*call.line {
            "POST /token" => Reply::status(status, &body),
            _ => Reply::ok("{}"),
        });
        let step = with_token(&erp);
        let annex = Annex::dev_with(&step);
        let told = messages(&deliver(&annex, &document("r-1", 7, "INV-1")));
        assert!(
            told.len() == 1 && told[0].1.contains(words) && !told[0].1.contains("cannot be reached"),
            "{told:?}"
        );
        assert_eq!(told[0].1.contains("later"), status == 503, "{told:?}");
        assert!(!told[0].1.contains("FORGED") && !annex.log().contains("FORGED"));
        assert!(!annex.log().contains(SECRET));

        let annex = Annex::dev_with(
            &step.replace("use = \"export\"", "use = \"export\"\nname = \"erp\"\ndeliver = \"queued\""),
        );
        deliver(&annex, &document("r-2", 7, "INV-1"));
        eventually_listed(&annex, if status == 503 { "waiting" } else { "dead" }, 1);
        assert!(lines(&erp).iter().all(|line| line == "POST /token"), "{:?}", lines(&erp));
    }
}

fn with_token(erp: &Erp) -> String {
    let step = "[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n";
    let auth = format!(
        "timeout = \"2s\"\nauth = {{ token_url = \"http://{}/token\", client_id = \"annex\", client_secret = \"env:ROSSUM_SECRET\" }}",
        erp.address
    );
    config(erp, step).replace("timeout = \"2s\"", &auth)
}

#[test]
fn a_wait_without_end_is_waited_for_as_long_as_we_wait() {
    let erp = Erp::start(|_, _| Reply::Answer(503, String::new(), "retry-after: 18446744073709551615\r\n"));
    let step = "[[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\ndeliver = \"queued\"\npath = \"invoices\"\nshape = \"json\"\n";
    let annex = Annex::dev_with(&config(&erp, step));
    deliver(&annex, &document("r-1", 7, "INV-1"));
    erp.called(1);
    let waiting = eventually_listed(&annex, "waiting", 1);
    eventually("noted", Duration::from_secs(10), || {
        eventually_listed(&annex, "waiting", 1)[0]["attempts"] == 1
    });
    assert_eq!(waiting.len(), 1);
    assert_eq!(erp.calls().len(), 1);
}

#[test]
fn rossums_api_may_answer_anything() {
    let replies = ["[]", "[[1]]", "\"x\"", "null", "{\"results\": {\"a\": 1}}", "7", "<html>"];
    for body in replies {
        let rossum =
            Erp::start(move |_, _| Reply::Answer(200, body.to_owned(), "content-type: application/json\r\n"));
        let erp = Erp::kind();
        let folder = tempfile::tempdir().unwrap();
        let settings = json!({"stages": [{
            "get_content": [{"name": "parents", "source": "parent_relation_content", "query": {"type": "attachment"}}],
            "call_api": [{"name": "send", "request": {"url": format!("http://{}/x", erp.address), "method": "POST"}}]}]});
        let requests = folder.path().join("requests.json");
        write(&requests, &settings.to_string());
        let step =
            format!("[[hook.step]]\nuse = \"request_processor\"\nsettings = \"{}\"\n", requests.display());
        let config = format!(
            "{}\n[rossum]\nurl = \"http://{}\"\ntoken = \"env:ROSSUM_SECRET\"\n",
            config(&erp, &step),
            rossum.address
        );
        let annex = Annex::dev_with(&config);
        let answer: Value = deliver(&annex, &document("r-1", 7, "INV-1"));
        assert_eq!(messages(&answer).len(), 1, "{body}: {answer}");
        assert!(!annex.log().contains("panic"), "{body}: {}", annex.log());
        assert_eq!(erp.calls().len(), 0, "{body}");
    }
}

#[test]
fn a_file_of_another_document_is_not_replaced() {
    let erp = Erp::kind();
    let step = "[[hook.step]]\nuse = \"export\"\ntarget = \"files\"\npath = \"{{ field.document_id | segment }}.json\"\nshape = \"json\"\n";
    let with = |exists: &str| {
        config(&erp, step).replace("folder = \"out\"\n", &format!("folder = \"out\"\n{exists}"))
    };
    let annex = Annex::dev_with(&with(""));
    let file = annex.folder().join("out/INV-1.json");
    assert_eq!(messages(&deliver(&annex, &document("r-1", 7, "INV-1"))), []);
    let first = std::fs::read(&file).unwrap();
    let told = messages(&deliver(&annex, &document("r-2", 8, "INV-1")));
    assert!(told[0].1.contains("already"), "{told:?}");
    assert_eq!(std::fs::read(&file).unwrap(), first);
    assert_eq!(messages(&deliver(&annex, &document("r-3", 7, "INV-1"))), [], "the same again");
    let annex = Annex::dev_with(&with("exists = \"number\"\n"));
    for (request, annotation) in [("r-1", 7), ("r-2", 8), ("r-3", 8)] {
        assert_eq!(messages(&deliver(&annex, &document(request, annotation, "INV-1"))), []);
    }
    let mut names: Vec<_> =
        std::fs::read_dir(annex.folder().join("out")).unwrap().map(|one| one.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["INV-1-2.json", "INV-1.json"]);
    let told = messages(&deliver(&annex, &document("r-4", 8, &"x".repeat(300))));
    assert!(told[0].1.contains("could not be sent") && told[0].1.contains("too long"), "{told:?}");
}

/// Two calls by the settings of a Request Processor.
fn processor(erp: &Erp, path: &str, more: &str) -> String {
    let base = format!("http://{}", erp.address);
    let handler = |kind: &str, key: &str| json!({"target_type": kind, "target_key": key, "value": {"response.body": {"$jmespath": "id"}}});
    let settings = json!({"stages": [{"call_api": [
        {"name": "create", "request": {"url": format!("{base}/invoices"), "method": "POST"},
            "response_handlers": [handler("property", "id"), handler("schema_id", "erp_id")]},
        {"name": "submit", "request": {"url": format!("{base}{path}"), "method": "PUT"}}]}]});
    let folder = std::env::temp_dir().join(format!("annex-neighbours-{}", erp.address.port()));
    std::fs::create_dir_all(&folder).unwrap();
    let requests = folder.join("requests.json");
    write(&requests, &settings.to_string());
    config(
        erp,
        &format!(
            "[[hook.step]]\nuse = \"request_processor\"\nname = \"erp\"\nsettings = \"{}\"\n{more}",
            requests.display()
        ),
    )
}

#[test]
fn a_request_processor_calls_nothing_with_what_was_not_said() {
    for (name, reply) in not_understood() {
        let reply = match reply {
            Reply::Answer(status, body, "") => {
                Reply::Answer(status, body, "content-type: application/json\r\n")
            }
            other => other,
        };
        let reply = std::sync::Mutex::new(Some(reply));
        let erp = Erp::start(move |_, _| reply.lock().unwrap().take().unwrap_or_else(|| Reply::ok("{}")));
        let annex = Annex::dev_with(&processor(&erp, "/invoices/{property.id}/submitted", ""));
        let told = messages(&deliver(&annex, &document("r-1", 7, "INV-1")));
        assert!(told.iter().any(|(kind, _)| kind == "error"), "{name}: {told:?}");
        assert_eq!(lines(&erp), ["POST /invoices"], "{name}");
    }
}

#[test]
fn a_request_processors_urls_keep_their_parts_and_numbers_their_digits() {
    let erp = Erp::start(|call, _| {
        let id = if call.line.starts_with("POST") { r#"{"id": 1.10}"# } else { "{}" };
        Reply::Answer(200, id.to_owned(), "content-type: application/json\r\n")
    });
    let annex = Annex::dev_with(&processor(
        &erp,
        "/invoices/{field.document_id.value}/scan?id={field.document_id.value}&keep=1",
        "",
    ));
    let values = [
        "%2e%2e/%2e%2e/admin/delete",
        ".%2E/.%2E/admin",
        "..",
        "..;x",
        "%252e%252e%252f",
        "a?force=true#",
        "1&admin=1",
        "a/b",
    ];
    for (number, value) in values.into_iter().enumerate() {
        let answer = deliver(&annex, &document(&format!("r-{number}"), 7, value));
        let operations = answer["operations"].as_array().unwrap();
        assert_eq!(operations[0]["value"]["content"]["value"], "1.10", "{answer}");
    }
    let puts: Vec<_> = lines(&erp).into_iter().filter(|line| line.starts_with("PUT")).collect();
    assert_eq!(
        puts,
        [
            "PUT /invoices/a%3Fforce%3Dtrue%23/scan?id=a%3Fforce%3Dtrue%23&keep=1",
            "PUT /invoices/1%26admin%3D1/scan?id=1%26admin%3D1&keep=1",
            "PUT /invoices/a%2Fb/scan?id=a%2Fb&keep=1",
        ]
    );
}

#[test]
fn no_field_names_a_host_and_what_is_put_in_raw_is_said_at_check() {
    let erp = Erp::kind();
    let checked = |url: &str| {
        let folder = tempfile::tempdir().unwrap();
        write(
            &folder.path().join("requests.json"),
            &json!({"stages": [{"call_api": [{"name": "x", "request": {"url": url, "method": "GET"}}]}]})
                .to_string(),
        );
        let step = "[[hook.step]]\nuse = \"request_processor\"\nsettings = \"requests.json\"\nhosts = [\"*.example.com\"]\n";
        write(&folder.path().join("annex.toml"), &config(&erp, step));
        let mut command = crate::support::annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        let output = command.env("ROSSUM_SECRET", SECRET).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    for url in [
        "https://{field.x}.example.com/",
        "{field.x}",
        "https://erp.example.com{field.x}/",
        "https://erp.example.com:{payload.port}/",
    ] {
        assert!(checked(url).contains("would name the host"), "{url}: {}", checked(url));
    }
    assert!(checked("{payload.secrets.base}/x/{field.y}").contains("annex.toml: ok"));
    let raw = checked("https://erp.example.com/{raw(field.x)}");
    assert!(raw.contains("annex.toml: ok") && raw.contains("put in as it is"), "{raw}");
}
