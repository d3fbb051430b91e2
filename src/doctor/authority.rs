//! The certificate authority: does it answer, does it have what is asked of it, does its clock agree with ours?

use std::fmt::Display;
use std::time::Duration;

use crate::clock;
use crate::tls::acme::{self, VisitError};
use crate::tls::{AcmeSettings, Ca};

use super::{Finding, Time};

/// A certificate is valid from an hour before it was issued, with most CAs; a clock further off is worth a word.
const SKEW: Duration = Duration::from_secs(60);

/// Gives the CA's names in CAA records; `None` where it could not be asked.
pub(super) async fn answers(
    settings: &AcmeSettings,
    time: Time,
    tell: &(impl Fn(Finding) + Sync),
) -> Option<Vec<String>> {
    let (directory, proxy) = (&settings.ca.directory, settings.proxy.as_ref());
    let other = |what: &'static str, ca: Option<&Ca>| {
        let ca = ca.cloned();
        async move {
            let said = match time.within(acme::visit(&ca?, proxy)).await {
                Ok(visit) => visit.err()?.to_string(),
                Err(late) => late.to_string(),
            };
            Some(Finding::warning(
                format!("{what} does not answer: {said}"),
                "certificates are ordered without it",
            ))
        }
    };
    let silent = |why: &dyn Display| {
        let cure = match proxy {
            None => {
                "this host needs DNS and outgoing HTTPS. If only a proxy leads out, set `proxy` in [server]. For a private CA, set `root` in [server.acme]"
            }
            Some(_) => {
                "Annex calls it through the proxy in `proxy` of [server] or in HTTPS_PROXY: check its address and login, and whether it allows calls to the CA"
            }
        };
        Finding::bad(format!("the CA does not answer: {why}"), cure)
    };
    let (visit, staging, second) = tokio::join!(
        time.within(acme::visit(&settings.ca, proxy)),
        other("staging", settings.staging.as_ref()),
        other("the second CA", settings.second.as_ref()),
    );
    let visit = match visit {
        Err(late) => {
            tell(silent(&late));
            return None;
        }
        Ok(visit) => visit,
    };
    let visit = match visit {
        Ok(visit) => visit,
        Err(VisitError::Untimely(error)) => {
            let now = clock::display(clock::now());
            tell(Finding::bad(
                format!("this host's clock says {now}, and the CA's certificate is not valid then: {error}"),
                "check the clock with date -u, and set it with timedatectl set-ntp true. If the clock is right, the CA's own certificate has expired",
            ));
            return None;
        }
        Err(VisitError::NoDirectory(error)) => {
            tell(Finding::bad(
                format!("the answer at the CA's URL is not an ACME directory: {error}"),
                "check `directory` in [server.acme]; the answer may also come from a proxy or a firewall",
            ));
            return None;
        }
        Err(error) => {
            tell(silent(&error));
            return None;
        }
    };
    tell(Finding::good(format!("the CA answers: {directory}")));
    if let Some(wanted) = &settings.profile
        && !visit.profiles.contains(wanted)
    {
        let remedy = match &visit.profiles[..] {
            [] => "remove `profile` from [server.acme]: this CA offers no profiles".to_owned(),
            offered => {
                format!("remove `profile` from [server.acme], or choose one of: {}", offered.join(", "))
            }
        };
        tell(Finding::bad(format!("the CA has no profile `{wanted}`"), remedy));
    }
    match visit.clock_skew {
        Some(skew) if skew > SKEW => tell(Finding::bad(
            format!("this host's clock is {} away from the CA's", clock::display_span(skew)),
            "set the clock: timedatectl set-ntp true",
        )),
        Some(_) => tell(Finding::good("this host's clock agrees with the CA's")),
        None => {}
    }
    staging.into_iter().chain(second).for_each(tell);
    Some(visit.caa_identities)
}
