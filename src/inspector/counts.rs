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
    /// Turned away: 4xx.
    refused: u32,
    /// Failed: 5xx.
    failed: u32,
}

impl Counts {
    pub(super) fn add(&mut self, second: u64, status: u16) {
        let from = second - second % SPAN;
        // A clock that was set back counts into the newest bar.
        if self.bars.back().is_none_or(|bar| bar.from < from) {
            self.bars.push_back(Bar { from, ok: 0, refused: 0, failed: 0 });
        }
        while self.bars.len() > BARS {
            self.bars.pop_front();
        }
        let Some(bar) = self.bars.back_mut() else { return };
        let count = match status {
            0..400 => &mut bar.ok,
            400..500 => &mut bar.refused,
            _ => &mut bar.failed,
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
            counts.add(second, status);
        }
        let bars: Vec<_> = counts.bars(1000).copied().collect();
        assert_eq!(bars[0], Bar { from: 600, ok: 1, refused: 1, failed: 0 });
        assert_eq!(bars[1], Bar { from: 900, ok: 1, refused: 0, failed: 1 }, "the clock was set back");
        assert_eq!(counts.bars(600 + 300 * 144).count(), 1, "twelve hours later");
        for second in 0..200 {
            counts.add(1200 + second * 300, 200);
        }
        assert_eq!(counts.bars(0).count(), 144);
    }
}
