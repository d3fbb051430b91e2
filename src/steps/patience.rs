//! Evaluations that take long: off the thread that serves others meanwhile, and never past the delivery's deadline.

use std::time::Instant;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use crate::txscript::{Failure, Limits, Output};

/// Steps that an evaluation may take where it stands: some milliseconds. One that takes more begins again elsewhere;
/// nothing of it has been seen yet.
const QUICK: u64 = 200_000;

type Evaluated<T> = (Result<T, Failure>, Output);

pub(super) fn evaluate<T>(
    limits: Limits,
    deadline: Instant,
    run: impl Fn(Limits) -> Evaluated<T>,
) -> Evaluated<T> {
    let left = deadline.saturating_duration_since(Instant::now());
    let limits = Limits { time: limits.time.min(left), ..limits };
    let quick = Limits { steps: limits.steps.min(QUICK), ..limits };
    let first = run(quick);
    match &first.0 {
        Err(failure) if failure.is_limit && quick.steps < limits.steps => {
            let can_move = Handle::try_current()
                .is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
            if can_move { block_in_place(|| run(limits)) } else { run(limits) }
        }
        _ => first,
    }
}
