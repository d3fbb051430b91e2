//! Evaluations that take long: off the thread that serves others meanwhile, and never past the delivery's deadline.

use std::time::Instant;

use crate::slices::{self, aside};
use crate::txscript::{Failure, Limits, Output};

/// Steps that an evaluation may take where it stands: some milliseconds. One that takes more begins again elsewhere;
/// nothing of it has been seen yet.
const QUICK: u64 = 200_000;

type Evaluated<T> = (Result<T, Failure>, Output);

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
