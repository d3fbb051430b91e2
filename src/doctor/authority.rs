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
            Some(Finding::warning(format!("{what} cannot be asked: {said}"), "orders do without it"))
        }
    };
    let silent = |why: &dyn Display| {
        let cure = match proxy {
            None => {
                "this host needs DNS and outgoing HTTPS; through a proxy only, set `proxy` in [server]; for a private CA, `root` in [server.acme]"
            }
            Some(_) => {
                "it is called through the proxy that `proxy` in [server] or HTTPS_PROXY names: look at its address and login, and whether it lets this host call the CA"
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
                "is the clock right? date -u; set it: timedatectl set-ntp true. Where it is right, the CA's own certificate has expired",
            ));
            return None;
        }
        Err(VisitError::NoDirectory(error)) => {
            tell(Finding::bad(
                format!("what answers at the CA's URL is no ACME directory: {error}"),
                "look at `directory` in [server.acme]; a proxy or a firewall in between may answer too",
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
            [] => "take `profile` out of [server.acme]: this CA offers none".to_owned(),
            offered => {
                format!("take `profile` out of [server.acme], or choose one of: {}", offered.join(", "))
            }
        };
        tell(Finding::bad(format!("the CA has no profile `{wanted}`"), remedy));
    }
    match visit.clock_skew {
        Some(skew) if skew > SKEW => tell(Finding::bad(
            format!("this host's clock is {} away from the CA's", clock::display_span(skew)),
            "set it: timedatectl set-ntp true",
        )),
        Some(_) => tell(Finding::good("this host's clock agrees with the CA's")),
        None => {}
    }
    staging.into_iter().chain(second).for_each(tell);
    Some(visit.caa_identities)
}
