//! Carries jobs that are due: several lines at a time, the jobs of one line one after another.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::clock;
use crate::private;

use super::job::{Carried, Courier, Job, State};
use super::open::Open;
use super::writer::Order;
use super::{AGAIN, Outbox};

/// Jobs that are carried at a time.
const AT_A_TIME: usize = 8;
/// The first wait after a failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// Jobs that another process changed (`annex outbox retry`) are seen after this long.
const LOOK: Duration = Duration::from_secs(3);
/// A job that has failed for so long is given up.
const GIVE_UP: Duration = Duration::from_secs(3 * 24 * 3_600);
const LOCK: &str = "outbox.lock";

/// Who carries which jobs; exchanged at a reload.
pub type Couriers = HashMap<String, Arc<dyn Courier>>;

pub struct Workers {
    pub outbox: Arc<Outbox>,
    pub couriers: ArcSwap<Couriers>,
    stopping: AtomicBool,
}

impl Workers {
    pub fn new(outbox: Arc<Outbox>, couriers: Couriers) -> Self {
        Self { outbox, couriers: ArcSwap::from_pointee(couriers), stopping: AtomicBool::new(false) }
    }

    /// Begins nothing new; [`Workers::run`] ends when the calls that are under way are done and noted.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.outbox.wake.notify_one();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Carries jobs until it is stopped. What it is carrying when it is dropped is carried again by the next process.
    pub async fn run(self: Arc<Self>) {
        while self.couriers.load().is_empty() && !self.outbox.exists() {
            self.rest(LOOK).await;
            if self.is_stopping() {
                return;
            }
        }
        // A folder that cannot be used shall be known before the first export comes.
        if let Err(problem) = self.outbox.prepare().await {
            error!("exports cannot be kept: {problem}");
        }
        let Some(_lock) = self.lock().await else { return };
        let mut carried = JoinSet::new();
        let mut under_way: Vec<i64> = Vec::new();
        loop {
            if self.is_stopping() {
                while carried.join_next().await.is_some() {}
                return;
            }
            let wait = match self.begin(&mut carried, &mut under_way).await {
                Ok(wait) => wait,
                Err(problem) => {
                    error!("the outbox cannot be read: {problem}");
                    AGAIN
                }
            };
            tokio::select! {
                () = self.outbox.wake.notified() => {}
                Some(done) = carried.join_next(), if !carried.is_empty() => match done {
                    Ok(id) => under_way.retain(|one| *one != id),
                    // A panic in a courier: which job it was is not known, so all are looked at anew.
                    Err(_) if carried.is_empty() => under_way.clear(),
                    Err(_) => {}
                },
                () = sleep(wait) => {}
            }
        }
    }

    /// Until somebody wakes it, or for this long.
    async fn rest(&self, time: Duration) {
        let _ = timeout(time, self.outbox.wake.notified()).await;
    }

    /// One process at a time carries the jobs of a folder; `None` once it is to stop.
    async fn lock(&self) -> Option<File> {
        let path = self.outbox.folder().join(LOCK);
        let mut told = false;
        loop {
            match private::lock_file(&path) {
                Ok(file) => match file.try_lock() {
                    Ok(()) => return Some(file),
                    Err(_) if !told => info!("another process carries the jobs of this outbox: waiting"),
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
    async fn begin(
        self: &Arc<Self>,
        carried: &mut JoinSet<i64>,
        under_way: &mut Vec<i64>,
    ) -> Result<Duration, String> {
        let text = |problem: &dyn std::fmt::Display| problem.to_string();
        if !self.outbox.exists() {
            return Ok(LOOK);
        }
        let open = self.outbox.open().await.map_err(|problem| text(&problem))?;
        if under_way.len() >= AT_A_TIME {
            return Ok(LOOK);
        }
        let ready = open.ready(LONGEST_WAIT * 2, AT_A_TIME + under_way.len()).await;
        for id in ready.map_err(|problem| text(&problem))? {
            if under_way.len() >= AT_A_TIME {
                return Ok(LOOK);
            }
            if !under_way.contains(&id)
                && let Some(job) = open.job(id).await.map_err(|problem| text(&problem))?
            {
                under_way.push(id);
                carried.spawn(Arc::clone(self).carry(Arc::clone(&open), job));
            }
        }
        let next = open.next_due().await.map_err(|problem| text(&problem))?;
        let until = next.and_then(|next| next.duration_since(clock::now()).ok());
        Ok(until.unwrap_or(LOOK).clamp(Duration::from_millis(5), LOOK))
    }

    /// Carries a job as far as it goes.
    async fn carry(self: Arc<Self>, open: Arc<Open>, mut job: Job) -> i64 {
        let id = job.id;
        loop {
            let courier = self.couriers.load().get(&job.courier).cloned();
            let carried = match &courier {
                Some(courier) => courier.carry(&mut job).await,
                None => Carried::Later {
                    problem: format!("the configuration has no step {}", job.courier),
                    cause: "the configuration has no such step".to_owned(),
                    not_before: Some(Duration::from_secs(60)),
                },
            };
            let goes_on = carried == Carried::Further;
            let order = note(&job, carried);
            let given_up = match &order {
                Order::End { state: State::Dead, problem, .. } => Some(problem.clone()),
                _ => None,
            };
            // What cannot be noted is done again: the target knows it by its key.
            match timeout(Duration::from_secs(60), open.order(order)).await {
                // One that was dropped meanwhile goes no further.
                Ok(Ok(changed)) if goes_on && changed > 0 && !self.is_stopping() => job.attempts = 0,
                Ok(Ok(changed)) => {
                    if let (Some(courier), Some(problem)) = (courier, given_up.filter(|_| changed > 0)) {
                        courier.given_up(&job, &problem).await;
                    }
                    return id;
                }
                Err(_) => return id,
                Ok(Err(problem)) => {
                    error!(job = job.key, "what became of an export cannot be noted: {problem}");
                    sleep(AGAIN).await;
                    return id;
                }
            }
        }
    }
}

/// What the writer is to note, with a line in the log.
fn note(job: &Job, carried: Carried) -> Order {
    let id = job.id;
    let Job { key, courier, annotation, .. } = job;
    match carried {
        Carried::Done => {
            info!(job = key, courier, annotation, "export sent");
            Order::End { id, state: State::Sent, problem: String::new() }
        }
        Carried::Further => Order::Further { id, progress: job.progress.clone(), body: job.body.clone() },
        Carried::Dead { problem, cause } => {
            error!(job = key, courier, annotation, "export given up: {cause}; annex outbox show {key}");
            Order::End { id, state: State::Dead, problem }
        }
        Carried::Later { problem, cause, not_before } => {
            let age = job.accepted.and_then(|accepted| clock::now().duration_since(accepted).ok());
            if age.is_some_and(|age| age > GIVE_UP) && job.attempts > 0 {
                error!(
                    job = key,
                    courier,
                    annotation,
                    "export given up after {}: {cause}",
                    clock::display_span(GIVE_UP)
                );
                return Order::End { id, state: State::Dead, problem };
            }
            let wait = wait(job.attempts, not_before);
            warn!(
                job = key,
                courier,
                annotation,
                attempt = job.attempts + 1,
                "export failed, again in {}: {cause}",
                clock::display_span(wait)
            );
            Order::Later { id, problem, wait }
        }
    }
}

/// Twice as long after each failure, spread by half so that not all come back at once; what the target asks for wins.
fn wait(attempts: u32, not_before: Option<Duration>) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << attempts.min(12)).min(LONGEST_WAIT);
    let mut random = [0_u8; 2];
    let _ = getrandom::fill(&mut random); // without it, all at once
    let share = f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX);
    let spread = doubled.mul_f64(0.5 + share / 2.0);
    not_before.map_or(spread, |asked| asked.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_are_spread_and_the_target_decides() {
        for attempts in 0..20 {
            let full = FIRST_WAIT.saturating_mul(1 << attempts.min(12)).min(LONGEST_WAIT);
            let wait = wait(attempts, None);
            assert!(wait >= full / 2 && wait <= full, "{attempts}: {wait:?}");
        }
        assert_eq!(wait(9, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(wait(0, Some(Duration::from_secs(999_999))), LONGEST_WAIT);
    }
}
