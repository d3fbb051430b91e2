//! Why a call over HTTP got no answer, in words.

use std::error::Error;
use std::io;

use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};

/// The innermost cause, which is the one that helps; without the URL, which may hold a document's data.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.source().is_none() {
        error.to_string().split(" for url").next().unwrap_or_default().to_owned()
    } else {
        cause.to_string()
    }
}

/// Whether the other side's certificate is not valid now, by this host's clock: whichever of the two is wrong.
pub fn is_untimely(error: &(dyn Error + 'static)) -> bool {
    if let Some(rustls::Error::InvalidCertificate(error)) = error.downcast_ref() {
        return matches!(error, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. });
    }
    // The source of an I/O error is that of the error in it, not that error.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.is_some_and(|inner| is_untimely(inner)) || error.source().is_some_and(is_untimely)
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

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
