//! Similar records by how likely each is the one that is meant, and whether the first may be chosen without a person.
//!
//! What finds them, an index or PostgreSQL, knows trigrams only; here names are compared by their words.

use std::cmp::Ordering;

use crate::slices::{Budget, Spent};

use super::search::Compared;
use super::{Choice, Found, Likeness, Record};

/// Of the records that are similar by trigrams, so many are ranked.
pub const RANKED: usize = 50;

/// When the best of similar records may be chosen without a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decides {
    /// Its least score.
    pub sure: f64,
    /// By how much its score must be above that of the second.
    pub lead: f64,
}

/// What the benchmark shows to be right: `tests/it/similar.rs` asserts it.
impl Default for Decides {
    fn default() -> Self {
        Self { sure: 0.94, lead: 0.1 }
    }
}

impl Decides {
    /// Whether the first of these scores, the best first, may be chosen.
    fn is_sure(self, scores: &[(f64, Record)]) -> bool {
        // 0.95 - 0.85 is a little less than 0.1.
        let leads = |first: f64| scores.get(1).is_none_or(|(second, _)| first - second >= self.lead - 1e-9);
        scores.first().is_some_and(|(first, _)| *first >= self.sure && leads(*first))
    }
}

/// Ranks records of which each has its score as last column, and tells whether the first is sure; at most `most`.
pub async fn ranked(
    mut found: Found,
    given: &[(&Compared, &str)],
    decides: Decides,
    most: usize,
    budget: &Budget,
) -> Result<Found, Spent> {
    let weights: f64 = given.iter().map(|(compared, _)| compared.weight).sum();
    let mut wanted = Vec::with_capacity(given.len());
    for (compared, value) in given {
        budget.turn().await?;
        let place = found.columns.iter().position(|column| column.eq_ignore_ascii_case(&compared.column));
        wanted.push((place, compared.weight, Likeness::new(value)));
    }
    let mut scores: Vec<(f64, Record)> = Vec::with_capacity(found.records.len());
    for record in found.records.drain(..) {
        budget.turn().await?;
        let text =
            |place: &Option<usize>| place.and_then(|at| record.get(at)?.as_deref()).unwrap_or_default();
        let of =
            |(place, weight, likeness): &(Option<usize>, f64, Likeness)| weight * likeness.of(text(place));
        scores.push((wanted.iter().map(of).sum::<f64>() / weights, record));
    }
    // Of equals the one that has more in common comes first: they come in that order.
    scores.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(Ordering::Equal));
    found.choice = if decides.is_sure(&scores) { Choice::First } else { Choice::Person };
    scores.truncate(most);
    let scored = |(score, mut record): (f64, Record)| {
        if let Some(last) = record.last_mut() {
            *last = Some(format!("{score:.2}"));
        }
        record
    };
    found.records = scores.into_iter().map(scored).collect();
    Ok(found)
}
