//! The TLS handshake: a CA's TLS-ALPN-01 question is answered, everyone else gets a stream.

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, RootCertStore, ServerConfig};
use rustls_acme::acme::ACME_TLS_ALPN_NAME;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Challenges, Served};

/// AES-128-GCM with SHA-256, in TLS 1.3 and 1.2.
const FIRST: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// The protocol that ALPN chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// What a handshake agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    pub protocol: Protocol,
    /// `1.3` or `1.2`.
    pub version: &'static str,
    pub resumed: bool,
    /// Whether the client showed a certificate; one that a configured CA did not sign ends the handshake.
    pub shows_certificate: bool,
}

/// How a handshake ended.
pub enum Handshake {
    Stream(Box<TlsStream<TcpStream>>, Agreed),
    /// It was the CA, and it has its answer.
    ChallengeAnswered,
}

/// Makes TLS streams of connections.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    challenge: Arc<ServerConfig>,
}

impl Acceptor {
    /// `client_roots`: CAs whose client certificates are asked for; none are asked for without.
    pub fn new(
        served: Arc<Served>,
        challenges: Arc<Challenges>,
        client_roots: Option<RootCertStore>,
    ) -> Result<Self, rustls::Error> {
        let mut provider = aws_lc_rs::default_provider();
        // Suites with SHA-256 first, whatever the client prefers: processors compute it in hardware, SHA-384 they do
        // not, and the key schedule of a handshake is some forty hashes: 15 % of its time (measured).
        provider.cipher_suites.sort_by_key(|suite| !FIRST.contains(&suite.suite()));
        let provider = Arc::new(provider);
        let builder = || {
            ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[&TLS13, &TLS12])
        };
        let mut config = match client_roots {
            None => builder()?.with_no_client_auth(),
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                        .allow_unauthenticated() // which hook demands one is known only after the handshake
                        .build()
                        .map_err(|error| rustls::Error::General(error.to_string()))?;
                builder()?.with_client_cert_verifier(verifier)
            }
        }
        .with_cert_resolver(served);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ignore_client_order = true;
        // Without a ticketer rustls keeps 256 sessions for all clients together; keys rotate every 6 hours.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        // Each resumed connection gets the next one: a caller that keeps its connections needs no more.
        config.send_tls13_tickets = 1;
        let mut challenge = builder()?.with_no_client_auth().with_cert_resolver(challenges);
        challenge.alpn_protocols = vec![ACME_TLS_ALPN_NAME.to_vec()];
        Ok(Self { config: Arc::new(config), challenge: Arc::new(challenge) })
    }

    /// The caller bounds the time.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Handshake> {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        if rustls_acme::is_tls_alpn_challenge(&start.client_hello()) {
            let mut answered = start.into_stream(Arc::clone(&self.challenge)).await?;
            answered.shutdown().await?;
            return Ok(Handshake::ChallengeAnswered);
        }
        let stream = start.into_stream(Arc::clone(&self.config)).await?;
        let connection = stream.get_ref().1;
        let agreed = Agreed {
            protocol: match connection.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            },
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
                _ => "1.2",
            },
            shows_certificate: connection.peer_certificates().is_some(),
            resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        };
        Ok(Handshake::Stream(Box::new(stream), agreed))
    }
}
