//! Filters: what `find` and `$match` say of a document.

use std::cmp::Ordering;

use fancy_regex::{Regex, RegexBuilder};

use super::expression::{Expression, Scope};
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
    In(Vec<Value>),
    Exists(bool),
    Matches(Regex),
    Type(Vec<String>),
    Size(usize),
    Not(Box<Self>),
    And(Vec<Self>),
    ElemMatch(Box<Condition>),
    /// Equal to a field that is empty.
    Never,
}

/// A pattern with MongoDB's options.
pub(super) fn pattern(source: &str, options: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(source);
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
    builder
        .build()
        .map_err(|_| "this is no regular expression; `{field | re}` escapes what a field holds".to_owned())
}

impl Condition {
    /// Whether a document fits; an error has no value of it.
    pub(super) fn holds(&self, scope: Scope<'_>) -> Result<bool, String> {
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
            Self::Field(path, test) => test.holds(&scope.root.path(path), scope),
        }
    }

    /// The same for a document by itself.
    pub fn fits(&self, document: &Document) -> Result<bool, String> {
        self.holds(Scope::of(document, 0.0))
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
    fn holds(&self, value: &Value, scope: Scope<'_>) -> Result<bool, String> {
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
            Self::In(all) => all.iter().any(|other| {
                any(&|value| value.equals(other) || *other == Value::Null && value.is_nothing())
            }),
            Self::Exists(wanted) => (*value != Value::Missing) == *wanted,
            Self::Matches(pattern) => {
                let of = |value: &Value| match value {
                    Value::Text(text) => {
                        pattern.is_match(text).map_err(|_| "a pattern takes too long".to_owned())
                    }
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
