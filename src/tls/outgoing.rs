//! TLS of outgoing calls: whom they trust.
//!
//! Without a file of the user's own, the CAs that browsers know. With one, what stands in it alone: CAs, and certificates of
//! servers themselves. Systems in a customer's house often have one that no CA signed, or that says of itself it is a CA:
//! `openssl req -x509` makes such. It is trusted where the server shows it byte for byte, on its dates and for its names.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::parse_x509_certificate;

use super::files::{FilesError, certificates, roots_of};

/// Why no calls can be made.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    #[error("{0}")]
    File(#[from] FilesError),
    #[error("TLS: {0}")]
    Tls(#[from] Error),
}

/// TLS of calls that trust what stands in a PEM file, or else the CAs that browsers know.
pub fn outgoing(ca: Option<&Path>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, OutgoingError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let (roots, known) = match ca {
        Some(path) => {
            let known = certificates(path)?;
            (roots_of(path, &known)?, known)
        }
        None => (RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, Vec::new()),
    };
    let by_ca = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(Trust { by_ca, known })))
}

/// Whom calls trust.
#[derive(Debug)]
struct Trust {
    by_ca: Arc<WebPkiServerVerifier>,
    /// Those of the user's own file.
    known: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_ca = self.by_ca.verify_server_cert(shown, intermediates, name, ocsp, now);
        if by_ca.is_ok() || !self.known.iter().any(|known| known == shown) {
            return by_ca;
        }
        is_within_its_dates(shown, now)?;
        verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_ca.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_ca.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_ca.supported_verify_schemes()
    }
}

fn is_within_its_dates(shown: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (_, parsed) = parse_x509_certificate(shown).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = parsed.validity();
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet);
    }
    if now > validity.not_after.timestamp() { Err(CertificateError::Expired) } else { Ok(()) }
}
