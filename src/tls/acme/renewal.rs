//! When a certificate is due.

use std::time::{Duration, SystemTime};

use super::super::Certificate;

/// Below this life a certificate is renewed at half of it (Let's Encrypt's advice for short-lived ones).
const SHORT_LIFE: Duration = Duration::from_secs(10 * 86_400);

/// The moment from which a new one should be ordered: a third of the life before the end, half of a short one.
pub(super) fn due(certificate: &Certificate) -> SystemTime {
    let life = certificate.not_after.duration_since(certificate.not_before).unwrap_or_default();
    let left = if life < SHORT_LIFE { life / 2 } else { life / 3 };
    certificate.not_after.checked_sub(left).unwrap_or(certificate.not_before)
}
