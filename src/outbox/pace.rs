//! A pace for calls of all jobs together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Between two calls of Rossum's API: it takes ten a second of one account, and deliveries call it too.
const BETWEEN: Duration = Duration::from_millis(125);

#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// Returns when it is the caller's turn, in the order in which they came.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let mine = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let mine = next.map_or(now, |next| next.max(now));
            *next = Some(mine + BETWEEN);
            mine
        };
        sleep_until(mine).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_goes_at_once_and_each_later_one_after_its_turn() {
        let (pace, start) = (Pace::default(), Instant::now());
        for turn in 0..9 {
            pace.turn().await;
            assert_eq!(start.elapsed(), BETWEEN * turn);
        }
        tokio::time::advance(Duration::from_secs(9)).await;
        let later = Instant::now();
        pace.turn().await;
        assert_eq!(later.elapsed(), Duration::ZERO, "time that nobody used is no credit, and no debt");
    }
}
