//! Fields side by side: once for header fields, once a row where some of them are columns of a table, once a value where
//! one of them has several values (a multivalue of datapoints).

use std::collections::HashSet;

use crate::rossum::{Category, GrownTree, Journal, NodeRef, Payload};

use super::{Answer, StepError};

/// Values that a text quotes of one field.
const QUOTED: usize = 10;

/// The named fields of one place: a row's cells, with header fields the same in each row.
pub(super) struct Place<'p> {
    /// In the order of the names; `None` where the document has no such datapoint.
    pub(super) nodes: &'p [Option<NodeRef>],
    /// The tuple, or the value itself of a field with several values; `None` for the header.
    pub(super) row: Option<NodeRef>,
}

/// A field of which a step takes one value although the document has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstOf {
    pub field: String,
    pub count: usize,
}

impl FirstOf {
    /// As people read it.
    pub fn words(&self) -> String {
        format!("takes the first of {} values of {}", self.count, self.field)
    }
}

/// What a place has of a field. Several values are a case of their own: whoever takes one of them says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Nothing,
    One(NodeRef),
    /// All of them: [`GrownTree::all`].
    Several {
        first: NodeRef,
        count: usize,
    },
}

impl Held {
    /// The first, for what needs only a place: a message that is about several values stands at the first.
    pub(super) fn place(self) -> Option<NodeRef> {
        match self {
            Self::Nothing => None,
            Self::One(node) | Self::Several { first: node, .. } => Some(node),
        }
    }

    /// The first, and what is to be said of it.
    pub(super) fn first(self, field: &str) -> (Option<NodeRef>, Option<FirstOf>) {
        let said = match self {
            Self::Several { count, .. } => Some(FirstOf { field: field.to_owned(), count }),
            _ => None,
        };
        (self.place(), said)
    }
}

/// Where a field stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Header,
    Column(NodeRef),
    /// The values of a multivalue.
    Value(NodeRef),
}

impl Stands {
    fn of(tree: &GrownTree<'_>, node: NodeRef) -> Self {
        let Some(parent) = tree.parent(node) else { return Self::Header };
        match (tree.node(parent).category, tree.parent(parent)) {
            (Category::Tuple, Some(table)) => Self::Column(table),
            (Category::Multivalue, _) if tree.node(node).category == Category::Datapoint => {
                Self::Value(parent)
            }
            _ => Self::Header,
        }
    }
}

/// Visits each place where the fields stand: every row of their table, or every value of a field that has several, or the
/// header once. Beside a table, or beside the last field that has several values, another field with several gives its
/// first: which those are comes back.
///
/// Linear in the number of rows: each column is walked once, in step with the rows.
pub(super) fn each_place<'n>(
    tree: &GrownTree<'_>,
    fields: impl IntoIterator<Item = &'n str>,
    mut visit: impl FnMut(&Place<'_>) -> Result<(), StepError>,
) -> Result<Vec<FirstOf>, StepError> {
    let (mut table, mut list) = (None, None);
    let mut cursors = Vec::new();
    for name in fields {
        let first = tree.first(name);
        let stands = first.map_or(Stands::Header, |first| Stands::of(tree, first));
        match stands {
            Stands::Column(of) => {
                if let Some(known) = table.filter(|known| *known != of) {
                    let tables = [known, of].map(|t| tree.node(t).schema_id.to_string());
                    return Err(StepError::configuration(format!(
                        "one check or step names columns of two tables, {} and {}",
                        tables[0], tables[1]
                    )));
                }
                table = Some(of);
            }
            Stands::Value(of) => list = Some(of),
            Stands::Header => {}
        }
        cursors.push((name, first, stands));
    }
    let list = list.filter(|_| table.is_none());
    let mut nodes: Vec<_> = cursors.iter().map(|(_, first, _)| *first).collect();
    let mut taken: Vec<FirstOf> = Vec::new();
    for (name, _, stands) in &cursors {
        let is_walked =
            matches!(stands, Stands::Column(_)) || list.is_some_and(|list| *stands == Stands::Value(list));
        if !is_walked && let (_, Some(said)) = held_at(tree, None, name).first(name) {
            taken.push(said);
        }
    }
    if let Some(list) = list {
        for value in tree.children(list) {
            for (node, (name, _, stands)) in nodes.iter_mut().zip(&cursors) {
                if *stands == Stands::Value(list) {
                    *node = (*tree.node(value).schema_id == **name).then_some(value);
                }
            }
            visit(&Place { nodes: &nodes, row: Some(value) })?;
        }
        return Ok(taken);
    }
    let Some(table) = table else {
        visit(&Place { nodes: &nodes, row: None })?;
        return Ok(taken);
    };
    for row in tree.children(table) {
        for (node, (_, cursor, stands)) in nodes.iter_mut().zip(&mut cursors) {
            if !matches!(stands, Stands::Column(_)) {
                continue;
            }
            while let Some(cell) = cursor.filter(|cell| *cell < row) {
                *cursor = tree.next_same(cell);
            }
            *node = cursor.filter(|cell| tree.row(*cell) == Some(row));
        }
        visit(&Place { nodes: &nodes, row: Some(row) })?;
    }
    Ok(taken)
}

/// What a place has of a field: the row's own cell or the value itself, else all that the document has.
pub(super) fn held_at(tree: &GrownTree<'_>, row: Option<NodeRef>, schema_id: &str) -> Held {
    if let Some(row) = row {
        if tree.node(row).schema_id == schema_id {
            return Held::One(row);
        }
        if let Some(cell) = tree.children(row).find(|cell| tree.node(*cell).schema_id == schema_id) {
            return Held::One(cell);
        }
    }
    let mut all = tree.all(schema_id);
    match (all.next(), all.count()) {
        (None, _) => Held::Nothing,
        (Some(node), 0) => Held::One(node),
        (Some(first), others) => Held::Several { first, count: others + 1 },
    }
}

/// Says of fields that get a value once the answer is sent that it is the first of several that gets it.
pub(super) fn say_first<'f>(
    answer: &mut Answer,
    payload: &Payload<'_>,
    fields: impl Iterator<Item = &'f str>,
) {
    let Some(annotation) = &payload.annotation else { return };
    let tree = answer.journal.tree(annotation);
    answer.first_of.extend(fields.filter_map(|field| held_at(&tree, None, field).first(field).1));
}

/// What a text quotes of a field: its value, or its values one after another.
pub(super) fn text_at(
    tree: &GrownTree<'_>,
    journal: &Journal,
    row: Option<NodeRef>,
    schema_id: &str,
) -> Option<String> {
    match held_at(tree, row, schema_id) {
        Held::Nothing => None,
        Held::One(node) => Some(journal.value(tree, node).into_owned()),
        Held::Several { count, .. } => {
            let values = tree.all(schema_id).take(QUOTED).map(|node| journal.value(tree, node));
            let mut text = values.collect::<Vec<_>>().join(", ");
            if count > QUOTED {
                text.push_str(", …");
            }
            Some(text)
        }
    }
}

/// The row of a cell, or the value itself where its field has several.
pub(super) fn row_of(tree: &GrownTree<'_>, node: NodeRef) -> Option<NodeRef> {
    match Stands::of(tree, node) {
        Stands::Header => None,
        Stands::Column(_) => tree.row(node),
        Stands::Value(_) => Some(node),
    }
}

/// Whether a field that is not in the document may be in it another time: a column of a table without rows, or one of the
/// values of a multivalue that has none now. Else it is an error that the step names it.
pub(super) fn may_be_absent(tree: &GrownTree<'_>, schema_id: &str) -> Result<(), StepError> {
    let sent = tree.sent();
    let is_bare =
        |node| sent.node(node).category == Category::Multivalue && tree.children(node).next().is_none();
    if tree.first(schema_id).is_some() || sent.nodes().any(is_bare) {
        return Ok(());
    }
    Err(StepError::configuration(format!("its data has no field {schema_id}")))
}

/// Each of them the first time that it comes.
pub(super) fn once_each(nodes: Vec<Option<NodeRef>>) -> impl Iterator<Item = Option<NodeRef>> {
    let mut seen = HashSet::new();
    nodes.into_iter().filter(move |node| seen.insert(*node))
}

/// Targets that were filled already: where a field has several values and its target one, the first value is taken.
#[derive(Default)]
pub(super) struct Filled {
    last: Option<NodeRef>,
    again: usize,
}

impl Filled {
    /// Whether the target comes for the first time.
    pub(super) fn is_new(&mut self, target: NodeRef) -> bool {
        let is_new = self.last != Some(target);
        self.again += usize::from(!is_new);
        self.last = Some(target);
        is_new
    }

    /// What is to be said.
    pub(super) fn said(&self, field: &str) -> Option<FirstOf> {
        (self.again > 0).then(|| FirstOf { field: field.to_owned(), count: self.again + 1 })
    }
}
