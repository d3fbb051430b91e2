//! Carries jobs that are due: several targets and lines at a time, the jobs of one line one after another.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, interval, sleep, timeout};
use tracing::{error, info};

use crate::clock;
use crate::private;
use crate::sqlite::SqliteError;
use crate::telemetry::about::{self, About};

use super::Outbox;
use super::job::{Courier, Job};
use super::slots::Slots;

mod carry;
#[cfg(test)]
mod tests;

/// After the outbox could not be read or written.
const AGAIN: Duration = Duration::from_secs(2);
/// Jobs that another process changed (`annex outbox retry`) are seen after this long.
const LOOK: Duration = Duration::from_secs(3);
/// Whether the outbox can be written is looked at so often while it can.
const PROBE: Duration = Duration::from_secs(30);
const LOCK: &str = "outbox.lock";

/// Who carries which jobs; exchanged at a reload.
pub type Couriers = HashMap<String, Arc<dyn Courier>>;

pub struct Workers {
    pub outbox: Arc<Outbox>,
    pub couriers: ArcSwap<Couriers>,
    stopping: AtomicBool,
    /// What is being carried, as people know it.
    carried: Mutex<BTreeMap<i64, String>>,
}

/// What is under way: which job a task carries is known, however the task ends.
#[derive(Default)]
struct JobsUnderWay {
    tasks: JoinSet<()>,
    jobs: HashMap<Id, (i64, String)>,
    slots: Slots,
    /// The couriers that the slots and the jobs' targets were set by.
    set_by: Option<Arc<Couriers>>,
}

/// One entry of [`Workers::carried`], until this is dropped.
struct Known<'k>(&'k Mutex<BTreeMap<i64, String>>, i64);

impl<'k> Known<'k> {
    fn new(all: &'k Mutex<BTreeMap<i64, String>>, id: i64, words: String) -> Self {
        all.lock().unwrap_or_else(PoisonError::into_inner).insert(id, words);
        Self(all, id)
    }
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl Workers {
    pub fn new(outbox: Arc<Outbox>, couriers: Couriers) -> Self {
        let couriers = ArcSwap::from_pointee(couriers);
        Self { outbox, couriers, stopping: AtomicBool::new(false), carried: Mutex::default() }
    }

    /// The exports that are being carried: whose, of which annotation, by which key.
    pub fn carried(&self) -> Vec<String> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Carries a job, which is known meanwhile.
    async fn carry_known(self: Arc<Self>, job: Job) {
        let words = format!("{} annotation {}, key {}", job.courier, job.annotation, job.key);
        let _known = Known::new(&self.carried, job.id, words);
        Arc::clone(&self).carry(job).await;
    }

    /// Begins nothing new; [`Workers::run`] ends when the calls that are under way are done and noted.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.outbox.wake.notify_one();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Carries jobs until it is stopped, and looks after the outbox meanwhile. What it is carrying when it is dropped is
    /// carried again by the next process.
    pub async fn run(self: Arc<Self>) {
        tokio::select! {
            () = Arc::clone(&self).carry_all() => {}
            () = self.look_after() => {}
        }
    }

    /// Whether the outbox can be written shall be known before an export comes, and that it can again without one.
    async fn look_after(&self) {
        let mut looks = interval(LOOK);
        let mut probed: Option<Instant> = None;
        loop {
            looks.tick().await;
            let is_used = !self.couriers.load().is_empty() || self.outbox.exists();
            let is_due =
                probed.is_none_or(|at| at.elapsed() > PROBE) || self.outbox.health().problem().is_some();
            if is_used && is_due {
                probed = Some(Instant::now());
                let _ = self.outbox.probe().await; // it is noted
            }
        }
    }

    async fn carry_all(self: Arc<Self>) {
        while self.couriers.load().is_empty() && !self.outbox.exists() {
            self.rest(LOOK).await;
            if self.is_stopping() {
                return;
            }
        }
        // A folder that cannot be used shall be known before the first export comes; where it can, it is there for the lock.
        let _ = self.outbox.probe().await;
        let Some(mut lock) = self.lock().await else { return };
        let mut under_way = JobsUnderWay::default();
        loop {
            if self.is_stopping() {
                while under_way.tasks.join_next().await.is_some() {}
                return;
            }
            // Where the lock's file was deleted, another process could take a new one.
            if !self.is_locked_by(&lock) {
                let Some(new) = self.lock().await else { continue };
                lock = new;
            }
            let wait = match self.begin(&mut under_way).await {
                Ok(wait) => wait,
                Err(problem) => {
                    self.outbox.health().failed(&problem);
                    AGAIN
                }
            };
            tokio::select! {
                () = self.outbox.wake.notified() => {}
                Some(done) = under_way.tasks.join_next_with_id(), if !under_way.tasks.is_empty() => {
                    let (id, problem) = match done {
                        Ok((id, ())) => (id, None),
                        Err(problem) => (problem.id(), Some(problem)),
                    };
                    let Some((job, key)) = under_way.jobs.remove(&id) else { continue };
                    under_way.slots.give_back(job);
                    if let Some(problem) = problem {
                        // That it was begun is noted, with when it is due again.
                        error!(job = key, "an internal error stopped an export: {problem}");
                    }
                }
                () = sleep(wait) => {}
            }
        }
    }

    /// Until somebody wakes it, or for this long.
    async fn rest(&self, time: Duration) {
        let _ = timeout(time, self.outbox.wake.notified()).await;
    }

    /// Whether the file that is locked is still the one in the folder.
    fn is_locked_by(&self, lock: &File) -> bool {
        let there = std::fs::metadata(self.outbox.folder().join(LOCK));
        lock.metadata().ok().zip(there.ok()).is_some_and(|(ours, there)| ours.ino() == there.ino())
    }

    /// One process at a time carries the jobs of a folder; `None` once it is to stop.
    async fn lock(&self) -> Option<File> {
        let path = self.outbox.folder().join(LOCK);
        let mut told = false;
        loop {
            match private::lock_file(&path) {
                Ok(file) => match file.try_lock() {
                    Ok(()) => return Some(file),
                    Err(_) if !told => info!("another process sends the exports of this outbox: waiting"),
                    Err(_) => {}
                },
                Err(problem) if !told => error!("{}: {problem}", path.display()),
                Err(_) => {}
            }
            told = true;
            self.rest(AGAIN).await;
            if self.is_stopping() {
                return None;
            }
        }
    }

    /// Begins what is due; how long there is nothing to do.
    async fn begin(self: &Arc<Self>, under_way: &mut JobsUnderWay) -> Result<Duration, Arc<SqliteError>> {
        if !self.outbox.exists() && under_way.set_by.is_none() {
            return Ok(LOOK);
        }
        self.aim(under_way).await?;
        if under_way.slots.free_of_all() == 0 {
            return Ok(LOOK);
        }
        for job in self.outbox.ledger.claim(&under_way.slots).await? {
            under_way.slots.take(job.id, &job.target);
            let (id, key) = (job.id, job.key.clone());
            let about = Arc::new(self.about(&job));
            let task = under_way.tasks.spawn(about::within(about, Arc::clone(self).carry_known(job)));
            under_way.jobs.insert(task.id(), (id, key));
        }
        let next = self.outbox.ledger.next_due().await?;
        let until = next.and_then(|next| next.duration_since(clock::now()).ok());
        Ok(until.unwrap_or(LOOK).clamp(Duration::from_millis(5), LOOK))
    }

    fn about(&self, job: &Job) -> About {
        let couriers = self.couriers.load();
        let of_courier = couriers.get(&job.courier).map(|courier| courier.hook());
        // A step that is not configured any more has left its name: hook/step.
        let hook = of_courier.or_else(|| job.courier.rsplit_once('/').map(|(hook, _)| hook));
        About::job(hook.unwrap_or_default(), &job.key, &job.annotation, &job.request_id)
    }

    /// After a start and a reload: whom jobs go to, and how many at a time, is what the configuration says now.
    async fn aim(&self, under_way: &mut JobsUnderWay) -> Result<(), Arc<SqliteError>> {
        let couriers = self.couriers.load_full();
        if under_way.set_by.as_ref().is_some_and(|set_by| Arc::ptr_eq(set_by, &couriers)) {
            return Ok(());
        }
        let limit = |courier: &Arc<dyn Courier>| (courier.target().to_owned(), courier.concurrency());
        under_way.slots.set_limits(couriers.values().map(limit).collect());
        for (name, courier) in couriers.iter() {
            self.outbox.ledger.aim(name.clone(), courier.target().to_owned()).await?;
        }
        under_way.set_by = Some(couriers);
        Ok(())
    }
}
