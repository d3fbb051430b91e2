//! Why a step did what it did, with the values that it saw: for the inspector, and noted only where somebody looks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::txscript::Schema;

/// What steps say of themselves; nothing, at no cost, where nobody wants it.
#[derive(Default)]
pub struct Reasons(Option<Box<Noted>>);

#[derive(Default)]
struct Noted {
    list: Vec<Reason>,
    labels: BTreeMap<String, String>,
    /// What noting itself took.
    took: Duration,
}

/// One rule, formula, check, lookup or call.
#[derive(Debug, Serialize)]
pub struct Reason {
    /// As the configuration names it.
    pub what: String,
    /// Its text there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where it was looked at.
    pub places: Vec<Place>,
    /// Places beyond those.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// The header, or a row.
#[derive(Debug, Serialize)]
pub struct Place {
    /// From 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    pub came: Came,
    /// In the configuration's words: no value of the document stands in it.
    pub says: String,
    pub saw: Vec<Saw>,
}

/// How much a reader should look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Came {
    /// It could not be evaluated.
    Failed,
    /// It did what it is there for: a rule fired, a check does not hold.
    Acted,
    /// Nothing came of it.
    Quiet,
}

#[derive(Debug, Serialize)]
pub struct Saw {
    pub name: String,
    pub value: String,
}

/// Said of what the outbox has taken.
pub(super) const QUEUED: &str = "kept in the outbox, to be sent";

/// What explaining one step may take: it is explained while somebody waits.
pub(super) const EXPLAINING: Duration = Duration::from_millis(200);
/// Places that are kept of one reason, those that matter most.
pub(super) const PLACES: usize = 20;
/// Characters of a value.
const VALUE: usize = 200;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Saw {
    pub fn new(name: impl Into<String>, value: &str) -> Self {
        let value = match value.char_indices().nth(VALUE) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value.to_owned(),
        };
        Self { name: name.into(), value }
    }
}

impl Reason {
    /// Of all places those are looked at closer, by `look`, that matter most.
    pub(super) fn of<P>(
        what: impl Into<String>,
        source: &str,
        mut places: Vec<(Came, P)>,
        look: impl Fn(Came, P) -> Place,
    ) -> Self {
        let more = places.len().saturating_sub(PLACES);
        if more > 0 {
            places.sort_by_key(|(came, _)| *came);
            places.truncate(PLACES);
        }
        let places = places.into_iter().map(|(came, place)| look(came, place)).collect();
        Self { what: what.into(), source: Some(source.to_owned()), places, more }
    }

    /// Takes the places of another one about the same.
    pub fn join(&mut self, other: Self) {
        let room = PLACES.saturating_sub(self.places.len());
        self.more += other.more + other.places.len().saturating_sub(room);
        self.places.extend(other.places.into_iter().take(room));
    }

    /// About what it takes of memory.
    pub fn bytes(&self) -> usize {
        let saw = self.places.iter().flat_map(|place| &place.saw);
        let saw: usize = saw.map(|saw| saw.name.len() + saw.value.len() + 64).sum();
        self.what.len() + self.source.as_ref().map_or(0, String::len) + self.places.len() * 64 + saw
    }

    /// One that has a single place.
    pub fn single(what: impl Into<String>, came: Came, says: impl Into<String>, saw: Vec<Saw>) -> Self {
        let places = vec![Place { row: None, came, says: says.into(), saw }];
        Self { what: what.into(), source: None, places, more: 0 }
    }
}

impl Reasons {
    pub fn wanted() -> Self {
        Self(Some(Box::default()))
    }

    pub fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Of as many places as are kept.
    pub fn note(&mut self, reason: impl FnOnce() -> Reason) {
        if let Some(noted) = &mut self.0 {
            noted.list.push(reason());
        }
    }

    /// How the schema calls its fields.
    pub(super) fn note_labels(&mut self, schema: &Schema) {
        if let Some(noted) = &mut self.0 {
            noted.labels.extend(schema.labels().map(|(id, label)| (id.to_owned(), label.to_owned())));
        }
    }

    /// Counts the time since then as explaining, which is no part of the step's own.
    pub(super) fn explained_since(&mut self, began: Instant) {
        if let Some(noted) = &mut self.0 {
            noted.took += began.elapsed();
        }
    }

    /// The same of another's.
    pub(super) fn add(&mut self, took: Duration) {
        if let Some(noted) = &mut self.0 {
            noted.took += took;
        }
    }

    /// What was noted since this was asked before, and the time that it took.
    pub fn take(&mut self) -> (Vec<Reason>, Duration) {
        let noted = self.0.as_mut();
        noted
            .map(|noted| (std::mem::take(&mut noted.list), std::mem::take(&mut noted.took)))
            .unwrap_or_default()
    }

    /// Labels by schema ids.
    pub fn into_labels(self) -> BTreeMap<String, String> {
        self.0.map(|noted| noted.labels).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn of_many_places_those_are_looked_at_that_matter() {
        let places =
            (0..1000).map(|row| (if row % 100 == 7 { Came::Acted } else { Came::Quiet }, row)).collect();
        let looked = Cell::new(0);
        let reason = Reason::of("rule", "field.x > 1", places, |came, row| {
            looked.set(looked.get() + 1);
            Place {
                row: Some(row),
                came,
                says: String::new(),
                saw: vec![Saw::new("field.x", &"9".repeat(300))],
            }
        });
        assert_eq!((looked.get(), reason.places.len(), reason.more), (PLACES, PLACES, 1000 - PLACES));
        let acted: Vec<_> = reason.places.iter().take_while(|place| place.came == Came::Acted).collect();
        assert_eq!((acted.len(), acted[1].row), (10, Some(107)), "in their order");
        assert_eq!(acted[0].saw[0].value.chars().count(), VALUE + 1, "cut, and said so");
        assert!(reason.bytes() < 20_000);
    }

    #[test]
    fn nothing_is_made_that_nobody_wants() {
        let mut reasons = Reasons::default();
        reasons.note(|| panic!("nobody asked"));
        assert!(reasons.take().0.is_empty());
        let mut reasons = Reasons::wanted();
        reasons.note(|| Reason::single("a", Came::Quiet, "holds", Vec::new()));
        assert_eq!((reasons.take().0.len(), reasons.take().0.len()), (1, 0));
    }
}
