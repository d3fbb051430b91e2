//! Which datapoints and rows changed, in which order, and how.

use hashbrown::HashMap;

use crate::rossum::NodeRef;

use super::Owner;
use super::attributes::Attributes;
use super::sheet::RowState;

/// Parts of a datapoint that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Part(u8);

impl Part {
    pub(super) const VALUE: Self = Self(1);
    pub(super) const PAGE: Self = Self(2);
    pub(super) const POSITION: Self = Self(4);
    pub(super) const STRUCT: Self = Self(8);
    pub(super) const HIDDEN: Self = Self(16);
    pub(super) const OPTIONS: Self = Self(32);
    pub(super) const SOURCES: Self = Self(64);
    pub(super) const ALL: Self = Self(127);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What an update is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'h> {
    Attributes(&'h Attributes<'h>),
    Row(&'h RowState<'h>),
}

#[derive(Clone, Copy)]
pub(super) struct Update<'h> {
    pub(super) subject: Subject<'h>,
    pub(super) removed: bool,
    pub(super) replaced: Part,
}

/// Updates by what they are about. Something new is its own key; what replaces a sent datapoint has that one's.
#[derive(Default)]
pub(super) struct Updates<'h> {
    entries: Vec<Option<Update<'h>>>,
    places: HashMap<Owner, usize>,
}

/// How an answer names a datapoint that an earlier step added: it has no id yet.
pub(super) fn place_name(node: NodeRef) -> String {
    format!("+{}", node.added_place().unwrap_or_default())
}

fn key(owner: Owner, attributes: &Attributes<'_>) -> Owner {
    attributes.sent.map_or(owner, Owner::Node)
}

impl<'h> Updates<'h> {
    fn entry(&mut self, key: Owner, subject: Subject<'h>) -> &mut Update<'h> {
        let place = *self.places.entry(key).or_insert_with(|| {
            self.entries.push(None);
            self.entries.len() - 1
        });
        self.entries[place].get_or_insert(Update { subject, removed: false, replaced: Part::default() })
    }

    pub(super) fn replace(&mut self, owner: Owner, attributes: &'h Attributes<'h>, part: Part) {
        let entry = self.entry(key(owner, attributes), Subject::Attributes(attributes));
        entry.replaced = Part(entry.replaced.0 | part.0);
    }

    pub(super) fn add_row(&mut self, row: &'h RowState<'h>) {
        self.entry(row.owner, Subject::Row(row));
    }

    pub(super) fn add_value(&mut self, owner: Owner, attributes: &'h Attributes<'h>) {
        self.entry(owner, Subject::Attributes(attributes));
    }

    pub(super) fn remove_row(&mut self, row: &'h RowState<'h>) {
        self.remove(row.owner, row.sent.is_some(), Subject::Row(row));
    }

    pub(super) fn remove_value(&mut self, owner: Owner, attributes: &'h Attributes<'h>) {
        let subject = Subject::Attributes(attributes);
        self.remove(key(owner, attributes), attributes.sent.is_some(), subject);
    }

    fn remove(&mut self, key: Owner, was_sent: bool, subject: Subject<'h>) {
        if was_sent {
            self.entry(key, subject).removed = true;
        } else {
            self.forget(key);
        }
    }

    fn forget(&mut self, key: Owner) -> Option<Update<'h>> {
        let place = self.places.remove(&key)?;
        self.entries[place].take()
    }

    /// A cell whose attributes are replaced by new ones, which keep its id.
    pub(super) fn exchange(
        &mut self,
        old: (Owner, &Attributes<'h>),
        new: (Owner, &'h Attributes<'h>),
        part: Part,
    ) {
        let before = self.forget(key(old.0, old.1)).map_or(Part::default(), |update| update.replaced);
        let replaced = Part(before.0 | part.0);
        if replaced != Part::default() {
            let subject = Subject::Attributes(new.1);
            self.entry(key(new.0, new.1), subject).replaced = replaced;
        }
    }

    pub(super) fn all(&self) -> Vec<Update<'h>> {
        self.entries.iter().flatten().copied().collect()
    }
}
