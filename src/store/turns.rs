//! Who has a turn among the queries in SQL: those that are known to take long share some of the turns, and never hold the
//! others, so that what is quick always finds one soon.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::StoreError;
use super::query::CONNECTIONS_IN_SQL;

/// A query that takes longer is slow: it is stopped, and asked again in a turn for slow ones. The first time that a query is
/// asked tells what it is.
const SLOW: Duration = Duration::from_millis(250);
/// A slow one that took less is quick again: what is near the bound is not asked twice each time.
const QUICK: Duration = Duration::from_millis(125);
/// Turns of each kind.
const EACH: usize = CONNECTIONS_IN_SQL / 2;
/// Turns of one query at a time: it leaves some to the others.
const OWN: usize = 2;

/// The turns of a store.
pub(super) struct QueryTurns {
    quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    /// By the text of the query. They are the configuration's.
    queries: Mutex<HashMap<String, Arc<Known>>>,
}

/// What is known of a query.
struct Known {
    own: Arc<Semaphore>,
    /// The first time is one at a time: the others wait until it is known what it is.
    first: Arc<Semaphore>,
    pace: Mutex<Pace>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Unknown,
    Quick,
    Slow,
}

impl Known {
    fn pace(&self) -> Pace {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_pace(&self, pace: Pace) {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = pace;
    }
}

/// A query that is under way, or waits.
pub(super) struct Asking {
    known: Arc<Known>,
    own: Arc<OwnedSemaphorePermit>,
}

/// A turn: it is given back when this is dropped.
pub(super) struct QueryTurn {
    known: Arc<Known>,
    /// Whether it lasts for as long as the query likes.
    is_long: bool,
    _held: (Arc<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>, OwnedSemaphorePermit),
}

impl QueryTurns {
    pub(super) fn new() -> Self {
        let kind = || Arc::new(Semaphore::new(EACH));
        Self { quick: kind(), slow: kind(), queries: Mutex::default() }
    }

    /// One of the turns that a query may have for itself.
    pub(super) async fn ask(&self, sql: &str, deadline: Instant) -> Result<Asking, StoreError> {
        if Instant::now() >= deadline {
            return Err(StoreError::TooLong);
        }
        let new = || {
            let [own, first] = [OWN, 1].map(|most| Arc::new(Semaphore::new(most)));
            Arc::new(Known { own, first, pace: Mutex::new(Pace::Unknown) })
        };
        let known = {
            let mut all = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(sql.to_owned()).or_insert_with(new))
        };
        let own = Arc::new(in_time(deadline, Arc::clone(&known.own).acquire_owned()).await?);
        Ok(Asking { known, own })
    }

    /// A turn among all. What is not known to be slow takes whichever is free, and waits for one of the quick.
    pub(super) async fn turn(&self, asking: &Asking, deadline: Instant) -> Result<QueryTurn, StoreError> {
        let known = &asking.known;
        loop {
            let first = match known.pace() {
                Pace::Unknown => Some(in_time(deadline, Arc::clone(&known.first).acquire_owned()).await?),
                _ => None,
            };
            let pace = known.pace();
            let preferred = match pace {
                Pace::Slow => &[][..],
                Pace::Unknown => &[(&self.slow, true), (&self.quick, false)],
                Pace::Quick => &[(&self.quick, false), (&self.slow, true)],
            };
            let free = preferred
                .iter()
                .find_map(|(turns, is_slow)| Some((Arc::clone(turns).try_acquire_owned().ok()?, *is_slow)));
            let (turn, is_slow) = match free {
                Some(free) => free,
                None => {
                    let is_slow = pace == Pace::Slow;
                    let turns = if is_slow { &self.slow } else { &self.quick };
                    (in_time(deadline, Arc::clone(turns).acquire_owned()).await?, is_slow)
                }
            };
            // It may have become known meanwhile that it is slow.
            if is_slow || known.pace() != Pace::Slow {
                let is_long = is_slow && pace != Pace::Unknown;
                let first = first.filter(|_| pace == Pace::Unknown);
                let held = (Arc::clone(&asking.own), first, turn);
                return Ok(QueryTurn { known: Arc::clone(known), is_long, _held: held });
            }
        }
    }

    /// Every turn there is.
    #[cfg(test)]
    pub(super) async fn all(&self) -> [OwnedSemaphorePermit; 2] {
        let each = u32::try_from(EACH).unwrap();
        let all = |turns: &Arc<Semaphore>| Arc::clone(turns).acquire_many_owned(each);
        [all(&self.quick).await.unwrap(), all(&self.slow).await.unwrap()]
    }
}

impl QueryTurn {
    /// How long it lasts at most.
    pub(super) fn until(&self, deadline: Instant) -> Instant {
        if self.is_long { deadline } else { deadline.min(Instant::now() + SLOW) }
    }

    /// Takes note of how long the query took, and whether it was stopped; gives the turn back.
    pub(super) fn took(self, time: Duration, was_stopped: bool) {
        match self.known.pace() {
            _ if was_stopped || time >= SLOW => self.known.set_pace(Pace::Slow),
            Pace::Slow if time >= QUICK => {}
            _ => self.known.set_pace(Pace::Quick),
        }
    }
}

async fn in_time(
    deadline: Instant,
    turn: impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>>,
) -> Result<OwnedSemaphorePermit, StoreError> {
    match timeout_at(deadline.into(), turn).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(StoreError::Busy),
    }
}
