//! The JSON schema of `annex.toml`: it knows every key that is read, and takes every configuration that `annex check` takes.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::annex_command;

fn schema() -> Value {
    let output = annex_command().args(["config", "schema"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Names of all properties, at any depth.
fn properties(schema: &Value, known: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(own)) = map.get("properties") {
                known.extend(own.keys().cloned());
            }
            map.values().for_each(|value| properties(value, known));
        }
        Value::Array(list) => list.iter().for_each(|value| properties(value, known)),
        _ => {}
    }
}

/// Keys that a source file asks a section for.
fn asked(text: &str) -> BTreeSet<String> {
    let calls = [
        "text",
        "required_text",
        "texts",
        "choice",
        "boolean",
        "count",
        "bytes",
        "duration",
        "durations",
        "integer",
        "decimal",
        "share",
        "time",
        "regex",
        "section",
        "sections",
        "list",
        "fields",
        "text_or_integer",
    ];
    let mut keys = BTreeSet::new();
    for call in calls {
        for (at, found) in text.match_indices(&format!(".{call}(\"")) {
            keys.insert(text[at + found.len()..].split('"').next().unwrap().to_owned());
        }
    }
    keys
}

#[test]
fn it_knows_every_key_that_is_read() {
    fn walk(folder: &Path, keys: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, keys);
            } else {
                keys.extend(asked(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let (mut known, mut keys) = (BTreeSet::new(), BTreeSet::new());
    properties(&schema(), &mut known);
    walk(Path::new("src/config"), &mut keys);
    assert!(keys.len() > 120, "{}", keys.len());
    let missing: Vec<_> = keys.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

const VALIDATE: &str = "
import json, sys, tomllib, jsonschema
schema, *files = sys.argv[1:]
validator = jsonschema.Draft7Validator(json.load(open(schema)))
bad = 0
for file in files:
    for error in validator.iter_errors(tomllib.load(open(file, 'rb'))):
        bad += 1
        inner = sorted(error.context, key=lambda one: -len(one.absolute_path))[:3] or [error]
        print(file, list(error.absolute_path), [one.message for one in inner])
sys.exit(bad > 0)
";

#[test]
fn it_takes_every_configuration_of_the_documentation() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("jsonschema-4");
    let lock = std::fs::File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let python = folder.join("bin/python");
    let runs = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !runs(Command::new(&python).args(["-c", "import jsonschema, tomllib"])) {
        let fits = ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"];
        if !runs(Command::new("python3").args(fits)) {
            eprintln!("there is no Python 3.11: not compared");
            return;
        }
        assert!(runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)));
        assert!(runs(Command::new(&python).args(["-m", "pip", "install", "--quiet", "jsonschema>=4,<5"])));
    }
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| temporary.path().join(name);
    crate::support::write(&path("schema.json"), &schema().to_string());
    let mut files = vec![
        "config/annex.toml".to_owned(),
        "config/sample.toml".to_owned(),
        "config/vendor-matching.toml".to_owned(),
    ];
    for (page, text) in crate::readme::pages() {
        for (at, block) in crate::readme::blocks(&text, "toml").into_iter().enumerate() {
            let name = format!("{}-{at}.toml", page.file_stem().unwrap().to_str().unwrap());
            crate::support::write(&path(&name), &crate::readme::whole(block));
            files.push(path(&name).display().to_string());
        }
    }
    assert!(files.len() > 20, "{}", files.len());
    let validate = |files: &[String]| {
        let output = Command::new(&python)
            .args(["-c", VALIDATE])
            .arg(path("schema.json"))
            .args(files)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (good, said) = validate(&files);
    assert!(good, "{said}");
    crate::support::write(
        &path("wrong.toml"),
        "[[hook]]\npath = \"/x\"\nsecrets = [\"env:A\"]\n[[hook.step]]\nuse = \"checks\"\ntolerence = \"1\"\n",
    );
    let (good, said) = validate(&[path("wrong.toml").display().to_string()]);
    assert!(!good && said.contains("['hook', 0, 'step', 0]"), "{said}");
}
