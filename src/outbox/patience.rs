//! How long a job waits between its tries, and when it is given up: by what it has waited, never by the clock alone.

use std::time::Duration;

/// The first wait after a failure; it doubles with each.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(2);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// A job that has waited for so long between its tries is given up.
const GIVE_UP: Duration = Duration::from_secs(3 * 24 * 3_600);
/// It was tried so often then, at least.
const FEWEST_TRIES: u32 = 20;
/// A job whose try ended without a verdict (a panic) is given up after so many tries.
pub(super) const MOST_PANICS: u32 = 10;
/// Tries to tell that a job was given up: some two days.
pub(super) const MOST_TELLINGS: u32 = 60;

/// Twice as long after each try, spread by half so that not all come back at once; what the target asks for wins.
/// `attempts` counts the try that failed.
pub(super) fn wait(attempts: u32, not_before: Option<Duration>) -> Duration {
    let before = attempts.saturating_sub(1).min(12);
    let doubled = FIRST_WAIT.saturating_mul(1 << before).min(LONGEST_WAIT);
    let mut random = [0_u8; 2];
    let _ = getrandom::fill(&mut random); // without it, all at once
    let share = f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX);
    let spread = doubled.mul_f64(0.5 + share / 2.0);
    not_before.map_or(spread, |asked| asked.min(LONGEST_WAIT))
}

/// Whether a job that failed again is given up. A clock that is corrected gives up nothing: only time that was waited counts.
pub(super) fn is_over(attempts: u32, waited: Duration) -> bool {
    waited >= GIVE_UP && attempts >= FEWEST_TRIES
}

/// After this long it is given up, for people.
pub(super) fn display() -> String {
    crate::clock::display_span(GIVE_UP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_are_spread_and_the_target_decides() {
        for attempts in 1..20 {
            let full = FIRST_WAIT.saturating_mul(1 << (attempts - 1).min(12)).min(LONGEST_WAIT);
            let wait = wait(attempts, None);
            assert!(wait >= full / 2 && wait <= full, "{attempts}: {wait:?}");
        }
        assert_eq!(wait(9, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(wait(0, Some(Duration::from_secs(999_999))), LONGEST_WAIT);
    }

    #[test]
    fn giving_up_needs_tries_and_waited_time() {
        assert!(!is_over(1_000, Duration::from_secs(3 * 24 * 3_600 - 1)));
        assert!(!is_over(FEWEST_TRIES - 1, Duration::MAX));
        assert!(is_over(FEWEST_TRIES, GIVE_UP));
        // What is tried at its own pace is given up some time after three days.
        let (mut tries, mut waited) = (0, Duration::ZERO);
        while !is_over(tries, waited) {
            tries += 1;
            waited += wait(tries, None);
        }
        assert!(tries > 70 && tries < 200 && waited < GIVE_UP + LONGEST_WAIT, "{tries}: {waited:?}");
    }
}
