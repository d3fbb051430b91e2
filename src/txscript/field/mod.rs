//! The annotation as code sees it: `field`, its values, rows and columns.

mod attributes;
mod business_rule;
mod column;
mod document;
mod functions;
mod json;
mod schema;
mod view;

pub(super) use business_rule::{Aggregation, RuleFunction};
pub(super) use document::TOO_LARGE;
pub use document::{Document, TooLarge, TypesMissing};
pub(super) use json::{JsonNode, contexts};
pub use schema::{FieldType, Schema, SchemaError};
pub(super) use view::{Cells, Datapoint, RowRef, TableRef, View};

pub(super) const COLUMN_IS_NO_LIST: &str =
    "The multivalue field value is not a list by itself, use the .all_values property to access the list";
pub(super) const COLUMN_IS_AMBIGUOUS: &str =
    "Ambiguous operation on multivalue field, use the .all_values property to access the whole column";
