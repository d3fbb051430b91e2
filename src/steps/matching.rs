//! `use = "match"`: pairs a field's text with a list and fills an enum with what fits.
//!
//! The first record that fits becomes the enum's value, all that fit its options. In a table it works row by row.

use std::borrow::Cow;
use std::collections::HashSet;

use regex::Regex;

use crate::rossum::{Change, EnumOption, GrownTree, MessageType, NodeRef, SourcesPlace, Value};
use crate::slices::{Budget, Spent, sliced};

use super::blueprint::{Built, CourierId, Needs, Services};
use super::reasons::{Came, Reason, Saw};
use super::rows::{Filled, each_place, held_at, may_be_absent, text_at};
use super::{Answer, Blueprint, Context, Lasts, Step, StepError, StepFuture, Template};

/// Built by the configuration from `[[hook.step]] use = "match"`.
pub struct Matching {
    /// The field whose text is looked up.
    pub field: String,
    /// The enum that is filled; without one, a person reads whether something fits.
    pub target: Option<String>,
    pub compare: Compare,
    pub normalize: Normalize,
    pub records: Vec<Record>,
    pub run: Run,
    pub none: NothingFits,
    /// What was said of the file that the records are from.
    pub notes: Vec<String>,
    pub validation_sources: Vec<String>,
}

/// When a record fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// The texts are equal, once normalized.
    Equal,
    /// The field's text stands somewhere in the record's, once normalized.
    Substring,
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// On `initialize`, and when the field itself was updated: a choice of the user's stays.
    WhenChanged,
    Always,
}

/// How texts are made comparable: these characters removed, upper and lower case alike.
pub struct Normalize {
    pub ignore: Option<Regex>,
}

impl Normalize {
    pub fn apply(&self, text: &str) -> String {
        let kept = self.ignore.as_ref().map_or(Cow::Borrowed(text), |ignore| ignore.replace_all(text, ""));
        kept.to_lowercase()
    }
}

pub struct Record {
    pub option: EnumOption,
    /// The text to compare with, normalized.
    pub key: String,
}

/// What the enum gets, and what the person reads, when nothing fits.
pub struct NothingFits {
    pub option: EnumOption,
    pub message: Option<(MessageType, Template)>,
    /// The field that the message is shown at.
    pub on: String,
}

/// Memory that the options of one delivery may take.
const MEMORY: usize = 64 << 20;
/// So many records are compared in no time.
const FEW: usize = 5_000;
/// Records between two looks at the clock.
const LOOK: usize = 256;

/// One place where something is to be looked up.
struct Wanted {
    row: Option<NodeRef>,
    source: NodeRef,
    target: Option<NodeRef>,
    /// Whether nothing is written, and only said what still holds.
    is_said_only: bool,
}

impl Blueprint for Matching {
    fn needs(&self) -> Needs {
        Needs { notes: self.notes.clone(), ..Needs::default() }
    }

    fn build(self: Box<Self>, _: &Services, _: &CourierId) -> Built {
        Built::step(*self)
    }
}

impl Step for Matching {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(self.look_up(context))
    }
}

impl Matching {
    async fn look_up(&self, context: Context<'_>) -> Result<(), StepError> {
        let Context { delivery, answer, deadline, .. } = context;
        let Some(annotation) = &delivery.payload.annotation else {
            return Ok(());
        };
        let tree = answer.journal.tree(annotation);
        let always = self.run == Run::Always || delivery.payload.event.action == "initialize";
        let (mut wanted, mut standing) = (Vec::new(), Vec::new());
        let mut filled = Filled::default();
        // The target too: it may be a column, or have several values, where the field has one.
        let names = [self.field.as_str()].into_iter().chain(self.target.as_deref());
        let taken = each_place(&tree, names, |place| {
            let Some(source) = place.nodes.first().copied().flatten() else { return Ok(()) };
            let target = place.nodes.get(1).copied().flatten();
            let is_due = always || delivery.is_updated(&tree.node(source).id);
            let one = Wanted { row: place.row, source, target, is_said_only: !is_due };
            match (&self.target, target) {
                // An empty field is in no list, and not wrong for that.
                (None, _) if answer.journal.value(&tree, source).trim().is_empty() => {}
                (None, _) => wanted.push(one),
                (Some(name), None) if is_due => return may_be_absent(&tree, name),
                (Some(_), Some(target)) if is_due && filled.is_new(target) => wanted.push(one),
                // A person has yet to choose: what was said before still holds, and Rossum shows the last answer only.
                (Some(_), Some(target))
                    if !is_due && self.none.option.value.as_text() == answer.journal.value(&tree, target) =>
                {
                    standing.push(one);
                }
                _ => {}
            }
            Ok(())
        })?;
        let mut seen: HashSet<_> = wanted.iter().filter_map(|one| one.target).collect();
        standing.retain(|one| one.target.is_some_and(|target| seen.insert(target)));
        wanted.append(&mut standing);
        answer.first_of.extend(taken.into_iter().chain(filled.said(&self.field)));
        let is_small = wanted.len().saturating_mul(self.records.len()) <= FEW;
        let budget = Budget::until(deadline).with_memory(MEMORY);
        let fill = self.fill(wanted, &tree, answer, &budget);
        let done = if is_small { fill.await } else { sliced(fill).await };
        done.map_err(|spent| StepError {
            message: "Comparing this with the list takes too much work. Choose by hand.".to_owned(),
            cause: format!("comparing with the list: {spent}"),
            lasts: Lasts::ForGood,
        })
    }

    async fn fill(
        &self,
        wanted: Vec<Wanted>,
        tree: &GrownTree<'_>,
        answer: &mut Answer,
        budget: &Budget,
    ) -> Result<(), Spent> {
        for Wanted { row, source, target, is_said_only } in wanted {
            let text = answer.journal.value(tree, source).into_owned();
            let mut options = self.fitting(&text, budget).await?;
            answer.reasons.note(|| {
                let says = format!("{} of {} records fit", options.len(), self.records.len());
                let came = if options.is_empty() { Came::Quiet } else { Came::Acted };
                let found = options.iter().take(5).map(|option| Saw::new("found", &option.label));
                let saw = [Saw::new(&*self.field, &text)].into_iter().chain(found).collect();
                let title = match &self.target {
                    Some(target) => format!("{} → {target}", self.field),
                    None => self.field.clone(),
                };
                Reason::single(title, came, says, saw)
            });
            if options.is_empty() {
                options.push(self.none.option.clone());
                if let Some((kind, message)) = &self.none.message {
                    let content = message.render(|name| text_at(tree, &answer.journal, row, name));
                    answer.show(*kind, held_at(tree, row, &self.none.on).place(), content);
                }
            }
            let Some(target) = target.filter(|_| !is_said_only) else { continue };
            answer.journal.record(
                target,
                Change {
                    value: options.first().map(|option| option.value.clone()),
                    options: Some(options),
                    validation_sources: Some(self.validation_sources.clone()),
                    sources_place: SourcesPlace::BesideContent,
                    ..Change::default()
                },
            );
        }
        Ok(())
    }

    /// The records that fit, in the list's order. An empty text fits nothing.
    async fn fitting(&self, text: &str, budget: &Budget) -> Result<Vec<EnumOption>, Spent> {
        let key = self.normalize.apply(text);
        let mut all = Vec::new();
        if key.is_empty() {
            return Ok(all);
        }
        for some in self.records.chunks(LOOK) {
            budget.turn().await?;
            for record in some {
                let fits = match self.compare {
                    Compare::Equal => record.key == key,
                    Compare::Substring => record.key.contains(&key),
                };
                if fits {
                    budget.take(size_of::<EnumOption>() + record.option.label.len() + 64)?;
                    all.push(record.option.clone());
                }
            }
        }
        Ok(all)
    }
}

/// An option whose value may be a number.
pub fn option(value: Value, label: impl Into<String>) -> EnumOption {
    EnumOption { value, label: label.into(), more: serde_json::Map::new() }
}
