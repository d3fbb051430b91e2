//! All open connections: how many there may be, and which one makes room when there are too many.
//!
//! Who holds thousands of idle connections open must not keep others out: when there is no place left, the connection
//! that has been idle longest goes. One with a verified delivery under way never does; a request whose signature is not
//! known yet is no reason to stay, or a flood of bodies that never come would keep deliveries out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::telemetry::Metrics;
use crate::telemetry::metrics::Gauged as Counted;

use super::descriptors;
use super::limits::Limits;

/// A place may come free without a word to the one that waits: two wait, one is told.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub struct Connections {
    limit: AtomicUsize,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    next: AtomicU64,
    freed: Notify,
    metrics: Arc<Metrics>,
}

impl Connections {
    pub fn new(limit: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            limit: AtomicUsize::new(descriptors::capped(limit)),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            freed: Notify::new(),
            metrics,
        }
    }

    /// Those above a smaller limit stay until they end.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(descriptors::capped(limit), Ordering::Relaxed);
    }

    /// A place for one connection, as soon as there is one.
    pub(super) async fn admit(self: &Arc<Self>, listener: &'static str) -> Ticket {
        let activity = Arc::new(Activity::new());
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        while !self.enter(id, &activity, listener) {
            let _ = timeout(LOOK_AGAIN, self.freed.notified()).await;
        }
        let counted = self.metrics.connection(listener);
        Ticket { connections: Arc::clone(self), id, activity, _counted: counted }
    }

    /// Enters if there is a place; otherwise asks the idlest to go.
    fn enter(&self, id: u64, activity: &Arc<Activity>, listener: &'static str) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() < self.limit.load(Ordering::Relaxed) {
            open.insert(id, Arc::clone(activity));
            return true;
        }
        let idle = open.values().filter_map(|other| Some((other.idle_since()?, other)));
        if let Some((_, idlest)) = idle.min_by_key(|(since, _)| *since) {
            idlest.dismiss();
            self.metrics.closed_when_full(listener);
        }
        false
    }

    fn leave(&self, id: u64) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.freed.notify_one();
    }
}

/// One connection's place, given back on drop.
pub(super) struct Ticket {
    connections: Arc<Connections>,
    id: u64,
    pub(super) activity: Arc<Activity>,
    _counted: Counted,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connections.leave(self.id);
    }
}

/// What happens on a connection: enough to tell silence from work.
pub(super) struct Activity {
    start: Instant,
    under_way: AtomicUsize,
    /// Those of them that are verified.
    verified: AtomicUsize,
    requests: AtomicUsize,
    /// Milliseconds from the start to the end of the last answer.
    last_answer: AtomicU64,
    dismissed: Notify,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            under_way: AtomicUsize::new(0),
            verified: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            last_answer: AtomicU64::new(0),
            dismissed: Notify::new(),
        }
    }

    pub(super) fn begin(self: &Arc<Self>) -> RequestUnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        RequestUnderWay { activity: Arc::clone(self), verified: false }
    }

    /// When the connection has to go, if nothing happens until then. Requests under way have the door's deadlines.
    pub(super) fn deadline(&self, limits: Limits, served_from: Instant) -> Instant {
        if self.requests.load(Ordering::Relaxed) == 0 {
            served_from + limits.first_request
        } else if self.under_way.load(Ordering::Relaxed) > 0 {
            Instant::now() + limits.idle
        } else {
            self.last_answer() + limits.idle
        }
    }

    fn last_answer(&self) -> Instant {
        self.start + Duration::from_millis(self.last_answer.load(Ordering::Relaxed))
    }

    /// Since when it has done nothing that counts; `None` while a verified delivery is under way.
    fn idle_since(&self) -> Option<Instant> {
        (self.verified.load(Ordering::Relaxed) == 0).then(|| self.last_answer())
    }

    fn dismiss(&self) {
        self.dismissed.notify_one();
        // Not chosen again before it has gone.
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_answer.store(now, Ordering::Relaxed);
    }

    /// Ends when the connection is asked to make room.
    pub(super) async fn dismissed(&self) {
        self.dismissed.notified().await;
    }
}

/// A request under way, until it is dropped.
pub(super) struct RequestUnderWay {
    activity: Arc<Activity>,
    verified: bool,
}

impl RequestUnderWay {
    /// From now on the connection is not asked to make room.
    pub(super) fn verified(&mut self) {
        if !std::mem::replace(&mut self.verified, true) {
            self.activity.verified.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        let activity = &self.activity;
        let now = u64::try_from(activity.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        activity.last_answer.store(now, Ordering::Relaxed);
        activity.under_way.fetch_sub(1, Ordering::Relaxed);
        if self.verified {
            activity.verified.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(limit: usize) -> Arc<Connections> {
        Arc::new(Connections::new(limit, Arc::new(Metrics::new(std::time::SystemTime::UNIX_EPOCH))))
    }

    #[tokio::test(start_paused = true)]
    async fn the_idlest_makes_room_and_a_verified_delivery_stays() {
        let all = connections(2);
        let busy = all.admit("https").await;
        let mut request = busy.activity.begin();
        request.verified();
        tokio::time::advance(Duration::from_secs(1)).await;
        let idle = all.admit("https").await;
        let _unverified = idle.activity.begin();
        let third = all.admit("https");
        tokio::pin!(third);
        tokio::select! {
            _ = &mut third => panic!("there is no place"),
            () = idle.activity.dismissed() => {}
        }
        drop(idle);
        let _third = third.await;
        assert_eq!(all.open.lock().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_larger_limit_counts_at_once() {
        let all = connections(1);
        let first = all.admit("https").await;
        first.activity.begin().verified();
        let mut request = first.activity.begin();
        request.verified();
        assert!(timeout(Duration::from_secs(1), all.admit("https")).await.is_err(), "all are busy");
        all.set_limit(2);
        assert!(timeout(Duration::from_secs(1), all.admit("https")).await.is_ok());
    }
}
