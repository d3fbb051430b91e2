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
    /// How many each record of a chunk has in common: a chunk for each column.
    counts: Vec<u8>,
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
        let counts = vec![0; CHUNK * columns.len()];
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

    fn counts(&self) -> &[[u8; CHUNK]] {
        self.counts.as_chunks().0
    }

    /// Looks at the records of a chunk.
    pub(super) fn look(&mut self, chunk: usize) {
        for (column, counts) in self.columns.iter().zip(self.counts.as_chunks_mut::<CHUNK>().0) {
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
        for (counts, share) in self.counts().iter().zip(&self.shares) {
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
                .zip(self.counts())
                .any(|(column, counts)| usize::from(counts[at]) < column.of)
        {
            return;
        }
        let number = chunk * CHUNK + at;
        let of = |(column, counts): (&Counted, &[u8; CHUNK])| {
            column.weight * column.similarity(number, counts[at])
        };
        let similarity = self.columns.iter().zip(self.counts()).map(of).sum::<f64>() / self.weights;
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

#[cfg(test)]
mod tests {
    use super::super::lists::Written;
    use super::*;

    /// Numbers that are the same in each run.
    struct Random(u64);

    impl Random {
        fn next(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound.max(1)
        }

        /// A column of so many records, with trigrams that many of them have and such that few have.
        fn column(&mut self, end: usize) -> (Counted, Vec<u8>) {
            let of = 1 + self.next(24);
            let (mut lists, mut common) = (Vec::new(), vec![0_u8; end]);
            for _ in 0..of {
                let gap = [1, 3, 9, 30, 200, 2_000][self.next(6)];
                let mut list = Written::default();
                let mut number = self.next(2 * gap);
                while number < end {
                    list.push(u32::try_from(number).unwrap());
                    common[number] += 1;
                    number += 1 + self.next(2 * gap - 1);
                }
                lists.push(Arc::new(List::read(&list.bytes, end)));
            }
            let sizes: Vec<u8> =
                common.iter().map(|common| common + u8::try_from(self.next(9)).unwrap()).collect();
            let weight = [1.0, 2.0, 0.3][self.next(3)];
            (Counted { of, weight, lists, sizes: sizes.into() }, common)
        }
    }

    #[test]
    fn the_best_are_those_of_a_look_at_every_record() {
        let mut random = Random(42);
        let mut most = 0;
        for round in 0..24 {
            let end = [0, 1, 777, CHUNK, CHUNK + 1, 2 * CHUNK + 99][round % 6];
            let least = [0.05, 0.3, 0.55, 1.0][round % 4];
            let enough = [1, 50, 1_000][round % 3];
            let columns: Vec<_> = (0..=round % 3).map(|_| random.column(end)).collect();
            let weights: f64 = columns.iter().map(|(column, _)| column.weight).sum();
            let of = |number: usize| {
                let of = |(column, common): &(Counted, Vec<u8>)| {
                    column.weight * column.similarity(number, common[number])
                };
                columns.iter().map(of).sum::<f64>() / weights
            };
            let mut expected: Vec<Candidate> = (0..end)
                .map(|number| (number, of(number)))
                .filter(|(_, similarity)| *similarity >= least)
                .collect();
            expected.sort_by(better);
            expected.truncate(enough);
            most = most.max(expected.len());
            let mut looked =
                Looked::new(columns.into_iter().map(|(column, _)| column).collect(), least, enough);
            for chunk in 0..looked.chunks() {
                looked.look(chunk);
            }
            assert!(looked.best() == expected, "round {round}");
        }
        assert_eq!(most, 1_000);
        // Those that have all trigrams.
        let (column, common) = random.column(CHUNK + 5);
        let of = usize::from(*common.iter().max().unwrap());
        let expected: Vec<usize> =
            (0..common.len()).filter(|number| usize::from(common[*number]) == of).collect();
        let mut looked = Looked::whole(Counted { of, ..column }, 100_000);
        for chunk in 0..looked.chunks() {
            looked.look(chunk);
        }
        let mut found: Vec<usize> = looked.best().into_iter().map(|(number, _)| number).collect();
        found.sort_unstable();
        assert!(found == expected && !found.is_empty());
    }
}
