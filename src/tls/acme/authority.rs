//! A CA with what its own HTTPS is checked with.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

use crate::outbound::{CallError, Client};

use super::super::{Ca, FilesError, load_roots};
use super::request::{AGENT, BOUNDS};

/// Why a CA cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the CA's root: {0}")]
    Root(#[from] FilesError),
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("TLS: {0}")]
    Client(#[from] CallError),
}

pub(super) struct Authority {
    pub(super) ca: Ca,
    /// Its connections are kept from one request to the next.
    pub(super) client: Client,
}

impl Authority {
    pub(super) fn new(ca: Ca, provider: &Arc<CryptoProvider>) -> Result<Self, AuthorityError> {
        // Its configured root alone, or the well-known ones.
        let roots = match &ca.root {
            Some(path) => load_roots(path)?,
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let tls = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { ca, client: Client::new(tls, BOUNDS, AGENT)? })
    }
}
