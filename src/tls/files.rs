//! Certificate files of the user's own: read at start, and again whenever they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::clock;

use super::certificate::pem_words;
use super::{Board, Certificate, CertificateError, Served, Status, identifier};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("cannot read {path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("the CA file {path}: {problem}")]
    Roots { path: PathBuf, problem: String },
    #[error("{certificate} with the key {key}: {error}")]
    Bad { certificate: PathBuf, key: PathBuf, error: CertificateError },
}

/// Reads and checks a chain and its key.
pub fn load(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Certificate, FilesError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| FilesError::Read { path: path.to_path_buf(), error })
    };
    let (chain, secret) = (read(certificate)?, zeroize::Zeroizing::new(read(key)?));
    Certificate::from_pem(&chain, &secret, provider).map_err(|error| FilesError::Bad {
        certificate: certificate.to_path_buf(),
        key: key.to_path_buf(),
        error,
    })
}

/// As [`load`], with what usual keys need.
///
/// # Errors
/// As [`load`].
pub fn load_usual(certificate: &Path, key: &Path) -> Result<Certificate, FilesError> {
    load(certificate, key, &rustls::crypto::aws_lc_rs::default_provider())
}

/// Reads the CAs in a PEM file.
pub fn load_roots(path: &Path) -> Result<RootCertStore, FilesError> {
    roots_of(path, &certificates(path)?)
}

/// Reads the certificates in a PEM file: at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FilesError> {
    let bad = |problem: String| FilesError::Roots { path: path.to_path_buf(), problem };
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(|error| bad(pem_words(&error)))?;
    if all.is_empty() { Err(bad("no certificate in it".to_owned())) } else { Ok(all) }
}

/// Certificates of a file as CAs.
pub(super) fn roots_of(path: &Path, all: &[CertificateDer<'static>]) -> Result<RootCertStore, FilesError> {
    let bad = |problem: String| FilesError::Roots { path: path.to_path_buf(), problem };
    let mut roots = RootCertStore::empty();
    for certificate in all {
        roots.add(certificate.clone()).map_err(|error| bad(error.to_string()))?;
    }
    Ok(roots)
}

/// The task that serves a pair of files, and serves them again when they change.
pub(super) struct Watch {
    name: String,
    certificate: PathBuf,
    key: PathBuf,
    /// The names that the configuration wants.
    domains: Vec<String>,
    served: Arc<Served>,
    board: Arc<Board>,
    provider: CryptoProvider,
    current: Arc<Certificate>,
    /// What stands in the files and is not served, since it is not valid yet, or no more.
    untimely: Option<Arc<Certificate>>,
    /// Times of both files when they were read last.
    seen: [Option<SystemTime>; 2],
}

impl Watch {
    /// Reads the files, which must be good to begin with.
    pub(super) fn new(
        name: String,
        [certificate, key]: [PathBuf; 2],
        domains: Vec<String>,
        served: Arc<Served>,
        board: Arc<Board>,
    ) -> Result<Self, FilesError> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let current = Arc::new(load(&certificate, &key, &provider)?);
        let mut watch = Self {
            name,
            certificate,
            key,
            domains,
            served,
            board,
            provider,
            current,
            untimely: None,
            seen: [None; 2],
        };
        watch.seen = watch.times();
        Ok(watch)
    }

    /// Puts itself on the board and serves, before it runs.
    pub(super) fn announce(&self) {
        let status = Status {
            name: self.name.clone(),
            domains: self.domains.clone(),
            source: self.certificate.display().to_string(),
            ..Status::default()
        };
        self.board.put(status, None);
        self.serve();
    }

    fn serve(&self) {
        let (path, certificate) = (self.certificate.display(), &self.current);
        if certificate.left(clock::now()).is_zero() {
            warn!("{path} expired on {}", clock::display(certificate.not_after));
        }
        if certificate.lacks_intermediate() {
            warn!(
                "{path} has no intermediate certificate: most clients will refuse it; put the chain into it, leaf first"
            );
        }
        self.board.update(&self.name, |status| {
            status.show(certificate);
            status.refused = None;
        });
        self.served.serve(&self.name, Arc::clone(certificate));
    }

    fn times(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
    }

    /// Serves what was read, unless that would end the service: a certificate that clients refuse by its dates or names does
    /// not replace one that they take.
    fn take(&mut self, certificate: Arc<Certificate>) {
        let now = clock::now();
        let lacks =
            |one: &Certificate| self.domains.iter().find(|name| !identifier::covers(&one.names, name));
        if let Some(name) = lacks(&certificate)
            && lacks(&self.current).is_none()
            && self.current.is_valid(now)
        {
            let (path, names) = (self.certificate.display(), certificate.names.join(", "));
            self.refuse(format!("{path} is for {names}, and not for {name}, which stands in `domains`"));
            self.untimely = None;
            return;
        }
        if certificate.is_valid(now) || !self.current.is_valid(now) {
            info!("{} changed: serving it", self.certificate.display());
            (self.current, self.untimely) = (certificate, None);
            return self.serve();
        }
        let [from, until] = [certificate.not_before, certificate.not_after].map(clock::display);
        let path = self.certificate.display();
        self.refuse(format!("{path} is valid from {from} until {until}, and not now"));
        self.untimely = Some(certificate);
    }

    /// Says why the files cannot be used, once for each change of them.
    fn refuse(&self, problem: String) {
        warn!("the new certificate is unusable: {problem}; the server still uses the previous one");
        self.board.update(&self.name, |status| status.refused = Some(problem));
    }

    /// Never ends. Where the files cannot be used, the certificate before them stays.
    pub(super) async fn run(mut self: Box<Self>) {
        loop {
            sleep(LOOK).await;
            if self.times() == self.seen {
                let now = clock::now();
                let is_time = |new: &mut Arc<Certificate>| new.is_valid(now) || !self.current.is_valid(now);
                if let Some(certificate) = self.untimely.take_if(is_time) {
                    self.take(certificate);
                }
                continue;
            }
            // The two are rarely written at once: wait until they stand still.
            let mut before = self.times();
            loop {
                sleep(Duration::from_millis(300)).await;
                let now = self.times();
                if now == before {
                    break;
                }
                before = now;
            }
            self.seen = self.times(); // before reading: what changes meanwhile is read again
            match load(&self.certificate, &self.key, &self.provider) {
                Ok(certificate) => self.take(Arc::new(certificate)),
                Err(error) => {
                    self.untimely = None;
                    self.refuse(error.to_string());
                }
            }
        }
    }
}
