//! The annotation tree as a flat list (API reference: "Annotation data").
//!
//! Nodes stand in document order, each with its parent and the end of its subtree; an index leads from a
//! schema id to its first node, and each node to the next with the same schema id. Nothing edits the list.

use std::borrow::Cow;

use hashbrown::HashMap;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{DeserializeSeed, SeqAccess};
use serde_json::value::RawValue;

use super::id::Id;
use super::lenient::{Elements, List, Scalar};

/// Nodes that steps added have places from here on.
const ADDED: u32 = 1 << 31;

/// A node's place in its annotation, or after it where a step added it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeRef(pub(super) u32);

impl NodeRef {
    /// Larger than any real place: "no node".
    pub(super) const NONE: Self = Self(u32::MAX);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    /// Its number in document order, from 0.
    pub fn place(self) -> usize {
        self.index()
    }

    /// By its number in document order, from 0.
    pub fn sent(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The place of one that a step added, counted from 0.
    pub fn added(place: usize) -> Self {
        Self(u32::try_from(place).map_or(u32::MAX - 1, |place| (ADDED + place).min(u32::MAX - 1)))
    }

    /// Its place among those that steps added, if it is one.
    pub fn added_place(self) -> Option<usize> {
        self.0.checked_sub(ADDED).map(|place| place as usize)
    }

    pub(super) fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// What a node is. A node with children is no datapoint, whatever its `category` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    Section,
    Multivalue,
    Tuple,
    Datapoint,
}

/// `content.normalized_value`: an ISO date or a number as JSON writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normalized<'a> {
    /// The key was not sent: a bare payload, as Rossum's samples are tested with.
    Absent,
    /// Sent without a value (`null`, empty, or the text "None" that some recorded payloads have).
    Empty,
    Text(Cow<'a, str>),
}

/// A section, multivalue, tuple or datapoint.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    pub id: Id<'a>,
    pub schema_id: Cow<'a, str>,
    pub category: Category,
    /// `content.value`: the text as the user sees it, empty where there is none.
    pub value: Cow<'a, str>,
    pub normalized: Normalized<'a>,
    /// The user has set the value by hand, and a formula may not change it.
    pub no_recalculation: bool,
    /// An enum's own options, as they came; the schema has them where the datapoint has none.
    pub(super) options: Option<&'a RawValue>,
    pub(super) parent: NodeRef,
    pub(super) next_same: NodeRef,
    /// One past the last node of this node's subtree.
    pub(super) end: u32,
}

impl Node<'_> {
    /// The value as an exact number, if it is one.
    ///
    /// `normalized_value` decides where it was sent; the displayed text only in bare payloads.
    pub fn decimal(&self) -> Option<Decimal> {
        match &self.normalized {
            Normalized::Text(text) => parse_decimal(text),
            Normalized::Absent => parse_decimal(&self.value),
            Normalized::Empty => None,
        }
    }

    /// The value as a date, if it is one.
    pub fn date(&self) -> Option<jiff::civil::Date> {
        match &self.normalized {
            Normalized::Text(text) => text.trim().parse().ok(),
            Normalized::Absent => self.value.trim().parse().ok(),
            Normalized::Empty => None,
        }
    }

    /// Whether a value is one of the datapoint's own options; `None` where it has none.
    pub fn has_option(&self, value: &str) -> Option<bool> {
        let mut wanted = Wanted { value, has_any: false, is_found: false };
        let mut json = serde_json::Deserializer::from_str(self.options?.get());
        List(&mut wanted).deserialize(&mut json).ok()?;
        wanted.has_any.then_some(wanted.is_found)
    }
}

/// An option that is looked for in a list of them, of which nothing is kept.
struct Wanted<'v> {
    value: &'v str,
    has_any: bool,
    is_found: bool,
}

impl<'de> Elements<'de> for Wanted<'_> {
    fn element<A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<bool, A::Error> {
        let Some(option) = seq.next_element::<SentOption<'de>>()? else { return Ok(false) };
        self.has_any = true;
        self.is_found |= option.value.into_text().is_some_and(|option| is_option(&option, self.value));
        Ok(true)
    }
}

#[derive(Deserialize)]
struct SentOption<'a> {
    #[serde(borrow)]
    value: Scalar<'a>,
}

/// Rossum takes upper and lower case alike (API reference: "Enum type").
pub fn is_option(option: &str, value: &str) -> bool {
    let is_plain = option.is_ascii() || value.is_ascii();
    option.eq_ignore_ascii_case(value) || (!is_plain && option.to_lowercase() == value.to_lowercase())
}

/// A number as JSON writes it: a point, no grouping, perhaps an exponent.
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    Decimal::from_str_exact(text).ok().or_else(|| Decimal::from_scientific(text).ok())
}

/// A document's extracted data.
#[derive(Debug)]
pub struct Annotation<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// Schema id → first and last node, while nodes are linked through `next_same`.
    index: HashMap<Cow<'a, str>, (NodeRef, NodeRef)>,
}

impl<'a> Annotation<'a> {
    /// Links the nodes that the reader left in document order.
    pub(super) fn new(mut nodes: Vec<Node<'a>>) -> Self {
        let mut index: HashMap<Cow<'a, str>, (NodeRef, NodeRef)> = HashMap::with_capacity(64);
        for place in 0..u32::try_from(nodes.len()).unwrap_or(u32::MAX) {
            let here = NodeRef(place);
            let Some(node) = nodes.get(here.index()) else {
                break;
            };
            if node.schema_id.is_empty() {
                continue;
            }
            if let Some((_, last)) = index.get_mut(&*node.schema_id) {
                let before = std::mem::replace(last, here);
                nodes[before.index()].next_same = here;
            } else {
                index.insert(node.schema_id.clone(), (here, here));
            }
        }
        Self { nodes, index }
    }

    /// One without any content.
    pub fn empty() -> Self {
        Self::new(Vec::new())
    }

    pub fn node(&self, node: NodeRef) -> &Node<'a> {
        &self.nodes[node.index()]
    }

    /// All nodes, in document order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(NodeRef)
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The first node with this schema id, in document order.
    pub fn first(&self, schema_id: &str) -> Option<NodeRef> {
        self.index.get(schema_id).map(|(first, _)| *first)
    }

    /// All nodes with this schema id, in document order.
    pub fn all(&self, schema_id: &str) -> impl Iterator<Item = NodeRef> + '_ {
        std::iter::successors(self.first(schema_id), |node| self.next_same(*node))
    }

    /// The next node with the same schema id.
    pub fn next_same(&self, node: NodeRef) -> Option<NodeRef> {
        self.node(node).next_same.some()
    }

    pub fn parent(&self, node: NodeRef) -> Option<NodeRef> {
        self.node(node).parent.some()
    }

    /// The row that a cell stands in: its tuple.
    pub fn row(&self, node: NodeRef) -> Option<NodeRef> {
        self.parent(node).filter(|parent| self.node(*parent).category == Category::Tuple)
    }

    /// The children of a node, in document order.
    pub fn children(&self, node: NodeRef) -> impl Iterator<Item = NodeRef> + '_ {
        let end = self.node(node).end;
        let first = Some(node.0 + 1).filter(|at| *at < end);
        std::iter::successors(first, move |at| Some(self.nodes[*at as usize].end).filter(|at| *at < end))
            .map(NodeRef)
    }
}
