//! Asynchronous answers: a delivery that takes long is answered 202 with the place where its result will be.
//!
//! Rossum polls that place every 30 s until it says 201 (API reference: "Webhook events", asynchronous responses), and
//! calls the hook again when it says that there is nothing. The place is a path that nobody can guess, and it ends.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::refusal::Refusal;

/// Where results are found.
pub(super) const PLACE: &str = "/.annex/results/";
/// Rossum polls for an hour at most (`max_polling_time_s`).
const LIFE: Duration = Duration::from_secs(3_900);
/// How long a result stays after it was collected: that answer may have been lost on its way.
const COLLECTED: Duration = Duration::from_secs(120);
/// Promises that are known at most, and the bytes of their results.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;

/// What was promised, kept in memory: after a restart Rossum calls again.
#[derive(Default)]
pub(super) struct Promises {
    state: Mutex<State>,
}

/// A delivery as Rossum names it: the hook and its `request_id`.
pub(super) type Named = (String, String);

#[derive(Default)]
struct State {
    known: HashMap<String, Promise>,
    /// The place that a delivery was promised, so that the same one that comes again gets no second.
    places: HashMap<Named, String>,
    /// In the order of their making.
    made: VecDeque<(Instant, String)>,
    /// Finished ones, in the order of their end.
    finished: VecDeque<String>,
    /// Those that were collected, in that order.
    collected: VecDeque<(Instant, String)>,
    bytes: usize,
}

struct Promise {
    result: Kept,
    of: Option<Named>,
    is_collected: bool,
}

enum Kept {
    Open,
    Result(Bytes),
    Broken,
}

/// A promise for a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// The work is to be done.
    New(String),
    /// The same delivery was promised this before, and that holds.
    Same(String),
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
    /// Makes a promise; gives its name. A delivery has one, unless it was broken: then Rossum calls again.
    pub(super) fn make(&self, of: Option<Named>) -> Result<Made, Refusal> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random)
            .map_err(|_| Refusal::Overloaded("the system gives no random numbers"))?;
        let name = hex::encode(random);
        let mut state = self.lock();
        state.forget();
        let before = of.as_ref().and_then(|of| state.places.get(of).cloned());
        if let Some(before) = before {
            if state.known.get(&before).is_some_and(|promise| !matches!(promise.result, Kept::Broken)) {
                return Ok(Made::Same(before));
            }
            state.remove(&before);
        }
        while state.known.len() >= MOST || state.bytes >= MOST_BYTES {
            let Some(oldest) = state.finished.pop_front() else {
                return Err(Refusal::Overloaded("as many results are promised as may be"));
            };
            state.remove(&oldest);
        }
        if let Some(of) = &of {
            state.places.insert(of.clone(), name.clone());
        }
        state.known.insert(name.clone(), Promise { result: Kept::Open, of, is_collected: false });
        state.made.push_back((Instant::now(), name.clone()));
        Ok(Made::New(name))
    }

    /// Says what became of it.
    pub(super) fn keep(&self, name: &str, result: Result<&Bytes, &Refusal>) {
        let mut state = self.lock();
        if let Some(promise) = state.known.get_mut(name) {
            promise.result = result.map_or(Kept::Broken, |answer| Kept::Result(answer.clone()));
            state.bytes += result.map_or(0, Bytes::len);
            state.finished.push_back(name.to_owned());
        }
    }

    /// What there is for whoever asks; a result is collected by that.
    pub(super) fn find(&self, name: &str) -> Found {
        let mut state = self.lock();
        state.forget();
        let Some(promise) = state.known.get_mut(name) else { return Found::Nothing };
        let found = match &promise.result {
            Kept::Open => return Found::NotYet,
            Kept::Result(answer) => Found::Result(answer.clone()),
            Kept::Broken => Found::Broken,
        };
        if !std::mem::replace(&mut promise.is_collected, true) {
            state.collected.push_back((Instant::now(), name.to_owned()));
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Those whose time is over.
    fn forget(&mut self) {
        while let Some((at, _)) = self.collected.front()
            && at.elapsed() > COLLECTED
            && let Some((_, name)) = self.collected.pop_front()
        {
            self.remove(&name);
        }
        while let Some((made, _)) = self.made.front()
            && made.elapsed() > LIFE
            && let Some((_, name)) = self.made.pop_front()
        {
            self.remove(&name);
        }
        // What is gone needs no place in the queues either.
        while self.made.front().is_some_and(|(_, name)| !self.known.contains_key(name)) {
            self.made.pop_front();
        }
        while self.finished.front().is_some_and(|name| !self.known.contains_key(name)) {
            self.finished.pop_front();
        }
        let most = 2 * self.known.len() + 64;
        if self.made.len() > most || self.finished.len() > most {
            let known = &self.known;
            self.made.retain(|(_, name)| known.contains_key(name));
            self.finished.retain(|name| known.contains_key(name));
        }
    }

    fn remove(&mut self, name: &str) {
        let Some(promise) = self.known.remove(name) else { return };
        if let Kept::Result(answer) = &promise.result {
            self.bytes -= answer.len();
        }
        if let Some(of) = promise.of
            && self.places.get(&of).is_some_and(|place| place == name)
        {
            self.places.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(promises: &Promises, id: &str) -> String {
        match promises.make(Some(("hook".to_owned(), id.to_owned()))) {
            Ok(Made::New(name)) => name,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_promise_is_kept_broken_or_forgotten() {
        let promises = Promises::default();
        let (one, other, open) = (new(&promises, "1"), new(&promises, "2"), new(&promises, "3"));
        assert!(one.len() == 32 && one != other);
        assert_eq!(promises.find(&one), Found::NotYet);
        promises.keep(&one, Ok(&Bytes::from_static(b"{}")));
        promises.keep(&other, Err(&Refusal::OutOfTime));
        assert_eq!(promises.find("0"), Found::Nothing);
        for _ in 0..2 {
            assert_eq!(promises.find(&one), Found::Result(Bytes::from_static(b"{}")));
            assert_eq!(promises.find(&other), Found::Broken);
        }
        tokio::time::advance(COLLECTED + Duration::from_secs(1)).await;
        assert_eq!(promises.find(&one), Found::Nothing, "it was collected");
        assert_eq!(promises.find(&open), Found::NotYet);
        tokio::time::advance(LIFE).await;
        assert_eq!(promises.find(&open), Found::Nothing);
        let state = promises.lock();
        assert_eq!((state.bytes, state.known.len(), state.places.len()), (0, 0, 0));
        assert!(state.made.is_empty() && state.finished.is_empty() && state.collected.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_has_one_promise_however_often_it_comes() {
        let promises = Promises::default();
        let of = || Some(("hook".to_owned(), "r-1".to_owned()));
        let name = new(&promises, "r-1");
        for _ in 0..3 * MOST {
            assert_eq!(promises.make(of()).unwrap(), Made::Same(name.clone()));
        }
        promises.keep(&name, Err(&Refusal::OutOfTime));
        let Ok(Made::New(next)) = promises.make(of()) else { panic!("a broken one is made again") };
        assert_ne!(next, name);
        assert_eq!(promises.find(&name), Found::Nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_finished_one_makes_room_and_an_open_one_never() {
        let promises = Promises::default();
        let open = new(&promises, "open");
        for number in 0..3 * MOST {
            let name = new(&promises, &number.to_string());
            promises.keep(&name, Ok(&Bytes::from_static(b"{}")));
        }
        assert_eq!(promises.find(&open), Found::NotYet);
        let state = promises.lock();
        assert!(state.known.len() <= MOST && state.places.len() <= MOST);
        assert!(state.made.len() <= 2 * MOST + 64 && state.finished.len() <= 2 * MOST + 64);
        drop(state);
        let promises = Promises::default();
        (0..MOST).for_each(|number| drop(new(&promises, &number.to_string())));
        assert!(promises.make(None).is_err(), "all of them are still to be kept");
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_than_may_be_promised_is_refused_until_one_is_kept() {
        let promises = Promises::default();
        let names: Vec<String> = (0..MOST).map(|number| new(&promises, &number.to_string())).collect();
        let of = |id: &str| Some(("hook".to_owned(), id.to_owned()));
        for _ in 0..2 {
            let Err(refusal) = promises.make(of("more")) else { panic!("there is no room") };
            assert!(refusal.to_string().contains("as many results are promised as may be"), "{refusal}");
            let response = refusal.response(Some("more"));
            assert_eq!(response.status(), 503, "Rossum sends it again");
            assert!(response.headers().contains_key("retry-after"));
        }
        // What was promised holds, also where it comes once more.
        assert_eq!(promises.make(of("7")).unwrap(), Made::Same(names[7].clone()));
        assert_eq!(promises.find(&names[0]), Found::NotYet);
        promises.keep(&names[1], Ok(&Bytes::from_static(b"{}")));
        let more = new(&promises, "more");
        assert_eq!(promises.find(&names[1]), Found::Nothing, "the finished one made room");
        assert_eq!(promises.find(&more), Found::NotYet);
        // Results take room too.
        let promises = Promises::default();
        let (large, small) = (new(&promises, "large"), new(&promises, "small"));
        promises.keep(&large, Ok(&Bytes::from(vec![0; MOST_BYTES])));
        new(&promises, "next");
        assert_eq!((promises.find(&large), promises.find(&small)), (Found::Nothing, Found::NotYet));
    }
}
