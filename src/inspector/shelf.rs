//! The deliveries that are kept: the newest ones, of bounded number and size.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock;

use super::counts::{Bar, Counts};
use super::kept::Kept;

/// Deliveries, and bytes of them.
const MOST: usize = 500;
const MOST_BYTES: usize = 48 << 20;

#[derive(Default)]
pub(super) struct Shelf {
    /// Oldest first.
    kept: VecDeque<Arc<Kept>>,
    bytes: usize,
    counts: Counts,
    /// Deliveries that came too fast to be shown.
    pub(super) left_out: u64,
    /// Of the configuration that was refused last.
    pub(super) mistakes: Option<String>,
}

#[derive(Serialize)]
struct List<'s> {
    mode: &'s str,
    version: &'static str,
    most: usize,
    left_out: u64,
    mistakes: Option<&'s str>,
    /// Seconds since 1970.
    now: u64,
    counts: Vec<&'s Bar>,
    deliveries: Vec<Box<RawValue>>,
}

impl Shelf {
    pub(super) fn put(&mut self, kept: Kept, now: SystemTime) {
        self.counts.add(clock::unix_seconds(now).max(kept.second()), kept.look);
        self.bytes += kept.bytes();
        self.kept.push_back(Arc::new(kept));
        while (self.kept.len() > MOST || self.bytes > MOST_BYTES)
            && self.kept.len() > 1
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    pub(super) fn find(&self, number: u64) -> Option<Arc<Kept>> {
        // Not quite in order: deliveries are numbered where they end, and taken by one thread.
        self.kept.iter().find(|kept| kept.number == number).cloned()
    }

    /// For the page, as JSON.
    pub(super) fn list(&self, mode: &str, now: SystemTime) -> String {
        let now = clock::unix_seconds(now);
        let line = |kept: &Arc<Kept>| RawValue::from_string(kept.line.clone()).ok();
        let list = List {
            mode,
            version: env!("CARGO_PKG_VERSION"),
            most: MOST,
            left_out: self.left_out,
            mistakes: self.mistakes.as_deref(),
            now,
            counts: self.counts.bars(now).collect(),
            deliveries: self.kept.iter().rev().filter_map(line).collect(),
        };
        serde_json::to_string(&list).unwrap_or_default()
    }
}
