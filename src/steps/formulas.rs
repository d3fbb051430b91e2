//! `use = "formulas"`: fields whose values are computed. Each sees the results of those that it depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::{Map, Value as Json};

use crate::rossum::{Annotation, Change, EnumOption, GrownTree, NodeRef, Normalized, Value};
use crate::txscript::{Document, Failure, Limits, Output, Row, Schema, Script};

use super::answer::Answer;
use super::blueprint::{Built, CourierId, Needs, Services};
use super::patience;
use super::reasons::{Came, EXPLAINING, PLACES, Place, Reason, Saw};
use super::schema::Schemas;
use super::{Blueprint, Context, Step, StepError, StepFuture};

/// Built by the configuration from `[[hook.step]] use = "formulas"`.
pub struct Formulas {
    /// In an order in which each comes after those that it reads.
    ordered: Vec<Formula>,
    schemas: Schemas,
    limits: Limits,
    /// Whether they are those of the schema, which Rossum computes too.
    from_schema: bool,
}

pub struct Formula {
    /// The schema id of the field that gets the result.
    pub field: String,
    pub script: Script,
}

/// Formulas that wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("formulas depend on each other: {}", .0.join(", "))]
pub struct Cycle(pub Vec<String>);

impl Formulas {
    pub fn new(
        formulas: Vec<Formula>,
        schemas: Schemas,
        limits: Limits,
        from_schema: bool,
    ) -> Result<Self, Cycle> {
        Ok(Self { ordered: in_order(formulas)?, schemas, limits, from_schema })
    }
}

/// Those first that read no other; then those that read only these, and so on.
fn in_order(formulas: Vec<Formula>) -> Result<Vec<Formula>, Cycle> {
    let fields: BTreeSet<String> = formulas.iter().map(|formula| formula.field.clone()).collect();
    let mut waiting: BTreeMap<usize, (Formula, BTreeSet<String>)> = BTreeMap::new();
    for (at, formula) in formulas.into_iter().enumerate() {
        let reads = fields.iter().filter(|id| **id != formula.field && formula.script.mentions(id));
        let reads = reads.cloned().collect();
        waiting.insert(at, (formula, reads));
    }
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready: Vec<usize> =
            waiting.iter().filter(|(_, (_, reads))| reads.is_empty()).map(|(at, _)| *at).collect();
        if ready.is_empty() {
            return Err(Cycle(waiting.into_values().map(|(formula, _)| formula.field).collect()));
        }
        for at in ready {
            if let Some((formula, _)) = waiting.remove(&at) {
                for (_, reads) in waiting.values_mut() {
                    reads.remove(&formula.field);
                }
                ordered.push(formula);
            }
        }
    }
    Ok(ordered)
}

impl Blueprint for Formulas {
    fn computes_as_rossum(&self) -> bool {
        self.from_schema
    }

    fn needs(&self) -> Needs {
        Needs { schema: self.schemas.is_sent(), ..Needs::default() }
    }

    fn build(self: Box<Self>, _: &Services, _: &CourierId) -> Built {
        Built::step(*self)
    }
}

impl Step for Formulas {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(std::future::ready(self.compute(context)))
    }
}

impl Formulas {
    fn compute(&self, context: Context<'_>) -> Result<(), StepError> {
        let Some(annotation) = &context.delivery.payload.annotation else {
            return Ok(());
        };
        let schema = self.schemas.of(context.delivery)?;
        for formula in &self.ordered {
            let text = |script: &Script, document: &Document<'_>, row: Row<'_>| {
                patience::evaluate(self.limits, context.deadline, |limits| script.text(document, row, limits))
            };
            let body = context.delivery.body;
            let wanted = context.answer.reasons.are_wanted();
            let began = Instant::now();
            let saw = wanted
                .then(|| {
                    let answer = &*context.answer;
                    patience::explain(|| formula.saw(annotation, &schema, body, answer, began + EXPLAINING))
                })
                .flatten();
            context.answer.reasons.explained_since(began);
            formula.compute(annotation, &schema, body, &text, context.answer);
            if let Some(saw) = saw {
                let began = Instant::now();
                let reason = formula.reason(annotation, &schema, body, context.answer, saw);
                context.answer.reasons.note(|| reason);
                context.answer.reasons.explained_since(began);
            }
        }
        context.answer.reasons.note_labels(&schema);
        Ok(())
    }
}

/// Evaluates a script to a text.
type Evaluate<'e> = dyn Fn(&Script, &Document<'_>, Row<'_>) -> (Result<String, Failure>, Output) + 'e;

impl Formula {
    fn compute(
        &self,
        annotation: &Annotation<'_>,
        schema: &Schema,
        body: &[u8],
        text: &Evaluate<'_>,
        answer: &mut Answer,
    ) {
        let tree = &answer.journal.tree(annotation);
        let Some(table) = schema.repeated_in(&self.field) else {
            let document = Document::new(annotation, &answer.journal, schema, body);
            if document.may_be_of_empty_table(&self.field) {
                return;
            }
            let target = document.datapoint(&self.field, None);
            if is_free(tree, target) {
                let (result, output) = text(&self.script, &document, None);
                self.write(tree, target, result, output, answer);
            }
            return;
        };
        // A formula that reads its own column has to see the rows above it.
        if self.script.mentions(&self.field) {
            let count = Document::new(annotation, &answer.journal, schema, body).row_count(table);
            for row in 0..count {
                let document = Document::new(annotation, &answer.journal, schema, body);
                let target = document.datapoint(&self.field, Some((table, row)));
                if is_free(tree, target) {
                    let (result, output) = text(&self.script, &document, Some((table, row)));
                    self.write(tree, target, result, output, answer);
                }
            }
            return;
        }
        let results: Vec<_> = {
            let document = Document::new(annotation, &answer.journal, schema, body);
            let of_row = |row| {
                let place = Some((table, row));
                let target = document.datapoint(&self.field, place);
                is_free(tree, target).then(|| (target, text(&self.script, &document, place)))
            };
            (0..document.row_count(table)).filter_map(of_row).collect()
        };
        for (target, (result, output)) in results {
            self.write(tree, target, result, output, answer);
        }
    }

    fn rows<'s>(&self, document: &Document<'_>, schema: &'s Schema) -> Vec<Row<'s>> {
        match schema.repeated_in(&self.field) {
            Some(table) => (0..document.row_count(table)).map(|row| Some((table, row))).collect(),
            None if document.may_be_of_empty_table(&self.field) => Vec::new(),
            None => vec![None],
        }
    }

    /// What it is going to read, row by row.
    fn saw(
        &self,
        annotation: &Annotation<'_>,
        schema: &Schema,
        body: &[u8],
        answer: &Answer,
        deadline: Instant,
    ) -> Vec<Vec<Saw>> {
        let document = Document::new(annotation, &answer.journal, schema, body);
        let of_row = |row: Row<'_>| {
            let saw = self.script.saw(&document, row, deadline).into_iter();
            saw.map(|(part, value)| Saw::new(part, &value)).collect()
        };
        self.rows(&document, schema).into_iter().take(PLACES).map(of_row).collect()
    }

    /// What it read and what its field has now, row by row.
    fn reason(
        &self,
        annotation: &Annotation<'_>,
        schema: &Schema,
        body: &[u8],
        answer: &Answer,
        saw: Vec<Vec<Saw>>,
    ) -> Reason {
        let document = Document::new(annotation, &answer.journal, schema, body);
        let tree = answer.journal.tree(annotation);
        let rows = self.rows(&document, schema);
        let more = rows.len().saturating_sub(PLACES);
        let place = |(row, mut saw): (Row<'_>, Vec<Saw>)| {
            let target = document.datapoint(&self.field, row);
            let failed = |node| answer.messages().iter().any(|m| m.on == node && m.failed_line.is_some());
            let (came, says) = match target {
                None => (Came::Failed, "the document has no such field"),
                Some(_) if !is_free(&tree, target) => (Came::Quiet, "set by hand: left as it is"),
                Some(_) if failed(target) => (Came::Failed, "failed"),
                Some(node) if answer.journal.changed_value(node).is_some() => (Came::Acted, "changed"),
                Some(_) => (Came::Quiet, "as it was"),
            };
            saw.extend(target.map(|node| Saw::new(&*self.field, &answer.journal.value(&tree, node))));
            Place { row: row.map(|(_, row)| row), came, says: says.to_owned(), saw }
        };
        let places = rows.into_iter().zip(saw).map(place).collect();
        Reason { what: self.field.clone(), source: Some(self.script.source().to_owned()), places, more }
    }

    fn write(
        &self,
        tree: &GrownTree<'_>,
        target: Option<NodeRef>,
        result: Result<String, Failure>,
        mut output: Output,
        answer: &mut Answer,
    ) {
        let (options, record) = (output.options.take(), output.record.take());
        answer.take(output);
        let Some(target) = target else {
            answer.show_exception(None, format!("Field '{}' is not present", self.field), 1);
            return;
        };
        match result {
            Ok(text) => {
                let known = answer.journal.changed_value(target);
                let node = tree.node(target);
                let before = match (&known, &node.normalized) {
                    (Some(changed), _) => changed,
                    (None, Normalized::Text(normalized)) => normalized,
                    (None, _) => &node.value,
                };
                let mut change = Change::default();
                if **before != *text {
                    change.value = Some(Value::Text(text));
                }
                change.options = options.and_then(|json| {
                    let list: Vec<Map<String, Json>> = serde_json::from_str(&json).ok()?;
                    Some(list.into_iter().map(EnumOption::read).collect())
                });
                if let Some(record) = record.and_then(|json| serde_json::from_str(&json).ok()) {
                    change.content.insert("struct".to_owned(), record);
                }
                if change != Change::default() {
                    answer.journal.record(target, change);
                }
            }
            Err(failure) => answer.show_exception(Some(target), failure.to_html(), failure.line()),
        }
    }
}

/// Whether the user did not set the value by hand.
fn is_free(tree: &GrownTree<'_>, target: Option<NodeRef>) -> bool {
    !target.is_some_and(|target| tree.node(target).no_recalculation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formula(field: &str, code: &str) -> Formula {
        Formula { field: field.to_owned(), script: Script::new(field, code).unwrap() }
    }

    #[test]
    fn each_comes_after_what_it_reads() {
        let list = vec![formula("c", "field.b + 1"), formula("b", "field.a"), formula("a", "1")];
        let ordered = in_order(list).unwrap();
        assert_eq!(ordered.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let rows = vec![formula("total", "sum(r.line for r in field.rows)"), formula("line", "field.x")];
        assert_eq!(in_order(rows).unwrap()[0].field, "line");
    }

    #[test]
    fn a_circle_is_named() {
        let cycle = in_order(vec![formula("a", "field.b"), formula("b", "field.a"), formula("c", "1")]);
        assert_eq!(cycle.err(), Some(Cycle(vec!["a".to_owned(), "b".to_owned()])));
        assert!(in_order(vec![formula("a", "field.a + 1")]).is_ok(), "itself is no circle");
    }
}
