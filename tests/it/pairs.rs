//! Each pair of types under each operator gives what CPython gives: values, digits, texts of exceptions.

use std::process::Command;

use rossum_annex::rossum::{Journal, Payload};
use rossum_annex::txscript::{Document, Limits, Schema, Script};
use serde_json::Value;

use crate::support::{ORACLE_FOLDER, python};

const PRELUDE: &str = "from datetime import date, datetime, timedelta\nfrom decimal import Decimal, ROUND_DOWN, ROUND_HALF_UP, getcontext\n";

#[test]
fn each_pair_of_types_gives_what_python_gives_under_each_operator() {
    let Some(python) = python(12) else {
        eprintln!("not compared: there is no Python 3.12");
        return;
    };
    let output = Command::new(python).arg(format!("{ORACLE_FOLDER}/pairs.py")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let body = std::fs::read_to_string(format!("{ORACLE_FOLDER}/payload.json")).unwrap();
    let payload = Payload::read(body.as_bytes()).unwrap();
    let schema = Schema::parse(payload.schemas.unwrap().get()).unwrap();
    let (annotation, journal) = (payload.annotation.as_ref().unwrap(), Journal::default());
    let document = Document::new(annotation, &journal, &schema, body.as_bytes());
    let (mut cases, mut larger, mut refused, mut wrong) = (0, 0, 0, Vec::new());
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let code = case["code"].as_str().unwrap();
        let theirs = case["repr"].as_str().or(case["exception"].as_str()).unwrap();
        // Integers have 128 bits here, which is said.
        let has_large = theirs.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 38);
        if has_large && !theirs.contains("Decimal") || theirs.contains("set_int_max_str_digits") {
            larger += 1;
            continue;
        }
        cases += 1;
        let script = match Script::new("eval", &format!("{PRELUDE}{code}")) {
            Ok(script) => script,
            Err(problem) => {
                refused += 1;
                wrong.push(format!("{code}\n   refused {problem}\n   theirs {theirs}"));
                continue;
            }
        };
        let (result, _) = script.run(&document, None, Limits::default());
        let ours = match result {
            Ok(outcome) => outcome.repr,
            Err(failure) => failure.text,
        };
        if ours != theirs {
            wrong.push(format!("{code}\n   ours   {ours}\n   theirs {theirs}"));
        }
    }
    let most = std::env::var("SHOWN").ok().and_then(|shown| shown.parse().ok()).unwrap_or(40);
    let shown: Vec<_> = wrong.iter().take(most).cloned().collect();
    assert!(cases > 50_000 && larger < 40, "{cases} and {larger}");
    assert!(wrong.is_empty(), "{} of {cases} ({refused} refused):\n{}", wrong.len(), shown.join("\n"));
}
