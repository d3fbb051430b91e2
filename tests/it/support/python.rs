//! Virtual environments with a package of PyPI, kept between runs of the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python of an environment with this package, in this version; `None` on a machine without a Python 3 of this minor
/// version or a newer one that makes environments.
pub(crate) fn environment(package: &str, module: &str, minor: u32) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package.replace("==", "-"));
    // Tests run at the same time: one of them makes it.
    let lock = std::fs::File::create(folder.with_file_name(format!("{module}.lock"))).unwrap();
    lock.lock().unwrap();
    let python = folder.join("bin/python");
    if !runs(Command::new(&python).args(["-c", &format!("import {module}")])) {
        let fits = format!("import sys, venv, ensurepip; sys.exit(sys.version_info < (3, {minor}))");
        let newest = pythons().into_iter().find(|python| runs(Command::new(python).args(["-c", &fits])))?;
        let made = runs(Command::new(newest).args(["-m", "venv", "--clear"]).arg(&folder));
        assert!(made, "a virtual environment");
        assert!(
            runs(Command::new(&python).args(["-m", "pip", "install", "--quiet", package])),
            "pip install {package}"
        );
    }
    Some(python)
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

/// A Python 3 of this minor version, whose texts of errors are ours; `None` on a machine without one.
pub(crate) fn python(minor: u32) -> Option<PathBuf> {
    let fits = format!("import sys; sys.exit(sys.version_info[:2] != (3, {minor}))");
    pythons().into_iter().find(|python| runs(Command::new(python).args(["-c", &fits])))
}
