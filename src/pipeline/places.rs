//! Values found by equality, as [`Value::equals`] has it, without a look at each.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::value::Value;

/// A value in MongoDB's order of all values.
#[derive(Debug, Clone)]
struct Ordered<'v>(Cow<'v, Value>);

impl Ord for Ordered<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.order(&other.0)
    }
}

impl PartialOrd for Ordered<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ordered<'_> {}

/// Where values stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Places<'v> {
    values: BTreeMap<Ordered<'v>, Vec<usize>>,
    /// Texts that are numbers: they equal numbers.
    texts: HashMap<u64, Vec<usize>>,
}

impl<'v> Places<'v> {
    /// Memory that one value takes here, beside its own.
    pub(super) const SIZE: usize = 128;

    pub(super) fn add(&mut self, value: Cow<'v, Value>, place: usize) {
        if let Value::Text(_) = *value
            && let Some(number) = value.number()
        {
            self.texts.entry(number.to_bits()).or_default().push(place);
        }
        self.values.entry(Ordered(value)).or_default().push(place);
    }

    /// The places of all that are equal to a value, in the order in which they came.
    pub(super) fn of(&self, value: &Value) -> Vec<usize> {
        let mut all: Vec<usize> = self.lists(value).flatten().copied().collect();
        all.sort_unstable();
        all
    }

    pub(super) fn has(&self, value: &Value) -> bool {
        self.lists(value).next().is_some()
    }

    fn lists<'p>(&'p self, value: &'p Value) -> impl Iterator<Item = &'p Vec<usize>> + use<'p, 'v> {
        let same = self.values.get(&Ordered(Cow::Borrowed(value)));
        let alike = match value {
            Value::Number(number) => self.texts.get(&number.to_bits()),
            Value::Text(_) => {
                value.number().and_then(|number| self.values.get(&Ordered(Cow::Owned(Value::Number(number)))))
            }
            _ => None,
        };
        same.into_iter().chain(alike)
    }
}

/// Each value once, the first of equals.
pub(super) fn distinct(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut known = Places::default();
    let mut all = Vec::new();
    for value in values {
        if !known.has(&value) {
            known.add(Cow::Owned(value.clone()), 0);
            all.push(value);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_a_look_at_each_finds() {
        let text = |text: &str| Value::Text(text.to_owned());
        let all = [
            text("1"),
            text("1.0"),
            Value::Number(1.0),
            Value::Number(2.0),
            text(" 2 "),
            text("x"),
            Value::Null,
            Value::Missing,
            Value::Bool(true),
            Value::Date(1),
            Value::Number(-0.0),
            text("0"),
            Value::Array(vec![text("1")]),
            Value::Array(vec![Value::Number(1.0)]),
        ];
        let mut places = Places::default();
        for (at, value) in all.iter().enumerate() {
            places.add(Cow::Borrowed(value), at);
        }
        for value in &all {
            let each = all.iter().enumerate().filter(|(_, other)| other.equals(value));
            assert_eq!(places.of(value), each.map(|(at, _)| at).collect::<Vec<_>>(), "{value:?}");
        }
        assert_eq!(distinct(all.into_iter()).len(), 12);
    }
}
