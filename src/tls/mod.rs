//! Certificates, from the first order to the last day, and the TLS handshake. Knows neither HTTP handlers nor Rossum.
//!
//! The certificate comes from [`acme`] or from files of the user's own; either puts it into [`Served`], from which
//! every handshake takes it, so that a new one needs no new connection and no restart.

mod acceptor;
pub mod acme;
mod certificate;
mod files;
mod resolver;

use std::path::PathBuf;
use std::time::Duration;

pub use acceptor::{Acceptor, Handshake, Protocol};
pub use acme::{Challenges, Supervisor};
pub use certificate::{Certificate, CertificateError};
pub use files::{FilesError, load as load_files};
pub use resolver::Served;

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum Settings {
    Acme(AcmeSettings),
    Files { certificate: PathBuf, key: PathBuf },
}

#[derive(Debug, Clone)]
pub struct AcmeSettings {
    /// One certificate covers all of them.
    pub domains: Vec<String>,
    /// `mailto:…`
    pub contact: Option<String>,
    /// URL of the CA's directory.
    pub directory: String,
    /// PEM file with the root that signs the CA's own HTTPS, for a private CA.
    pub root: Option<PathBuf>,
    pub challenge: Challenge,
    /// Folder for account, certificate and pace.
    pub state: PathBuf,
    /// Waits after the first, second, … failed order; the last one repeats. Never empty.
    pub retry: Vec<Duration>,
}

/// How the CA is shown that a name is ours (RFC 8555 section 8, RFC 8737).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    TlsAlpn01,
    Http01,
}
