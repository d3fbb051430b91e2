//! Lists of the indexes of similar texts that are kept in memory, ready for counting: those that were used last.
//!
//! What belongs together has the mark of the index, which is another one each time that it is built.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::lists::List;
use super::normal::Gram;

/// Bytes that they may take.
pub(super) const MOST_HOT: usize = 64 << 20;
/// A list is in a table, too.
const ENTRY: usize = 64;

/// By dataset and column.
#[derive(Default)]
pub(super) struct Hot {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    indexes: HashMap<(String, String), Index>,
    bytes: usize,
    /// Grows with each use.
    now: u64,
}

struct Index {
    made: Vec<u8>,
    sizes: Arc<[u8]>,
    lists: HashMap<Gram, Used>,
}

struct Used {
    list: Arc<List>,
    last: u64,
}

/// What is known of an index.
#[derive(Default)]
pub(super) struct Known {
    /// The mark of the index.
    pub(super) made: Vec<u8>,
    /// How many trigrams each record has.
    pub(super) sizes: Option<Arc<[u8]>>,
    pub(super) lists: HashMap<Gram, Arc<List>>,
}

impl Hot {
    /// What is known of these trigrams.
    pub(super) fn known(&self, (dataset, column): (&str, &str), grams: &[Gram]) -> Known {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.now += 1;
        let now = kept.now;
        let Some(index) = kept.indexes.get_mut(&(dataset.to_owned(), column.to_owned())) else {
            return Known::default();
        };
        let mut lists = HashMap::with_capacity(grams.len());
        for gram in grams {
            if let Some(used) = index.lists.get_mut(gram) {
                used.last = now;
                lists.insert(*gram, Arc::clone(&used.list));
            }
        }
        Known { made: index.made.clone(), sizes: Some(Arc::clone(&index.sizes)), lists }
    }

    /// Keeps what is known now, and forgets what was used longest ago where it is too much.
    pub(super) fn keep(&self, (dataset, column): (&str, &str), known: &Known) {
        let Some(sizes) = &known.sizes else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = kept.now;
        let key = (dataset.to_owned(), column.to_owned());
        if let Some(old) = kept.indexes.get(&key)
            && old.made != known.made
        {
            kept.bytes -= old.size();
            kept.indexes.remove(&key);
        }
        let mut added = 0;
        let index = kept.indexes.entry(key).or_insert_with(|| {
            added += sizes.len();
            Index { made: known.made.clone(), sizes: Arc::clone(sizes), lists: HashMap::new() }
        });
        for (gram, list) in &known.lists {
            index.lists.entry(*gram).or_insert_with(|| {
                added += ENTRY + list.size();
                Used { list: Arc::clone(list), last: now }
            });
        }
        kept.bytes += added;
        if kept.bytes > MOST_HOT {
            kept.forget();
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

impl Index {
    fn size(&self) -> usize {
        self.sizes.len() + self.lists.values().map(Used::size).sum::<usize>()
    }
}

impl Used {
    fn size(&self) -> usize {
        ENTRY + self.list.size()
    }
}

impl Kept {
    /// Forgets a quarter, so that it is not done each time.
    fn forget(&mut self) {
        let sizes: usize = self.indexes.values().map(|index| index.sizes.len()).sum();
        let all = self.indexes.values().flat_map(|index| index.lists.values());
        let mut all: Vec<(u64, usize)> = all.map(|used| (used.last, used.size())).collect();
        all.sort_unstable_by_key(|(last, _)| std::cmp::Reverse(*last));
        let mut room = (MOST_HOT / 4 * 3).saturating_sub(sizes);
        let too_old = all.into_iter().find(|(_, size)| {
            let fits = *size <= room;
            room = room.saturating_sub(*size);
            !fits
        });
        let too_old = too_old.map_or(0, |(last, _)| last);
        for index in self.indexes.values_mut() {
            index.lists.retain(|_, used| used.last > too_old);
        }
        self.indexes.retain(|_, index| !index.lists.is_empty());
        self.bytes = self.indexes.values().map(Index::size).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index with this list for each trigram.
    fn known(made: &[u8], list: &Arc<List>, grams: std::ops::Range<Gram>) -> Known {
        let lists = grams.map(|gram| (gram, Arc::clone(list))).collect();
        Known { made: made.to_vec(), sizes: Some(vec![9; 1_000].into()), lists }
    }

    #[test]
    fn what_was_used_longest_ago_is_forgotten_and_an_index_that_was_built_anew_has_nothing_of_before() {
        let (hot, name) = (Hot::default(), ("vendors", "name"));
        // Of a million records, and of few.
        let large = Arc::new(List::read(&vec![1; 1_000_000], 1_000_001));
        let small = Arc::new(List::read(&[1; 999], 1_000));
        hot.keep(name, &known(b"one", &large, 0..100));
        let kept = hot.bytes();
        assert!(kept > 12 << 20 && kept < MOST_HOT, "{kept}");
        assert_eq!(hot.known(name, &[5, 99, 100]).lists.len(), 2);
        assert!(hot.known(("vendors", "address"), &[5]).sizes.is_none());
        // One list is used all the time.
        for first in 1..20 {
            hot.keep(name, &known(b"one", &large, first * 100..first * 100 + 100));
            assert_eq!(hot.known(name, &[5]).lists.len(), 1, "{first}");
            assert!(hot.bytes() <= MOST_HOT);
        }
        assert_eq!(hot.known(name, &[6]).lists.len(), 0, "it was not used for long");
        hot.keep(name, &known(b"two", &small, 7..8));
        assert_eq!((hot.known(name, &[5]).lists.len(), hot.known(name, &[7]).lists.len()), (0, 1));
        assert_eq!(hot.known(name, &[]).made, b"two");
        assert!(hot.bytes() < 10_000, "what is gone takes no memory: {}", hot.bytes());
    }
}
