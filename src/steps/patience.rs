//! Evaluations that take long: off the thread that serves others meanwhile, and never past the delivery's deadline.

use std::time::Instant;

use crate::slices::{self, aside};
use crate::txscript::{Failure, Limits, Output};

use super::reasons::EXPLAINING;

/// Steps that an evaluation may take where it stands: some milliseconds. One that takes more begins again elsewhere;
/// nothing of it has been seen yet.
const QUICK: u64 = 200_000;

type Evaluated<T> = (Result<T, Failure>, Output);

/// Runs what explains a step to whoever looks: aside, for the explanation has time that no other delivery shall wait for.
/// None where its turn does not come in time.
pub(super) fn explain<T>(work: impl FnOnce() -> T) -> Option<T> {
    aside(Instant::now() + EXPLAINING, work).ok()
}

/// Runs one evaluation of many. Where those before it took long together, it runs aside from the start.
pub(super) fn evaluate<T>(
    limits: Limits,
    deadline: Instant,
    run: impl Fn(Limits) -> Evaluated<T>,
) -> Evaluated<T> {
    let now = Instant::now();
    let limits = Limits { time: limits.time.min(deadline.saturating_duration_since(now)), ..limits };
    if !slices::is_overdue(now) {
        let quick = Limits { steps: limits.steps.min(QUICK), ..limits };
        let first = run(quick);
        match &first.0 {
            Err(failure) if failure.is_limit && quick.steps < limits.steps => {}
            _ => return first,
        }
    }
    aside(deadline, || run(limits)).unwrap_or_else(|_| (Err(Failure::late()), Output::default()))
}
