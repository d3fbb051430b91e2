//! Certificate files of the user's own.

use std::path::{Path, PathBuf};

use rustls::crypto::CryptoProvider;

use super::{Certificate, CertificateError};

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("cannot read {path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
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
