//! Asynchronous answers: a delivery that takes long is answered 202 with the place where its result will be.
//!
//! Rossum polls that place every 30 s until it says 201 (API reference: "Webhook events", asynchronous responses), and
//! calls the hook again when it says that there is nothing. The place is a path that nobody can guess, and it ends.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::refusal::Refusal;

/// Where results are found.
pub(super) const PLACE: &str = "/.annex/results/";
/// Rossum polls for an hour at most (`max_polling_time_s`).
const LIFE: Duration = Duration::from_secs(3_900);
/// Results that are kept at most, and their bytes.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;

/// What was promised, kept in memory: after a restart Rossum calls again.
#[derive(Default)]
pub(super) struct Promises {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<String, Promise>,
    /// In the order of their making.
    made: VecDeque<(Instant, String)>,
    bytes: usize,
}

enum Promise {
    Open,
    Kept(Bytes),
    Broken,
}

/// What is found at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Come again.
    NotYet,
    Result(Bytes),
    /// It failed: the log says why.
    Broken,
    Nothing,
}

impl Promises {
    /// Makes a promise; gives its name.
    pub(super) fn make(&self) -> Result<String, Refusal> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random)
            .map_err(|_| Refusal::Overloaded("the system gives no random numbers"))?;
        let name = hex::encode(random);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget();
        if state.known.len() >= MOST || state.bytes >= MOST_BYTES {
            return Err(Refusal::Overloaded("as many results are promised as may be"));
        }
        state.known.insert(name.clone(), Promise::Open);
        state.made.push_back((Instant::now(), name.clone()));
        Ok(name)
    }

    /// Says what became of it.
    pub(super) fn keep(&self, name: &str, result: Result<&Bytes, &Refusal>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(promise) = state.known.get_mut(name) {
            *promise = result.map_or(Promise::Broken, |answer| Promise::Kept(answer.clone()));
            state.bytes += result.map_or(0, Bytes::len);
        }
    }

    pub(super) fn find(&self, name: &str) -> Found {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget();
        match state.known.get(name) {
            Some(Promise::Open) => Found::NotYet,
            Some(Promise::Kept(answer)) => Found::Result(answer.clone()),
            Some(Promise::Broken) => Found::Broken,
            None => Found::Nothing,
        }
    }
}

impl State {
    fn forget(&mut self) {
        while let Some((made, _)) = self.made.front()
            && made.elapsed() > LIFE
        {
            if let Some((_, name)) = self.made.pop_front()
                && let Some(Promise::Kept(answer)) = self.known.remove(&name)
            {
                self.bytes -= answer.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_promise_is_kept_broken_or_forgotten() {
        let promises = Promises::default();
        let (one, other) = (promises.make().unwrap(), promises.make().unwrap());
        assert!(one.len() == 32 && one != other);
        assert_eq!(promises.find(&one), Found::NotYet);
        promises.keep(&one, Ok(&Bytes::from_static(b"{}")));
        promises.keep(&other, Err(&Refusal::OutOfTime));
        assert_eq!(promises.find(&one), Found::Result(Bytes::from_static(b"{}")));
        assert_eq!(promises.find(&other), Found::Broken);
        assert_eq!(promises.find("0"), Found::Nothing);
        tokio::time::advance(LIFE + Duration::from_secs(1)).await;
        assert_eq!(promises.find(&one), Found::Nothing);
        assert_eq!(promises.state.lock().unwrap().bytes, 0);
    }
}
