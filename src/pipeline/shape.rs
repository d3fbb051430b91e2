//! Which columns a query reads and gives, by the columns of the datasets: looked at before it is run.

use super::Query;
use super::compile;
use super::expression::Expression;
use super::filter::{Condition, Test};
use super::stages::Stage;
use super::value::Value;

/// Stands for what a document gives, wherever that becomes a name.
const OF_A_DOCUMENT: &str = "\u{e000}";
/// What every document may have.
const ID: &str = "_id";

/// A column that is read and that nothing before it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// `find`, or the stages that lead to it.
    pub stage: String,
    pub column: String,
    /// The columns that there are.
    pub known: Vec<String>,
}

/// A value that no record of a dataset has: all of them are texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Never {
    pub stage: String,
    pub column: String,
    /// As it is written.
    pub value: bool,
}

/// What a look at a query finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Looked {
    pub missing: Vec<Missing>,
    pub never: Vec<Never>,
    /// The columns that it gives, where they are known.
    pub gives: Option<Vec<String>>,
}

impl Query {
    /// Follows the columns through the query. `columns` are those of a dataset, where they are known.
    pub fn look(&self, columns: &dyn Fn(&str) -> Option<Vec<String>>) -> Looked {
        let mut looked = Looked::default();
        let Ok((dataset, stages)) = compile::query(self, "", &|_| OF_A_DOCUMENT.to_owned(), &|_| {}) else {
            return looked;
        };
        let mut look = Look { columns, missing: &mut looked.missing, never: &mut looked.never, is_raw: true };
        let at = look.of(&dataset);
        let is_find = self.json.get("find").is_some();
        looked.gives = look.through(&stages, at, if is_find { "find" } else { "aggregate" });
        looked
    }
}

/// The columns at one place of a pipeline; `None` where they are not known.
type At = Option<Vec<String>>;

struct Look<'l> {
    columns: &'l dyn Fn(&str) -> Option<Vec<String>>,
    missing: &'l mut Vec<Missing>,
    never: &'l mut Vec<Never>,
    /// Whether the records are still as the dataset has them.
    is_raw: bool,
}

impl Look<'_> {
    fn of(&self, dataset: &str) -> At {
        if dataset.contains(OF_A_DOCUMENT) { None } else { (self.columns)(dataset) }
    }

    fn through(&mut self, stages: &[Stage], mut at: At, within: &str) -> At {
        for (number, stage) in stages.iter().enumerate() {
            let place = match stage {
                Stage::Match(_) if within == "find" => within.to_owned(),
                _ => format!("{within}[{number}]"),
            };
            at = self.after(stage, at, &place);
            self.is_raw &= matches!(
                stage,
                Stage::Match(_) | Stage::Search(_) | Stage::Sort(_) | Stage::Limit(_) | Stage::Skip(_)
            );
        }
        at
    }

    /// The columns after a stage.
    fn after(&mut self, stage: &Stage, at: At, place: &str) -> At {
        let known = at.as_deref();
        match stage {
            Stage::Match(condition) => self.condition(condition, known, place),
            Stage::Search(search) => {
                for column in search.columns().into_iter().flatten() {
                    self.reads(column, known, &format!("{place}.$search"));
                }
            }
            Stage::Project(kept) => {
                for (path, value) in kept {
                    match value {
                        Some(value) => self.expression(value, known, place),
                        None => self.reads(&path[0], known, place),
                    }
                }
                return at
                    .map(|_| firsts(kept.iter().map(|(path, _)| path)).chain([ID.to_owned()]).collect());
            }
            Stage::AddFields(added) => {
                for (_, value) in added {
                    self.expression(value, known, place);
                }
                return with(at, firsts(added.iter().map(|(path, _)| path)));
            }
            Stage::Unset(gone) => {
                let is_gone = |column: &String| gone.iter().any(|path| path.len() == 1 && path[0] == *column);
                return at.map(|all| all.into_iter().filter(|column| !is_gone(column)).collect());
            }
            Stage::Unwind { path, index, .. } => {
                self.reads(&path[0], known, place);
                return with(at, firsts(index.iter()));
            }
            Stage::Sort(keys) => self.each(keys.iter().map(|key| &key.by), known, place),
            Stage::Lookup(lookup) => {
                let there = self.of(&lookup.dataset);
                if let Some((here, column)) = &lookup.join {
                    self.reads(&here[0], known, &format!("{place}.localField"));
                    let column = column.split('.').next().unwrap_or(column);
                    self.reads(column, there.as_deref(), &format!("{place}.foreignField"));
                }
                for (_, value) in &lookup.variables {
                    self.expression(value, known, place);
                }
                self.is_raw = true;
                self.through(&lookup.pipeline, there, &format!("{place}.$lookup.pipeline"));
                return with(at, firsts([&lookup.into].into_iter()));
            }
            Stage::UnionWith { dataset, pipeline } => {
                let there = self.of(dataset);
                self.is_raw = true;
                let there = self.through(pipeline, there, &format!("{place}.$unionWith.pipeline"));
                return with(at, there?.into_iter());
            }
            Stage::Window { partition, sort, outputs } => {
                self.expression(partition, known, place);
                self.each(sort.iter().map(|key| &key.by), known, place);
                self.each(outputs.iter().map(|output| &output.of), known, place);
                return with(at, firsts(outputs.iter().map(|output| &output.into)));
            }
            Stage::Group { id, outputs } => {
                self.expression(id, known, place);
                self.each(outputs.iter().map(|output| &output.of), known, place);
                let outputs = firsts(outputs.iter().map(|output| &output.into));
                return Some(outputs.chain([ID.to_owned()]).collect());
            }
            Stage::Facet(parts) => {
                let is_raw = self.is_raw;
                for (name, stages) in parts {
                    self.is_raw = is_raw;
                    self.through(stages, at.clone(), &format!("{place}.$facet.{name}"));
                }
                return Some(parts.iter().map(|(name, _)| name.clone()).collect());
            }
            Stage::Replace(root) => {
                self.expression(root, known, place);
                return None;
            }
            Stage::Count(name) => return Some(vec![name.clone()]),
            Stage::Limit(_) | Stage::Skip(_) => {}
        }
        at
    }

    fn reads(&mut self, column: &str, at: Option<&[String]>, place: &str) {
        let Some(known) = at else { return };
        let is_known = column == ID || known.iter().any(|known| known == column);
        if is_known || column.contains(OF_A_DOCUMENT) {
            return;
        }
        let (stage, column) = (place.to_owned(), column.to_owned());
        let missing = Missing { stage, column, known: known.to_vec() };
        if !self.missing.contains(&missing) {
            self.missing.push(missing);
        }
    }

    fn condition(&mut self, condition: &Condition, at: Option<&[String]>, place: &str) {
        match condition {
            Condition::And(all) | Condition::Or(all) | Condition::Nor(all) => {
                for one in all {
                    self.condition(one, at, place);
                }
            }
            Condition::Expression(expression) => self.expression(expression, at, &format!("{place}.$expr")),
            Condition::Field(path, test) if !asks_whether_it_is_there(test) => {
                self.reads(&path[0], at, place);
                if let (Some(value), [column], true) = (of_no_text(test), &path[..], self.is_raw)
                    && at.is_some_and(|known| known.contains(column))
                {
                    self.never.push(Never { stage: place.to_owned(), column: column.clone(), value });
                }
            }
            Condition::Field(..) => {}
        }
    }

    fn each<'e>(&mut self, all: impl Iterator<Item = &'e Expression>, at: Option<&[String]>, place: &str) {
        for one in all {
            self.expression(one, at, place);
        }
    }

    fn expression(&mut self, expression: &Expression, at: Option<&[String]>, place: &str) {
        match expression {
            Expression::Literal(_) | Expression::Score => {}
            Expression::Path(path) => self.reads(&path[0], at, place),
            Expression::Variable(name, path) => {
                if let ("ROOT" | "CURRENT", Some(column)) = (name.as_str(), path.first()) {
                    self.reads(column, at, place);
                }
            }
            Expression::Document(parts) => self.each(parts.iter().map(|(_, one)| one), at, place),
            Expression::Array(all) | Expression::And(all) | Expression::Or(all) => {
                self.each(all.iter(), at, place);
            }
            // `$type` tells a column that is not there from others.
            Expression::Call(function, _) if function.name == "$type" => {}
            Expression::Call(_, all) => self.each(all.iter(), at, place),
            Expression::Matches { input, regex, options, .. } => {
                self.each([input, regex].into_iter().chain(options).map(|one| &**one), at, place);
            }
            Expression::Cond(parts) => self.each(parts.iter(), at, place),
            // What is before the last may be missing.
            Expression::IfNull(all) => {
                self.each(all.iter().filter(|one| !matches!(one, Expression::Path(_))), at, place);
            }
            Expression::Switch { branches, default } => {
                let branches = branches.iter().flat_map(|(case, then)| [case, then]);
                self.each(branches.chain(default.as_deref()), at, place);
            }
            Expression::Let { variables, body } => {
                self.each(variables.iter().map(|(_, one)| one).chain([&**body]), at, place);
            }
            Expression::Filter { input, condition: body, .. } | Expression::Map { input, body, .. } => {
                self.each([&**input, body].into_iter(), at, place);
            }
            Expression::Reduce { input, start, body } => {
                self.each([&**input, start, body].into_iter(), at, place);
            }
        }
    }
}

/// Whether a test holds, or not, since a column is not there.
fn asks_whether_it_is_there(test: &Test) -> bool {
    match test {
        Test::Exists(_) | Test::Type(_) | Test::Equal(Value::Null) => true,
        Test::Not(test) => asks_whether_it_is_there(test),
        Test::And(all) => all.iter().any(asks_whether_it_is_there),
        _ => false,
    }
}

/// True or False, where a test asks for nothing else.
fn of_no_text(test: &Test) -> Option<bool> {
    match test {
        Test::Equal(Value::Bool(value)) => Some(*value),
        Test::Not(test) => of_no_text(test),
        Test::And(all) => all.iter().find_map(of_no_text),
        _ => None,
    }
}

fn firsts<'p>(paths: impl Iterator<Item = &'p Vec<String>>) -> impl Iterator<Item = String> {
    paths.map(|path| path[0].clone()).collect::<Vec<_>>().into_iter()
}

fn with(at: At, more: impl Iterator<Item = String>) -> At {
    let mut all = at?;
    for column in more {
        if !all.contains(&column) {
            all.push(column);
        }
    }
    Some(all)
}
