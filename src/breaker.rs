//! A circuit breaker: a target that is down does not cost every delivery its time-out.
//!
//! Only what the target did counts. A call that had too little time, or that its own side gave up, says nothing about it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Calls in a row that failed before the target counts as down.
const FAILURES: u32 = 5;
/// How long nobody calls it then; after that one call tries.
const PAUSE: Duration = Duration::from_secs(30);
/// A call that had so much time was given a fair chance; of shorter time-outs, half of them.
const FAIR: Duration = Duration::from_millis(500);

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

/// A call that may go out. One that ends without a word about the target leaves the try to the next.
#[must_use = "what became of the call must be told"]
pub struct Call<'b> {
    breaker: &'b Breaker,
    /// Whether it is the one that tries after a pause.
    tries: bool,
}

impl Breaker {
    /// A call that may go out; else how long to wait. The one that tries after the pause keeps others out.
    pub fn admit(&self, now: Instant) -> Result<Call<'_>, Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = match state.open_until {
            Some(until) if now < until => return Err(until - now),
            Some(_) => {
                state.open_until = Some(now + PAUSE);
                true
            }
            None => false,
        };
        Ok(Call { breaker: self, tries })
    }

    /// How long nobody shall call; `None` where a call may try.
    pub fn pause(&self, now: Instant) -> Option<Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open_until.and_then(|until| until.checked_duration_since(now)).filter(|pause| !pause.is_zero())
    }

    /// Whether the target counts as down.
    pub fn is_open(&self, now: Instant) -> bool {
        self.pause(now).is_some()
    }
}

impl Call<'_> {
    /// What became of the call: whether the target answered at all, and not that it is broken.
    pub fn report(mut self, reached: bool, now: Instant) {
        self.tries = false;
        let mut state = self.breaker.state.lock().unwrap_or_else(PoisonError::into_inner);
        if reached {
            *state = State::default();
        } else {
            state.failures = state.failures.saturating_add(1);
            if state.failures >= FAILURES {
                state.open_until = Some(now + PAUSE);
            }
        }
    }

    /// The target did not answer in the time that was left; `usual` is what a call has when nothing was waited for before.
    /// Says whether that was a fair chance: only then it counts.
    pub fn timed_out(self, left: Duration, usual: Duration, now: Instant) -> bool {
        let is_fair = left >= FAIR.min(usual / 2);
        if is_fair {
            self.report(false, now);
        }
        is_fair
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.tries {
            let mut state = self.breaker.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.open_until = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A breaker that five failures opened, and when its pause is over.
    fn opened() -> (Breaker, Instant) {
        let breaker = Breaker::default();
        let start = Instant::now();
        for _ in 0..FAILURES {
            breaker.admit(start).unwrap_or_else(|_| panic!("it is closed")).report(false, start);
        }
        (breaker, start + PAUSE)
    }

    #[test]
    fn opens_after_failures_and_lets_one_try() {
        let (breaker, later) = opened();
        assert!(breaker.admit(later.checked_sub(Duration::from_millis(1)).unwrap()).is_err());
        let call = breaker.admit(later);
        assert!(call.is_ok());
        assert!(breaker.admit(later).is_err(), "a second one while the first tries");
        call.unwrap_or_else(|_| panic!("it tries")).report(true, later);
        assert!(breaker.admit(later).is_ok());
        assert!(breaker.admit(later).is_ok(), "it is closed");
    }

    #[test]
    fn a_call_that_says_nothing_about_the_target_leaves_the_try_to_the_next() {
        let (breaker, later) = opened();
        drop(breaker.admit(later));
        assert!(breaker.admit(later).is_ok(), "the one before was given up");
        let breaker = Breaker::default();
        let now = Instant::now();
        let second = Duration::from_secs(1);
        for _ in 0..3 * FAILURES {
            let call = breaker.admit(now).unwrap_or_else(|_| panic!("a wait of our own opened it"));
            assert!(!call.timed_out(second / 4, 10 * second, now));
        }
        for _ in 0..FAILURES {
            let call = breaker.admit(now).unwrap_or_else(|_| panic!("it is closed"));
            assert!(call.timed_out(second / 4, second / 4, now));
        }
        assert!(breaker.is_open(now), "short time-outs count where they are the usual ones");
    }
}
