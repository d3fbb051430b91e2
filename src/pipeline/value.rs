//! Values of documents as MongoDB has them, with one leniency: a text that is a number compares with numbers.
//!
//! In MongoDB a text never equals a number, so that a match silently finds nothing when a dataset's column was imported
//! as the other type. Datasets here hold texts only.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value as Json;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// There is no such field.
    Missing,
    Null,
    Number(f64),
    Text(String),
    Document(Document),
    Array(Vec<Self>),
    Bool(bool),
    /// Milliseconds since 1970.
    Date(i64),
}

/// Names and values in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document(pub Vec<(Arc<str>, Value)>);

impl Document {
    pub fn get(&self, name: &str) -> &Value {
        self.0.iter().find(|(known, _)| &**known == name).map_or(&Value::Missing, |(_, value)| value)
    }

    /// Sets a field, or takes it away where the value is missing.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        let at = self.0.iter().position(|(known, _)| &**known == name);
        match (at, value) {
            (Some(at), Value::Missing) => _ = self.0.remove(at),
            (None, Value::Missing) => {}
            (Some(at), value) => self.0[at].1 = value,
            (None, value) => self.0.push((name.into(), value)),
        }
    }

    /// What stands under a path; of an array the values that its documents have there.
    pub(super) fn path(&self, path: &[String]) -> Cow<'_, Value> {
        let Some((first, rest)) = path.split_first() else { return Cow::Owned(Value::Missing) };
        inside(self.get(first), rest)
    }

    /// Bytes that making a text of each value takes at most.
    pub fn size_of_texts(&self) -> usize {
        self.0.iter().map(|(_, value)| value.size_of_text()).fold(0, usize::saturating_add)
    }

    /// Bytes of memory, all in all.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(_, value)| FIELD + value.size()).fold(FIELD, usize::saturating_add)
    }

    /// Sets what stands under a path; makes the documents on the way.
    pub(super) fn set_path(&mut self, path: &[String], value: Value) {
        match path {
            [] => {}
            [name] => self.set(name, value),
            [name, rest @ ..] => {
                if let Some((_, Value::Document(inner))) =
                    self.0.iter_mut().find(|(known, _)| **known == **name)
                {
                    inner.set_path(rest, value);
                } else if value != Value::Missing {
                    let mut inner = Self::default();
                    inner.set_path(rest, value);
                    self.set(name, Value::Document(inner));
                }
            }
        }
    }
}

/// A field of a document, beside its value: a share of the name, and what an allocation costs.
const FIELD: usize = 24;

pub(super) fn inside<'v>(value: &'v Value, path: &[String]) -> Cow<'v, Value> {
    match (value, path) {
        (value, []) => Cow::Borrowed(value),
        (Value::Document(inner), path) => inner.path(path),
        (Value::Array(items), path) => {
            let all = items.iter().map(|item| inside(item, path)).filter(|item| **item != Value::Missing);
            Cow::Owned(Value::Array(all.map(Cow::into_owned).collect()))
        }
        _ => Cow::Owned(Value::Missing),
    }
}

impl Value {
    pub(super) fn of_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(bool) => Self::Bool(*bool),
            Json::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::Array(items.iter().map(Self::of_json).collect()),
            Json::Object(fields) => Self::Document(Document(
                fields.iter().map(|(name, value)| (name.as_str().into(), Self::of_json(value))).collect(),
            )),
        }
    }

    /// Bytes of memory, all in all.
    pub fn size(&self) -> usize {
        let inner = match self {
            Self::Text(text) => text.len() + 16,
            Self::Document(document) => document.size(),
            Self::Array(items) => items.iter().map(Self::size).fold(16, usize::saturating_add),
            _ => 0,
        };
        size_of::<Self>().saturating_add(inner)
    }

    /// Bytes that making a text of it takes at most, of a document or array through its JSON.
    pub(super) fn size_of_text(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Document(_) | Self::Array(_) => self.size().saturating_mul(8),
            _ => 400, // the digits of the largest number
        }
    }

    /// Whether it is null, or not there.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Missing | Self::Null)
    }

    /// What counts as true in a condition.
    pub(super) fn is_true(&self) -> bool {
        !matches!(self, Self::Missing | Self::Null | Self::Bool(false)) && *self != Self::Number(0.0)
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            #[expect(clippy::cast_precision_loss, reason = "a date in milliseconds is far below 2^53")]
            Self::Date(ms) => Some(*ms as f64),
            _ => None,
        }
    }

    /// As a field or a label shows it.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Null => None,
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(display(*number)),
            Self::Bool(bool) => Some(bool.to_string()),
            Self::Date(ms) => Some(super::dates::display(*ms)),
            Self::Document(_) | Self::Array(_) => Some(self.json().to_string()),
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Missing | Self::Null => Json::Null,
            Self::Bool(bool) => Json::Bool(*bool),
            Self::Number(_) | Self::Text(_) | Self::Date(_) => self.text().map_or(Json::Null, Json::String),
            Self::Array(items) => items.iter().map(Self::json).collect(),
            Self::Document(Document(fields)) => {
                fields.iter().map(|(name, value)| (name.to_string(), value.json())).collect()
            }
        }
    }

    /// Where its type stands in MongoDB's order of types.
    fn rank(&self) -> u8 {
        match self {
            Self::Missing => 0,
            Self::Null => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::Document(_) => 4,
            Self::Array(_) => 5,
            Self::Bool(_) => 6,
            Self::Date(_) => 7,
        }
    }

    /// Which is larger: a text that is a number is compared with numbers as one. That is no order of all values: see
    /// [`Value::order`].
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Text(_)) if let Some(b) = other.number() => a.total_cmp(&b),
            (Self::Text(_), Self::Number(b)) if let Some(a) = self.number() => a.total_cmp(b),
            _ => self.order(other),
        }
    }

    /// MongoDB's order of all values, by type and then by value: what is sorted is sorted by it.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Array(a), Self::Array(b)) => {
                let parts = a.iter().zip(b).map(|(a, b)| a.order(b));
                parts.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
            }
            (Self::Document(a), Self::Document(b)) => {
                let parts = a.0.iter().zip(&b.0).map(|(a, b)| a.0.cmp(&b.0).then_with(|| a.1.order(&b.1)));
                parts.fold(Ordering::Equal, Ordering::then).then(a.0.len().cmp(&b.0.len()))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
    }

    /// Whether `$gt` and the like compare the two at all.
    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        self.rank() == other.rank()
            || matches!((self, other), (Self::Number(_), Self::Text(_)) | (Self::Text(_), Self::Number(_)))
                && self.number().is_some()
                && other.number().is_some()
    }

    /// The name that `$type` gives.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Null => "null",
            Self::Number(number) if number.fract() == 0.0 => "int",
            Self::Number(_) => "double",
            Self::Text(_) => "string",
            Self::Document(_) => "object",
            Self::Array(_) => "array",
            Self::Bool(_) => "bool",
            Self::Date(_) => "date",
        }
    }
}

/// `3`, `2.5`.
fn display(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { format!("{number:.0}") } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_numbers_compare_as_numbers_and_the_order_has_no_circle() {
        let (nine, between, ten) = (Value::Text("9".into()), Value::Number(9.5), Value::Text("10".into()));
        assert_eq!((nine.compare(&between), between.compare(&ten)), (Ordering::Less, Ordering::Less));
        // By `compare` alone these three would go round in a circle, and sorting would panic.
        let mut all: Vec<Value> =
            (0..100).flat_map(|_| [ten.clone(), between.clone(), nine.clone()]).collect();
        all.sort_by(Value::order);
        assert_eq!((&all[0], &all[100], &all[299]), (&between, &ten, &nine));
        assert!(Value::Text("1.50".into()).equals(&Value::Number(1.5)));
        assert!(!Value::Text("x".into()).is_comparable(&Value::Number(1.0)));
    }
}
