//! Work whose cost grows with foreign data: a document, a dataset, a neighbour's answer. It runs off the threads that
//! serve others, a slice at a time, with a deadline and a budget.
//!
//! ```text
//! sliced(future)   each poll is a slice: off the serving threads, with a place on a core; no place is held while it waits
//! aside(work)      the same for work that cannot be interrupted from outside, such as a script; aside_to_make for large trees
//! Budget           counted inside the work: it ends a slice, and it ends the work
//! ```

use std::cell::Cell;
use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::{block_in_place, yield_now};
use tokio::time::timeout_at;

use crate::memory;

/// How long a slice lasts before others have their turn.
const SLICE: Duration = Duration::from_millis(3);
/// Units of work between two looks at the clock: some ten microseconds of cheap units.
const LOOK: u64 = 1024;

/// Slices that run at a time. One core stays free for the serving threads, where there are several.
static CORES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(cores().saturating_sub(1).max(1)));
/// Uninterrupted works that run at a time. The system divides the cores among them and the serving threads.
static ASIDE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(cores() * 2));

/// Works that make a large tree and run at a time: they are short, and keep the allocator's heaps busy, which serving threads
/// need too. One core stays free for those, where there are several.
static MAKERS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(cores().saturating_sub(1).max(1)));

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

thread_local! {
    /// The place of the slice that this thread runs.
    static PLACE: Cell<Option<SemaphorePermit<'static>>> = const { Cell::new(None) };
    /// Whether this thread runs a slice or a work aside, so that it serves nobody else meanwhile.
    static IS_ASIDE: Cell<bool> = const { Cell::new(false) };
    /// When the poll that this thread runs began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Marks the thread for as long as it works aside; gives the place back at the end, also when the work panics.
struct Aside {
    was: bool,
    _poll: Timed,
}

impl Aside {
    fn begin(place: Option<SemaphorePermit<'static>>) -> Self {
        if place.is_some() {
            PLACE.set(place);
        }
        Self { was: IS_ASIDE.replace(true), _poll: Timed::begin() }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        IS_ASIDE.set(self.was);
        if !self.was {
            PLACE.set(None);
            memory::stirred();
        }
    }
}

/// A poll whose beginning is known, so that what runs in it can tell when it is overdue.
struct Timed {
    before: Option<Instant>,
}

impl Timed {
    fn begin() -> Self {
        Self { before: BEGAN.replace(Some(Instant::now())) }
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        BEGAN.set(self.before);
    }
}

/// Runs one poll of a task that serves, so that [`is_overdue`] knows when it began.
pub fn timed<T>(poll: impl FnOnce() -> T) -> T {
    let _poll = Timed::begin();
    poll()
}

/// Whether the poll that runs here keeps others waiting for longer than a slice: what comes next belongs [`aside`].
pub fn is_overdue(now: Instant) -> bool {
    let is_long = BEGAN.get().is_some_and(|began| now.saturating_duration_since(began) > SLICE);
    is_long && (!IS_ASIDE.get() || holds_place())
}

fn holds_place() -> bool {
    let place = PLACE.take();
    let holds = place.is_some();
    PLACE.set(place);
    holds
}

/// Whether other tasks of this thread can go on elsewhere. They cannot in a runtime of one thread: a command's, a test's.
fn can_move() -> bool {
    Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread)
}

/// Runs a future slice by slice: each of its polls happens off the serving threads and has a place on a core. A place is
/// held for one poll, never while the future waits for something. Within a slice this changes nothing.
pub fn sliced<F: Future>(work: F) -> Sliced<F> {
    Sliced { work: Box::pin(work), waiting: None }
}

type Waiting = Pin<Box<dyn Future<Output = Option<SemaphorePermit<'static>>> + Send>>;

/// See [`sliced`].
#[must_use = "futures do nothing unless polled"]
pub struct Sliced<F> {
    work: Pin<Box<F>>,
    waiting: Option<Waiting>,
}

impl<F: Future> Future for Sliced<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if IS_ASIDE.get() || !can_move() {
            return self.work.as_mut().poll(context);
        }
        let place = match (self.waiting.take(), CORES.try_acquire()) {
            (None, Ok(place)) => Some(place),
            (waiting, _) => {
                let mut waiting = waiting.unwrap_or_else(|| Box::pin(async { CORES.acquire().await.ok() }));
                match waiting.as_mut().poll(context) {
                    Poll::Ready(place) => place,
                    Poll::Pending => {
                        self.waiting = Some(waiting);
                        return Poll::Pending;
                    }
                }
            }
        };
        block_in_place(|| {
            let _aside = Aside::begin(place);
            self.work.as_mut().poll(context)
        })
    }
}

/// Runs work off the serving threads that nothing interrupts but its own limits, such as a script. A slice that calls this
/// gives its place to others first. Some works run at a time; the wait for a turn ends at the deadline.
pub fn aside<T>(deadline: Instant, work: impl FnOnce() -> T) -> Result<T, Spent> {
    in_turn(&ASIDE, deadline, work)
}

/// The same for short work that makes a large tree: fewer of them run at a time.
pub fn aside_to_make<T>(deadline: Instant, work: impl FnOnce() -> T) -> Result<T, Spent> {
    in_turn(&MAKERS, deadline, work)
}

fn in_turn<T>(turns: &'static Semaphore, deadline: Instant, work: impl FnOnce() -> T) -> Result<T, Spent> {
    if !can_move() {
        return Ok(work());
    }
    drop(PLACE.take());
    block_in_place(|| {
        let turn = match turns.try_acquire() {
            Ok(turn) => Some(turn),
            Err(_) => {
                let waited = Handle::current().block_on(timeout_at(deadline.into(), turns.acquire()));
                waited.map_err(|_| Spent::Time)?.ok()
            }
        };
        let _aside = Aside::begin(None);
        let done = work();
        drop(turn);
        Ok(done)
    })
}

/// Runs short work off the serving threads where that is possible, and without a turn of its own: taking a large value apart.
pub fn apart<T>(work: impl FnOnce() -> T) -> T {
    if IS_ASIDE.get() || !can_move() { work() } else { block_in_place(work) }
}

/// Why a work ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    #[error("it takes too long")]
    Time,
    #[error("it needs more than {0} MiB of memory")]
    Memory(usize),
}

/// What one work may take. Whoever loops over foreign data counts here, before the work and before the memory is taken.
#[derive(Debug)]
pub struct Budget {
    deadline: Instant,
    began: Instant,
    units: AtomicU64,
    next_look: AtomicU64,
    memory: usize,
    taken: AtomicUsize,
    /// When the slice began, in microseconds after `began`.
    slice: AtomicU64,
}

impl Budget {
    /// Until a moment, and with any memory.
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            began: Instant::now(),
            units: AtomicU64::new(0),
            next_look: AtomicU64::new(LOOK),
            memory: usize::MAX,
            taken: AtomicUsize::new(0),
            slice: AtomicU64::new(0),
        }
    }

    /// Bytes that all which is made may take together.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Self { memory: bytes, ..self }
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    pub fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Counts work that comes: elements passed over, bytes compared divided by some dozen. Looks at the clock once in
    /// about a thousand units.
    #[inline]
    pub fn count(&self, units: usize) -> Result<(), Spent> {
        // One task uses a budget at a time: what two would lose of each other's counts does not matter.
        let now = self.units.load(Ordering::Relaxed).saturating_add(units as u64);
        self.units.store(now, Ordering::Relaxed);
        if now < self.next_look.load(Ordering::Relaxed) { Ok(()) } else { self.look(now) }
    }

    #[cold]
    fn look(&self, units: u64) -> Result<(), Spent> {
        self.next_look.store(units.saturating_add(LOOK), Ordering::Relaxed);
        if self.is_late() { Err(Spent::Time) } else { Ok(()) }
    }

    /// Counts memory that is about to be taken. It is not given back: a work that makes and drops the same bytes without
    /// end is ended too.
    #[inline]
    pub fn take(&self, bytes: usize) -> Result<(), Spent> {
        let taken = self.taken.load(Ordering::Relaxed).saturating_add(bytes);
        self.taken.store(taken, Ordering::Relaxed);
        if taken <= self.memory { Ok(()) } else { Err(Spent::Memory(self.memory >> 20)) }
    }

    /// Bytes that are no longer there.
    pub fn give_back(&self, bytes: usize) {
        self.taken.store(self.taken.load(Ordering::Relaxed).saturating_sub(bytes), Ordering::Relaxed);
    }

    /// Lets others have their turn where the slice has lasted long enough. Call it between two parts of the work.
    pub async fn turn(&self) -> Result<(), Spent> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(Spent::Time);
        }
        let since = |now: Instant| u64::try_from((now - self.began).as_micros()).unwrap_or(u64::MAX);
        let lasted = since(now).saturating_sub(self.slice.load(Ordering::Relaxed));
        if u128::from(lasted) >= SLICE.as_micros() {
            yield_now().await;
            self.slice.store(since(Instant::now()), Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use tokio::task::JoinSet;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_slice_that_waits_holds_no_place() {
        let places = CORES.available_permits();
        let mut waiting = JoinSet::new();
        for _ in 0..places * 4 {
            waiting.spawn(sliced(tokio::time::sleep(Duration::from_secs(600))));
        }
        yield_now().await;
        // All others wait, and this one is done.
        let done = tokio::time::timeout(Duration::from_secs(30), sliced(async { yield_now().await })).await;
        assert!(done.is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_are_served_while_a_slice_or_a_work_aside_runs() {
        let ended = Arc::new(AtomicBool::new(false));
        let until_ended = |ended: Arc<AtomicBool>| {
            move || {
                let patience = soon();
                while !ended.load(Ordering::Relaxed) && Instant::now() < patience {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Instant::now() < patience
            }
        };
        let mut works = JoinSet::new();
        let run = until_ended(Arc::clone(&ended));
        works.spawn(sliced(async move { Ok(run()) }));
        let run = until_ended(Arc::clone(&ended));
        works.spawn(async move { aside(soon(), run) });
        // The one serving thread runs this task although both of the others block theirs.
        tokio::time::sleep(Duration::from_millis(20)).await;
        ended.store(true, Ordering::Relaxed);
        while let Some(served) = works.join_next().await {
            assert_eq!(served.unwrap(), Ok(true), "it kept its thread from serving");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn trees_are_made_while_a_core_is_free_for_others() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut works = JoinSet::new();
        for _ in 0..cores() * 4 {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            works.spawn(async move {
                aside_to_make(soon(), || {
                    most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(5));
                    now.fetch_sub(1, Ordering::Relaxed);
                })
            });
        }
        while let Some(done) = works.join_next().await {
            assert_eq!(done.unwrap(), Ok(()));
        }
        assert_eq!(most.load(Ordering::Relaxed), cores().saturating_sub(1).max(1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_slice_within_a_slice_and_one_that_goes_aside_or_panics_take_no_second_place() {
        for _ in 0..100 {
            let inner = sliced(async { sliced(async { yield_now().await }).await });
            tokio::time::timeout(Duration::from_secs(30), inner).await.unwrap();
            let outer = sliced(async { aside(soon(), || 7) });
            assert_eq!(tokio::time::timeout(Duration::from_secs(30), outer).await.unwrap(), Ok(7));
            let mut panics = JoinSet::new();
            panics.spawn(sliced(async { panic!("a mistake in a slice") }));
            assert!(panics.join_next().await.is_some_and(|ended| ended.is_err()));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_poll_is_overdue_after_a_slice_until_it_goes_aside_and_has_no_place() {
        let later = || Instant::now() + 2 * SLICE;
        assert!(!is_overdue(later()), "nobody measures this poll");
        timed(|| assert!(is_overdue(later()) && !is_overdue(Instant::now())));
        assert!(!is_overdue(later()), "it is over");
        sliced(async {
            assert!(is_overdue(later()), "it holds a place");
            aside(soon(), || assert!(!is_overdue(later()))).unwrap();
            assert!(!is_overdue(later()), "its place is given back");
        })
        .await;
    }

    #[tokio::test]
    async fn a_budget_ends_by_time_and_by_memory() {
        let late = Budget::until(Instant::now());
        assert!((0..2 * LOOK).any(|_| late.count(1).is_err()), "the clock is looked at");
        assert_eq!(late.turn().await, Err(Spent::Time));
        let small = Budget::until(soon()).with_memory(2 << 20);
        assert_eq!(small.take(1 << 20), Ok(()));
        assert_eq!(small.take(2 << 20), Err(Spent::Memory(2)));
        small.give_back(2 << 20);
        assert_eq!(small.take(1), Ok(()));
        assert_eq!(small.take(usize::MAX), Err(Spent::Memory(2)));
        assert_eq!(small.count(usize::MAX), Ok(()), "there is time");
    }
}
