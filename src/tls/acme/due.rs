//! When a certificate is due, and why then: by its life, by its CA's advice, or because it does not fit the configuration.

use std::time::{Duration, SystemTime};

use super::super::AcmeSettings;
use super::keep::Current;
use super::pace::Pace;
use super::renewal::{self, Advice};

/// After an order, advice to renew can wait this long, or a part of the life.
const ADVICE_REST: Duration = Duration::from_secs(6 * 3_600);
/// When the next certificate is due, and why then.
pub(super) struct Due {
    pub(super) at: SystemTime,
    pub(super) reason: String,
    /// How long after the last order at the earliest: a clock that is far ahead finds every new certificate old.
    rest: Duration,
}

impl Due {
    /// A certificate for other names or from another CA (staging, say) is served, and replaced at once.
    pub(super) fn of(current: Option<&Current>, settings: &AcmeSettings, advice: Option<&Advice>) -> Self {
        let at_once = |reason: &str| Self {
            at: SystemTime::UNIX_EPOCH,
            reason: reason.to_owned(),
            rest: Duration::ZERO,
        };
        let Some(Current { certificate, directory, .. }) = current else {
            return at_once("there is none yet");
        };
        if !certificate.covers(&settings.domains) {
            return at_once("the domains changed");
        }
        if !is_ours(directory, settings) {
            return at_once("the CA changed");
        }
        let by_life = Self {
            at: renewal::by_life(certificate),
            reason: renewal::by_life_reason(certificate).to_owned(),
            rest: certificate.life() / 4,
        };
        let advice =
            advice.filter(|advice| certificate.renewal_id.as_deref().is_some_and(|id| advice.is_for(id)));
        match advice {
            // Never relied on alone: a window after that moment changes nothing.
            Some(advice) if advice.moment() < by_life.at => {
                // Before its own first day: the CA means at once, whatever clock one goes by.
                let at_once = advice.moment() < certificate.not_before;
                let rest = if at_once { Duration::ZERO } else { ADVICE_REST.min(certificate.life() / 8) };
                Self { at: advice.moment(), reason: "the CA advises it".to_owned(), rest }
            }
            _ => by_life,
        }
    }

    /// Not so soon after the last certificate.
    pub(super) fn rested(self, pace: &Pace, now: SystemTime) -> Self {
        // One that lies ahead was written by a clock that was wrong.
        let last = pace.last_attempt().filter(|last| pace.failures() == 0 && *last <= now);
        match last.and_then(|last| last.checked_add(self.rest)) {
            Some(rested) if rested > self.at && !self.rest.is_zero() => {
                let reason = "the last one was obtained a short while ago: is the clock right?".to_owned();
                Self { at: rested, reason, ..self }
            }
            _ => self,
        }
    }
}

/// Whether a CA of the configuration issued it.
pub(super) fn is_ours(directory: &str, settings: &AcmeSettings) -> bool {
    let second = settings.second.as_ref();
    directory == settings.ca.directory || second.is_some_and(|second| second.directory == directory)
}
