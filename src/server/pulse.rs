//! Whether the accept loops really move: each beats once a second, and systemd's watchdog is fed only while all do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often each loop beats.
pub(super) const BEAT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Pulse {
    start: Instant,
    beats: Arc<Mutex<Vec<Arc<AtomicU64>>>>,
}

/// One loop's part of it.
pub struct Beat {
    start: Instant,
    last: Arc<AtomicU64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { start: Instant::now(), beats: Arc::default() }
    }
}

impl Pulse {
    pub fn join(&self) -> Beat {
        let beat = Beat { start: self.start, last: Arc::default() };
        beat.beat();
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&beat.last));
        beat
    }

    /// Whether every loop has beaten within this time.
    pub fn is_alive(&self, within: Duration) -> bool {
        let now = milliseconds(self.start);
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.iter().all(|last| now.saturating_sub(last.load(Ordering::Relaxed)) <= within)
    }
}

impl Beat {
    pub(super) fn beat(&self) {
        self.last.store(milliseconds(self.start), Ordering::Relaxed);
    }
}

fn milliseconds(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_loop_that_stands_still_is_enough() {
        let pulse = Pulse::default();
        let (one, _other) = (pulse.join(), pulse.join());
        assert!(pulse.is_alive(BEAT));
        tokio::time::advance(BEAT * 3).await;
        one.beat();
        assert!(!pulse.is_alive(BEAT));
    }
}
