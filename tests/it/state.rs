//! The state folder: what was sent is gone from it, a newer file is refused, and root in somebody's folder follows no
//! link there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, lchown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::{Annex, Client, Erp, Reply, annex_command, eventually, free_port, write};

const LONG: Duration = Duration::from_secs(30);
const VALUE: &str = "INV-UNMISTAKABLE-7f3a9c";

fn config(erp: &Erp) -> String {
    format!(
        "[server]\nstate = \"state\"\n[[target]]\nname = \"erp\"\nurl = \"http://{}/\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\ndeliver = \"queued\"\npath = \"i\"\nshape = \"json\"\n",
        erp.address
    )
}

fn document(annotation: u64, value: &str) -> String {
    json!({"request_id": format!("r-{annotation}"), "event": "annotation_content", "action": "export", "annotation": {
        "id": annotation, "content": [{"id": 1, "schema_id": "s", "category": "section", "children": [
            {"id": 2, "schema_id": "document_id", "category": "datapoint",
             "content": {"value": value, "normalized_value": value}}]}]}})
    .to_string()
}

/// Files below a folder that have some bytes, and how often.
fn holds(folder: &Path, text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let bytes = fs::read(entry.path()).unwrap_or_default();
        let times = bytes.windows(text.len()).filter(|part| *part == text.as_bytes()).count();
        if times > 0 {
            found.insert(entry.file_name().to_string_lossy().into_owned(), times);
        }
    }
    found
}

#[test]
fn what_was_sent_is_gone_from_every_file_while_it_serves_after_a_stop_and_after_a_kill() {
    let erp = Erp::kind();
    let annex = Annex::dev_with(&config(&erp));
    let state = annex.folder().join("state");
    for annotation in 0..30 {
        let body = document(annotation, &format!("{VALUE}-{annotation}"));
        assert_eq!(annex.client().deliver("/x", body).status, 200);
    }
    erp.called(30);
    eventually("nothing that was sent is on the disk", LONG, || holds(&state, VALUE).is_empty());
    // A large one takes pages of its own, one that a kill interrupts stays in the log.
    let large = format!("{VALUE}{}", "x".repeat(300_000));
    assert_eq!(annex.client().deliver("/x", document(31, &large)).status, 200);
    erp.called(31);
    let annex = annex.again("KILL");
    eventually("nothing is there after a kill", LONG, || holds(&state, VALUE).is_empty());
    assert_eq!(annex.client().deliver("/x", document(32, VALUE)).status, 200);
    let calls = erp.called(32);
    assert!(calls.iter().all(|call| call.text().contains(VALUE)), "the test looks for what is sent");
    let folder = annex.stop("TERM");
    let state = folder.path().join("state");
    assert_eq!(holds(&state, VALUE), BTreeMap::new());
    assert!(!state.join("outbox.sqlite-wal").exists(), "all of the log is in the file");
}

#[test]
fn a_dropped_dataset_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let lines = (0..500).map(|line| format!("{line},{VALUE}-{line}")).collect::<Vec<_>>().join("\n");
    write(&folder.path().join("v.csv"), &format!("id,name\n{lines}"));
    let run = |arguments: &[&str]| {
        let mut command = annex_command();
        let done =
            command.args(arguments).args(["--state", "state"]).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    run(&["data", "import", "v", "v.csv", "--near", "name"]);
    assert!(!holds(&folder.path().join("state"), VALUE).is_empty());
    run(&["data", "drop", "v"]);
    assert_eq!(holds(&folder.path().join("state"), VALUE), BTreeMap::new());
}

/// Sets the `user_version` of a SQLite file that nobody has open: four bytes of its head.
fn set_version(file: &Path, version: u32) {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(60)).unwrap();
    file.write_all(&version.to_be_bytes()).unwrap();
}

#[test]
fn files_of_a_newer_annex_are_refused_and_older_ones_brought_up_to_date() {
    let erp = Erp::start(|_, _| Reply::status(503, "later"));
    let annex = Annex::dev_with(&config(&erp));
    assert_eq!(annex.client().deliver("/x", document(1, "INV-1")).status, 200);
    write(&annex.folder().join("v.csv"), "id\n1\n");
    assert!(annex.run(&["data", "import", "v", "v.csv"]).status.success());
    let folder = annex.stop("TERM");
    let run = |arguments: &[&str]| {
        let mut command = annex_command();
        let done =
            command.args(arguments).args(["--state", "state"]).current_dir(folder.path()).output().unwrap();
        let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (done.status.success(), text.concat())
    };
    let state = folder.path().join("state");
    let files = [
        ("outbox.sqlite", 1, ["outbox", "list"], "waiting"),
        ("datasets.sqlite", 2, ["data", "list"], "1 record,"),
    ];
    for (name, known, list, shows) in files {
        let file = state.join(name);
        let before = fs::read(&file).unwrap();
        for version in [0_u32, 1, known, known + 1, 999] {
            set_version(&file, version);
            let (is_listed, text) = run(&list);
            assert_eq!(is_listed, version <= known, "{name} {version}: {text}");
            let says = if version <= known { shows } else { "newer Annex" };
            assert!(text.contains(says), "{name} {version}: {text}");
            let version = fs::read(&file).unwrap()[60..64].to_vec();
            assert_ne!(version, [0; 4], "{name}: an old one is new now");
        }
        set_version(&file, 1);
        assert_eq!(fs::read(&file).unwrap().len(), before.len());
    }
    set_version(&state.join("outbox.sqlite"), 7);
    let annex = Annex::dev_in(folder, free_port());
    let refused = annex.client().deliver("/x", document(2, "INV-2"));
    assert_eq!(refused.status, 503, "what cannot be kept is not accepted: Rossum sends it again");
    annex.logs("newer Annex", LONG);
    assert!(fs::read(state.join("outbox.sqlite")).unwrap()[60..64] == [0, 0, 0, 7], "it is left alone");
}

/// Who opens a pipe waits for whoever writes into it: nobody does.
#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_at_once() {
    for (name, list) in [("outbox.sqlite", ["outbox", "list"]), ("datasets.sqlite-wal", ["data", "list"])] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        if name.ends_with("-wal") {
            write(&state.join("datasets.sqlite"), "");
        }
        let made = Command::new("mkfifo").arg(state.join(name)).status().unwrap();
        assert!(made.success());
        let mut command = Command::new("timeout");
        command.arg("20").arg(annex_command().get_program()).args(list).args(["--state", "state"]);
        let done = command.current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!done.status.success() && text.contains("is no file"), "{name}: {:?} {text}", done.status);
    }
}

/// Some folder's files with owner, mode and size.
fn seen(folder: &Path) -> Vec<(String, u32, u32, u64, bool)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| {
            let known = fs::symlink_metadata(entry.path()).unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, known.uid(), known.mode() & 0o7777, known.len(), known.is_symlink())
        })
        .collect();
    all.sort();
    all
}

/// What the other system says may quote the document.
#[test]
fn of_an_export_that_was_dropped_no_word_of_the_other_system_is_left() {
    let erp = Erp::start(|_, _| Reply::status(422, &format!("no vendor for {VALUE}")));
    let annex = Annex::dev_with(&config(&erp));
    let state = annex.folder().join("state");
    assert_eq!(annex.client().deliver("/x", document(7, "INV-1")).status, 200);
    let dead = || {
        let output = annex.run(&["outbox", "list", "--json", "--only", "dead"]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    eventually("it is given up", LONG, || dead()[0]["problem"].to_string().contains(VALUE));
    let key = dead()[0]["key"].as_str().unwrap().to_owned();
    assert!(annex.run(&["outbox", "drop", &key]).status.success());
    eventually("its words are gone from the disk", LONG, || holds(&state, VALUE).is_empty());
    let shown = annex.run(&["outbox", "show", &key]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(VALUE));
}

/// The file is put back, and an operator who looks at metrics only hears of it.
#[test]
fn an_outbox_file_that_disappears_is_counted() {
    let erp = Erp::kind();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &config(&erp));
    let admin = free_port();
    let annex = Annex::dev_inspected(folder, admin);
    let lost = |times: u8| {
        let mut client = Client::plain(([127, 0, 0, 1], admin).into());
        let answer = client.request_as(&format!("127.0.0.1:{admin}"), "GET", "/metrics", &[], b"");
        String::from_utf8_lossy(&answer.body).contains(&format!("annex_outbox_file_lost {times}\n"))
    };
    assert_eq!(annex.client().deliver("/x", document(7, "INV-1")).status, 200);
    erp.called(1);
    assert!(lost(0));
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(annex.folder().join(format!("state/outbox.sqlite{end}")));
    }
    assert_eq!(annex.client().deliver("/x", document(8, "INV-2")).status, 200);
    erp.called(2);
    assert!(lost(1));
}

/// As root a server would follow what another user puts into the folder; it says as whom it is to be started.
#[test]
fn root_does_not_serve_from_the_folder_of_another_user() {
    if Command::new("id").arg("-u").output().unwrap().stdout != b"0\n" {
        return; // only root can be led astray
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    chown(folder.path().join("state"), Some(THEIRS), Some(THEIRS)).unwrap();
    let certificate = rcgen::generate_simple_self_signed(vec!["annex.example.com".to_owned()]).unwrap();
    write(&folder.path().join("cert.pem"), &certificate.cert.pem());
    write(&folder.path().join("key.pem"), &certificate.key_pair.serialize_pem());
    let text = format!(
        "[server]\nhttps = \"127.0.0.1:{}\"\nhttp = \"off\"\nadmin = \"127.0.0.1:{}\"\nstate = \"state\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nrequired = \"document_id\"\n",
        free_port(),
        free_port()
    );
    write(&folder.path().join("annex.toml"), &text);
    let mut command = annex_command();
    command
        .args(["serve", "--config", "annex.toml"])
        .current_dir(folder.path())
        .env("ROSSUM_SECRET", "a-secret-of-a-test-long-enough");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(&format!("belongs to user {THEIRS}")), "{said}");
    assert!(said.contains("setpriv --reuid="), "{said}");
}

const THEIRS: u32 = 54_321;

#[test]
fn root_follows_no_link_in_the_folder_of_another_user_and_leaves_it_nothing_of_its_own() {
    if Command::new("id").arg("-u").output().unwrap().stdout != b"0\n" {
        return; // only root can be led astray
    }
    let top = tempfile::tempdir().unwrap();
    fs::set_permissions(top.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let [state, roots] = ["state", "roots"].map(|name| top.path().join(name));
    for folder in [&state, &roots] {
        fs::create_dir(folder).unwrap();
    }
    chown(&state, Some(THEIRS), Some(THEIRS)).unwrap();
    write(&roots.join("v.csv"), "id\n1\n");
    write(&roots.join("empty"), "");
    fs::set_permissions(&roots, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let before = seen(&roots);
    let run = |arguments: &[&str]| {
        let mut command = annex_command();
        command.args(arguments).arg("--state").arg(&state).current_dir(&roots).output().unwrap()
    };
    let commands: [&[&str]; 5] = [
        &["data", "import", "v", "v.csv"],
        &["data", "list"],
        &["outbox", "list"],
        &["outbox", "show", "0"],
        &["outbox", "drop", "0"],
    ];
    for name in ["datasets.sqlite", "outbox.sqlite"] {
        for end in ["", "-wal", "-shm", "-journal"] {
            for target in ["new", "empty", "v.csv"] {
                let link = state.join(format!("{name}{end}"));
                symlink(roots.join(target), &link).unwrap();
                lchown(&link, Some(THEIRS), Some(THEIRS)).unwrap();
                for command in commands {
                    run(command);
                    assert_eq!(seen(&roots), before, "{name}{end} → {target}: {command:?}");
                }
                for entry in fs::read_dir(&state).unwrap().flatten() {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
        }
    }
    // Listing makes nothing; an import makes what the folder's owner can use.
    for command in commands.iter().skip(1) {
        run(command);
        assert_eq!(seen(&state), [], "{command:?}");
    }
    let done = run(commands[0]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let [(name, owner, mode, ..)] = &seen(&state)[..] else { panic!("{:?}", seen(&state)) };
    assert_eq!((&**name, *owner, *mode), ("datasets.sqlite", THEIRS, 0o600));
    let listed = run(commands[1]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("1 record,"), "{listed:?}");
    assert_eq!(seen(&state).len(), 1, "nothing is left beside it");
    // A way that leads through the other's link ends at the other's rights.
    let link = state.join("deeper");
    symlink(&roots, &link).unwrap();
    lchown(&link, Some(THEIRS), Some(THEIRS)).unwrap();
    let mut command = annex_command();
    let done = command.args(["data", "import", "v", "v.csv", "--state"]).arg(&link).current_dir(&roots);
    assert!(!done.output().unwrap().status.success());
    assert_eq!(seen(&roots), before);
}
