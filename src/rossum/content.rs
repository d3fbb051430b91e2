//! Reads the `content` tree of a body into the flat list of an [`Annotation`], in one pass.
//!
//! Strings are borrowed from the body (owned only where JSON escapes force it); what no step asks for
//! (positions, OCR texts, URLs) is skipped, not stored.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::annotation::{Category, Node, NodeRef, Normalized};
use super::id::Id;
use super::lenient::{Scalar, ignore_scalars};

/// What Rossum's recorded sample request has in place of `null`.
const NONE_AS_TEXT: &str = "None";

/// Reads a list of nodes, appending them and everything below them.
pub(super) struct Nodes<'r, 'a> {
    pub(super) list: &'r mut Vec<Node<'a>>,
    pub(super) parent: NodeRef,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Nodes<'_, 'a> {
    /// Whether there was a list at all.
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Nodes<'_, 'a> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of nodes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element_seed(OneNode { list: &mut *self.list, parent: self.parent })?.is_some() {}
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    ignore_scalars!(false);
}

struct OneNode<'r, 'a> {
    list: &'r mut Vec<Node<'a>>,
    parent: NodeRef,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum NodeKey {
    Id,
    SchemaId,
    Category,
    Content,
    Children,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for OneNode<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for OneNode<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node of the annotation tree")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Ok(place) = u32::try_from(self.list.len()) else {
            return Err(serde::de::Error::custom("more nodes than an annotation can have"));
        };
        let mut category = None;
        let mut has_children = false;
        self.list.push(Node {
            id: Id::Missing,
            schema_id: Cow::Borrowed(""),
            category: Category::Datapoint,
            value: Cow::Borrowed(""),
            normalized: Normalized::Absent,
            parent: self.parent,
            next_same: NodeRef::NONE,
            end: place + 1,
        });
        let me = place as usize;
        while let Some(key) = map.next_key::<NodeKey>()? {
            match key {
                NodeKey::Id => self.list[me].id = map.next_value()?,
                NodeKey::SchemaId => {
                    self.list[me].schema_id = map.next_value::<Scalar<'a>>()?.into_text().unwrap_or_default();
                }
                NodeKey::Category => category = category_named(&map.next_value()?),
                NodeKey::Content => map.next_value_seed(Content(&mut self.list[me]))?,
                NodeKey::Children => {
                    self.list.truncate(me + 1); // a second `children` replaces the first
                    has_children =
                        map.next_value_seed(Nodes { list: &mut *self.list, parent: NodeRef(place) })?;
                }
                NodeKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let depth = std::iter::successors(Some(self.parent), |p| self.list.get(p.index()).map(|n| n.parent))
            .take_while(|p| *p != NodeRef::NONE)
            .count();
        let end = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let node = &mut self.list[me];
        node.end = end;
        node.category = match (category, has_children, depth) {
            (Some(category), _, _) if category != Category::Datapoint => category,
            (_, false, _) => Category::Datapoint,
            (_, true, 0) => Category::Section,
            (_, true, 1) => Category::Multivalue,
            (_, true, _) => Category::Tuple,
        };
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    ignore_scalars!(());
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

struct Content<'r, 'a>(&'r mut Node<'a>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum ContentKey {
    Value,
    NormalizedValue,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Content<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Content<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a datapoint's content")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some(key) = map.next_key::<ContentKey>()? {
            match key {
                ContentKey::Value => {
                    self.0.value = map.next_value::<Scalar<'a>>()?.into_text().unwrap_or_default();
                }
                ContentKey::NormalizedValue => {
                    self.0.normalized = match map.next_value::<Scalar<'a>>()?.into_text() {
                        Some(text) if !text.is_empty() && text != NONE_AS_TEXT => Normalized::Text(text),
                        _ => Normalized::Empty,
                    };
                }
                ContentKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    ignore_scalars!(());
}
