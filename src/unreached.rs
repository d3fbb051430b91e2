//! Why another system was not reached, in words: those of TLS are rustls's names for developers, told here in plain ones.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};

/// The innermost cause, which is the one that helps; without the URL, which may hold a document's data.
pub fn words(error: &(dyn Error + 'static)) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if let Some(tls) = tls_in(error) {
        return tls_words(tls);
    }
    if error.source().is_none() {
        error.to_string().split(" for url").next().unwrap_or_default().to_owned()
    } else {
        plain(&cause.to_string())
    }
}

/// Why a connection broke off, or never was one.
pub fn io_words(error: &io::Error) -> String {
    tls_in(error).map_or_else(|| plain(&error.to_string()), tls_words)
}

/// rustls leads whoever reads an error to its manual.
fn plain(words: &str) -> String {
    words.split(": https://docs.rs/").next().unwrap_or_default().to_owned()
}

/// An error of TLS in plain words. What it says is about the other side, or about a certificate and its key.
pub fn tls_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate_words(error),
        rustls::Error::InconsistentKeys(_) => "the key belongs to another certificate".to_owned(),
        rustls::Error::AlertReceived(alert) => {
            format!("the other side ended the handshake: {}", spaced(&format!("{alert:?}")))
        }
        rustls::Error::InvalidMessage(_) => {
            "the other side does not speak TLS there: check whether it is plain HTTP, or another port"
                .to_owned()
        }
        rustls::Error::PeerIncompatible(_) => {
            "the other side supports no TLS version and cipher that Annex supports (TLS 1.2 and 1.3)"
                .to_owned()
        }
        rustls::Error::General(words) => plain(words),
        other => plain(&other.to_string()),
    }
}

fn certificate_words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate was issued by a CA that this host does not trust".to_owned()
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = presented.iter().map(|name| san(name)).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "no name at all".to_owned() } else { names };
            format!("its certificate is not for {}, but for {names}", expected.to_str())
        }
        Expired | ExpiredContext { .. } => "its certificate has expired".to_owned(),
        NotValidYet | NotValidYetContext { .. } => "its certificate is not valid yet".to_owned(),
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        CertificateError::BadEncoding => "its certificate cannot be read".to_owned(),
        CertificateError::BadSignature => {
            "its certificate was signed by a CA that has the name of a trusted one, but another key"
                .to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers".to_owned()
        }
        CertificateError::Other(inner) if inner.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is a CA certificate, not a server certificate".to_owned()
        }
        other => format!("its certificate does not verify: {}", spaced(&format!("{other:?}"))),
    }
}

/// `DnsName("a.example")`, as rustls shows a name, without that.
fn san(shown: &str) -> &str {
    shown.split('"').nth(1).unwrap_or(shown)
}

/// `HandshakeFailure` as words.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() && words.ends_with(char::is_lowercase) {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// The error of TLS in an error, where there is one.
fn tls_in<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    // The source of an I/O error is that of the error in it, not that error.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inner = inner.and_then(|inner| tls_in(inner));
    inner.or_else(|| error.source().and_then(tls_in))
}

/// Whether the other side answered TLS with something else, as plain HTTP is.
pub fn is_not_tls(error: &(dyn Error + 'static)) -> bool {
    matches!(tls_in(error), Some(rustls::Error::InvalidMessage(_)))
}

/// Whether the other side's certificate is not valid now, by this host's clock: whichever of the two is wrong.
pub fn is_untimely(error: &(dyn Error + 'static)) -> bool {
    let Some(rustls::Error::InvalidCertificate(error)) = tls_in(error) else { return false };
    matches!(error, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person reads has none of rustls's names.
    #[test]
    fn errors_of_tls_are_told_in_plain_words() {
        use rustls::{AlertDescription, Error, InconsistentKeys, InvalidMessage};
        let invalid = Error::InvalidCertificate;
        for (error, words) in [
            (
                invalid(CertificateError::UnknownIssuer),
                "its certificate was issued by a CA that this host does not trust",
            ),
            (
                invalid(CertificateError::UnhandledCriticalExtension),
                "its certificate does not verify: unhandled critical extension",
            ),
            (
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
                "the key belongs to another certificate",
            ),
            (
                Error::AlertReceived(AlertDescription::HandshakeFailure),
                "the other side ended the handshake: handshake failure",
            ),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "the other side does not speak TLS there: check whether it is plain HTTP, or another port",
            ),
        ] {
            assert_eq!(io_words(&io::Error::new(io::ErrorKind::InvalidData, error)), words);
        }
        let cut = io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest/rustls/manual",
        );
        assert_eq!(io_words(&cut), "peer closed connection without sending TLS close_notify");
        assert_eq!(io_words(&io::Error::other("disk full")), "disk full");
    }

    #[test]
    fn a_certificate_of_another_time_is_told_from_other_faults() {
        let within = |error: CertificateError| {
            io::Error::other(io::Error::new(
                io::ErrorKind::InvalidData,
                rustls::Error::InvalidCertificate(error),
            ))
        };
        assert!(is_untimely(&within(Expired)) && is_untimely(&within(NotValidYet)));
        assert!(!is_untimely(&within(CertificateError::UnknownIssuer)));
        assert!(!is_untimely(&io::Error::from(io::ErrorKind::TimedOut)));
    }
}
