//! What one evaluation may use. Whoever goes beyond gets an error on his rule, and nothing else suffers.

use std::time::{Duration, Instant};

use super::super::exception::{Eval, Stop};
use super::Machine;

/// Limits of one evaluation of one rule or formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Expressions evaluated, loop turns, and elements that built-in functions pass over.
    pub steps: u64,
    /// Bytes of all values made.
    pub memory: usize,
    /// Calls within calls.
    pub depth: u32,
    pub time: Duration,
    /// Messages and blockers.
    pub messages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 10_000_000, memory: 64 << 20, depth: 200, time: Duration::from_secs(1), messages: 1000 }
    }
}

pub(crate) const STEPS: &str = "it takes more steps than allowed (`steps`)";
pub(crate) const MEMORY: &str = "it needs more memory than allowed (`memory`)";
pub(crate) const TIME: &str = "it takes longer than allowed (`time`)";
pub(super) const MESSAGES: &str = "it shows more messages than allowed (`messages`)";

/// The clock is looked at once in so many steps.
pub(super) const LOOK: u64 = 4096;

impl<'h> Machine<'h> {
    /// Counts one step.
    #[inline]
    pub(crate) fn step(&mut self) -> Eval<'h, ()> {
        self.steps += 1;
        if self.steps >= self.next_look { self.look() } else { Ok(()) }
    }

    /// Counts what a built-in function passes over.
    pub(crate) fn steps(&mut self, count: usize) -> Eval<'h, ()> {
        self.steps = self.steps.saturating_add((count + self.meter.passed()) as u64);
        if self.steps >= self.next_look { self.look() } else { Ok(()) }
    }

    pub(crate) fn steps_left(&self) -> u64 {
        self.limits.steps.saturating_sub(self.steps)
    }

    #[cold]
    fn look(&mut self) -> Eval<'h, ()> {
        if self.steps > self.limits.steps {
            return Err(Stop::Limit(STEPS));
        }
        let now = Instant::now();
        if now >= *self.deadline.get_or_insert(now + self.limits.time) {
            return Err(Stop::Limit(TIME));
        }
        self.next_look = (self.steps + LOOK).min(self.limits.steps.saturating_add(1));
        Ok(())
    }

    /// Counts memory before it is taken.
    #[inline]
    pub(crate) fn memory(&mut self, bytes: usize) -> Eval<'h, ()> {
        self.meter.take(bytes)
    }

    pub(crate) fn too_many_messages(&self) -> Eval<'h, ()> {
        let count = self.output.shown.len() + self.output.blockers.len();
        if count >= self.limits.messages { Err(Stop::Limit(MESSAGES)) } else { Ok(()) }
    }
}
