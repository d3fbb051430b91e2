//! Deliveries by time: how many came in the last hours, and how they ended.

use std::collections::VecDeque;

use serde::Serialize;

/// Seconds of one bar.
const SPAN: u64 = 300;
/// Twelve hours of bars.
const BARS: usize = 144;

#[derive(Default)]
pub(super) struct Counts {
    bars: VecDeque<Bar>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Bar {
    /// Seconds since 1970.
    from: u64,
    ok: u32,
    /// Answered with an error for the user.
    errors: u32,
    /// Turned away: 4xx.
    refused: u32,
    /// Failed, whole or in a step.
    failed: u32,
}

/// How a delivery ended, for who looks over many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Ok,
    Errors,
    Refused,
    Failed,
}

impl Look {
    pub(super) fn of(status: u16, failures: usize, errors: usize) -> Self {
        match (status, failures, errors) {
            (500.., _, _) => Self::Failed,
            (400.., _, _) => Self::Refused,
            (_, 1.., _) => Self::Failed,
            (_, 0, 1..) => Self::Errors,
            (_, 0, 0) => Self::Ok,
        }
    }
}

impl Counts {
    pub(super) fn add(&mut self, second: u64, look: Look) {
        let from = second - second % SPAN;
        // A clock that was set back counts into the newest bar.
        if self.bars.back().is_none_or(|bar| bar.from < from) {
            self.bars.push_back(Bar { from, ok: 0, errors: 0, refused: 0, failed: 0 });
        }
        while self.bars.len() > BARS {
            self.bars.pop_front();
        }
        let Some(bar) = self.bars.back_mut() else { return };
        let count = match look {
            Look::Ok => &mut bar.ok,
            Look::Errors => &mut bar.errors,
            Look::Refused => &mut bar.refused,
            Look::Failed => &mut bar.failed,
        };
        *count = count.saturating_add(1);
    }

    /// Those of the last hours, oldest first; times without a delivery have none.
    pub(super) fn bars(&self, now: u64) -> impl Iterator<Item = &Bar> {
        let oldest = now.saturating_sub(SPAN * BARS as u64);
        self.bars.iter().filter(move |bar| bar.from > oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_counted_by_five_minutes() {
        let mut counts = Counts::default();
        for (second, status) in [(600, 200), (899, 401), (900, 504), (700, 200)] {
            counts.add(second, Look::of(status, 0, 0));
        }
        counts.add(901, Look::of(200, 1, 2));
        counts.add(901, Look::of(200, 0, 2));
        let bars: Vec<_> = counts.bars(1000).copied().collect();
        assert_eq!(bars[0], Bar { from: 600, ok: 1, errors: 0, refused: 1, failed: 0 });
        assert_eq!(
            bars[1],
            Bar { from: 900, ok: 1, errors: 1, refused: 0, failed: 2 },
            "the clock was set back"
        );
        assert_eq!(counts.bars(600 + 300 * 144).count(), 1, "twelve hours later");
        for second in 0..200 {
            counts.add(1200 + second * 300, Look::Ok);
        }
        assert_eq!(counts.bars(0).count(), 144);
    }
}
