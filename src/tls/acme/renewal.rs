//! When a certificate is due: when the CA says so (renewal information, RFC 9773), when little of its life is left, or
//! when it does not fit the configuration.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::clock;

use super::super::Certificate;
use super::request::{RequestError, Step, Wire};

/// Below this life a certificate is renewed at half of it (Let's Encrypt's advice for short-lived ones).
const SHORT_LIFE: Duration = Duration::from_secs(10 * 86_400);
/// Renewal information is asked for at least and at most this often, whatever its `Retry-After` says.
const ASK_AT_MOST: Duration = Duration::from_secs(60);
const ASK_AT_LEAST: Duration = Duration::from_secs(12 * 3_600);

/// The moment from which a new one should be ordered: a third of the life before the end, half of a short one.
pub(super) fn by_life(certificate: &Certificate) -> SystemTime {
    let life = certificate.life();
    let left = if life < SHORT_LIFE { life / 2 } else { life / 3 };
    certificate.not_after.checked_sub(left).unwrap_or(certificate.not_before)
}

/// The same, in words.
pub(super) fn by_life_reason(certificate: &Certificate) -> &'static str {
    if certificate.life() < SHORT_LIFE {
        "half of its life is left then"
    } else {
        "a third of its life is left then"
    }
}

/// What a CA said about the renewal of one certificate; kept, so that a restart does not draw another moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Advice {
    /// The certificate's name in renewal information.
    certificate: String,
    window: [u64; 2],
    /// A moment in the window, drawn at random once. Seconds since 1970.
    moment: u64,
    /// When to ask again.
    ask_again: u64,
    /// A page that says why, where there is one: a revocation is coming.
    pub(super) explanation: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RenewalInfo {
    suggested_window: Window,
    #[serde(rename = "explanationURL")]
    explanation: Option<String>,
}

#[derive(Deserialize)]
struct Window {
    start: String,
    end: String,
}

impl Advice {
    pub(super) fn moment(&self) -> SystemTime {
        clock::from_unix_seconds(self.moment)
    }

    /// Whether it is about this certificate.
    pub(super) fn is_for(&self, renewal_id: &str) -> bool {
        self.certificate == renewal_id
    }

    pub(super) fn is_stale(&self, now: SystemTime) -> bool {
        let again = clock::from_unix_seconds(self.ask_again);
        // Further away than it can be: the clock was wrong when it was written.
        again <= now || again > now + 2 * ASK_AT_LEAST
    }
}

/// Asks a CA that has renewal information when this certificate should be renewed.
pub(super) async fn ask(
    wire: &Wire,
    renewal_info: &str,
    renewal_id: &str,
    before: Option<&Advice>,
) -> Result<Advice, RequestError> {
    let url = format!("{}/{renewal_id}", renewal_info.trim_end_matches('/'));
    let answered = wire.get(Step::RenewalInformation, &url).await?;
    let info: RenewalInfo = answered.json()?;
    let unreadable = || answered.unreadable("no window".to_owned());
    let [start, end] = [&info.suggested_window.start, &info.suggested_window.end]
        .map(|text| clock::parse_rfc3339(text).map(clock::unix_seconds));
    let (start, end) = (start.ok_or_else(unreadable)?, end.ok_or_else(unreadable)?);
    let now = clock::now();
    let again = now + answered.retry_after().unwrap_or(ASK_AT_LEAST).clamp(ASK_AT_MOST, ASK_AT_LEAST);
    let window = [start, end.max(start)];
    let moment = match before.filter(|advice| advice.is_for(renewal_id) && advice.window == window) {
        Some(same) => same.moment,
        None => start + random_below(window[1] - window[0] + 1),
    };
    let certificate = renewal_id.to_owned();
    let ask_again = clock::unix_seconds(again);
    Ok(Advice { certificate, window, moment, ask_again, explanation: info.explanation })
}

/// A random number below `limit`, which is not 0.
pub(super) fn random_below(limit: u64) -> u64 {
    // Where the system has no randomness, everyone comes at the same moment: a pity, not a failure.
    getrandom::u64().unwrap_or(0) % limit
}
