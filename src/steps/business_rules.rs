//! `use = "business_rules"`: the configuration of the store's Business Rules Validation. A rule says what must hold;
//! where it does not, its message appears. An empty value skips the rule, or the row of the table that it works on.

use std::collections::HashSet;
use std::time::Instant;

use crate::rossum::{MessageType, NodeRef};
use crate::txscript::{Document, Failure, Limits, Row, Schema, Script};

use super::answer::Answer;
use super::blueprint::{Built, CourierId, Needs, Services};
use super::patience;
use super::reasons::{Came, EXPLAINING, Place, Reason, Reasons, Saw};
use super::rows::once_each;
use super::schema::Schemas;
use super::{Blueprint, Context, Step, StepError, StepFuture};

/// Built by the configuration from `[[hook.step]] use = "business_rules"`.
pub struct BusinessRules {
    pub checks: Vec<Check>,
    pub schemas: Schemas,
    pub limits: Limits,
}

/// One entry of `checks`: a rule, or with `or` several of which one must hold.
pub struct Check {
    pub rules: Vec<BusinessRule>,
}

pub struct BusinessRule {
    /// Names it where it fails: `checks[3]`.
    pub name: String,
    pub rule: Script,
    /// The rule is looked at where this holds.
    pub condition: Option<Script>,
    /// The only queues that it is for.
    pub queue_ids: Option<Vec<u64>>,
    pub message: String,
    pub kind: MessageType,
    pub automation_blocker: bool,
}

impl Blueprint for BusinessRules {
    fn needs(&self) -> Needs {
        Needs { schema: self.schemas.is_sent(), ..Needs::default() }
    }

    fn build(self: Box<Self>, _: &Services, _: &CourierId) -> Built {
        Built::step(*self)
    }
}

impl Step for BusinessRules {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(std::future::ready(self.apply(context)))
    }
}

impl BusinessRules {
    fn apply(&self, context: Context<'_>) -> Result<(), StepError> {
        let Context { delivery, answer, deadline, .. } = context;
        let Some(annotation) = &delivery.payload.annotation else { return Ok(()) };
        let schema = self.schemas.of_shape(delivery, annotation)?;
        let mut said = Answer::default();
        if answer.reasons.are_wanted() {
            said.reasons = Reasons::wanted();
        }
        {
            let document = Document::new(annotation, &answer.journal, &schema, delivery.body);
            let on = On { document: &document, schema: &schema, limits: self.limits, deadline };
            let queue = delivery.payload.queue_id;
            for check in &self.checks {
                check.apply(&on, queue, &mut said);
            }
        }
        answer.append(&said);
        answer.reasons.note_labels(&schema);
        let (reasons, took) = said.reasons.take();
        for reason in reasons {
            answer.reasons.note(|| reason);
        }
        answer.reasons.add(took);
        Ok(())
    }
}

/// What rules are evaluated on.
struct On<'a> {
    document: &'a Document<'a>,
    schema: &'a Schema,
    limits: Limits,
    deadline: Instant,
}

/// Where a rule does not hold.
struct Broken<'r> {
    rule: &'r BusinessRule,
    /// The table that it works on.
    table: Option<&'r str>,
    rows: Vec<Option<usize>>,
}

impl Check {
    fn apply(&self, on: &On<'_>, queue: Option<u64>, said: &mut Answer) {
        let for_queue = |ids: &Vec<u64>| queue.is_some_and(|queue| ids.contains(&queue));
        let rules = self.rules.iter().filter(|rule| rule.queue_ids.as_ref().is_none_or(for_queue));
        let mut broken = Vec::new();
        for rule in rules {
            match rule.look(on, said) {
                Looked::Broken(found) => broken.push(found),
                Looked::NotBroken => return, // one of them is enough
                Looked::NotAsked => {}
            }
        }
        // Of rules about the same rows, one must hold in each.
        if let [first, others @ ..] = &mut broken[..]
            && others.iter().all(|other| other.table == first.table)
        {
            for other in others.iter() {
                let rows: HashSet<_> = other.rows.iter().collect();
                first.rows.retain(|row| rows.contains(row));
            }
            let rows = first.rows.clone();
            for other in others {
                other.rows.clone_from(&rows);
            }
        }
        for Broken { rule, table, rows } in broken {
            let node = |row: &Option<usize>| {
                let row = table.zip(*row);
                rule.rule.subject().and_then(|subject| on.document.datapoint(subject, row))
            };
            let nodes: Vec<Option<NodeRef>> = rows.iter().map(node).collect();
            for node in once_each(nodes) {
                said.show(rule.kind, node, rule.message.as_str());
                if rule.automation_blocker {
                    said.block_automation(node, rule.message.as_str());
                }
            }
        }
    }
}

/// What came of a rule.
enum Looked<'r> {
    Broken(Broken<'r>),
    /// It holds, or an empty value skipped it, or it could not be evaluated.
    NotBroken,
    /// Its condition holds nowhere.
    NotAsked,
}

/// What a rule is in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Broken,
    NotBroken,
    /// It met an empty value.
    Empty,
    NotAsked,
}

impl Came {
    fn of(verdict: &Result<Verdict, Failure>) -> Self {
        match verdict {
            Ok(Verdict::Broken) => Self::Acted,
            Ok(Verdict::NotBroken | Verdict::Empty | Verdict::NotAsked) => Self::Quiet,
            Err(_) => Self::Failed,
        }
    }
}

impl BusinessRule {
    fn look<'r>(&'r self, on: &On<'r>, said: &mut Answer) -> Looked<'r> {
        let of = |script: &'r Script| script.table(on.schema);
        let table = of(&self.rule).or_else(|| self.condition.as_ref().and_then(of));
        let rows: Vec<Option<usize>> = match table {
            Some(table) => (0..on.document.row_count(table)).map(Some).collect(),
            None => vec![None],
        };
        let mut found = Broken { rule: self, table, rows: Vec::new() };
        let (mut asked, mut failures) = (rows.is_empty(), HashSet::new());
        let mut places = Vec::new();
        for row in rows {
            let place: Row<'_> = table.zip(row);
            let verdict = self.verdict(on, place);
            if said.reasons.are_wanted() {
                let error = verdict.as_ref().err().map(|failure| failure.text.clone());
                places.push((Came::of(&verdict), (place, verdict.as_ref().ok().copied(), error)));
            }
            match verdict {
                Ok(Verdict::Broken) => found.rows.push(row),
                Ok(Verdict::NotBroken | Verdict::Empty) => asked = true,
                Ok(Verdict::NotAsked) => {}
                Err(failure) => {
                    asked = true;
                    let is_limit = failure.is_limit;
                    if failures.insert(failure.text.clone()) {
                        let text = format!("Business rule {}: {}", self.name, failure.text);
                        let line = failure.line();
                        said.show_exception(None, Failure { text, ..failure }.to_html(), line);
                    }
                    if is_limit {
                        break; // every other row would take as long
                    }
                }
            }
        }
        let began = Instant::now();
        if said.reasons.are_wanted() {
            let what = format!("{}: {}", self.name, self.message);
            let look = |came, place| self.place(on, came, place, began + EXPLAINING);
            let reason = match table.filter(|_| places.is_empty()) {
                Some(table) => {
                    let says = format!("has nothing to check: `{table}` has no rows");
                    let source = Some(self.rule.source().to_owned());
                    Some(Reason { source, ..Reason::single(what, Came::Quiet, says, Vec::new()) })
                }
                None => patience::explain(|| Reason::of(what, self.rule.source(), places, look)),
            };
            if let Some(reason) = reason {
                said.reasons.note(|| reason);
            }
        }
        said.reasons.explained_since(began);
        match (found.rows.is_empty(), asked) {
            (false, _) => Looked::Broken(found),
            (true, true) => Looked::NotBroken,
            (true, false) => Looked::NotAsked,
        }
    }

    /// What the rule saw there.
    fn place(
        &self,
        on: &On<'_>,
        came: Came,
        (place, verdict, error): (Row<'_>, Option<Verdict>, Option<String>),
        deadline: Instant,
    ) -> Place {
        let says = match verdict {
            Some(Verdict::Broken) => "does not hold",
            Some(Verdict::NotBroken) => "holds",
            Some(Verdict::Empty) => "has nothing to check: a value is empty",
            Some(Verdict::NotAsked) => "its condition does not hold",
            None => "failed",
        };
        let error = error.map(|error| Saw::new("error", &error));
        let scripts = self.condition.iter().chain([&self.rule]);
        let saw = scripts.flat_map(|script| script.saw(on.document, place, deadline));
        let saw = error.into_iter().chain(saw.map(|(part, value)| Saw::new(part, &value))).collect();
        Place { row: place.map(|(_, row)| row), came, says: says.to_owned(), saw }
    }

    fn verdict(&self, on: &On<'_>, place: Row<'_>) -> Result<Verdict, Failure> {
        let evaluate = |script: &Script| {
            patience::evaluate(on.limits, on.deadline, |limits| script.holds(on.document, place, limits)).0
        };
        if let Some(condition) = &self.condition
            && evaluate(condition)? != Some(true)
        {
            return Ok(Verdict::NotAsked);
        }
        Ok(match evaluate(&self.rule)? {
            Some(true) => Verdict::NotBroken,
            Some(false) => Verdict::Broken,
            None => Verdict::Empty,
        })
    }
}
