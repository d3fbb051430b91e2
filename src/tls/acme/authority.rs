//! A CA with what its own HTTPS is checked with.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::super::Ca;

/// Why a CA cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the CA's root {path}: {problem}")]
    Root { path: String, problem: String },
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

pub(super) struct Authority {
    pub(super) ca: Ca,
    pub(super) client: Arc<ClientConfig>,
}

impl Authority {
    pub(super) fn new(ca: Ca, provider: &Arc<CryptoProvider>) -> Result<Self, AuthorityError> {
        let client = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(&ca)?)
            .with_no_client_auth();
        Ok(Self { ca, client: Arc::new(client) })
    }
}

/// Its configured root alone, or the well-known ones.
fn roots(ca: &Ca) -> Result<RootCertStore, AuthorityError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = &ca.root else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let bad = |problem: String| AuthorityError::Root { path: path.display().to_string(), problem };
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("no certificate in it".to_owned())) } else { Ok(roots) }
}
