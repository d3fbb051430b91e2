//! The records that have most in common with some texts, found by counting: those that cannot be among them are passed over
//! many at a time.

use std::sync::Arc;

use super::lists::{CHUNK, List, count};

/// A record by its number, and how similar it is.
pub(super) type Candidate = (usize, f64);

/// A text and what the index of a column has of it.
#[derive(Debug)]
pub(super) struct Counted {
    /// Trigrams of the text: at most 255.
    pub(super) of: usize,
    /// How much the column counts beside others.
    pub(super) weight: f64,
    pub(super) lists: Vec<Arc<List>>,
    /// By the number of a record: how many trigrams it has.
    pub(super) sizes: Arc<[u8]>,
}

impl Counted {
    /// The share of common trigrams of a record, from 0 to 1.
    fn similarity(&self, number: usize, common: u8) -> f64 {
        let common = usize::from(common);
        let all = self.of + self.sizes.get(number).copied().map_or(0, usize::from) - common.min(self.of);
        #[expect(clippy::cast_precision_loss, reason = "at most 510")]
        if common == 0 { 0.0 } else { common as f64 / all as f64 }
    }
}

/// A whole in the fixed point of [`Looked::shares`].
const WHOLE: f64 = 32_768.0;
/// Records that are passed over at a time.
const BLOCK: usize = 64;

/// The records of all columns, looked at a chunk at a time; keeps the most similar ones.
pub(super) struct Looked {
    columns: Vec<Counted>,
    weights: f64,
    /// What a trigram that is in common adds to the similarity at most: the share, rounded up.
    shares: Vec<u16>,
    counts: Vec<[u8; CHUNK]>,
    /// Whoever is less similar is not among the best.
    least: f64,
    /// Whether a record must have all trigrams.
    is_whole: bool,
    enough: usize,
    best: Vec<Candidate>,
}

impl Looked {
    /// Looks for as many as are enough, of those that are at least so similar in the mean of all columns.
    pub(super) fn new(columns: Vec<Counted>, least: f64, enough: usize) -> Self {
        let weights: f64 = columns.iter().map(|column| column.weight).sum();
        let share = |column: &Counted| {
            #[expect(clippy::cast_precision_loss, reason = "at most 255")]
            let of = column.of.max(1) as f64;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
            let share = (column.weight / weights / of * WHOLE).ceil() as u16;
            share
        };
        let shares = columns.iter().map(share).collect();
        let counts = vec![[0; CHUNK]; columns.len()];
        Self { weights, shares, counts, columns, least, is_whole: false, enough, best: Vec::new() }
    }

    /// Looks for those that have all trigrams of a text, whatever else they have.
    pub(super) fn whole(column: Counted, enough: usize) -> Self {
        Self { is_whole: true, ..Self::new(vec![column], 0.0, enough) }
    }

    /// One more than the number of the last record.
    fn end(&self) -> usize {
        self.columns.iter().map(|column| column.sizes.len()).max().unwrap_or(0)
    }

    pub(super) fn chunks(&self) -> usize {
        self.end().div_ceil(CHUNK)
    }

    /// Looks at the records of a chunk.
    pub(super) fn look(&mut self, chunk: usize) {
        for (column, counts) in self.columns.iter().zip(&mut self.counts) {
            count(column.lists.iter().map(AsRef::as_ref), chunk, counts);
        }
        let end = self.end().saturating_sub(chunk * CHUNK).min(CHUNK);
        for first in (0..end).step_by(BLOCK) {
            let most = self.most(first);
            let below = self.below();
            // Of most blocks there is none.
            if most.iter().fold(0, |all, most| all | most.saturating_sub(below)) == 0 {
                continue;
            }
            for (at, most) in most.iter().enumerate() {
                if *most > below {
                    self.weigh(chunk, first + at);
                }
            }
        }
        self.narrow();
    }

    /// How similar the records of a block can be at most, whatever else they have.
    fn most(&self, first: usize) -> [u16; BLOCK] {
        let mut most = [0_u16; BLOCK];
        for (counts, share) in self.counts.iter().zip(&self.shares) {
            for (most, count) in most.iter_mut().zip(&counts[first..first + BLOCK]) {
                *most = most.saturating_add(u16::from(*count).wrapping_mul(*share));
            }
        }
        most
    }

    /// Whoever can be no more than that is not similar enough.
    fn below(&self) -> u16 {
        let least = if self.is_whole { 1.0 } else { self.least };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let least = (least * WHOLE) as u16;
        least.saturating_sub(2)
    }

    fn weigh(&mut self, chunk: usize, at: usize) {
        if self.is_whole
            && self
                .columns
                .iter()
                .zip(&self.counts)
                .any(|(column, counts)| usize::from(counts[at]) < column.of)
        {
            return;
        }
        let number = chunk * CHUNK + at;
        let of = |(column, counts): (&Counted, &[u8; CHUNK])| {
            column.weight * column.similarity(number, counts[at])
        };
        let similarity = self.columns.iter().zip(&self.counts).map(of).sum::<f64>() / self.weights;
        if similarity >= self.least {
            self.best.push((number, similarity));
            if self.best.len() >= 2 * self.enough + BLOCK {
                self.narrow();
            }
        }
    }

    /// Keeps as many as are enough. Of equals the first ones.
    fn narrow(&mut self) {
        if self.enough > 0 && self.best.len() > self.enough {
            self.best.select_nth_unstable_by(self.enough - 1, better);
            self.best.truncate(self.enough);
            self.least = self.best.last().map_or(self.least, |(_, similarity)| *similarity);
        }
    }

    /// The most similar records, the best first.
    pub(super) fn best(mut self) -> Vec<Candidate> {
        self.best.sort_by(better);
        self.best.truncate(self.enough);
        self.best
    }
}

fn better(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}
