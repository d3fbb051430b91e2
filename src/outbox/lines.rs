//! Runs of one line that are made while Rossum waits follow each other, as jobs of one line do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use tokio::sync::{Mutex as Turns, OwnedMutexGuard};
use tokio::time::timeout_at;

/// What the last run of a line left to those who waited for its end.
type Left = Option<Vec<u8>>;

/// The lines that somebody is in.
#[derive(Default)]
pub(super) struct RunLines {
    known: Mutex<HashMap<String, Weak<Turns<Left>>>>,
}

/// The turn of a run; the next of its line begins when it is dropped.
#[derive(Debug)]
pub struct RunTurn {
    left: OwnedMutexGuard<Left>,
    has_waited: bool,
}

impl RunLines {
    /// The turn of a run; `None` where those before it take until `deadline`.
    pub(super) async fn turn(&self, line: String, deadline: Instant) -> Option<RunTurn> {
        let turns = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let turns = known.get(&line).and_then(Weak::upgrade).unwrap_or_default();
            known.retain(|_, turns| turns.strong_count() > 0);
            known.insert(line, Arc::downgrade(&turns));
            turns
        };
        if let Ok(left) = Arc::clone(&turns).try_lock_owned() {
            return Some(RunTurn { left, has_waited: false });
        }
        let left = timeout_at(deadline.into(), turns.lock_owned()).await.ok()?;
        Some(RunTurn { left, has_waited: true })
    }
}

impl RunTurn {
    /// What the run before it left, where that was still under way when this one came.
    pub fn before(&self) -> Option<&[u8]> {
        self.left.as_deref().filter(|_| self.has_waited)
    }

    /// Leaves something to those who wait already.
    pub fn leave(&mut self, what: Option<Vec<u8>>) {
        *self.left = what;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waited_gets_what_was_left_and_who_comes_later_does_not() {
        let lines = RunLines::default();
        let soon = || (tokio::time::Instant::now() + Duration::from_secs(5)).into_std();
        let mut first = lines.turn("a".to_owned(), soon()).await.unwrap();
        assert!(lines.turn("b".to_owned(), soon()).await.is_some(), "another line");
        assert!(lines.turn("a".to_owned(), soon()).await.is_none(), "it was not waited for");
        let (second, ()) = tokio::join!(lines.turn("a".to_owned(), soon()), async {
            first.leave(Some(b"done".to_vec()));
            drop(first);
        });
        assert_eq!(second.unwrap().before(), Some(&b"done"[..]));
        assert_eq!(lines.turn("a".to_owned(), soon()).await.unwrap().before(), None);
    }
}
