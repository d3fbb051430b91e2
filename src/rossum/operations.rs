//! A journal as the answer's list of operations: `replace`, `add`, `remove`.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::annotation::{Annotation, Category, NodeRef};
use super::id::Id;
use super::journal::{Change, Entry, EnumOption, Journal, Value, What};
use super::tree::GrownTree;

pub(super) struct Operations<'v> {
    journal: &'v Journal,
    tree: Option<GrownTree<'v>>,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Replace,
    Add,
    Remove,
}

/// One node as the answer is going to have it.
pub struct Written<'j> {
    pub node: NodeRef,
    /// `None` for a cell of a row that is added.
    pub operation: Option<Operation>,
    pub value: Option<&'j Value>,
    pub options: Option<&'j [EnumOption]>,
    /// The place in the journal of the entry that decided it: the newest that gave a value, else the newest of all.
    pub entry: usize,
}

impl Journal {
    /// What the operations will say of each node.
    pub fn written(&self) -> impl Iterator<Item = Written<'_>> {
        self.entries.iter().filter_map(|entry| {
            let operation = operation(self, entry);
            let is_cell = matches!(entry.what, What::AddCell(_)) && entry.previous.is_none();
            if operation.is_none() && !is_cell {
                return None;
            }
            let newest = self.newest.get(&entry.node).copied();
            let all = || std::iter::successors(newest, |at| self.entries[*at].previous);
            let change = |at: usize| match &self.entries[at].what {
                What::Change(change) | What::AddCell(change) => Some(change),
                What::Add | What::Remove => None,
            };
            let valued = all().find_map(|at| Some((change(at)?.value.as_ref()?, at)));
            let valued = valued.filter(|_| operation != Some(Operation::Remove));
            Some(Written {
                node: entry.node,
                operation,
                value: valued.map(|(value, _)| value),
                options: all().find_map(|at| change(at)?.options.as_deref()),
                entry: valued.map(|(_, at)| at).or(newest).unwrap_or_default(),
            })
        })
    }
}

impl<'v> Operations<'v> {
    pub(super) fn new(journal: &'v Journal, annotation: Option<&'v Annotation<'v>>) -> Self {
        Self { journal, tree: annotation.map(|annotation| journal.tree(annotation)) }
    }

    pub(super) fn count(journal: &Journal) -> usize {
        journal.entries.iter().filter(|entry| operation(journal, entry).is_some()).count()
    }
}

/// One for each node, where it was changed first; none for a row that came and went.
fn operation(journal: &Journal, entry: &Entry) -> Option<Operation> {
    if entry.previous.is_some() {
        return None;
    }
    match (&entry.what, journal.is_removed(entry.node)) {
        (What::Change(_), false) => Some(Operation::Replace),
        (What::Add, false) => Some(Operation::Add),
        (What::Change(_) | What::Remove, true) => Some(Operation::Remove),
        (What::AddCell(_), _) | (What::Add, true) | (What::Remove, false) => None,
    }
}

impl Serialize for Operations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if let Some(tree) = &self.tree {
            for entry in &self.journal.entries {
                let id = &tree.node(entry.node).id;
                match operation(self.journal, entry) {
                    Some(Operation::Replace) => {
                        let value = Some(self.journal.merged(entry.node));
                        list.serialize_element(&Entire { op: "replace", id, value })?;
                    }
                    Some(Operation::Remove) => {
                        list.serialize_element(&Entire::<()> { op: "remove", id, value: None })?;
                    }
                    Some(Operation::Add) => {
                        let Some(parent) = tree.parent(entry.node) else { continue };
                        let id = &tree.node(parent).id;
                        let value = Some(Added { journal: self.journal, tree, node: entry.node });
                        list.serialize_element(&Entire { op: "add", id, value })?;
                    }
                    None => {}
                }
            }
        }
        list.end()
    }
}

#[derive(Serialize)]
struct Entire<'v, V> {
    op: &'static str,
    id: &'v Id<'v>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<V>,
}

/// A row as a list of its cells; a value of a simple multivalue alone.
struct Added<'v> {
    journal: &'v Journal,
    tree: &'v GrownTree<'v>,
    node: NodeRef,
}

impl Serialize for Added<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cell = |node| {
            let schema_id = Some(&*self.tree.node(node).schema_id);
            Cell { change: self.journal.merged(node), schema_id }
        };
        if self.tree.node(self.node).category == Category::Datapoint {
            return Cell { schema_id: None, ..cell(self.node) }.serialize(serializer);
        }
        serializer.collect_seq(self.tree.children(self.node).map(cell))
    }
}

struct Cell<'v> {
    change: Change,
    schema_id: Option<&'v str>,
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.change.entries(&mut map)?;
        if let Some(schema_id) = self.schema_id {
            map.serialize_entry("schema_id", schema_id)?;
        }
        map.end()
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

impl Change {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let (inside, beside) = match self.sources_place {
            super::SourcesPlace::InsideContent => (self.validation_sources.as_deref(), None),
            super::SourcesPlace::BesideContent => (None, self.validation_sources.as_deref()),
        };
        if self.value.is_some() || inside.is_some() || !self.content.is_empty() {
            let content =
                Content { value: self.value.as_ref(), validation_sources: inside, more: &self.content };
            map.serialize_entry("content", &content)?;
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
        Ok(())
    }
}

#[derive(Serialize)]
struct Content<'v> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'v Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_sources: Option<&'v [String]>,
    #[serde(flatten)]
    more: &'v serde_json::Map<String, serde_json::Value>,
}
