//! The real package: TxScript 1.2.0 from PyPI, in a virtual environment, on Python 3.12 or newer.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::python::environment;

/// Where the cases and the scripts are.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/txscript");

pub(crate) struct Oracle(PathBuf);

impl Oracle {
    /// `None` on a machine without a Python that can run the package.
    pub(crate) fn find() -> Option<Self> {
        let python = environment("txscript==1.2.0", "txscript", 12)?;
        Some(Self(python))
    }

    /// Runs one of our scripts; its lines of JSON.
    pub(crate) fn run(&self, script: &str, arguments: &[&str], input: &[Value]) -> Vec<Value> {
        let mut child = Command::new(&self.0)
            .arg(Path::new(FOLDER).join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let lines: Vec<String> = input.iter().map(Value::to_string).collect();
        let writer = std::thread::spawn(move || stdin.write_all((lines.join("\n") + "\n").as_bytes()));
        let output = child.wait_with_output().unwrap();
        // A script that reads nothing has closed its end.
        let _ = writer.join().unwrap();
        assert!(output.status.success(), "{script} failed");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
