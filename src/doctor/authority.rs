//! The certificate authority: does it answer, does it have what is asked of it, does its clock agree with ours?

use std::time::Duration;

use crate::clock;
use crate::tls::AcmeSettings;
use crate::tls::acme::{self, VisitError};

use super::Finding;

/// A certificate is valid from an hour before it was issued, with most CAs; a clock further off is worth a word.
const SKEW: Duration = Duration::from_secs(60);

/// Gives the CA's names in CAA records; `None` where it could not be asked.
pub(super) async fn answers(settings: &AcmeSettings, tell: &mut impl FnMut(Finding)) -> Option<Vec<String>> {
    let (directory, proxy) = (&settings.ca.directory, settings.proxy.as_ref());
    let visit = match acme::visit(&settings.ca, proxy).await {
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
            tell(Finding::bad(
                format!("the CA does not answer: {error}"),
                "this host needs DNS and outgoing HTTPS; through a proxy only, set `proxy` in [server]; for a private CA, `root` in [server.acme]",
            ));
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
    for (what, other) in [("staging", &settings.staging), ("the second CA", &settings.second)] {
        if let Some(ca) = other
            && let Err(error) = acme::visit(ca, proxy).await
        {
            tell(Finding::warning(format!("{what} cannot be asked: {error}"), "orders do without it"));
        }
    }
    Some(visit.caa_identities)
}
