//! Filters: what `find` and `$match` say of a document.

use std::borrow::Cow;
use std::cmp::Ordering;

use fancy_regex::{Regex, RegexBuilder};

use crate::slices::Budget;

use super::RunError;
use super::expression::{Expression, Scope};
use super::meter::Meter;
use super::places::Places;
use super::value::{Document, Value};

#[derive(Debug, Clone)]
pub enum Condition {
    And(Vec<Self>),
    Or(Vec<Self>),
    Nor(Vec<Self>),
    #[expect(private_interfaces, reason = "only this room evaluates expressions")]
    Expression(Expression),
    #[expect(private_interfaces, reason = "as above")]
    Field(Vec<String>, Test),
}

/// What is asked of one field; of an array, of any of its items.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Compare(fn(Ordering) -> bool, Value),
    Equal(Value),
    In(OneOf),
    Exists(bool),
    Matches(Pattern),
    Type(Vec<String>),
    Size(usize),
    Not(Box<Self>),
    And(Vec<Self>),
    ElemMatch(Box<Condition>),
    /// Equal to a field that is empty.
    Never,
}

/// A list of values, found by equality.
#[derive(Debug, Clone)]
pub(super) struct OneOf {
    all: Vec<Value>,
    places: Places<'static>,
    has_null: bool,
}

impl OneOf {
    pub(super) fn new(all: Vec<Value>) -> Self {
        let mut places = Places::default();
        for (at, value) in all.iter().enumerate() {
            places.add(Cow::Owned(value.clone()), at);
        }
        Self { has_null: all.contains(&Value::Null), all, places }
    }

    fn has(&self, value: &Value) -> bool {
        self.places.has(value) || self.has_null && value.is_nothing()
    }
}

/// Steps back that one match of a pattern takes at most, where it looks around or refers back: some milliseconds.
const MOST_STEPS: usize = 50_000;
/// Bytes of a text that a pattern looks at.
const MOST_TEXT: usize = 64 * 1024;
/// Bytes of a compiled pattern.
const MOST_PROGRAM: usize = 4 << 20;

/// A regular expression with MongoDB's options, and with a bound on each match.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// What compiling one counts, and a match: so much that the clock is looked at every few of them.
    pub(super) const COST: usize = 256;

    pub(super) fn new(source: &str, options: &str) -> Result<Self, String> {
        pattern(source, options).map(Self)
    }

    pub(super) fn is_match(&self, text: &str, meter: &Meter<'_>) -> Result<bool, RunError> {
        if text.len() > MOST_TEXT {
            return Err(RunError::Query(format!("a pattern looks at texts of up to {MOST_TEXT} bytes")));
        }
        meter.count(Self::COST + text.len() / 64)?;
        let found = self.0.is_match(text);
        Ok(found.map_err(|_| "a pattern takes too many steps for a text: make it simpler")?)
    }
}

fn pattern(source: &str, options: &str) -> Result<Regex, String> {
    if source.len() > MOST_TEXT {
        return Err(format!("a pattern has at most {MOST_TEXT} bytes"));
    }
    let mut builder = RegexBuilder::new(source);
    builder.backtrack_limit(MOST_STEPS).delegate_size_limit(MOST_PROGRAM);
    for option in options.chars() {
        match option {
            'i' => _ = builder.case_insensitive(true),
            'm' => _ = builder.multi_line(true),
            's' => _ = builder.dot_matches_new_line(true),
            'x' => _ = builder.verbose_mode(true),
            'u' => {}
            other => return Err(format!("there is no option `{other}` of a pattern")),
        }
    }
    builder.build().map_err(|_| "this is not a regular expression, or it is too large".to_owned())
}

impl Condition {
    /// Whether a document fits; an error has no value of it.
    pub(super) fn holds(&self, scope: Scope<'_>) -> Result<bool, RunError> {
        scope.meter.count(1)?;
        match self {
            Self::And(all) => {
                for one in all {
                    if !one.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(all) => {
                for one in all {
                    if one.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Nor(all) => {
                for one in all {
                    if one.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Expression(expression) => Ok(expression.evaluate(scope)?.is_true()),
            Self::Field(path, test) => {
                let value = scope.root.path(path);
                if let Cow::Owned(value) = &value {
                    scope.meter.take(value.size())?;
                }
                test.holds(&value, scope)
            }
        }
    }

    /// The same for a document by itself.
    pub fn fits(&self, document: &Document, budget: &Budget) -> Result<bool, RunError> {
        let meter = Meter::new(budget);
        self.holds(Scope { root: document, score: 0.0, variables: None, meter: &meter })
    }

    /// Texts that columns must have, in any way that this can be true: what an index serves. Each is one of several
    /// (column, text) pairs; `None` where nothing can be said.
    pub fn needs(&self) -> Option<Vec<(&str, &str)>> {
        match self {
            Self::Field(path, test) => {
                let [column] = &path[..] else { return None };
                match test {
                    Test::Equal(Value::Text(text)) if !text.is_empty() => Some(vec![(column, text)]),
                    Test::In(values) => values
                        .all
                        .iter()
                        .map(|value| match value {
                            Value::Text(text) if !text.is_empty() => Some((column.as_str(), text.as_str())),
                            _ => None,
                        })
                        .collect(),
                    Test::And(tests) => tests.iter().find_map(|test| match test {
                        Test::Equal(Value::Text(text)) if !text.is_empty() => {
                            Some(vec![(column.as_str(), text.as_str())])
                        }
                        _ => None,
                    }),
                    Test::Never => Some(Vec::new()),
                    _ => None,
                }
            }
            Self::And(all) => all.iter().filter_map(Self::needs).min_by_key(Vec::len),
            Self::Or(all) => {
                let all: Option<Vec<_>> = all.iter().map(Self::needs).collect();
                all.map(|all| all.concat())
            }
            _ => None,
        }
    }
}

impl Test {
    fn holds(&self, value: &Value, scope: Scope<'_>) -> Result<bool, RunError> {
        scope.meter.count(match value {
            Value::Array(items) => items.len() + 1,
            Value::Text(text) => text.len() / 256 + 1,
            _ => 1,
        })?;
        let any = |test: &dyn Fn(&Value) -> bool| match value {
            Value::Array(items) => test(value) || items.iter().any(test),
            value => test(value),
        };
        Ok(match self {
            Self::Never => false,
            Self::Equal(Value::Null) => any(&Value::is_nothing),
            Self::Equal(other) => any(&|value| value.equals(other)),
            Self::Compare(holds, other) => {
                any(&|value| value.is_comparable(other) && holds(value.compare(other)))
            }
            Self::In(all) => any(&|value| all.has(value)),
            Self::Exists(wanted) => (*value != Value::Missing) == *wanted,
            Self::Matches(pattern) => {
                let of = |value: &Value| match value {
                    Value::Text(text) => pattern.is_match(text, scope.meter),
                    _ => Ok(false),
                };
                match value {
                    Value::Array(items) => {
                        for item in items {
                            if of(item)? {
                                return Ok(true);
                            }
                        }
                        false
                    }
                    value => of(value)?,
                }
            }
            Self::Type(names) => {
                let is = |value: &Value| {
                    let name = value.type_name();
                    names.iter().any(|wanted| {
                        wanted == name || wanted == "number" && matches!(name, "int" | "double")
                    })
                };
                any(&is)
            }
            Self::Size(size) => matches!(value, Value::Array(items) if items.len() == *size),
            Self::Not(test) => !test.holds(value, scope)?,
            Self::And(all) => {
                for test in all {
                    if !test.holds(value, scope)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::ElemMatch(condition) => {
                let Value::Array(items) = value else { return Ok(false) };
                for item in items {
                    if let Value::Document(inner) = item
                        && condition.holds(Scope { root: inner, ..scope })?
                    {
                        return Ok(true);
                    }
                }
                false
            }
        })
    }
}
