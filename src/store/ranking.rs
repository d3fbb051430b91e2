//! Similar records by how likely each is the one that is meant, and whether the first may be chosen without a person.
//!
//! What finds them, an index or PostgreSQL, knows trigrams only; here names are compared by their words.

use crate::slices::{Budget, Spent};

use super::search::Compared;
use super::{Alike, Choice, Exactness, Found, Likeness, Record};

/// Of the records that are similar by trigrams, so many are ranked.
pub const RANKED: usize = 50;

/// When the best of similar records may be chosen without a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decides {
    /// Its least score.
    pub sure: f64,
    /// By how much its score must be above that of the second, where it is not more exact than that.
    pub lead: f64,
}

/// What the benchmark shows to be right: `tests/it/similar.rs` asserts it.
impl Default for Decides {
    fn default() -> Self {
        Self { sure: 0.94, lead: 0.1 }
    }
}

impl Decides {
    /// Whether the first of these, the best first, may be chosen.
    fn is_sure(self, ranked: &[(Alike, Record)]) -> bool {
        let Some((first, _)) = ranked.first() else { return false };
        // 0.95 - 0.85 is a little less than 0.1.
        let leads = |(second, _): &(Alike, Record)| {
            first.exactness > second.exactness || first.score - second.score >= self.lead - 1e-9
        };
        first.score >= self.sure && ranked.get(1).is_none_or(leads)
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
    let mut scores: Vec<(Alike, Record)> = Vec::with_capacity(found.records.len());
    for record in found.records.drain(..) {
        budget.turn().await?;
        let mut whole = Alike { score: 0.0, looks: 0.0, exactness: Exactness::Text };
        for (place, weight, likeness) in &wanted {
            let text = place.and_then(|at| record.get(at)?.as_deref()).unwrap_or_default();
            let alike = likeness.of(text);
            whole.score += weight * alike.score;
            whole.looks += weight * alike.looks;
            whole.exactness = whole.exactness.min(alike.exactness);
        }
        (whole.score, whole.looks) = (whole.score / weights, whole.looks / weights);
        scores.push((whole, record));
    }
    // Of equals the one that has more in common comes first: they come in that order.
    scores.sort_by(|(a, _), (b, _)| {
        let by_score = || b.score.total_cmp(&a.score).then(b.looks.total_cmp(&a.looks));
        b.exactness.cmp(&a.exactness).then_with(by_score)
    });
    found.choice = if decides.is_sure(&scores) { Choice::First } else { Choice::Person };
    scores.truncate(most);
    let scored = |(alike, mut record): (Alike, Record)| {
        if let Some(last) = record.last_mut() {
            *last = Some(format!("{:.2}", alike.score));
        }
        record
    };
    found.records = scores.into_iter().map(scored).collect();
    Ok(found)
}
