//! `annex doctor`: each line is earned, and what is wrong turns it into another.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{
    Annex, Client, Pebble, SECRET, SmallDisk, annex_command, denied, eventually, free_port, libfaketime,
    write,
};

/// Every resolver has it on this host, as 127.0.0.1 and `::1` (RFC 6761).
const NAME: &str = "hooks.localhost";
const SOON: Duration = Duration::from_secs(20);

/// The lines that say something.
fn of(said: &str, what: &str) -> String {
    said.lines().filter(|line| line.contains(what)).collect::<Vec<_>>().join("\n")
}

fn doctor(folder: &Path, path: Option<&Path>) -> (String, bool) {
    let mut command = annex_command();
    command.args(["doctor", "--config", "annex.toml"]).current_dir(folder).env("ROSSUM_SECRET", SECRET);
    if let Some(path) = path {
        let others = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{others}", path.display()));
    }
    let output = command.output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

/// Somebody else's server, at the other address of the name: it answers whatever is asked.
fn stranger(port: u16) {
    let socket = TcpListener::bind(("::1", port)).unwrap();
    std::thread::spawn(move || {
        for mut stream in socket.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        }
    });
}

#[test]
fn a_name_leads_here_only_where_our_own_server_answers() {
    let pebble = Pebble::start();
    let annex = Annex::https(pebble.folder_with(&format!("\"{NAME}\""), ""), pebble.https);
    eventually("a certificate", SOON, || annex.run(&["status"]).status.success());
    let (said, _) = doctor(annex.folder(), None);
    for port in [pebble.https, pebble.http] {
        let line = format!("✓ {NAME} leads here on port {port} (127.0.0.1). This was checked from this host");
        assert!(said.contains(&line), "{line} in {said}");
        // The name has an address of this host on which nothing listens: a CA may ask there.
        let line = format!("✗ {NAME} does not lead here on port {port} (::1): Connection refused");
        assert!(said.contains(&line), "{line} in {said}");
    }
    stranger(pebble.https);
    stranger(pebble.http);
    let (said, is_good) = doctor(annex.folder(), None);
    assert!(!is_good);
    for port in [pebble.https, pebble.http] {
        let line = format!("✗ {NAME} leads elsewhere on port {port} (::1): another server answers there");
        assert!(said.contains(&line), "{line} in {said}");
    }
    denied(
        "{domain} leads here {place}. This was checked from this host, which cannot see a firewall in front of it",
        &of(&said, "(::1)"),
        "leads elsewhere",
    );
    let left = annex.folder().join("state/acme/.challenges");
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 0, "what the doctor left is gone");
}

fn with_files(folder: &TempDir, https: u16, admin: u16) {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    write(&folder.path().join("key.pem"), &made.key_pair.serialize_pem());
    write(&folder.path().join("chain.pem"), &made.cert.pem());
    let config = format!(
        "[server]\ndomains = [\"{NAME}\"]\nhttps = \"127.0.0.1:{https}\"\nhttp = \"off\"\nadmin = \"127.0.0.1:{admin}\"\nstate = \"state\"\n\
         certificate = \"chain.pem\"\nkey = \"key.pem\"\n[[hook]]\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n"
    );
    write(&folder.path().join("annex.toml"), &config);
}

#[test]
fn with_files_of_ones_own_the_certificate_and_its_key_are_what_only_we_show() {
    let (https, admin) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    with_files(&folder, https, admin);
    let annex = Annex::https(folder, https);
    let (said, _) = doctor(annex.folder(), None);
    assert!(said.contains(&format!("✓ {NAME} leads here on port {https} (127.0.0.1)")), "{said}");
    stranger(https);
    let (said, _) = doctor(annex.folder(), None);
    assert!(said.contains(&format!("✗ {NAME} leads elsewhere on port {https} (::1)")), "{said}");

    // Another configuration whose `admin` is the same: the server that answers is not the one that it is about.
    let other = tempfile::tempdir().unwrap();
    with_files(&other, free_port(), admin);
    let (said, is_good) = doctor(other.path(), None);
    assert!(!is_good && said.contains("was started with another file: annex.toml"), "{said}");
    assert!(!said.contains("✓ the server runs and is ready"), "{said}");
}

#[test]
fn a_fresh_install_is_no_error_and_a_full_disk_is_one() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    let (said, is_good) = doctor(folder.path(), None);
    denied("{shown} is writable; {} MiB are free", &said, "! the state folder state is not there yet");
    let bad: Vec<&str> = said.lines().filter(|line| line.starts_with('✗')).collect();
    // Only that the name has an address more, where nothing listens.
    assert!(bad.iter().all(|line| line.contains("(::1)")), "{is_good} {bad:?}");

    let state = folder.path().join("state");
    let Some(disk) = SmallDisk::mount(&state, "1m") else { return };
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    let (said, _) = doctor(folder.path(), None);
    assert!(
        said.contains("! state is writable, but its disk has only 1 MiB left") || said.contains("only 0 MiB"),
        "{said}"
    );
    disk.fill();
    let (said, is_good) = doctor(folder.path(), None);
    assert!(!is_good, "{said}");
    denied("{shown} is writable; {} MiB are free", &said, "✗ cannot write to state");
    drop(disk);
    let (said, _) = doctor(folder.path(), None);
    assert!(said.contains("✓ state is writable; "), "{said}");
}

/// What `systemctl show` printed on a Debian 12, with other ports and paths.
#[test]
fn what_systemd_holds_and_lacks_is_seen() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    let config = folder.path().join("annex.toml").canonicalize().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let shown = |https: u16, state: &str, credential: &str| {
        let script = format!(
            "#!/bin/sh\ncat <<'S'\nId=annex.service\nLoadState=loaded\n{state}\n\
             ExecStart={{ path=/usr/bin/annex ; argv[]=/usr/bin/annex serve --config {} ; ignore_errors=no }}\nLoadCredential=rossum-secret:{credential}\n\n\
             Id=annex.socket\nLoadState=loaded\nActiveState=active\nSubState=listening\nResult=success\nListen=127.0.0.1:{https} (Stream)\nListen=127.0.0.1:{} (Stream)\nS\n",
            config.display(),
            pebble.http
        );
        write(&bin.join("systemctl"), &script);
        std::fs::set_permissions(bin.join("systemctl"), std::fs::Permissions::from_mode(0o755)).unwrap();
        doctor(folder.path(), Some(&bin)).0
    };
    let failed = "ActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainStatus=243";
    let _held = TcpListener::bind(("127.0.0.1", pebble.https)).unwrap();
    let said = shown(pebble.https, failed, "/nowhere/rossum-secret");
    for line in [
        "✗ annex.service cannot start: its credential /nowhere/rossum-secret",
        "✗ annex.service failed: exit-code (status 243, CREDENTIALS)",
        &format!("✓ systemd holds 127.0.0.1:{} for the service", pebble.https),
        &format!("! not checked: whether {NAME} leads here on port {}", pebble.https),
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert!(!said.contains("cannot be bound"), "systemd's own sockets are no conflict: {said}");

    let idle = "ActiveState=inactive\nSubState=dead\nResult=success\nExecMainStatus=0";
    let said = shown(pebble.https, idle, "/etc/passwd");
    assert!(!said.contains("annex.service"), "{said}");

    let said = shown(1, idle, "/etc/passwd");
    assert!(said.contains(&format!("ListenStream=127.0.0.1:{}", pebble.https)), "{said}");
    // Another has the port.
    let said = of(&said, &format!(":{}", pebble.https));
    denied("systemd holds {address} for the service", &said, "(https): Address already in use");
    denied("{name} is free: {address}", &said, "✗ cannot listen on 127.0.0.1:");
}

/// No CA gives a certificate for a name of RFC 2606; one of one's own may.
#[test]
fn names_for_examples_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = |acme: &str| {
        let text = format!(
            "[server]\ndomains = [\"hooks.example.com\"]\nhttps = \"127.0.0.1:{}\"\nhttp = \"off\"\nadmin = \"off\"\nstate = \"state\"\n{acme}\
             [[hook]]\npath = \"/checks\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n",
            free_port()
        );
        write(&folder.path().join("annex.toml"), &text);
    };
    let run = |command: &str| {
        let mut annex = annex_command();
        annex
            .args([command, "--config", "annex.toml"])
            .current_dir(folder.path())
            .env("ROSSUM_SECRET", SECRET);
        let output = annex.output().unwrap();
        (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.code())
    };
    config("");
    let (said, code) = run("serve");
    assert!(code == Some(1) && said.contains("hooks.example.com is a name for examples"), "{said}");
    let (said, _) = run("doctor");
    assert!(said.contains("✗ hooks.example.com is a name for examples"), "{said}");
    let (said, code) = run("check");
    assert!(code == Some(1) && said.contains("hooks.example.com is a name for examples"), "{said}");
    config("[server.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n");
    assert!(!run("doctor").0.contains("a name for examples"));
    assert!(!run("check").0.contains("not checked"));
}

/// A clock that is off, either way, is called by its name, and not "the CA does not answer".
#[test]
fn a_wrong_clock_is_named_as_such() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    let at = |clock: &str| {
        let mut annex = annex_command();
        annex
            .args(["doctor", "--config", "annex.toml"])
            .current_dir(folder.path())
            .env("ROSSUM_SECRET", SECRET);
        annex
            .env("FAKETIME", clock)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("LD_PRELOAD", libfaketime());
        String::from_utf8(annex.output().unwrap().stdout).unwrap()
    };
    assert!(at("+0").contains("✓ this host's clock agrees with the CA's"));
    for clock in ["-2h", "+2h", "-400d", "+400d"] {
        let said = at(clock);
        assert!(
            said.contains("✗ this host's clock is ") && said.contains("away from the CA's"),
            "{clock}: {said}"
        );
        denied("this host's clock agrees with the CA's", &said, "✗ this host's clock is ");
    }
    // Before the first day of the CA's own certificate.
    let said = at("@1971-01-01 00:00:00");
    assert!(said.contains("✗ this host's clock says 1971-01-01"), "{said}");
    assert!(!said.contains("the CA does not answer"), "{said}");
}

/// The limit that counts is the one to which the server raises its own.
#[test]
fn descriptors_are_compared_with_connections() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    let within = |limits: &str| {
        let mut shell = Command::new("sh");
        let script = format!("{limits}; exec {} doctor --config annex.toml", env!("CARGO_BIN_EXE_annex"));
        shell.args(["-c", &script]).current_dir(folder.path()).env("ROSSUM_SECRET", SECRET);
        String::from_utf8(shell.output().unwrap().stdout).unwrap()
    };
    let said = within("ulimit -n 1024");
    denied(
        "{limit} file descriptors are enough for {connections} connections",
        &said,
        "! 1024 file descriptors are enough for 768 of 4096 connections",
    );
    let said = within("ulimit -Sn 1024; ulimit -Hn 8192");
    assert!(said.contains("✓ 8192 file descriptors are enough for 4096 connections"), "{said}");
}

/// Certificate files: key, dates and names.
#[test]
fn certificate_files_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    with_files(&folder, free_port(), free_port());
    let whole = std::fs::read_to_string(folder.path().join("key.pem")).unwrap();
    let said = || doctor(folder.path(), None).0;
    assert!(
        said().contains("✓ the certificate ") && said().contains("has its key and is valid until"),
        "{}",
        said()
    );
    write(&folder.path().join("key.pem"), &rcgen::KeyPair::generate().unwrap().serialize_pem());
    assert!(said().contains("✗ ") && said().contains("with the key "), "{}", said());
    write(&folder.path().join("key.pem"), &whole);

    let made = |name: &str, years: std::ops::Range<i32>| {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        write(&folder.path().join("chain.pem"), &params.self_signed(&key).unwrap().pem());
        write(&folder.path().join("key.pem"), &key.serialize_pem());
    };
    made(NAME, 2001..2002);
    denied(
        "the certificate {shown} has its key and is valid until {until}",
        &said(),
        "is valid from 2001-01-01",
    );
    made("other.example", 2001..2100);
    assert!(said().contains(&format!("is not for {NAME}, but for other.example")), "{}", said());
    made("*.localhost", 2001..2100);
    assert!(said().contains("✓ the certificate "), "{}", said());
}

/// A server that stands still, and one that says nothing, keep no command waiting for ever.
#[test]
fn a_server_that_does_not_answer_is_said() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    with_files(&folder, free_port(), silent.local_addr().unwrap().port());
    let mut status = annex_command();
    let output =
        status.args(["status", "--config", "annex.toml"]).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the running server does not answer within 10 s"), "{said}");
}

#[test]
fn a_file_that_was_changed_or_refused_since_it_was_loaded_is_told() {
    let (https, admin) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    with_files(&folder, https, admin);
    let annex = Annex::https(folder, https);
    let path = annex.folder().join("annex.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    let changed = "the file has changed since the server loaded it";
    write(&path, &before); // the same text, at another time
    assert!(!doctor(annex.folder(), None).0.contains(changed));
    write(&path, &before.replace("/checks", "/others"));
    let (said, _) = doctor(annex.folder(), None);
    assert!(said.contains(&format!("! {changed}")), "{said}");
    // A reload that fails is told by the pages until one is taken.
    write(&path, &before.replace("path = \"/checks\"", "path = 7"));
    annex.signal("HUP");
    annex.logs("the new configuration is refused", SOON);
    let status = annex.run(&["status"]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(
        status.contains("was refused, so the server still uses the previous configuration: annex.toml:10:8"),
        "{status}"
    );
    let mut client = Client::plain(([127, 0, 0, 1], admin).into());
    let ready = client.request_as("localhost", "GET", "/readyz", &[], b"");
    let said = String::from_utf8(ready.body).unwrap();
    assert!(ready.status == 200 && said.contains("warning: the reload at "), "{said}");
    write(&path, &before.replace("/checks", "/others"));
    annex.signal("HUP");
    annex.logs("configuration reloaded", SOON);
    let status = annex.run(&["status"]);
    assert!(!String::from_utf8(status.stdout).unwrap().contains("was refused"));
    assert!(!doctor(annex.folder(), None).0.contains(changed));
}

#[test]
fn a_ca_that_answers_otherwise_is_told_from_one_that_is_silent() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "profile = \"shortlived\"");
    let (said, _) = doctor(folder.path(), None);
    assert!(said.contains("remove `profile` from [server.acme]: this CA offers no profiles"), "{said}");
    assert!(
        said.contains("! not checked: CAA records, because the CA's directory does not give its name"),
        "{said}"
    );
    let path = folder.path().join("annex.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    write(&path, &config.replace("/dir\"", "/nothing\""));
    let (said, _) = doctor(folder.path(), None);
    assert!(
        said.contains("✗ the answer at the CA's URL is not an ACME directory:") && said.contains("404"),
        "{said}"
    );
    // Not the root that signs the CA's own HTTPS: told in plain words.
    let other = Pebble::prepare();
    let root = pebble.root.display().to_string();
    write(&path, &config.replace(&root, &other.root.display().to_string()));
    let (said, _) = doctor(folder.path(), None);
    assert!(
        said.contains("✗ the CA does not answer: ") && said.contains("the name of a trusted one"),
        "{said}"
    );
    assert!(!said.contains("UnknownIssuer"), "{said}");
}

/// Takes every connection, and never says a word.
fn silent(address: (&str, u16)) -> u16 {
    let socket = TcpListener::bind(address).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || socket.incoming().collect::<Vec<_>>());
    port
}

/// Everything that is asked is silent: it is waited for once, and not one after the other.
#[test]
fn what_is_silent_costs_the_doctor_no_more_than_its_time() {
    let silent = silent(("127.0.0.1", 0));
    let folder = tempfile::tempdir().unwrap();
    let target = |n: u8| {
        format!("[[target]]\nname = \"t{n}\"\nurl = \"https://127.0.0.1:{silent}/{n}\"\ntimeout = \"20s\"\n")
    };
    let step = |n: u8| {
        format!(
            "[[hook.step]]\nuse = \"export\"\nname = \"s{n}\"\ntarget = \"t{n}\"\npath = \"x\"\nshape = \"json\"\n"
        )
    };
    let [targets, steps] = [[0, 1, 2].map(target).concat(), [0, 1, 2].map(step).concat()];
    let config = format!(
        "[server]\ndomains = [\"{NAME}\"]\nhttps = \"127.0.0.1:{}\"\nhttp = \"off\"\nadmin = \"off\"\nstate = \"state\"\n\
         [server.acme]\ndirectory = \"https://127.0.0.1:{silent}/dir\"\n[rossum]\nurl = \"http://127.0.0.1:{silent}\"\ntoken = \"file:token\"\n\
         [[database]]\nname = \"own\"\nurl = \"postgres://annex@127.0.0.1:{silent}/own\"\npassword = \"file:token\"\n{targets}\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{steps}",
        free_port()
    );
    write(&folder.path().join("annex.toml"), &config);
    write(&folder.path().join("token"), "a token of the tests");
    for (arguments, most, of_the_ca) in [(&[][..], 17, "10 s"), (&["--timeout", "3"], 6, "2 s")] {
        let begun = std::time::Instant::now();
        let mut command = annex_command();
        command.args(["doctor", "--config", "annex.toml"]).args(arguments).current_dir(folder.path());
        let output = command.env("ROSSUM_SECRET", SECRET).output().unwrap();
        let (took, said) = (begun.elapsed(), String::from_utf8(output.stdout).unwrap());
        assert!(took < Duration::from_secs(most), "{took:?}: {said}");
        assert!(said.contains(&format!("✗ the CA does not answer: no answer within {of_the_ca}")), "{said}");
        for other in ["✗ the database own, ", "✗ the target t0, ", "✗ the target t1, ", "✗ the target t2, "]
        {
            assert!(said.contains(other), "{other}: {said}");
        }
        assert!(said.lines().any(|line| line.starts_with('✗') && line.contains("no answer")), "{said}");
        assert!(said.contains(&format!("{NAME} is ")), "what can be looked at is: {said}");
        assert!(!output.status.success());
    }
}

#[test]
fn what_a_killed_doctor_left_is_gone_after_the_next_one() {
    let pebble = Pebble::start();
    let annex = Annex::https(pebble.folder_with(&format!("\"{NAME}\""), ""), pebble.https);
    eventually("a certificate", SOON, || annex.run(&["status"]).status.success());
    silent(("::1", pebble.https));
    let left = annex.folder().join("state/acme/.challenges");
    let count = || std::fs::read_dir(&left).map_or(0, Iterator::count);
    let mut command = annex_command();
    command.args(["doctor", "--config", "annex.toml"]).current_dir(annex.folder());
    let mut killed =
        command.env("ROSSUM_SECRET", SECRET).stdout(std::process::Stdio::null()).spawn().unwrap();
    eventually("it left answers", SOON, || count() == 2);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(count(), 2);
    write(&annex.folder().join("state/.doctor"), "left, too");
    // Young ones may be an order's: a server goes on, and so does the doctor.
    let (said, _) = doctor(annex.folder(), None);
    assert!(
        said.contains(&format!(
            "! not checked: whether {NAME} leads here on port {}: an order runs",
            pebble.https
        )),
        "{said}"
    );
    assert!(!annex.folder().join("state/.doctor").exists());
    for file in std::fs::read_dir(&left).unwrap().flatten() {
        let file = std::fs::File::options().write(true).open(file.path()).unwrap();
        file.set_modified(rossum_annex::clock::now() - Duration::from_secs(301)).unwrap();
    }
    let (said, _) = doctor(annex.folder(), None);
    assert!(said.contains(&format!("✓ {NAME} leads here on port {} (127.0.0.1)", pebble.https)), "{said}");
    assert_eq!(count(), 0);
}
