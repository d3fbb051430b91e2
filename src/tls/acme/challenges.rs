//! Answers to the CA's challenges while an order runs: TLS-ALPN-01 by name, HTTP-01 by token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// What is waiting to be asked for. Holds many names at once.
#[derive(Debug, Default)]
pub struct Challenges {
    tls_alpn: Mutex<HashMap<String, Arc<CertifiedKey>>>,
    http: Mutex<HashMap<String, String>>,
}

impl Challenges {
    /// The key authorization for a token of HTTP-01 (RFC 8555 section 8.3).
    pub fn key_authorization(&self, token: &str) -> Option<String> {
        lock(&self.http).get(token).cloned()
    }

    pub(super) fn expect_tls_alpn(&self, domain: &str, certificate: CertifiedKey) {
        lock(&self.tls_alpn).insert(domain.to_ascii_lowercase(), Arc::new(certificate));
    }

    pub(super) fn expect_http(&self, token: &str, key_authorization: String) {
        lock(&self.http).insert(token.to_owned(), key_authorization);
    }

    pub(super) fn forget_all(&self) {
        lock(&self.tls_alpn).clear();
        lock(&self.http).clear();
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        lock(&self.tls_alpn).get(&hello.server_name()?.to_ascii_lowercase()).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
