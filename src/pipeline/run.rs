//! Runs a query over the records of the store.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::pin::Pin;

use super::compile;
use super::expression::{Expression, Scope, Variables};
use super::filter::{Condition, Test};
use super::given::Fields;
use super::group::{Accumulator, Gathered};
use super::search::Search;
use super::stages::{Key, Lookup, Stage};
use super::value::{Document, Value};
use super::{Mistake, Query};

/// Why a query gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("it took too long")]
    TooLong,
    #[error("more than {MOST} documents at a time; a `$match` or `$limit` before makes them fewer")]
    TooMany,
    /// No value of a document is in it.
    #[error("{0}")]
    Query(String),
    #[error("{0}")]
    Records(Box<dyn std::error::Error + Send + Sync>),
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

    /// Whether it is time to give up.
    fn is_late(&self) -> bool;
}

/// A document on its way through the stages.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) document: Document,
    pub(super) score: f64,
}

impl Row {
    fn scope<'s>(&'s self, variables: Option<&'s Variables<'s>>) -> Scope<'s> {
        Scope { root: &self.document, score: self.score, variables }
    }
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
        let (dataset, stages) = compile::query(self, "query", fields)?;
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
        let plain = |document| Row { document, score: 0.0 };
        Ok(match stages.split_first() {
            Some((Stage::Match(condition), rest)) => {
                (records.read(dataset, Some(condition)).await?.into_iter().map(plain).collect(), rest)
            }
            Some((Stage::Search(search), rest)) => {
                let found = records.search(dataset, search).await?.into_iter();
                (found.map(|(score, document)| Row { document, score }).collect(), rest)
            }
            _ => (records.read(dataset, None).await?.into_iter().map(plain).collect(), stages),
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
        for stage in stages {
            if records.is_late() {
                return Err(RunError::TooLong);
            }
            tokio::task::yield_now().await; // others have their turn
            rows = match stage {
                Stage::Lookup(lookup) => join(records, lookup, rows, variables).await?,
                Stage::UnionWith { dataset, pipeline } => {
                    let (more, rest) = start(records, dataset, pipeline).await?;
                    rows.extend(run(records, rest, more, variables).await?);
                    rows
                }
                Stage::Facet(facets) => {
                    let mut document = Document::default();
                    for (name, stages) in facets {
                        let found = run(records, stages, rows.clone(), variables).await?;
                        let all = found.into_iter().map(|row| Value::Document(row.document));
                        document.set(name, Value::Array(all.collect()));
                    }
                    vec![Row { document, score: 0.0 }]
                }
                stage => apply(stage, rows, variables).map_err(RunError::Query)?,
            };
            if rows.len() > MOST {
                return Err(RunError::TooMany);
            }
        }
        Ok(rows)
    })
}

/// `$lookup`: each document gets the documents there that belong to it.
fn join<'a>(
    records: &'a dyn Records,
    lookup: &'a Lookup,
    mut rows: Vec<Row>,
    variables: Option<&'a Variables<'a>>,
) -> Reading<'a, Vec<Row>> {
    Box::pin(async move {
        let condition = lookup.join.as_ref().map(|(here, there)| {
            let of = |row: &Row| match row.document.path(here) {
                Value::Array(items) => items,
                value => vec![value],
            };
            let mut values: Vec<Value> =
                rows.iter().flat_map(of).filter(|value| !value.is_nothing()).collect();
            values.sort_by(Value::order);
            values.dedup_by(|a, b| a.order(b) == Ordering::Equal);
            Condition::Field(compile::path_of(there), Test::In(values))
        });
        let (there, stages): (Vec<Row>, &[Stage]) = match &condition {
            Some(condition) => {
                let found = records.read(&lookup.dataset, Some(condition)).await?;
                (found.into_iter().map(|document| Row { document, score: 0.0 }).collect(), &lookup.pipeline)
            }
            // A first `$match` may name variables, which the store does not know.
            None if !lookup.variables.is_empty() => {
                let found = records.read(&lookup.dataset, None).await?;
                (found.into_iter().map(|document| Row { document, score: 0.0 }).collect(), &lookup.pipeline)
            }
            None => start(records, &lookup.dataset, &lookup.pipeline).await?,
        };
        let field = lookup.join.as_ref().map(|(_, field)| compile::path_of(field)).unwrap_or_default();
        for row in &mut rows {
            let mine: Vec<Row> = match &lookup.join {
                Some((here, _)) => {
                    let value = row.document.path(here);
                    let is_mine = |other: &&Row| {
                        let there = other.document.path(&field);
                        match &value {
                            Value::Array(items) => items.iter().any(|item| item.equals(&there)),
                            value => !value.is_nothing() && value.equals(&there),
                        }
                    };
                    there.iter().filter(is_mine).cloned().collect()
                }
                None => there.clone(),
            };
            let scope = row.scope(variables);
            let mut names = Vec::new();
            for (name, value) in &lookup.variables {
                names.push((name.clone(), value.evaluate(scope).map_err(RunError::Query)?));
            }
            let own = Variables { names, outer: variables };
            let found = run(records, stages, mine, Some(&own)).await?;
            let all = found.into_iter().map(|row| Value::Document(row.document)).collect();
            row.document.set_path(&lookup.into, Value::Array(all));
        }
        Ok(rows)
    })
}

/// A stage that needs nothing but the documents.
fn apply(stage: &Stage, mut rows: Vec<Row>, variables: Option<&Variables<'_>>) -> Result<Vec<Row>, String> {
    match stage {
        Stage::Match(condition) => {
            let mut kept = Vec::new();
            for row in rows {
                if condition.holds(row.scope(variables))? {
                    kept.push(row);
                }
            }
            rows = kept;
        }
        Stage::Project(fields) => {
            for row in &mut rows {
                let mut document = Document::default();
                for (path, value) in fields {
                    let value = match value {
                        Some(value) => value.evaluate(row.scope(variables))?,
                        None => row.document.path(path),
                    };
                    document.set_path(path, value);
                }
                row.document = document;
            }
        }
        Stage::AddFields(fields) => {
            for row in &mut rows {
                // All of them see the document as it was.
                let values = fields.iter().map(|(_, value)| value.evaluate(row.scope(variables)));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                for ((path, _), value) in fields.iter().zip(values) {
                    row.document.set_path(path, value);
                }
            }
        }
        Stage::Unset(paths) => {
            for row in &mut rows {
                for path in paths {
                    row.document.set_path(path, Value::Missing);
                }
            }
        }
        Stage::Limit(most) => rows.truncate(*most),
        Stage::Skip(count) => _ = rows.drain(..(*count).min(rows.len())),
        Stage::Unwind { path, keeps_empty, index } => {
            rows = unwound(rows, path, *keeps_empty, index.as_deref());
        }
        Stage::Sort(keys) => rows = sorted(rows, keys, variables)?.into_iter().map(|(_, row)| row).collect(),
        Stage::Group { id, outputs } => rows = grouped(rows, id, outputs, variables)?,
        Stage::Window { partition, sort, outputs } => {
            let mut all = Vec::new();
            for (_, group) in groups(rows, |row| partition.evaluate(row.scope(variables)))? {
                all.extend(window(group, sort, outputs, variables)?);
            }
            rows = all;
        }
        Stage::Replace(value) => {
            for row in &mut rows {
                match value.evaluate(row.scope(variables))? {
                    Value::Document(document) => row.document = document,
                    other => {
                        return Err(format!(
                            "$replaceRoot: the new root is no document but {}",
                            other.type_name()
                        ));
                    }
                }
            }
        }
        Stage::Count(name) => {
            let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            let mut document = Document::default();
            document.set(name, Value::Number(f64::from(count)));
            // Of nothing there is no document.
            rows = if count == 0 { Vec::new() } else { vec![Row { document, score: 0.0 }] };
        }
        Stage::Search(_) => return Err("$search: it must be the first stage".to_owned()),
        Stage::Lookup(_) | Stage::UnionWith { .. } | Stage::Facet(_) => {} // they need the store
    }
    Ok(rows)
}

/// A document for each item of an array.
fn unwound(rows: Vec<Row>, path: &[String], keeps_empty: bool, index: Option<&[String]>) -> Vec<Row> {
    let mut all = Vec::new();
    for mut row in rows {
        let items = match row.document.path(path) {
            Value::Array(items) => items,
            value if value.is_nothing() => Vec::new(),
            value => vec![value],
        };
        if items.is_empty() && keeps_empty {
            row.document.set_path(path, Value::Missing);
            all.push(row);
            continue;
        }
        for (at, item) in items.into_iter().enumerate() {
            let mut one = row.clone();
            one.document.set_path(path, item);
            if let Some(index) = index {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                one.document.set_path(index, Value::Number(f64::from(at)));
            }
            all.push(one);
        }
        if all.len() > MOST {
            break; // it is refused by whoever runs this
        }
    }
    all
}

/// A document for each group.
fn grouped(
    rows: Vec<Row>,
    id: &Expression,
    outputs: &[Gathered],
    variables: Option<&Variables<'_>>,
) -> Result<Vec<Row>, String> {
    let mut all = Vec::new();
    for (id, group) in groups(rows, |row| id.evaluate(row.scope(variables)))? {
        let mut document = Document::default();
        document.set("_id", if id == Value::Missing { Value::Null } else { id });
        for output in outputs {
            document.set_path(&output.into, output.gather(&group)?);
        }
        all.push(Row { document, score: 0.0 });
    }
    Ok(all)
}

/// In order, each with the values that decide it.
fn sorted(
    rows: Vec<Row>,
    keys: &[Key],
    variables: Option<&Variables<'_>>,
) -> Result<Vec<(Vec<Value>, Row)>, String> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let scope = row.scope(variables);
        let values = keys.iter().map(|key| key.by.evaluate(scope)).collect::<Result<Vec<_>, _>>()?;
        all.push((values, row));
    }
    all.sort_by(|a, b| {
        let each = keys.iter().enumerate().map(|(at, key)| {
            let order = a.0[at].order(&b.0[at]);
            if key.descending { order.reverse() } else { order }
        });
        each.fold(Ordering::Equal, Ordering::then)
    });
    Ok(all)
}

/// Documents with an equal value together, in the order in which the values come.
fn groups(
    rows: Vec<Row>,
    by: impl Fn(&Row) -> Result<Value, String>,
) -> Result<Vec<(Value, Vec<Row>)>, String> {
    let mut all: Vec<(Value, Vec<Row>)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let value = by(&row)?;
        let name = format!("{}:{}", value.type_name(), value.text().unwrap_or_default());
        let at = *known.entry(name).or_insert_with(|| {
            all.push((value, Vec::new()));
            all.len() - 1
        });
        all[at].1.push(row);
    }
    Ok(all)
}

/// `$setWindowFields` of one partition.
fn window(
    rows: Vec<Row>,
    sort: &[Key],
    outputs: &[Gathered],
    variables: Option<&Variables<'_>>,
) -> Result<Vec<Row>, String> {
    let (keys, mut rows): (Vec<_>, Vec<_>) = sorted(rows, sort, variables)?.into_iter().unzip();
    for output in outputs {
        if output.accumulator.is_rank() {
            let (mut rank, mut dense) = (0_u32, 0_u32);
            for at in 0..rows.len() {
                let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
                if at == 0 || keys[at].iter().zip(&keys[at - 1]).any(|(a, b)| !a.equals(b)) {
                    (rank, dense) = (number, dense + 1);
                }
                let value = match output.accumulator {
                    Accumulator::Rank => rank,
                    Accumulator::DenseRank => dense,
                    _ => number,
                };
                rows[at].document.set_path(&output.into, Value::Number(f64::from(value)));
            }
        } else {
            let value = output.gather(&rows)?;
            for row in &mut rows {
                row.document.set_path(&output.into, value.clone());
            }
        }
    }
    Ok(rows)
}
