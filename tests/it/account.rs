//! The commands that administer an account, against a server that speaks Rossum's documented shapes, and beside Rossum's own
//! tool.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Call, Erp, Reply, RossumTool, annex_command, denied, write};

const SECRET: &str = "secret-of-hook-12";
const KEY: &str = "key-of-the-session";

/// An account with two queues, three hooks on two pages, and rules.
fn account() -> Erp {
    let address = Arc::new(std::sync::OnceLock::<String>::new());
    let known = Arc::clone(&address);
    let server = Erp::start(move |call, _| answer(call, known.get().unwrap()));
    address.set(format!("http://{}/v1", server.address)).unwrap();
    server
}

fn hook(base: &str, id: u64) -> Value {
    json!({"id": id, "url": format!("{base}/hooks/{id}"), "name": format!("Hook {id}"), "type": "webhook", "active": false,
        "queues": [format!("{base}/queues/7")], "events": ["annotation_content.updated"], "sideload": ["schemas"],
        "config": {"url": "https://hooks.example.com/x", "secret": SECRET, "insecure_ssl": false, "timeout_s": 30}})
}

fn answer(call: &Call, base: &str) -> Reply {
    let queue = |id: u64| {
        json!({"id": id, "url": format!("{base}/queues/{id}"), "name": format!("Invoices {id}"), "workspace": format!("{base}/workspaces/1"),
        "inbox": format!("{base}/inboxes/3"), "schema": format!("{base}/schemas/5"), "users": [], "connector": null, "hooks": [format!("{base}/hooks/12")]})
    };
    let page = |results: Vec<Value>, next: Option<&str>| {
        let next = next.map(|path| format!("{base}/{path}"));
        Reply::ok(&json!({"pagination": {"total": results.len(), "total_pages": 2, "next": next, "previous": null}, "results": results}).to_string())
    };
    let json = |json: Value| Reply::ok(&json.to_string());
    let made = |json: Value| Reply::status(201, &json.to_string());
    let authorized = [format!("Token {KEY}"), format!("Bearer {KEY}"), "Bearer own-token".to_owned()];
    let path = call.line.replace(" /v1/", " ");
    if path == "POST auth/login" {
        let wrong = call.json()["password"] != json!("pass word");
        return if wrong { Reply::status(401, r#"{"detail": "no"}"#) } else { json(json!({"key": KEY})) };
    }
    if !call.header("authorization").is_some_and(|own| authorized.iter().any(|one| one == own)) {
        return Reply::status(401, r#"{"detail": "Invalid token."}"#);
    }
    match path.as_str() {
        "POST auth/logout" => json(json!({"detail": "Successfully logged out."})),
        "GET queues" => page(vec![queue(7), queue(8)], None),
        "GET queues/7" => json(queue(7)),
        "GET queues/8" => json(queue(8)),
        "GET hooks" => page(vec![hook(base, 11), hook(base, 12)], Some("hooks?page=2")),
        "GET hooks?page=2" => page(vec![hook(base, 13)], None),
        "GET hooks/12" => json(hook(base, 12)),
        "POST hooks" => {
            let mut hook = call.json();
            if hook["name"] == json!("") {
                return Reply::status(
                    400,
                    r#"{"name": ["This field may not be blank."], "config": {"url": ["Enter a valid URL."]}}"#,
                );
            }
            hook["id"] = 99.into();
            made(hook)
        }
        "PATCH hooks/12" | "PATCH queues/7" => json(call.json()),
        "DELETE hooks/12" => Reply::Answer(204, String::new(), ""),
        "POST hooks/12/generate_payload" => {
            json(json!({"event": "annotation_content", "action": "initialize", "secrets": "[redacted...]",
            "rossum_authorization_token": "token-of-the-caller", "annotation": {"id": 1}}))
        }
        "POST hooks/12/test" => json(json!({"response": {"messages": [{"type": "error", "content": "no"}]}})),
        "POST hooks/12/invoke" => json(json!({"messages": []})),
        "GET hooks/logs?page_size=20&hook=12&log_level=ERROR" => {
            json(json!({"results": [{"timestamp": "2026-11-26T06:00:00Z", "hook_id": 12,
            "event": "annotation_content", "action": "updated", "annotation_id": 4, "status_code": 502, "log_level": "ERROR", "message": "Bad gateway\nmore"}]}))
        }
        "GET workspaces" => {
            page(vec![json!({"id": 1, "url": format!("{base}/workspaces/1"), "name": "Work"})], None)
        }
        "GET inboxes" => page(
            vec![
                json!({"id": 3, "url": format!("{base}/inboxes/3"), "name": "in", "email": "in@example.com"}),
            ],
            None,
        ),
        "GET schemas" => {
            page(vec![json!({"id": 5, "url": format!("{base}/schemas/5"), "name": "Schema"})], None)
        }
        "GET users" => page(vec![], None),
        "GET schemas/5" => json(json!({"id": 5, "content": [{"id": "s", "category": "section", "a": 1}]})),
        "POST schemas" => made(json!({"id": 6, "url": format!("{base}/schemas/6")})),
        "PATCH schemas/5" => json(json!({"id": 5})),
        "POST schemas/validate" => {
            let wrong = call.json()["content"] == json!([1]);
            json(if wrong { json!({"content": ["0: must be an object"]}) } else { json!({"content": []}) })
        }
        "GET rules" => page(
            vec![
                json!({"id": 1, "name": "Total", "enabled": true, "queues": [format!("{base}/queues/7")], "trigger_condition": "field.amount_total > 5", "actions": []}),
                json!({"id": 2, "name": "Old", "enabled": false, "schema": format!("{base}/schemas/5"), "trigger_condition": "True", "actions": []}),
                json!({"id": 3, "name": "Other", "enabled": true, "queues": [], "trigger_condition": "True", "actions": []}),
            ],
            None,
        ),
        "GET rules/1" => json(
            json!({"id": 1, "name": "Total", "enabled": true, "trigger_condition": "field.amount_total > 5", "actions": []}),
        ),
        _ => Reply::status(404, r#"{"detail": "Not found."}"#),
    }
}

fn annex(server: &Erp, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = annex_command();
    command.args(arguments).current_dir(folder).env_clear();
    command.env("ROSSUM_URL", format!("http://{}", server.address)).env("HOME", folder);
    command.env("ROSSUM_USERNAME", "user@example.com").env("ROSSUM_PASSWORD", "pass word").output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

#[track_caller]
fn good(server: &Erp, folder: &Path, arguments: &[&str]) -> String {
    let output = annex(server, folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// Method, path and body of each call.
fn requests(server: &Erp) -> Vec<(String, Value)> {
    let body = |call: &Call| if call.body.is_empty() { Value::Null } else { call.json() };
    server.calls().iter().map(|call| (call.line.clone(), body(call))).collect()
}

const SAME: [&[&str]; 8] = [
    &["hook", "list"],
    &[
        "hook",
        "create",
        "Mine",
        "-t",
        "webhook",
        "-q",
        "7",
        "-q",
        "8",
        "-e",
        "annotation_content.updated",
        "-e",
        "annotation_content.started",
        "--config-url",
        "https://x.example.com/a",
        "--config-secret",
        "s",
        "--config-insecure-ssl",
        "true",
        "-s",
        "schemas",
        "--token-owner",
        "4",
        "--run-after",
        "11",
        "--test",
        "{\"a\": 1}",
    ],
    &[
        "hook",
        "create",
        "Paused",
        "-t",
        "webhook",
        "--active",
        "false",
        "-q",
        "7",
        "-e",
        "annotation_content.updated",
        "--config-url",
        "https://x.example.com/a",
        "--config-secret",
        "s",
        "--config-insecure-ssl",
        "false",
    ],
    &["hook", "delete", "12", "--yes"],
    &["queue", "list"],
    &["queue", "change", "7", "-s", "schema.json"],
    &["queue", "change", "7", "-n", "New", "--locale", "cs_CZ"],
    &["schema", "get", "5"],
];

#[test]
fn the_same_requests_as_rossums_own_tool() {
    let Some(tool) = RossumTool::find() else {
        eprintln!("python3 makes no virtual environment here: not compared");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder.path().join("schema.json"),
        r#"[{"id": "s", "category": "section", "label": "S", "children": []}]"#,
    );
    let at = |argument: &&str| {
        if *argument == "schema.json" {
            folder.path().join("schema.json").display().to_string()
        } else {
            (*argument).to_owned()
        }
    };
    for command in SAME {
        let command: Vec<String> = command.iter().map(at).collect();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let (theirs, ours) = (account(), account());
        let output = tool.run(theirs.address, &command);
        assert!(output.status.success(), "{command:?}: {}", said(&output));
        let text = good(&ours, folder.path(), &command);
        let place = |requests: Vec<(String, Value)>, server: &Erp| {
            serde_json::to_string(&requests).unwrap().replace(&server.address.to_string(), "HERE")
        };
        let [theirs, ours] = [&theirs, &ours].map(|server| place(requests(server), server));
        assert_eq!(
            serde_json::from_str::<Value>(&ours).unwrap(),
            serde_json::from_str::<Value>(&theirs).unwrap(),
            "{command:?}"
        );
        assert!(!text.contains(SECRET) && !text.contains("pass word") && !text.contains(KEY), "{text}");
    }
}

#[test]
fn a_change_sends_only_what_was_asked_and_says_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let (server, here) = (account(), folder.path());
    let text = good(
        &server,
        here,
        &["hook", "change", "12", "--config-url", "https://new.example.com/x", "-e", "annotation_content"],
    );
    assert!(text.contains("hook 12 (Hook 12) is changed:"), "{text}");
    assert!(text.contains("config.url: https://hooks.example.com/x → https://new.example.com/x"), "{text}");
    let sent = requests(&server);
    let (line, body) = &sent[2];
    assert_eq!(line, "PATCH /v1/hooks/12");
    assert!(body.get("active").is_none() && body.get("name").is_none(), "a paused hook stays paused: {body}");
    assert_eq!(
        body["config"],
        json!({"url": "https://new.example.com/x", "secret": SECRET, "insecure_ssl": false, "timeout_s": 30})
    );
    assert_eq!(
        body["events"].as_array().unwrap().len(),
        6,
        "a whole event is registered as its pairs: {body}"
    );
    // What is like that already is not sent; a dry run sends nothing, and shows no secret.
    let server = account();
    assert_eq!(
        good(&server, here, &["hook", "change", "12", "-n", "Hook 12"]),
        "nothing to change: hook 12 is like that already\n"
    );
    let text = good(&server, here, &["hook", "change", "12", "--config-secret", "new one", "--dry-run"]);
    assert!(
        text.contains("would send: PATCH /v1/hooks/12") && text.contains("config.secret: a new one"),
        "{text}"
    );
    assert!(!text.contains(SECRET) && !text.contains("new one\""), "{text}");
    let text = good(&server, here, &["queue", "change", "7", "--hook-id", "11", "--dry-run"]);
    assert!(text.contains("the hooks 12 become 12, 11"), "the other hooks stay: {text}");
    assert!(requests(&server).iter().all(|(line, _)| !line.starts_with("PATCH")), "{:?}", requests(&server));
    let output = annex(&server, here, &["hook", "delete", "12"]);
    assert!(!output.status.success() && said(&output).contains("add --yes"), "{}", said(&output));
}

#[test]
fn what_rossum_refuses_is_told_in_its_words_and_what_is_busy_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (server, here) = (account(), folder.path());
    let output = annex(
        &server,
        here,
        &["hook", "create", "", "-q", "7", "-e", "annotation_content.updated", "--config-url", "x"],
    );
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("Rossum answers with status 400")
            && text.contains("name: This field may not be blank.")
            && text.contains("config.url: Enter a valid URL."),
        "{text}"
    );
    assert!(
        said(&annex(
            &server,
            here,
            &["hook", "create", "x", "-e", "annotation_content.updated", "--config-url", "x"]
        ))
        .contains("the account has 2 queues")
    );
    assert!(
        said(&annex(&server, here, &["hook", "create", "x", "-e", "anotation.x", "--config-url", "x"]))
            .contains("Rossum has no event anotation.x")
    );
    assert!(
        said(&annex(&server, here, &["rule", "get", "77"]))
            .contains("Rossum answers with status 404: Not found.")
    );
    // 429 with Retry-After, then an answer.
    let busy = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&busy);
    let server = Erp::start(move |call, _| {
        if call.line == "GET /v1/rules/1" && counted.fetch_add(1, Ordering::Relaxed) == 0 {
            return Reply::Answer(429, "{}".to_owned(), "retry-after: 1\r\n");
        }
        answer(call, "http://x/v1")
    });
    let before = std::time::Instant::now();
    let text = good(&server, here, &["rule", "get", "1"]);
    assert!(
        text.contains("Rossum is busy (status 429); trying again in 1 s")
            && before.elapsed().as_secs_f64() >= 1.0,
        "{text}"
    );
    // Wrong logins.
    let run = |variables: &[(&str, &str)]| {
        let mut command = annex_command();
        command.args(["rule", "list"]).current_dir(here).env_clear().env("HOME", here);
        command.env("ROSSUM_URL", format!("http://{}", server.address)).envs(variables.iter().copied());
        said(&command.output().unwrap())
    };
    assert!(
        run(&[("ROSSUM_USERNAME", "u"), ("ROSSUM_PASSWORD", "wrong")])
            .contains("check username and password")
    );
    assert!(run(&[("ROSSUM_TOKEN", "old")]).contains("Rossum refuses the token"));
    assert!(run(&[]).contains("you are not logged in"));
    assert!(run(&[("ROSSUM_TOKEN", "own-token")]).contains("Total"));
}

#[test]
fn a_login_keeps_a_token_with_a_life_and_never_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let (server, here) = (account(), folder.path());
    let text = good(&server, here, &["login", "--life", "2"]);
    assert!(text.contains("logged in at 127.0.0.1 until"), "{text}");
    let (_, body) = &requests(&server)[0];
    assert_eq!(body["max_token_lifetime_s"], json!(7200));
    let path = here.join(".config/annex/tokens");
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept.contains(KEY) && !kept.contains("pass word"), "{kept}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let alone = |arguments: &[&str]| {
        let mut command = annex_command();
        said(&command.args(arguments).current_dir(here).env_clear().env("HOME", here).output().unwrap())
    };
    assert!(
        alone(&["hook", "list"]).contains("Hook 13"),
        "the second page too: {}",
        alone(&["hook", "list"])
    );
    assert!(requests(&server).iter().filter(|(line, _)| line.ends_with("/login")).count() == 1);
    write(&path, &kept.replace("until=20", "until=19"));
    assert!(
        alone(&["hook", "list"]).contains("the token of the last login has expired"),
        "{}",
        alone(&["hook", "list"])
    );
    assert!(alone(&["logout"]).contains("logged out (default)"));
    assert!(!std::fs::read_to_string(&path).unwrap().contains(KEY));
    // The file of Rossum's tool, with its profiles.
    std::fs::create_dir(here.join(".rossum")).unwrap();
    let text = format!(
        "[default]\nurl = http://127.0.0.1:1\nusername = u\npassword = x\n\n[test]\nurl = http://{}\nusername = user@example.com\npassword = pass word\n",
        server.address
    );
    write(&here.join(".rossum/credentials"), &text);
    assert!(
        alone(&["-p", "test", "hook", "list"]).contains("unexpected argument"),
        "it stands behind the command"
    );
    assert!(
        alone(&["hook", "list", "-p", "test"]).contains("Hook 11"),
        "{}",
        alone(&["hook", "list", "-p", "test"])
    );
}

#[test]
fn what_rossum_knows_is_compared_with_the_configuration_and_changed_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (server, here) = (account(), folder.path());
    let config = |path: &str| {
        format!(
            "[server]\ndomains = [\"hooks.example.com\"]\n[[hook]]\nname = \"x\"\npath = \"{path}\"\nsecrets = [\"file:new\", \"file:old\"]\n\
            [[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = [\"a\"]\n"
        )
    };
    write(&here.join("annex.toml"), &config("/x"));
    write(&here.join("new"), "the new secret");
    write(&here.join("old"), SECRET);
    let output = annex(&server, here, &["hook", "sync"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "! x: hook 12 (Hook 12)",
        "Rossum does not send annotation_content.initialize, annotation_content.started",
        "it is paused",
        "--apply",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    denied("Mark::Good", &text, "! x: hook 12 (Hook 12)");
    assert!(!text.contains("secret"), "a secret that is still taken is no difference: {text}");
    write(&here.join("old"), "another");
    assert!(
        said(&annex(&server, here, &["hook", "sync"])).contains("its secret is not in the configuration")
    );
    let output = annex(&server, here, &["hook", "sync", "--apply"]);
    assert!(
        said(&output).contains("Change 3 hooks in Rossum? There is no terminal to ask at\n\nhint: add --yes"),
        "{}",
        said(&output)
    );
    assert!(requests(&server).iter().all(|(line, _)| line.starts_with("GET") || line.contains("/auth/")));
    write(&here.join("annex.toml"), &config("/other"));
    let text = said(&annex(&server, here, &["hook", "sync"]));
    assert!(
        text.contains("✗ x: no hook in Rossum calls https://hooks.example.com/other")
            && text.contains("--from-config x"),
        "{text}"
    );
}

#[test]
fn a_hook_is_changed_to_what_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let server = Erp::start(|call, _| match call.line.as_str() {
        "GET /v1/hooks" => Reply::ok(
            &json!({"pagination": {"next": null}, "results": [hook("http://x/v1", 12)]}).to_string(),
        ),
        _ => answer(call, "http://x/v1"),
    });
    write(
        &here.join("annex.toml"),
        "[server]\ndomains = [\"hooks.example.com\"]\n[[hook]]\npath = \"/x\"\nsecrets = [\"file:new\"]\n\
        [[hook.step]]\nuse = \"export\"\ntarget = \"files\"\npath = \"x\"\nshape = \"json\"\n[[target]]\nname = \"files\"\nfolder = \"out\"\n",
    );
    write(&here.join("new"), "the new secret");
    let text = good(&server, here, &["hook", "sync", "--apply", "--yes"]);
    assert!(
        text.contains("no step handles annotation_content.updated") && text.contains("hook 12 is changed"),
        "{text}"
    );
    let all = requests(&server);
    let (_, body) = all.iter().find(|(line, _)| line == "PATCH /v1/hooks/12").unwrap();
    assert_eq!(body["events"], json!(["annotation_content.export"]));
    assert_eq!(
        (&body["config"]["secret"], &body["config"]["timeout_s"]),
        (&json!("the new secret"), &json!(30))
    );
    assert!(body.get("active").is_none() && !text.contains("the new secret"), "{body}");
}

#[test]
fn hooks_are_registered_from_the_configuration_and_tried_out() {
    let folder = tempfile::tempdir().unwrap();
    let (server, here) = (account(), folder.path());
    write(
        &here.join("annex.toml"),
        "[server]\ndomains = [\"hooks.example.com\"]\n[[hook]]\nname = \"checks\"\npath = \"/checks\"\nsecrets = [\"file:secret\"]\n\
        [[hook.step]]\nuse = \"rules\"\nfile = \"rules.json\"\n[[hook.step]]\nuse = \"export\"\ntarget = \"files\"\npath = \"x\"\nshape = \"json\"\n[[target]]\nname = \"files\"\nfolder = \"out\"\n",
    );
    write(&here.join("secret"), SECRET);
    assert!(
        good(&server, here, &["rule", "get", "-q", "7", "-O", "rules.json"])
            .starts_with("wrote rules.json with 2 rules: ")
    );
    let text = good(&server, here, &["hook", "create", "Mine", "-q", "7", "--from-config", "checks"]);
    assert!(text.contains("hook 99 is registered: Mine") && !text.contains(SECRET), "{text}");
    let sent = requests(&server);
    let (_, body) = sent.iter().find(|(line, _)| line == "POST /v1/hooks").unwrap();
    assert_eq!(body["config"], json!({"url": "https://hooks.example.com/checks", "secret": SECRET}));
    assert_eq!(body["sideload"], json!(["schemas"]));
    let events =
        ["initialize", "started", "updated", "export"].map(|action| format!("annotation_content.{action}"));
    assert_eq!(body["events"], json!(events));

    let text =
        good(&server, here, &["hook", "payload", "12", "-a", "1", "--case", "checks", "-O", "case.json"]);
    assert_eq!(text, "wrote case.json\n");
    let case: Value = serde_json::from_slice(&std::fs::read(here.join("case.json")).unwrap()).unwrap();
    assert_eq!(
        (&case["hook"], &case["payload"]["rossum_authorization_token"]),
        (&json!("checks"), &json!("[removed]"))
    );
    assert!(good(&server, here, &["hook", "test", "12", "-a", "1"]).contains("\"content\": \"no\""));
    assert!(good(&server, here, &["hook", "invoke", "12"]).contains("messages"));
    let text = good(&server, here, &["hook", "logs", "12", "--errors"]);
    assert!(text.contains("502") && text.contains("Bad gateway") && !text.contains("more"), "{text}");
    write(&here.join("bad.json"), "[1]");
    let output = annex(&server, here, &["schema", "validate", "bad.json"]);
    assert!(!output.status.success() && said(&output).contains("must be an object"), "{}", said(&output));
    write(&here.join("good.json"), "[{\"id\": \"s\"}]");
    assert_eq!(good(&server, here, &["schema", "validate", "good.json"]), "Rossum accepts this schema\n");
    assert!(
        good(&server, here, &["schema", "put", "good.json", "-n", "New"]).contains("schema 6 is created")
    );
    assert!(
        good(&server, here, &["schema", "put", "good.json", "--in-place", "5"])
            .contains("all documents that have it")
    );
    assert!(good(&server, here, &["queue", "list"]).contains("in@example.com"));
    let list: Value = serde_json::from_str(&good(&server, here, &["hook", "list", "--json"])).unwrap();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["config"]["secret"]), (3, &json!("…")));
}

/// The part of docs/tutorial.md that needs Rossum, as it stands there but for ids and names to fill in.
#[test]
fn commands_of_the_tutorial_register_the_hook() {
    let folder = tempfile::tempdir().unwrap();
    let (server, here) = (account(), folder.path());
    good(&server, here, &["init", ".", "--hook", "invoice_checks", "--step", "checks", "--yes"]);
    let kept = here.join(".local/state/annex");
    std::fs::create_dir_all(&kept).unwrap();
    write(&kept.join("dev-secret"), "a-secret-of-dev-mode-0123456789");
    let page = std::fs::read_to_string("docs/tutorial.md").unwrap().replace("\\\n", " ");
    let commands =
        page.lines().filter(|line| line.starts_with("annex queue") || line.starts_with("annex hook"));
    let mut said_last = String::new();
    for line in commands {
        let line = line.replace("QUEUE_ID", "7").replace("YOUR-TUNNEL", "abc");
        let bin = Path::new(env!("CARGO_BIN_EXE_annex")).parent().unwrap();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line]).current_dir(here).env_clear().env("HOME", here);
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        command.env("ROSSUM_URL", format!("http://{}", server.address)).env("ROSSUM_TOKEN", "own-token");
        let output = command.output().unwrap();
        said_last = said(&output);
        assert!(output.status.success(), "$ {line}\n{said_last}");
    }
    assert!(said_last.contains("hook 99 is registered: Invoice checks"), "{said_last}");
    let sent = requests(&server);
    let body = |of: &str| sent.iter().find(|(line, _)| line == of).map(|(_, body)| body.clone()).unwrap();
    let config =
        json!({"url": "https://abc.ngrok.app/invoice_checks", "secret": "a-secret-of-dev-mode-0123456789"});
    assert_eq!(body("POST /v1/hooks")["config"], config);
    assert!(body("POST /v1/schemas")["content"].is_array());
}

/// A server that shows the request in its refusal, as one for debugging does.
#[test]
fn a_refusal_that_repeats_the_request_is_told_without_password_and_token() {
    let echo = Erp::start(|call, _| {
        let shown = call.header("authorization").unwrap_or_default();
        Reply::status(
            500,
            &format!("{{\"detail\": \"you sent {shown} with {}\"}}", call.text().replace('"', "'")),
        )
    });
    let folder = tempfile::tempdir().unwrap();
    let output = annex(&echo, folder.path(), &["hook", "list"]);
    let told = said(&output);
    assert!(!output.status.success() && !told.contains("pass word"), "{told}");
    let mut command = annex_command();
    command
        .args(["hook", "list"])
        .env("ROSSUM_URL", format!("http://{}", echo.address))
        .env("HOME", folder.path());
    let output = command.env("ROSSUM_TOKEN", "own-token-of-the-tests").output().unwrap();
    let told = said(&output);
    assert!(!output.status.success() && !told.contains("own-token-of-the-tests"), "{told}");
}
