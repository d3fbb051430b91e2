//! The fields that a step was set up with by name, and those of them that a document does not have.
//!
//! Rossum sends every header field of the queue's schema, whether it holds something or not, and the columns of each
//! row. A name that is in neither place is a name that the schema does not have; only the columns of a table without
//! rows cannot be told from it, unless the schema is at hand.

use crate::rossum::{Annotation, Category};

use super::Delivery;
use super::reasons::{Came, Reason, Reasons};
use super::schema::Schemas;

/// A field as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedField {
    /// Its schema id.
    pub id: String,
    /// The file and the line that name it.
    pub place: String,
    /// The only queues whose documents must have it; all where it is `None`.
    pub queues: Option<Vec<u64>>,
    /// Whether its value is read: then only a datapoint is the field.
    pub is_read: bool,
}

impl NamedField {
    /// That a document does not have it, as people read it.
    pub fn words(&self) -> String {
        format!("{}: the document has no field `{}`", self.place, self.id)
    }
}

/// The names that a document does not have, of one step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Missing<'n>(&'n [&'n NamedField]);

impl<'n> Missing<'n> {
    pub fn new(names: &'n [&'n NamedField]) -> Self {
        Self(names)
    }

    /// The first of some fields that the document does not have.
    pub(super) fn of<'f>(self, mut fields: impl Iterator<Item = &'f str>) -> Option<&'f str> {
        if self.0.is_empty() {
            return None;
        }
        fields.find(|field| self.0.iter().any(|name| name.id == *field))
    }

    /// Says so of each where somebody looks.
    pub fn explain(self, reasons: &mut Reasons) {
        for name in self.0 {
            let what = format!("the document has no field {}", name.id);
            reasons
                .note(|| Reason::single(what, Came::Failed, format!("named in {}", name.place), Vec::new()));
        }
    }
}

/// The names that a document does not have, in their order. Without a schema that can be read, what may be a column of
/// a table without rows is not counted.
pub fn missing_of<'n>(
    names: &'n [NamedField],
    schemas: &Schemas,
    delivery: &Delivery<'_>,
) -> Vec<&'n NamedField> {
    let Some(annotation) = &delivery.payload.annotation else {
        return Vec::new();
    };
    let queue = delivery.payload.queue_id;
    let is_for = |name: &&NamedField| {
        name.queues.as_ref().is_none_or(|queues| queue.is_some_and(|queue| queues.contains(&queue)))
    };
    let is_absent = |name: &&NamedField| match annotation.first(&name.id) {
        Some(node) => name.is_read && annotation.node(node).category != Category::Datapoint,
        None => true,
    };
    let absent = names.iter().filter(is_absent);
    let absent: Vec<_> = absent.filter(is_for).collect();
    if absent.is_empty() {
        return absent;
    }
    let schema = schemas.known(delivery).ok().flatten();
    let may_be_column = |name: &NamedField| match &schema {
        Some(schema) => schema.is_repeated(&name.id),
        None => has_empty_table(annotation),
    };
    absent.into_iter().filter(|name| annotation.first(&name.id).is_some() || !may_be_column(name)).collect()
}

fn has_empty_table(annotation: &Annotation<'_>) -> bool {
    annotation.nodes().any(|node| {
        annotation.node(node).category == Category::Multivalue && annotation.children(node).next().is_none()
    })
}
