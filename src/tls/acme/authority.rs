//! A CA with what its own HTTPS is checked with.

use crate::outbound::{Client, ClientError, Proxy, Settings, Uplink};

use super::super::{Ca, OutgoingError, outgoing};
use super::request::{AGENT, CONNECT};

/// Why a CA cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the CA's root: {0}")]
    Root(#[from] OutgoingError),
    #[error(transparent)]
    Client(#[from] ClientError),
}

pub(super) struct Authority {
    pub(super) ca: Ca,
    /// Its connections are kept from one request to the next.
    pub(super) client: Client,
}

impl Authority {
    pub(super) fn new(ca: Ca, proxy: Option<&Proxy>) -> Result<Self, AuthorityError> {
        // Its configured root alone, or the well-known ones.
        let tls = outgoing(ca.root.as_deref())?.with_no_client_auth();
        let client = Client::new(
            Settings::new(Uplink { tls, proxy: proxy.cloned() }).https_only(AGENT).connecting_within(CONNECT),
        )?;
        Ok(Self { ca, client })
    }
}
