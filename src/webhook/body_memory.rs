//! The memory that bodies under way take together, shared so that a stranger's bodies cannot keep Rossum's out.
//!
//! Where it is full, the unverified body whose memory has lain longest, on average over its bytes, makes room for one whose
//! bytes are younger. A drop now and then does not make a body younger, a part sent at once does not for long, and its
//! size does not count. Who wants to hold all of the memory against others has to bring all of it anew ten times a second
//! ([`FRESH`]): 2.6 GB/s by default. Bodies that are younger stay, or a crowd of good deliveries would go round in circles:
//! who finds nobody to send away waits a little. Small bodies have a part of the memory that large ones cannot take, also
//! where those are verified.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::memory;

use super::refusal::Refusal;

/// Bodies whose memory is younger on average are not sent away.
const FRESH: Duration = Duration::from_millis(100);
/// How long a body waits for room, and how often it looks.
const WAIT: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);
/// Bytes up to which a body is small: a document of some hundred rows.
const SMALL: usize = 256 << 10;
/// The share of the memory, as a divisor, that only small bodies get.
const RESERVE: usize = 8;

/// The share of the memory, as a divisor, from which on it is scarce.
const SCARCE: usize = 4;

/// The memory that bodies take at the moment.
#[derive(Clone)]
pub(super) struct BodyMemory {
    pool: Arc<Mutex<Pool>>,
    limit: usize,
}

struct Pool {
    start: Instant,
    /// Bytes of all bodies, and of those that are large.
    used: usize,
    large: usize,
    /// Bodies that are not verified yet.
    unverified: HashMap<u64, Arriving>,
    /// Their order by age, the oldest first: of small ones and of large ones.
    by_age: [BTreeSet<(Age, u64)>; 2],
    next: u64,
}

/// When the memory of a body was taken, on average over its bytes: microseconds since the pool's start.
type Age = u128;

/// A body that is not verified yet.
struct Arriving {
    bytes: usize,
    /// The sum over its bytes of when each was taken.
    taken: u128,
    leave: Arc<Notify>,
}

/// One body's part of the memory, given back on drop.
pub(super) struct Share {
    memory: BodyMemory,
    bytes: usize,
    standing: Standing,
    leave: Arc<Notify>,
}

#[derive(Clone, Copy)]
enum Standing {
    /// Nothing of it came yet.
    Empty,
    /// Known by this number; it may have been sent away meanwhile.
    Unverified(u64),
    Verified,
}

fn is_large(bytes: usize) -> bool {
    bytes > SMALL
}

fn large(bytes: usize) -> usize {
    if is_large(bytes) { bytes } else { 0 }
}

impl Arriving {
    fn age(&self) -> Age {
        self.taken / self.bytes.max(1) as u128
    }
}

impl Pool {
    fn account(&mut self, before: usize, after: usize) {
        self.used = self.used + after - before;
        self.large = self.large + large(after) - large(before);
    }

    fn microseconds(&self, now: Instant) -> u128 {
        now.duration_since(self.start).as_micros()
    }

    fn begin(&mut self, leave: &Arc<Notify>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.unverified.insert(id, Arriving { bytes: 0, taken: 0, leave: Arc::clone(leave) });
        id
    }

    /// Lets a body that is there grow, where it may, at the expense of older ones.
    fn grow(&mut self, id: u64, bytes: usize, limit: usize, now: Instant) -> Result<usize, NoRoom> {
        let moment = self.microseconds(now);
        let Some(body) = self.unverified.get(&id) else { return Err(NoRoom::SentAway) };
        let (before, after) = (body.bytes, body.bytes + bytes);
        let taken = body.taken + bytes as u128 * moment;
        let age = taken / after.max(1) as u128;
        let oldest_that_stays = age.min(moment.saturating_sub(FRESH.as_micros()));
        loop {
            let is_full = self.used + bytes > limit;
            let all_large = self.large + large(after) - large(before);
            let too_many_large = is_large(after) && all_large > limit - limit / RESERVE;
            if !is_full && !too_many_large {
                break;
            }
            // Small ones that go leave no room among large ones.
            let kinds = if too_many_large { &self.by_age[1..] } else { &self.by_age[..] };
            let oldest = kinds.iter().filter_map(|kind| kind.iter().find(|(_, other)| *other != id)).min();
            match oldest {
                Some(&(age, other)) if age < oldest_that_stays => self.send_away(other),
                _ => return Err(NoRoom::Full),
            }
        }
        self.account(before, after);
        if let Some(mut body) = self.forget(id) {
            (body.bytes, body.taken) = (after, taken);
            self.by_age[usize::from(is_large(after))].insert((body.age(), id));
            self.unverified.insert(id, body);
        }
        Ok(after)
    }

    fn forget(&mut self, id: u64) -> Option<Arriving> {
        let body = self.unverified.remove(&id)?;
        self.by_age[usize::from(is_large(body.bytes))].remove(&(body.age(), id));
        Some(body)
    }

    fn send_away(&mut self, id: u64) {
        if let Some(body) = self.forget(id) {
            self.account(body.bytes, 0);
            body.leave.notify_one();
        }
    }
}

impl BodyMemory {
    /// Room for so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        let pool = Pool {
            start: Instant::now(),
            used: 0,
            large: 0,
            unverified: HashMap::new(),
            by_age: Default::default(),
            next: 0,
        };
        Self { pool: Arc::new(Mutex::new(pool)), limit }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part of a body that begins to arrive.
    pub(super) fn share(&self) -> Share {
        Share { memory: self.clone(), bytes: 0, standing: Standing::Empty, leave: Arc::default() }
    }
}

/// Why a body does not grow.
enum NoRoom {
    Full,
    SentAway,
}

const SENT_AWAY: Refusal = Refusal::Overloaded("a slow body made room for others");

impl Share {
    /// More bytes, where there is room or another body makes some.
    pub(super) async fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let began = Instant::now();
        loop {
            match self.try_grow(bytes) {
                Ok(()) => return Ok(()),
                Err(NoRoom::SentAway) => return Err(SENT_AWAY),
                Err(NoRoom::Full) if began.elapsed() < WAIT => sleep(LOOK).await,
                Err(NoRoom::Full) => return Err(Refusal::Overloaded("bodies take all the memory they may")),
            }
        }
    }

    /// Whether bodies take so much that it matters how they lie in memory.
    pub(super) fn is_scarce(&self) -> bool {
        self.memory.lock().used > self.memory.limit / SCARCE
    }

    fn try_grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let mut pool = self.memory.lock();
        let id = match self.standing {
            Standing::Unverified(id) => id,
            Standing::Verified => return Err(NoRoom::SentAway),
            Standing::Empty => pool.begin(&self.leave),
        };
        self.standing = Standing::Unverified(id);
        self.bytes = pool.grow(id, bytes, self.memory.limit, Instant::now())?;
        Ok(())
    }

    /// Ends when this body has to make room for others.
    pub(super) async fn must_leave(&self) -> Refusal {
        self.leave.notified().await;
        SENT_AWAY
    }

    /// From now on nobody sends it away.
    pub(super) fn verified(&mut self) -> Result<(), Refusal> {
        if let Standing::Unverified(id) = self.standing {
            self.memory.lock().forget(id).ok_or(SENT_AWAY)?;
        }
        self.standing = Standing::Verified;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut pool = self.memory.lock();
        let has_part = match self.standing {
            Standing::Empty => false,
            // One that was sent away gave its part back then.
            Standing::Unverified(id) => pool.forget(id).is_some(),
            Standing::Verified => true,
        };
        if has_part {
            pool.account(self.bytes, 0);
        }
        drop(pool);
        memory::stirred();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn is_told(share: &Share) -> bool {
        let leave = std::pin::pin!(share.must_leave());
        leave.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    fn taken(memory: &BodyMemory, bytes: usize) -> Share {
        let mut share = memory.share();
        assert!(share.try_grow(bytes).is_ok());
        share
    }

    #[tokio::test(start_paused = true)]
    async fn whose_memory_has_lain_longest_makes_room_whatever_drops_it_gets_and_a_fresh_or_verified_one_never()
     {
        let memory = BodyMemory::new(8 * MIB);
        let mut verified = taken(&memory, 2 * MIB);
        assert!(verified.verified().is_ok());
        let mut drips = taken(&memory, 2 * MIB);
        tokio::time::advance(FRESH / 2).await;
        let mut steady = taken(&memory, 2 * MIB);
        assert!(memory.share().try_grow(2 * MIB).is_err(), "all of them are fresh");
        for _ in 0..10 {
            tokio::time::advance(FRESH).await;
            assert!(drips.try_grow(1).is_ok() && steady.try_grow(64 << 10).is_ok());
        }
        let next = taken(&memory, 2 * MIB - MIB / 2);
        assert!(is_told(&drips) && !is_told(&steady) && !is_told(&verified) && !is_told(&next));
        assert!(drips.try_grow(1).is_err() && drips.verified().is_err(), "it is gone");
        drop((drips, verified, steady, next));
        let pool = memory.lock();
        assert_eq!((pool.used, pool.large, pool.unverified.len()), (0, 0, 0));
        assert!(pool.by_age.iter().all(BTreeSet::is_empty));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_of_all_sends_nobody_away() {
        let memory = BodyMemory::new(8 * MIB);
        let mut oldest = taken(&memory, 4 * MIB);
        tokio::time::advance(2 * FRESH).await;
        let younger = taken(&memory, 3 * MIB);
        tokio::time::advance(2 * FRESH).await;
        assert!(oldest.try_grow(MIB).is_err() && !is_told(&younger));
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_have_a_reserve_and_whoever_finds_no_room_waits_for_some() {
        let memory = BodyMemory::new(8 * MIB);
        let large = taken(&memory, 7 * MIB);
        assert!(memory.share().try_grow(MIB).is_err(), "large ones do not get the reserve");
        let small: Vec<Share> = (0..4).map(|_| taken(&memory, SMALL)).collect();
        assert!(memory.share().try_grow(SMALL).is_err(), "all of it is taken by fresh bodies");
        let mut waits = memory.share();
        assert!(waits.is_scarce() && !BodyMemory::new(MIB).share().is_scarce());
        assert!(waits.grow(SMALL).await.is_ok(), "it waits until one of them is not fresh any more");
        assert!(is_told(&large) && small.iter().all(|share| !is_told(share)));
        tokio::time::advance(2 * FRESH).await;
        let mut verified: Vec<Share> = (0..3).map(|_| taken(&memory, 2 * MIB)).collect();
        assert!(verified.iter_mut().all(|share| share.verified().is_ok()));
        assert!(memory.share().grow(2 * MIB).await.is_err(), "no large one can be sent away");
        assert!(small.iter().all(|share| !is_told(share)), "and a small one that goes would not help");
    }
}
