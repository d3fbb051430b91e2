//! The certificates that handshakes get, by the name that the client asks for (SNI).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Certificate, identifier};

/// Every certificate that is served; swapped while connections run.
#[derive(Debug, Default)]
pub struct Served {
    /// What [`Self::serve`] was given, by the certificate's own name, in the order of the configuration.
    slots: Mutex<Vec<(String, Option<Arc<Certificate>>)>>,
    table: ArcSwap<Table>,
}

/// Looked at by each handshake.
#[derive(Debug, Default)]
struct Table {
    by_domain: HashMap<String, Arc<CertifiedKey>>,
    /// For a client that asks for no name: it may have come by an IP address, and only these may be without one.
    /// All addresses stand in `domains` of [server], and so in one certificate.
    nameless: Option<Arc<CertifiedKey>>,
    /// For a client that asks for a name that is not ours.
    first: Option<Arc<CertifiedKey>>,
}

impl Served {
    /// Which certificates there are. Clients that name none get the first one for an IP address, else the first. Those that stay go on being served.
    pub fn expect(&self, names: impl IntoIterator<Item = String>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before: HashMap<_, _> = std::mem::take(&mut *slots).into_iter().collect();
        *slots = names.into_iter().map(|name| (name.clone(), before.remove(&name).flatten())).collect();
        self.rebuild(&slots);
    }

    /// Serves a certificate from the next handshake on. One whose name is no longer expected is left out.
    pub fn serve(&self, name: &str, certificate: Arc<Certificate>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter_mut().find(|(slot, _)| slot == name) {
            *slot = Some(certificate);
        }
        self.rebuild(&slots);
    }

    fn rebuild(&self, slots: &[(String, Option<Arc<Certificate>>)]) {
        let mut table = Table::default();
        for certificate in slots.iter().filter_map(|(_, certificate)| certificate.as_ref()) {
            table.first.get_or_insert_with(|| Arc::clone(&certificate.certified));
            for domain in &certificate.names {
                if identifier::address(domain).is_some() {
                    table.nameless.get_or_insert_with(|| Arc::clone(&certificate.certified));
                }
                // The first one wins: a domain that moved to a certificate of its own is still in the old one.
                table.by_domain.entry(domain.clone()).or_insert_with(|| Arc::clone(&certificate.certified));
            }
        }
        self.table.store(Arc::new(table));
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.table.load();
        // rustls gives the name in lower case (RFC 6066: it compares without regard to case).
        let found = match hello.server_name() {
            Some(name) => {
                table.by_domain.get(name).or_else(|| table.by_domain.get(&identifier::wildcard_of(name)?))
            }
            None => table.nameless.as_ref(),
        };
        found.or(table.first.as_ref()).cloned()
    }
}
