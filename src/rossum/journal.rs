//! The journal of changes that steps lay over an annotation, and its form in the answer: operations
//! (API reference: "Bulk update annotation data").
//!
//! Entries are only ever appended, so that a failed step is rolled back by cutting the journal to where it
//! stood. Readers look through it: the newest entry for a datapoint wins.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::annotation::{Annotation, Category, Node, NodeRef, Normalized, parse_decimal};
use super::id::Id;
use super::operations::Operations;
use super::tree::{GrownTree, Growth};

/// A value as it goes into an answer: text, or what a configuration or code gave instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Text(String),
    Number(i64),
    Json(Json),
}

impl Value {
    /// As JSON has it.
    pub fn read(json: Json) -> Self {
        match json {
            Json::String(text) => Self::Text(text),
            other => Self::Json(other),
        }
    }

    /// As a field shows it.
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) | Self::Json(Json::String(text)) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Json(Json::Null) => Cow::Borrowed(""),
            Self::Json(other) => Cow::Owned(other.to_string()),
        }
    }
}

/// One choice of an enum datapoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnumOption {
    pub value: Value,
    pub label: String,
    /// Whatever else it carries.
    #[serde(flatten)]
    pub more: Map<String, Json>,
}

impl EnumOption {
    /// As JSON has it: `value` and `label`, and whatever else.
    pub fn read(mut json: Map<String, Json>) -> Self {
        let text = |json: Json| match json {
            Json::String(text) => text,
            Json::Null => String::new(),
            other => other.to_string(),
        };
        Self {
            value: json.remove("value").map_or(Value::Json(Json::Null), Value::read),
            label: json.remove("label").map(text).unwrap_or_default(),
            more: json,
        }
    }
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
    /// What else of `content` changes: `page`, `position`, `struct`.
    pub content: Map<String, Json>,
}

/// A cell of a row that is added, or the one value that is added to a simple multivalue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCell {
    pub schema_id: String,
    pub change: Change,
}

/// All changes of a delivery, in the order in which steps made them.
#[derive(Debug, Default)]
pub struct Journal {
    pub(super) entries: Vec<Entry>,
    /// The newest entry for each changed datapoint.
    pub(super) newest: HashMap<NodeRef, usize>,
    growth: Option<Arc<Growth>>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) node: NodeRef,
    pub(super) what: What,
    /// The entry for the same node before this one.
    pub(super) previous: Option<usize>,
}

#[derive(Debug)]
pub(super) enum What {
    Change(Change),
    /// The node is a new row, or a new value of a simple multivalue.
    Add,
    /// The node is a cell of a new row: part of the operation that adds the row.
    AddCell(Change),
    Remove,
}

/// One thing that was done to a node.
pub enum Done<'j> {
    Changed {
        node: NodeRef,
        /// The value that an earlier change had given it; else it had what was sent.
        before: Option<Cow<'j, str>>,
        change: &'j Change,
    },
    Added(NodeRef),
    Removed(NodeRef),
}

impl Journal {
    pub fn record(&mut self, node: NodeRef, change: Change) {
        self.push(node, What::Change(change));
    }

    /// Adds a row to a table: a tuple of cells.
    pub fn add_row(&mut self, table: NodeRef, tuple: &str, cells: Vec<NewCell>) -> NodeRef {
        let row = self.grow(table, tuple, Category::Tuple, String::new());
        self.push(row, What::Add);
        for cell in cells {
            let value = cell.change.value.as_ref().map(|value| value.as_text().into_owned());
            let node = self.grow(row, &cell.schema_id, Category::Datapoint, value.unwrap_or_default());
            self.push(node, What::AddCell(cell.change));
        }
        row
    }

    /// Adds a value to a simple multivalue.
    pub fn add_value(&mut self, multivalue: NodeRef, cell: NewCell) -> NodeRef {
        let value = cell.change.value.as_ref().map(|value| value.as_text().into_owned());
        let node = self.grow(multivalue, &cell.schema_id, Category::Datapoint, value.unwrap_or_default());
        self.push(node, What::Add);
        self.record(node, cell.change);
        node
    }

    /// Removes a row, or a value of a simple multivalue.
    pub fn remove(&mut self, node: NodeRef) {
        if self.is_removed(node) {
            return; // else taking back the second time would take back the first
        }
        self.growth().removed.insert(node);
        self.push(node, What::Remove);
    }

    fn growth(&mut self) -> &mut Growth {
        Arc::make_mut(self.growth.get_or_insert_default())
    }

    fn grow(&mut self, parent: NodeRef, schema_id: &str, category: Category, value: String) -> NodeRef {
        let added = &mut self.growth().added;
        let node = NodeRef::added(added.len());
        added.push(Node {
            id: Id::Missing,
            schema_id: Cow::Owned(schema_id.to_owned()),
            category,
            value: Cow::Owned(value),
            normalized: Normalized::Absent,
            no_recalculation: false,
            options: None,
            parent,
            next_same: NodeRef::NONE,
            end: 0,
        });
        node
    }

    fn push(&mut self, node: NodeRef, what: What) {
        let previous = self.newest.insert(node, self.entries.len());
        self.entries.push(Entry { node, what, previous });
    }

    /// How far the journal has come, to return to by [`Self::roll_back`].
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What was done since it had `len` entries, in order.
    pub fn since(&self, len: usize) -> impl Iterator<Item = Done<'_>> {
        self.entries.iter().skip(len).map(|entry| match &entry.what {
            What::Change(change) => {
                let earlier = std::iter::successors(entry.previous, |at| self.entries[*at].previous);
                let before = earlier.filter_map(|at| match &self.entries[at].what {
                    What::Change(change) | What::AddCell(change) => change.value.as_ref(),
                    What::Add | What::Remove => None,
                });
                Done::Changed { node: entry.node, before: before.map(Value::as_text).next(), change }
            }
            What::AddCell(change) => Done::Changed { node: entry.node, before: None, change },
            What::Add => Done::Added(entry.node),
            What::Remove => Done::Removed(entry.node),
        })
    }

    pub fn roll_back(&mut self, len: usize) {
        for entry in self.entries.drain(len..).rev() {
            match entry.previous {
                Some(previous) => self.newest.insert(entry.node, previous),
                None => self.newest.remove(&entry.node),
            };
            let Some(growth) = &mut self.growth else { continue };
            match entry.what {
                What::Add | What::AddCell(_) => {
                    Arc::make_mut(growth).added.pop();
                }
                What::Remove => {
                    Arc::make_mut(growth).removed.remove(&entry.node);
                }
                What::Change(_) => {}
            }
        }
    }

    /// An annotation with the rows that were added, without those that were removed.
    pub fn tree<'t>(&self, annotation: &'t Annotation<'t>) -> GrownTree<'t> {
        GrownTree { annotation, growth: self.growth.clone() }
    }

    /// A datapoint's value as the steps so far left it.
    pub fn value<'v>(&'v self, tree: &'v GrownTree<'_>, node: NodeRef) -> Cow<'v, str> {
        self.new_value(node).map_or(Cow::Borrowed(&tree.node(node).value), Value::as_text)
    }

    /// A datapoint's value as an exact number.
    pub fn decimal(&self, tree: &GrownTree<'_>, node: NodeRef) -> Option<Decimal> {
        match self.new_value(node) {
            None => tree.node(node).decimal(),
            Some(value) => parse_decimal(&value.as_text()),
        }
    }

    /// A datapoint's value as a date.
    pub fn date(&self, tree: &GrownTree<'_>, node: NodeRef) -> Option<jiff::civil::Date> {
        match self.new_value(node) {
            None => tree.node(node).date(),
            Some(value) => value.as_text().parse().ok(),
        }
    }

    /// The changes to a datapoint, newest first.
    fn changes(&self, node: NodeRef) -> impl Iterator<Item = &Change> {
        let newest = self.newest.get(&node).map(|at| &self.entries[*at]);
        std::iter::successors(newest, |entry| entry.previous.map(|at| &self.entries[at])).filter_map(
            |entry| match &entry.what {
                What::Change(change) | What::AddCell(change) => Some(change),
                What::Add | What::Remove => None,
            },
        )
    }

    /// The value that a step gave a datapoint, if one did.
    pub fn changed_value(&self, node: NodeRef) -> Option<Cow<'_, str>> {
        self.new_value(node).map(Value::as_text)
    }

    fn new_value(&self, node: NodeRef) -> Option<&Value> {
        self.changes(node).find_map(|change| change.value.as_ref())
    }

    pub(super) fn is_removed(&self, node: NodeRef) -> bool {
        self.growth.as_ref().is_some_and(|growth| growth.removed.contains(&node))
    }

    /// Number of operations that [`Self::operations`] will write.
    pub fn operations_len(&self) -> usize {
        Operations::count(self)
    }

    /// The journal as operations, in the order of first changes: one for each datapoint that changed and each row
    /// that was added or removed.
    pub fn operations<'v>(&'v self, annotation: Option<&'v Annotation<'v>>) -> impl Serialize + 'v {
        Operations::new(self, annotation)
    }

    /// All changes to a datapoint in one.
    pub fn merged(&self, node: NodeRef) -> Change {
        let mut whole = Change::default();
        for change in self.changes(node) {
            whole.value = whole.value.or_else(|| change.value.clone());
            whole.options = whole.options.or_else(|| change.options.clone());
            whole.hidden = whole.hidden.or(change.hidden);
            if whole.validation_sources.is_none() {
                whole.validation_sources.clone_from(&change.validation_sources);
                whole.sources_place = change.sources_place;
            }
            for (key, value) in &change.content {
                if !whole.content.contains_key(key) {
                    whole.content.insert(key.clone(), value.clone());
                }
            }
        }
        whole
    }
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
        let annotation = payload.annotation.as_ref().unwrap();
        let tree = &Journal::default().tree(annotation);
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
            written(&journal, annotation),
            serde_json::json!([
                {"op": "replace", "id": 1, "value": {"content": {"value": "4"}, "validation_sources": ["connector"]}},
                {"op": "replace", "id": "2", "value": {"content": {"value": "z"}}}])
        );

        journal.roll_back(here);
        assert_eq!(journal.value(tree, a), "3.25");
        journal.roll_back(0);
        assert_eq!(journal.decimal(tree, a).unwrap().to_string(), "1.5");
        assert_eq!(written(&journal, annotation), serde_json::json!([]));
    }
    const TABLE: &[u8] = br#"{"annotation": {"content": [
        {"id": 1, "schema_id": "lines", "category": "multivalue", "children": [
            {"id": 2, "schema_id": "line", "category": "tuple", "children": [
                {"id": 3, "schema_id": "item", "content": {"value": "a"}}]},
            {"id": 4, "schema_id": "line", "category": "tuple", "children": [
                {"id": 5, "schema_id": "item", "content": {"value": "b"}}]}]}]}}"#;

    #[test]
    fn rows_come_and_go() {
        let payload = Payload::read(TABLE).unwrap();
        let annotation = payload.annotation.as_ref().unwrap();
        let mut journal = Journal::default();
        let items = |journal: &Journal| {
            let tree = journal.tree(annotation);
            let rows = tree.children(annotation.first("lines").unwrap());
            let cells: Vec<_> = rows.flat_map(|row| tree.children(row).collect::<Vec<_>>()).collect();
            assert_eq!(tree.all("item").collect::<Vec<_>>(), cells, "rows and columns show the same");
            cells.iter().map(|cell| journal.value(&tree, *cell).into_owned()).collect::<Vec<_>>()
        };
        let change = |text: &str| Change { value: Some(Value::Text(text.to_owned())), ..Change::default() };
        let cell = |text: &str| NewCell { schema_id: "item".to_owned(), change: change(text) };
        let table = annotation.first("lines").unwrap();
        let first = annotation.first("line").unwrap();

        journal.record(annotation.next_same(annotation.first("item").unwrap()).unwrap(), change("B"));
        journal.remove(first);
        let here = journal.len();
        let row = journal.add_row(table, "line", vec![cell("c")]);
        journal.add_row(table, "line", vec![cell("d")]);
        let tree = journal.tree(annotation);
        journal.record(tree.children(row).next().unwrap(), change("C"));
        assert_eq!(items(&journal), ["B", "C", "d"]);
        let add = |text: &str| serde_json::json!({"op": "add", "id": 1, "value": [{"content": {"value": text}, "schema_id": "item"}]});
        let replaced = serde_json::json!({"op": "replace", "id": 5, "value": {"content": {"value": "B"}}});
        let removed = serde_json::json!({"op": "remove", "id": 2});
        let all = serde_json::json!([replaced, removed, add("C"), add("d")]);
        assert_eq!(written(&journal, annotation), all);
        assert_eq!(journal.operations_len(), 4);

        let twice = journal.len();
        journal.remove(first);
        journal.roll_back(twice);
        assert_eq!(items(&journal), ["B", "C", "d"], "what was gone stays gone");
        journal.remove(row);
        assert_eq!(items(&journal), ["B", "d"]);
        assert_eq!(written(&journal, annotation), serde_json::json!([replaced, removed, add("d")]));
        journal.roll_back(here);
        assert_eq!(items(&journal), ["B"]);
        journal.roll_back(0);
        assert_eq!(items(&journal), ["a", "b"]);
    }
}
