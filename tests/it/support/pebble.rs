//! A real ACME CA on loopback: pebble, with the resolver that it asks for names.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use super::annex::write;
use super::{Client, eventually, free_port};

/// pebble-challtestsrv: every name is 127.0.0.1.
pub(crate) struct Resolver {
    child: Child,
    dns: u16,
    management: u16,
}

impl Resolver {
    pub(crate) fn start() -> Self {
        let (dns, management) = (free_port(), free_port());
        let child = Command::new("pebble-challtestsrv")
            .args([
                "-defaultIPv6",
                "",
                "-defaultIPv4",
                "127.0.0.1",
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
            ])
            .args(["-dns01", &format!("127.0.0.1:{dns}"), "-management", &format!("127.0.0.1:{management}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble-challtestsrv: apt-get install pebble");
        Self { child, dns, management }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a CA should behave, and where it will be.
pub(crate) struct Pebble {
    folder: TempDir,
    resolver: Resolver,
    child: Option<Child>,
    pub(crate) root: PathBuf,
    pub(crate) port: u16,
    management: u16,
    /// The ports where it validates: a server under test listens there.
    pub(crate) https: u16,
    pub(crate) http: u16,
    /// Seconds.
    pub(crate) validity: u64,
    /// Percent of good nonces that it refuses.
    pub(crate) refused_nonces: u32,
    /// Roots beside the first, each with a chain of its own.
    pub(crate) alternate_roots: u32,
    /// Whether accounts must be bound to one elsewhere: key id `kid-1`, MAC key [`Self::EAB_KEY`].
    pub(crate) external_accounts: bool,
    /// Whether it takes every challenge for met: whoever stands before it validates.
    pub(crate) always_valid: bool,
}

impl Pebble {
    pub(crate) const EAB_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// From now on this name cannot be resolved.
    pub(crate) fn cannot_resolve(&self, name: &str) {
        let address = ([127, 0, 0, 1], self.resolver.management).into();
        let body = serde_json::json!({"host": name}).to_string();
        let answer = Client::plain(address).post("/set-servfail", &[("connection", "close")], body);
        assert_eq!(answer.status, 200);
    }

    /// Where the test's name server is asked.
    pub(crate) fn dns(&self) -> u16 {
        self.resolver.dns
    }

    /// One TXT record and no other stands at a name from now on.
    pub(crate) fn set_txt(&self, name: &str, value: &str) {
        let address = ([127, 0, 0, 1], self.resolver.management).into();
        let host = format!("{name}.");
        for (page, body) in [
            ("/clear-txt", serde_json::json!({"host": host})),
            ("/set-txt", serde_json::json!({"host": host, "value": value})),
        ] {
            let answer = Client::plain(address).post(page, &[("connection", "close")], body.to_string());
            assert_eq!(answer.status, 200);
        }
    }

    /// Stops it; a new run has forgotten accounts and orders.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// A CA that is not running yet.
    pub(crate) fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&root_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["localhost", "127.0.0.1", "ca.example.test"].map(str::to_owned).to_vec();
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &root, &root_key).unwrap();
        write(&folder.path().join("c.pem"), &leaf.pem());
        write(&folder.path().join("k.pem"), &key.serialize_pem());
        write(&folder.path().join("ca.pem"), &root.pem());
        Self {
            root: folder.path().join("ca.pem"),
            resolver: Resolver::start(),
            child: None,
            port: free_port(),
            management: free_port(),
            https: free_port(),
            http: free_port(),
            validity: 7_776_000,
            refused_nonces: 0,
            alternate_roots: 0,
            external_accounts: false,
            always_valid: false,
            folder,
        }
    }

    pub(crate) fn start() -> Self {
        let mut pebble = Self::prepare();
        pebble.run();
        pebble
    }

    pub(crate) fn run(&mut self) {
        let config = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.port), "managementListenAddress": format!("127.0.0.1:{}", self.management),
            "certificate": self.folder.path().join("c.pem"), "privateKey": self.folder.path().join("k.pem"),
            "httpPort": self.http, "tlsPort": self.https, "ocspResponderURL": "", "externalAccountBindingRequired": self.external_accounts,
            "externalAccountMACKeys": {"kid-1": Self::EAB_KEY},
            "certificateValidityPeriod": self.validity}});
        let path = self.folder.path().join("pebble.json");
        write(&path, &config.to_string());
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let always_valid = if self.always_valid { "1" } else { "0" };
        let child = Command::new("pebble")
            .args(["-strict", "-config"])
            .arg(path)
            .args(["-dnsserver", &format!("127.0.0.1:{}", self.resolver.dns)])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", self.refused_nonces.to_string())
            .env("PEBBLE_VA_ALWAYS_VALID", always_valid)
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("PEBBLE_ALTERNATE_ROOTS", self.alternate_roots.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("pebble: apt-get install pebble");
        self.child = Some(child);
        for port in [self.port, self.management] {
            eventually("pebble answers", Duration::from_secs(10), || {
                std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
        }
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap_or_default())
            .into_owned()
    }

    /// New orders that it has seen.
    pub(crate) fn orders(&self) -> usize {
        self.log().matches(" orders in the db").count()
    }

    /// Certificates that it has issued.
    pub(crate) fn certificates(&self) -> usize {
        self.log().matches("Issued certificate serial").count()
    }

    /// The root that signs what it issues: new at every start.
    pub(crate) fn issuing_root(&self) -> CertificateDer<'static> {
        self.root_of_chain(0)
    }

    /// The root of this chain of several.
    pub(crate) fn root_of_chain(&self, number: u32) -> CertificateDer<'static> {
        use rustls::pki_types::pem::PemObject;
        let own = CertificateDer::from_pem_file(&self.root).unwrap();
        let address = ([127, 0, 0, 1], self.management).into();
        let mut client = Client::tls(address, "localhost", &[own], rustls::ALL_VERSIONS).unwrap();
        let answer = client.request("GET", &format!("/roots/{number}"), &[("connection", "close")], b"");
        CertificateDer::from_pem_slice(&answer.body).unwrap()
    }

    /// An `annex.toml` for a server that this CA validates; `acme` goes into `[server.acme]`.
    pub(crate) fn config(&self, domains: &str, acme: &str) -> String {
        format!(
            r#"
[server]
domains = [{domains}]
contact = "ops@example.test"
https = "127.0.0.1:{}"
http = "127.0.0.1:{}"
admin = "unix:admin.sock"
state = "state"

[server.acme]
directory = "https://127.0.0.1:{}/dir"
root = "{}"
{acme}

[[hook]]
name = "checks"
path = "/checks"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  use = "checks"

    [[hook.step.check]]
    required = "document_id"
"#,
            self.https,
            self.http,
            self.port,
            self.root.display()
        )
    }

    /// A folder with that configuration in it.
    pub(crate) fn folder_with(&self, domains: &str, acme: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("annex.toml"), &self.config(domains, acme));
        folder
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- pebble's log\n{}---", self.log());
        }
    }
}
