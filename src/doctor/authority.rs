//! The certificate authority: does it answer, does it have what is asked of it, does its clock agree with ours?

use std::time::Duration;

use crate::clock;
use crate::tls::AcmeSettings;
use crate::tls::acme::{self, VisitError};

use super::Finding;

/// A certificate is valid from an hour before it was issued, with most CAs; a clock further off is worth a word.
const SKEW: Duration = Duration::from_secs(60);

/// Gives the CA's names in CAA records.
pub(super) async fn answers(settings: &AcmeSettings, tell: &mut impl FnMut(Finding)) -> Vec<String> {
    let (directory, proxy) = (&settings.ca.directory, settings.proxy.as_ref());
    let visit = match acme::visit(&settings.ca, proxy).await {
        Ok(visit) => visit,
        Err(VisitError::Untimely(error)) => {
            let now = clock::display(clock::now());
            tell(Finding::bad(
                format!("this host's clock says {now}, and the CA's certificate is not valid then: {error}"),
                "is the clock right? date -u; set it: timedatectl set-ntp true. Where it is right, the CA's own certificate has expired",
            ));
            return Vec::new();
        }
        Err(error) => {
            tell(Finding::bad(
                format!("the CA does not answer: {error}"),
                "this host needs DNS and outgoing HTTPS; for a private CA, set `root` in [server.acme]",
            ));
            return Vec::new();
        }
    };
    tell(Finding::good(format!("the CA answers: {directory}")));
    if let Some(wanted) = &settings.profile
        && !visit.profiles.contains(wanted)
    {
        let offered = visit.profiles.join(", ");
        tell(Finding::bad(
            format!("the CA has no profile `{wanted}`"),
            format!("take `profile` out of [server.acme], or choose one of: {offered}"),
        ));
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
            tell(Finding::warning(format!("{what} does not answer: {error}"), "orders do without it"));
        }
    }
    visit.caa_identities
}
