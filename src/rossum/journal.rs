//! The journal of changes that steps lay over an annotation, and its form in the answer: operations
//! (API reference: "Bulk update annotation data").
//!
//! Entries are only ever appended, so that a failed step is rolled back by cutting the journal to where it
//! stood. Readers look through it: the newest entry for a datapoint wins.

use std::borrow::Cow;

use hashbrown::HashMap;
use rust_decimal::Decimal;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::annotation::{Annotation, NodeRef, parse_decimal};
use super::id::Id;

/// A value as it goes into an answer: text, or a number where a configuration gave one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Text(String),
    Number(i64),
}

impl Value {
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
        }
    }
}

/// One choice of an enum datapoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnumOption {
    pub value: Value,
    pub label: String,
}

/// Where an operation's `validation_sources` stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourcesPlace {
    /// Beside `content`, as the reference wants it.
    #[default]
    BesideContent,
    /// Inside `content`: a mistake of Rossum's vendor matching sample, kept for parity with it.
    InsideContent,
}

/// A change to one datapoint; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub value: Option<Value>,
    pub options: Option<Vec<EnumOption>>,
    pub validation_sources: Option<Vec<String>>,
    pub sources_place: SourcesPlace,
    /// Whether the user sees the datapoint.
    pub hidden: Option<bool>,
}

/// All changes of a delivery, in the order in which steps made them.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Entry>,
    /// The newest entry for each changed datapoint.
    newest: HashMap<NodeRef, usize>,
}

#[derive(Debug)]
struct Entry {
    node: NodeRef,
    change: Change,
    /// The entry for the same datapoint before this one.
    previous: Option<usize>,
}

impl Journal {
    pub fn record(&mut self, node: NodeRef, change: Change) {
        let previous = self.newest.insert(node, self.entries.len());
        self.entries.push(Entry { node, change, previous });
    }

    /// How far the journal has come, to return to by [`Self::roll_back`].
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn roll_back(&mut self, len: usize) {
        for entry in self.entries.drain(len..).rev() {
            match entry.previous {
                Some(previous) => self.newest.insert(entry.node, previous),
                None => self.newest.remove(&entry.node),
            };
        }
    }

    /// A datapoint's value as the steps so far left it.
    pub fn value<'v>(&'v self, annotation: &'v Annotation<'_>, node: NodeRef) -> Cow<'v, str> {
        self.new_value(node).map_or(Cow::Borrowed(&annotation.node(node).value), Value::as_text)
    }

    /// A datapoint's value as an exact number.
    pub fn decimal(&self, annotation: &Annotation<'_>, node: NodeRef) -> Option<Decimal> {
        match self.new_value(node) {
            None => annotation.node(node).decimal(),
            Some(value) => parse_decimal(&value.as_text()),
        }
    }

    /// A datapoint's value as a date.
    pub fn date(&self, annotation: &Annotation<'_>, node: NodeRef) -> Option<jiff::civil::Date> {
        match self.new_value(node) {
            None => annotation.node(node).date(),
            Some(value) => value.as_text().parse().ok(),
        }
    }

    /// The changes to a datapoint, newest first.
    fn changes(&self, node: NodeRef) -> impl Iterator<Item = &Change> {
        let newest = self.newest.get(&node).map(|at| &self.entries[*at]);
        std::iter::successors(newest, |entry| entry.previous.map(|at| &self.entries[at]))
            .map(|entry| &entry.change)
    }

    /// The value that a step gave a datapoint, if one did.
    pub fn changed_value(&self, node: NodeRef) -> Option<Cow<'_, str>> {
        self.new_value(node).map(Value::as_text)
    }

    fn new_value(&self, node: NodeRef) -> Option<&Value> {
        self.changes(node).find_map(|change| change.value.as_ref())
    }

    /// Number of operations that [`Self::operations`] will write.
    pub fn operations_len(&self) -> usize {
        self.newest.len()
    }

    /// The journal as operations: one `replace` for each changed datapoint, in the order of first changes.
    pub fn operations<'v>(&'v self, annotation: Option<&'v Annotation<'v>>) -> impl Serialize + 'v {
        Operations { journal: self, annotation }
    }

    /// All changes to a datapoint in one.
    fn merged(&self, node: NodeRef) -> Change {
        let mut whole = Change::default();
        for change in self.changes(node) {
            whole.value = whole.value.or_else(|| change.value.clone());
            whole.options = whole.options.or_else(|| change.options.clone());
            whole.hidden = whole.hidden.or(change.hidden);
            if whole.validation_sources.is_none() {
                whole.validation_sources.clone_from(&change.validation_sources);
                whole.sources_place = change.sources_place;
            }
        }
        whole
    }
}

struct Operations<'v> {
    journal: &'v Journal,
    annotation: Option<&'v Annotation<'v>>,
}

impl Serialize for Operations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if let Some(annotation) = self.annotation {
            for entry in self.journal.entries.iter().filter(|entry| entry.previous.is_none()) {
                let value = self.journal.merged(entry.node);
                let id = &annotation.node(entry.node).id;
                list.serialize_element(&Replace { op: "replace", id, value: &value })?;
            }
        }
        list.end()
    }
}

#[derive(Serialize)]
struct Replace<'v> {
    op: &'static str,
    id: &'v Id<'v>,
    value: &'v Change,
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (inside, beside) = match self.sources_place {
            SourcesPlace::InsideContent => (self.validation_sources.as_deref(), None),
            SourcesPlace::BesideContent => (None, self.validation_sources.as_deref()),
        };
        let mut map = serializer.serialize_map(None)?;
        if self.value.is_some() || inside.is_some() {
            map.serialize_entry(
                "content",
                &Content { value: self.value.as_ref(), validation_sources: inside },
            )?;
        }
        if let Some(options) = &self.options {
            map.serialize_entry("options", options)?;
        }
        if let Some(sources) = beside {
            map.serialize_entry("validation_sources", sources)?;
        }
        if let Some(hidden) = self.hidden {
            map.serialize_entry("hidden", &hidden)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Content<'v> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'v Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_sources: Option<&'v [String]>,
}

#[cfg(test)]
mod tests {
    use super::super::Payload;
    use super::*;

    const BODY: &[u8] = br#"{"annotation": {"content": [
        {"id": 1, "schema_id": "a", "content": {"value": "x", "normalized_value": "1.5"}},
        {"id": "2", "schema_id": "b", "content": {"value": "y"}}]}}"#;

    fn written(journal: &Journal, annotation: &Annotation<'_>) -> serde_json::Value {
        serde_json::to_value(journal.operations(Some(annotation))).unwrap()
    }

    #[test]
    fn readers_look_through_it_and_operations_are_it() {
        let payload = Payload::read(BODY).unwrap();
        let tree = payload.annotation.as_ref().unwrap();
        let (a, b) = (tree.first("a").unwrap(), tree.first("b").unwrap());
        let mut journal = Journal::default();
        let text = |t: &str| Some(Value::Text(t.to_owned()));
        journal.record(
            a,
            Change {
                value: text("3.25"),
                validation_sources: Some(vec!["connector".into()]),
                ..Change::default()
            },
        );
        journal.record(b, Change { value: text("z"), ..Change::default() });
        let here = journal.len();
        journal.record(a, Change { value: text("4"), ..Change::default() });

        assert_eq!(journal.value(tree, a), "4");
        assert_eq!(journal.decimal(tree, a).unwrap().to_string(), "4");
        assert_eq!(journal.operations_len(), 2);
        assert_eq!(
            written(&journal, tree),
            serde_json::json!([
                {"op": "replace", "id": 1, "value": {"content": {"value": "4"}, "validation_sources": ["connector"]}},
                {"op": "replace", "id": "2", "value": {"content": {"value": "z"}}}])
        );

        journal.roll_back(here);
        assert_eq!(journal.value(tree, a), "3.25");
        journal.roll_back(0);
        assert_eq!(journal.decimal(tree, a).unwrap().to_string(), "1.5");
        assert_eq!(written(&journal, tree), serde_json::json!([]));
    }
}
