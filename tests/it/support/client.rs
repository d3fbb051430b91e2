//! A client that does what Rossum does, and what Rossum never would.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rossum_annex::secret::Secret;
use rossum_annex::signature::{self, Algorithm};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// The secret of every hook under test.
pub(crate) const SECRET: &str = "a secret of the tests";

pub(crate) fn sign(algorithm: Algorithm, secret: &str, body: &[u8]) -> (String, String) {
    let value = signature::sign(algorithm, &Secret::new(secret.as_bytes()), body);
    (algorithm.header().to_owned(), value)
}

fn builder(
    roots: &[CertificateDer<'static>],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
    builder.unwrap().with_root_certificates(store)
}

trait Stream: std::io::Read + std::io::Write + Send {}
impl<T: std::io::Read + std::io::Write + Send> Stream for T {}

/// For connections that a test makes itself.
pub(crate) fn tls_config(roots: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    Arc::new(builder(roots, rustls::ALL_VERSIONS).with_no_client_auth())
}

/// One connection, HTTP/1.1 by hand: nothing between the test and the bytes.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    /// What came after the last answer.
    read_ahead: Vec<u8>,
    pub(crate) tls: Option<Tls>,
}

/// What the handshake agreed on.
pub(crate) struct Tls {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) version: rustls::ProtocolVersion,
    pub(crate) suite: rustls::CipherSuite,
    pub(crate) group: rustls::NamedGroup,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.trim())
    }
}

impl Client {
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { stream: Box::new(connect(address)), read_ahead: Vec::new(), tls: None }
    }

    /// TLS with these roots; `None` where the handshake fails.
    pub(crate) fn tls(
        address: SocketAddr,
        name: &str,
        roots: &[CertificateDer<'static>],
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Result<Self, String> {
        Self::handshake(connect(address), name, builder(roots, versions).with_no_client_auth())
    }

    /// The same, with bytes that a load balancer sends before.
    pub(crate) fn tls_after(
        address: SocketAddr,
        header: &[u8],
        name: &str,
        roots: &[CertificateDer<'static>],
    ) -> Result<Self, String> {
        let mut socket = connect(address);
        socket.write_all(header).unwrap();
        Self::handshake(socket, name, builder(roots, rustls::ALL_VERSIONS).with_no_client_auth())
    }

    /// The same, showing a certificate with this key.
    pub(crate) fn tls_as(
        address: SocketAddr,
        name: &str,
        roots: &[CertificateDer<'static>],
        (certificate, key): (CertificateDer<'static>, Vec<u8>),
    ) -> Result<Self, String> {
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key).into();
        let config =
            builder(roots, rustls::ALL_VERSIONS).with_client_auth_cert(vec![certificate], key).unwrap();
        Self::handshake(connect(address), name, config)
    }

    fn handshake(mut socket: TcpStream, name: &str, mut config: ClientConfig) -> Result<Self, String> {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|error| error.to_string())?;
        }
        let tls = Tls {
            chain: connection.peer_certificates().unwrap().iter().map(|c| c.clone().into_owned()).collect(),
            version: connection.protocol_version().unwrap(),
            suite: connection.negotiated_cipher_suite().unwrap().suite(),
            group: connection.negotiated_key_exchange_group().unwrap().name(),
        };
        Ok(Self {
            stream: Box::new(StreamOwned::new(connection, socket)),
            read_ahead: Vec::new(),
            tls: Some(tls),
        })
    }

    /// A signed delivery.
    #[track_caller]
    pub(crate) fn deliver(&mut self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let (name, value) = sign(Algorithm::Sha256, SECRET, body.as_ref());
        self.post(path, &[(&name, &value)], body)
    }

    /// On a connection of its own; `None` where the server is not there, or goes away before it answers.
    pub(crate) fn try_deliver(address: SocketAddr, path: &str, body: &str) -> Option<Answer> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
        let mut client = Self { stream: Box::new(stream), read_ahead: Vec::new(), tls: None };
        let (name, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\n{name}: {value}\r\ncontent-length: {length}\r\n\r\n");
        client.stream.write_all((head + body).as_bytes()).ok()?;
        client.answer()
    }

    #[track_caller]
    pub(crate) fn post(&mut self, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let length = body.as_ref().len().to_string();
        let mut all = vec![("content-length", length.as_str())];
        all.extend_from_slice(headers);
        self.request("POST", path, &all, body.as_ref())
    }

    #[track_caller]
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.request_as("hooks.example.test", method, path, headers, body)
    }

    /// The same, to another host's name.
    #[track_caller]
    pub(crate) fn request_as(
        &mut self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in headers {
            head.extend([*name, ": ", *value, "\r\n"]);
        }
        head.push_str("\r\n");
        self.send(head.as_bytes());
        let _ = self.stream.write_all(body); // a server that refuses early may close before all is sent
        let _ = self.stream.flush();
        self.answer().expect("an answer")
    }

    /// Raw bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Reads one answer; `None` where the connection ends first.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let mut bytes = std::mem::take(&mut self.read_ahead);
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more(&mut bytes)?;
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: bytes.split_off(head_end) };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while answer.body.len() < length {
            self.read_more(&mut answer.body)?;
        }
        // Answers to pipelined requests may come together.
        self.read_ahead = answer.body.split_off(length);
        Some(answer)
    }

    /// Whether the server has closed the connection, waiting for it so long.
    pub(crate) fn is_closed_within(&mut self, limit: Duration) -> bool {
        let start = std::time::Instant::now();
        let mut byte = [0; 1024];
        while start.elapsed() < limit {
            match self.stream.read(&mut byte) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return true,
            }
        }
        false
    }

    fn read_more(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        let mut part = [0; 16_384];
        let start = std::time::Instant::now();
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(length) => {
                    bytes.extend_from_slice(&part[..length]);
                    return Some(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    assert!(start.elapsed() < Duration::from_secs(40), "no answer");
                }
                Err(_) => return None,
            }
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
