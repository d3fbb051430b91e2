//! Who answers a TLS handshake at an address, for `annex doctor`: only a server of ours has what it is asked to show.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_acme::acme::ACME_TLS_ALPN_NAME;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::unreached;

use super::acme::digest_of;

/// A packet that a firewall drops is not answered.
const ANSWER: Duration = Duration::from_secs(3);

/// What the server must show.
#[derive(Debug, Clone)]
pub enum Shows {
    /// This digest, in the certificate that answers TLS-ALPN-01 (RFC 8737).
    Challenge([u8; 32]),
    /// This certificate, and that it has its key.
    Certificate(CertificateDer<'static>),
}

/// Why an address does not lead here.
#[derive(Debug, thiserror::Error)]
pub enum KnockError {
    /// Nobody answers.
    #[error("{0}")]
    Silent(String),
    /// Somebody answers who does not know what our server knows.
    #[error("another server answers there ({0})")]
    Stranger(String),
}

impl KnockError {
    /// Of an error on a connection that was made.
    pub(super) fn stranger(error: &io::Error) -> Self {
        Self::Stranger(unreached::io_words(error))
    }
}

/// Connects within the time that an answer may take.
pub(super) async fn connected(address: SocketAddr) -> Result<TcpStream, KnockError> {
    match timeout(ANSWER, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(KnockError::Silent(error.to_string())),
        Err(_) => Err(KnockError::Silent("no answer".to_owned())),
    }
}

/// What a connection that was made gives, within the time that an answer may take.
pub(super) async fn answered<T>(work: impl Future<Output = io::Result<T>>) -> Result<T, KnockError> {
    match timeout(ANSWER, work).await {
        Ok(done) => done.map_err(|error| KnockError::stranger(&error)),
        Err(_) => Err(KnockError::Silent("no answer".to_owned())),
    }
}

/// Makes a handshake for a name at an address.
///
/// # Errors
/// Where nobody answers within 3 seconds, or who answers does not show it.
pub async fn handshake(address: SocketAddr, name: &str, shows: Shows) -> Result<(), KnockError> {
    let name =
        ServerName::try_from(name.to_owned()).map_err(|error| KnockError::Silent(error.to_string()))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let is_challenge = matches!(shows, Shows::Challenge(_));
    let verifier = Arc::new(Verifier { shows, provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| KnockError::Silent(error.to_string()))?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    if is_challenge {
        config.alpn_protocols = vec![ACME_TLS_ALPN_NAME.to_vec()];
    }
    let stream = connected(address).await?;
    answered(TlsConnector::from(Arc::new(config)).connect(name, stream)).await.map(drop)
}

/// Takes one certificate only.
#[derive(Debug)]
struct Verifier {
    shows: Shows,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_it = match &self.shows {
            Shows::Challenge(digest) => digest_of(end_entity) == Some(*digest),
            Shows::Certificate(certificate) => certificate == end_entity,
        };
        if is_it {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("its certificate is not ours".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.shows {
            // The digest itself is what only our server knows; webpki reads no certificate with its critical extension.
            Shows::Challenge(_) => Ok(HandshakeSignatureValid::assertion()),
            Shows::Certificate(_) => verify_tls12_signature(
                message,
                cert,
                signed,
                &self.provider.signature_verification_algorithms,
            ),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.shows {
            Shows::Challenge(_) => Ok(HandshakeSignatureValid::assertion()),
            Shows::Certificate(_) => verify_tls13_signature(
                message,
                cert,
                signed,
                &self.provider.signature_verification_algorithms,
            ),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
