//! Exports into a folder of another host, by a real OpenSSH server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::exports::eventually_listed;
use crate::support::{Annex, Sshd, denied, eventually};

fn config(sshd: &Sshd, deliver: &str, host_key: &str) -> String {
    format!(
        "[server]\nstate = \"state\"\n\
         [[target]]\nname = \"bank\"\nurl = \"{}\"\nhost_key = \"{host_key}\"\nauth = {{ key = \"file:key\" }}\nexists = \"replace\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"export\"\nname = \"files\"\ntarget = \"bank\"\ndeliver = \"{deliver}\"\npath = \"{{{{ field.document_id }}}}.json\"\nshape = \"json\"\n",
        sshd.url()
    )
}

fn start(sshd: &Sshd, deliver: &str) -> Annex {
    let key = sshd.key("user");
    Annex::dev_with_files(&config(sshd, deliver, &sshd.fingerprint()), &[("key", key.as_str())])
}

fn document(request_id: &str, name: &str, value: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    json!({"request_id": request_id, "event": "annotation_content", "action": "export",
        "annotation": {"id": 7, "content": [{"id": 100, "schema_id": "header", "category": "section", "children": [
            datapoint(1, "document_id", name), datapoint(2, "notes", value)]}]}})
}

#[track_caller]
fn messages(annex: &Annex, document: &Value) -> Vec<String> {
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let messages = answer.json()["messages"].as_array().unwrap().clone();
    messages.iter().map(|one| one["content"].as_str().unwrap().to_owned()).collect()
}

fn files(sshd: &Sshd) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(sshd.folder().join("incoming"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn read(sshd: &Sshd, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(sshd.folder().join("incoming").join(name)).unwrap()).unwrap()
}

#[test]
fn a_file_of_another_document_stays_and_files_are_for_the_group_at_most() {
    use std::os::unix::fs::PermissionsExt as _;

    let sshd = Sshd::start();
    let key = sshd.key("user");
    let with = |exists: &str| {
        let text = config(&sshd, "now", &sshd.fingerprint()).replace("exists = \"replace\"\n", exists);
        Annex::dev_with_files(&text, &[("key", key.as_str())])
    };
    let annex = with("");
    assert_eq!(messages(&annex, &document("r-1", "a", "first")), [""; 0]);
    let told = messages(&annex, &document("r-2", "a", "other"));
    assert!(told[0].contains("already exists"), "{told:?}");
    assert_eq!(messages(&annex, &document("r-3", "a", "first")), [""; 0], "the same again");
    assert_eq!(
        (files(&sshd), read(&sshd, "a.json")["notes"].as_str()),
        (vec!["a.json".to_owned()], Some("first"))
    );
    let annex = with("exists = \"number\"\n");
    for request in ["r-4", "r-5"] {
        assert_eq!(messages(&annex, &document(request, "a", "other")), [""; 0]);
    }
    assert_eq!(files(&sshd), ["a-2.json", "a.json"]);
    assert_eq!(read(&sshd, "a-2.json")["notes"], "other");
    for name in files(&sshd) {
        let mode =
            std::fs::metadata(sshd.folder().join("incoming").join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !0o640, 0, "{name} has {mode:o}");
    }
}

#[test]
fn files_are_whole_replaced_and_stay_in_their_folder() {
    let mut sshd = Sshd::start();
    let annex = start(&sshd, "now");
    let large = "x".repeat(3_000_000);
    assert_eq!(messages(&annex, &document("r-1", "a", &large)), [""; 0]);
    assert_eq!(messages(&annex, &document("r-2", "2026/11/b", "second")), [""; 0]);
    assert_eq!(messages(&annex, &document("r-3", "a", "newer")), [""; 0]);
    assert_eq!(files(&sshd), ["2026", "a.json"], "no draft is left");
    assert_eq!(
        (read(&sshd, "a.json")["notes"].as_str(), read(&sshd, "2026/11/b.json")["notes"].as_str()),
        (Some("newer"), Some("second"))
    );
    std::fs::create_dir(sshd.folder().join("outside")).unwrap();
    std::os::unix::fs::symlink("../../outside", sshd.folder().join("incoming/2026/linked")).unwrap();
    for name in ["../out", "/etc/x", ".hidden", "a/../../b", "2026/linked/c", "%2e%2e/c"] {
        let told = messages(&annex, &document(name, name, "x"));
        assert!(told[0].starts_with("The export could not be sent to bank."), "{name}: {told:?}");
    }
    assert_eq!(files(&sshd), ["2026", "a.json"]);
    assert_eq!(std::fs::read_dir(sshd.folder().join("outside")).unwrap().count(), 0, "the link was followed");
    let text = config(&sshd, "now", &sshd.fingerprint());
    let text =
        text.replace("state = \"state\"", "state = \"state\"\ndomains = [\"x.invalid\"]\nadmin = \"off\"");
    crate::support::write(&annex.folder().join("annex.toml"), &text);
    let doctor = String::from_utf8(annex.run(&["doctor"]).stdout).unwrap();
    let tick = format!("the target bank is the folder {}", sshd.url());
    assert!(doctor.contains(&tick), "{doctor}");
    sshd.down();
    let doctor = String::from_utf8(annex.run(&["doctor"]).stdout).unwrap();
    denied("the target {name} is the folder {place}", &doctor, "✗ the target bank, ");
}

#[test]
fn a_server_that_is_away_gets_the_file_later() {
    let mut sshd = Sshd::start();
    let annex = start(&sshd, "queued");
    sshd.down();
    let before = Instant::now();
    assert_eq!(messages(&annex, &document("r-1", "a", "x")), [""; 0]);
    assert!(before.elapsed() < Duration::from_secs(1));
    annex.logs("call files: it cannot be reached: ", Duration::from_secs(10));
    sshd.up();
    eventually("the file is there", Duration::from_secs(20), || files(&sshd) == ["a.json"]);
}

#[test]
fn nobody_takes_the_servers_place_and_strangers_are_not_let_in() {
    let sshd = Sshd::start();
    let other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let key = sshd.key("user");
    let annex = Annex::dev_with_files(&config(&sshd, "now", other), &[("key", key.as_str())]);
    let told = messages(&annex, &document("r-1", "a", "x"));
    let problem = format!("its host key is {}, which `host_key` does not have", sshd.fingerprint());
    let told_to =
        |what: &str| format!("Nothing was sent to bank. Tell the people who run this extension: {what}.");
    assert_eq!(told, [told_to(&problem)]);
    annex.logs(&problem, Duration::from_secs(1));
    // Waiting does not change it: what is queued is given up at once, and kept for `annex outbox retry`.
    let queued = Annex::dev_with_files(&config(&sshd, "queued", other), &[("key", key.as_str())]);
    messages(&queued, &document("r-1", "a", "x"));
    eventually_listed(&queued, "dead", 1);
    let stranger = sshd.key("stranger");
    let annex =
        Annex::dev_with_files(&config(&sshd, "now", &sshd.fingerprint()), &[("key", stranger.as_str())]);
    let told = messages(&annex, &document("r-1", "a", "x"));
    assert!(told[0].starts_with(told_to("it does not let the user ").trim_end_matches('.')), "{told:?}");
    annex.logs("it does not let the user ", Duration::from_secs(1));
    assert!(files(&sshd).is_empty());
    let secret = stranger.lines().nth(1).unwrap();
    assert!(!annex.log().contains(secret));
    for (from, to, part) in [
        ("host_key = ", "x_key = ", "it needs the server's `host_key`"),
        ("SHA256:", "MD5:", "this is not a fingerprint"),
    ] {
        let wrong = config(&sshd, "now", &sshd.fingerprint()).replacen(from, to, 1);
        crate::support::write(&annex.folder().join("wrong.toml"), &wrong);
        let mut command = crate::support::annex_command();
        command.args(["check", "--dev-http", "--config", "wrong.toml"]).current_dir(annex.folder());
        let output = command.env("ROSSUM_SECRET", crate::support::SECRET).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(part), "{part}\n{text}");
    }
}
