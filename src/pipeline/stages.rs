//! The stages of a pipeline, from JSON.

use serde_json::Value as Json;

use super::Mistake;
use super::compile::{Compiler, Result, array, known, object, path_of, text, whole};
use super::expression::Expression;
use super::filter::Condition;
use super::group::Gathered;
use super::search::Search;

#[derive(Debug, Clone)]
pub(super) enum Stage {
    Match(Condition),
    /// Only these: what stands there, or what is made.
    Project(Vec<(Vec<String>, Option<Expression>)>),
    AddFields(Vec<(Vec<String>, Expression)>),
    Unset(Vec<Vec<String>>),
    Limit(usize),
    Skip(usize),
    Unwind {
        path: Vec<String>,
        keeps_empty: bool,
        index: Option<Vec<String>>,
    },
    Sort(Vec<Key>),
    Lookup(Box<Lookup>),
    Search(Search),
    UnionWith {
        dataset: String,
        pipeline: Vec<Self>,
    },
    Window {
        partition: Expression,
        sort: Vec<Key>,
        outputs: Vec<Gathered>,
    },
    Group {
        id: Expression,
        outputs: Vec<Gathered>,
    },
    Facet(Vec<(String, Vec<Self>)>),
    Replace(Expression),
    Count(String),
}

/// What documents are ordered by.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) by: Expression,
    pub(super) descending: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub(super) dataset: String,
    /// The field here and the field there that must be equal.
    pub(super) join: Option<(Vec<String>, String)>,
    pub(super) variables: Vec<(String, Expression)>,
    pub(super) pipeline: Vec<Stage>,
    pub(super) into: Vec<String>,
}

pub(super) fn stages(compiler: &Compiler<'_>, json: &Json, path: &str) -> Result<Vec<Stage>> {
    let mut all: Vec<Stage> = Vec::new();
    for (at, one) in array(json, path)?.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let stage = object(one, &path)?;
        let mut entries = stage.iter();
        let (Some((name, value)), None) = (entries.next(), entries.next()) else {
            return Err(Mistake::new(&path, "a stage has one key, such as `$match`"));
        };
        let path = format!("{path}.{name}");
        if name == "$search" && at > 0 {
            return Err(Mistake::new(&path, "`$search` must be the first stage"));
        }
        all.push(stage_of(compiler, name, value, &path)?);
        compiler.look_at_limit(&all, &path);
    }
    Ok(all)
}

impl Compiler<'_> {
    /// A limit before a filter cuts off what the filter would find, unless the records have an order by then.
    fn look_at_limit(&self, stages: &[Stage], path: &str) {
        let Some((Stage::Match(_), before)) = stages.split_last() else { return };
        let Some(limit) = before.iter().position(|stage| matches!(stage, Stage::Limit(_))) else { return };
        let is_ordered = |stage: &Stage| {
            matches!(stage, Stage::Search(_) | Stage::Sort(_) | Stage::Group { .. } | Stage::Match(_))
        };
        if !before[..limit].iter().any(is_ordered) {
            self.note(format!(
                "{path}: a `$limit` before it lets through only the first records, so that the filter finds few or none: put `$limit` behind `$match`"
            ));
        }
    }
}

/// The fields of `$addFields`.
fn added(compiler: &Compiler<'_>, json: &Json, path: &str) -> Result<Vec<(Vec<String>, Expression)>> {
    let one = |(name, value): (&String, &Json)| {
        let names: Vec<_> = name.split('.').collect();
        let value = compiler.taint.of(&names, || compiler.expression(value, &format!("{path}.{name}")))?;
        Ok((path_of(name), value))
    };
    object(json, path)?.iter().map(one).collect()
}

fn stage_of(compiler: &Compiler<'_>, name: &str, json: &Json, path: &str) -> Result<Stage> {
    Ok(match name {
        "$match" => Stage::Match(compiler.condition(json, path)?),
        "$project" => project(compiler, json, path)?,
        "$addFields" | "$set" => Stage::AddFields(added(compiler, json, path)?),
        "$unset" => {
            let names = json.as_array().map_or_else(|| std::slice::from_ref(json), Vec::as_slice);
            Stage::Unset(names.iter().map(|name| text(name, path).map(path_of)).collect::<Result<_>>()?)
        }
        "$limit" => match whole(json, path)? {
            0 => return Err(Mistake::new(path, "a limit of 0 finds nothing: write 1 or more")),
            limit => Stage::Limit(limit),
        },
        "$skip" => Stage::Skip(whole(json, path)?),
        "$count" => Stage::Count(text(json, path)?.to_owned()),
        "$unwind" => {
            let options = json.as_object();
            let of = |key: &str| options.and_then(|options| options.get(key));
            if let Some(options) = options {
                known(options, path, &["path", "preserveNullAndEmptyArrays", "includeArrayIndex"])?;
            }
            let field = text(of("path").unwrap_or(json), path)?;
            let Some(field) = field.strip_prefix('$') else {
                return Err(Mistake::new(path, "the path begins with `$`"));
            };
            Stage::Unwind {
                path: path_of(field),
                keeps_empty: of("preserveNullAndEmptyArrays").and_then(Json::as_bool).unwrap_or(false),
                index: of("includeArrayIndex").and_then(Json::as_str).map(path_of),
            }
        }
        "$sort" => Stage::Sort(keys(json, path)?),
        "$lookup" => lookup(compiler, json, path)?,
        "$search" => Stage::Search(Search::read(compiler, json, path)?),
        "$unionWith" => match json {
            Json::String(dataset) => {
                Stage::UnionWith { dataset: compiler.dataset(dataset, path)?, pipeline: Vec::new() }
            }
            other => {
                let options = object(other, path)?;
                known(options, path, &["coll", "pipeline"])?;
                let dataset = options.get("coll").ok_or_else(|| Mistake::new(path, "`coll` is missing"))?;
                let pipeline =
                    options.get("pipeline").map(|json| stages(compiler, json, &format!("{path}.pipeline")));
                Stage::UnionWith {
                    dataset: compiler.dataset(text(dataset, path)?, path)?,
                    pipeline: pipeline.transpose()?.unwrap_or_default(),
                }
            }
        },
        "$setWindowFields" => {
            let options = object(json, path)?;
            known(options, path, &["partitionBy", "sortBy", "output"])?;
            let partition = options.get("partitionBy").unwrap_or(&Json::Null);
            let sort = options.get("sortBy").map(|json| keys(json, &format!("{path}.sortBy"))).transpose()?;
            let mut outputs = Vec::new();
            for (name, value) in
                options.get("output").map(|json| object(json, path)).transpose()?.into_iter().flatten()
            {
                outputs.push(Gathered::read(compiler, name, value, &format!("{path}.output.{name}"), true)?);
            }
            Stage::Window {
                partition: compiler.expression(partition, &format!("{path}.partitionBy"))?,
                sort: sort.unwrap_or_default(),
                outputs,
            }
        }
        "$group" => {
            let (mut id, mut outputs) = (None, Vec::new());
            for (name, value) in object(json, path)? {
                let path = format!("{path}.{name}");
                match name.as_str() {
                    "_id" => id = Some(compiler.taint.of(&["_id"], || compiler.expression(value, &path))?),
                    name => outputs.push(Gathered::read(compiler, name, value, &path, false)?),
                }
            }
            let id = id.ok_or_else(|| Mistake::new(path, "`_id` is missing"))?;
            if let Some(rank) = outputs.iter().find(|output| output.accumulator.is_rank()) {
                return Err(Mistake::new(path, format!("`{}` needs an order", rank.into.join("."))));
            }
            Stage::Group { id, outputs }
        }
        "$facet" => {
            let each = object(json, path)?.iter();
            let each = each
                .map(|(name, json)| Ok((name.clone(), stages(compiler, json, &format!("{path}.{name}"))?)));
            Stage::Facet(each.collect::<Result<_>>()?)
        }
        "$replaceRoot" => {
            let options = object(json, path)?;
            known(options, path, &["newRoot"])?;
            let root = options.get("newRoot").ok_or_else(|| Mistake::new(path, "`newRoot` is missing"))?;
            Stage::Replace(compiler.expression(root, path)?)
        }
        "$replaceWith" => Stage::Replace(compiler.expression(json, path)?),
        _ => return Err(Mistake::new(path, format!("the stage `{name}` is not known here"))),
    })
}

fn keys(json: &Json, path: &str) -> Result<Vec<Key>> {
    let each = object(json, path)?.iter().map(|(name, order)| {
        let path = format!("{path}.{name}");
        if order.get("$meta").is_some() {
            return Ok(Key { by: Expression::Score, descending: true });
        }
        let descending = match order.as_f64() {
            Some(1.0) => false,
            Some(-1.0) => true,
            _ => return Err(Mistake::new(&path, "the order is 1 or -1")),
        };
        Ok(Key { by: Expression::Path(path_of(name)), descending })
    });
    each.collect()
}

fn project(compiler: &Compiler<'_>, json: &Json, path: &str) -> Result<Stage> {
    let mut kept = Vec::new();
    let mut removed = Vec::new();
    parts(compiler, json, path, &[], &mut kept, &mut removed)?;
    if kept.is_empty() {
        return Ok(Stage::Unset(removed));
    }
    match removed.iter().find(|path| **path != ["_id"]) {
        Some(_) => Err(Mistake::new(
            path,
            "it names what to keep and what to take away; only `_id: 0` may be among others",
        )),
        None => Ok(Stage::Project(kept)),
    }
}

fn parts(
    compiler: &Compiler<'_>,
    json: &Json,
    path: &str,
    above: &[String],
    kept: &mut Vec<(Vec<String>, Option<Expression>)>,
    removed: &mut Vec<Vec<String>>,
) -> Result<()> {
    for (name, value) in object(json, path)? {
        let place = format!("{path}.{name}");
        let field = [above, &path_of(name)].concat();
        match value {
            Json::Bool(false) => removed.push(field),
            Json::Number(number) if number.as_f64() == Some(0.0) => removed.push(field),
            Json::Bool(true) | Json::Number(_) => kept.push((field, None)),
            Json::Object(inner) if !inner.keys().any(|key| key.starts_with('$')) => {
                parts(compiler, value, &place, &field, kept, removed)?;
            }
            value => {
                let names: Vec<_> = field.iter().map(String::as_str).collect();
                let value = compiler.taint.of(&names, || compiler.expression(value, &place))?;
                kept.push((field, Some(value)));
            }
        }
    }
    Ok(())
}

fn lookup(compiler: &Compiler<'_>, json: &Json, path: &str) -> Result<Stage> {
    let options = object(json, path)?;
    known(options, path, &["from", "localField", "foreignField", "let", "pipeline", "as"])?;
    let of = |key: &str| {
        let value = options.get(key).ok_or_else(|| Mistake::new(path, format!("`{key}` is missing")))?;
        text(value, &format!("{path}.{key}"))
    };
    let join = match (options.contains_key("localField"), options.contains_key("foreignField")) {
        (true, true) => Some((path_of(of("localField")?), of("foreignField")?.to_owned())),
        (false, false) => None,
        _ => return Err(Mistake::new(path, "`localField` and `foreignField` go together")),
    };
    let variables =
        options.get("let").map(|json| compiler.variables(json, &format!("{path}.let"))).transpose()?;
    let pipeline = options
        .get("pipeline")
        .map(|json| stages(compiler, json, &format!("{path}.pipeline")))
        .transpose()?;
    if join.is_none() && pipeline.is_none() {
        return Err(Mistake::new(path, "it has neither `localField` and `foreignField` nor a `pipeline`"));
    }
    Ok(Stage::Lookup(Box::new(Lookup {
        dataset: compiler.dataset(of("from")?, &format!("{path}.from"))?,
        join,
        variables: variables.unwrap_or_default(),
        pipeline: pipeline.unwrap_or_default(),
        into: path_of(of("as")?),
    })))
}
