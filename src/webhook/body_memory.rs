//! The memory that bodies under way take together, shared so that a stranger's bodies cannot keep Rossum's out.
//!
//! Where it is full, a body that is not verified yet makes room for the one that needs some: first the one that paused
//! longest, then the one that has been under way longest. A body that keeps coming and is young stays: a crowd of good
//! deliveries would go round in circles. Who finds nobody to send away waits a little. Small bodies have a part of the
//! memory that large ones cannot take.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::refusal::Refusal;

/// How long a body may take before it can be sent away, and how long it may pause.
const PROMPT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
/// How long a body waits for room, and how often it looks. Longer than [`PROMPT`]: by then all that are there now can be
/// sent away.
const WAIT: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);
/// Bytes up to which a body is small: a document of some hundred rows.
const SMALL: usize = 256 << 10;
/// The share of the memory, as a divisor, that only small bodies get.
const RESERVE: usize = 8;

/// The memory that bodies take at the moment.
#[derive(Clone)]
pub(super) struct BodyMemory {
    pool: Arc<Mutex<Pool>>,
    limit: usize,
}

#[derive(Default)]
struct Pool {
    /// Bytes of all bodies, and of those that are large.
    used: usize,
    large: usize,
    /// Bodies that are not verified yet, oldest first.
    unverified: BTreeMap<u64, Arriving>,
    /// When each of them came last, or earlier: brought up to date where somebody looks.
    paused: BinaryHeap<Reverse<(Instant, u64)>>,
    next: u64,
}

/// A body that is not verified yet.
struct Arriving {
    since: Instant,
    /// When a part of it came last.
    last: Instant,
    bytes: usize,
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

fn large(bytes: usize) -> usize {
    if bytes > SMALL { bytes } else { 0 }
}

impl Pool {
    fn account(&mut self, before: usize, after: usize) {
        self.used = self.used + after - before;
        self.large = self.large + large(after) - large(before);
    }

    /// Whether a body may grow to this size.
    fn fits(&self, before: usize, after: usize, limit: usize) -> bool {
        let used = self.used + after - before;
        let all_large = self.large + large(after) - large(before);
        used <= limit && (large(after) == 0 || all_large <= limit - limit / RESERVE)
    }

    fn begin(&mut self, leave: &Arc<Notify>, now: Instant) -> u64 {
        let id = self.next;
        self.next += 1;
        let arriving = Arriving { since: now, last: now, bytes: 0, leave: Arc::clone(leave) };
        self.unverified.insert(id, arriving);
        if self.paused.len() > 2 * self.unverified.len() + 64 {
            self.paused =
                self.unverified.iter().map(|(id, arriving)| Reverse((arriving.last, *id))).collect();
        } else {
            self.paused.push(Reverse((now, id)));
        }
        id
    }

    /// The body that paused longest, where it did so for too long.
    fn paused(&mut self, other_than: u64, now: Instant) -> Option<u64> {
        let mut own = None;
        let found = loop {
            let Some(&Reverse((at, id))) = self.paused.peek() else { break None };
            if now.duration_since(at) <= PAUSE {
                break None;
            }
            self.paused.pop();
            match self.unverified.get(&id) {
                Some(arriving) if arriving.last > at => self.paused.push(Reverse((arriving.last, id))),
                Some(_) if id == other_than => own = Some(Reverse((at, id))),
                Some(_) => break Some(id),
                None => {} // it ended
            }
        };
        self.paused.extend(own);
        found
    }

    /// The body that has been under way longest, where that is too long.
    fn slow(&self, other_than: u64, now: Instant) -> Option<u64> {
        let (id, arriving) = self.unverified.iter().find(|(id, _)| **id != other_than)?;
        (now.duration_since(arriving.since) > PROMPT).then_some(*id)
    }

    /// Sends a body away; whether there was one.
    fn make_room(&mut self, other_than: u64, now: Instant) -> bool {
        let Some(id) = self.paused(other_than, now).or_else(|| self.slow(other_than, now)) else {
            return false;
        };
        if let Some(arriving) = self.unverified.remove(&id) {
            self.account(arriving.bytes, 0);
            arriving.leave.notify_one();
        }
        true
    }
}

impl BodyMemory {
    /// Room for so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { pool: Arc::default(), limit }
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

    fn try_grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let (now, after) = (Instant::now(), self.bytes + bytes);
        let mut pool = self.memory.lock();
        let id = match self.standing {
            Standing::Unverified(id) if pool.unverified.contains_key(&id) => id,
            Standing::Unverified(_) | Standing::Verified => return Err(NoRoom::SentAway),
            Standing::Empty => pool.begin(&self.leave, now),
        };
        self.standing = Standing::Unverified(id);
        while !pool.fits(self.bytes, after, self.memory.limit) {
            if !pool.make_room(id, now) {
                return Err(NoRoom::Full);
            }
        }
        pool.account(self.bytes, after);
        if let Some(arriving) = pool.unverified.get_mut(&id) {
            (arriving.bytes, arriving.last) = (after, now);
        }
        self.bytes = after;
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
            self.memory.lock().unverified.remove(&id).ok_or(SENT_AWAY)?;
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
            Standing::Unverified(id) => pool.unverified.remove(&id).is_some(),
            Standing::Verified => true,
        };
        if has_part {
            pool.account(self.bytes, 0);
        }
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
    async fn who_paused_longest_makes_room_then_the_oldest_and_a_prompt_or_verified_one_never() {
        let memory = BodyMemory::new(8 * MIB);
        let [mut verified, mut paused, mut other] = [2, 2, 2].map(|mib| taken(&memory, mib * MIB));
        assert!(verified.verified().is_ok());
        assert!(memory.share().try_grow(2 * MIB).is_err(), "all of them are prompt");
        tokio::time::advance(2 * PAUSE).await;
        assert!(other.try_grow(1).is_ok());
        let next = taken(&memory, 2 * MIB - 1);
        assert!(is_told(&paused) && !is_told(&other) && !is_told(&verified) && !is_told(&next));
        assert!(paused.try_grow(1).is_err() && paused.verified().is_err(), "it is gone");
        drop(paused);
        assert_eq!(memory.lock().used, 6 * MIB);
        // None of them pauses, and one of them has been under way for too long.
        let mut next = next;
        for _ in 0..60 {
            tokio::time::advance(PAUSE).await;
            assert!(other.try_grow(1).is_ok() && (next.try_grow(1).is_ok()));
        }
        let last = taken(&memory, MIB + MIB / 2);
        assert!(is_told(&other) && !is_told(&last));
        drop((verified, other, next, last));
        let pool = memory.lock();
        assert_eq!((pool.used, pool.large, pool.unverified.len()), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_have_a_reserve_and_whoever_finds_no_room_waits_for_some() {
        let memory = BodyMemory::new(8 * MIB);
        let large = taken(&memory, 7 * MIB);
        assert!(memory.share().try_grow(MIB).is_err(), "large ones do not get the reserve");
        let small: Vec<Share> = (0..4).map(|_| taken(&memory, SMALL)).collect();
        assert!(memory.share().try_grow(SMALL).is_err(), "all of it is taken by prompt bodies");
        let mut waits = memory.share();
        assert!(waits.grow(SMALL).await.is_ok(), "it waits until one of them pauses");
        assert!(is_told(&large) && small.iter().all(|share| !is_told(share)));
        let mut verified: Vec<Share> = (0..3).map(|_| taken(&memory, 2 * MIB)).collect();
        assert!(verified.iter_mut().all(|share| share.verified().is_ok()));
        assert!(memory.share().grow(2 * MIB).await.is_err(), "nobody can be sent away");
    }

    #[tokio::test(start_paused = true)]
    async fn what_ended_is_forgotten() {
        let memory = BodyMemory::new(8 * MIB);
        for _ in 0..10_000 {
            assert!(taken(&memory, 10).verified().is_ok());
        }
        assert!(memory.lock().paused.len() < 200);
    }
}
