//! What a check saw, place by place: values, the difference, the row. Noted only where somebody looks.

use crate::rossum::NodeRef;

use super::super::reasons::{Came, PLACES, Place, Reason, Saw};
use super::Document;

/// Values of a column that a reason quotes.
const COLUMN: usize = 50;

/// What one check saw so far.
#[derive(Default)]
pub(super) struct Looked {
    /// Where it does not hold, and where it does: as many as are kept of each.
    acted: Vec<Place>,
    quiet: Vec<Place>,
    more: usize,
    /// What the check computed at the place that it is at.
    computed: Vec<(&'static str, String)>,
    /// Why it says nothing of that place.
    left_out: Option<&'static str>,
}

impl Looked {
    /// A reason of all places; those where the check does not hold come first.
    pub(super) fn reason(self, what: String) -> Reason {
        let mut places = self.acted;
        places.extend(self.quiet);
        let more = self.more + places.len().saturating_sub(PLACES);
        places.truncate(PLACES);
        Reason { what, source: None, places, more }
    }
}

impl Document<'_> {
    fn is_looked_at(&self) -> bool {
        self.answer.reasons.are_wanted()
    }

    /// Keeps what a check computed, for who looks.
    pub(super) fn computed(&mut self, values: impl FnOnce() -> Vec<(&'static str, String)>) {
        if self.is_looked_at() {
            self.looked.computed = values();
        }
    }

    /// Keeps why a check says nothing here.
    pub(super) fn leave_out(&mut self, why: &'static str) {
        self.looked.left_out = Some(why);
    }

    /// Makes a check at one place, and notes what came of it.
    pub(super) fn look<'f>(
        &mut self,
        row: Option<NodeRef>,
        fields: impl Iterator<Item = (&'f str, Vec<NodeRef>)>,
        check: impl FnOnce(&mut Self),
    ) {
        let before = self.answer.messages().len();
        check(self);
        if !self.is_looked_at() {
            return;
        }
        let computed = std::mem::take(&mut self.looked.computed);
        let left_out = self.looked.left_out.take();
        let does_hold = self.answer.messages().len() == before;
        let kept = if does_hold { self.looked.quiet.len() } else { self.looked.acted.len() };
        if kept >= PLACES {
            self.looked.more += 1;
            return;
        }
        let seen = fields.map(|(name, nodes)| {
            let values = nodes.into_iter().take(COLUMN).map(|node| self.text(node).into_owned());
            Saw::new(name, &values.collect::<Vec<_>>().join(", "))
        });
        let saw = seen.chain(computed.into_iter().map(|(name, value)| Saw::new(name, &value))).collect();
        let row = row.and_then(|row| {
            let table = self.tree.parent(row)?;
            self.tree.children(table).position(|one| one == row)
        });
        let (came, says) = match (does_hold, left_out) {
            (false, _) => (Came::Acted, "does not hold"),
            (true, Some(why)) => (Came::Quiet, why),
            (true, None) => (Came::Quiet, "holds"),
        };
        let place = Place { row, came, says: says.to_owned(), saw };
        if does_hold { self.looked.quiet.push(place) } else { self.looked.acted.push(place) }
    }
}
