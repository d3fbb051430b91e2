//! Deliveries that ended, for who exports them as spans. Kept only while somebody does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Deliveries that wait to be exported, at most.
const MOST: usize = 2_048;

/// A verified delivery, from its head to its answer. It has no value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySpan {
    pub hook: String,
    /// As Rossum documents it, or `other`.
    pub event: &'static str,
    /// The annotation's id; empty where there is none.
    pub annotation: String,
    pub request_id: Option<String>,
    /// `verified`, or why it failed.
    pub verdict: &'static str,
    /// Of the answer.
    pub status: u16,
    /// When its head had come, by the clock and by the watch that its steps are timed with.
    pub began: SystemTime,
    pub arrived: Instant,
    pub took: Duration,
    pub steps: Vec<StepSpan>,
}

/// A step that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpan {
    pub name: String,
    pub began: Instant,
    pub took: Duration,
    pub result: StepResult,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    Done,
    Failed,
    OutOfTime,
}

/// Where those who run deliveries leave them.
#[derive(Debug, Default)]
pub struct Spans {
    are_wanted: AtomicBool,
    kept: Mutex<VecDeque<DeliverySpan>>,
}

impl Spans {
    /// Whether somebody exports them.
    pub fn are_wanted(&self) -> bool {
        self.are_wanted.load(Ordering::Relaxed)
    }

    /// From now on they are kept, or not any more.
    pub fn want(&self, wanted: bool) {
        self.are_wanted.store(wanted, Ordering::Relaxed);
        if !wanted {
            self.kept().clear();
        }
    }

    /// Keeps one; gives how many were lost for it.
    pub(super) fn keep(&self, span: DeliverySpan) -> usize {
        let mut kept = self.kept();
        kept.push_back(span);
        Self::shorten(&mut kept)
    }

    /// The oldest ones, so many at most.
    pub fn take(&self, most: usize) -> Vec<DeliverySpan> {
        let mut kept = self.kept();
        let count = kept.len().min(most);
        kept.drain(..count).collect()
    }

    /// Those that could not be sent, to be taken first. Gives how many were lost for it.
    pub(super) fn give_back(&self, spans: Vec<DeliverySpan>) -> usize {
        let mut kept = self.kept();
        for span in spans.into_iter().rev() {
            kept.push_front(span);
        }
        Self::shorten(&mut kept)
    }

    fn shorten(kept: &mut VecDeque<DeliverySpan>) -> usize {
        let more = kept.len().saturating_sub(MOST);
        kept.drain(..more);
        more
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<DeliverySpan>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
