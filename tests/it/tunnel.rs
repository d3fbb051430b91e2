//! `annex --dev-http --tunnel`: ngrok is a stand-in here, which speaks as ngrok does: its log, its local API.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Erp, Reply, SECRET, annex_command, eventually, free_port, write};

const OLD: &str = "https://hooks.example.com/invoice_checks";

/// The local API of an ngrok that leads to this port.
fn ngrok_api(port: u16) -> Erp {
    Erp::start(move |call, _| match call.line.as_str() {
        "GET /api/tunnels" => {
            let tunnel = |url: &str, port: u16| json!({"public_url": url, "proto": "https", "config": {"addr": format!("http://localhost:{port}")}});
            let all = json!({"tunnels": [tunnel("https://other.ngrok.app", 1), tunnel("https://abc.ngrok.app", port)]});
            Reply::ok(&all.to_string())
        }
        _ => Reply::status(404, ""),
    })
}

/// A program `ngrok` in a folder of its own.
fn ngrok(folder: &Path, script: &str) {
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    let path = folder.join("bin/ngrok");
    write(&path, &format!("#!/bin/sh\necho \"$@\" > {}\n{script}\n", folder.join("called").display()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn rossum() -> Erp {
    Erp::start(|call, _| match call.line.as_str() {
        "GET /v1/hooks/12" => {
            Reply::ok(&json!({"id": 12, "config": {"url": OLD, "secret": "s", "timeout_s": 30}}).to_string())
        }
        "PATCH /v1/hooks/12" => Reply::ok("{}"),
        _ => Reply::status(404, r#"{"detail": "Not found."}"#),
    })
}

fn start(folder: &Path, port: u16, rossum: &Erp, arguments: &[&str]) -> Child {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command: Command = annex_command();
    command.arg(format!("--dev-http=127.0.0.1:{port}")).args(arguments).current_dir(folder).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.join("bin").display())).env("HOME", folder);
    command
        .env("ROSSUM_SECRET", SECRET)
        .env("ROSSUM_URL", format!("http://{}", rossum.address))
        .env("ROSSUM_TOKEN", "t");
    command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().unwrap()
}

fn said(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap()
}

fn urls(rossum: &Erp) -> Vec<Value> {
    let patches = rossum.calls().into_iter().filter(|call| call.line.starts_with("PATCH"));
    patches.map(|call| call.json()["config"].clone()).collect()
}

#[test]
fn a_hook_points_at_the_tunnel_until_the_end() {
    let (folder, port, rossum) = (tempfile::tempdir().unwrap(), free_port(), rossum());
    let api = ngrok_api(port);
    let here = folder.path();
    let line =
        json!({"lvl": "info", "msg": "starting web service", "obj": "web", "addr": api.address.to_string()});
    ngrok(here, &format!("echo '{line}'\necho $$ > {}\nexec sleep 60", here.join("pid").display()));
    let mut annex = start(here, port, &rossum, &["--tunnel", "--hook", "12"]);
    eventually("the hook points here", Duration::from_secs(20), || {
        said(here).contains("hook 12 in Rossum calls")
    });
    let text = said(here);
    assert!(text.contains("public  https://abc.ngrok.app/invoice_checks  ("), "{text}");
    assert!(text.contains("annex hook change ID --config-url https://abc.ngrok.app/"), "{text}");
    assert!(std::fs::read_to_string(here.join("called")).unwrap().starts_with(&format!("http {port} ")));
    let config = |url: &str| json!({"url": url, "secret": "s", "timeout_s": 30});
    assert_eq!(urls(&rossum), [config("https://abc.ngrok.app/invoice_checks")], "the path that it had");
    let process = annex.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert!(annex.wait().unwrap().success(), "{}", said(here));
    assert_eq!(urls(&rossum)[1..], [config(OLD)], "it is put back");
    assert!(
        said(here).contains(&format!("hook 12 in Rossum calls {OLD} again")) && !said(here).contains(SECRET)
    );
    let pid = std::fs::read_to_string(here.join("pid")).unwrap();
    assert!(!Path::new(&format!("/proc/{}", pid.trim())).exists(), "ngrok ended too");
}

#[test]
fn without_ngrok_or_with_one_that_fails_it_is_said_what_to_do() {
    let (folder, rossum) = (tempfile::tempdir().unwrap(), rossum());
    let here = folder.path();
    let ended = |arguments: &[&str]| {
        let mut annex = start(here, free_port(), &rossum, arguments);
        assert_eq!(annex.wait().unwrap().code(), Some(1), "{}", said(here));
        said(here)
    };
    let text = ended(&["--tunnel"]);
    assert!(text.contains("ngrok cannot be started") && text.contains("--tunnel=https://"), "{text}");
    ngrok(here, "echo 'ERROR:  authentication failed: ERR_NGROK_4018' >&2\nexit 1");
    let text = ended(&["--tunnel"]);
    assert!(
        text.contains("ngrok gives no public URL: ERROR:  authentication failed: ERR_NGROK_4018"),
        "{text}"
    );
    assert!(ended(&["--tunnel=abc"]).contains("`abc` is not the URL of a tunnel"));
    // Another tunnel.
    let mut annex = start(here, free_port(), &rossum, &["--tunnel=https://t.example.com/"]);
    eventually("it serves", Duration::from_secs(10), || {
        said(here).contains("public  https://t.example.com/invoice_checks")
    });
    annex.kill().unwrap();
    annex.wait().unwrap();
    assert!(urls(&rossum).is_empty());
}
