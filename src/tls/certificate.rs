//! A certificate chain with its key, checked before anyone is served with it: the chain is whole and in order,
//! the key fits, names and dates are known.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

use crate::clock;
use crate::unreached::tls_words;

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("not PEM, or cut short: {words}", words = pem_words(.0))]
    Pem(pem::Error),
    #[error("no certificate in it")]
    NoCertificate,
    #[error("no private key in it")]
    NoKey,
    #[error("certificate {0} of the chain cannot be read")]
    Unreadable(usize),
    #[error("the chain is broken: certificate {0} is not signed by the next one")]
    BrokenChain(usize),
    #[error("the key does not fit the certificate, or is of a kind that TLS cannot use: {words}", words = tls_words(.0))]
    Key(rustls::Error),
}

/// What is wrong with a PEM text. The library shows lines as lists of numbers; a line may be part of a key, and is not shown.
pub fn pem_words(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            let kind = String::from_utf8_lossy(end_marker);
            format!(
                "the line -----END {}----- is missing",
                kind.trim_matches(['-', '\n']).trim_start_matches("END ")
            )
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a line begins with -----BEGIN and does not end with -----".to_owned()
        }
        pem::Error::Base64Decode(_) => "a line between BEGIN and END is no Base64".to_owned(),
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "nothing of the kind that is wanted is in it".to_owned(),
        other => other.to_string(),
    }
}

#[derive(Debug, Clone)]
pub struct Certificate {
    pub(super) certified: Arc<CertifiedKey>,
    /// DNS names, in lower case, and IP addresses.
    pub names: Vec<String>,
    /// The issuer's common name, or all of its name.
    pub issuer: String,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    /// Its name in renewal information (RFC 9773 section 4.1); `None` where it lacks an authority key identifier.
    pub(super) renewal_id: Option<String>,
}

impl Certificate {
    /// The certificate itself, without its chain.
    pub fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.certified.cert.first().cloned()
    }

    /// Reads PEM texts that hold the chain (leaf first) and its key.
    pub fn from_pem(chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(CertificateError::Pem)?;
        let key = match PrivateKeyDer::from_pem_slice(key) {
            Ok(key) => key,
            Err(pem::Error::NoItemsFound) => return Err(CertificateError::NoKey),
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
            if !is_signed_by(&pair[0], &pair[1], provider) {
                return Err(CertificateError::BrokenChain(at + 1));
            }
        }
        let [not_before, not_after] = [leaf.validity().not_before, leaf.validity().not_after]
            .map(|time| clock::from_unix_seconds(u64::try_from(time.timestamp()).unwrap_or(0)));
        let (names, issuer, renewal_id) = (names(leaf), issuer(leaf), renewal_id(leaf));
        drop(parsed);
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(CertificateError::Key)?;
        Ok(Self { certified: Arc::new(certified), names, issuer, not_before, not_after, renewal_id })
    }

    /// Whether every one of these names is in it.
    pub fn covers(&self, domains: &[String]) -> bool {
        domains.iter().all(|domain| self.names.contains(domain))
    }

    /// From its first to its last moment.
    pub fn life(&self) -> Duration {
        self.not_after.duration_since(self.not_before).unwrap_or_default()
    }

    /// What is left of its life; nothing once it expired.
    pub fn left(&self, now: SystemTime) -> Duration {
        self.not_after.duration_since(now).unwrap_or_default()
    }

    /// Whether a client that looks at the time takes it.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// Whether the leaf comes without the certificate that signed it, which most clients then lack.
    pub fn lacks_intermediate(&self) -> bool {
        let [leaf] = &self.certified.cert[..] else {
            return false;
        };
        X509Certificate::from_der(leaf).is_ok_and(|(_, leaf)| leaf.issuer() != leaf.subject())
    }
}

/// By its name and by its signature: two authorities may have the same name.
fn is_signed_by(
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    provider: &CryptoProvider,
) -> bool {
    let key = &issuer.public_key().subject_public_key.data;
    let (signed, signature) = (certificate.tbs_certificate.as_ref(), &certificate.signature_value.data);
    // An algorithm that is not the signature's says no.
    let mut algorithms = provider.signature_verification_algorithms.all.iter();
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && algorithms.any(|algorithm| algorithm.verify_signature(key, signed, signature).is_ok())
}

/// The authorities that issued the certificates of a chain, by their common names.
pub(super) fn issuers(chain: &[u8]) -> Vec<String> {
    let certificates = CertificateDer::pem_slice_iter(chain).flatten();
    certificates
        .filter_map(|der| X509Certificate::from_der(&der).ok().map(|(_, parsed)| issuer(&parsed)))
        .collect()
}

fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
                .ok()
                .map(|address| address.to_string())
        }
        _ => None,
    };
    let extension = leaf.subject_alternative_name().ok().flatten();
    extension.map_or_else(Vec::new, |names| names.value.general_names.iter().filter_map(dns).collect())
}

fn issuer(leaf: &X509Certificate<'_>) -> String {
    let common = leaf.issuer().iter_common_name().next().and_then(|name| name.as_str().ok());
    common.map_or_else(|| leaf.issuer().to_string(), str::to_owned)
}

/// Base64url of the authority's key identifier, a point, base64url of the serial as it stands in the DER.
fn renewal_id(leaf: &X509Certificate<'_>) -> Option<String> {
    let key = leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(identifier) => identifier.key_identifier.as_ref(),
        _ => None,
    })?;
    let [key, serial] = [key.0, leaf.raw_serial()].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
    Some(format!("{key}.{serial}"))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, SerialNumber};

    use super::*;

    fn provider() -> CryptoProvider {
        rustls::crypto::aws_lc_rs::default_provider()
    }

    /// A leaf under a root of its own, with this serial.
    fn issued(serial: &[u8]) -> (String, String, String) {
        let root_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "A root");
        let root = params.self_signed(&root_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["Hooks.example.test".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial.to_vec()));
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&key, &root, &root_key).unwrap();
        (leaf.pem(), root.pem(), key.serialize_pem())
    }

    #[test]
    fn knows_names_issuer_and_whether_the_chain_is_whole() {
        let (leaf, root, key) = issued(&[7]);
        let whole = Certificate::from_pem(format!("{leaf}{root}").as_bytes(), key.as_bytes(), &provider());
        let whole = whole.unwrap();
        assert_eq!((&*whole.issuer, &*whole.names), ("A root", &["hooks.example.test".to_owned()][..]));
        assert!(!whole.lacks_intermediate());
        let alone = Certificate::from_pem(leaf.as_bytes(), key.as_bytes(), &provider()).unwrap();
        assert!(alone.lacks_intermediate());
        let (other, ..) = issued(&[8]);
        let broken = Certificate::from_pem(format!("{leaf}{other}").as_bytes(), key.as_bytes(), &provider());
        assert!(matches!(broken, Err(CertificateError::BrokenChain(1))));
        let (_, namesake, other_key) = issued(&[9]);
        let forged =
            Certificate::from_pem(format!("{leaf}{namesake}").as_bytes(), key.as_bytes(), &provider());
        assert!(
            matches!(forged, Err(CertificateError::BrokenChain(1))),
            "of the same name, with another key"
        );
        let misfit = Certificate::from_pem(leaf.as_bytes(), other_key.as_bytes(), &provider());
        assert!(matches!(misfit, Err(CertificateError::Key(_))));
    }

    #[test]
    fn the_renewal_id_keeps_the_serials_leading_zero() {
        // The serial of RFC 9773's example: 00 87 65 43 21, where the zero keeps it positive.
        let (leaf, _, key) = issued(&[0x00, 0x87, 0x65, 0x43, 0x21]);
        let certificate = Certificate::from_pem(leaf.as_bytes(), key.as_bytes(), &provider()).unwrap();
        let id = certificate.renewal_id.unwrap();
        assert_eq!(id.split_once('.').unwrap().1, "AIdlQyE");
    }
}
