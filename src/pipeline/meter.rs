//! What a query takes, counted before it is taken: memory for as long as it is held, and the work for one document.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::slices::Budget;

use super::RunError;

/// Units of work for one document and one expression: a part evaluated, some dozen bytes copied. Some dozen
/// milliseconds.
const MOST_UNITS: usize = 500_000;

/// Memory of a query's budget: given back when the meter is dropped.
#[derive(Debug)]
pub(super) struct Meter<'b> {
    budget: &'b Budget,
    /// What counts the work; itself where there is none.
    outer: Option<&'b Self>,
    taken: AtomicUsize,
    units: AtomicUsize,
}

impl<'b> Meter<'b> {
    pub(super) fn new(budget: &'b Budget) -> Self {
        Self { budget, outer: None, taken: AtomicUsize::new(0), units: AtomicUsize::new(0) }
    }

    /// For what is made on the way to a value, and dropped with it. The work counts for the same document.
    pub(super) fn inner(&'b self) -> Self {
        let mut inner = Self::new(self.budget);
        inner.outer = Some(self);
        inner
    }

    /// Counts memory that is about to be taken.
    pub(super) fn take(&self, bytes: usize) -> Result<(), RunError> {
        // One task uses a meter at a time.
        self.taken.store(self.taken.load(Ordering::Relaxed).saturating_add(bytes), Ordering::Relaxed);
        Ok(self.budget.take(bytes)?)
    }

    /// Bytes that are no longer there.
    pub(super) fn give_back(&self, bytes: usize) {
        self.taken.store(self.taken.load(Ordering::Relaxed).saturating_sub(bytes), Ordering::Relaxed);
        self.budget.give_back(bytes);
    }

    /// Counts work that comes.
    pub(super) fn count(&self, units: usize) -> Result<(), RunError> {
        if let Some(outer) = self.outer {
            return outer.count(units);
        }
        let all = self.units.load(Ordering::Relaxed).saturating_add(units);
        self.units.store(all, Ordering::Relaxed);
        self.budget.count(units)?;
        if all > MOST_UNITS { Err(RunError::TooMuchWork) } else { Ok(()) }
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.budget.give_back(self.taken.load(Ordering::Relaxed));
    }
}
