//! Conditions in MongoDB's form: `{"field.status.value": {"$in": ["200", "201"]}}`.

use std::cmp::Ordering;

use fancy_regex::Regex;
use serde_json::Value as Json;

use super::scope::{Unfilled, plain};
use super::template::{Hole, Path, Template};

/// All of its clauses hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) clauses: Vec<Clause>,
}

#[derive(Debug)]
pub(super) enum Clause {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Path(Path, Vec<Operator>),
}

#[derive(Debug)]
pub(super) enum Operator {
    Eq(Template),
    Ne(Template),
    Order(Comparison, Template),
    In(Template),
    Nin(Template),
    Exists(bool),
    Regex(Regex),
    Size(Vec<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Gt,
    Gte,
    Lt,
    Lte,
}

/// Where a condition finds its values.
pub(super) trait Values {
    fn find(&self, path: &Path) -> Result<Option<Json>, Unfilled>;
    fn fill(&self, template: &Template) -> Result<Json, Unfilled>;
}

impl Filter {
    pub(super) fn holds(&self, values: &impl Values) -> Result<bool, Unfilled> {
        for clause in &self.clauses {
            let holds = match clause {
                Clause::And(all) => every(all, |one| one.holds(values))?,
                Clause::Or(any) => !every(any, |one| one.holds(values).map(|holds| !holds))?,
                Clause::Path(path, operators) => {
                    let value = values.find(path)?.map(|value| plain(&value)).unwrap_or_default();
                    every(operators, |operator| operator.holds(&value, values))?
                }
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every path that it looks at.
    pub(super) fn paths<'f>(&'f self, into: &mut Vec<&'f Path>) {
        for clause in &self.clauses {
            match clause {
                Clause::And(list) | Clause::Or(list) => list.iter().for_each(|one| one.paths(into)),
                Clause::Path(path, operators) => {
                    into.push(path);
                    for one in operators {
                        one.paths(into);
                    }
                }
            }
        }
    }
}

fn every<T>(list: &[T], holds: impl Fn(&T) -> Result<bool, Unfilled>) -> Result<bool, Unfilled> {
    for one in list {
        if !holds(one)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Operator {
    fn holds(&self, value: &Json, values: &impl Values) -> Result<bool, Unfilled> {
        Ok(match self {
            Self::Eq(wanted) => equal(value, &values.fill(wanted)?),
            Self::Ne(wanted) => !equal(value, &values.fill(wanted)?),
            Self::Order(comparison, wanted) => match order(value, &values.fill(wanted)?) {
                None => false,
                Some(order) => match comparison {
                    Comparison::Gt => order.is_gt(),
                    Comparison::Gte => order.is_ge(),
                    Comparison::Lt => order.is_lt(),
                    Comparison::Lte => order.is_le(),
                },
            },
            Self::In(list) => contains(&values.fill(list)?, value) == Some(true),
            Self::Nin(list) => contains(&values.fill(list)?, value) == Some(false),
            Self::Exists(wanted) => value.is_null() != *wanted,
            Self::Regex(regex) => match value {
                Json::String(text) => regex.is_match(text).unwrap_or(false),
                _ => false,
            },
            Self::Size(operators) => {
                let size = match value {
                    Json::Array(list) => list.len(),
                    Json::Object(map) => map.len(),
                    Json::String(text) => text.chars().count(),
                    _ => return Ok(false),
                };
                let size = Json::from(size);
                every(operators, |operator| operator.holds(&size, values))?
            }
        })
    }

    fn paths<'f>(&'f self, into: &mut Vec<&'f Path>) {
        match self {
            Self::Eq(wanted)
            | Self::Ne(wanted)
            | Self::Order(_, wanted)
            | Self::In(wanted)
            | Self::Nin(wanted) => {
                let mut holes: Vec<&Hole> = Vec::new();
                wanted.holes(&mut holes);
                into.extend(holes.into_iter().map(|hole| &hole.path));
            }
            Self::Size(operators) => operators.iter().for_each(|one| one.paths(into)),
            Self::Exists(_) | Self::Regex(_) => {}
        }
    }
}

/// As Python has it: numbers by their value, and a text is no number.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => a == b,
    }
}

/// Texts as texts, numbers as numbers; a text that is a number counts as one beside a number. `None` is no order at all.
fn order(a: &Json, b: &Json) -> Option<Ordering> {
    let number = |value: &Json| match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match (a, b) {
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        _ => number(a)?.partial_cmp(&number(b)?),
    }
}

/// Whether a list has a value, or a text a text; `None` where it can have none.
fn contains(list: &Json, value: &Json) -> Option<bool> {
    match (list, value) {
        (Json::Array(list), _) => Some(list.iter().any(|one| equal(one, value))),
        (Json::String(text), Json::String(value)) => Some(text.contains(value.as_str())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_as_python_does() {
        assert!(equal(&json!(1), &json!(1.0)));
        assert!(!equal(&json!("200"), &json!(200)));
        assert!(equal(&json!(null), &json!(null)));
        assert_eq!(order(&json!("1234.50"), &json!(1000)), Some(Ordering::Greater));
        assert_eq!(order(&json!("9"), &json!("10")), Some(Ordering::Greater));
        assert_eq!(order(&json!(null), &json!(1)), None);
        assert_eq!(order(&json!("x"), &json!(1)), None);
        assert_eq!(contains(&json!("a,b"), &json!("b")), Some(true));
        assert_eq!(contains(&json!(5), &json!("b")), None);
    }
}
