//! The annotation's tree as the steps so far left it: rows that they added are there, rows that they removed are not.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::annotation::{Annotation, Category, Node, NodeRef};

/// What was added to a tree and removed from it.
#[derive(Debug, Clone, Default)]
pub(super) struct Growth {
    /// Rows and their cells, in the order of their places.
    pub(super) added: Vec<Node<'static>>,
    /// Nodes without their parents; what is below them is gone as well.
    pub(super) removed: BTreeSet<NodeRef>,
}

/// An annotation with what a journal added and removed: what [`super::Journal::tree`] gives.
///
/// It holds no values: those are the journal's, which may go on changing meanwhile.
#[derive(Debug, Clone)]
pub struct GrownTree<'t> {
    pub(super) annotation: &'t Annotation<'t>,
    pub(super) growth: Option<Arc<Growth>>,
}

impl<'t> GrownTree<'t> {
    /// A node as it came, or as it was added.
    pub fn node(&self, node: NodeRef) -> &Node<'_> {
        match (node.added_place(), &self.growth) {
            (Some(place), Some(growth)) if place < growth.added.len() => &growth.added[place],
            _ => self.annotation.node(node),
        }
    }

    /// How many nodes were added.
    pub fn added_len(&self) -> usize {
        self.growth.as_ref().map_or(0, |growth| growth.added.len())
    }

    /// The annotation as it came.
    pub fn sent(&self) -> &'t Annotation<'t> {
        self.annotation
    }

    pub fn parent(&self, node: NodeRef) -> Option<NodeRef> {
        self.node(node).parent.some()
    }

    /// The row that a cell stands in: its tuple.
    pub fn row(&self, node: NodeRef) -> Option<NodeRef> {
        self.parent(node).filter(|parent| self.node(*parent).category == Category::Tuple)
    }

    /// The first node with this schema id that is still there.
    pub fn first(&self, schema_id: &str) -> Option<NodeRef> {
        if self.growth.is_none() {
            return self.annotation.first(schema_id);
        }
        self.all(schema_id).next()
    }

    /// All nodes with this schema id, in document order; added ones last.
    pub fn all(&self, schema_id: &str) -> impl Iterator<Item = NodeRef> {
        let first = self.annotation.first(schema_id).or_else(|| self.next_added(0, schema_id));
        std::iter::successors(first, |node| self.next_same(*node)).filter(|node| self.is_there(*node))
    }

    /// The next node with the same schema id, also where it is no longer there.
    pub fn next_same(&self, node: NodeRef) -> Option<NodeRef> {
        match node.added_place() {
            Some(place) => self.next_added(place + 1, &self.node(node).schema_id),
            None => match self.annotation.next_same(node) {
                None if self.growth.is_some() => self.next_added(0, &self.annotation.node(node).schema_id),
                next => next,
            },
        }
    }

    fn next_added(&self, from: usize, schema_id: &str) -> Option<NodeRef> {
        let added = &self.growth.as_ref()?.added;
        let place = added.iter().skip(from).position(|node| node.schema_id == schema_id)?;
        Some(NodeRef::added(from + place))
    }

    /// Whether neither the node nor one that it stands in was removed.
    pub fn is_there(&self, node: NodeRef) -> bool {
        let Some(growth) = self.growth.as_ref().filter(|growth| !growth.removed.is_empty()) else {
            return true;
        };
        !std::iter::successors(Some(node), |node| self.parent(*node))
            .any(|node| growth.removed.contains(&node))
    }

    /// The children of a node, in document order; added ones last.
    pub fn children(&self, node: NodeRef) -> impl Iterator<Item = NodeRef> {
        let sent = if node.added_place().is_none() { Some(self.annotation.children(node)) } else { None };
        let growth = self.growth.as_deref();
        let gone = move |child: &NodeRef| growth.is_some_and(|growth| growth.removed.contains(child));
        // Rows are added to multivalues, and a new row's cells stand right behind it.
        let from = match node.added_place() {
            Some(place) => Some((place + 1, true)),
            None if self.annotation.node(node).category == Category::Multivalue => Some((0, false)),
            None => None,
        };
        let added = growth.zip(from).map(|(growth, (from, together))| {
            let nodes = growth.added.iter().enumerate().skip(from);
            nodes.take_while(move |(_, child)| !together || child.parent == node)
        });
        let added = added.into_iter().flatten().filter(move |(_, child)| child.parent == node);
        let added = added.map(|(place, _)| NodeRef::added(place));
        sent.into_iter().flatten().chain(added).filter(move |child| !gone(child))
    }
}
