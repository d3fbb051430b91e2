//! Expressions: `"$name"`, `{"$concat": […]}`, `{"$cond": …}`, and how they are evaluated.

use std::borrow::Cow;

use super::RunError;
use super::filter::Pattern;
use super::meter::Meter;
use super::operators::Function;
use super::value::{Document, Value, inside};

/// What an expression gives, or why it gives nothing; no value of a document is in the words.
pub(super) type Outcome = Result<Value, RunError>;

#[derive(Debug, Clone)]
pub(super) enum Expression {
    Literal(Value),
    Path(Vec<String>),
    /// `$$name.path`.
    Variable(String, Vec<String>),
    /// `{"$meta": "searchScore"}`.
    Score,
    Document(Vec<(String, Self)>),
    Array(Vec<Self>),
    Call(&'static Function, Vec<Self>),
    /// `$regexMatch`; `ready` where the pattern is the same for each document.
    Matches {
        input: Box<Self>,
        ready: Option<Pattern>,
        regex: Box<Self>,
        options: Option<Box<Self>>,
    },
    And(Vec<Self>),
    Or(Vec<Self>),
    Cond(Box<[Self; 3]>),
    IfNull(Vec<Self>),
    Switch {
        branches: Vec<(Self, Self)>,
        default: Option<Box<Self>>,
    },
    Let {
        variables: Vec<(String, Self)>,
        body: Box<Self>,
    },
    Filter {
        input: Box<Self>,
        name: String,
        condition: Box<Self>,
    },
    Map {
        input: Box<Self>,
        name: String,
        body: Box<Self>,
    },
    Reduce {
        input: Box<Self>,
        start: Box<Self>,
        body: Box<Self>,
    },
}

/// What an expression sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) root: &'s Document,
    pub(super) score: f64,
    pub(super) variables: Option<&'s Variables<'s>>,
    /// What its evaluation takes.
    pub(super) meter: &'s Meter<'s>,
}

/// Variables, the innermost first.
#[derive(Debug)]
pub(super) struct Variables<'s> {
    pub(super) names: Vec<(String, Value)>,
    pub(super) outer: Option<&'s Self>,
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let own = self.names.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        own.or_else(|| self.outer?.get(name))
    }
}

impl Scope<'_> {
    /// Evaluates with more variables. Of what is made on the way only the value stays counted.
    fn with(self, variables: &Variables<'_>, body: &Expression) -> Outcome {
        let own = self.meter.inner();
        let value = body.evaluate(Scope {
            root: self.root,
            score: self.score,
            variables: Some(variables),
            meter: &own,
        })?;
        drop(own);
        self.meter.take(value.size())?;
        Ok(value)
    }

    /// What `$$name.path` is.
    fn variable(self, name: &str, path: &[String]) -> Outcome {
        match name {
            "ROOT" | "CURRENT" if path.is_empty() => {
                let size = self.root.size();
                self.meter.take(size)?;
                self.meter.count(size / 64)?;
                Ok(Value::Document(self.root.clone()))
            }
            "ROOT" | "CURRENT" => self.copy(self.root.path(path)),
            "REMOVE" => Ok(Value::Missing),
            name => match self.variables.and_then(|variables| variables.get(name)) {
                Some(value) => self.copy(inside(value, path)),
                None => Ok(Value::Missing),
            },
        }
    }

    /// A copy of what stands somewhere.
    fn copy(self, value: Cow<'_, Value>) -> Outcome {
        let size = value.size();
        self.meter.take(size)?;
        self.meter.count(size / 64)?;
        Ok(value.into_owned())
    }
}

impl Expression {
    pub(super) fn evaluate(&self, scope: Scope<'_>) -> Outcome {
        let all = |expressions: &[Self]| {
            expressions.iter().map(|one| one.evaluate(scope)).collect::<Result<Vec<_>, _>>()
        };
        scope.meter.count(1)?;
        Ok(match self {
            Self::Literal(value) => scope.copy(Cow::Borrowed(value))?,
            Self::Path(path) => scope.copy(scope.root.path(path))?,
            Self::Variable(name, path) => scope.variable(name, path)?,
            Self::Score => Value::Number(scope.score),
            Self::Document(fields) => {
                let mut document = Document::default();
                for (name, value) in fields {
                    document.set(name, value.evaluate(scope)?);
                }
                Value::Document(document)
            }
            Self::Array(items) => {
                let missing = |value| if value == Value::Missing { Value::Null } else { value };
                Value::Array(all(items)?.into_iter().map(missing).collect())
            }
            Self::Call(function, arguments) => {
                let arguments = all(arguments)?;
                let size = (function.takes)(&arguments);
                scope.meter.take(size)?;
                scope.meter.count(size / 64)?;
                (function.call)(&arguments)
                    .map_err(|problem| RunError::Query(format!("{}: {problem}", function.name)))?
            }
            Self::Matches { input, ready, regex, options } => {
                let pattern = (ready.as_ref(), &**regex, options.as_deref());
                Value::Bool(Self::matches(input, pattern, scope)?)
            }
            Self::And(parts) => Value::Bool(!Self::any(parts, false, scope)?),
            Self::Or(parts) => Value::Bool(Self::any(parts, true, scope)?),
            Self::Cond(parts) => {
                let [condition, yes, no] = &**parts;
                if condition.evaluate(scope)?.is_true() { yes.evaluate(scope)? } else { no.evaluate(scope)? }
            }
            Self::IfNull(parts) => {
                let mut last = Value::Null;
                for part in parts {
                    last = part.evaluate(scope)?;
                    if !last.is_nothing() {
                        break;
                    }
                }
                last
            }
            Self::Switch { branches, default } => {
                for (case, then) in branches {
                    if case.evaluate(scope)?.is_true() {
                        return then.evaluate(scope);
                    }
                }
                let default = default.as_ref().ok_or("$switch: no case holds, and there is no default")?;
                default.evaluate(scope)?
            }
            Self::Let { variables, body } => {
                let mut names = Vec::new();
                for (name, value) in variables {
                    names.push((name.clone(), value.evaluate(scope)?));
                }
                let variables = Variables { names, outer: scope.variables };
                body.evaluate(Scope { variables: Some(&variables), ..scope })?
            }
            Self::Filter { input, name, condition } => {
                let Some(items) = items(input.evaluate(scope)?, "$filter")? else { return Ok(Value::Null) };
                let mut kept = Vec::new();
                let mut variables = Variables { names: Vec::new(), outer: scope.variables };
                for item in items {
                    variables.names.push((name.clone(), item));
                    let keeps = scope.with(&variables, condition)?.is_true();
                    kept.extend(variables.names.pop().filter(|_| keeps).map(|(_, item)| item));
                }
                Value::Array(kept)
            }
            Self::Map { input, name, body } => {
                let Some(items) = items(input.evaluate(scope)?, "$map")? else { return Ok(Value::Null) };
                let each = items.into_iter().map(|item| {
                    let names = vec![(name.clone(), item)];
                    scope.with(&Variables { names, outer: scope.variables }, body)
                });
                Value::Array(each.collect::<Result<_, _>>()?)
            }
            Self::Reduce { input, start, body } => {
                let Some(items) = items(input.evaluate(scope)?, "$reduce")? else { return Ok(Value::Null) };
                Self::reduce(items, start.evaluate(scope)?, body, scope)?
            }
        })
    }
}

impl Expression {
    /// `$regexMatch`: by the pattern that is ready, or by one that the document makes.
    fn matches(
        input: &Self,
        (ready, regex, options): (Option<&Pattern>, &Self, Option<&Self>),
        scope: Scope<'_>,
    ) -> Result<bool, RunError> {
        let Some(input) = text(input.evaluate(scope)?, scope)? else { return Ok(false) };
        if let Some(ready) = ready {
            return ready.is_match(&input, scope.meter);
        }
        let Some(source) = text(regex.evaluate(scope)?, scope)? else { return Ok(false) };
        let options = options.map(|options| options.evaluate(scope)).transpose()?;
        let options = options.and_then(|options| options.text()).unwrap_or_default();
        scope.meter.count(Pattern::COST)?;
        let pattern = Pattern::new(&source, &options).map_err(|problem| format!("$regexMatch: {problem}"))?;
        pattern.is_match(&input, scope.meter)
    }

    /// `$reduce` over some items.
    fn reduce(items: Vec<Value>, start: Value, body: &Self, scope: Scope<'_>) -> Outcome {
        let mut value = start;
        for item in items {
            let names = vec![("this".to_owned(), item), ("value".to_owned(), value)];
            let variables = Variables { names, outer: scope.variables };
            // The value before is gone after it.
            let step = scope.meter.inner();
            value = Scope { meter: &step, ..scope }.with(&variables, body)?;
        }
        scope.meter.take(value.size())?;
        Ok(value)
    }

    /// Whether one of them is true, or false; those after it are not evaluated.
    fn any(parts: &[Self], wanted: bool, scope: Scope<'_>) -> Result<bool, RunError> {
        for part in parts {
            if part.evaluate(scope)?.is_true() == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The items of an array; `None` of nothing.
fn items(value: Value, name: &str) -> Result<Option<Vec<Value>>, RunError> {
    match value {
        Value::Array(items) => Ok(Some(items)),
        Value::Missing | Value::Null => Ok(None),
        other => Err(format!("{name}: its input is no array but {}", other.type_name()).into()),
    }
}

/// A value as a text; `None` of nothing.
fn text(value: Value, scope: Scope<'_>) -> Result<Option<String>, RunError> {
    if let Value::Text(text) = value {
        return Ok(Some(text));
    }
    scope.meter.take(value.size_of_text())?;
    Ok(value.text())
}
