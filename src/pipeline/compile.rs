//! JSON → filters and expressions, with the document's values in them. What is not known is refused with its path.

use serde_json::{Map, Value as Json};

use super::dollars::{OPERATORS, is_test, without_dollar};
use super::expression::Expression;
use super::filter::{Condition, OneOf, Pattern, Test};
use super::given::{Fields, ReadAs, Template};
use super::operators::FUNCTIONS;
use super::stages::{Stage, stages};
use super::taint::Taint;
use super::value::Value;
use super::{Mistake, Query};

pub(super) type Result<T> = std::result::Result<T, Mistake>;

/// A query ready to run: the dataset and the stages.
pub(super) fn query(
    query: &Query,
    path: &str,
    fields: Fields<'_>,
    note: &dyn Fn(String),
) -> Result<(String, Vec<Stage>)> {
    let taint = Taint::default();
    let compiler = Compiler { fields, read_as: ReadAs::Text, note, taint: &taint };
    let dataset = compiler.dataset(&query.dataset, &format!("{path}.dataset"))?;
    let object = object(&query.json, path)?;
    let allowed = ["find", "aggregate", "projection", "sort", "limit", "skip"];
    known(object, path, &allowed)?;
    let mut all = match (object.get("find"), object.get("aggregate")) {
        (Some(filter), None) => vec![Stage::Match(compiler.condition(filter, &format!("{path}.find"))?)],
        (None, Some(pipeline)) => stages(&compiler, pipeline, &format!("{path}.aggregate"))?,
        _ => return Err(Mistake::new(path, "a query has `find` or `aggregate`")),
    };
    for (key, stage) in
        [("sort", "$sort"), ("skip", "$skip"), ("limit", "$limit"), ("projection", "$project")]
    {
        // To MongoDB a `find` with the limit 0 has none; the stage `$limit` must have one.
        let has_none = |value: &&Json| !(key == "limit" && value.as_f64() == Some(0.0));
        if let Some(value) = object.get(key).filter(has_none) {
            let pipeline =
                Json::Array(vec![Json::Object([(stage.to_owned(), value.clone())].into_iter().collect())]);
            all.extend(stages(&compiler, &pipeline, &format!("{path}.{key}"))?);
        }
    }
    Ok((dataset, all))
}

pub(super) fn object<'j>(json: &'j Json, path: &str) -> Result<&'j Map<String, Json>> {
    json.as_object().ok_or_else(|| Mistake::new(path, "this must be an object"))
}

pub(super) fn array<'j>(json: &'j Json, path: &str) -> Result<&'j [Json]> {
    json.as_array().map(Vec::as_slice).ok_or_else(|| Mistake::new(path, "this must be a list"))
}

pub(super) fn text<'j>(json: &'j Json, path: &str) -> Result<&'j str> {
    json.as_str().ok_or_else(|| Mistake::new(path, "this must be a text"))
}

pub(super) fn whole(json: &Json, path: &str) -> Result<usize> {
    let number = json.as_u64().or_else(|| {
        json.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked just before"
            )]
            {
                n as u64
            }
        })
    });
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| Mistake::new(path, "this must be a whole number"))
}

/// Refuses keys that mean nothing here.
pub(super) fn known(object: &Map<String, Json>, path: &str, names: &[&str]) -> Result<()> {
    match object.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => {
            Err(Mistake::new(path, format!("`{key}` is not known; there are: {}", names.join(", "))))
        }
        None => Ok(()),
    }
}

/// The parts of `a.b.c`.
pub(super) fn path_of(text: &str) -> Vec<String> {
    text.split('.').map(str::to_owned).collect()
}

pub(super) struct Compiler<'c> {
    pub(super) fields: Fields<'c>,
    read_as: ReadAs,
    /// Hears what is right, and yet perhaps not meant.
    note: &'c dyn Fn(String),
    pub(super) taint: &'c Taint,
}

impl Compiler<'_> {
    /// A text with its placeholders filled in.
    pub(super) fn text(&self, source: &str, path: &str) -> Result<String> {
        let template = self.template(source, path)?;
        Ok(template.map_or_else(|| source.to_owned(), |template| template.text(self.fields, self.read_as)))
    }

    /// Says what is right, and yet perhaps not meant.
    pub(super) fn note(&self, what: String) {
        (self.note)(what);
    }

    /// The name of a dataset.
    pub(super) fn dataset(&self, source: &str, path: &str) -> Result<String> {
        if Template::parse(source, path)?.is_some() {
            (self.note)(format!("{path}: what stands in a document chooses the dataset"));
        }
        self.text(source, path)
    }

    /// The same for what is read as a pattern: what stands in a document stands for itself there.
    fn of_patterns(&self) -> Self {
        Self { read_as: ReadAs::Pattern, ..*self }
    }

    fn template(&self, source: &str, path: &str) -> Result<Option<Template>> {
        let template = Template::parse(source, path)?;
        if template.is_some() && source.starts_with('$') {
            let what = "a path must not hold a placeholder: what stands in a document would choose the field";
            return Err(Mistake::new(path, what));
        }
        if self.read_as == ReadAs::Text && template.as_ref().is_some_and(Template::is_unescaped) {
            self.taint.hold();
        }
        if self.read_as == ReadAs::Pattern {
            for name in template.iter().flat_map(Template::raw) {
                (self.note)(format!(
                    "{path}: the text of `{name}` is read as a pattern, which can choose any record"
                ));
            }
        }
        Ok(template)
    }

    /// Looks whether a variable or a field that is read holds the text of a document.
    fn reads(&self, names: &[&str], path: &str) -> Result<()> {
        let Some(name) = names.iter().find(|name| self.taint.knows(name)) else { return Ok(()) };
        if self.read_as == ReadAs::Pattern {
            let what = format!(
                "`{name}` holds what stands in a document, which would be read as a pattern: write `{{field}}` here, where it \
                 stands for itself, or `{{field | re}}` where `{name}` is made (`{{field | raw}}` if it is to be a pattern)"
            );
            return Err(Mistake::new(path, what));
        }
        self.taint.hold();
        Ok(())
    }

    /// A value as it stands; texts may have placeholders.
    fn literal(&self, json: &Json, path: &str) -> Result<Value> {
        Ok(match json {
            Json::String(source) => match self.template(source, path)? {
                Some(template) => template.value(self.fields, self.read_as, path)?,
                None => Value::Text(source.clone()),
            },
            Json::Array(items) => {
                let each = items.iter().enumerate();
                let each = each.map(|(at, item)| self.literal(item, &format!("{path}[{at}]")));
                Value::Array(each.collect::<Result<_>>()?)
            }
            other => Value::of_json(other),
        })
    }

    pub(super) fn condition(&self, json: &Json, path: &str) -> Result<Condition> {
        let mut all = Vec::new();
        for (key, value) in object(json, path)? {
            let path = format!("{path}.{key}");
            let is_list_of_filters =
                value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Json::is_object));
            if is_list_of_filters && matches!(key.as_str(), "and" | "or" | "nor") {
                return Err(without_dollar(&path, key));
            }
            let list = || -> Result<Vec<Condition>> {
                let each = array(value, &path)?.iter().enumerate();
                each.map(|(at, one)| self.condition(one, &format!("{path}[{at}]"))).collect()
            };
            all.push(match key.as_str() {
                "$and" => Condition::And(list()?),
                "$or" => Condition::Or(list()?),
                "$nor" => Condition::Nor(list()?),
                "$expr" => Condition::Expression(self.expression(value, &path)?),
                "$comment" => continue,
                key if key.starts_with('$') => {
                    let what =
                        format!("the operator `{key}` is not known here; there are: $and, $or, $nor, $expr");
                    return Err(Mistake::new(&path, what));
                }
                key => Condition::Field(path_of(key), self.test(value, &path)?),
            });
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
    }

    fn test(&self, json: &Json, path: &str) -> Result<Test> {
        let operators = json.as_object().filter(|object| object.keys().any(|key| key.starts_with('$')));
        let Some(operators) = operators else {
            let mut keys = json.as_object().into_iter().flatten();
            return match keys.find(|(key, value)| is_test(key, value)) {
                Some((key, _)) => Err(without_dollar(&format!("{path}.{key}"), key)),
                None => self.equal(json, path),
            };
        };
        let mut all = Vec::new();
        for (key, value) in operators {
            let path = format!("{path}.{key}");
            let list = || -> Result<Vec<Value>> {
                match self.literal(value, &path)? {
                    Value::Array(items) => Ok(items),
                    _ => Err(Mistake::new(&path, "this must be a list")),
                }
            };
            all.push(match key.as_str() {
                "$eq" => self.equal(value, &path)?,
                "$ne" => Test::Not(Box::new(self.equal(value, &path)?)),
                "$gt" => Test::Compare(std::cmp::Ordering::is_gt, self.literal(value, &path)?),
                "$gte" => Test::Compare(std::cmp::Ordering::is_ge, self.literal(value, &path)?),
                "$lt" => Test::Compare(std::cmp::Ordering::is_lt, self.literal(value, &path)?),
                "$lte" => Test::Compare(std::cmp::Ordering::is_le, self.literal(value, &path)?),
                "$in" => Test::In(OneOf::new(list()?)),
                "$nin" => Test::Not(Box::new(Test::In(OneOf::new(list()?)))),
                "$all" => Test::And(list()?.into_iter().map(Test::Equal).collect()),
                "$exists" => Test::Exists(Value::of_json(value).is_true()),
                "$size" => Test::Size(whole(value, &path)?),
                "$type" => {
                    let names = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
                    Test::Type(
                        names
                            .iter()
                            .map(|name| text(name, &path).map(str::to_owned))
                            .collect::<Result<_>>()?,
                    )
                }
                "$regex" => {
                    let source = self.of_patterns().text(text(value, &path)?, &path)?;
                    let options = operators.get("$options").and_then(Json::as_str).unwrap_or_default();
                    Test::Matches(Pattern::new(&source, options).map_err(|what| Mistake::new(&path, what))?)
                }
                "$options" => continue,
                "$not" => Test::Not(Box::new(self.test(value, &path)?)),
                "$elemMatch" => Test::ElemMatch(Box::new(self.condition(value, &path)?)),
                other => {
                    let what = format!("the operator `{other}` is not known here");
                    return Err(Mistake::new(&path, what));
                }
            });
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Test::And(all) })
    }

    fn equal(&self, json: &Json, path: &str) -> Result<Test> {
        if let Json::String(source) = json
            && let Some(template) = self.template(source, path)?
            && template.is_empty_field(self.fields)
        {
            return Ok(Test::Never);
        }
        Ok(Test::Equal(self.literal(json, path)?))
    }

    pub(super) fn expression(&self, json: &Json, path: &str) -> Result<Expression> {
        Ok(match json {
            Json::String(source) => match self.template(source, path)? {
                Some(template) => Expression::Literal(template.value(self.fields, self.read_as, path)?),
                None => match (source.strip_prefix("$$"), source.strip_prefix('$')) {
                    (Some(variable), _) => {
                        let mut segments = path_of(variable);
                        let name = segments.remove(0);
                        let marked = format!("$${name}");
                        self.reads(&[&marked], path)?;
                        self.reads(&segments.iter().map(String::as_str).collect::<Vec<_>>(), path)?;
                        Expression::Variable(name, segments)
                    }
                    (None, Some(field)) => {
                        self.reads(&field.split('.').collect::<Vec<_>>(), path)?;
                        Expression::Path(path_of(field))
                    }
                    (None, None) => Expression::Literal(Value::Text(source.clone())),
                },
            },
            Json::Array(_) => Expression::Array(self.list(json, path)?),
            Json::Object(object) => match object.iter().next() {
                Some((name, value)) if name.starts_with('$') => {
                    if object.len() > 1 {
                        return Err(Mistake::new(path, format!("`{name}` must stand alone")));
                    }
                    self.call(name, value, &format!("{path}.{name}"))?
                }
                Some((name, _)) if object.len() == 1 && OPERATORS.contains(&name.as_str()) => {
                    return Err(without_dollar(&format!("{path}.{name}"), name));
                }
                _ => {
                    let each = object.iter().map(|(name, value)| {
                        let read = || self.expression(value, &format!("{path}.{name}"));
                        Ok((name.clone(), self.taint.of(&[name], read)?))
                    });
                    Expression::Document(each.collect::<Result<_>>()?)
                }
            },
            other => Expression::Literal(Value::of_json(other)),
        })
    }

    fn list(&self, json: &Json, path: &str) -> Result<Vec<Expression>> {
        let one = std::slice::from_ref(json);
        let items = json.as_array().map_or(one, Vec::as_slice);
        items.iter().enumerate().map(|(at, item)| self.expression(item, &format!("{path}[{at}]"))).collect()
    }

    fn boxed(&self, json: Option<&Json>, path: &str) -> Result<Box<Expression>> {
        let json = json.ok_or_else(|| Mistake::new(path, "this is missing"))?;
        Ok(Box::new(self.expression(json, path)?))
    }

    fn call(&self, name: &str, json: &Json, path: &str) -> Result<Expression> {
        let part = |key: &str| self.boxed(json.get(key), &format!("{path}.{key}"));
        let variable = || {
            let name = json.get("as").map_or(Ok("this"), |name| text(name, path));
            name.map(str::to_owned)
        };
        Ok(match name {
            "$literal" => Expression::Literal(self.literal(json, path)?),
            "$meta" => match json.as_str() {
                Some("searchScore" | "textScore") => Expression::Score,
                _ => return Err(Mistake::new(path, "only `searchScore` is known here")),
            },
            "$and" => Expression::And(self.list(json, path)?),
            "$or" => Expression::Or(self.list(json, path)?),
            "$ifNull" => Expression::IfNull(self.list(json, path)?),
            "$cond" => {
                let parts = match json {
                    Json::Object(object) => {
                        known(object, path, &["if", "then", "else"])?;
                        vec![*part("if")?, *part("then")?, *part("else")?]
                    }
                    other => self.list(other, path)?,
                };
                let parts = <[Expression; 3]>::try_from(parts);
                Expression::Cond(Box::new(parts.map_err(|_| Mistake::new(path, "it takes three parts"))?))
            }
            "$switch" => {
                let branches =
                    json.get("branches").ok_or_else(|| Mistake::new(path, "`branches` is missing"))?;
                let branches = array(branches, path)?.iter().enumerate().map(|(at, branch)| {
                    let path = format!("{path}.branches[{at}]");
                    Ok((*self.boxed(branch.get("case"), &path)?, *self.boxed(branch.get("then"), &path)?))
                });
                let default = json.get("default").map(|_| part("default")).transpose()?;
                Expression::Switch { branches: branches.collect::<Result<_>>()?, default }
            }
            "$let" => {
                let vars = json.get("vars").ok_or_else(|| Mistake::new(path, "`vars` is missing"))?;
                Expression::Let { variables: self.variables(vars, path)?, body: part("in")? }
            }
            "$filter" => {
                let name = variable()?;
                let input = self.taint.of(&[&format!("$${name}")], || part("input"))?;
                Expression::Filter { input, name, condition: part("cond")? }
            }
            "$map" => {
                let name = variable()?;
                let input = self.taint.of(&[&format!("$${name}")], || part("input"))?;
                Expression::Map { input, name, body: part("in")? }
            }
            "$reduce" => {
                let input = self.taint.of(&["$$this", "$$value"], || part("input"))?;
                let start = self.taint.of(&["$$value"], || part("initialValue"))?;
                Expression::Reduce { input, start, body: part("in")? }
            }
            "$regexMatch" => {
                let object = object(json, path)?;
                known(object, path, &["input", "regex", "options"])?;
                let options = object.get("options").map(|_| part("options")).transpose()?;
                let regex = self.of_patterns().boxed(object.get("regex"), &format!("{path}.regex"))?;
                let ready = match (&*regex, options.as_deref()) {
                    (Expression::Literal(Value::Text(source)), None) => Some(Pattern::new(source, "")),
                    (
                        Expression::Literal(Value::Text(source)),
                        Some(Expression::Literal(Value::Text(options))),
                    ) => Some(Pattern::new(source, options)),
                    _ => None,
                };
                let ready = ready.transpose().map_err(|what| Mistake::new(&format!("{path}.regex"), what))?;
                Expression::Matches { input: part("input")?, ready, regex, options }
            }
            name => {
                let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
                    let what = if name == "$function" {
                        "JavaScript is not run here".to_owned()
                    } else {
                        format!("the operator `{name}` is not known here")
                    };
                    return Err(Mistake::new(path, what));
                };
                let arguments = match json {
                    Json::Object(object) if !function.named.is_empty() => {
                        known(object, path, function.named)?;
                        let missing =
                            function.named[..function.least].iter().find(|key| !object.contains_key(**key));
                        if let Some(missing) = missing {
                            return Err(Mistake::new(path, format!("`{missing}` is missing")));
                        }
                        let given = function.named.iter().filter(|key| object.contains_key(**key));
                        given.map(|key| part(key).map(|part| *part)).collect::<Result<Vec<_>>>()?
                    }
                    other => self.list(other, path)?,
                };
                if arguments.len() < function.least || arguments.len() > function.most {
                    let what = format!("`{name}` does not take {} arguments", arguments.len());
                    return Err(Mistake::new(path, what));
                }
                Expression::Call(function, arguments)
            }
        })
    }

    pub(super) fn variables(&self, json: &Json, path: &str) -> Result<Vec<(String, Expression)>> {
        let each = object(json, path)?.iter();
        let one = |(name, value): (&String, &Json)| {
            let read = || self.expression(value, &format!("{path}.{name}"));
            Ok((name.clone(), self.taint.of(&[&format!("$${name}")], read)?))
        };
        each.map(one).collect()
    }
}
