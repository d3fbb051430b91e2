//! Deliveries that come again: Rossum retries what is not interactive, and each export must be sent once.
//!
//! A delivery with the `request_id` of one that was answered is answered again and not run again; one that is still
//! running is waited for. Answers of hooks that send something elsewhere are kept in the outbox too, so that this holds
//! over a restart.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

/// Answers that a hook keeps in memory.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;

pub(super) struct Repeats {
    window: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<String, Known>,
    /// Those that were answered, oldest first.
    answered: VecDeque<(Instant, String)>,
    bytes: usize,
}

enum Known {
    Running(watch::Receiver<()>),
    Answered(Bytes),
}

/// What a delivery finds when it comes.
pub(super) enum Arrival<'r> {
    /// It was answered before.
    Answered(Bytes),
    /// The same one runs: ask again when this ends.
    Running(watch::Receiver<()>),
    /// It is the first.
    First(First<'r>),
}

/// A delivery that runs. Dropped without an answer, the next one is the first again.
pub(super) struct First<'r> {
    repeats: &'r Repeats,
    id: String,
    _running: watch::Sender<()>,
}

impl Repeats {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, state: Mutex::default() }
    }

    /// How long an answer counts.
    pub(super) fn window(&self) -> Duration {
        self.window
    }

    pub(super) fn arrive(&self, id: &str) -> Arrival<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget(self.window);
        match state.known.get(id) {
            Some(Known::Answered(answer)) => Arrival::Answered(answer.clone()),
            Some(Known::Running(running)) => Arrival::Running(running.clone()),
            None => {
                let (sender, receiver) = watch::channel(());
                state.known.insert(id.to_owned(), Known::Running(receiver));
                Arrival::First(First { repeats: self, id: id.to_owned(), _running: sender })
            }
        }
    }
}

impl State {
    fn forget(&mut self, window: Duration) {
        while let Some((at, _)) = self.answered.front()
            && (at.elapsed() > window || self.answered.len() > MOST || self.bytes > MOST_BYTES)
        {
            if let Some((_, id)) = self.answered.pop_front()
                && let Some(Known::Answered(answer)) = self.known.remove(&id)
            {
                self.bytes -= answer.len();
            }
        }
    }
}

impl First<'_> {
    /// Keeps the answer for those that come again.
    pub(super) fn answered(self, answer: Bytes) {
        let mut state = self.repeats.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes += answer.len();
        state.answered.push_back((Instant::now(), self.id.clone()));
        state.known.insert(self.id.clone(), Known::Answered(answer));
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        let mut state = self.repeats.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Known::Running(_)) = state.known.get(&self.id) {
            state.known.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_runs_others_wait_and_get_its_answer_until_the_window_ends() {
        let repeats = Repeats::new(Duration::from_secs(60));
        let Arrival::First(first) = repeats.arrive("a") else { panic!("it is the first") };
        let Arrival::Running(mut running) = repeats.arrive("a") else { panic!("it runs") };
        let Arrival::First(other) = repeats.arrive("b") else { panic!("another") };
        drop(other); // it failed
        assert!(matches!(repeats.arrive("b"), Arrival::First(_)));
        first.answered(Bytes::from_static(b"{}"));
        assert!(running.changed().await.is_err(), "its end is told");
        assert!(matches!(repeats.arrive("a"), Arrival::Answered(answer) if *answer == *b"{}"));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(matches!(repeats.arrive("a"), Arrival::First(_)));
    }

    #[test]
    fn memory_is_bounded() {
        let repeats = Repeats::new(Duration::from_secs(3_600));
        let large = Bytes::from(vec![0; MOST_BYTES / 4]);
        for id in 0..20 {
            let Arrival::First(first) = repeats.arrive(&id.to_string()) else { panic!("each is new") };
            first.answered(large.clone());
        }
        let state = repeats.state.lock().unwrap();
        assert!(state.bytes <= MOST_BYTES + large.len(), "{}", state.bytes);
        assert_eq!(state.known.len(), state.answered.len());
    }
}
