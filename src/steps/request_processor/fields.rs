//! The document's fields as a Request Processor's placeholders see them.

use serde_json::{Map, Value as Json};

use crate::requests::{Kind, cell, row};
use crate::rossum::{Annotation, Category, GrownTree, Journal, NodeRef, Normalized};
use crate::txscript::{FieldType, Schema};

/// All fields, by their schema ids. `schema` says which of them are numbers.
pub(super) fn fields(
    annotation: &Annotation<'_>,
    journal: &Journal,
    schema: Option<&Schema>,
) -> Map<String, Json> {
    let reader = Reader { tree: journal.tree(annotation), journal, schema };
    let mut fields = Map::new();
    for node in annotation.nodes().filter(|node| annotation.parent(*node).is_none()) {
        reader.add(node, &mut fields);
    }
    fields
}

struct Reader<'r> {
    tree: GrownTree<'r>,
    journal: &'r Journal,
    schema: Option<&'r Schema>,
}

impl Reader<'_> {
    fn add(&self, node: NodeRef, into: &mut Map<String, Json>) {
        let (category, name) = {
            let node = self.tree.node(node);
            (node.category, node.schema_id.to_string())
        };
        match category {
            Category::Section | Category::Tuple => {
                for child in self.tree.children(node) {
                    self.add(child, into);
                }
            }
            Category::Datapoint => {
                into.insert(name, self.cell(node));
            }
            Category::Multivalue => {
                let list = self.tree.children(node).map(|child| match self.tree.node(child).category {
                    Category::Datapoint => self.cell(child),
                    _ => {
                        let mut cells = Map::new();
                        self.add(child, &mut cells);
                        row(cells)
                    }
                });
                into.insert(name, list.collect());
            }
        }
    }

    fn cell(&self, node: NodeRef) -> Json {
        let own = self.tree.node(node);
        let kind = match self.schema.and_then(|schema| schema.kind_of(&own.schema_id)) {
            Some(FieldType::Number) => Kind::Number,
            Some(FieldType::Boolean) => Kind::Boolean,
            _ => Kind::Text,
        };
        let id = own.id.to_string();
        match self.journal.changed_value(node) {
            Some(changed) => cell(&id, &own.schema_id, &changed, None, kind),
            None => {
                let normalized = match &own.normalized {
                    Normalized::Text(text) if !text.is_empty() => Some(&**text),
                    _ => None,
                };
                cell(&id, &own.schema_id, &own.value, normalized, kind)
            }
        }
    }
}
