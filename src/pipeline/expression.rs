//! Expressions: `"$name"`, `{"$concat": […]}`, `{"$cond": …}`, and how they are evaluated.

use super::operators::Function;
use super::value::{Document, Value, inside};

/// What an expression gives, or why it gives nothing; no value of a document is in the words.
pub(super) type Outcome = Result<Value, String>;

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

impl<'s> Scope<'s> {
    pub(super) fn of(root: &'s Document, score: f64) -> Self {
        Self { root, score, variables: None }
    }

    fn with(self, name: &str, value: Value, work: impl FnOnce(Scope<'_>) -> Outcome) -> Outcome {
        let variables = Variables { names: vec![(name.to_owned(), value)], outer: self.variables };
        work(Scope { variables: Some(&variables), ..self })
    }
}

impl Expression {
    pub(super) fn evaluate(&self, scope: Scope<'_>) -> Outcome {
        let all = |expressions: &[Self]| {
            expressions.iter().map(|one| one.evaluate(scope)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Path(path) => scope.root.path(path),
            Self::Variable(name, path) => match name.as_str() {
                "ROOT" | "CURRENT" if path.is_empty() => Value::Document(scope.root.clone()),
                "ROOT" | "CURRENT" => scope.root.path(path),
                "REMOVE" => Value::Missing,
                name => scope
                    .variables
                    .and_then(|variables| variables.get(name))
                    .map_or(Value::Missing, |value| inside(value, path)),
            },
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
            Self::Call(function, arguments) => (function.call)(&all(arguments)?)
                .map_err(|problem| format!("{}: {problem}", function.name))?,
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
                for item in items {
                    if scope.with(name, item.clone(), |scope| condition.evaluate(scope))?.is_true() {
                        kept.push(item);
                    }
                }
                Value::Array(kept)
            }
            Self::Map { input, name, body } => {
                let Some(items) = items(input.evaluate(scope)?, "$map")? else { return Ok(Value::Null) };
                let each = items.into_iter().map(|item| scope.with(name, item, |scope| body.evaluate(scope)));
                Value::Array(each.collect::<Result<_, _>>()?)
            }
            Self::Reduce { input, start, body } => {
                let Some(items) = items(input.evaluate(scope)?, "$reduce")? else { return Ok(Value::Null) };
                let mut value = start.evaluate(scope)?;
                for item in items {
                    let names = vec![("this".to_owned(), item), ("value".to_owned(), value)];
                    let variables = Variables { names, outer: scope.variables };
                    value = body.evaluate(Scope { variables: Some(&variables), ..scope })?;
                }
                value
            }
        })
    }
}

impl Expression {
    /// Whether one of them is true, or false; those after it are not evaluated.
    fn any(parts: &[Self], wanted: bool, scope: Scope<'_>) -> Result<bool, String> {
        for part in parts {
            if part.evaluate(scope)?.is_true() == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The items of an array; `None` of nothing.
fn items(value: Value, name: &str) -> Result<Option<Vec<Value>>, String> {
    match value {
        Value::Array(items) => Ok(Some(items)),
        Value::Missing | Value::Null => Ok(None),
        other => Err(format!("{name}: its input is no array but {}", other.type_name())),
    }
}
