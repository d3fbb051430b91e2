//! How often to try: failures in a row and the next allowed try, on disk, so that a server that is restarted again
//! and again orders no more often than one that runs.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::clock;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Pace {
    /// Orders failed since the last certificate.
    pub(super) failures: usize,
    /// Seconds since 1970.
    next_try: u64,
}

impl Pace {
    pub(super) fn next_try(&self) -> SystemTime {
        clock::from_unix_seconds(self.next_try)
    }

    /// The pace as it must be on disk before an attempt begins: as if it had failed already.
    pub(super) fn before_attempt(&self, now: SystemTime, retry: &[Duration]) -> Self {
        let wait = retry.get(self.failures).or(retry.last()).copied().unwrap_or(Duration::from_secs(86_400));
        // Rounded up: never sooner than asked.
        let next = now.checked_add(wait).unwrap_or(now) + Duration::from_millis(999);
        Self { failures: self.failures + 1, next_try: clock::unix_seconds(next) }
    }

    /// A moment further away than any wait is a clock that was wrong when it was written.
    pub(super) fn is_plausible(&self, now: SystemTime, retry: &[Duration]) -> bool {
        let longest = retry.iter().max().copied().unwrap_or_default() + Duration::from_secs(1);
        self.next_try() <= now.checked_add(longest).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_the_last_one_repeats() {
        let retry = [60, 600, 6_000, 86_400].map(Duration::from_secs);
        let now = clock::from_unix_seconds(1_800_000_000);
        let mut pace = Pace::default();
        let mut waits = Vec::new();
        for _ in 0..6 {
            pace = pace.before_attempt(now, &retry);
            waits.push(pace.next_try().duration_since(now).unwrap().as_secs());
        }
        assert_eq!(waits, [60, 600, 6_000, 86_400, 86_400, 86_400]);
        assert!(pace.is_plausible(now, &retry));
        assert!(!pace.is_plausible(clock::from_unix_seconds(1_700_000_000), &retry));
    }
}
