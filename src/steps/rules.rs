//! `use = "rules"`: Rossum's Rule objects. A rule fires when its condition is `True`, which is the problem state.
//!
//! A condition that names a column of a table, and not through `.all_values`, is evaluated once a row; equal messages
//! and blockers are then shown once (API reference: "Rule").

use std::collections::HashSet;
use std::time::Instant;

use tracing::warn;

use crate::rossum::{Annotation, Category, Change, Event, MessageType, NodeRef, Payload, escape_html};
use crate::txscript::{Document, Limits, Row, Schema, Script, TooLarge};

use super::answer::Answer;
use super::blueprint::{Built, CourierId, Needs, Services};
use super::patience;
use super::reasons::{Came, EXPLAINING, Place, Reason, Saw};
use super::rows::once_each;
use super::schema::Schemas;
use super::trigger::Trigger;
use super::undone::Undone;
use super::{Blueprint, Context, Delivery, Step, StepError, StepFuture};

/// Built by the configuration from `[[hook.step]] use = "rules"`.
pub struct Rules {
    pub rules: Vec<Rule>,
    pub schemas: Schemas,
    pub limits: Limits,
    /// Actions that an answer cannot express.
    pub notes: Vec<String>,
}

pub struct Rule {
    pub name: String,
    pub condition: Script,
    /// Each with the moment at which it acts.
    pub actions: Vec<(Trigger, Action)>,
    /// The ids of the only queues that it is for.
    pub queues: Option<Vec<u64>>,
}

/// What a rule does when it fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    ShowMessage {
        kind: MessageType,
        content: String,
        on: Option<String>,
    },
    AddAutomationBlocker {
        content: String,
        on: Option<String>,
    },
    /// Shown when the rule fires, hidden when not.
    ShowHideField(Vec<String>),
    ShowField(Vec<String>),
    HideField(Vec<String>),
    AddValidationSource(String),
}

/// The source that `add_validation_source` adds.
const SOURCE: &str = "rules";

impl Blueprint for Rules {
    fn can_act_at(&self, event: &Event<'_>) -> bool {
        self.rules.iter().flat_map(|rule| &rule.actions).any(|(trigger, _)| trigger.is_at(event))
    }

    fn needs(&self) -> Needs {
        Needs { notes: self.notes.clone(), schema: self.schemas.is_sent(), ..Needs::default() }
    }

    fn build(self: Box<Self>, _: &Services, _: &CourierId) -> Built {
        Built::step(*self)
    }
}

impl Step for Rules {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(std::future::ready(self.apply(context)))
    }
}

impl Rules {
    fn apply(&self, context: Context<'_>) -> Result<(), StepError> {
        let Some(annotation) = &context.delivery.payload.annotation else {
            return Ok(());
        };
        let schema = self.schemas.of(context.delivery)?;
        let wanted = context.answer.reasons.are_wanted();
        let payload = &context.delivery.payload;
        let (rules, others): (Vec<_>, Vec<_>) =
            self.rules.iter().map(|rule| (rule, rule.rests(payload))).partition(|(_, rests)| rests.is_none());
        let rules: Vec<_> = rules.into_iter().map(|(rule, _)| rule).collect();
        let (found, reasons, began) = {
            let document = Document::new(annotation, &context.answer.journal, &schema, context.delivery.body);
            let evaluate = |rule: &Rule| rule.evaluate(&document, &schema, self.limits, context.deadline);
            let found: Vec<_> = rules.iter().copied().map(evaluate).collect();
            let began = Instant::now();
            let reasons: Option<Vec<_>> = wanted
                .then(|| {
                    let each = rules.iter().zip(&found);
                    let reason =
                        |(rule, found): (&&Rule, &_)| rule.reason(found, &document, began + EXPLAINING);
                    patience::explain(|| each.map(reason).collect())
                })
                .flatten();
            (found, reasons, began)
        };
        context.answer.reasons.note_labels(&schema);
        for reason in reasons.into_iter().flatten() {
            context.answer.reasons.note(|| reason);
        }
        for (rule, rests) in others {
            let says = rests.unwrap_or_default();
            context.answer.reasons.note(|| Reason::single(&*rule.name, Came::Quiet, says, Vec::new()));
        }
        context.answer.reasons.explained_since(began);
        for (rule, found) in rules.into_iter().zip(found) {
            rule.act(&found, context.delivery, annotation, &schema, context.answer);
        }
        Ok(())
    }
}

/// What came of a rule's condition.
struct Found<'r> {
    /// Where it was evaluated, and whether it fired; why it could not be evaluated.
    places: Vec<(Row<'r>, Result<bool, String>)>,
    /// What the condition itself showed, and where it failed.
    said: Answer,
}

impl Rule {
    /// Why it is not for this delivery, where it is not: it is not evaluated then. A delivery that tells no queue is for all.
    fn rests(&self, payload: &Payload<'_>) -> Option<String> {
        if let (Some(queues), Some(queue)) = (&self.queues, payload.queue_id)
            && !queues.contains(&queue)
        {
            return Some(format!("not evaluated: it is not for queue {queue}"));
        }
        let acts = self.actions.iter().any(|(trigger, _)| trigger.is_at(&payload.event));
        let Event { event, action } = &payload.event;
        (!acts).then(|| format!("not evaluated: none of its actions is for {event}.{action}"))
    }

    fn evaluate<'r>(
        &self,
        document: &Document<'_>,
        schema: &'r Schema,
        limits: Limits,
        deadline: Instant,
    ) -> Found<'r> {
        let rows: Vec<Row<'r>> = match self.condition.table(schema) {
            Some(table) => (0..document.row_count(table)).map(|row| Some((table, row))).collect(),
            None if self.condition.is_of_empty_table(document) => Vec::new(),
            None => vec![None],
        };
        let mut found = Found { places: Vec::with_capacity(rows.len()), said: Answer::default() };
        let mut failures = HashSet::new();
        for row in rows {
            let run = |limits| self.condition.is_true(document, row, limits);
            let (result, output) = patience::evaluate(limits, deadline, run);
            found.said.take(output);
            match result {
                Ok(fired) => found.places.push((row, Ok(fired))),
                Err(failure) => {
                    let is_limit = failure.is_limit;
                    found.places.push((row, Err(failure.text.clone())));
                    if failures.insert(failure.text.clone()) {
                        let text = format!("Rule {}: {}", self.name, failure.text);
                        let line = failure.line();
                        let failure = crate::txscript::Failure { text, ..failure };
                        found.said.show_exception(None, failure.to_html(), line);
                    }
                    if is_limit {
                        break; // every other row would take as long
                    }
                }
            }
        }
        found
    }

    /// What the condition saw, place by place.
    fn reason<'r>(&self, found: &Found<'r>, document: &Document<'_>, deadline: Instant) -> Reason {
        let of = |place: &(Row<'r>, Result<bool, String>)| {
            let came = match place.1 {
                Ok(true) => Came::Acted,
                Ok(false) => Came::Quiet,
                Err(_) => Came::Failed,
            };
            (came, place.clone())
        };
        let look = |came, (row, result): (Row<'_>, Result<bool, String>)| {
            let says = match came {
                Came::Acted => "fired",
                Came::Quiet => "did not fire",
                Came::Failed => "failed",
            };
            let error = result.err().map(|error| Saw::new("error", &error));
            let saw = self.condition.saw(document, row, deadline).into_iter();
            let saw = error.into_iter().chain(saw.map(|(part, value)| Saw::new(part, &value))).collect();
            Place { row: row.map(|(_, row)| row), came, says: says.to_owned(), saw }
        };
        Reason::of(&*self.name, self.condition.source(), found.places.iter().map(of).collect(), look)
    }

    fn act(
        &self,
        found: &Found<'_>,
        delivery: &Delivery<'_>,
        annotation: &Annotation<'_>,
        schema: &Schema,
        answer: &mut Answer,
    ) {
        answer.append(&found.said);
        let fired: Vec<Row<'_>> =
            found.places.iter().filter(|(_, fired)| *fired == Ok(true)).map(|(row, _)| *row).collect();
        let at = |(trigger, _): &&(Trigger, Action)| trigger.is_at(&delivery.payload.event);
        for (_, action) in self.actions.iter().filter(at) {
            // Each needs to read and then to write.
            let document = Document::new(annotation, &answer.journal, schema, delivery.body);
            let on = |on: &Option<String>, row| on.as_ref().and_then(|id| document.datapoint(id, row));
            let has_sources = |node: &NodeRef| document.is_datapoint(*node);
            match action {
                Action::ShowMessage { kind, content, on: target } => {
                    let nodes: Vec<_> = fired.iter().map(|row| on(target, *row)).collect();
                    for node in once_each(nodes) {
                        answer.show(*kind, node, content.as_str());
                    }
                }
                Action::AddAutomationBlocker { content, on: target } => {
                    let nodes: Vec<_> = fired.iter().map(|row| on(target, *row)).collect();
                    for node in once_each(nodes) {
                        answer.block_automation(node, content.as_str());
                    }
                }
                Action::ShowHideField(ids) => hide(answer, annotation, ids, fired.is_empty()),
                Action::ShowField(ids) if !fired.is_empty() => hide(answer, annotation, ids, false),
                Action::HideField(ids) if !fired.is_empty() => hide(answer, annotation, ids, true),
                Action::ShowField(_) | Action::HideField(_) => {}
                Action::AddValidationSource(id) => {
                    let nodes: Vec<_> = fired
                        .iter()
                        .filter_map(|row| document.datapoint(id, *row))
                        .filter(has_sources)
                        .collect();
                    if nodes.len() < fired.len() {
                        let why = no_place(schema, id);
                        answer.undone.push(Undone::action(&self.name, "add_validation_source", id, why));
                    }
                    let with = nodes.into_iter().map(|node| Ok((node, document.validation_sources(node)?)));
                    let with: Vec<_> = match with.collect::<Result<_, TooLarge>>() {
                        Ok(with) => with,
                        Err(error) => {
                            warn!("validation sources are not added: {error}");
                            answer.show(MessageType::Error, None, escape_html(&error.to_string()));
                            continue;
                        }
                    };
                    for (node, mut sources) in with {
                        if !sources.iter().any(|source| source == SOURCE) {
                            sources.push(SOURCE.to_owned());
                            let validation_sources = Some(sources);
                            answer.journal.record(node, Change { validation_sources, ..Change::default() });
                        }
                    }
                }
            }
        }
    }
}

/// Why an action on this field has no place, although its rule fired.
fn no_place(schema: &Schema, id: &str) -> &'static str {
    match schema.category_of(id) {
        Some(Category::Datapoint) if schema.repeated_in(id).is_some() => {
            "it has a value in each row, and the condition was not evaluated for these: name a column of the same table in it, without `.all_values`"
        }
        Some(Category::Datapoint) | None => "the document has no such field",
        Some(_) => "it is not a datapoint, and only datapoints have validation sources: name the field in it",
    }
}

fn hide(answer: &mut Answer, annotation: &Annotation<'_>, ids: &[String], hidden: bool) {
    let tree = answer.journal.tree(annotation);
    for id in ids {
        for node in tree.all(id) {
            answer.journal.record(node, Change { hidden: Some(hidden), ..Change::default() });
        }
    }
}
