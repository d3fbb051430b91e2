//! Free memory goes back to the system. glibc keeps what was freed below the end of a heap, and mimalloc what idle threads
//! freed: after a flood of bodies, or a large tree, that is some hundred megabytes, and what comes next does not always fit
//! into the holes.
//!
//! Whoever is done with work that may have taken much says so ([`stirred`]). Some moments later a task compares what the
//! process has with what is in use, and where much lies free, it is given back, on a thread that serves nobody. Nothing
//! wakes a server that is at rest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use annex_heap::{Limits, give_back, in_use, limit};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::tasks;

/// Bodies of 4 MiB or more are mapped by themselves. Common ones are not: the system would have to clear their pages anew
/// each time, which costs a delivery of 300 kB four tenths more. By default each block that is mapped and freed raises
/// that size, up to 32 MiB, and there are eight heaps for each core.
const LIMITS: Limits = Limits { mapped_from: 4 << 20, kept_at_end: 8 << 20, heaps: 4 };

/// Between something that ended and a look, and between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// What is in use now may be freed by work that goes on: the looks become rarer up to this, and then they end.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Bytes of memory that are not worth a look.
const SMALL: usize = 16 << 20;
/// Bytes that may lie free while work goes on, and which part of those in use, as a divisor: the next work takes them
/// without the system's help, which would clear their pages anew.
const SPARE: usize = 16 << 20;
const SPARE_SHARE: usize = 8;
/// The same once nothing has stirred for a while.
const SPARE_AT_REST: usize = 4 << 20;

static HAS_STIRRED: AtomicBool = AtomicBool::new(false);
static STIR: Notify = Notify::const_new();

/// Sets the allocator's limits, as far as the environment sets none.
pub fn settle() {
    limit(&LIMITS);
}

/// Says that something ended which may have taken much memory.
pub fn stirred() {
    if !HAS_STIRRED.load(Ordering::Relaxed) && !HAS_STIRRED.swap(true, Ordering::Relaxed) {
        STIR.notify_one();
    }
}

/// Looks after what stirred, for ever.
pub async fn keep() {
    // What lies free and cannot be given back: parts of pages, and memory that is not the allocator's.
    let mut floor = 0;
    loop {
        STIR.notified().await;
        let mut pause = PAUSE;
        while pause <= LONGEST_PAUSE {
            sleep(PAUSE).await;
            let is_busy = HAS_STIRRED.swap(false, Ordering::Relaxed);
            if resident().is_none_or(|resident| resident < SMALL) {
                break;
            }
            match tasks::blocking(move |_| look(floor, is_busy)).await {
                Ok(Some(left)) => (floor, pause) = (left, PAUSE),
                _ => pause *= 2,
            }
            if timeout(pause.saturating_sub(PAUSE), STIR.notified()).await.is_ok() {
                pause = PAUSE;
            }
        }
    }
}

/// Gives back what lies free where that is much; what is left of it then.
fn look(floor: usize, is_busy: bool) -> Option<usize> {
    let has = resident()?;
    let Some(used) = in_use() else {
        // mimalloc, which does not say, gives back by itself what has lain free for a second, as long as somebody allocates.
        // Before that, the next delivery takes it: without it a delivery of 4 MB would cost a quarter more.
        return if is_busy { None } else { unseen(has) };
    };
    let free = has.saturating_sub(used);
    let spare = if is_busy { SPARE.max(used / SPARE_SHARE) } else { SPARE_AT_REST };
    if free < floor + spare {
        return None;
    }
    let began = Instant::now();
    give_back();
    let took = began.elapsed();
    let left = resident()?.saturating_sub(in_use()?);
    debug!("{} MiB of free memory were given back in {took:?}", free.saturating_sub(left) >> 20);
    Some(left.min(SPARE))
}

/// Gives back what lies free where the allocator does not say how much that is. `None` where it was little.
fn unseen(has: usize) -> Option<usize> {
    let began = Instant::now();
    give_back();
    let took = began.elapsed();
    let given = has.saturating_sub(resident()?);
    debug!("{} MiB of free memory were given back in {took:?}", given >> 20);
    (given >= SPARE_AT_REST).then_some(0)
}

/// Bytes of the process's own memory, without what it maps of files.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kilobytes| kilobytes << 10)
}
