//! The real package: TxScript 1.2.0 from PyPI, in a virtual environment, on Python 3.12 or newer.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Where the cases and the scripts are.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/txscript");

pub(crate) struct Oracle(PathBuf);

impl Oracle {
    /// `None` on a machine without a Python that can run the package.
    pub(crate) fn find() -> Option<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("txscript-1.2.0");
        // Tests run at the same time: one of them makes it.
        let lock = std::fs::File::create(folder.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let python = folder.join("bin/python");
        if !runs(Command::new(&python).args(["-c", "import txscript"])) {
            let newest = pythons().into_iter().find(|python| {
                runs(
                    Command::new(python)
                        .args(["-c", "import sys, venv; sys.exit(sys.version_info < (3, 12))"]),
                )
            })?;
            assert!(
                runs(Command::new(newest).args(["-m", "venv", "--clear"]).arg(&folder)),
                "a virtual environment"
            );
            let pip =
                runs(Command::new(&python).args(["-m", "pip", "install", "--quiet", "txscript==1.2.0"]));
            assert!(pip, "pip install txscript==1.2.0");
        }
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

fn runs(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Pythons by name, and those that pyenv keeps; 3.12 first, whose error texts are ours.
fn pythons() -> Vec<PathBuf> {
    let names = ["python3.12", "python3.13", "python3.14", "python3"];
    let mut all: Vec<PathBuf> = names.map(PathBuf::from).into();
    if let Ok(root) = Command::new("pyenv").arg("root").output() {
        let versions = Path::new(String::from_utf8_lossy(&root.stdout).trim()).join("versions");
        let found = std::fs::read_dir(versions).into_iter().flatten().flatten();
        let mut found: Vec<_> = found.map(|version| version.path().join("bin/python3")).collect();
        found.sort();
        all.extend(found);
    }
    all
}
