//! The first minutes: what `annex init` prints as next is run word by word, in an empty folder and an empty environment; and
//! what a developer does every day after.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Annex, Erp, Reply, SECRET, annex_command, eventually, free_port, write};

const STEPS: [&str; 4] = ["checks", "rules", "match", "forward"];
/// What stands in `PATH` beside the folder of annex.
const SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

/// A shell where nothing is set, and `annex` is the one under test.
fn shell(folder: &Path, line: &str) -> Command {
    let annex = Path::new(env!("CARGO_BIN_EXE_annex")).parent().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder).env_clear();
    command.env("PATH", format!("{}:{SYSTEM}", annex.display()));
    // Where dev mode keeps its secret: not in the home of who runs the tests.
    command.env("XDG_STATE_HOME", folder.join(".xdg")).stdin(Stdio::null());
    command
}

fn run(folder: &Path, line: &str) -> (bool, String) {
    let Output { status, stdout, stderr } = shell(folder, line).output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// A server of a command line, and all processes of the line.
struct Served {
    child: Child,
    banner: String,
}

impl Served {
    /// `None` where it ended before it served, with what it said.
    fn start(mut command: Command) -> Result<Self, String> {
        let mut child =
            command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut banner = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while out.read_line(&mut banner).unwrap() > 0 && !banner.ends_with("\n\n") {}
        if banner.is_empty() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            child.wait().unwrap();
            return Err(said);
        }
        Ok(Self { child, banner })
    }

    fn secret(&self) -> &str {
        let line = self.banner.lines().find_map(|line| line.trim().strip_prefix("secret")).unwrap();
        line.split_whitespace().next().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

/// The lines that are printed as next.
fn next(said: &str) -> Vec<String> {
    let from = said.lines().skip_while(|line| !line.starts_with("next: "));
    let lines = from.take_while(|line| line.starts_with("next: ") || line.starts_with("      "));
    lines.map(|line| line.trim_start_matches("next:").trim().to_owned()).collect()
}

/// The port of dev mode is the same for all who run tests here: one after the other.
#[track_caller]
fn serves(folder: &Path, line: &str) {
    let start = Instant::now();
    loop {
        match Served::start(shell(folder, line)) {
            Ok(served) => {
                assert!(served.banner.contains("with annex.toml"), "{line}: {}", served.banner);
                return;
            }
            Err(said) => assert!(
                said.contains("cannot listen on 127.0.0.1:5042") && start.elapsed().as_secs() < 90,
                "{line}: {said}"
            ),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn datapoint(id: &str, kind: &str) -> Value {
    json!({"id": id, "category": "datapoint", "type": kind, "label": format!("The {id}")})
}

fn schema(fields: &[Value]) -> String {
    let section = json!({"id": "s", "category": "section", "label": "S", "children": fields});
    json!({"id": 7, "name": "Mine", "content": [section]}).to_string()
}

#[test]
fn what_init_prints_as_next_succeeds_word_by_word() {
    let own = schema(&[
        datapoint("go", "button"),
        datapoint("sender_vat", "string"),
        datapoint("sender_name", "string"),
        datapoint("partner", "enum"),
        datapoint("amount_total", "number"),
    ]);
    let texts = schema(&[datapoint("note", "string"), datapoint("paid", "date")]);
    for step in STEPS {
        for (at, (arguments, schema)) in [
            ("mine", None),
            (". --domain hooks.my-company.com", None),
            ("'my hooks' --hook mine --schema own.json", Some(("own.json", &own))),
            (". --domain hooks.my-company.com --schema schema.json", Some(("schema.json", &own))),
            ("--schema ./schema.json --secret file:secret", Some(("schema.json", &texts))),
        ]
        .into_iter()
        .enumerate()
        {
            let folder = tempfile::tempdir().unwrap();
            let here = folder.path();
            if let Some((name, text)) = schema {
                write(&here.join(name), text);
            }
            let (good, said) = run(here, &format!("annex init {arguments} --step {step}"));
            assert!(good, "{step} {arguments}: {said}");
            let lines = next(&said);
            assert_eq!(lines.len(), 2, "{said}");
            for line in lines {
                // One start for each step is enough of the port that all share.
                if !line.contains("annex --dev-http") {
                    let (good, said) = run(here, &line);
                    assert!(good, "{step} {arguments}: {line}: {said}");
                } else if at % 2 == 0 {
                    serves(here, &line);
                }
            }
            let hidden = fs::read_dir(here).unwrap().flatten().map(|entry| entry.file_name());
            assert!(!hidden.into_iter().any(|name| name.to_string_lossy().contains("annex-init")));
            if let Some(("schema.json", text)) = schema {
                assert_eq!(
                    fs::read_to_string(here.join("schema.json")).unwrap(),
                    *text,
                    "it is left as it was"
                );
            }
        }
    }
}

#[test]
fn the_step_that_init_writes_speaks_of_the_schemas_fields() {
    let folder = tempfile::tempdir().unwrap();
    let own = schema(&[
        datapoint("go", "button"),
        datapoint("sender_vat", "string"),
        datapoint("sender_name", "string"),
        datapoint("kind", "enum"),
        datapoint("sender_match", "enum"),
        datapoint("document_id", "string"),
    ]);
    write(&folder.path().join("own.json"), &own);
    for step in ["--step forward", "--step forward --to http://127.0.0.1:9999/hook"] {
        let (good, said) = run(folder.path(), &format!("annex init {} {step}", step.len()));
        let here = folder.path().join(step.len().to_string());
        let text = fs::read_to_string(here.join("annex.toml")).unwrap();
        let to = step.rsplit(' ').next().filter(|to| to.contains("://")).unwrap_or("http://127.0.0.1:5050");
        assert!(good && text.contains(&format!("use = \"forward\"\n  to = \"{to}\"")), "{said}{text}");
        assert!(!text.contains("schema") && !here.join("schema.json").exists(), "{text}");
    }
    // Nobody is asked: what is used instead is said, and only that.
    let (_, said) = run(folder.path(), "annex init told --step checks --secret env:MINE");
    for line in ["  --domain hooks.example.com\n", "  --hook invoice-checks\n", "  --schema an example\n"] {
        assert!(said.contains(line), "{said}");
    }
    assert!(!said.contains("  --step") && !said.contains("  --secret"), "{said}");
    let all = "--domain a.my-company.com --hook h --step checks --secret env:MINE --schema own.json";
    let (good, said) = run(folder.path(), &format!("annex init silent {all}"));
    assert!(good && !said.contains("default"), "{said}");
    for (step, file, holds) in [
        ("checks", "annex.toml", "required = \"document_id\""),
        ("rules", "rules.json", "is_empty(field.document_id)"),
        ("match", "annex.toml", "field = \"sender_name\"\n  target = \"sender_match\""),
    ] {
        let (good, said) = run(folder.path(), &format!("annex init {step} --step {step} --schema own.json"));
        assert!(good, "{said}");
        let text = fs::read_to_string(folder.path().join(step).join(file)).unwrap();
        assert!(text.contains(holds) && !text.contains("sum ="), "{text}");
    }
}

#[test]
fn an_answer_that_cannot_be_meant_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(&here.join("one.json"), &schema(&[datapoint("only", "string")]));
    write(&here.join("button.json"), &schema(&[datapoint("only", "button")]));
    write(&here.join("broken.json"), "[");
    for (arguments, said) in [
        ("--domain 'no name'", "'--domain <NAME>': `no name` is not a public domain name"),
        ("--hook 'two words'", "'--hook <NAME>': `/two words` is no path"),
        ("--hook 'a\"b'", "is no path"),
        ("--secret hunter2-is-my-secret", "a secret must not be in the configuration"),
        ("--schema nowhere.json", "--schema: nowhere.json: No such file"),
        ("--step forward --to my-service", "`my-service` is not an address of a service"),
        ("--step checks --to http://127.0.0.1:5050", "--to is for --step forward"),
        ("--schema broken.json", "it is not JSON"),
        ("--schema button.json", "no header field"),
        ("--schema one.json --step match", "a match needs two header fields"),
        ("--step dance", "dance"),
    ] {
        let (good, output) = run(here, &format!("annex init new/deep {arguments}"));
        assert!(!good && output.contains(said), "{arguments}: {output}");
        assert!(!here.join("new").exists(), "{arguments}");
    }
    // What is there already stops it before anything is written, in a folder too where only one file is in the way.
    fs::create_dir(here.join("taken")).unwrap();
    write(&here.join("taken/vendors.csv"), "mine");
    let (good, output) = run(here, "annex init taken --step match");
    assert!(!good && output.contains("vendors.csv exists already"), "{output}");
    assert_eq!(fs::read_dir(here.join("taken")).unwrap().count(), 1);
}

const HOOK: &str = "[[hook]]\nname = \"x\"\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";

/// `annex check && systemctl restart annex` stops no server by a name that no CA gives a certificate for.
#[test]
fn check_refuses_the_names_with_which_serve_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    for (server, hook, place) in [
        ("domains = [\"hooks.example.com\"]", "", "annex.toml:2:"),
        ("domains = [\"hooks.my-company.com\", \"x.test\"]", "", "annex.toml:2:"),
        ("domains = [\"hooks.my-company.com\"]", "domain = \"other.example.org\"\n", "annex.toml:11:"),
    ] {
        let listen = "https = \"127.0.0.1:1\"\nhttp = \"off\"\nadmin = \"off\"\nstate = \"state\"";
        write(&folder.path().join("annex.toml"), &format!("[server]\n{server}\n{listen}\n{HOOK}{hook}"));
        let said = ["check", "check --strict", "serve"].map(|command| {
            let (good, said) = run(folder.path(), &format!("ROSSUM_SECRET='{SECRET}' annex {command}"));
            assert!(!good && said.contains("is a name for examples"), "{command}: {said}");
            said
        });
        assert!(said[0].starts_with(place) && said[2].contains(place), "{said:?}");
        let (good, said) = run(folder.path(), "annex check --dev-http");
        assert!(good && !said.contains("example."), "{said}");
    }
    // A private CA may give a certificate for each name.
    let acme = "[server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n";
    write(
        &folder.path().join("annex.toml"),
        &format!("[server]\ndomains = [\"hooks.example.com\"]\n{acme}{HOOK}"),
    );
    let (good, said) = run(folder.path(), "annex check");
    assert!(good, "{said}");
}

#[test]
fn secrets_need_not_be_there_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[server]\ndomains = [\"hooks.my-company.com\"]\n{}[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"x\"\nshape = \"json\"\n\
         [[target]]\nname = \"erp\"\nurl = \"https://erp.my-company.com/\"\nauth = {{ bearer = \"credential:erp\" }}\n",
        HOOK.replace("\"env:ROSSUM_SECRET\"", "\"env:ROSSUM_SECRET\", \"file:not-there\"")
    );
    write(&folder.path().join("annex.toml"), &config);
    let (good, said) = run(folder.path(), "annex check");
    assert!(good && said.starts_with("annex.toml: ok\n"), "{said}");
    for what in [
        "annex.toml:6: a secret, since the environment has no ROSSUM_SECRET",
        "not-there",
        "cannot read the secret erp",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
    let (good, said) = run(folder.path(), "annex check --strict");
    assert!(!good && said.contains("3 mistakes"), "{said}");
    let (good, said) = run(folder.path(), "annex serve");
    assert!(!good && said.contains("the environment has no ROSSUM_SECRET"), "{said}");
    // What is there and is wrong is a mistake all the same.
    write(&folder.path().join("not-there"), "");
    let (good, said) = run(folder.path(), "annex check");
    assert!(!good && said.contains("the secret file:not-there is empty"), "{said}");
    // With all of them it is silent.
    write(&folder.path().join("not-there"), "one of more than sixteen characters");
    write(&folder.path().join("erp"), "the-token-of-the-erp");
    let (good, said) = run(folder.path(), &format!("ROSSUM_SECRET='{SECRET}' annex check --strict"));
    assert!(good && !said.contains("a secret"), "{said}");
}

/// The other system never sees a password that is none.
#[test]
fn dev_mode_starts_without_secrets_and_sends_nothing_in_their_place() {
    let erp = Erp::kind();
    let config = |auth: &str| {
        format!(
            "[server]\nstate = \"state\"\n{HOOK}[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"x\"\nshape = \"json\"\n\
             [[target]]\nname = \"erp\"\nurl = \"http://{}/\"\nauth = {{ {auth} }}\n",
            erp.address
        )
    };
    for auth in [
        "bearer = \"env:ERP_TOKEN\"",
        "user = \"annex\", password = \"file:nowhere\"",
        "header = \"X-Key\", value = \"credential:erp\"",
    ] {
        let annex = Annex::dev_with(&config(auth).replace("env:ROSSUM_SECRET", "env:ANOTHER"));
        let answer = annex.client().deliver("/x", delivery("r-1"));
        assert_eq!(answer.status, 200, "the secret of dev mode verifies it: {answer:?}");
        assert_eq!(answer.json()["messages"][0]["type"], "error", "{answer:?}");
        let log = annex.log();
        assert!(log.contains("what needs it fails, and sends nothing"), "{log}");
        assert!(log.contains("deliveries are verified by the secret of dev mode"), "{log}");
        assert!(log.contains("its secret is not there"), "{log}");
    }
    assert_eq!(erp.calls().len(), 0);
}

fn delivery(request_id: &str) -> String {
    let datapoint = json!({"id": 1, "schema_id": "document_id", "category": "datapoint",
        "content": {"value": "12", "normalized_value": "12"}});
    json!({"request_id": request_id, "event": "annotation_content", "action": "export",
        "annotation": {"id": 7, "content": [
            {"id": 100, "schema_id": "header", "category": "section", "children": [datapoint]}]}})
    .to_string()
}

#[test]
fn dev_mode_listens_where_it_is_told_and_finds_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let serves = |arguments: &str, expected: &str| {
        let port = free_port();
        let line = format!("exec annex {} --inspector off", arguments.replace("PORT", &port.to_string()));
        let served =
            Served::start(shell(folder.path(), &line)).unwrap_or_else(|said| panic!("{line}: {said}"));
        let first = format!("on http://127.0.0.1:{port}, with {expected}\n");
        assert!(served.banner.contains(&first), "{line}: {}", served.banner);
    };
    serves("--dev-http PORT", "config/sample.toml (built in)");
    write(&folder.path().join("annex.toml"), HOOK);
    write(&folder.path().join("other.toml"), HOOK);
    serves("--dev-http PORT", "annex.toml");
    serves("--dev-http=PORT", "annex.toml");
    serves("--dev-http=localhost:PORT", "annex.toml");
    serves("--dev-http=127.0.0.1:PORT", "annex.toml");
    serves("serve --dev-http localhost:PORT", "annex.toml");
    serves("-c other.toml serve --dev-http PORT", "other.toml");
    serves("-c other.toml --dev-http PORT", "other.toml");
    serves("--dev-http PORT --sample", "config/sample.toml (built in)");
    let (good, said) = run(folder.path(), "annex --dev-http hooks.example.com:80");
    assert!(!good && said.contains("give a port from 1 to 65535"), "{said}");
    for line in ["-c other.toml check", "--config=other.toml check", "-cother.toml check", "check other.toml"]
    {
        let (good, said) = run(folder.path(), &format!("annex {line} --dev-http"));
        assert!(good && said.starts_with("other.toml: ok"), "{line}: {said}");
    }
    let (good, said) = run(folder.path(), "annex -c other.toml data list --state nowhere");
    assert!(!good && said.contains("--config <FILE>"), "the option is the command's own: {said}");
    for line in
        ["--record x --record-max 20MB --dev-http PORT", "--record x --record-max 20000000 --dev-http PORT"]
    {
        serves(line, "annex.toml");
    }
    let (good, said) = run(folder.path(), "annex --dev-http 1 --record x --record-max 20parsecs");
    assert!(!good && said.contains("give a size such as 500MB"), "{said}");
    let (good, said) = run(folder.path(), "annex doctor --timeout 11m");
    assert!(!good && said.contains("give a duration from 1s to 10m"), "{said}");
}

#[test]
fn the_secret_of_dev_mode_stays() {
    let folder = tempfile::tempdir().unwrap();
    let start = |before: &str| {
        let line = format!("{before} exec annex --dev-http {} --inspector off", free_port());
        Served::start(shell(folder.path(), &line)).unwrap()
    };
    let first = start("").secret().to_owned();
    assert!(first.len() == 64, "{first}");
    assert_eq!(start("").secret(), first);
    let kept = folder.path().join(".xdg/annex/dev-secret");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    // The environment's own is neither shown nor kept.
    let other = start(&format!("ROSSUM_SECRET='{SECRET}'"));
    assert!(other.banner.contains("the value of ROSSUM_SECRET") && !other.banner.contains(SECRET));
    assert_eq!(fs::read_to_string(&kept).unwrap().trim(), first);
    // What is no secret of ours is replaced.
    write(&kept, "short");
    let new = start("").secret().to_owned();
    assert!(new.len() == 64 && new != first);
}

#[test]
fn plain_http_to_others_must_be_meant() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    for address in ["0.0.0.0", "[::]"] {
        let (good, said) = run(folder.path(), &format!("annex --dev-http={address}:{port}"));
        assert!(!good && said.contains("`insecure = true` in [server]"), "{said}");
    }
    write(&folder.path().join("annex.toml"), &format!("[server]\ninsecure = true\n{HOOK}"));
    let line = format!("exec annex --dev-http=0.0.0.0:{port} --inspector off");
    let served = Served::start(shell(folder.path(), &line));
    assert!(served.is_ok(), "{:?}", served.err());
    drop(served);
    let target = |url: &str, more: &str| {
        let text = format!(
            "[server]\nstate = \"state\"\n{HOOK}[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"x\"\nshape = \"json\"\n\
             [[target]]\nname = \"erp\"\nurl = \"{url}\"\n{more}\n"
        );
        write(&folder.path().join("annex.toml"), &text);
        run(folder.path(), "annex check --dev-http")
    };
    for url in ["http://erp.my-company.com/", "http://8.8.8.8/", "http://[2606:4700::1]/"] {
        let (good, said) = target(url, "");
        assert!(!good && said.contains("annex.toml:14:7: ") && said.contains("insecure = true"), "{said}");
        let (good, said) = target(url, "insecure = true");
        assert!(good && !said.contains("unencrypted"), "{said}");
    }
    let token = "auth = { token_url = \"http://login.my-company.com/\", client_id = \"a\", client_secret = \"env:S\" }";
    assert!(!target("https://erp.my-company.com/", token).0);
    for url in [
        "https://erp.my-company.com/",
        "http://erp/",
        "http://erp.corp/",
        "http://10.1.2.3/",
        "http://localhost:1/",
        "http://[fd00::1]/",
    ] {
        let (good, said) = target(url, "");
        assert!(good && !said.contains("unencrypted"), "{url}: {said}");
    }
}

/// The fix may be elsewhere than in the configuration: in the other system, in a file that was not there.
#[test]
fn a_failure_is_not_answered_from_memory_after_the_fix() {
    let erp = Erp::start(|_, before| match before {
        0 => Reply::status(422, "no"),
        _ => Reply::ok("{}"),
    });
    let config = format!(
        "[server]\nstate = \"state\"\n{HOOK}[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"x\"\nshape = \"json\"\n\
         [[target]]\nname = \"erp\"\nurl = \"http://{}/\"\n",
        erp.address
    );
    let annex = Annex::dev_with(&config);
    write(&annex.folder().join("delivery.json"), &delivery("r-1"));
    let to = format!("http://{}/x", annex.address);
    let send = |more: &[&str]| {
        let mut command = annex_command();
        command.args(["send", "delivery.json", "--to", &to, "--secret", SECRET]).args(more);
        let output = command.current_dir(annex.folder()).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let failed = send(&[]);
    assert!(failed.contains("  error "), "{failed}");
    let mended = send(&[]);
    assert!(!mended.contains("  error ") && !mended.contains("from memory"), "{mended}");
    assert_eq!(erp.calls().len(), 2);
    // What succeeded is answered again, which is said; it is not sent twice.
    let again = send(&[]);
    assert!(again.contains("answered from memory") && again.contains("--new-id"), "{again}");
    assert_eq!(erp.calls().len(), 2);
    let line: Value = serde_json::from_str(&send(&["--json"])).unwrap();
    assert_eq!(line["repeated"], true);
    let line: Value = serde_json::from_str(&send(&["--json", "--new-id"])).unwrap();
    assert_eq!(line["repeated"], false);
    assert_eq!(erp.calls().len(), 3);
}

#[test]
fn repeats_of_a_body_that_is_refused_early_come_to_an_end() {
    let config = HOOK.replace("path =", "max_body = \"10KB\"\npath =");
    let annex = Annex::dev_with(&config);
    let body = annex.folder().join("big.json");
    write(&body, &format!("{{\"padding\": \"{}\"}}", "x".repeat(30_000_000)));
    let began = Instant::now();
    let to = format!("http://{}/x", annex.address);
    let mut command = annex_command();
    command.args(["send", body.to_str().unwrap(), "--to", &to, "--secret", SECRET, "--repeat", "3"]);
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(said.contains("413 ") && said.contains("3 calls, 3 failed"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn an_export_that_waits_shows_its_next_try() {
    let config = format!(
        "[server]\nstate = \"state\"\n{HOOK}[[hook.step]]\nuse = \"export\"\nname = \"invoice\"\ntarget = \"erp\"\npath = \"x\"\nshape = \"json\"\ndeliver = \"queued\"\n\
         [[target]]\nname = \"erp\"\nurl = \"http://127.0.0.1:{}/\"\n",
        free_port()
    );
    let annex = Annex::dev_with(&config);
    assert_eq!(annex.client().deliver("/x", delivery("r-1")).status, 200);
    let list = || String::from_utf8(annex.run(&["outbox", "list"]).stdout).unwrap();
    eventually("it was tried", Duration::from_secs(20), || list().contains("tried "));
    let said = list();
    assert!(said.contains("  waiting  ") && said.contains("  next try 20"), "{said}");
    if said.contains("tried 1") {
        assert!(said.contains("tried 1 time: "), "{said}");
    }
}

#[test]
fn datasets_come_and_go_through_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = shell(folder.path(), "annex data import vendors - --format csv --key id --state state")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let rows = (0..20_000).map(|id| format!("{id},Vendor number {id}\n")).collect::<Vec<_>>().concat();
    child.stdin.take().unwrap().write_all(format!("id,name\n{rows}").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("20000 records read from standard input (2 columns"), "{said}");
    let (good, said) = run(folder.path(), "annex data import vendors - --state state < /dev/null");
    assert!(!good && said.contains("--format"), "{said}");
    let (good, said) =
        run(folder.path(), "printf 'id\\n1\\n' | annex data import one - --format csv --state state");
    assert!(good && said.contains("one: 1 record read from standard input (1 column"), "{said}");
    // A reader that has enough ends it without a word.
    for format in ["csv", "jsonl"] {
        let line = format!("annex data export vendors --format {format} --state state | head -n 1");
        let output = shell(folder.path(), &line).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1, "{output:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let (good, said) = run(folder.path(), "annex data drop vendors --json --state state");
    assert!(good, "{said}");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), json!({"dataset": "vendors", "dropped": true}));
}
