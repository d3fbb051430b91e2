//! A CA with what its own HTTPS is checked with.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

use super::super::{Ca, FilesError, load_roots};

/// Why a CA cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the CA's root: {0}")]
    Root(#[from] FilesError),
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

pub(super) struct Authority {
    pub(super) ca: Ca,
    pub(super) client: Arc<ClientConfig>,
}

impl Authority {
    pub(super) fn new(ca: Ca, provider: &Arc<CryptoProvider>) -> Result<Self, AuthorityError> {
        // Its configured root alone, or the well-known ones.
        let roots = match &ca.root {
            Some(path) => load_roots(path)?,
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let client = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { ca, client: Arc::new(client) })
    }
}
