//! `use = "match"` with `queries`: pairs fields with the records of a dataset.
//!
//! Queries are asked in order until one finds something. How many records it found decides what happens: all become the
//! target's options, the first one its value where one was found, or several and the configuration says so. Of similar
//! records the first is its value where it is sure, however many there are. In a table it works row by row.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::database::Database;
use crate::rossum::{Change, EnumOption, GrownTree, MessageType, NodeRef, SourcesPlace, Value};
use crate::slices::{Budget, Spent};
use crate::store::{Asked, Choice, Found, Record};

use super::blueprint::{Built, CourierId, Needs, Services};
use super::condition::Condition;
use super::matching::{Run, option};
use super::reasons::{Came, Reason, Saw};
use super::rows::{Filled, Held, each_place, held_at, may_be_absent, text_at};
use super::source::Source;
use super::{Answer, Blueprint, Context, Lasts, Step, StepError, StepFuture, Template};

/// Built by the configuration from `[[hook.step]] use = "match"` with `queries`.
pub struct LookupSettings {
    /// The database that is asked, or the store.
    pub database: Option<Arc<Database>>,
    pub queries: Vec<Asked>,
    /// The column whose value a choice has, and the text that it is shown by; without them the first and second column.
    pub value: Option<String>,
    pub label: Option<Template>,
    /// The enum that is filled; without one, a person reads whether something is found.
    pub target: Option<String>,
    /// Other fields, and the column of the chosen record that each gets.
    pub fields: Vec<(String, String)>,
    pub run: Run,
    /// Whether a message is shown again while the target stays as it was left: Rossum shows those of the last answer only.
    pub repeats_messages: bool,
    pub none: Outcome,
    pub one: Outcome,
    pub several: Outcome,
    /// Where it is to look at all; elsewhere the target is emptied.
    pub condition: Option<Condition>,
    /// The only queues that it is for.
    pub queue_ids: Option<Vec<u64>>,
    /// Records that become options.
    pub most: usize,
    /// For all queries of a delivery.
    pub time: Duration,
    pub validation_sources: Vec<String>,
}

pub struct Lookup {
    source: Source,
    settings: LookupSettings,
}

/// Not a field: the annotation's own id.
pub const ANNOTATION_ID: &str = "annotation_id";

/// What happens where so many records were found.
pub struct Outcome {
    /// Whether the first record is chosen, or nothing, so that the person chooses.
    pub takes_first: bool,
    /// The choice that stands for "none of them", above the options.
    pub option: EnumOption,
    pub message: Option<(MessageType, Template)>,
    /// The field that the message is shown at.
    pub on: String,
}

/// One place where something is to be looked up.
struct Wanted {
    row: Option<NodeRef>,
    target: Option<NodeRef>,
    /// Of each field that the queries name, by its number there.
    values: Vec<Option<String>>,
    /// Whether nothing is written, and only said what still holds.
    is_said_only: bool,
}

impl Blueprint for LookupSettings {
    fn needs(&self) -> Needs {
        Needs { neighbours: self.database.is_some(), notes: self.remarks().collect(), ..Needs::default() }
    }

    fn build(self: Box<Self>, services: &Services, _: &CourierId) -> Built {
        Built::step(self.ready(services))
    }
}

impl Step for Lookup {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(self.look_up(context))
    }
}

/// What a person reads where records are similar and none is sure, and the configuration has no words for several.
const UNSURE: &str = "No record is surely the right one. Choose among the similar ones.";

const FIRST: &str = "`choose = \"first\"` is for records that all fit. Of similar ones the first is chosen where `sure` and `lead` hold, \
                     else a person chooses: `sure = 0` and `lead = 0` always choose the first";

/// Memory that what is found for one delivery may take, and the options that are made of it.
const MEMORY: usize = 64 << 20;

fn too_much(spent: Spent) -> StepError {
    StepError {
        message: "Too much was found for this document. Choose by hand.".to_owned(),
        cause: format!("what the queries found: {spent}"),
        lasts: Lasts::ForGood,
    }
}

impl LookupSettings {
    /// What is right in its queries, and yet perhaps not meant.
    pub(super) fn remarks(&self) -> impl Iterator<Item = String> {
        let takes_first = self.several.takes_first;
        self.queries.iter().enumerate().flat_map(move |(at, query)| {
            let is_similar = matches!(query, Asked::Search(search) if search.is_similar());
            let first = (takes_first && is_similar).then(|| FIRST.to_owned());
            query.notes().into_iter().chain(first).map(move |note| format!("query {}: {note}", at + 1))
        })
    }

    pub(super) fn ready(self, services: &Services) -> Lookup {
        let source = match &self.database {
            Some(database) => Source::Database(Arc::clone(database)),
            None => Source::Store(Arc::clone(&services.store)),
        };
        Lookup { source, settings: self }
    }
}

impl Lookup {
    /// All fields that the queries name, each once.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let condition = self.settings.condition.iter().flat_map(Condition::names);
        for name in self.settings.queries.iter().flat_map(Asked::fields).chain(condition) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    pub(super) async fn look_up(&self, context: Context<'_>) -> Result<(), StepError> {
        let Context { delivery, answer, deadline, .. } = context;
        let Some(annotation) = &delivery.payload.annotation else { return Ok(()) };
        let queue = delivery.payload.queue_id;
        if self
            .settings
            .queue_ids
            .as_ref()
            .is_some_and(|ids| !queue.is_some_and(|queue| ids.contains(&queue)))
        {
            return Ok(());
        }
        let deadline = deadline.min(Instant::now() + self.settings.time);
        let tree = answer.journal.tree(annotation);
        let names = self.names();
        let always = self.settings.run == Run::Always || delivery.payload.event.action == "initialize";
        let (mut wanted, mut standing) = (Vec::new(), Vec::new());
        // The target too: where the queries name header fields only, it may still be a column.
        let mut filled = Filled::default();
        let taken =
            each_place(&tree, names.iter().copied().chain(self.settings.target.as_deref()), |place| {
                let (sources, target) = place.nodes.split_at_checked(names.len()).unwrap_or_default();
                let target = target.first().copied().flatten();
                let is_updated = |node: &NodeRef| delivery.is_updated(&tree.node(*node).id);
                let is_due = always || sources.iter().flatten().any(is_updated);
                match (&self.settings.target, target) {
                    // What is not due is looked up again while nobody chose.
                    (Some(_), Some(target))
                        if !is_due && !self.is_open(&answer.journal.value(&tree, target)) =>
                    {
                        return Ok(());
                    }
                    (Some(_), Some(target)) if is_due && !filled.is_new(target) => return Ok(()),
                    (Some(_), None) if !is_due => return Ok(()),
                    (Some(name), None) => return may_be_absent(&tree, name),
                    _ => {}
                }
                let value = |(at, node): (usize, &Option<NodeRef>)| {
                    let Some(node) = *node else {
                        return (names[at] == ANNOTATION_ID)
                            .then(|| delivery.payload.annotation_id.to_string());
                    };
                    let text = answer.journal.value(&tree, node);
                    // An empty field is no value: nothing is equal to it.
                    (!text.trim().is_empty()).then(|| text.into_owned())
                };
                let values: Vec<_> = sources.iter().enumerate().map(value).collect();
                // An empty field is in no list, and not wrong for that.
                if target.is_none() && values.iter().all(Option::is_none) {
                    return Ok(());
                }
                let all = if is_due { &mut wanted } else { &mut standing };
                all.push(Wanted { row: place.row, target, values, is_said_only: !is_due });
                Ok(())
            })?;
        let mut seen: HashSet<_> = wanted.iter().filter_map(|one| one.target).collect();
        standing.retain(|one| one.target.is_some_and(|target| seen.insert(target)));
        let named = names.first().copied().unwrap_or_default();
        answer.first_of.extend(taken.into_iter().chain(filled.said(named)));
        let mut known: HashMap<Vec<Option<String>>, (Found, Option<usize>)> = HashMap::new();
        let mut schema = None;
        let budget = Budget::until(deadline).with_memory(MEMORY);
        for Wanted { row, target, values, is_said_only } in wanted.into_iter().chain(standing) {
            budget.turn().await.map_err(too_much)?;
            if let Some(condition) = &self.settings.condition {
                let value = |name: &str| {
                    let at = names.iter().position(|known| *known == name);
                    at.and_then(|at| values.get(at)?.clone()).unwrap_or_default()
                };
                let schema = schema.get_or_insert_with(|| Condition::schema(annotation));
                if !condition.holds(delivery, (annotation, &answer.journal, schema), deadline, value)? {
                    self.empty(&tree, row, target, answer)?;
                    answer.reasons.note(|| self.reason(&names, &values, None, "its condition does not hold"));
                    continue;
                }
            }
            if !known.contains_key(&values) {
                let found = self.ask(&names, &values, deadline).await?;
                budget.take(found.0.size()).map_err(too_much)?;
                known.insert(values.clone(), found);
            }
            let Some((found, query)) = known.get(&values) else { continue };
            answer.reasons.note(|| {
                let sure = match found.choice {
                    Choice::ByCount => "",
                    Choice::First => ", and the first is sure",
                    Choice::Person => ", and none is sure",
                };
                let says = match query {
                    Some(at) => format!("query {} found {}{sure}", at + 1, found.records.len()),
                    None => "no query found anything".to_owned(),
                };
                self.reason(&names, &values, Some(found), says)
            });
            self.say(&tree, row, target, found, answer);
            let Some(target) = target.filter(|_| !is_said_only) else { continue };
            budget.take(found.size()).map_err(too_much)?; // in the options of this place
            self.fill(&tree, row, target, found, answer)?;
        }
        Ok(())
    }

    /// The values that it was asked with, and the first records.
    fn reason(
        &self,
        names: &[&str],
        values: &[Option<String>],
        found: Option<&Found>,
        says: impl Into<String>,
    ) -> Reason {
        let asked = names.iter().zip(values);
        let asked = asked.map(|(name, value)| Saw::new(*name, value.as_deref().unwrap_or_default()));
        let records = found.iter().flat_map(|found| found.records.iter().take(5)).map(|record| {
            let cells: Vec<&str> = record.iter().flatten().map(String::as_str).collect();
            Saw::new("found", &cells.join(" · "))
        });
        let came = match found {
            Some(found) if !found.records.is_empty() => Came::Acted,
            _ => Came::Quiet,
        };
        let title = self.settings.target.as_deref().or(names.first().copied()).unwrap_or_default();
        Reason::single(title, came, says, asked.chain(records).collect())
    }

    /// What the first query finds that finds anything, and which that was.
    async fn ask(
        &self,
        names: &[&str],
        values: &[Option<String>],
        deadline: Instant,
    ) -> Result<(Found, Option<usize>), StepError> {
        for (at, query) in self.settings.queries.iter().enumerate() {
            let of = |field: &str| {
                let at = names.iter().position(|name| *name == field)?;
                values.get(at).cloned().flatten()
            };
            let bound: Vec<_> = query.fields().into_iter().map(of).collect();
            let found = self.source.ask(query, &bound, self.settings.most, deadline).await?;
            if !found.records.is_empty() {
                return Ok((found, Some(at)));
            }
        }
        Ok((Found::default(), None))
    }

    /// The first column is the value, the second the label, where the configuration names no others.
    fn as_option(&self, found: &Found, record: &Record) -> Result<EnumOption, StepError> {
        let text = |at: usize| record.get(at).cloned().flatten();
        let place = |name: &str| {
            let missing = || StepError::configuration(format!("its queries give no column {name}"));
            found.columns.iter().position(|column| column == name).ok_or_else(missing)
        };
        let value = match &self.settings.value {
            Some(name) => text(place(name)?),
            None => text(0),
        };
        let value = value.unwrap_or_default();
        let label = match &self.settings.label {
            Some(template) => {
                for name in template.names() {
                    place(name)?;
                }
                template.render_plain(|name| text(place(name).ok()?))
            }
            None => text(1).unwrap_or_else(|| value.clone()),
        };
        Ok(option(Value::Text(value), label))
    }

    /// Whether a target with this value is one that a person has yet to choose.
    fn is_open(&self, value: &str) -> bool {
        let Self { settings: LookupSettings { none, several, repeats_messages, .. }, .. } = self;
        *repeats_messages && [none, several].iter().any(|one| one.option.value.as_text() == value)
    }

    /// What happens with this, and whether it is not sure.
    fn outcome(&self, found: &Found) -> (&Outcome, bool) {
        let outcome = match &found.records[..] {
            [] => &self.settings.none,
            _ if found.choice == Choice::First => &self.settings.one,
            [_] if found.choice == Choice::ByCount => &self.settings.one,
            _ => &self.settings.several,
        };
        (outcome, found.choice == Choice::Person && !found.records.is_empty())
    }

    fn say(
        &self,
        tree: &GrownTree<'_>,
        row: Option<NodeRef>,
        target: Option<NodeRef>,
        found: &Found,
        answer: &mut Answer,
    ) {
        let (outcome, is_unsure) = self.outcome(found);
        if let Outcome { message: Some((kind, message)), on, .. } = outcome {
            let content = message.render(|name| text_at(tree, &answer.journal, row, name));
            answer.show(*kind, held_at(tree, row, on).place(), content);
        } else if is_unsure && target.is_some() {
            answer.show(MessageType::Warning, target, UNSURE.to_owned());
        }
    }

    fn fill(
        &self,
        tree: &GrownTree<'_>,
        row: Option<NodeRef>,
        target: NodeRef,
        found: &Found,
        answer: &mut Answer,
    ) -> Result<(), StepError> {
        let (outcome, is_unsure) = self.outcome(found);
        let chosen = found.records.first().filter(|_| outcome.takes_first && !is_unsure);
        let mut options = found
            .records
            .iter()
            .map(|record| self.as_option(found, record))
            .collect::<Result<Vec<_>, _>>()?;
        if chosen.is_none() {
            options.insert(0, outcome.option.clone());
        }
        let value = options.first().map(|option| option.value.clone());
        answer.journal.record(target, self.change(value, Some(options)));
        for (field, column) in &self.settings.fields {
            let at = found.columns.iter().position(|known| known == column);
            if at.is_none() && !found.records.is_empty() {
                let text = format!("its queries give no column {column} for the field {field}");
                return Err(StepError::configuration(text));
            }
            let text = chosen.zip(at).and_then(|(record, at)| record.get(at)?.clone()).unwrap_or_default();
            self.write(tree, row, field, &text, answer)?;
        }
        Ok(())
    }

    /// Where it is not to look: nothing is chosen, and nothing offered.
    fn empty(
        &self,
        tree: &GrownTree<'_>,
        row: Option<NodeRef>,
        target: Option<NodeRef>,
        answer: &mut Answer,
    ) -> Result<(), StepError> {
        let Some(target) = target else { return Ok(()) };
        let option = self.settings.none.option.clone();
        let change = self.change(Some(option.value.clone()), Some(vec![option]));
        answer.journal.record(target, change);
        for (field, _) in &self.settings.fields {
            self.write(tree, row, field, "", answer)?;
        }
        Ok(())
    }

    /// Gives another field something of the record; where it has several values, each of them.
    fn write(
        &self,
        tree: &GrownTree<'_>,
        row: Option<NodeRef>,
        field: &str,
        text: &str,
        answer: &mut Answer,
    ) -> Result<(), StepError> {
        let change = || self.change(Some(Value::Text(text.to_owned())), None);
        match held_at(tree, row, field) {
            Held::Nothing => return may_be_absent(tree, field),
            Held::One(node) => answer.journal.record(node, change()),
            Held::Several { .. } => tree.all(field).for_each(|node| answer.journal.record(node, change())),
        }
        Ok(())
    }

    fn change(&self, value: Option<Value>, options: Option<Vec<EnumOption>>) -> Change {
        Change {
            value,
            options,
            validation_sources: Some(self.settings.validation_sources.clone()),
            sources_place: SourcesPlace::BesideContent,
            ..Change::default()
        }
    }
}
