//! How often to try: failures in a row and the next allowed try, on disk, so that a server that is restarted again
//! and again orders no more often than one that runs.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::clock;

use super::super::Challenge;
use super::renewal::random_below;

/// What went wrong, by whom it costs something. Only a failed validation eats a CA's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Failure {
    /// The CA could not be reached, or fell silent.
    Network,
    /// It refused, or broke down.
    Ca,
    /// It could not see that a name is ours.
    Validation,
}

/// The pace of each configuration that was tried lately: a mistake that is corrected is tried at once, and going back to it
/// goes on where it was. Nodes that share the folder may have different ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Paces {
    /// The newest one.
    #[serde(flatten)]
    last: Pace,
    /// A digest of what it is about; empty where an earlier version wrote it.
    about: String,
    /// The ones before, by what they are about.
    others: BTreeMap<String, Pace>,
}

/// Configurations that are remembered beside the newest.
const OTHERS: usize = 8;

impl Paces {
    /// The pace of this configuration; a new one goes by the challenge that worked.
    pub(super) fn of(&self, about: &str) -> Pace {
        if self.about == about || self.about.is_empty() {
            return self.last.clone();
        }
        let fresh =
            || Pace { challenge: self.last.challenge.filter(|(_, worked)| *worked), ..Pace::default() };
        self.others.get(about).cloned().unwrap_or_else(fresh)
    }

    pub(super) fn put(&mut self, about: &str, pace: Pace) {
        if self.about != about && !self.about.is_empty() {
            self.others.insert(std::mem::take(&mut self.about), std::mem::take(&mut self.last));
        }
        self.others.remove(about);
        if self.others.len() > OTHERS {
            let oldest = self.others.iter().min_by_key(|(_, pace)| pace.last_attempt);
            if let Some(oldest) = oldest.map(|(about, _)| about.clone()) {
                self.others.remove(&oldest);
            }
        }
        about.clone_into(&mut self.about);
        self.last = pace;
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Pace {
    /// Failed attempts since the last certificate, by kind.
    pub(super) network: usize,
    pub(super) ca: usize,
    pub(super) validation: usize,
    /// Seconds since 1970, as all moments here.
    first_failure: Option<u64>,
    /// Attempts in a row that the end of the process interrupted.
    interrupted: usize,
    last_attempt: Option<u64>,
    next_try: u64,
    /// In the CA's own words.
    pub(super) last_error: Option<String>,
    /// The challenge that the last attempt used, and whether it worked.
    challenge: Option<(Kept, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kept {
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    #[serde(rename = "http-01")]
    Http01,
    #[serde(rename = "dns-persist-01")]
    DnsPersist01,
}

impl From<Challenge> for Kept {
    fn from(challenge: Challenge) -> Self {
        match challenge {
            Challenge::TlsAlpn01 => Self::TlsAlpn01,
            Challenge::Http01 => Self::Http01,
            Challenge::DnsPersist01 => Self::DnsPersist01,
        }
    }
}

/// How long to wait, by the configuration and by what is left of the certificate's life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits<'w> {
    /// After the first, second … failure; the last one repeats.
    pub(super) retry: &'w [Duration],
    /// Life of the certificate that is served, and what is left of it.
    pub(super) life: Option<(Duration, Duration)>,
}

/// Let's Encrypt gives one failed validation back every 12 minutes: near the end of a certificate's life that is often
/// enough. A test CA's certificates, which live for minutes, allow as many tries in a life.
const HURRY: Duration = Duration::from_secs(12 * 60);
const TRIES_IN_A_LIFE: u32 = 32;

/// The longest wait: a CA's `Retry-After` for a week's limit. One that asks for more is asked again then.
const LONGEST: Duration = Duration::from_secs(8 * 86_400);
/// By how much a moment on disk may be later than it was meant.
const ROUNDED: Duration = Duration::from_secs(1);

/// Interrupted attempts in a row that are gone on with at once.
const INTERRUPTIONS: usize = 10;

impl Waits<'_> {
    fn after(&self, failures: usize) -> Duration {
        let wait =
            self.retry.get(failures).or(self.retry.last()).copied().unwrap_or(Duration::from_secs(86_400));
        match self.life {
            // A quarter of what is left, so that several tries fit into it.
            Some((life, left)) if !left.is_zero() => {
                let least = HURRY.min(life / TRIES_IN_A_LIFE);
                wait.min((left / 4).max(least))
            }
            _ => wait,
        }
    }
}

impl Pace {
    pub(super) fn failures(&self) -> usize {
        self.network + self.ca + self.validation
    }

    pub(super) fn next_try(&self) -> SystemTime {
        clock::from_unix_seconds(self.next_try)
    }

    pub(super) fn last_attempt(&self) -> Option<SystemTime> {
        self.last_attempt.map(clock::from_unix_seconds)
    }

    /// How long attempts have been failing.
    pub(super) fn failing_for(&self, now: SystemTime) -> Duration {
        let first = self.first_failure.map(clock::from_unix_seconds);
        first.and_then(|first| now.duration_since(first).ok()).unwrap_or_default()
    }

    /// The pace as it must be on disk before an attempt begins: it is what a crash leaves. An interrupted attempt is not a
    /// failed one, and the next start goes on with it at once; but not for ever.
    pub(super) fn before_attempt(&self, now: SystemTime, waits: Waits<'_>) -> Self {
        let mut next = self.clone();
        if let Some(too_many) = self.interrupted.checked_sub(INTERRUPTIONS) {
            next.wait_until(now.checked_add(spread(waits.after(too_many))).unwrap_or(now), now);
        }
        next.interrupted += 1;
        next.last_attempt = Some(clock::unix_seconds(now));
        next
    }

    /// Attempts in a row that were interrupted.
    pub(super) fn interrupted(&self) -> usize {
        self.interrupted
    }

    /// The pace after a failure; `self` is the one before the attempt.
    pub(super) fn after(&self, failure: Failure, now: SystemTime, waits: Waits<'_>) -> Self {
        let mut next = self.clone();
        let count = match failure {
            Failure::Network => &mut next.network,
            Failure::Ca => &mut next.ca,
            Failure::Validation => &mut next.validation,
        };
        let wait = waits.after(*count);
        *count += 1;
        next.interrupted = 0;
        next.first_failure.get_or_insert(clock::unix_seconds(now));
        next.wait_until(now.checked_add(spread(wait)).unwrap_or(now), now);
        next
    }

    /// When the last attempt began, and why it failed.
    pub(super) fn tried(&mut self, at: SystemTime, problem: &str) {
        self.last_attempt = Some(clock::unix_seconds(at));
        self.last_error = Some(problem.to_owned());
    }

    /// No try before this moment, or before the longest wait has passed, whatever a CA asks for.
    pub(super) fn wait_until(&mut self, moment: SystemTime, now: SystemTime) {
        let moment = moment.min(now.checked_add(LONGEST).unwrap_or(now));
        // Rounded up: never sooner than asked.
        self.next_try = clock::unix_seconds(moment + Duration::from_millis(999));
    }

    /// A moment further away than any wait is a clock that was wrong when it was written.
    pub(super) fn is_plausible(&self, now: SystemTime) -> bool {
        self.next_try() <= now.checked_add(LONGEST + ROUNDED).unwrap_or(now)
    }

    pub(super) fn remember(&mut self, challenge: Challenge, worked: bool) {
        self.challenge = Some((challenge.into(), worked));
    }

    /// The challenge that worked last; after one that did not, the other.
    pub(super) fn challenge(&self) -> Challenge {
        match self.challenge {
            // The one by DNS is chosen, and never tried in turn.
            None | Some((Kept::TlsAlpn01, true) | (Kept::Http01, false) | (Kept::DnsPersist01, _)) => {
                Challenge::TlsAlpn01
            }
            Some((Kept::Http01, true) | (Kept::TlsAlpn01, false)) => Challenge::Http01,
        }
    }

    /// The pace after a certificate: nothing has failed; the challenge that worked is remembered.
    pub(super) fn succeeded(challenge: Challenge, now: SystemTime) -> Self {
        let mut fresh = Self { last_attempt: Some(clock::unix_seconds(now)), ..Self::default() };
        fresh.remember(challenge, true);
        fresh
    }
}

/// The wait, or up to half as much longer at random: servers that failed together do not come back together.
fn spread(wait: Duration) -> Duration {
    let half = u64::try_from(wait.as_millis() / 2).unwrap_or(u64::MAX - 1);
    wait + Duration::from_millis(random_below(half + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: [Duration; 4] = [
        Duration::from_secs(60),
        Duration::from_secs(600),
        Duration::from_secs(6_000),
        Duration::from_secs(86_400),
    ];
    const WAITS: Waits<'_> = Waits { retry: &RETRY, life: None };

    fn noon() -> SystemTime {
        clock::from_unix_seconds(1_800_000_000)
    }

    fn wait(pace: &Pace) -> u64 {
        pace.next_try().duration_since(noon()).unwrap().as_secs()
    }

    #[test]
    fn waits_grow_are_spread_and_the_last_one_repeats() {
        let mut pace = Pace::default();
        for expected in [60, 600, 6_000, 86_400, 86_400] {
            pace = pace.after(Failure::Validation, noon(), WAITS);
            let wait = wait(&pace);
            assert!(wait >= expected && wait <= expected * 3 / 2 + 1, "{wait} for {expected}");
        }
        assert!(pace.is_plausible(noon()));
        // A CA that asks for ten years is asked again after eight days, and not at once.
        let mut patient = pace.clone();
        patient.wait_until(noon() + 3_650 * Duration::from_secs(86_400), noon());
        assert!(patient.is_plausible(noon()));
        assert!(patient.next_try() >= noon() + Duration::from_secs(8 * 86_400));
        assert!(!pace.is_plausible(clock::from_unix_seconds(1_700_000_000)));
    }

    #[test]
    fn kinds_are_counted_apart() {
        let mut pace = Pace::default();
        for _ in 0..3 {
            pace = pace.after(Failure::Network, noon(), WAITS);
        }
        pace = pace.after(Failure::Validation, noon(), WAITS);
        assert!(wait(&pace) <= 91, "the first failed validation");
        assert_eq!((pace.failures(), pace.network), (4, 3));
        assert_eq!(pace.failing_for(noon() + Duration::from_secs(7)).as_secs(), 7);
    }

    #[test]
    fn what_is_left_of_the_life_shortens_waits_but_not_below_the_cas_limit() {
        let day = Duration::from_secs(86_400);
        let waits = |life, left| Waits { retry: &RETRY, life: Some((life, left)) }.after(3);
        assert_eq!(waits(90 * day, 30 * day), day);
        assert_eq!(waits(90 * day, day), day / 4);
        assert_eq!(waits(90 * day, Duration::from_secs(60)), HURRY);
        assert_eq!(waits(Duration::from_secs(96), Duration::from_secs(4)).as_secs(), 3);
        assert_eq!(waits(90 * day, Duration::ZERO), day, "expired: nothing to hurry for");
    }

    #[test]
    fn the_other_challenge_comes_after_one_that_failed_and_stays_where_it_worked() {
        let mut pace = Pace::default();
        assert_eq!(pace.challenge(), Challenge::TlsAlpn01);
        pace.remember(Challenge::TlsAlpn01, false);
        assert_eq!(pace.challenge(), Challenge::Http01);
        let pace = Pace::succeeded(Challenge::Http01, noon());
        assert_eq!((pace.challenge(), pace.failures()), (Challenge::Http01, 0));
    }

    #[test]
    fn an_interrupted_attempt_is_no_failure_but_is_not_repeated_for_ever() {
        let mut pace = Pace::default();
        for _ in 0..INTERRUPTIONS {
            pace = pace.before_attempt(noon(), WAITS);
            assert!(pace.next_try() <= noon() && pace.failures() == 0);
        }
        pace = pace.before_attempt(noon(), WAITS);
        assert!((60..=91).contains(&wait(&pace)), "{}", wait(&pace));
        assert_eq!(pace.before_attempt(noon(), WAITS).failures(), 0);
        assert_eq!(pace.after(Failure::Ca, noon(), WAITS).interrupted(), 0);
    }

    #[test]
    fn the_oldest_of_many_configurations_is_forgotten() {
        let mut paces = Paces::default();
        for at in 0..20 {
            let mut pace = Pace::default();
            pace.tried(clock::from_unix_seconds(at), "a problem");
            paces.put(&format!("{at}"), pace);
        }
        assert_eq!(paces.others.len(), OTHERS);
        assert_eq!(paces.of("0"), Pace::default());
        assert!(paces.of("18").last_error.is_some() && paces.of("19").last_error.is_some());
        let json = serde_json::json!(paces).to_string();
        assert_eq!(serde_json::from_str::<Paces>(&json).unwrap(), paces);
        let older = serde_json::from_str::<Paces>("{\"network\": 3, \"next_try\": 7}").unwrap();
        assert_eq!(older.of("any").failures(), 3, "an older version's");
    }

    #[test]
    fn it_survives_the_disk() {
        let mut pace = Pace::default().before_attempt(noon(), WAITS);
        pace.remember(Challenge::Http01, false);
        let json = serde_json::json!(pace).to_string();
        assert_eq!(serde_json::from_str::<Pace>(&json).unwrap(), pace);
        assert!(serde_json::from_str::<Pace>("{\"failures\": 3, \"next_try\": 7}").is_ok(), "an older one");
    }
}
