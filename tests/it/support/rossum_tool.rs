//! Rossum's own tool, from PyPI, in a virtual environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) struct RossumTool(PathBuf);

impl RossumTool {
    /// `None` on a machine whose Python can make no virtual environment.
    pub(crate) fn find() -> Option<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rossum-3.18.0");
        let lock = std::fs::File::create(folder.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let runs = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let tool = folder.join("bin/rossum");
        if !runs(Command::new(&tool).arg("--version")) {
            if !runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)) {
                return None;
            }
            let pip = folder.join("bin/pip");
            assert!(
                runs(Command::new(pip).args(["install", "--quiet", "rossum==3.18.0"])),
                "pip install rossum"
            );
        }
        Some(Self(tool))
    }

    pub(crate) fn run(&self, server: SocketAddr, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.0);
        command.args(arguments).env("ROSSUM_URL", format!("http://{server}"));
        command
            .env("ROSSUM_USERNAME", "user@example.com")
            .env("ROSSUM_PASSWORD", "pass word")
            .output()
            .unwrap()
    }
}
