//! A real OpenSSH server on loopback, for this user, with keys of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{eventually, free_port, write};

pub(crate) struct Sshd {
    folder: TempDir,
    pub(crate) port: u16,
    process: Option<Child>,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let _ = std::fs::create_dir_all("/run/sshd"); // where it gives up its rights, if it has any
        for key in ["host", "user", "stranger"] {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.path().join(key));
            assert!(command.status().expect("ssh-keygen: apt-get install openssh-server").success());
        }
        let user = std::fs::read_to_string(folder.path().join("user.pub")).unwrap();
        write(&folder.path().join("authorized"), &user);
        std::fs::create_dir(folder.path().join("incoming")).unwrap();
        let mut sshd = Self { folder, port: free_port(), process: None };
        sshd.up();
        sshd
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn key(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).unwrap()
    }

    /// `SHA256:…`
    pub(crate) fn fingerprint(&self) -> String {
        let output =
            Command::new("ssh-keygen").arg("-lf").arg(self.folder().join("host.pub")).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    pub(crate) fn url(&self) -> String {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        let incoming: PathBuf = self.folder().join("incoming");
        format!("sftp://{}@127.0.0.1:{}{}", user.trim(), self.port, incoming.display())
    }

    pub(crate) fn up(&mut self) {
        let options = [
            format!("Port={}", self.port),
            "ListenAddress=127.0.0.1".to_owned(),
            format!("HostKey={}", self.folder().join("host").display()),
            format!("AuthorizedKeysFile={}", self.folder().join("authorized").display()),
            format!("PidFile={}", self.folder().join("pid").display()),
            "StrictModes=no".to_owned(),
            "PermitRootLogin=yes".to_owned(),
            "Subsystem=sftp internal-sftp".to_owned(),
        ];
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", "/dev/null"]).stderr(Stdio::null());
        for option in &options {
            command.args(["-o", option]);
        }
        self.process = Some(command.spawn().expect("sshd: apt-get install openssh-server"));
        let port = self.port;
        eventually("sshd listens", Duration::from_secs(10), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    pub(crate) fn down(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.down();
    }
}
