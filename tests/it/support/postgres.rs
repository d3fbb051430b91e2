//! A real PostgreSQL of the test's own, over TCP with TLS and a password, with `pg_trgm` at hand.

use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::annex::write;
use super::{eventually, free_port};

pub(crate) const PASSWORD: &str = "pg-password-1";

pub(crate) struct Postgres {
    folder: TempDir,
    child: Option<Child>,
    pub(crate) port: u16,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut postgres = Self { folder, child: None, port };
        postgres.own(postgres.folder.path());
        write(&postgres.folder.path().join("password"), PASSWORD);
        let made = postgres
            .command("initdb")
            .args([
                "--no-sync",
                "--auth=scram-sha-256",
                "--username=annex",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ])
            .arg(format!("--pwfile={}", postgres.folder.path().join("password").display()))
            .arg(postgres.data())
            .output()
            .expect("initdb: apt-get install postgresql");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        write(&postgres.data().join("server.crt"), &certificate.pem());
        write(&postgres.data().join("server.key"), &key.serialize_pem());
        std::fs::set_permissions(postgres.data().join("server.key"), std::fs::Permissions::from_mode(0o600))
            .unwrap();
        postgres.own(&postgres.data().join("server.key"));
        postgres.up();
        postgres
    }

    /// The certificate of the server, which is its own CA.
    pub(crate) fn ca(&self) -> PathBuf {
        self.data().join("server.crt")
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://annex@localhost:{}/postgres", self.port)
    }

    /// Starts it, or starts it again.
    pub(crate) fn up(&mut self) {
        let child = self
            .command("postgres")
            .args(["-F", "-p", &self.port.to_string(), "-c", "listen_addresses=localhost", "-c", "ssl=on"])
            .args(["-k", &self.folder.path().display().to_string(), "-D"])
            .arg(self.data())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        eventually("PostgreSQL", Duration::from_secs(30), || {
            TcpStream::connect(("localhost", self.port)).is_ok() && self.try_sql("SELECT 1").is_ok()
        });
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn down(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
        let _ = child.wait();
    }

    /// Runs statements as the owner of the database.
    #[track_caller]
    pub(crate) fn sql(&self, statements: &str) -> String {
        self.try_sql(statements).unwrap()
    }

    fn try_sql(&self, statements: &str) -> Result<String, String> {
        let output = Command::new("psql")
            .args(["-v", "ON_ERROR_STOP=1", "-AtqX", "-c", statements, &self.url()])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of its programs; it does not run as root.
    fn command(&self, name: &str) -> Command {
        let program = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .filter_map(|version| Some(version.ok()?.path().join("bin").join(name)))
            .find(|program| program.exists())
            .unwrap_or_else(|| name.into());
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn own(&self, path: &Path) {
        if is_root() {
            let done = Command::new("chown").arg("postgres:postgres").arg(path).status().unwrap();
            assert!(done.success(), "{}", self.folder.path().display());
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.down();
    }
}
