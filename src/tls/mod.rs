//! Certificates, from the first order to the last day, and the TLS handshake. Knows neither HTTP handlers nor Rossum.
//!
//! Each certificate comes from [`acme`] or from files of the user's own; either puts it into [`Served`], from which
//! every handshake takes the one for the name that was asked for, so that a new one needs no new connection and no
//! restart. What is known of each stands on the [`Board`].

mod acceptor;
pub mod acme;
mod board;
mod certificate;
mod files;
pub mod identifier;
mod keeper;
mod knock;
mod outgoing;
mod reserved;
mod served;

use std::path::PathBuf;
use std::time::Duration;

use crate::outbound::Proxy;
use crate::secret::Secret;

pub use acceptor::{Acceptor, Agreed, Handshake, Protocol};
pub use acme::Challenges;
pub use board::{Asked, Board, Status, Word};
pub use certificate::{Certificate, CertificateError, pem_words};
pub use files::{FilesError, load as load_files, load_roots, load_usual};
pub use keeper::{Keeper, KeeperError, Prepared};
pub use knock::{KnockError, Shows, handshake};
pub use outgoing::{OutgoingError, outgoing};
pub use served::Served;

/// One certificate to be served, under a name that does not change when its domains do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub name: String,
    pub source: Source,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Acme(Box<AcmeSettings>),
    /// `domains`: the names that they should be for.
    Files {
        certificate: PathBuf,
        key: PathBuf,
        domains: Vec<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeSettings {
    /// The certificate covers all of them: DNS names, and IP addresses (`identifier`).
    pub domains: Vec<String>,
    /// `mailto:…`
    pub contact: Option<String>,
    pub ca: Ca,
    /// Asked first after failures: a validation that fails there costs nothing.
    pub staging: Option<Ca>,
    /// Asked in turn with the first one when that one has failed for `second_after`.
    pub second: Option<Ca>,
    pub second_after: Duration,
    pub challenges: ChallengeChoice,
    pub on_bad_name: OnBadName,
    /// The CA's certificate profile (draft-ietf-acme-profiles): `tlsserver`, `shortlived`. For IP addresses the latter is taken
    /// without being named, where the CA offers it.
    pub profile: Option<String>,
    /// Of several chains the one with a certificate that this authority issued, by its common name.
    pub preferred_chain: Option<String>,
    /// The way to all of these.
    pub proxy: Option<Proxy>,
    /// Folder for accounts, certificates and pace.
    pub state: PathBuf,
    /// Waits after the first, second, … failed order; the last one repeats. Never empty.
    pub retry: Vec<Duration>,
    /// For a whole order: a CA may accept a connection and never answer.
    pub order_deadline: Duration,
}

/// A certificate authority (RFC 8555).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    /// URL of its directory.
    pub directory: String,
    /// PEM file with the root that signs its own HTTPS, for a private CA.
    pub root: Option<PathBuf>,
    pub external_account: Option<ExternalAccount>,
}

/// An account that the CA knows from elsewhere (RFC 8555 section 7.3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    pub key_id: String,
    /// The MAC key, as the CA gives it: base64url.
    pub mac_key: Secret,
}

/// How the CA is shown that a name is ours (RFC 8555 section 8, RFC 8737).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    TlsAlpn01,
    Http01,
    /// By a TXT record for good (draft-ietf-acme-dns-persist).
    DnsPersist01,
}

impl Challenge {
    /// The CA's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
            Self::DnsPersist01 => "dns-persist-01",
        }
    }
}

/// What becomes of an order when the CA cannot validate one name of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBadName {
    /// No certificate until all are right: the one before is served meanwhile.
    #[default]
    Wait,
    /// A certificate for the others; all are tried again when a failed order would be.
    Skip,
}

/// Which challenges may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeChoice {
    Only(Challenge),
    /// TLS-ALPN-01 first, the other one on the next try; then the one that worked.
    Either,
}
