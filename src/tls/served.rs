//! The certificate that handshakes get.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Certificate;

/// One certificate for every client, whatever name it asks for; swapped while connections run.
#[derive(Debug, Default)]
pub struct Served {
    current: ArcSwapOption<CertifiedKey>,
}

impl Served {
    pub fn serve(&self, certificate: &Certificate) {
        self.current.store(Some(Arc::clone(&certificate.certified)));
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load_full()
    }
}
