//! A question of the configuration: the same for the store and for a database of the customer's.

use crate::pipeline;

use super::{Query, Search};

/// A query: in SQL, or ready-made.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Sql(Query),
    Search(Search),
    /// In MongoDB's language.
    Documents(pipeline::Query),
}

impl Asked {
    /// What is right in it, and yet perhaps not meant: where a document has more of a say than its values.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Sql(query) => query.notes(),
            Self::Documents(query) => query.notes.clone(),
            Self::Search(_) => Vec::new(),
        }
    }

    /// The fields that it names, in the order in which it takes their values.
    pub fn fields(&self) -> Vec<&str> {
        match self {
            Self::Sql(query) => query.fields.iter().map(String::as_str).collect(),
            Self::Documents(query) => query.fields.iter().map(String::as_str).collect(),
            Self::Search(search) => search.compared.iter().map(|compared| compared.field.as_str()).collect(),
        }
    }
}
