//! A circuit breaker: a target that is down does not cost every delivery its time-out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Calls in a row that failed before the target counts as down.
const FAILURES: u32 = 5;
/// How long nobody calls it then; after that one call tries.
const PAUSE: Duration = Duration::from_secs(30);

/// Counts failures to reach one target.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until when nobody shall call.
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether a call may go out; else how long to wait. The one that tries after the pause keeps others out.
    pub fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                state.open_until = Some(now + PAUSE);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What became of a call: whether the target answered at all, and not that it is broken.
    pub fn report(&self, reached: bool, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if reached {
            *state = State::default();
        } else {
            state.failures = state.failures.saturating_add(1);
            if state.failures >= FAILURES {
                state.open_until = Some(now + PAUSE);
            }
        }
    }

    /// Whether the target counts as down.
    pub fn is_open(&self, now: Instant) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_and_lets_one_try() {
        let breaker = Breaker::default();
        let start = Instant::now();
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(start), Ok(()));
            breaker.report(false, start);
        }
        assert!(breaker.admit(start).is_err());
        let later = start + PAUSE;
        assert_eq!(breaker.admit(later), Ok(()));
        assert!(breaker.admit(later).is_err(), "a second one while the first tries");
        breaker.report(true, later);
        assert_eq!(breaker.admit(later), Ok(()));
    }
}
