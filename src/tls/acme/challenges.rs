//! Answers to the CA's challenges while an order runs: TLS-ALPN-01 by name, HTTP-01 by token.
//!
//! The CA may ask another node behind the same name than the one that orders. So answers are also files in the state
//! folder that the nodes share, for as long as the order runs:
//!
//! ```text
//! acme/.challenges/http-TOKEN     the key authorization (RFC 8555 section 8.3)
//! acme/.challenges/alpn-NAME      its SHA-256, from which a node makes the certificate (RFC 8737 section 3); an IP address
//!                                 lies under its reverse name, as the CA asks for it
//! ```

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::warn;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock;
use crate::private;

use super::super::identifier;

/// The extension of a challenge's certificate, `id-pe-acmeIdentifier`.
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";
const FOLDER: &str = ".challenges";

/// What is waiting to be asked for. Holds many names at once.
#[derive(Debug, Default)]
pub struct Challenges {
    /// By the name in the handshake.
    tls_alpn: Mutex<HashMap<String, Arc<CertifiedKey>>>,
    http: Mutex<HashMap<String, String>>,
    /// Where other nodes find them, and leave theirs.
    folder: OnceLock<PathBuf>,
}

impl Challenges {
    /// Shares answers with the other nodes of a state folder. The first one that is named is it.
    pub(super) fn share(&self, state: &Path) {
        let _ = self.folder.set(state.join("acme").join(FOLDER));
    }

    /// The key authorization for a token of HTTP-01 (RFC 8555 section 8.3).
    pub fn key_authorization(&self, token: &str) -> Option<String> {
        let own = lock(&self.http).get(token).cloned();
        own.or_else(|| String::from_utf8(self.read("http", token)?).ok())
    }

    pub(super) fn expect_tls_alpn(&self, domain: &str, certificate: CertifiedKey) {
        let domain = identifier::server_name(domain);
        match digest_in(&certificate) {
            Some(digest) => self.write("alpn", &domain, hex::encode(digest).as_bytes()),
            None => warn!("the answer to TLS-ALPN-01 for {domain} cannot be shared with other nodes"),
        }
        lock(&self.tls_alpn).insert(domain, Arc::new(certificate));
    }

    pub(super) fn expect_http(&self, token: &str, key_authorization: String) {
        self.write("http", token, key_authorization.as_bytes());
        lock(&self.http).insert(token.to_owned(), key_authorization);
    }

    /// Takes answers away that are older than an order can be: who left them was killed.
    pub(super) fn sweep(&self, longest: Duration) {
        let entries = self.folder.get().and_then(|folder| fs::read_dir(folder).ok());
        for entry in entries.into_iter().flatten().flatten() {
            let is_left_over = entry.metadata().is_ok_and(|metadata| {
                metadata.is_file()
                    && metadata
                        .modified()
                        .is_ok_and(|at| clock::now().duration_since(at).is_ok_and(|age| age > longest))
            });
            if is_left_over {
                let _ = fs::remove_file(entry.path()); // another node may have done so
            }
        }
    }

    /// Leaves a key authorization for the server that shares the folder.
    pub(super) fn lend_http(&self, token: &str, key_authorization: &str) -> io::Result<()> {
        self.lend("http", token, key_authorization.as_bytes()).map(drop)
    }

    /// Leaves a digest for the server that shares the folder; `false` where an order has one for this name.
    pub(super) fn lend_tls_alpn(&self, domain: &str, digest: &[u8; 32]) -> io::Result<bool> {
        self.lend("alpn", &identifier::server_name(domain), hex::encode(digest).as_bytes())
    }

    /// What was lent is over. What an order has put in its place stays.
    pub(super) fn take_back(&self, token: &str, lent: Option<(&str, [u8; 32])>) {
        self.remove("http", token);
        if let Some((domain, digest)) = lent {
            let domain = identifier::server_name(domain);
            if self.read("alpn", &domain).is_some_and(|kept| kept == hex::encode(digest).as_bytes()) {
                self.remove("alpn", &domain);
            }
        }
    }

    fn lend(&self, kind: &str, name: &str, answer: &[u8]) -> io::Result<bool> {
        let path = self.file(kind, name).ok_or(io::ErrorKind::InvalidInput)?;
        if fs::symlink_metadata(&path).is_ok() {
            return Ok(false);
        }
        if let Some(folder) = path.parent() {
            private::own_folder(folder)?;
        }
        private::write(&path, answer).map(|()| true)
    }

    /// What this node expected is over.
    pub(super) fn forget_all(&self) {
        for domain in lock(&self.tls_alpn).drain().map(|(domain, _)| domain) {
            self.remove("alpn", &domain);
        }
        for token in lock(&self.http).drain().map(|(token, _)| token) {
            self.remove("http", &token);
        }
    }

    /// The file of an answer; `None` for what is no token and no name.
    fn file(&self, kind: &str, name: &str) -> Option<PathBuf> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fits = !name.is_empty() && name.len() <= 253 && name.chars().all(is_plain);
        let folder = self.folder.get().filter(|_| fits)?;
        Some(folder.join(format!("{kind}-{name}")))
    }

    fn read(&self, kind: &str, name: &str) -> Option<Vec<u8>> {
        fs::read(self.file(kind, name)?).ok()
    }

    /// Appears whole or not at all. Where it cannot be written, this node still answers.
    fn write(&self, kind: &str, name: &str, answer: &[u8]) {
        let Some(path) = self.file(kind, name) else { return };
        let write = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                private::own_folder(folder)?;
            }
            private::write(&path, answer)
        };
        if let Err(error) = write() {
            warn!("other nodes cannot answer the CA: {}: {error}", path.display());
        }
    }

    fn remove(&self, kind: &str, name: &str) {
        if let Some(path) = self.file(kind, name) {
            let _ = fs::remove_file(path); // one that is left answers for an order that is over
        }
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let domain = hello.server_name()?.to_ascii_lowercase();
        let own = lock(&self.tls_alpn).get(&domain).cloned();
        own.or_else(|| {
            let digest = hex::decode(self.read("alpn", &domain)?).ok()?;
            certificate(&identifier::of_server_name(&domain), &digest).map(Arc::new)
        })
    }
}

/// The digest that a challenge's certificate carries.
fn digest_in(certificate: &CertifiedKey) -> Option<[u8; 32]> {
    digest_of(certificate.cert.first()?)
}

/// The digest in a certificate that answers TLS-ALPN-01.
pub fn digest_of(certificate: &[u8]) -> Option<[u8; 32]> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let extension = parsed.extensions().iter().find(|one| one.oid.to_id_string() == ACME_IDENTIFIER)?;
    // An OCTET STRING of 32 bytes.
    extension.value.strip_prefix(&[4, 32])?.try_into().ok()
}

/// A challenge's certificate for a digest, with a key of its own (RFC 8737 section 3).
fn certificate(domain: &str, digest: &[u8]) -> Option<CertifiedKey> {
    let mut params = CertificateParams::new(vec![domain.to_owned()]).ok()?;
    let is_digest = digest.len() == 32;
    params.custom_extensions = vec![is_digest.then(|| CustomExtension::new_acme_identifier(digest))?];
    let key = KeyPair::generate().ok()?;
    let certificate = params.self_signed(&key).ok()?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).ok()?;
    // Its critical extension is one that no ordinary certificate may have: rustls's own check would refuse it.
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key).ok()?;
    Some(CertifiedKey::new(vec![certificate.der().clone()], key))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_never_takes_the_place_of_an_orders_answer() {
        let state = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| Challenges::default());
        for node in [&one, &other] {
            node.share(state.path());
        }
        assert!(other.lend_tls_alpn("Hooks.example.test", &[1; 32]).unwrap());
        one.expect_tls_alpn("hooks.example.test", certificate("hooks.example.test", &[7; 32]).unwrap());
        other.take_back("none", Some(("hooks.example.test", [1; 32])));
        let kept = other.read("alpn", "hooks.example.test").unwrap();
        assert_eq!(hex::decode(kept).unwrap(), [7; 32]);
        assert!(!other.lend_tls_alpn("hooks.example.test", &[1; 32]).unwrap(), "an order runs");
    }

    #[test]
    fn what_a_process_left_that_was_killed_is_taken_away_once_no_order_can_be_so_old() {
        let state = tempfile::tempdir().unwrap();
        let node = Challenges::default();
        node.share(state.path());
        assert!(node.lend_tls_alpn("hooks.example.test", &[1; 32]).unwrap());
        node.sweep(Duration::from_secs(300));
        assert!(!node.lend_tls_alpn("hooks.example.test", &[2; 32]).unwrap(), "it is young");
        let file =
            fs::File::options().write(true).open(node.file("alpn", "hooks.example.test").unwrap()).unwrap();
        file.set_modified(clock::now() - Duration::from_secs(301)).unwrap();
        node.sweep(Duration::from_secs(300));
        assert!(node.lend_tls_alpn("hooks.example.test", &[2; 32]).unwrap());
    }

    #[test]
    fn what_one_node_expects_the_others_answer_until_it_is_over() {
        let state = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| Challenges::default());
        for node in [&one, &other] {
            node.share(state.path());
        }
        one.expect_http("token_1", "token_1.thumbprint".to_owned());
        one.expect_tls_alpn("Hooks.example.test", certificate("hooks.example.test", &[7; 32]).unwrap());
        assert_eq!(other.key_authorization("token_1").unwrap(), "token_1.thumbprint");
        let digest = other.read("alpn", "hooks.example.test").unwrap();
        let made = certificate("hooks.example.test", &hex::decode(digest).unwrap()).unwrap();
        assert_eq!(digest_in(&made), Some([7; 32]));
        for bad in ["../lease", "a/b", "", "token_2"] {
            assert_eq!(other.key_authorization(bad), None, "{bad}");
        }
        other.forget_all();
        assert!(other.key_authorization("token_1").is_some(), "another's order is not over");
        one.forget_all();
        assert_eq!(other.key_authorization("token_1"), None);
        let folder = state.path().join("acme").join(FOLDER);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    }
}
