//! Reads the `content` tree of a body into the flat list of an `Annotation`, in one pass.
//!
//! Strings are borrowed from the body (owned only where JSON escapes force it); what no step asks for
//! (positions, OCR texts, URLs) is skipped, not stored.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess};

use super::annotation::{Category, Node, NodeRef, Normalized};
use super::id::Id;
use super::lenient::{Elements, Entries, List, Object, Scalar};

/// What Rossum's recorded sample request has in place of `null`.
const NONE_AS_TEXT: &str = "None";

/// Reads a list of nodes, appending them and everything below them.
pub(super) struct Nodes<'r, 'a> {
    pub(super) list: &'r mut Vec<Node<'a>>,
    pub(super) parent: NodeRef,
    /// How many the list may have; one more ends the reading.
    pub(super) most: usize,
}

impl<'de: 'a, 'a> Elements<'de> for Nodes<'_, 'a> {
    fn element<A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<bool, A::Error> {
        Ok(seq
            .next_element_seed(OneNode { list: self.list, parent: self.parent, most: self.most })?
            .is_some())
    }
}

/// Reads one node and everything below it.
struct OneNode<'r, 'a> {
    list: &'r mut Vec<Node<'a>>,
    parent: NodeRef,
    most: usize,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for OneNode<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let place = u32::try_from(self.list.len()).ok().filter(|_| self.list.len() < self.most);
        let Some(place) = place else { return Err(D::Error::custom("too many nodes")) };
        self.list.push(Node {
            id: Id::Missing,
            schema_id: Cow::Borrowed(""),
            category: Category::Datapoint,
            value: Cow::Borrowed(""),
            normalized: Normalized::Absent,
            no_recalculation: false,
            options: None,
            parent: self.parent,
            next_same: NodeRef::NONE,
            end: place + 1,
        });
        let mut node =
            NodeEntries { list: self.list, me: place, most: self.most, category: None, has_children: false };
        if Object(&mut node).deserialize(deserializer)? {
            node.finish();
        } else {
            self.list.truncate(place as usize); // `null` or the like in the list
        }
        Ok(())
    }
}

/// A node of the list while its keys are read.
struct NodeEntries<'r, 'a> {
    list: &'r mut Vec<Node<'a>>,
    me: u32,
    most: usize,
    category: Option<Category>,
    has_children: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum NodeKey {
    Id,
    SchemaId,
    Category,
    Content,
    Children,
    NoRecalculation,
    Options,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Entries<'de> for NodeEntries<'_, 'a> {
    type Key = NodeKey;

    fn entry<A: MapAccess<'de>>(&mut self, key: NodeKey, map: &mut A) -> Result<(), A::Error> {
        let me = self.me as usize;
        match key {
            NodeKey::Id => self.list[me].id = map.next_value()?,
            NodeKey::SchemaId => {
                self.list[me].schema_id = map.next_value::<Scalar<'a>>()?.into_text().unwrap_or_default();
            }
            NodeKey::Category => self.category = category_named(&map.next_value()?),
            NodeKey::Content => {
                map.next_value_seed(Object(&mut self.list[me]))?;
            }
            NodeKey::Children => {
                self.list.truncate(me + 1); // a second `children` replaces the first
                let mut children = Nodes { list: self.list, parent: NodeRef(self.me), most: self.most };
                self.has_children = map.next_value_seed(List(&mut children))?;
            }
            NodeKey::NoRecalculation => {
                self.list[me].no_recalculation = map.next_value::<Scalar<'a>>()? == Scalar::Bool(true);
            }
            NodeKey::Options => self.list[me].options = Some(map.next_value()?),
            NodeKey::Other => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl NodeEntries<'_, '_> {
    /// Closes the subtree. A node with children is no datapoint, whatever its `category` says.
    fn finish(self) {
        let Self { list, me, category, has_children, .. } = self;
        let above =
            std::iter::successors(Some(list[me as usize].parent), |p| list.get(p.index()).map(|n| n.parent));
        let depth = above.take_while(|p| *p != NodeRef::NONE).count();
        let end = u32::try_from(list.len()).unwrap_or(u32::MAX);
        let node = &mut list[me as usize];
        node.end = end;
        node.category = match (category, has_children, depth) {
            (Some(category), _, _) if category != Category::Datapoint => category,
            (_, false, _) => Category::Datapoint,
            (_, true, 0) => Category::Section,
            (_, true, 1) => Category::Multivalue,
            (_, true, _) => Category::Tuple,
        };
    }
}

fn category_named(name: &Scalar<'_>) -> Option<Category> {
    let Scalar::Text(name) = name else { return None };
    Some(match &**name {
        "section" => Category::Section,
        "multivalue" => Category::Multivalue,
        "tuple" => Category::Tuple,
        "datapoint" => Category::Datapoint,
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
pub(super) enum ContentKey {
    Value,
    NormalizedValue,
    #[serde(other)]
    Other,
}

/// A datapoint's `content`.
impl<'de: 'a, 'a> Entries<'de> for Node<'a> {
    type Key = ContentKey;

    fn entry<A: MapAccess<'de>>(&mut self, key: ContentKey, map: &mut A) -> Result<(), A::Error> {
        match key {
            ContentKey::Value => {
                self.value = map.next_value::<Scalar<'a>>()?.into_text().unwrap_or_default();
            }
            ContentKey::NormalizedValue => {
                self.normalized = match map.next_value::<Scalar<'a>>()?.into_text() {
                    Some(text) if !text.is_empty() && text != NONE_AS_TEXT => Normalized::Text(text),
                    _ => Normalized::Empty,
                };
            }
            ContentKey::Other => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
