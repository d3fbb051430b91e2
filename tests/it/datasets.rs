//! `annex data`: files go in whole or not at all, whatever happens meanwhile, and come out as they were.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{annex_command, write};

struct Data(TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_ref()).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = annex_command();
        command.arg("data").args(arguments).args(["--state", "state"]).current_dir(self.0.path());
        command
    }

    /// Exit code, and what it said.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments);
        assert_eq!(code, 0, "{text}");
        text
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], part: &str) {
        let (code, text) = self.run(arguments);
        assert!(code == 1 && text.contains(part), "{part}\n{code} {text}");
    }

    fn records(&self, name: &str) -> Vec<Value> {
        let lines = self.ok(&["export", name, "--format", "jsonl"]);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_csv_of_any_separator_and_encoding_comes_out_as_it_was() {
    let data = Data::new();
    data.file(
        "a.csv",
        "\u{feff}id;name;note\r\n1;\"Acme; \"\"the\"\" first\";\"two\nlines\"\r\n2;Žluťoučký;\r\n",
    );
    let said = data.ok(&["import", "vendors", "a.csv"]);
    assert!(said.contains("2 records") && said.contains("separated by `;`"), "{said}");
    let expected = [
        json!({"id": "1", "name": "Acme; \"the\" first", "note": "two\nlines"}),
        json!({"id": "2", "name": "Žluťoučký", "note": ""}),
    ];
    assert_eq!(data.records("vendors"), expected);
    // What is exported can be imported.
    data.file("b.csv", data.ok(&["export", "vendors"]));
    data.ok(&["import", "again", "b.csv"]);
    assert_eq!(data.records("again"), expected);

    data.file("latin.csv", b"id\tname\n1\tCaf\xe9 M\xfcller\n");
    data.refused(&["import", "vendors", "latin.csv"], "line 2: it is not UTF-8: name the encoding");
    data.ok(&["import", "latin", "latin.csv", "--encoding", "windows-1252"]);
    assert_eq!(data.records("latin"), [json!({"id": "1", "name": "Café Müller"})]);
    data.file("pipes.txt", "id|name,x\n1|a,b\n");
    data.ok(&["import", "pipes", "pipes.txt", "--separator", "|"]);
    assert_eq!(data.records("pipes"), [json!({"id": "1", "name,x": "a,b"})]);
    assert_eq!(data.records("vendors"), expected, "untouched by what was refused");
}

#[test]
fn json_lines_have_all_columns_and_all_values_are_text() {
    let data = Data::new();
    data.file("a.jsonl", "{\"id\": 1, \"price\": 10.50, \"tags\": [1, \"x\"]}\n\n{\"id\": 2, \"paid\": true, \"price\": null}\n");
    data.ok(&["import", "items", "a.jsonl"]);
    let expected = [
        json!({"id": "1", "price": "10.5", "tags": "[1,\"x\"]", "paid": null}),
        json!({"id": "2", "price": null, "tags": null, "paid": "true"}),
    ];
    assert_eq!(data.records("items"), expected);
    data.file("b.jsonl", "{\"id\": 1}\n{\"id\": 2\n");
    data.refused(&["import", "items", "b.jsonl"], "b.jsonl: line 2: it is not a JSON object (column 8)");
    assert_eq!(data.records("items"), expected);
}

#[test]
fn records_are_updated_by_their_key_and_others_stay() {
    let data = Data::new();
    data.file("a.csv", "id,name\n1,a\n2,b\n");
    data.ok(&["import", "v", "a.csv"]);
    data.file("b.csv", "id,name,city\n2,B,Brno\n3,c,Prague\n");
    let said = data.ok(&["import", "v", "b.csv", "--key", "id", "--update", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&said).unwrap(),
        json!({"dataset": "v", "read": 2, "records": 3})
    );
    let expected = [
        json!({"id": "1", "name": "a", "city": null}),
        json!({"id": "2", "name": "B", "city": "Brno"}),
        json!({"id": "3", "name": "c", "city": "Prague"}),
    ];
    assert_eq!(data.records("v"), expected);
    data.file("twice.csv", "id,name\n4,a\n4,b\n");
    data.refused(&["import", "v", "twice.csv", "--key", "id", "--update"], "line 3: the same key as line 2");
    data.file("empty.csv", "id,name\n4,a\n,b\n");
    data.refused(&["import", "v", "empty.csv", "--key", "id", "--update"], "line 3: the key `id` is empty");
    data.refused(&["import", "v", "a.csv", "--key", "no", "--update"], "there is no column `no`");
    assert_eq!(data.records("v"), expected, "nothing was changed");
    data.file("same.csv", "id,name\n1,a\n2,a\n");
    data.ok(&["import", "w", "same.csv"]);
    data.file("new.csv", "name\nx\n");
    data.refused(
        &["import", "w", "new.csv", "--key", "name", "--update"],
        "several records of `w` have the same name",
    );
}

#[test]
fn what_cannot_be_imported_is_told_and_changes_nothing() {
    let data = Data::new();
    data.file("good.csv", "id\n1\n");
    data.ok(&["import", "v", "good.csv"]);
    for (text, part) in [
        ("", "is empty"),
        ("id,\n1,2\n", "column 2 has no name"),
        ("id,Id\n1,2\n", "columns 1 and 2 have the same name"),
        ("id,name\n1,a\n2,b,c\n", "line 3: it has 3 values, the header 2"),
    ] {
        data.file("bad.csv", text);
        data.refused(&["import", "v", "bad.csv"], part);
    }
    data.refused(&["import", "9v", "good.csv"], "is not a name of a dataset");
    data.refused(&["import", "sqlite_x", "good.csv"], "are taken");
    data.refused(&["import", "v; DROP TABLE v", "good.csv"], "is not a name of a dataset");
    data.refused(&["import", "v", "missing.csv"], "cannot read missing.csv");
    let (code, said) = data.run(&["import", "v", "good.csv", "--encoding", "klingon"]);
    assert!(code == 2 && said.contains("invalid value 'klingon' for '--encoding <NAME>'"), "{said}");
    data.file("quote.csv", "\"a\"\"; DROP TABLE v; --\"\n1\n");
    data.ok(&["import", "quote", "quote.csv"]);
    assert_eq!(data.records("quote"), [json!({"a\"; DROP TABLE v; --": "1"})]);
    assert_eq!(data.records("v"), [json!({"id": "1"})]);
    assert!(data.ok(&["show", "v"]).contains("#1\n  id: 1"));
    let list: Value = serde_json::from_str(&data.ok(&["list", "--json"])).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(
        (&list[1]["name"], &list[1]["records"], &list[1]["source"]),
        (&json!("v"), &json!(1), &json!("good.csv"))
    );
    data.ok(&["drop", "v"]);
    data.refused(&["show", "v"], "there is no dataset `v`");
    let file = data.0.path().join("state/datasets.sqlite");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

fn big(lines: usize, value: &str) -> String {
    let lines: Vec<String> = (0..lines).map(|at| format!("{at},{value} {at}\n")).collect();
    format!("id,name\n{}", lines.concat())
}

#[test]
fn a_killed_import_leaves_the_old_records() {
    let data = Data::new();
    data.file("old.csv", big(3_000, "old"));
    data.file("new.csv", big(60_000, "new"));
    data.ok(&["import", "v", "old.csv", "--key", "id"]);
    let mut killed = 0;
    for wait in [20, 60, 120, 250, 400] {
        let mut command = data.command(&["import", "v", "new.csv", "--key", "id"]);
        let mut import = command.stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        import.kill().unwrap();
        let is_whole = import.wait().unwrap().success();
        killed += usize::from(!is_whole);
        let records = data.records("v");
        let (count, word) = if records.len() == 60_000 { (60_000, "new") } else { (3_000, "old") };
        assert_eq!(records.len(), count);
        assert!(records.iter().all(|record| record["name"].as_str().unwrap().starts_with(word)), "{word}");
    }
    assert!(killed > 0, "none was killed in time");
}

#[test]
fn a_reader_sees_the_old_or_the_new_records_and_writers_wait_for_each_other() {
    let data = Data::new();
    data.file("old.csv", big(2_000, "old"));
    data.file("new.csv", big(50_000, "new"));
    data.ok(&["import", "v", "old.csv"]);
    let mut command = data.command(&["import", "v", "new.csv"]);
    let mut import = command.stdout(Stdio::null()).spawn().unwrap();
    let mut seen = Vec::new();
    let mut second = None;
    while import.try_wait().unwrap().is_none() {
        let text = data.ok(&["list", "--json"]);
        let list: Value = serde_json::from_str(&text).unwrap();
        seen.push(list[0]["records"].as_u64().unwrap());
        second.get_or_insert_with(|| {
            data.command(&["import", "w", "old.csv"]).stdout(Stdio::null()).spawn().unwrap()
        });
    }
    assert!(seen.iter().all(|count| [2_000, 50_000].contains(count)), "{seen:?}");
    assert!(second.unwrap().wait().unwrap().success());
    assert_eq!((data.records("v").len(), data.records("w").len()), (50_000, 2_000));
}

/// A file system of 1 MB, where this user may mount one.
fn small_disk(at: &Path) -> bool {
    std::fs::create_dir(at).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at);
    mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn a_full_disk_is_told_and_changes_nothing() {
    let data = Data::new();
    let disk = data.0.path().join("state");
    if !small_disk(&disk) {
        eprintln!("NOT RUN: it needs the right to mount a file system");
        return;
    }
    data.file("old.csv", big(100, "old"));
    data.file("new.csv", big(60_000, "new"));
    data.ok(&["import", "v", "old.csv"]);
    let (code, text) = data.run(&["import", "v", "new.csv"]);
    let left = data.records("v").len();
    let unmounted = Command::new("umount").arg(&disk).status().unwrap();
    assert!(code == 1 && text.contains("the disk is full: nothing was changed"), "{text}");
    assert_eq!(left, 100);
    assert!(unmounted.success());
}

#[test]
fn a_damaged_or_unusable_store_is_told_with_what_to_do() {
    let data = Data::new();
    data.file("a.csv", "id\n1\n");
    data.ok(&["import", "v", "a.csv"]);
    write(&data.0.path().join("state/datasets.sqlite"), &"no database at all ".repeat(1_000));
    data.refused(
        &["list"],
        "the file is damaged: move it away and import the datasets again, then reload the server",
    );
    write(&data.0.path().join("folder"), "a file");
    let output = annex_command()
        .args(["data", "import", "v", "a.csv", "--state", "folder/below"])
        .current_dir(data.0.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("the state folder folder/below cannot be used"), "{text}");
}

#[test]
fn names_that_look_alike_do_not_share_records() {
    let data = Data::new();
    data.file("one.csv", "b_c\nAcme\n");
    data.file("other.csv", "c\nWayne\n");
    data.ok(&["import", "a", "one.csv", "--near", "b_c", "--index", "b_c"]);
    data.ok(&["import", "a_b", "other.csv", "--near", "c", "--index", "c"]);
    data.ok(&["drop", "a_b"]);
    data.ok(&["import", "a", "one.csv"]);
    data.refused(
        &["import", "A", "other.csv"],
        "`A` is not a name of a dataset: one that differs only in capitals is there",
    );
    assert_eq!(data.records("a"), [json!({"b_c": "Acme"})]);
}

#[test]
fn reading_makes_no_store() {
    let data = Data::new();
    data.ok(&["list"]);
    data.refused(&["show", "v"], "there is no dataset `v`");
    data.refused(&["drop", "v"], "there is no dataset `v`");
    assert!(!data.0.path().join("state").exists());
}

#[test]
fn what_root_imports_belongs_to_the_folders_owner() {
    let data = Data::new();
    let state = data.0.path().join("state");
    std::fs::create_dir(&state).unwrap();
    if std::os::unix::fs::chown(&state, Some(65_534), Some(65_534)).is_err() {
        eprintln!("NOT RUN: it needs to be root");
        return;
    }
    data.file("a.csv", "id\n1\n");
    data.ok(&["import", "v", "a.csv"]);
    for file in std::fs::read_dir(&state).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            std::os::unix::fs::MetadataExt::uid(&file.metadata().unwrap()),
            65_534,
            "{:?}",
            file.path()
        );
    }
}

#[test]
fn a_workbook_comes_out_as_text() {
    let data = Data::new();
    std::fs::copy("tests/data/vendors.xlsx", data.0.path().join("vendors.xlsx")).unwrap();
    data.ok(&["import", "vendors", "vendors.xlsx"]);
    let expected = [
        json!({"id": "1", "name": "Žluťoučký Kůň, s.r.o.", "since": "2026-11-05", "limit": "1250.5", "active": "true"}),
        json!({"id": "V-2", "name": "Acme", "since": "2026-01-02T03:04:05", "limit": "1000", "active": null}),
    ];
    assert_eq!(data.records("vendors"), expected);
    data.file("broken.xlsx", "no workbook at all");
    data.refused(&["import", "vendors", "broken.xlsx"], "broken.xlsx: ");
    assert_eq!(data.records("vendors").len(), 2);
}

#[test]
fn a_file_that_is_declared_is_imported_and_again_when_it_changes() {
    let config = "[server]\nstate = \"state\"\n[[dataset]]\nname = \"v\"\nfile = \"v.csv\"\nkey = \"id\"\nnear = \"name\"\n\
        [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";
    let annex = crate::support::Annex::dev_with_files(config, &[("v.csv", "id,name\n1,Acme\n")]);
    let records = || {
        let output = annex.run(&["data", "export", "v", "--format", "jsonl"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let has = |text: &'static str| {
        crate::support::eventually(text, Duration::from_secs(30), || records() == text);
    };
    has("{\"id\":\"1\",\"name\":\"Acme\"}\n");
    let show = || String::from_utf8(annex.run(&["data", "show", "v"]).stdout).unwrap();
    assert!(show().contains("similar texts: name") && show().contains("v.csv of 2"), "{}", show());
    // A file that is wrong changes nothing, and is said; the next one is taken.
    write(&annex.folder().join("v.csv"), "id,name\n1,Acme\n1,Twice\n");
    annex.logs("not imported, its records stay", Duration::from_secs(10));
    has("{\"id\":\"1\",\"name\":\"Acme\"}\n");
    write(&annex.folder().join("v.csv"), "id,name\n2,Other\n");
    has("{\"id\":\"2\",\"name\":\"Other\"}\n");
    std::fs::remove_file(annex.folder().join("v.csv")).unwrap();
    annex.logs("its records stay", Duration::from_secs(10));
    has("{\"id\":\"2\",\"name\":\"Other\"}\n");
    // A reload takes another list, and a restart imports nothing that is there.
    write(&annex.folder().join("w.csv"), "id\n7\n");
    let more = format!("{config}[[dataset]]\nname = \"w\"\nfile = \"w.csv\"\n");
    write(&annex.folder().join("annex.toml"), &more);
    annex.signal("HUP");
    annex.logs("1 records imported dataset=w", Duration::from_secs(10));
    let annex = annex.again("TERM");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(annex.log().matches("records imported dataset=w").count(), 1);
}
