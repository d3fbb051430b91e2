//! `annex hook rotate`: a new secret while deliveries come.

use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rossum_annex::signature::Algorithm;
use serde_json::{Value, json};

use crate::support::{Annex, Client, Erp, Reply, annex_command, free_port, sign, write};

const OLD: &str = "the old secret of the hook";
const URL: &str = "https://hooks.example.test/checks";

/// Rossum with one hook: the secret that it signs by, and the status that it gives to a change.
struct Rossum {
    server: Erp,
    secret: Arc<Mutex<String>>,
    status: Arc<AtomicU16>,
}

impl Rossum {
    fn start() -> Self {
        let secret = Arc::new(Mutex::new(OLD.to_owned()));
        let status = Arc::new(AtomicU16::new(200));
        let (known, says) = (Arc::clone(&secret), Arc::clone(&status));
        let server = Erp::start(move |call, _| {
            let hook = json!({"id": 12, "name": "Checks", "type": "webhook",
                "config": {"url": URL, "secret": *known.lock().unwrap(), "insecure_ssl": false}});
            match call.line.replace("/v1/", "/").as_str() {
                "GET /hooks" => {
                    Reply::ok(&json!({"pagination": {"next": null}, "results": [hook]}).to_string())
                }
                "PATCH /hooks/12" if says.load(Ordering::SeqCst) == 200 => {
                    let config = &call.json()["config"];
                    assert_eq!((&config["url"], &config["insecure_ssl"]), (&json!(URL), &json!(false)));
                    config["secret"].as_str().unwrap().clone_into(&mut known.lock().unwrap());
                    Reply::ok("{}")
                }
                "PATCH /hooks/12" => Reply::status(400, r#"{"config": {"secret": ["Not today."]}}"#),
                other => panic!("{other}"),
            }
        });
        Self { server, secret, status }
    }

    fn secret(&self) -> String {
        self.secret.lock().unwrap().clone()
    }

    fn rotate(&self, annex: &Annex, more: &[&str]) -> (Output, String) {
        let mut command = annex_command();
        command.args(["hook", "rotate", "checks", "--yes", "--config", "annex.toml"]).args(more);
        command.env("ROSSUM_URL", format!("http://{}", self.server.address)).env("ROSSUM_TOKEN", "own-token");
        let output = command.current_dir(annex.folder()).env("HOME", annex.folder()).output().unwrap();
        let said = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
        (output, said)
    }
}

fn lines(folder: &Path) -> Vec<String> {
    std::fs::read_to_string(folder.join("secret")).unwrap().lines().map(str::to_owned).collect()
}

/// HTTPS with the secret in a file, and how to call it.
fn start(secrets: &str) -> (Annex, impl Fn(&str) -> u16 + Send + Sync) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["hooks.example.test".to_owned()]).unwrap();
    write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    write(&folder.path().join("chain.pem"), &made.cert.pem());
    write(&folder.path().join("secret"), OLD);
    let (https, admin) = (free_port(), free_port());
    let config = format!(
        "[server]\ndomains = [\"hooks.example.test\"]\nhttps = \"127.0.0.1:{https}\"\nhttp = \"off\"\nadmin = \"127.0.0.1:{admin}\"\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n\
         [[hook]]\nname = \"checks\"\npath = \"/checks\"\nsecrets = [{secrets}]\n"
    );
    write(&folder.path().join("annex.toml"), &config);
    let credentials = folder.path().to_owned();
    let annex = Annex::https_under(folder, https, |command| {
        command.env("CREDENTIALS_DIRECTORY", credentials);
    });
    let leaf = [made.cert.der().clone()];
    let deliver = move |secret: &str| {
        let body = b"{\"event\": \"annotation_content\", \"action\": \"updated\"}";
        let (name, value) = sign(Algorithm::Sha256, secret, body);
        let address = ([127, 0, 0, 1], https).into();
        let mut client = Client::tls(address, "hooks.example.test", &leaf, rustls::ALL_VERSIONS).unwrap();
        client.post("/checks", &[(&name, &value)], body).status
    };
    (annex, deliver)
}

#[test]
fn a_secret_is_replaced_while_deliveries_come_and_none_is_refused() {
    let (annex, deliver) = start("\"file:secret\"");
    let rossum = Rossum::start();
    let stop = AtomicBool::new(false);
    let said = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let secret = rossum.secret();
                assert_eq!(deliver(&secret), 200, "by the secret that Rossum has");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let (output, said) = rossum.rotate(&annex, &["--wait", "30", "--quiet", "1"]);
        stop.store(true, Ordering::SeqCst);
        assert!(output.status.success(), "{said}");
        said
    });
    for part in [
        "the server now accepts the new secret and the old one",
        "Rossum has the new secret: 12 (Checks)",
        "the old secret is removed",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let new = rossum.secret();
    assert!(new != OLD && new.len() == 64);
    assert_eq!(lines(annex.folder()), std::slice::from_ref(&new));
    assert_eq!((deliver(&new), deliver(OLD)), (200, 401));
    for text in [&said, &annex.log()] {
        assert!(!text.contains(OLD) && !text.contains(&new), "{text}");
    }
}

#[test]
fn what_goes_wrong_leaves_a_secret_that_works() {
    let (annex, deliver) = start("\"file:secret\"");
    let rossum = Rossum::start();
    // Nothing is changed, and no secret is shown.
    let (output, said) = rossum.rotate(&annex, &["--dry-run"]);
    assert!(output.status.success() && said.contains("would send: PATCH"), "{said}");
    assert!(!said.contains(OLD) && lines(annex.folder()) == [OLD], "{said}");
    // Rossum refuses it: both are taken, Rossum has the old one.
    rossum.status.store(400, Ordering::SeqCst);
    let (output, said) = rossum.rotate(&annex, &[]);
    assert!(
        !output.status.success() && said.contains("Not today.") && said.contains("no delivery is lost"),
        "{said}"
    );
    assert_eq!((lines(annex.folder()).len(), deliver(OLD)), (2, 200));
    // No delivery comes: the old one stays, until --finish finds that one came.
    rossum.status.store(200, Ordering::SeqCst);
    let (output, said) = rossum.rotate(&annex, &["--wait", "1", "--quiet", "1"]);
    assert!(output.status.success() && said.contains("no delivery has used the new secret yet"), "{said}");
    let new = rossum.secret();
    assert_eq!((deliver(&new), deliver(OLD)), (200, 200));
    let (_, said) = rossum.rotate(&annex, &["--finish", "--quiet", "60"]);
    assert!(said.contains("a delivery has just used the old one"), "{said}");
    std::thread::sleep(Duration::from_millis(1100));
    let (output, said) = rossum.rotate(&annex, &["--finish", "--quiet", "1"]);
    assert!(output.status.success() && said.contains("the old secret is removed"), "{said}");
    assert_eq!((lines(annex.folder()), deliver(&new), deliver(OLD)), (vec![new.clone()], 200, 401));
    // The server refuses its configuration: the file is as it was.
    let config = std::fs::read_to_string(annex.folder().join("annex.toml")).unwrap();
    write(&annex.folder().join("annex.toml"), &config.replace("admin =", "http2 = 1\nadmin ="));
    let (output, said) = rossum.rotate(&annex, &["--apply", "false"]);
    assert!(!output.status.success(), "{said}");
    assert_eq!((lines(annex.folder()), deliver(&new)), (vec![new], 200));
    let asked: Vec<Value> = rossum.server.calls().iter().map(|call| json!(call.line)).collect();
    assert_eq!(
        asked.iter().filter(|line| line.as_str().unwrap().starts_with("PATCH")).count(),
        2,
        "{asked:?}"
    );
}

/// systemd hands a credential over at a start only: the server is started anew, here by a signal that is enough for a test.
#[test]
fn a_credential_is_replaced_where_systemd_takes_it_from() {
    let (annex, deliver) = start("\"credential:secret\"");
    let rossum = Rossum::start();
    let apply = format!("kill -HUP {}", annex.pid());
    let (output, said) = rossum.rotate(&annex, &["--wait", "1", "--quiet", "1", "--apply", &apply]);
    assert!(output.status.success() && said.contains("Rossum has the new secret"), "{said}");
    let new = rossum.secret();
    assert_eq!((deliver(&new), deliver(OLD)), (200, 200));
    std::thread::sleep(Duration::from_millis(1100));
    let (output, said) = rossum.rotate(&annex, &["--finish", "--quiet", "1", "--apply", &apply]);
    assert!(output.status.success() && said.contains("the old secret is removed"), "{said}");
    assert_eq!((lines(annex.folder()), deliver(&new), deliver(OLD)), (vec![new.clone()], 200, 401));
    // What is to be run for it may fail: then nothing has changed.
    let (output, said) = rossum.rotate(&annex, &["--apply", "exit 3"]);
    assert!(!output.status.success() && said.contains("`exit 3` failed"), "{said}");
    assert_eq!((lines(annex.folder()), rossum.secret()), (vec![new.clone()], new));
}

#[test]
fn a_secret_of_the_environment_cannot_be_replaced_for_a_running_server() {
    let (annex, _) = start("\"env:ROSSUM_SECRET\"");
    let rossum = Rossum::start();
    let mut command = annex_command();
    command.args(["hook", "rotate", "checks", "--yes", "--config", "annex.toml"]);
    command.env("ROSSUM_URL", format!("http://{}", rossum.server.address)).env("ROSSUM_TOKEN", "own-token");
    let output = command.env("ROSSUM_SECRET", OLD).current_dir(annex.folder()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is in the environment") && said.contains("file:checks.secret"), "{said}");
}
