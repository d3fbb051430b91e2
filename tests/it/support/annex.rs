//! The binary under test.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{Client, SECRET, eventually, free_port};

/// The command, in an environment without anything of ours.
pub(crate) fn annex_command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_annex"));
    for name in ["ROSSUM_SECRET", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "HTTPS_PROXY", "https_proxy"] {
        command.env_remove(name);
    }
    // What this machine's own Annex keeps, or another test has made, is nothing to a test.
    let state = std::env::temp_dir().join(format!("annex-state-{}", std::process::id()));
    command.env("STATE_DIRECTORY", &state).env("XDG_STATE_HOME", state);
    command
}

/// A running server in a folder of its own.
pub(crate) struct Annex {
    child: Child,
    folder: TempDir,
    /// Where Rossum would call.
    pub(crate) address: SocketAddr,
}

impl Annex {
    /// Dev mode with the built-in hooks.
    pub(crate) fn dev() -> Self {
        Self::start(tempfile::tempdir().unwrap(), free_port(), |command, port| {
            command.arg(format!("--dev-http=127.0.0.1:{port}"));
        })
    }

    /// The same with so many file descriptors.
    pub(crate) fn dev_with_descriptors(limit: u32) -> Self {
        Self::start(tempfile::tempdir().unwrap(), free_port(), |command, port| {
            *command = Command::new("sh");
            let annex = env!("CARGO_BIN_EXE_annex");
            command.args(["-c", &format!("ulimit -n {limit}; exec {annex} --dev-http=127.0.0.1:{port}")]);
        })
    }

    /// Dev mode with a configuration of the test's.
    pub(crate) fn dev_with(config: &str) -> Self {
        Self::dev_with_files(config, &[])
    }

    /// The same, with files beside the configuration.
    pub(crate) fn dev_with_files(config: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files.iter().chain(&[("annex.toml", config)]) {
            write(&folder.path().join(name), text);
        }
        Self::dev_in(folder, free_port())
    }

    /// Dev mode with the configuration in this folder.
    pub(crate) fn dev_in(folder: TempDir, port: u16) -> Self {
        Self::start(folder, port, |command, port| {
            command.args(["--config", "annex.toml"]).arg(format!("--dev-http=127.0.0.1:{port}"));
        })
    }

    /// The same, with the command changed.
    pub(crate) fn dev_under(folder: TempDir, change: impl FnOnce(&mut Command)) -> Self {
        Self::start(folder, free_port(), |command, port| {
            command.args(["--config", "annex.toml"]).arg(format!("--dev-http=127.0.0.1:{port}"));
            change(command);
        })
    }

    /// Dev mode with the built-in hooks, and the command changed.
    pub(crate) fn dev_but(change: impl FnOnce(&mut Command)) -> Self {
        Self::start(tempfile::tempdir().unwrap(), free_port(), |command, port| {
            command.arg(format!("--dev-http=127.0.0.1:{port}"));
            change(command);
        })
    }

    /// The same, with the command changed.
    pub(crate) fn dev_in_but(folder: TempDir, change: impl FnOnce(&mut Command)) -> Self {
        Self::start(folder, free_port(), |command, port| {
            command.args(["--config", "annex.toml"]).arg(format!("--dev-http=127.0.0.1:{port}"));
            change(command);
        })
    }

    /// Dev mode with the configuration in this folder, and the inspector on this port.
    pub(crate) fn dev_inspected(folder: TempDir, inspector: u16) -> Self {
        Self::start(folder, free_port(), |command, port| {
            command.args(["--config", "annex.toml", "--inspector", &format!("127.0.0.1:{inspector}")]);
            command.arg(format!("--dev-http=127.0.0.1:{port}"));
        })
    }

    /// The same, with each delivery recorded.
    pub(crate) fn dev_recording(folder: TempDir, into: &str) -> Self {
        Self::start(folder, free_port(), |command, port| {
            command.args(["--config", "annex.toml", "--record", into]);
            command.arg(format!("--dev-http=127.0.0.1:{port}"));
        })
    }

    /// Ends it, and starts it in dev mode in the same folder.
    pub(crate) fn again(self, signal: &str) -> Self {
        let port = self.address.port();
        Self::dev_in(self.stop(signal), port)
    }

    /// HTTPS with the configuration in this folder, which must say that it listens on `port`.
    pub(crate) fn https(folder: TempDir, port: u16) -> Self {
        Self::start(folder, port, |command, _| {
            command.args(["serve", "--config", "annex.toml", "--log", "debug"]);
        })
    }

    /// The same, with the command changed.
    pub(crate) fn https_under(folder: TempDir, port: u16, change: impl FnOnce(&mut Command)) -> Self {
        Self::start(folder, port, |command, _| {
            command.args(["serve", "--config", "annex.toml", "--log", "debug"]);
            change(command);
        })
    }

    /// Runs another annex command in the server's folder, with its configuration.
    pub(crate) fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = annex_command();
        command.args(arguments).args(["--config", "annex.toml"]);
        command.current_dir(self.folder()).env("ROSSUM_SECRET", SECRET).output().unwrap()
    }

    fn start(folder: TempDir, port: u16, arguments: impl FnOnce(&mut Command, u16)) -> Self {
        let mut command = annex_command();
        arguments(&mut command, port);
        let log = File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
        command.current_dir(folder.path()).env("ROSSUM_SECRET", SECRET);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut annex = Self { child, folder, address };
        eventually("the port is open", Duration::from_secs(10), || {
            assert!(annex.child.try_wait().unwrap().is_none(), "annex ended:\n{}", annex.log());
            std::net::TcpStream::connect(address).is_ok()
        });
        annex
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> Client {
        Client::plain(self.address)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap_or_default())
            .into_owned()
    }

    /// Waits for a line of log.
    #[track_caller]
    pub(crate) fn logs(&self, text: &str, limit: Duration) {
        eventually(&format!("the log says {text:?}"), limit, || self.log().contains(text));
    }

    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        eventually("annex ends", limit, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Stops it and keeps its folder, to start again.
    pub(crate) fn stop(mut self, signal: &str) -> TempDir {
        self.signal(signal);
        self.ended(Duration::from_secs(10));
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// A figure of `/proc/PID/status`, in kB.
    pub(crate) fn memory_kb(&self, figure: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Annex {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- annex's log\n{}---", self.log());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// The library that gives a process a clock of its own.
pub(crate) fn libfaketime() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let mut places = found.map(|folder| folder.join("faketime/libfaketime.so.1"));
    places.find(|path| path.exists()).expect("libfaketime: apt-get install libfaketime")
}
