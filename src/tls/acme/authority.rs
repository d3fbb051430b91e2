//! A CA with what its own HTTPS is checked with.

use std::sync::Arc;

use rustls::ClientConfig;

use super::super::{Ca, OutgoingError, outgoing};

/// Why a CA cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the CA's root: {0}")]
    Root(#[from] OutgoingError),
}

pub(super) struct Authority {
    pub(super) ca: Ca,
    pub(super) client: Arc<ClientConfig>,
}

impl Authority {
    pub(super) fn new(ca: Ca) -> Result<Self, AuthorityError> {
        // Its configured root alone, or the well-known ones.
        let client = outgoing(ca.root.as_deref())?.with_no_client_auth();
        Ok(Self { ca, client: Arc::new(client) })
    }
}
