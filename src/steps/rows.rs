//! Fields side by side: once for header fields, once a row where some of them are columns of a table.

use std::collections::HashSet;

use crate::rossum::{GrownTree, NodeRef};

use super::StepError;

/// The named fields of one place: a row's cells, with header fields the same in each row.
pub(super) struct Place<'p> {
    /// In the order of the names; `None` where the document has no such datapoint.
    pub(super) nodes: &'p [Option<NodeRef>],
    /// The tuple, or `None` for the header.
    pub(super) row: Option<NodeRef>,
}

/// Visits each place where the fields stand: every row of their table, or the header once.
///
/// Linear in the number of rows: each column is walked once, in step with the rows.
pub(super) fn each_place<'n>(
    tree: &GrownTree<'_>,
    fields: impl IntoIterator<Item = &'n str>,
    mut visit: impl FnMut(&Place<'_>) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let mut table = None;
    let mut cursors = Vec::new();
    for name in fields {
        let first = tree.first(name);
        let of = first.and_then(|cell| tree.row(cell)).and_then(|row| tree.parent(row));
        if let (Some(known), Some(other)) = (table, of)
            && known != other
        {
            let tables = [known, other].map(|t| tree.node(t).schema_id.to_string());
            return Err(StepError::configuration(format!(
                "one check or step names columns of two tables, {} and {}",
                tables[0], tables[1]
            )));
        }
        table = table.or(of);
        cursors.push((first, of.is_some()));
    }
    let mut nodes: Vec<_> = cursors.iter().map(|(first, _)| *first).collect();
    let Some(table) = table else {
        return visit(&Place { nodes: &nodes, row: None });
    };
    for row in tree.children(table) {
        for (node, (cursor, is_column)) in
            nodes.iter_mut().zip(&mut cursors).filter(|(_, (_, column))| *column)
        {
            debug_assert!(*is_column);
            while let Some(cell) = cursor.filter(|cell| *cell < row) {
                *cursor = tree.next_same(cell);
            }
            *node = cursor.filter(|cell| tree.row(*cell) == Some(row));
        }
        visit(&Place { nodes: &nodes, row: Some(row) })?;
    }
    Ok(())
}

/// The datapoint with this schema id that belongs to a place: the row's own cell, else the first there is.
pub(super) fn field_at(tree: &GrownTree<'_>, row: Option<NodeRef>, schema_id: &str) -> Option<NodeRef> {
    row.and_then(|row| tree.children(row).find(|cell| tree.node(*cell).schema_id == schema_id))
        .or_else(|| tree.first(schema_id))
}

/// Each of them the first time that it comes.
pub(super) fn once_each(nodes: Vec<Option<NodeRef>>) -> impl Iterator<Item = Option<NodeRef>> {
    let mut seen = HashSet::new();
    nodes.into_iter().filter(move |node| seen.insert(*node))
}
