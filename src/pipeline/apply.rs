//! The stages that need nothing but the documents.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::slices::aside;

use super::RunError;
use super::expression::Expression;
use super::group::{Accumulator, Gathered};
use super::meter::Meter;
use super::run::{MOST, Row, Work};
use super::stages::{Key, Stage};
use super::value::{Document, Value};

type Result<T> = std::result::Result<T, RunError>;

/// Applies a stage. What it makes is counted by `made`.
pub(super) async fn apply(stage: &Stage, mut rows: Vec<Row>, work: &Work<'_>) -> Result<Vec<Row>> {
    match stage {
        Stage::Match(condition) => {
            let mut kept = Vec::new();
            for row in rows {
                work.budget.turn().await?;
                if condition.holds(row.scope(work.variables, &Meter::new(work.budget)))? {
                    kept.push(row);
                }
            }
            rows = kept;
        }
        Stage::Project(fields) => {
            for row in &mut rows {
                work.budget.turn().await?;
                let mut document = Document::default();
                for (path, value) in fields {
                    let value = match value {
                        Some(value) => row.value(value, work)?,
                        None => {
                            let value = row.document.path(path);
                            work.made.take(value.size())?;
                            value.into_owned()
                        }
                    };
                    document.set_path(path, value);
                }
                work.held.give_back(row.document.size());
                row.document = document;
            }
        }
        Stage::AddFields(fields) => {
            for row in &mut rows {
                work.budget.turn().await?;
                // All of them see the document as it was.
                let values = fields.iter().map(|(_, value)| row.value(value, work));
                let values = values.collect::<Result<Vec<_>>>()?;
                for ((path, _), value) in fields.iter().zip(values) {
                    row.document.set_path(path, value);
                }
            }
        }
        Stage::Unset(paths) => {
            for row in &mut rows {
                work.budget.turn().await?;
                for path in paths {
                    row.document.set_path(path, Value::Missing);
                }
            }
        }
        Stage::Limit(most) => rows.truncate(*most),
        Stage::Skip(count) => _ = rows.drain(..(*count).min(rows.len())),
        Stage::Unwind { path, keeps_empty, index } => {
            rows = unwound(rows, path, *keeps_empty, index.as_deref(), work).await?;
        }
        Stage::Sort(keys) => {
            let all = sorted(rows, keys, work).await?;
            rows = all.into_iter().map(|(_, row)| row).collect();
        }
        Stage::Group { id, outputs } => rows = grouped(rows, id, outputs, work).await?,
        Stage::Window { partition, sort, outputs } => {
            let mut all = Vec::new();
            for (_, group) in groups(rows, partition, work).await? {
                all.extend(window(group, sort, outputs, work).await?);
            }
            rows = all;
        }
        Stage::Replace(value) => {
            for row in &mut rows {
                work.budget.turn().await?;
                match row.value(value, work)? {
                    Value::Document(document) => {
                        work.held.give_back(row.document.size());
                        row.document = document;
                    }
                    other => {
                        let name = other.type_name();
                        return Err(format!("$replaceRoot: the new root is no document but {name}").into());
                    }
                }
            }
        }
        Stage::Count(name) => {
            let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            let mut document = Document::default();
            document.set(name, Value::Number(f64::from(count)));
            // Of nothing there is no document.
            rows = if count == 0 { Vec::new() } else { vec![Row::plain(document)] };
        }
        Stage::Search(_) => return Err("$search: it must be the first stage".into()),
        Stage::Lookup(_) | Stage::UnionWith { .. } | Stage::Facet(_) => {} // they need the store
    }
    Ok(rows)
}

/// A document for each item of an array.
async fn unwound(
    rows: Vec<Row>,
    path: &[String],
    keeps_empty: bool,
    index: Option<&[String]>,
    work: &Work<'_>,
) -> Result<Vec<Row>> {
    let mut all = Vec::new();
    for mut row in rows {
        work.budget.turn().await?;
        let value = row.document.path(path);
        work.made.take(value.size())?;
        let items = match value.into_owned() {
            Value::Array(items) => items,
            value if value.is_nothing() => Vec::new(),
            value => vec![value],
        };
        if items.is_empty() && keeps_empty {
            row.document.set_path(path, Value::Missing);
            all.push(row);
            continue;
        }
        if items.len() > MOST.saturating_sub(all.len()) {
            return Err(RunError::TooMany);
        }
        // What is copied for each item does not have them all.
        work.held.give_back(row.size());
        row.document.set_path(path, Value::Null);
        let size = row.size();
        for (at, item) in items.into_iter().enumerate() {
            work.budget.turn().await?;
            work.made.take(size)?;
            let mut one = row.clone();
            one.document.set_path(path, item);
            if let Some(index) = index {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                one.document.set_path(index, Value::Number(f64::from(at)));
            }
            all.push(one);
        }
    }
    Ok(all)
}

/// A document for each group.
async fn grouped(rows: Vec<Row>, id: &Expression, outputs: &[Gathered], work: &Work<'_>) -> Result<Vec<Row>> {
    let mut all = Vec::new();
    for (id, group) in groups(rows, id, work).await? {
        let mut document = Document::default();
        document.set("_id", if id == Value::Missing { Value::Null } else { id });
        for output in outputs {
            let value = output.gather(&group, work).await?;
            work.made.take(value.size())?;
            document.set_path(&output.into, value);
        }
        all.push(Row::plain(document));
    }
    Ok(all)
}

/// In order, each with the values that decide it.
async fn sorted(rows: Vec<Row>, keys: &[Key], work: &Work<'_>) -> Result<Vec<(Vec<Value>, Row)>> {
    /// So many are in order in no time.
    const FEW: usize = 2_000;
    work.made.take(rows.len().saturating_mul(size_of::<(Vec<Value>, Row)>()))?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        work.budget.turn().await?;
        let values = keys.iter().map(|key| row.value(&key.by, work));
        let values = values.collect::<Result<Vec<_>>>()?;
        all.push((values, row));
    }
    let order = |a: &(Vec<Value>, Row), b: &(Vec<Value>, Row)| {
        let each = keys.iter().enumerate().map(|(at, key)| {
            let order = a.0[at].order(&b.0[at]);
            if key.descending { order.reverse() } else { order }
        });
        each.fold(Ordering::Equal, Ordering::then)
    };
    if all.len() <= FEW {
        all.sort_by(order);
    } else {
        // In one piece: the memory that the values may take bounds it to a fraction of a second.
        aside(work.budget.deadline(), || all.sort_by(order))?;
    }
    Ok(all)
}

/// Documents with an equal value together, in the order in which the values come.
async fn groups(rows: Vec<Row>, by: &Expression, work: &Work<'_>) -> Result<Vec<(Value, Vec<Row>)>> {
    let mut all: Vec<(Value, Vec<Row>)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for row in rows {
        work.budget.turn().await?;
        let value = row.value(by, work)?;
        work.made.take(value.size_of_text() + size_of::<(Value, Vec<Row>, String, usize)>())?;
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
async fn window(rows: Vec<Row>, sort: &[Key], outputs: &[Gathered], work: &Work<'_>) -> Result<Vec<Row>> {
    let (keys, mut rows): (Vec<_>, Vec<_>) = sorted(rows, sort, work).await?.into_iter().unzip();
    for output in outputs {
        if output.accumulator.is_rank() {
            let (mut rank, mut dense) = (0_u32, 0_u32);
            for at in 0..rows.len() {
                work.budget.turn().await?;
                let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
                if at == 0 || keys[at].iter().zip(&keys[at - 1]).any(|(a, b)| !a.equals(b)) {
                    (rank, dense) = (number, dense + 1);
                }
                let value = match output.accumulator {
                    Accumulator::Rank => rank,
                    Accumulator::DenseRank => dense,
                    _ => number,
                };
                work.made.take(Value::Null.size())?;
                rows[at].document.set_path(&output.into, Value::Number(f64::from(value)));
            }
        } else {
            let value = output.gather(&rows, work).await?;
            let size = value.size();
            for row in &mut rows {
                work.budget.turn().await?;
                work.made.take(size)?;
                row.document.set_path(&output.into, value.clone());
            }
        }
    }
    Ok(rows)
}
