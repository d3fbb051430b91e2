//! Writing: what a function changed so far, and how `hook_response()` tells it.
//!
//! As the package does it: each datapoint, row and table has attributes that code sets ([`attributes`]), each table
//! its rows and columns ([`sheet`]), and a list in the order of changes knows what became of which ([`updates`]).
//! Formulas and rules have none of this: for them everything here raises the package's error.

mod assign;
pub(super) mod attributes;
pub(super) mod lists;
mod response;
mod sequence;
mod session;
pub(super) mod sheet;
mod updates;

use hashbrown::HashMap;

use crate::rossum::NodeRef;

use super::exception::Eval;
use super::machine::Machine;
use attributes::Attributes;
use sheet::Sheet;
use updates::Updates;

/// Whose attributes: a node's, or a whole column's, which is no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Node(NodeRef),
    Column(usize),
}

/// What one evaluation changed.
pub(crate) struct Edits<'h> {
    attributes: HashMap<Owner, &'h Attributes<'h>>,
    /// By the multivalue's place in the schema.
    sheets: HashMap<usize, &'h Sheet<'h>>,
    updates: Updates<'h>,
    /// Nodes that steps before this one, and this evaluation, added.
    added: usize,
    /// The event of the delivery.
    event: &'h str,
}

impl<'h> Edits<'h> {
    /// `added`: how many nodes the tree has that were not sent.
    pub(super) fn new(added: usize, event: &'h str) -> Self {
        Self { attributes: HashMap::new(), sheets: HashMap::new(), updates: Updates::default(), added, event }
    }
}

impl<'h> Machine<'h> {
    /// What a formula says to an attempt to write.
    pub(crate) fn read_only<T>(&mut self) -> Eval<'h, T> {
        let text = "Field formulas must not modify values of other fields";
        self.raise_text(super::exception::Kind::TypeError, text)
    }

    /// Whether this evaluation may write.
    fn writable(&mut self) -> Eval<'h, ()> {
        if self.edits.is_some() { Ok(()) } else { self.read_only() }
    }

    fn edit<T>(&mut self, change: impl FnOnce(&mut Edits<'h>) -> T) -> Eval<'h, T> {
        match &mut self.edits {
            Some(edits) => Ok(change(edits)),
            None => self.read_only(),
        }
    }

    /// A node of its own, for what is new.
    fn new_node(&mut self) -> Eval<'h, NodeRef> {
        self.memory(size_of::<NodeRef>())?;
        self.edit(|edits| {
            edits.added += 1;
            NodeRef::added(edits.added - 1)
        })
    }
}
