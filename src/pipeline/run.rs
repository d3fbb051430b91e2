//! Runs a query over the records of the store, stage by stage, within a budget.
//!
//! What the stages hold and make is counted before it is taken, and each stage gives others their turn: run it by
//! [`crate::slices::sliced`].

use std::cmp::Ordering;
use std::pin::Pin;

use crate::slices::{Budget, Spent};

use super::apply::apply;
use super::compile;
use super::expression::{Expression, Scope, Variables};
use super::filter::{Condition, OneOf, Test};
use super::given::Fields;
use super::meter::Meter;
use super::places::Places;
use super::search::Search;
use super::stages::{Lookup, Stage};
use super::value::{Document, Value};
use super::{Mistake, Query};

/// Why a query gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("it took too long")]
    TooLong,
    #[error("more than {MOST} documents at a time; a `$match` or `$limit` before makes them fewer")]
    TooMany,
    #[error(
        "it needs more memory than a query may take ({0} MiB); a `$match`, `$project` or `$limit` before makes it less"
    )]
    TooMuch(usize),
    #[error("an expression takes too much work for one document")]
    TooMuchWork,
    /// No value of a document is in it.
    #[error("{0}")]
    Query(String),
    #[error("{0}")]
    Records(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Spent> for RunError {
    fn from(spent: Spent) -> Self {
        match spent {
            Spent::Time => Self::TooLong,
            Spent::Memory(most) => Self::TooMuch(most),
        }
    }
}

impl From<String> for RunError {
    fn from(problem: String) -> Self {
        Self::Query(problem)
    }
}

impl From<&str> for RunError {
    fn from(problem: &str) -> Self {
        Self::Query(problem.to_owned())
    }
}

/// Documents that a stage works on.
pub(super) const MOST: usize = 50_000;

pub type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, RunError>> + Send + 'a>>;

/// Where documents are from.
pub trait Records: Sync {
    /// Those of a dataset that fit.
    fn read<'a>(&'a self, dataset: &'a str, condition: Option<&'a Condition>) -> Reading<'a, Vec<Document>>;

    /// Those with the words, the best first.
    fn search<'a>(&'a self, dataset: &'a str, search: &'a Search) -> Reading<'a, Vec<(f64, Document)>>;

    /// What the query may take.
    fn budget(&self) -> &Budget;
}

/// A document on its way through the stages.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) document: Document,
    pub(super) score: f64,
}

impl Row {
    pub(super) fn plain(document: Document) -> Self {
        Self { document, score: 0.0 }
    }

    pub(super) fn size(&self) -> usize {
        self.document.size() + size_of::<f64>()
    }

    /// What an expression gives here. What it makes on the way is given back, the value stays counted.
    pub(super) fn value(&self, expression: &Expression, work: &Work<'_>) -> Result<Value, RunError> {
        let own = Meter::new(work.budget);
        let value = expression.evaluate(self.scope(work.variables, &own))?;
        drop(own);
        work.made.take(value.size())?;
        Ok(value)
    }

    pub(super) fn scope<'s>(
        &'s self,
        variables: Option<&'s Variables<'s>>,
        meter: &'s Meter<'s>,
    ) -> Scope<'s> {
        Scope { root: &self.document, score: self.score, variables, meter }
    }
}

/// What one stage works with.
#[derive(Clone, Copy)]
pub(super) struct Work<'w> {
    pub(super) variables: Option<&'w Variables<'w>>,
    pub(super) budget: &'w Budget,
    /// The memory of the documents that came to the stage.
    pub(super) held: &'w Meter<'w>,
    /// The memory of what the stage makes, until it is in the documents.
    pub(super) made: &'w Meter<'w>,
}

pub(super) fn size(rows: &[Row]) -> usize {
    rows.iter().map(Row::size).fold(0, usize::saturating_add)
}

/// A query with a document's values in it.
#[derive(Debug)]
pub struct Ready {
    dataset: String,
    stages: Vec<Stage>,
}

impl Query {
    /// Makes the query ready for a document. It passed once already: what fails now is a pattern with the document's values.
    pub fn ready(&self, fields: Fields<'_>) -> Result<Ready, Mistake> {
        let (dataset, stages) = compile::query(self, "query", fields, &|_| {})?;
        Ok(Ready { dataset, stages })
    }
}

impl Ready {
    pub async fn run(&self, records: &dyn Records) -> Result<Vec<Document>, RunError> {
        let (rows, rest) = start(records, &self.dataset, &self.stages).await?;
        let rows = run(records, rest, rows, None).await?;
        Ok(rows.into_iter().map(|row| row.document).collect())
    }
}

/// The documents that a pipeline begins with: its first stage says which the store need not read.
fn start<'a>(
    records: &'a dyn Records,
    dataset: &'a str,
    stages: &'a [Stage],
) -> Reading<'a, (Vec<Row>, &'a [Stage])> {
    Box::pin(async move {
        Ok(match stages.split_first() {
            Some((Stage::Match(condition), rest)) => {
                (records.read(dataset, Some(condition)).await?.into_iter().map(Row::plain).collect(), rest)
            }
            Some((Stage::Search(search), rest)) => {
                let found = records.search(dataset, search).await?.into_iter();
                (found.map(|(score, document)| Row { document, score }).collect(), rest)
            }
            _ => (records.read(dataset, None).await?.into_iter().map(Row::plain).collect(), stages),
        })
    })
}

fn run<'a>(
    records: &'a dyn Records,
    stages: &'a [Stage],
    mut rows: Vec<Row>,
    variables: Option<&'a Variables<'a>>,
) -> Reading<'a, Vec<Row>> {
    Box::pin(async move {
        let budget = records.budget();
        // The memory of the rows between two stages.
        let mut held = Meter::new(budget);
        held.take(size(&rows))?;
        for stage in stages {
            budget.turn().await?;
            let made = Meter::new(budget);
            let work = Work { variables, budget, held: &held, made: &made };
            rows = match stage {
                Stage::Lookup(lookup) => join(records, lookup, rows, work).await?,
                Stage::UnionWith { dataset, pipeline } => {
                    let (more, rest) = start(records, dataset, pipeline).await?;
                    let more = run(records, rest, more, variables).await?;
                    made.take(size(&more))?;
                    rows.extend(more);
                    rows
                }
                Stage::Facet(facets) => {
                    let mut document = Document::default();
                    for (name, stages) in facets {
                        made.take(size(&rows))?; // before they are copied
                        let found = run(records, stages, rows.clone(), variables).await?;
                        made.give_back(size(&rows));
                        made.take(size(&found))?;
                        let all = found.into_iter().map(|row| Value::Document(row.document));
                        document.set(name, Value::Array(all.collect()));
                    }
                    vec![Row::plain(document)]
                }
                stage => apply(stage, rows, &work).await?,
            };
            if rows.len() > MOST {
                return Err(RunError::TooMany);
            }
            drop(made);
            held = Meter::new(budget); // after the one before is dropped
            held.take(size(&rows))?;
        }
        Ok(rows)
    })
}

/// `$lookup`: each document gets the documents there that belong to it.
fn join<'a>(
    records: &'a dyn Records,
    lookup: &'a Lookup,
    mut rows: Vec<Row>,
    work: Work<'a>,
) -> Reading<'a, Vec<Row>> {
    Box::pin(async move {
        let Work { variables, budget, made, .. } = work;
        let condition = match &lookup.join {
            Some((here, there)) => Some(equal_to(&rows, here, there, budget, made).await?),
            None => None,
        };
        let plain = |found: Vec<Document>| found.into_iter().map(Row::plain).collect();
        let (there, stages): (Vec<Row>, &[Stage]) = match &condition {
            Some(condition) => {
                (plain(records.read(&lookup.dataset, Some(condition)).await?), &lookup.pipeline)
            }
            // A first `$match` may name variables, which the store does not know.
            None if !lookup.variables.is_empty() => {
                (plain(records.read(&lookup.dataset, None).await?), &lookup.pipeline)
            }
            None => start(records, &lookup.dataset, &lookup.pipeline).await?,
        };
        made.take(size(&there))?;
        let mut places = Places::default();
        if let Some((_, field)) = &lookup.join {
            let field = compile::path_of(field);
            for (at, other) in there.iter().enumerate() {
                budget.turn().await?;
                let value = other.document.path(&field);
                made.take(value.size() + Places::SIZE)?;
                places.add(value, at);
            }
        }
        for row in &mut rows {
            budget.turn().await?;
            let own = Meter::new(budget);
            let mut mine = Vec::new();
            match &lookup.join {
                Some((here, _)) => {
                    for at in belonging(&row.document.path(here), &places) {
                        budget.count(1)?;
                        own.take(there[at].size())?;
                        mine.push(there[at].clone());
                    }
                }
                None => {
                    own.take(size(&there))?;
                    mine.clone_from(&there);
                }
            }
            let mut names = Vec::new();
            for (name, value) in &lookup.variables {
                names.push((name.clone(), row.value(value, &Work { made: &own, ..work })?));
            }
            let inner = Variables { names, outer: variables };
            let found = run(records, stages, mine, Some(&inner)).await?;
            drop(own);
            made.take(size(&found))?;
            let all = found.into_iter().map(|row| Value::Document(row.document)).collect();
            row.document.set_path(&lookup.into, Value::Array(all));
        }
        Ok(rows)
    })
}

/// That a field there is equal to what one of the documents has here.
async fn equal_to(
    rows: &[Row],
    here: &[String],
    there: &str,
    budget: &Budget,
    made: &Meter<'_>,
) -> Result<Condition, RunError> {
    let mut values: Vec<Value> = Vec::new();
    for row in rows {
        budget.turn().await?;
        let value = row.document.path(here);
        made.take(3 * value.size() + Places::SIZE)?;
        match value.into_owned() {
            Value::Array(items) => values.extend(items.into_iter().filter(|item| !item.is_nothing())),
            value if value.is_nothing() => {}
            value => values.push(value),
        }
    }
    values.sort_by(Value::order);
    values.dedup_by(|a, b| a.order(b) == Ordering::Equal);
    Ok(Condition::Field(compile::path_of(there), Test::In(OneOf::new(values))))
}

/// The documents there that belong to a value here, in their order.
fn belonging(value: &Value, places: &Places<'_>) -> Vec<usize> {
    match value {
        Value::Array(items) => {
            let mut all: Vec<usize> = items.iter().flat_map(|item| places.of(item)).collect();
            all.sort_unstable();
            all.dedup();
            all
        }
        value if value.is_nothing() => Vec::new(),
        value => places.of(value),
    }
}
