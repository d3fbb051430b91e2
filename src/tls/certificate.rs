//! A certificate chain with its key, checked before anyone is served with it: the chain is whole and in order,
//! the key fits, names and dates are known.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::clock;

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("not PEM, or cut short: {0}")]
    Pem(rustls::pki_types::pem::Error),
    #[error("no certificate in it")]
    NoCertificate,
    #[error("no private key in it")]
    NoKey,
    #[error("certificate {0} of the chain cannot be read")]
    Unreadable(usize),
    #[error("the chain is broken: certificate {0} is not signed by the next one")]
    BrokenChain(usize),
    #[error("the key does not fit the certificate, or is of a kind that TLS cannot use: {0}")]
    Key(rustls::Error),
}

#[derive(Debug, Clone)]
pub struct Certificate {
    pub(super) certified: Arc<CertifiedKey>,
    /// DNS names, in lower case.
    pub names: Vec<String>,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

impl Certificate {
    /// Reads PEM texts that hold the chain (leaf first) and its key.
    pub fn from_pem(chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(CertificateError::Pem)?;
        let key = match PrivateKeyDer::from_pem_slice(key) {
            Ok(key) => key,
            Err(rustls::pki_types::pem::Error::NoItemsFound) => return Err(CertificateError::NoKey),
            Err(error) => return Err(CertificateError::Pem(error)),
        };
        let parsed = chain
            .iter()
            .enumerate()
            .map(|(at, der)| {
                X509Certificate::from_der(der)
                    .map(|(_, parsed)| parsed)
                    .map_err(|_| CertificateError::Unreadable(at + 1))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let Some(leaf) = parsed.first() else {
            return Err(CertificateError::NoCertificate);
        };
        for (at, pair) in parsed.windows(2).enumerate() {
            if pair[0].issuer().as_raw() != pair[1].subject().as_raw() {
                return Err(CertificateError::BrokenChain(at + 1));
            }
        }
        let names = leaf.subject_alternative_name().ok().flatten().map_or_else(Vec::new, |extension| {
            let dns = |name: &GeneralName<'_>| match name {
                GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            };
            extension.value.general_names.iter().filter_map(dns).collect()
        });
        let [not_before, not_after] = [leaf.validity().not_before, leaf.validity().not_after]
            .map(|time| clock::from_unix_seconds(u64::try_from(time.timestamp()).unwrap_or(0)));
        drop(parsed);
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(CertificateError::Key)?;
        Ok(Self { certified: Arc::new(certified), names, not_before, not_after })
    }

    /// Whether every one of these names is in it.
    pub fn covers(&self, domains: &[String]) -> bool {
        domains.iter().all(|domain| self.names.contains(domain))
    }
}
