//! The query language of MongoDB, as Rossum's Master Data Hub uses it: `find` filters and `aggregate` pipelines, over
//! datasets of the store.
//!
//! A query is compiled for each document with the document's values in it, and once at load with none, so that what is
//! not known here is refused there, with its path. Stages: `$match`, `$project`, `$addFields` (`$set`), `$unset`, `$limit`,
//! `$skip`, `$unwind`, `$sort`, `$lookup`, `$search` (first), `$unionWith`, `$setWindowFields` (whole partitions), `$group`,
//! `$facet`, `$replaceRoot` (`$replaceWith`), `$count`.
//!
//! Source of the semantics: MongoDB, manual, "Aggregation Pipeline" and "Query and Projection Operators".

mod apply;
#[cfg(test)]
mod bounds;
mod compile;
mod dates;
mod dollars;
mod expression;
mod filter;
mod given;
mod group;
mod meter;
mod operators;
mod places;
mod run;
mod search;
mod shape;
mod stages;
mod taint;
mod value;

pub use filter::Condition;
pub use given::Fields;
pub use run::{Reading, Ready, Records, RunError};
pub use search::{Clause, Index, Search, TextQuery, words};
pub use shape::{Looked, Missing, Never};
pub use value::{Document, Value};

use serde_json::Value as Json;

/// What is not known here, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Mistake {
    pub path: String,
    pub what: String,
}

impl Mistake {
    fn new(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), what: what.into() }
    }
}

/// A query of a Master Data Hub configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// With placeholders, as other texts.
    pub dataset: String,
    json: Json,
    /// The fields that it names.
    pub fields: Vec<String>,
    /// What is right, and yet perhaps not meant: where a document has more of a say than its values.
    pub notes: Vec<String>,
}

impl Query {
    /// Reads `{"find": …}` or `{"aggregate": […]}`; `path` is where it stands.
    pub fn parse(dataset: &str, json: &Json, path: &str) -> Result<Self, Mistake> {
        let query =
            Self { dataset: dataset.to_owned(), json: json.clone(), fields: Vec::new(), notes: Vec::new() };
        let named = std::cell::RefCell::new(Vec::<String>::new());
        let notes = std::cell::RefCell::new(Vec::<String>::new());
        let fields = |name: &str| {
            let mut named = named.borrow_mut();
            if !named.iter().any(|known| known == name) {
                named.push(name.to_owned());
            }
            "1".to_owned()
        };
        compile::query(&query, path, &fields, &|note| notes.borrow_mut().push(note))?;
        Ok(Self { fields: named.into_inner(), notes: notes.into_inner(), ..query })
    }
}
