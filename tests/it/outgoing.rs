//! Whom outgoing calls trust: CAs of a file, and certificates of servers that stand in it byte for byte.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::exports::{deliver, document, messages};
use crate::support::{Annex, Erp, Forward, Reply, SECRET, free_port, write};

const SOON: Duration = Duration::from_secs(5);

/// A certificate for a name, as `change` makes it; of its own CA, or signed by another one.
struct Shown {
    certificate: Certificate,
    key: KeyPair,
}

impl Shown {
    fn new(name: &str, change: impl FnOnce(&mut CertificateParams), by: Option<&Self>) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = match by {
            Some(ca) => params.signed_by(&key, &ca.certificate, &ca.key),
            None => params.self_signed(&key),
        };
        Self { certificate: certificate.unwrap(), key }
    }

    /// A server that shows it, takes every request and answers 200. Gives its port.
    fn serve(&self) -> u16 {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der()).into();
        let chain = vec![self.certificate.der().clone()];
        let config = Arc::new(builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                std::thread::spawn(move || answer(StreamOwned::new(connection, socket)));
            }
        });
        port
    }
}

fn answer(mut stream: StreamOwned<ServerConnection, std::net::TcpStream>) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part)?;
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read);
        let body = text.split_once("\r\n\r\n").map(|(head, body)| {
            let length = head
                .to_ascii_lowercase()
                .split_once("content-length:")
                .and_then(|(_, rest)| rest.lines().next()?.trim().parse::<usize>().ok());
            body.len() >= length.unwrap_or(0)
        });
        if count == 0 || body == Some(true) {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{\"messages\":[]}")?;
    stream.flush()
}

fn is_ca(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

/// What `annex send` says of a server that shows `shown`, where its file has `known`.
fn sent(folder: &Path, shown: &Shown, known: &[&Shown]) -> Result<(), String> {
    let pem: String = known.iter().map(|one| one.certificate.pem()).collect();
    write(&folder.join("ca.pem"), &pem);
    write(&folder.join("delivery.json"), "{}");
    let url = format!("https://localhost:{}/x", shown.serve());
    let mut command = crate::support::annex_command();
    let arguments =
        ["send", "delivery.json", "--to", &url, "--ca", "ca.pem", "--secret", "env:ROSSUM_SECRET"];
    let output = command.args(arguments).current_dir(folder).env("ROSSUM_SECRET", SECRET).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[test]
fn a_certificate_that_stands_in_the_file_is_trusted_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let sent = |shown: &Shown, known: &[&Shown]| sent(folder.path(), shown, known);
    // As `openssl req -x509` makes it: it says of itself that it is a CA. And one whose CA nobody has.
    let own = Shown::new("localhost", is_ca, None);
    let ca = Shown::new("A CA", is_ca, None);
    let signed = Shown::new("localhost", |_| {}, Some(&ca));
    let plain = Shown::new("localhost", |_| {}, None);
    for (shown, known) in [
        (&own, &[&own][..]),
        (&own, &[&ca, &own]),
        (&signed, &[&signed]),
        (&signed, &[&ca]),
        (&plain, &[&plain]),
    ] {
        sent(shown, known).unwrap();
    }
    let another = Shown::new("localhost", is_ca, None);
    let elsewhere = Shown::new("erp.example.com", is_ca, None);
    let old = Shown::new(
        "localhost",
        |params| (is_ca(params), params.not_after = date_time_ymd(2026, 1, 1)).1,
        None,
    );
    let early = Shown::new(
        "localhost",
        |params| (is_ca(params), params.not_before = date_time_ymd(2090, 1, 1)).1,
        None,
    );
    for (shown, known, says) in [
        (&another, &own, "its certificate "),
        (&signed, &own, "its certificate "),
        (&elsewhere, &elsewhere, "is not for"),
        (&old, &old, "has expired"),
        (&early, &early, "is not valid yet"),
    ] {
        let said = sent(shown, &[known]).unwrap_err();
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn an_export_trusts_the_certificate_of_its_target() {
    let (own, another) = (Shown::new("localhost", is_ca, None), Shown::new("localhost", is_ca, None));
    for (known, is_trusted) in [(&own, true), (&another, false)] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("erp.pem"), &known.certificate.pem());
        let config = format!(
            "[server]\nstate = \"state\"\n[[target]]\nname = \"erp\"\nurl = \"https://localhost:{}/\"\nca = \"erp.pem\"\n\
             [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
             [[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n",
            own.serve()
        );
        write(&folder.path().join("annex.toml"), &config);
        let annex = Annex::dev_in(folder, free_port());
        let answer = deliver(&annex, &document("r-1", 7, "INV-1"));
        assert_eq!(messages(&answer).is_empty(), is_trusted, "{answer}");
    }
}

#[test]
fn an_export_goes_through_the_proxy_and_what_is_excepted_does_not() {
    let proxy = Forward::start(Some("annex:hunter2"));
    let shown = Shown::new("erp.example.test", |_| {}, None);
    let port = shown.serve();
    for (except, is_reached) in [("other.example.test", true), ("erp.example.test", false)] {
        let before = proxy.asked().len();
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("erp.pem"), &shown.certificate.pem());
        write(&folder.path().join("proxy"), &format!("http://annex:hunter2@127.0.0.1:{}", proxy.port));
        let config = format!(
            "[server]\nstate = \"state\"\nproxy = \"file:proxy\"\nno_proxy = [\"{except}\"]\n\
             [[target]]\nname = \"erp\"\nurl = \"https://erp.example.test:{port}/\"\nca = \"erp.pem\"\n\
             [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
             [[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n"
        );
        write(&folder.path().join("annex.toml"), &config);
        let annex = Annex::dev_in(folder, free_port());
        let answer = deliver(&annex, &document("r-1", 7, "INV-1"));
        // Nobody but the proxy can resolve the name.
        assert_eq!(messages(&answer).is_empty(), is_reached, "{answer}");
        let asked = if is_reached { vec![format!("erp.example.test:{port}")] } else { Vec::new() };
        assert_eq!(proxy.asked().split_off(before), asked);
        assert!(!annex.log().contains("hunter2"));
    }
}

#[test]
fn a_proxy_that_wants_another_login_is_no_answer_of_the_target() {
    let proxy = Erp::start(|_, _| Reply::status(407, "who are you?"));
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[server]\nstate = \"state\"\nproxy = \"http://{}\"\n\
         [[target]]\nname = \"erp\"\nurl = \"http://erp.example.test/\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n",
        proxy.address
    );
    write(&folder.path().join("annex.toml"), &config);
    let annex = Annex::dev_in(folder, free_port());
    let said = messages(&deliver(&annex, &document("r-1", 7, "INV-1")));
    assert!(said[0].1.contains("Nothing was sent: export again later"), "{said:?}");
    annex.logs(&format!("through the proxy http://{}: it wants a user", proxy.address), SOON);
}

#[test]
fn a_proxy_that_refuses_to_connect_is_told_with_its_status() {
    for (status, says) in [
        (403, "it refuses to connect to erp.example.test:443 (status 403)"),
        (502, "it cannot connect to erp.example.test:443 (status 502)"),
        (405, "it refuses to connect to erp.example.test:443 (status 405)"),
    ] {
        let proxy = Erp::start(move |_, _| Reply::status(status, "<h1>hunter2</h1>"));
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("proxy"), &format!("http://annex:hunter2@{}", proxy.address));
        let config = "[server]\nstate = \"state\"\nproxy = \"file:proxy\"\n\
             [[target]]\nname = \"erp\"\nurl = \"https://erp.example.test/\"\n\
             [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
             [[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n";
        write(&folder.path().join("annex.toml"), config);
        let annex = Annex::dev_in(folder, free_port());
        let said = messages(&deliver(&annex, &document("r-1", 7, "INV-1")));
        assert!(said[0].1.contains("Nothing was sent: export again later"), "{said:?}");
        annex.logs(&format!("through the proxy http://{}: {says}", proxy.address), SOON);
        assert!(!annex.log().contains("hunter2"), "{}", annex.log());
        // Asked once more for its status, with the same login.
        let calls = proxy.calls();
        assert!(calls.iter().all(|call| call.line == "CONNECT erp.example.test:443"), "{calls:?}");
        let logins: Vec<_> = calls.iter().map(|call| call.header("proxy-authorization")).collect();
        assert!(logins.len() == 2 && logins[0].is_some() && logins[0] == logins[1], "{logins:?}");
    }
}

/// What the page says: a proxy of HTTP is for HTTP. Nobody but the proxy could resolve these names.
#[test]
fn databases_and_sftp_do_not_go_through_the_proxy() {
    let proxy = Forward::start(None);
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[server]\ndomains = [\"hooks.acme.com\"]\nhttps = \"127.0.0.1:{}\"\nhttp = \"off\"\nadmin = \"off\"\nstate = \"state\"\nproxy = \"http://127.0.0.1:{}\"\n\
         [server.acme]\ndirectory = \"https://127.0.0.1:{}/dir\"\n\
         [[database]]\nname = \"own\"\nurl = \"postgres://annex@db.example.test:5432/own\"\npassword = \"file:secret\"\n\
         [[target]]\nname = \"folder\"\nurl = \"sftp://annex@sftp.example.test/in\"\nauth = {{ password = \"file:secret\" }}\nhost_key = \"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\n\
         [[target]]\nname = \"erp\"\nurl = \"https://erp.example.test/\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"export\"\nname = \"a\"\ntarget = \"folder\"\npath = \"a.json\"\nshape = \"json\"\n\
         [[hook.step]]\nuse = \"export\"\nname = \"b\"\ntarget = \"erp\"\npath = \"invoices\"\nshape = \"json\"\n",
        free_port(),
        proxy.port,
        free_port()
    );
    write(&folder.path().join("annex.toml"), &config);
    write(&folder.path().join("secret"), "a password of the tests");
    let mut command = crate::support::annex_command();
    let output = command
        .args(["doctor", "--config", "annex.toml"])
        .current_dir(folder.path())
        .env("ROSSUM_SECRET", SECRET)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for looked_at in ["the database own, ", "the target folder, ", "the target erp, "] {
        assert!(said.contains(&format!("✗ {looked_at}")), "{looked_at}: {said}");
    }
    let asked = proxy.asked();
    assert!(asked.contains(&"erp.example.test:443".to_owned()), "{asked:?}");
    assert!(asked.iter().all(|place| place == "erp.example.test:443"), "{asked:?}");
}
