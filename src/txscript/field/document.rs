//! One delivery's annotation with its schema, and what was worked out of the two so far.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::{Map, Value as Json, json};

use crate::rossum::{Annotation, Category, GrownTree, Journal, NodeRef, Normalized};
use crate::trees::{self, Parts};

use super::schema::{Field, Schema};

/// The types of the fields are not known: the delivery carries no schema, and the step's configuration neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the types of the fields are not known: switch on the sideload `schemas` of the hook in Rossum, or give the step `schema = \"schema.json\"` or `types`"
)]
pub struct TypesMissing;

/// The delivery has more than a tree of it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{TOO_LARGE}")]
pub struct TooLarge;

pub(crate) const TOO_LARGE: &str = "the delivery is too much to be read as a whole, with more than 192 MiB of memory: send less along (sideloads, `settings`, `metadata`)";

/// What code is evaluated over. Changes of earlier steps are seen through the journal.
pub struct Document<'d> {
    pub(crate) tree: GrownTree<'d>,
    pub(crate) journal: &'d Journal,
    pub(crate) schema: &'d Schema,
    /// The whole body, for what only few ask for: positions, sideloads, options.
    body: &'d [u8],
    columns: Vec<OnceCell<Box<[Option<NodeRef>]>>>,
    rows: Vec<OnceCell<Box<[NodeRef]>>>,
    payload: OnceCell<Result<Json, TooLarge>>,
    raw: OnceCell<Result<Vec<Map<String, Json>>, TooLarge>>,
}

impl<'d> Document<'d> {
    pub fn new(
        annotation: &'d Annotation<'d>,
        journal: &'d Journal,
        schema: &'d Schema,
        body: &'d [u8],
    ) -> Self {
        let count = schema.fields.len();
        Self {
            tree: journal.tree(annotation),
            journal,
            schema,
            body,
            columns: std::iter::repeat_with(OnceCell::new).take(count).collect(),
            rows: std::iter::repeat_with(OnceCell::new).take(count).collect(),
            payload: OnceCell::new(),
            raw: OnceCell::new(),
        }
    }

    /// Whether a schema id may be that of a column or value of which the document has none: nothing but the document says
    /// which fields there are, and something in it is empty.
    pub fn may_be_of_empty_table(&self, id: &str) -> bool {
        let sent = self.tree.sent();
        let is_empty = |node: NodeRef| {
            self.tree.node(node).category == Category::Multivalue && self.tree.children(node).next().is_none()
        };
        !self.schema.is_whole() && !self.schema.has(id) && sent.nodes().any(is_empty)
    }

    /// How many rows a table has.
    pub fn row_count(&self, table: &str) -> usize {
        self.schema.find(table).map_or(0, |field| self.rows(field).len())
    }

    pub(crate) fn field(&self, field: usize) -> &Field {
        &self.schema.fields[field]
    }

    /// What stands in a multivalue, in order.
    pub(crate) fn rows(&self, multivalue: usize) -> &[NodeRef] {
        self.rows[multivalue].get_or_init(|| {
            let node = self.tree.first(&self.field(multivalue).id);
            node.map(|node| self.tree.children(node).collect()).unwrap_or_default()
        })
    }

    /// A column's cell in each row; one step through the column for all rows.
    pub(crate) fn column(&self, field: usize) -> &[Option<NodeRef>] {
        self.columns[field].get_or_init(|| {
            let Some(table) = self.schema.multivalue_of(field) else { return Box::default() };
            let of = self.field(field);
            let in_tuple = of.parent.is_some_and(|parent| self.field(parent).category == Category::Tuple);
            if !in_tuple {
                return self.rows(table).iter().map(|node| Some(*node)).collect();
            }
            let mut cell = self.tree.first(&of.id);
            let in_row = |row: &NodeRef| {
                while let Some(at) = cell.filter(|at| at < row) {
                    cell = self.tree.next_same(at);
                }
                cell.filter(|at| self.tree.parent(*at) == Some(*row))
            };
            self.rows(table).iter().map(in_row).collect()
        })
    }

    /// What decides a datapoint's value: the normalized one, or else the text that the user sees.
    pub(super) fn text(&self, node: NodeRef) -> Cow<'_, str> {
        if let Some(changed) = self.journal.changed_value(node) {
            return changed;
        }
        let node = self.tree.node(node);
        match &node.normalized {
            Normalized::Text(text) => Cow::Borrowed(text),
            Normalized::Empty | Normalized::Absent => Cow::Borrowed(&node.value),
        }
    }

    /// Where a datapoint's value is from, as it was sent.
    ///
    /// # Errors
    /// Where the delivery is too much to be read as a whole.
    pub fn validation_sources(&self, node: NodeRef) -> Result<Vec<String>, TooLarge> {
        let sources = self.raw(node)?.and_then(|raw| raw.get("validation_sources")).and_then(Json::as_array);
        Ok(sources.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect())
    }

    /// The datapoint with this schema id that belongs to a row, or else to the header; a column has none there.
    pub fn datapoint(&self, id: &str, row: Option<(&str, usize)>) -> Option<NodeRef> {
        let field = self.schema.find(id)?;
        match (self.schema.multivalue_of(field), row) {
            (Some(of), Some((table, row))) if &*self.field(of).id == table => {
                self.column(field).get(row).copied().flatten()
            }
            (Some(_), _) if self.field(field).category == Category::Datapoint => None,
            _ => self.tree.first(id),
        }
    }

    pub fn is_datapoint(&self, node: NodeRef) -> bool {
        self.tree.node(node).category == Category::Datapoint
    }

    pub(crate) fn payload(&self) -> Result<&Json, TooLarge> {
        let parts = Parts::But(&[("annotation", Parts::But(&[("content", Parts::None)]))]);
        self.payload.get_or_init(|| read(self.body, parts)).as_ref().map_err(|error| *error)
    }

    /// The payload with all its content, as the steps so far left it.
    pub(crate) fn whole(&self) -> Result<Cow<'_, str>, TooLarge> {
        if self.journal.is_empty() {
            return Ok(String::from_utf8_lossy(self.body));
        }
        let mut payload = read(self.body, Parts::All)?;
        if let Some(content) = payload.pointer_mut("/annotation/content").and_then(Json::as_array_mut) {
            self.renew(content, &mut 0);
        }
        Ok(Cow::Owned(payload.to_string()))
    }

    /// Puts what steps changed into a list of nodes; `place` counts the nodes in document order.
    fn renew(&self, list: &mut Vec<Json>, place: &mut usize) {
        list.retain_mut(|node| {
            let Json::Object(map) = node else { return true };
            let here = NodeRef::sent(*place);
            *place += 1;
            if let Some(Json::Array(children)) = map.get_mut("children") {
                self.renew(children, place);
                let added = self.tree.children(here).filter(|child| child.added_place().is_some());
                children.extend(added.map(|child| self.added(child)));
            }
            if let Some(text) = self.journal.changed_value(here)
                && let Some(Json::Object(content)) = map.get_mut("content")
            {
                content.insert("value".to_owned(), Json::String(text.to_string()));
                content.insert("normalized_value".to_owned(), Json::String(text.into_owned()));
            }
            self.tree.is_there(here)
        });
    }

    fn added(&self, node: NodeRef) -> Json {
        let schema_id = &self.tree.node(node).schema_id;
        if self.tree.node(node).category == Category::Datapoint {
            let text = self.text(node);
            let content = json!({"value": text, "normalized_value": text});
            return json!({"schema_id": schema_id, "category": "datapoint", "content": content});
        }
        let cells: Vec<_> = self.tree.children(node).map(|cell| self.added(cell)).collect();
        json!({"schema_id": schema_id, "category": "tuple", "children": cells})
    }

    /// A node as it was sent, without its children.
    pub(crate) fn raw(&self, node: NodeRef) -> Result<Option<&Map<String, Json>>, TooLarge> {
        let parts = Parts::Only(&[("annotation", Parts::Only(&[("content", Parts::All)]))]);
        let all = self.raw.get_or_init(|| {
            let mut payload = read(self.body, parts)?;
            let mut all = Vec::with_capacity(self.tree.sent().len());
            if let Some(content) = payload.pointer_mut("/annotation/content") {
                flatten(content.take(), &mut all);
            }
            Ok(all)
        });
        Ok(all.as_ref().map_err(|error| *error)?.get(node.place()))
    }
}

/// A tree of the delivery; where it is no JSON it would not be here.
fn read(body: &[u8], parts: Parts<'_>) -> Result<Json, TooLarge> {
    match trees::read_parts(body, parts, trees::LARGEST_DELIVERY) {
        Err(unread) if unread.is_too_large() => Err(TooLarge),
        read => Ok(read.unwrap_or_default()),
    }
}

/// In the order of the annotation's nodes.
fn flatten(list: Json, all: &mut Vec<Map<String, Json>>) {
    let Json::Array(list) = list else { return };
    for node in list {
        let Json::Object(mut own) = node else { continue };
        let children = own.shift_remove("children");
        all.push(own);
        if let Some(children) = children {
            flatten(children, all);
        }
    }
}
