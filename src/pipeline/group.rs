//! What is gathered from several documents: `$group` and `$setWindowFields`.

use serde_json::Value as Json;

use super::Mistake;
use super::RunError;
use super::compile::{Compiler, Result, known, object, path_of};
use super::expression::Expression;
use super::meter::Meter;
use super::places::{self, Places};
use super::run::{Row, Work};
use super::value::{Document, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accumulator {
    Sum,
    Avg,
    Min,
    Max,
    First,
    Last,
    Push,
    AddToSet,
    Count,
    MergeObjects,
    Rank,
    DenseRank,
    DocumentNumber,
}

impl Accumulator {
    /// Whether it is a place in an order.
    pub(super) fn is_rank(self) -> bool {
        matches!(self, Self::Rank | Self::DenseRank | Self::DocumentNumber)
    }
}

const ACCUMULATORS: [(&str, Accumulator); 13] = [
    ("$sum", Accumulator::Sum),
    ("$avg", Accumulator::Avg),
    ("$min", Accumulator::Min),
    ("$max", Accumulator::Max),
    ("$first", Accumulator::First),
    ("$last", Accumulator::Last),
    ("$push", Accumulator::Push),
    ("$addToSet", Accumulator::AddToSet),
    ("$count", Accumulator::Count),
    ("$mergeObjects", Accumulator::MergeObjects),
    ("$rank", Accumulator::Rank),
    ("$denseRank", Accumulator::DenseRank),
    ("$documentNumber", Accumulator::DocumentNumber),
];

/// A field that is gathered.
#[derive(Debug, Clone)]
pub(super) struct Gathered {
    pub(super) into: Vec<String>,
    pub(super) accumulator: Accumulator,
    pub(super) of: Expression,
}

impl Gathered {
    pub(super) fn read(
        compiler: &Compiler<'_>,
        name: &str,
        json: &Json,
        path: &str,
        has_window: bool,
    ) -> Result<Self> {
        let mut found = None;
        let object = object(json, path)?;
        for (key, value) in object {
            if key == "window" && has_window {
                let whole = ["documents", "range"].into_iter().find_map(|kind| value.get(kind));
                let is_whole = whole
                    .and_then(Json::as_array)
                    .is_some_and(|ends| ends.iter().all(|end| end == "unbounded") && ends.len() == 2);
                if !is_whole {
                    let what = "only the whole partition is a window here: [\"unbounded\", \"unbounded\"]";
                    return Err(Mistake::new(path, what));
                }
                continue;
            }
            let accumulator =
                ACCUMULATORS.iter().find(|(known, _)| known == key).map(|(_, accumulator)| *accumulator);
            let Some(accumulator) = accumulator else {
                known(object, path, &ACCUMULATORS.map(|(name, _)| name))?;
                return Err(Mistake::new(path, format!("`{key}` does not stand here")));
            };
            let of = match accumulator {
                Accumulator::Count
                | Accumulator::Rank
                | Accumulator::DenseRank
                | Accumulator::DocumentNumber => Expression::Literal(Value::Null),
                _ => {
                    let read = || compiler.expression(value, &format!("{path}.{key}"));
                    compiler.taint.of(&[name], read)?
                }
            };
            if found.replace((accumulator, of)).is_some() {
                return Err(Mistake::new(path, "it gathers one thing"));
            }
        }
        let (accumulator, of) = found.ok_or_else(|| Mistake::new(path, "it gathers nothing"))?;
        Ok(Self { into: path_of(name), accumulator, of })
    }

    /// Of the documents of a group, in their order.
    pub(super) async fn gather(&self, rows: &[Row], work: &Work<'_>) -> std::result::Result<Value, RunError> {
        let made = Meter::new(work.budget);
        let work = Work { made: &made, ..*work };
        made.take(rows.len().saturating_mul(Value::Null.size()))?;
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            work.budget.turn().await?;
            values.push(row.value(&self.of, &work)?);
        }
        if self.accumulator == Accumulator::AddToSet {
            made.take(values.iter().map(|value| value.size() + Places::SIZE).sum())?;
        }
        Ok(self.gathered(values))
    }

    fn gathered(&self, values: Vec<Value>) -> Value {
        let best = |wins: fn(std::cmp::Ordering) -> bool| {
            let all = values.iter().filter(|value| !value.is_nothing());
            let best = all.reduce(|best, value| if wins(value.compare(best)) { value } else { best });
            best.cloned().unwrap_or(Value::Null)
        };
        #[expect(clippy::cast_precision_loss, reason = "documents of one query")]
        let count = values.len() as f64;
        match self.accumulator {
            // Columns of datasets are texts: those that are numbers count.
            Accumulator::Sum => Value::Number(values.iter().filter_map(Value::number).sum()),
            Accumulator::Avg => {
                let all: Vec<f64> = values.iter().filter_map(Value::number).collect();
                #[expect(clippy::cast_precision_loss, reason = "documents of one query")]
                if all.is_empty() {
                    Value::Null
                } else {
                    Value::Number(all.iter().sum::<f64>() / all.len() as f64)
                }
            }
            Accumulator::Min => best(std::cmp::Ordering::is_lt),
            Accumulator::Max => best(std::cmp::Ordering::is_gt),
            Accumulator::First => values.into_iter().next().unwrap_or(Value::Null),
            Accumulator::Last => values.into_iter().next_back().unwrap_or(Value::Null),
            Accumulator::Push => {
                Value::Array(values.into_iter().filter(|value| *value != Value::Missing).collect())
            }
            Accumulator::AddToSet => {
                let all = values.into_iter().filter(|value| *value != Value::Missing);
                Value::Array(places::distinct(all))
            }
            Accumulator::MergeObjects => {
                let mut all = Document::default();
                for value in values {
                    if let Value::Document(Document(fields)) = value {
                        for (name, value) in fields {
                            all.set(&name, value);
                        }
                    }
                }
                Value::Document(all)
            }
            Accumulator::Count => Value::Number(count),
            // By the place in a window's order, which `run` knows.
            Accumulator::Rank | Accumulator::DenseRank | Accumulator::DocumentNumber => Value::Null,
        }
    }
}
